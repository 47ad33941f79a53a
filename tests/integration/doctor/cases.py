"""Every way in which the simulator, moto or a server can be out of order, and what the doctor makes of it."""

import json
import socket
from collections.abc import Callable
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
_THREE = [causes.GRANT_IS_OFF, causes.WRONG_SECRET, causes.USER_IS_LOCKED]
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
    world.stack.clients["secretsmanager"].put_secret_value(
        SecretId=world.stack.secret_id, SecretString=json.dumps(client)
    )


def _signs_with_a_key_that_the_record_does_not_know(world: World) -> None:
    _signs(world)
    answer_aws(world.patch, "Sign", {"Signature": b"of another key"})


def _token_answer(status: int, error: str) -> Callable[[World], None]:
    return lambda world: world.answer(on="token", status=status, body={"error": error, "error_description": "x"})


ACCOUNT = [
    Case("empty secret", lambda w: w.stack.put_credentials("", ""), "secret", [causes.SECRET_IS_EMPTY]),
    Case(
        "secret without the keys",
        lambda w: w.stack.clients["secretsmanager"].put_secret_value(
            SecretId=w.stack.secret_id, SecretString='{"id": "bridge"}'
        ),
        "secret",
        [causes.SECRET_IS_MALFORMED],
    ),
    Case(
        "secret of another kind",
        lambda w: w.stack.clients["secretsmanager"].put_secret_value(
            SecretId=w.stack.secret_id, SecretString="a password"
        ),
        "secret",
        [causes.SECRET_IS_MALFORMED],
    ),
    Case(
        "no such secret, or one without a value",
        lambda w: w.set(SERVICENOW_SECRET_ID="gone"),
        "secret",
        [causes.SECRET_IS_EMPTY, causes.RESOURCE_IS_GONE],
    ),
    Case(
        "secret is marked for deletion",
        lambda w: w.refuse_aws("GetSecretValue", "InvalidRequestException", "it was marked for deletion"),
        "secret",
        [causes.RESOURCE_IS_GONE],
    ),
    Case(
        "role may not read the secret",
        lambda w: w.refuse_aws("GetSecretValue", "AccessDeniedException", "no identity-based policy allows it"),
        "secret",
        [causes.ROLE_IS_REFUSED, causes.KEY_IS_REFUSED],
    ),
    Case(
        "key refuses the secret",
        lambda w: w.refuse_aws("GetSecretValue", "AccessDeniedException", "Access to KMS is not allowed"),
        "secret",
        [causes.KEY_IS_REFUSED, causes.ROLE_IS_REFUSED],
    ),
    Case(
        "key of the secret is disabled",
        lambda w: w.refuse_aws("GetSecretValue", "DecryptionFailure"),
        "secret",
        [causes.KEY_IS_REFUSED, causes.ROLE_IS_REFUSED],
    ),
    Case(
        "no way to Secrets Manager",
        lambda w: w.cut_off_aws("GetSecretValue"),
        "secret",
        [causes.NO_WAY_TO_AWS, causes.AWS_IS_BUSY],
    ),
    Case(
        "client certificate without its key",
        lambda w: w.show(Certificate(issue_client(authority()).certificate_pem, "")),
        "secret",
        [causes.SECRET_IS_MALFORMED],
    ),
    Case(
        "client certificate has ended",
        lambda w: w.show(issue_client(authority(), valid_until=datetime.now(UTC) - timedelta(days=1))),
        "client certificate",
        [causes.CLIENT_CERTIFICATE_ENDED],
    ),
    Case(
        "client certificate is missing",
        lambda w: w.another_instance(client_authority=authority()),
        "TLS",
        [causes.CLIENT_CERTIFICATE_IS_MISSING],
    ),
    Case(
        "client certificate is of an authority that is not trusted",
        _certificate_of_another_authority,
        "TLS",
        [causes.CLIENT_CERTIFICATE_IS_REFUSED, causes.CLIENT_CERTIFICATE_ENDED],
    ),
    Case(
        "registry is hidden from the user",
        lambda w: w.set(SECRET_ROTATION_DAYS="30"),
        "secret rotation",
        [causes.REGISTRY_IS_HIDDEN],
    ),
    Case("a client that signs is to be rotated", _signs_and_rotates, "secret rotation", [causes.NOTHING_TO_ROTATE]),
    Case("signing key is not there", _signs, "token endpoint", [causes.SIGNING_IS_REFUSED]),
    Case(
        "registry record does not know the signing key",
        _signs_with_a_key_that_the_record_does_not_know,
        "token endpoint",
        [causes.ASSERTION_IS_REFUSED, causes.SUBJECT_IS_REFUSED, causes.SECRET_IS_MISSED],
    ),
    Case(
        "key refuses the token",
        lambda w: w.refuse_aws("PutParameter", "AccessDeniedException", "not authorized to perform: kms:Encrypt on it"),
        "token store",
        [causes.KEY_IS_REFUSED, causes.ROLE_IS_REFUSED],
    ),
    Case(
        "key of the token is disabled",
        lambda w: w.refuse_aws("PutParameter", "InvalidKeyId"),
        "token store",
        [causes.KEY_IS_REFUSED, causes.ROLE_IS_REFUSED],
    ),
    Case(
        "role may not write the token",
        lambda w: w.refuse_aws("PutParameter", "AccessDeniedException", "not authorized to perform: ssm:PutParameter"),
        "token store",
        [causes.ROLE_IS_REFUSED, causes.KEY_IS_REFUSED],
    ),
    Case(
        "role may not read the token",
        lambda w: w.refuse_aws("GetParameter", "AccessDeniedException", "not authorized to perform: ssm:GetParameter"),
        "token store",
        [causes.ROLE_IS_REFUSED, causes.KEY_IS_REFUSED],
    ),
    Case(
        "Parameter Store throttles",
        lambda w: w.refuse_aws("PutParameter", "ThrottlingException"),
        "token store",
        [causes.AWS_IS_BUSY],
    ),
    Case(
        "token too large for a parameter",
        lambda w: w.answer(on="token", merge={"access_token": "x" * 5000}, commit=True),
        "token store",
        [causes.TOKEN_IS_TOO_LARGE],
    ),
    Case(
        "token too large for any parameter",
        lambda w: w.answer(on="token", merge={"access_token": "x" * 8192}, commit=True),
        "token store",
        [causes.TOKEN_FITS_NOWHERE],
    ),
    Case(
        "token too long for any request",
        lambda w: w.configure(token_format="jwt", token_length=9000),
        "token endpoint",
        [causes.TOKEN_IS_TOO_LONG],
    ),
    Case("ledger is gone", lambda w: w.set(LEDGER_TABLE="gone"), "ledger", [causes.RESOURCE_IS_GONE]),
    Case(
        "ledger can be read and not written",
        lambda w: w.refuse_aws("PutItem", "AccessDeniedException"),
        "ledger",
        [causes.ROLE_IS_REFUSED, causes.KEY_IS_REFUSED],
    ),
    Case(
        "no way to DynamoDB", lambda w: w.cut_off_aws("GetItem"), "ledger", [causes.NO_WAY_TO_AWS, causes.AWS_IS_BUSY]
    ),
    Case(
        "account runs no more functions than the events function may take",
        lambda w: w.limit(5),
        "concurrency",
        [causes.CONCURRENCY_IS_SHORT],
    ),
    Case("queue is gone", lambda w: w.set(QUEUE_URL=f"{w.stack.queue_url}-gone"), "queue", [causes.RESOURCE_IS_GONE]),
    Case(
        "dead-letter queue is gone",
        lambda w: w.set(DEAD_LETTER_QUEUE_URL=f"{w.stack.dead_letter_queue_url}-gone"),
        "dead letters",
        [causes.RESOURCE_IS_GONE],
    ),
    Case(
        "role may not look at the queue",
        lambda w: w.refuse_aws("GetQueueAttributes", "AccessDenied"),
        "queue",
        [causes.ROLE_IS_REFUSED, causes.KEY_IS_REFUSED],
    ),
]

