import json

import pytest
from botocore.exceptions import ClientError, NoCredentialsError, ReadTimeoutError

from common.client_certificate import client_certificate
from common.errors import BridgeError, CredentialsError, TransientError
from common.oauth.credentials import ClientCredentials, CredentialsReader, Signing
from local.certificates import create_authority, issue_client
from tests.support.aws import Failing, stubbed

SECRET_ID = "arn:aws:secretsmanager:eu-west-1:123456789012:secret:servicenow"
EXPECTED_CALL = {"SecretId": SECRET_ID, "VersionStage": "AWSCURRENT"}
KEY = "arn:aws:kms:eu-west-1:123456789012:key/1d3f5a7b-0000-4000-8000-000000000001"
OWN = issue_client(create_authority())
SECRET_PAIR = {"client_id": "a", "client_secret": "hidden-value"}
VERSION = "a1b2c3d4-0000-4000-8000-000000000000"


def reader_of(value: str | bytes) -> CredentialsReader:
    """Return a reader of a secret that holds `value`."""
    client, stubber = stubbed("secretsmanager")
    key = "SecretString" if isinstance(value, str) else "SecretBinary"
    stubber.add_response("get_secret_value", {"Name": "servicenow", "VersionId": VERSION, key: value}, EXPECTED_CALL)
    return CredentialsReader(client, SECRET_ID)


def refusing(code: str, status: int = 400) -> CredentialsReader:
    """Return a reader of a secret that Secrets Manager does not give out."""
    client, stubber = stubbed("secretsmanager")
    stubber.add_client_error("get_secret_value", code, "words of AWS", status, expected_params=EXPECTED_CALL)
    return CredentialsReader(client, SECRET_ID)


def failure(reader: CredentialsReader) -> BridgeError:
    """Return the error that a reading ends with."""
    with pytest.raises(BridgeError) as caught:
        reader.read()
    return caught.value


def test_it_reads_client_id_and_secret_of_the_current_version() -> None:
    """AWSCURRENT is named, so that a rotation under way is not met half-way."""
    read = reader_of('{"client_id": "bridge", "client_secret": "s+~[#,ecret"}').read()
    assert read == ClientCredentials("bridge", "s+~[#,ecret", VERSION)


def test_white_space_around_is_trimmed_and_other_keys_are_left_alone() -> None:
    """People paste secrets with a newline at the end."""
    read = reader_of(json.dumps({"client_id": " bridge\n", "client_secret": "\tsecret \n", "note": 1})).read()
    assert (read.client_id, read.client_secret) == ("bridge", "secret")


@pytest.mark.parametrize("shape", ["plain", "under current"])
def test_two_pairs_are_read_at_a_time(shape: str) -> None:
    """The current one stands in the secret itself, as it always did, or under a key of its own."""
    current = {"client_id": "bridge", "client_secret": "first"}
    prepared = {"client_id": "other ", "client_secret": "second\n"}
    content = {**(current if shape == "plain" else {"current": current}), "next": prepared}
    read = reader_of(json.dumps(content)).read()
    assert read == ClientCredentials("bridge", "first", VERSION, ClientCredentials("other", "second", VERSION))
    assert "second" not in repr(read)


def test_a_next_pair_that_is_not_filled_in_is_none() -> None:
    """A template for a rotation may lie there empty."""
    value = '{"client_id": "bridge", "client_secret": "first", "next": {"client_id": "", "client_secret": ""}}'
    assert reader_of(value).read().next is None


@pytest.mark.parametrize(
    ("given", "signing", "way"),
    [
        ({"subject": "a@b.example"}, Signing(KEY, "kid", "a@b.example", ""), "signed assertion, JWT bearer grant"),
        ({"audience": "https://a"}, Signing(KEY, "kid", "", "https://a"), "signed assertion, private_key_jwt"),
    ],
)
def test_a_client_that_signs_names_its_key_instead_of_a_secret(
    given: dict[str, str], signing: Signing, way: str
) -> None:
    """With a subject the assertion is the grant, without one it authenticates the client."""
    content = {"client_id": "bridge", "signing_key": f" {KEY}\n", "key_id": "kid", **given}
    read = reader_of(json.dumps(content)).read()
    assert read == ClientCredentials("bridge", "", VERSION, signing=signing)
    assert read.way == way
    assert reader_of(json.dumps({**content, "client_secret": "kept"})).read().client_secret == "kept"


