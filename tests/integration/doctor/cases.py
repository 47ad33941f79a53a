"""Every way in which the simulator, moto or a server can be out of order, and what the doctor makes of it."""

import json
import socket
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta

import boto3

from common.checkup import causes
from common.checkup.report import Cause
from local.certificates import Certificate, create_authority, issue, issue_client
from local.simulator import Fault
from tests.integration.doctor.world import World, answer_aws
from tests.support.deployment import REGION
from tests.support.raw_server import RawServer, authority
from tools.signing_certificate import certificate_of

SIGNING_KEY = "arn:aws:kms:eu-west-1:123456789012:key/1d3f5a7b-0000-4000-8000-000000000001"
_THREE = "GRANT_IS_OFF WRONG_SECRET USER_IS_LOCKED"
_ROLE, _KEY = "ROLE_IS_REFUSED KEY_IS_REFUSED", "KEY_IS_REFUSED ROLE_IS_REFUSED"
_NO_WAY = "NO_WAY_TO_AWS AWS_IS_BUSY"
_NO_ANSWER = "NETWORK PROXY WRONG_HOST"
_DENIED = "AccessDeniedException"
_PAGE = {"content_type": "text/html"}
_UNSCOPED = ("User Not Authorized", "Access to unscoped api is not allowed")


@dataclass(frozen=True)
class Case:
    """Something that is out of order, the first step that fails of it, and the causes that the answer fits.

    `write` tells that the doctor is asked to open a record.
    """

    name: str
    arrange: Callable[[World], object]
    step: str
    causes: list[Cause]
    write: bool = False


def _at(step: str, *rows: tuple[str, Callable[[World], object], str], write: bool = False) -> Iterator[Case]:
    """Yield the cases in which `step` is the first to fail: a name, what is put out of order, and causes by name."""
    for name, arrange, names in rows:
        yield Case(name, arrange, step, [getattr(causes, found) for found in names.split()], write)


def _resolver(number: int) -> Callable[[World], None]:
    def arrange(world: World) -> None:
        def fail(*_: object, **__: object) -> None:
            raise socket.gaierror(number, "made up")

        world.set(SERVICENOW_INSTANCE_HOST="nowhere.invalid")
        world.patch.setattr(socket, "getaddrinfo", fail)

    return arrange


def _closed_port() -> str:
    with socket.create_server(("127.0.0.1", 0)) as server:
        return f"127.0.0.1:{server.getsockname()[1]}"


def _expired(world: World) -> None:
    world.another_instance(issue(authority(), valid_until=datetime.now(UTC) - timedelta(days=1)))


def _not_valid_yet(world: World) -> None:
    now = datetime.now(UTC)
    world.another_instance(issue(authority(), valid_from=now + timedelta(days=1), valid_until=now + timedelta(days=2)))


def _wrong_secret_as_rfc_6749_has_it(world: World) -> None:
    world.configure(wrong_secret_error="invalid_client")
    world.stack.put_credentials("bridge", "wrong")


def _unknown_close_code_and_hidden_choices(world: World) -> None:
    world.configure(denied_operations=("sys_choice.read",))
    world.set(CLOSE_CODE="Solved (Permanently)")


def _certificate_of_another_authority(world: World) -> None:
    world.another_instance(client_authority=authority())
    world.show(issue_client(create_authority("another")))


def _signs_and_rotates(world: World) -> None:
    kms = boto3.client("kms", region_name=REGION)
    key = kms.create_key(KeySpec="RSA_2048", KeyUsage="SIGN_VERIFY")["KeyMetadata"]["Arn"]
    world.servicenow.add_verifier("kid", certificate_of(kms, key, name="bridge", days=1), public_client=True)
    world.set(SECRET_ROTATION_DAYS="30")
    _signs(world, key)


def _signs(world: World, key: str = SIGNING_KEY) -> None:
    client = {"client_id": "bridge", "signing_key": key, "key_id": "kid", "subject": "aws.bridge@example.com"}
    world.store(json.dumps(client))