WAY = [
    Case(
        "host does not exist",
        _resolver(socket.EAI_NONAME),
        "name",
        [causes.WRONG_HOST, causes.NO_NAME_SERVER, causes.PROXY],
    ),
    Case(
        "name server does not answer", _resolver(socket.EAI_AGAIN), "name", [causes.NO_NAME_SERVER, causes.WRONG_HOST]
    ),
    Case(
        "nobody listens",
        lambda w: w.set(SERVICENOW_INSTANCE_HOST=_closed_port()),
        "TLS",
        [causes.NETWORK, causes.PROXY, causes.WRONG_HOST],
    ),
    Case(
        "proxy is away",
        lambda w: w.set(PROXY_URL=f"http://{_closed_port()}"),
        "TLS",
        [causes.NETWORK, causes.PROXY, causes.WRONG_HOST],
    ),
    Case(
        "authority is not known",
        lambda w: w.set(CERTIFICATE_AUTHORITIES=""),
        "TLS",
        [causes.INSPECTED_TLS, causes.WRONG_HOST],
    ),
    Case("certificate is expired", _expired, "TLS", [causes.CERTIFICATE_IS_OUT_OF_DATE, causes.WRONG_HOST]),
    Case("certificate is not valid yet", _not_valid_yet, "TLS", [causes.CERTIFICATE_IS_OUT_OF_DATE, causes.WRONG_HOST]),
    Case(
        "certificate of another host",
        lambda w: w.another_instance(issue(authority(), ["other.example"])),
        "TLS",
        [causes.WRONG_HOST, causes.CERTIFICATE_OF_ANOTHER],
    ),
    Case(
        "host speaks no TLS",
        lambda w: w.another_server(RawServer(lambda line: line.sendall(b"HTTP/1.1 400 Bad Request\r\n\r\n"), tls=None)),
        "TLS",
        [causes.OLD_TLS, causes.WRONG_HOST, causes.CLIENT_CERTIFICATE_IS_MISSING],
    ),
    Case(
        "host takes the request and says nothing",
        lambda w: w.answer(on="any", path="^/$", connection="close"),
        "TLS",
        [causes.SLOW_INSTANCE, causes.NETWORK],
    ),
]