def test_a_secret_that_is_replaced_by_a_signature_is_another_pair() -> None:
    """So `next` can bring the key, and is tried though the client id stays."""
    content = {"client_id": "bridge", "client_secret": "first"}
    following = {"client_id": "bridge", "signing_key": KEY, "key_id": "kid", "subject": "a@b.example"}
    read = reader_of(json.dumps({**content, "next": following})).read()
    assert read.next is not None
    assert not read.is_same_pair(read.next)
    assert (read.way, read.next.way) == ("client secret", "signed assertion, JWT bearer grant")


@pytest.mark.parametrize("shape", ["plain", "under current"])
def test_a_client_certificate_stands_beside_the_pairs(shape: str) -> None:
    """It is that of the client whichever pair is in use, and known to the transport once it was read."""
    pair = {"client_id": "bridge", "client_secret": "first"}
    shown = {"certificate": f"{OWN.certificate_pem}\n", "private_key": OWN.key_pem}
    reader = reader_of(json.dumps({**(pair if shape == "plain" else {"current": pair}), "next": pair, **shown}))
    assert reader.certificate is None
    read = reader.read()
    assert read.certificate == reader.certificate == client_certificate(OWN.certificate_pem, OWN.key_pem)
    assert read.way == "client secret; client certificate"
    assert OWN.key_pem.splitlines()[1] not in repr(read)


def test_a_certificate_that_can_not_be_read_again_stays() -> None:
    """Looking for another one never makes anything worse."""
    pair = {"client_id": "bridge", "client_secret": "first"}
    reader = reader_of(json.dumps({**pair, "certificate": OWN.certificate_pem, "private_key": OWN.key_pem}))
    read = reader.read()
    reader.renew()
    assert reader.certificate == read.certificate


def test_a_template_of_a_client_that_signs_is_not_filled_in_yet() -> None:
    """Whoever prepares the secret may leave everything empty."""
    value = '{"client_id": "", "client_secret": "", "signing_key": "", "key_id": ""}'
    assert "not filled in yet" in failure(reader_of(value)).message


def test_the_secret_never_shows_in_a_representation() -> None:
    """Representations end in logs."""
    assert "hidden-value" not in repr(ClientCredentials("bridge", "hidden-value", VERSION))


@pytest.mark.parametrize(
    "value",
    ["  \n", '{"client_id": "", "client_secret": ""}', '{"client_id": "bridge", "client_secret": " "}'],
)
def test_a_secret_that_is_not_filled_in_yet_says_how_to_fill_it_in(value: str) -> None:
    """This is how a new deployment begins."""
    error = failure(reader_of(value))
    assert isinstance(error, CredentialsError)
    assert "not filled in yet" in error.message
    assert f"put-secret-value --secret-id {SECRET_ID}" in error.action


def test_a_secret_without_a_value_is_not_filled_in_either() -> None:
    """Secrets Manager then answers as if there were no secret."""
    assert "not filled in yet" in failure(refusing("ResourceNotFoundException")).message