def _signs_with_a_key_that_the_record_does_not_know(world: World) -> None:
    _signs(world)
    answer_aws(world.patch, "Sign", {"Signature": b"of another key"})


def _token_answer(status: int, error: str) -> Callable[[World], None]:
    return lambda world: world.answer(on="token", status=status, body={"error": error, "error_description": "x"})


CASES = [
    *_at(
        "secret",
        ("empty secret", lambda w: w.stack.put_credentials("", ""), "SECRET_IS_EMPTY"),
        ("secret without the keys", lambda w: w.store('{"id": "bridge"}'), "SECRET_IS_MALFORMED"),
        ("secret of another kind", lambda w: w.store("a password"), "SECRET_IS_MALFORMED"),
        (
            "no such secret, or one without a value",
            lambda w: w.set(SERVICENOW_SECRET_ID="gone"),
            "SECRET_IS_EMPTY RESOURCE_IS_GONE",
        ),
        (
            "secret is marked for deletion",
            lambda w: w.refuse_aws("GetSecretValue", "InvalidRequestException", "it was marked for deletion"),
            "RESOURCE_IS_GONE",
        ),
        (
            "role may not read the secret",
            lambda w: w.refuse_aws("GetSecretValue", _DENIED, "no identity-based policy allows it"),
            _ROLE,
        ),
        (
            "key refuses the secret",
            lambda w: w.refuse_aws("GetSecretValue", _DENIED, "Access to KMS is not allowed"),
            _KEY,
        ),
        ("key of the secret is disabled", lambda w: w.refuse_aws("GetSecretValue", "DecryptionFailure"), _KEY),
        ("no way to Secrets Manager", lambda w: w.cut_off_aws("GetSecretValue"), _NO_WAY),
        (
            "client certificate without its key",
            lambda w: w.show(Certificate(issue_client(authority()).certificate_pem, "")),
            "SECRET_IS_MALFORMED",
        ),
    ),
    *_at(
        "client certificate",
        (
            "client certificate has ended",
            lambda w: w.show(issue_client(authority(), valid_until=datetime.now(UTC) - timedelta(days=1))),
            "CLIENT_CERTIFICATE_ENDED",
        ),
    ),
    *_at(
        "TLS",
        (
            "client certificate is missing",
            lambda w: w.another_instance(client_authority=authority()),
            "CLIENT_CERTIFICATE_IS_MISSING",
        ),
        (
            "client certificate is of an authority that is not trusted",
            _certificate_of_another_authority,
            "CLIENT_CERTIFICATE_IS_REFUSED CLIENT_CERTIFICATE_ENDED",
        ),
        ("nobody listens", lambda w: w.set(SERVICENOW_INSTANCE_HOST=_closed_port()), _NO_ANSWER),
        ("proxy is away", lambda w: w.set(PROXY_URL=f"http://{_closed_port()}"), _NO_ANSWER),
        ("authority is not known", lambda w: w.set(CERTIFICATE_AUTHORITIES=""), "INSPECTED_TLS WRONG_HOST"),
        ("certificate is expired", _expired, "CERTIFICATE_IS_OUT_OF_DATE WRONG_HOST"),
        ("certificate is not valid yet", _not_valid_yet, "CERTIFICATE_IS_OUT_OF_DATE WRONG_HOST"),
        (
            "certificate of another host",
            lambda w: w.another_instance(issue(authority(), ["other.example"])),
            "WRONG_HOST CERTIFICATE_OF_ANOTHER",
        ),
        (
            "host speaks no TLS",
            lambda w: w.another_server(
                RawServer(lambda line: line.sendall(b"HTTP/1.1 400 Bad Request\r\n\r\n"), tls=None)
            ),
            "OLD_TLS WRONG_HOST CLIENT_CERTIFICATE_IS_MISSING",
        ),
        (
            "host takes the request and says nothing",
            lambda w: w.answer(on="any", path="^/$", connection="close"),
            "SLOW_INSTANCE NETWORK",
        ),
    ),
    *_at(
        "secret rotation",
        ("registry is hidden from the user", lambda w: w.set(SECRET_ROTATION_DAYS="30"), "REGISTRY_IS_HIDDEN"),
        ("a client that signs is to be rotated", _signs_and_rotates, "NOTHING_TO_ROTATE"),
    ),
    *_at(
        "token endpoint",
        ("signing key is not there", _signs, "SIGNING_IS_REFUSED"),
        (
            "registry record does not know the signing key",
            _signs_with_a_key_that_the_record_does_not_know,
            "ASSERTION_IS_REFUSED SUBJECT_IS_REFUSED SECRET_IS_MISSED",
        ),
        (
            "token too long for any request",
            lambda w: w.configure(token_format="jwt", token_length=9000),
            "TOKEN_IS_TOO_LONG",
        ),
        ("grant is off", lambda w: w.configure(property_enabled=False), _THREE),
        ("wrong secret", lambda w: w.stack.put_credentials("bridge", "wrong"), _THREE),
        ("user is locked", lambda w: w.configure(user_locked=True), _THREE),
        ("wrong secret, as RFC 6749 has it", _wrong_secret_as_rfc_6749_has_it, "WRONG_SECRET"),
        ("unknown client id", lambda w: w.stack.put_credentials("another", "wrong"), "WRONG_SECRET"),
        ("refused with a code that nobody knows", _token_answer(400, "new_error"), _THREE),
        ("refused with access_denied", _token_answer(401, "access_denied"), _THREE),
        ("user is refused", _token_answer(400, "invalid_grant"), "USER_IS_LOCKED WRONG_SECRET"),
        ("no application user", lambda w: w.configure(user_configured=False), "NO_APPLICATION_USER"),
        (
            "scope is not of the record, as ServiceNow answers",
            lambda w: w.set(OAUTH_SCOPE="incident_read incident_write"),
            f"{_THREE} UNKNOWN_SCOPE",
        ),
        ("scope is not granted", _token_answer(400, "invalid_scope"), "UNKNOWN_SCOPE"),
        ("grant is not offered", _token_answer(400, "unsupported_grant_type"), "GRANT_IS_OFF GUEST_TOKEN"),
        ("instance hibernates", lambda w: w.configure(hibernating=True), "HIBERNATING WRONG_HOST"),
        ("maintenance", lambda w: w.answer(on="token", content="maintenance"), "INSTANCE_FAILS"),
        (
            "token endpoint at another path",
            lambda w: w.set(OAUTH_TOKEN_PATH="/oauth/token"),
            "WRONG_HOST ADDRESS_IS_BLOCKED",
        ),
        (
            "redirect to a page for signing in",
            lambda w: w.answer(on="token", redirect="https://sso.example.com/"),
            "WRONG_HOST ADDRESS_IS_BLOCKED",
        ),
        (
            "address is blocked",
            lambda w: w.answer(on="token", status=403, body="<html>Access denied</html>", **_PAGE),
            "ADDRESS_IS_BLOCKED PROXY",
        ),
        (
            "token endpoint limits the rate",
            lambda w: w.answer(on="token", status=429, headers={"Retry-After": "600"}),
            "RATE_LIMIT",
        ),
        ("another kind of endpoint", lambda w: w.answer(on="token", body={"id_token": "x"}), "WRONG_HOST"),
        (
            "token of another type",
            lambda w: w.answer(on="token", merge={"token_type": "mac"}, commit=True),
            "WRONG_HOST",
        ),
    ),
    *_at(
        "token store",
        (
            "key refuses the token",
            lambda w: w.refuse_aws("PutParameter", _DENIED, "not authorized to perform: kms:Encrypt on it"),
            _KEY,
        ),
        ("key of the token is disabled", lambda w: w.refuse_aws("PutParameter", "InvalidKeyId"), _KEY),
        (
            "role may not write the token",
            lambda w: w.refuse_aws("PutParameter", _DENIED, "not authorized to perform: ssm:PutParameter"),
            _ROLE,
        ),
        (
            "role may not read the token",
            lambda w: w.refuse_aws("GetParameter", _DENIED, "not authorized to perform: ssm:GetParameter"),
            _ROLE,
        ),
        ("Parameter Store throttles", lambda w: w.refuse_aws("PutParameter", "ThrottlingException"), "AWS_IS_BUSY"),
        (
            "token too large for a parameter",
            lambda w: w.answer(on="token", merge={"access_token": "x" * 5000}, commit=True),
            "TOKEN_IS_TOO_LARGE",
        ),
        (
            "token too large for any parameter",
            lambda w: w.answer(on="token", merge={"access_token": "x" * 8192}, commit=True),
            "TOKEN_FITS_NOWHERE",
        ),
    ),
    *_at(
        "ledger",
        ("ledger is gone", lambda w: w.set(LEDGER_TABLE="gone"), "RESOURCE_IS_GONE"),
        ("ledger can be read and not written", lambda w: w.refuse_aws("PutItem", _DENIED), _ROLE),
        ("no way to DynamoDB", lambda w: w.cut_off_aws("GetItem"), _NO_WAY),
    ),
    *_at(
        "concurrency",
        (
            "account runs no more functions than the events function may take",
            lambda w: w.limit(5),
            "CONCURRENCY_IS_SHORT",
        ),
    ),
    *_at(
        "queue",
        ("queue is gone", lambda w: w.set(QUEUE_URL=f"{w.stack.queue_url}-gone"), "RESOURCE_IS_GONE"),
        ("role may not look at the queue", lambda w: w.refuse_aws("GetQueueAttributes", "AccessDenied"), _ROLE),
    ),
    *_at(
        "dead letters",
        (
            "dead-letter queue is gone",
            lambda w: w.set(DEAD_LETTER_QUEUE_URL=f"{w.stack.dead_letter_queue_url}-gone"),
            "RESOURCE_IS_GONE",
        ),
    ),
    *_at(
        "name",
        ("host does not exist", _resolver(socket.EAI_NONAME), "WRONG_HOST NO_NAME_SERVER PROXY"),
        ("name server does not answer", _resolver(socket.EAI_AGAIN), "NO_NAME_SERVER WRONG_HOST"),
    ),
    *_at(
        "token usable",
        ("token of guest", lambda w: w.configure(guest=True), "GUEST_TOKEN USER_IS_LOCKED ACCESS_POLICY"),
        (
            "access policy",
            lambda w: w.configure(guest=True, authenticate_scheme="BEARER"),
            "ACCESS_POLICY GUEST_TOKEN USER_IS_LOCKED",
        ),
        ("REST API is denied", lambda w: w.configure(api_denied=True), "MISSING_REST_ROLE MISSING_ROLE"),
        ("scope is missing", lambda w: w.configure(token_scope="", api_scopes=("* * incident_read",)), "MISSING_SCOPE"),
        (
            "client is limited to its scopes",
            lambda w: w.refuse(403, *_UNSCOPED, path="^/api/"),
            "SCOPED_CLIENT MISSING_SCOPE",
        ),
        ("rate limit is used up", lambda w: w.configure(rate_limit=0), "RATE_LIMIT"),
        (
            "node is busy",
            lambda w: w.answer(path="^/api/", status=429, headers={"Retry-After": "600"}),
            "BUSY_NODE RATE_LIMIT",
        ),
        ("API hibernates", lambda w: w.answer(path="^/api/", content="hibernating"), "HIBERNATING WRONG_HOST"),
        ("API answers XML", lambda w: w.answer(path="^/api/", content_type="application/xml"), "ANSWERS_XML"),
        ("API fails", lambda w: w.answer(path="^/api/", status=503, headers={"Retry-After": "600"}), "INSTANCE_FAILS"),
        (
            "transaction was cancelled",
            lambda w: w.answer(path="^/api/", content="quota_cancel"),
            "TRANSACTION_CANCELLED INSTANCE_FAILS",
        ),
        (
            "transaction was cancelled in the middle",
            lambda w: w.answer(path="^/api/", content="quota_cancel_malformed"),
            "TRANSACTION_CANCELLED INSTANCE_FAILS",
        ),
        ("API redirects", lambda w: w.answer(path="^/api/", redirect="https://sso.example.com/"), "WRONG_HOST"),
        (
            "API's address is blocked",
            lambda w: w.answer(path="^/api/", status=403, body="<html>Access denied</html>", **_PAGE),
            "ADDRESS_IS_BLOCKED PROXY",
        ),
        (
            "there is no API",
            lambda w: w.answer(path="^/api/", status=404, body="<html>Not found</html>", **_PAGE),
            "WRONG_HOST",
        ),
        ("API answers nothing", lambda w: w.answer(path="^/api/", connection="close"), "SLOW_INSTANCE NETWORK"),
        (
            "Table API is not there",
            lambda w: w.refuse(400, "Requested URI does not represent any resource", None, path="^/api/"),
            "WRONG_HOST",
        ),
    ),
    *_at(
        "method POST",
        (
            "no scope of the client covers POST",
            lambda w: w.refuse(403, *_UNSCOPED, path="^/api/", method="POST"),
            "SCOPED_CLIENT MISSING_SCOPE",
        ),
    ),
    *_at(
        "method PATCH",
        (
            "no scope of the client covers PATCH",
            lambda w: w.refuse(403, *_UNSCOPED, path="^/api/", method="PATCH"),
            "SCOPED_CLIENT MISSING_SCOPE",
        ),
    ),
    *_at(
        "language",
        (
            "integration user speaks French",
            lambda w: w.servicenow.update("sys_user", w.user, {"preferred_language": "fr"}),
            "OTHER_LANGUAGE",
        ),
    ),
    *_at(
        "read incident",
        (
            "role for incidents is missing",
            lambda w: w.configure(denied_operations=("incident.read",), read_denied_status=403),
            "MISSING_ROLE",
        ),
        (
            "a field may not be read",
            lambda w: w.refuse(
                403,
                "Insufficient rights to query records",
                "Field(s) present in the query do not have permission to be read",
                table="incident",
            ),
            "MISSING_ROLE",
        ),
        (
            "API of one table is denied",
            lambda w: w.refuse(403, "User Not Authorized", "Failed API level ACL Validation", table="incident"),
            "MISSING_ROLE MISSING_REST_ROLE",
        ),
    ),
    *_at(
        "read problm",
        ("table does not exist", lambda w: w.set(ALLOWED_TABLES="problm"), "NO_SUCH_TABLE"),
    ),
    *_at(
        "create incident",
        (
            "may not create",
            lambda w: w.configure(denied_operations=("incident.insert",)),
            "MAY_NOT_INSERT MAY_BE_THERE",
        ),
        ("may not change", lambda w: w.configure(denied_operations=("incident.update",)), "MAY_NOT_UPDATE"),
        ("resolution code is unknown", _unknown_close_code_and_hidden_choices, "CLOSE_CODE_IS_UNKNOWN DATA_POLICY"),
        (
            "a business rule aborts",
            lambda w: w.configure(aborting_rules=("incident.insert:Check caller",)),
            "BUSINESS_RULE",
        ),
        (
            "correlation fields are discarded",
            lambda w: w.configure(denied_fields=("incident.correlation_id",)),
            "FIELDS_ARE_DISCARDED",
        ),
        ("state is discarded", lambda w: w.configure(denied_fields=("incident.state",)), "FIELDS_ARE_DISCARDED"),
        (
            "what was created is hidden",
            lambda w: w.refuse(404, "No Record found", "Record doesn't exist or ACL restricts it", method="PATCH"),
            "MISSING_ROLE",
        ),
        (
            "answer to the creation is lost",
            lambda w: w.servicenow.add_fault(Fault(method="POST", table="incident", commit=True, connection="close")),
            "SLOW_INSTANCE MAY_BE_THERE",
        ),
        (
            "creation is cancelled",
            lambda w: w.servicenow.add_fault(Fault(method="POST", table="incident", commit=True, status=500)),
            "INSTANCE_FAILS MAY_BE_THERE",
        ),
        write=True,
    ),
]

ELSEWHERE = {
    "NO_TIME": "test_what_there_is_no_time_for_has_failed",
    "DEFECT": "test_a_defect_ends_its_step_and_no_other",
}
"""Causes that come from no set-up, and the tests that show them."""