TOKEN = [
    Case("grant is off", lambda w: w.configure(property_enabled=False), "token endpoint", _THREE),
    Case("wrong secret", lambda w: w.stack.put_credentials("bridge", "wrong"), "token endpoint", _THREE),
    Case("user is locked", lambda w: w.configure(user_locked=True), "token endpoint", _THREE),
    Case("wrong secret, as RFC 6749 has it", _wrong_secret_as_rfc_6749_has_it, "token endpoint", [causes.WRONG_SECRET]),
    Case(
        "unknown client id",
        lambda w: w.stack.put_credentials("another", "wrong"),
        "token endpoint",
        [causes.WRONG_SECRET],
    ),
    Case("refused with a code that nobody knows", _token_answer(400, "new_error"), "token endpoint", _THREE),
    Case("refused with access_denied", _token_answer(401, "access_denied"), "token endpoint", _THREE),
    Case(
        "user is refused",
        _token_answer(400, "invalid_grant"),
        "token endpoint",
        [causes.USER_IS_LOCKED, causes.WRONG_SECRET],
    ),
    Case(
        "no application user",
        lambda w: w.configure(user_configured=False),
        "token endpoint",
        [causes.NO_APPLICATION_USER],
    ),
    Case(
        "scope is not of the record, as ServiceNow answers",
        lambda w: w.set(OAUTH_SCOPE="incident_read incident_write"),
        "token endpoint",
        [*_THREE, causes.UNKNOWN_SCOPE],
    ),
    Case("scope is not granted", _token_answer(400, "invalid_scope"), "token endpoint", [causes.UNKNOWN_SCOPE]),
    Case(
        "grant is not offered",
        _token_answer(400, "unsupported_grant_type"),
        "token endpoint",
        [causes.GRANT_IS_OFF, causes.GUEST_TOKEN],
    ),
    Case(
        "instance hibernates",
        lambda w: w.configure(hibernating=True),
        "token endpoint",
        [causes.HIBERNATING, causes.WRONG_HOST],
    ),
    Case(
        "maintenance", lambda w: w.answer(on="token", content="maintenance"), "token endpoint", [causes.INSTANCE_FAILS]
    ),
    Case(
        "token endpoint at another path",
        lambda w: w.set(OAUTH_TOKEN_PATH="/oauth/token"),
        "token endpoint",
        [causes.WRONG_HOST, causes.ADDRESS_IS_BLOCKED],
    ),
    Case(
        "redirect to a page for signing in",
        lambda w: w.answer(on="token", redirect="https://sso.example.com/"),
        "token endpoint",
        [causes.WRONG_HOST, causes.ADDRESS_IS_BLOCKED],
    ),
    Case(
        "address is blocked",
        lambda w: w.answer(on="token", status=403, body="<html>Access denied</html>", content_type="text/html"),
        "token endpoint",
        [causes.ADDRESS_IS_BLOCKED, causes.PROXY],
    ),
    Case(
        "token endpoint limits the rate",
        lambda w: w.answer(on="token", status=429, headers={"Retry-After": "600"}),
        "token endpoint",
        [causes.RATE_LIMIT],
    ),
    Case(
        "another kind of endpoint",
        lambda w: w.answer(on="token", body={"id_token": "x"}),
        "token endpoint",
        [causes.WRONG_HOST],
    ),
    Case(
        "token of another type",
        lambda w: w.answer(on="token", merge={"token_type": "mac"}, commit=True),
        "token endpoint",
        [causes.WRONG_HOST],
    ),
]