@pytest.mark.parametrize(
    ("value", "words"),
    [
        ("client_id=bridge", "not a JSON object"),
        ('["bridge", "hidden-value"]', "not a JSON object"),
        ("[" * 100_000, "not a JSON object"),
        ('{"client_id": "bridge"}', "lacks the key client_secret"),
        ('{"client_secret": "hidden-value"}', "lacks the key client_id"),
        ('{"client_id": 7, "client_secret": "hidden-value"}', "under the key client_id"),
        ('{"client_id": "bridge", "client_secret": ["hidden-value"]}', "under the key client_secret"),
        ('{"client_id": "bridge", "client_secret": "hidden-value\\ud800"}', "under the key client_secret"),
        ('{"current": "hidden-value"}', "under the key current that is not a JSON object"),
        ('{"current": {"client_id": "bridge"}}', "lacks the key current.client_secret"),
        ('{"client_id": "a", "client_secret": "hidden-value", "next": 7}', "under the key next"),
        ('{"client_id": "a", "client_secret": "hidden-value", "next": {}}', "lacks the key next.client_id"),
        (b"hidden-value", "binary"),
        ('{"client_id": "a", "signing_key": "hidden-value", "key_id": "k"}', "signing_key that is not the ARN"),
        (json.dumps({**SECRET_PAIR, "certificate": "hidden-value", "private_key": "hidden-value"}), "in PEM form"),
        (json.dumps({**SECRET_PAIR, "certificate": OWN.certificate_pem}), "lacks the key private_key"),
        (json.dumps({**SECRET_PAIR, "private_key": "hidden-value"}), "lacks the key certificate"),
        (f'{{"client_id": "a", "signing_key": "{KEY}"}}', "lacks the key key_id"),
        (f'{{"client_id": "a", "signing_key": "{KEY}", "key_id": ""}}', "nothing under the key key_id"),
        (f'{{"client_id": "a", "signing_key": "{KEY}", "key_id": "k"}}', "lacks the key subject"),
        (f'{{"current": {{"client_id": "a", "signing_key": "{KEY}"}}}}', "lacks the key current.key_id"),
    ],
)
def test_a_malformed_secret_is_told_by_the_key_alone(value: str | bytes, words: str) -> None:
    """No error, and none of its causes, holds anything of the value."""
    error = failure(reader_of(value))
    assert isinstance(error, CredentialsError)
    assert words in error.message
    assert f"put-secret-value --secret-id {SECRET_ID}" in error.action
    assert "hidden-value" not in str(error)
    assert error.__cause__ is None
    assert error.__context__ is None


@pytest.mark.parametrize(
    ("code", "words"),
    [
        ("AccessDeniedException", "access is denied"),
        ("DecryptionFailure", "can't be decrypted"),
        ("KMSInvalidStateException", "can't be decrypted"),
        ("InvalidRequestException", "InvalidRequestException"),
    ],
)
def test_what_a_person_has_to_mend_is_held(code: str, words: str) -> None:
    """Every message needs the secret, so all of them wait."""
    error = failure(refusing(code))
    assert isinstance(error, CredentialsError)
    assert words in error.message
    assert "words of AWS" not in str(error)


def test_a_function_without_a_role_is_held() -> None:
    """The same, where not even a request can be signed."""
    error = failure(CredentialsReader(Failing(NoCredentialsError()), SECRET_ID))  # type: ignore[arg-type]
    assert isinstance(error, CredentialsError)


@pytest.mark.parametrize(
    ("code", "status"),
    [("ThrottlingException", 400), ("InternalServiceError", 500), ("SomethingNew", 500), ("SomethingNew", 503)],
)
def test_what_passes_is_tried_again_later(code: str, status: int) -> None:
    """Throttling, and failures of the service itself."""
    error = failure(refusing(code, status))
    assert isinstance(error, TransientError)
    assert code in error.message


def test_an_error_that_names_no_cause_is_held() -> None:
    """It is no failure that passes, as far as anybody can tell."""
    nameless = ClientError({}, "GetSecretValue")
    assert isinstance(failure(CredentialsReader(Failing(nameless), SECRET_ID)), CredentialsError)  # type: ignore[arg-type]


def test_a_service_that_does_not_answer_is_tried_again_later() -> None:
    """So is one that can't be reached."""
    timeout = ReadTimeoutError(endpoint_url="https://secretsmanager.eu-west-1.amazonaws.com")
    error = failure(CredentialsReader(Failing(timeout), SECRET_ID))  # type: ignore[arg-type]
    assert isinstance(error, TransientError)
    assert "ReadTimeoutError" in error.message