USE = [
    Case(
        "token of guest",
        lambda w: w.configure(guest=True),
        "token usable",
        [causes.GUEST_TOKEN, causes.USER_IS_LOCKED, causes.ACCESS_POLICY],
    ),
    Case(
        "access policy",
        lambda w: w.configure(guest=True, authenticate_scheme="BEARER"),
        "token usable",
        [causes.ACCESS_POLICY, causes.GUEST_TOKEN, causes.USER_IS_LOCKED],
    ),
    Case(
        "REST API is denied",
        lambda w: w.configure(api_denied=True),
        "token usable",
        [causes.MISSING_REST_ROLE, causes.MISSING_ROLE],
    ),
    Case(
        "scope is missing",
        lambda w: w.configure(token_scope="", api_scopes=("* * incident_read",)),
        "token usable",
        [causes.MISSING_SCOPE],
    ),
    Case(
        "client is limited to its scopes",
        lambda w: w.refuse(403, *_UNSCOPED, path="^/api/"),
        "token usable",
        [causes.SCOPED_CLIENT, causes.MISSING_SCOPE],
    ),
    Case(
        "no scope of the client covers POST",
        lambda w: w.refuse(403, *_UNSCOPED, path="^/api/", method="POST"),
        "method POST",
        [causes.SCOPED_CLIENT, causes.MISSING_SCOPE],
    ),
    Case(
        "no scope of the client covers PATCH",
        lambda w: w.refuse(403, *_UNSCOPED, path="^/api/", method="PATCH"),
        "method PATCH",
        [causes.SCOPED_CLIENT, causes.MISSING_SCOPE],
    ),
    Case(
        "integration user speaks French",
        lambda w: w.servicenow.update("sys_user", w.user, {"preferred_language": "fr"}),
        "language",
        [causes.OTHER_LANGUAGE],
    ),
    Case("rate limit is used up", lambda w: w.configure(rate_limit=0), "token usable", [causes.RATE_LIMIT]),
    Case(
        "node is busy",
        lambda w: w.answer(path="^/api/", status=429, headers={"Retry-After": "600"}),
        "token usable",
        [causes.BUSY_NODE, causes.RATE_LIMIT],
    ),
    Case(
        "API hibernates",
        lambda w: w.answer(path="^/api/", content="hibernating"),
        "token usable",
        [causes.HIBERNATING, causes.WRONG_HOST],
    ),
    Case(
        "API answers XML",
        lambda w: w.answer(path="^/api/", content_type="application/xml"),
        "token usable",
        [causes.ANSWERS_XML],
    ),
    Case(
        "API fails",
        lambda w: w.answer(path="^/api/", status=503, headers={"Retry-After": "600"}),
        "token usable",
        [causes.INSTANCE_FAILS],
    ),
    Case(
        "transaction was cancelled",
        lambda w: w.answer(path="^/api/", content="quota_cancel"),
        "token usable",
        [causes.TRANSACTION_CANCELLED, causes.INSTANCE_FAILS],
    ),
    Case(
        "transaction was cancelled in the middle",
        lambda w: w.answer(path="^/api/", content="quota_cancel_malformed"),
        "token usable",
        [causes.TRANSACTION_CANCELLED, causes.INSTANCE_FAILS],
    ),
    Case(
        "API redirects",
        lambda w: w.answer(path="^/api/", redirect="https://sso.example.com/"),
        "token usable",
        [causes.WRONG_HOST],
    ),
    Case(
        "API's address is blocked",
        lambda w: w.answer(path="^/api/", status=403, body="<html>Access denied</html>", content_type="text/html"),
        "token usable",
        [causes.ADDRESS_IS_BLOCKED, causes.PROXY],
    ),
    Case(
        "there is no API",
        lambda w: w.answer(path="^/api/", status=404, body="<html>Not found</html>", content_type="text/html"),
        "token usable",
        [causes.WRONG_HOST],
    ),
    Case(
        "API answers nothing",
        lambda w: w.answer(path="^/api/", connection="close"),
        "token usable",
        [causes.SLOW_INSTANCE, causes.NETWORK],
    ),
    Case(
        "role for incidents is missing",
        lambda w: w.configure(denied_operations=("incident.read",), read_denied_status=403),
        "read incident",
        [causes.MISSING_ROLE],
    ),
    Case(
        "a field may not be read",
        lambda w: w.refuse(
            403,
            "Insufficient rights to query records",
            "Field(s) present in the query do not have permission to be read",
            table="incident",
        ),
        "read incident",
        [causes.MISSING_ROLE],
    ),
    Case(
        "Table API is not there",
        lambda w: w.refuse(400, "Requested URI does not represent any resource", None, path="^/api/"),
        "token usable",
        [causes.WRONG_HOST],
    ),
    Case(
        "API of one table is denied",
        lambda w: w.refuse(403, "User Not Authorized", "Failed API level ACL Validation", table="incident"),
        "read incident",
        [causes.MISSING_ROLE, causes.MISSING_REST_ROLE],
    ),
    Case("table does not exist", lambda w: w.set(ALLOWED_TABLES="problm"), "read problm", [causes.NO_SUCH_TABLE]),
]

CREATION = [
    Case(
        "may not create",
        lambda w: w.configure(denied_operations=("incident.insert",)),
        "create incident",
        [causes.MAY_NOT_INSERT, causes.MAY_BE_THERE],
        write=True,
    ),
    Case(
        "may not change",
        lambda w: w.configure(denied_operations=("incident.update",)),
        "create incident",
        [causes.MAY_NOT_UPDATE],
        write=True,
    ),
    Case(
        "resolution code is unknown",
        _unknown_close_code_and_hidden_choices,
        "create incident",
        [causes.CLOSE_CODE_IS_UNKNOWN, causes.DATA_POLICY],
        write=True,
    ),
    Case(
        "a business rule aborts",
        lambda w: w.configure(aborting_rules=("incident.insert:Check caller",)),
        "create incident",
        [causes.BUSINESS_RULE],
        write=True,
    ),
    Case(
        "correlation fields are discarded",
        lambda w: w.configure(denied_fields=("incident.correlation_id",)),
        "create incident",
        [causes.FIELDS_ARE_DISCARDED],
        write=True,
    ),
    Case(
        "state is discarded",
        lambda w: w.configure(denied_fields=("incident.state",)),
        "create incident",
        [causes.FIELDS_ARE_DISCARDED],
        write=True,
    ),
    Case(
        "what was created is hidden",
        lambda w: w.refuse(404, "No Record found", "Record doesn't exist or ACL restricts it", method="PATCH"),
        "create incident",
        [causes.MISSING_ROLE],
        write=True,
    ),
    Case(
        "answer to the creation is lost",
        lambda w: w.servicenow.add_fault(Fault(method="POST", table="incident", commit=True, connection="close")),
        "create incident",
        [causes.SLOW_INSTANCE, causes.MAY_BE_THERE],
        write=True,
    ),
    Case(
        "creation is cancelled",
        lambda w: w.servicenow.add_fault(Fault(method="POST", table="incident", commit=True, status=500)),
        "create incident",
        [causes.INSTANCE_FAILS, causes.MAY_BE_THERE],
        write=True,
    ),
]

CASES = [*ACCOUNT, *WAY, *TOKEN, *USE, *CREATION]

ELSEWHERE = {
    "NO_TIME": "test_what_there_is_no_time_for_has_failed",
    "DEFECT": "test_a_defect_ends_its_step_and_no_other",
}
"""Causes that come from no set-up, and the tests that show them."""
