"""A client that signs, from the secret to an answer of the API: KMS in moto, and a simulator that checks signatures."""

import base64
import json
from collections.abc import Callable, Iterator
from urllib.parse import urlencode

import pytest

from common.clock import Deadline
from common.errors import BridgeError, CredentialsError
from common.oauth.assertion import LIFE_SECONDS, KmsSigner, grant_of
from common.oauth.credentials import ClientCredentials, CredentialsReader, Signing
from common.oauth.endpoint import TokenEndpoint
from common.oauth.token import AccessToken
from local.simulator import Fault
from tests.support.aws import kms_signer
from tests.support.token_world import CLIENT_ID, SECRET, SECRET_ID, TokenWorld, kept_client, token_world
from tools.deployed import ToolError
from tools.signing_certificate import certificate_of

KID = "kid-of-the-bridge"
SUBJECT = "aws.bridge@example.com"


@pytest.fixture(scope="module")
def shared() -> Iterator[tuple[TokenWorld, str, str]]:
    """Provide one world with a signing key and its certificate: an RSA key takes longer than all of the tests."""
    with token_world() as world:
        kms = kept_client("kms")
        key = kms.create_key(KeySpec="RSA_2048", KeyUsage="SIGN_VERIFY")["KeyMetadata"]["Arn"]
        yield world, key, certificate_of(kms, key, name="servicenow-bridge", days=30)


@pytest.fixture
def world(shared: tuple[TokenWorld, str, str]) -> TokenWorld:
    """Provide the world, new but for its key: a public client that is known by its certificate."""
    world, _, certificate = shared
    world.simulator.reset()
    world.simulator.add_verifier(KID, certificate, public_client=True)
    world.outcomes.clear()
    return world


@pytest.fixture
def key(shared: tuple[TokenWorld, str, str]) -> str:
    """Provide the ARN of the signing key."""
    return shared[1]


def fill(world: TokenWorld, **content: str) -> None:
    """Put a client into the secret."""
    world.secrets.put_secret_value(SecretId=SECRET_ID, SecretString=json.dumps({"client_id": CLIENT_ID, **content}))


def granted(world: TokenWorld) -> AccessToken:
    """Ask the endpoint with what the secret holds. Raises what it raises."""
    endpoint = TokenEndpoint(
        world.transport(), signer=kms_signer(), clock=world.clock, telemetry=world.telemetry, path="/oauth_token.do"
    )
    credentials = CredentialsReader(world.secrets, SECRET_ID).read()
    return endpoint.request(credentials, Deadline.after(world.clock, 20.0))


def refusal(world: TokenWorld) -> BridgeError:
    """Return the error with which asking ends."""
    with pytest.raises(BridgeError) as caught:
        granted(world)
    return caught.value


def test_a_token_comes_without_any_secret_and_is_that_of_the_subject(world: TokenWorld, key: str) -> None:
    """The API then takes it, and nothing in the secret was worth stealing."""
    fill(world, signing_key=key, key_id=KID, subject=SUBJECT)
    answer = world.call(world.environment())
    assert not isinstance(answer, BridgeError), answer
    assert SECRET not in world.secrets.get_secret_value(SecretId=SECRET_ID)["SecretString"]


def test_a_record_that_is_no_public_client_wants_its_secret_too(
    world: TokenWorld, shared: tuple[TokenWorld, str, str]
) -> None:
    """Without it the request is refused, and the advice names it."""
    _, key, certificate = shared
    world.simulator.add_verifier(KID, certificate, public_client=False)
    fill(world, signing_key=key, key_id=KID, subject=SUBJECT)
    assert "client_secret" in refusal(world).action
    fill(world, signing_key=key, key_id=KID, subject=SUBJECT, client_secret=SECRET)
    assert granted(world).value


def test_private_key_jwt_works_where_it_is_offered(world: TokenWorld, key: str) -> None:
    """An endpoint that does not know it refuses as if there were no secret."""
    fill(world, signing_key=key, key_id=KID, audience=f"https://{world.simulator.host}/oauth_token.do")
    assert refusal(world).code == "assertion_refused"
    world.simulator.configure(private_key_jwt=True)
    assert granted(world).value
    fill(world, signing_key=key, key_id=KID, audience="https://elsewhere.example.com/token")
    assert refusal(world).code == "assertion_refused"


@pytest.mark.parametrize(
    ("content", "word"),
    [
        ({"key_id": "another"}, "Kid"),
        ({"subject": "nobody@example.com"}, "subject"),
        ({"subject": "admin@example.com"}, "administrator"),
        ({"audience": "another-record"}, "verifier map"),
    ],
)
def test_what_the_record_does_not_know_is_refused_and_held(
    world: TokenWorld, key: str, content: dict[str, str], word: str
) -> None:
    """With the advice that fits a client that signs."""
    fill(world, **{"signing_key": key, "key_id": KID, "subject": SUBJECT, **content})
    error = refusal(world)
    assert isinstance(error, CredentialsError)
    assert word in error.action


def test_each_try_is_signed_anew(world: TokenWorld, key: str) -> None:
    """The instance has noted the first assertion although its answer was lost."""
    fill(world, signing_key=key, key_id=KID, subject=SUBJECT)
    world.simulator.add_fault(Fault(on="token", commit=True, status=503))
    assert granted(world).value
    assert world.simulator.token_requests == 2


def asked(world: TokenWorld, fields: dict[str, str]) -> int:
    """Return the status with which the endpoint answers a form."""
    return (
        world.transport()
        .send(
            "POST",
            "/oauth_token.do",
            headers={"Content-Type": "application/x-www-form-urlencoded"},
            body=urlencode(fields).encode(),
            deadline=Deadline.after(world.clock, 10.0),
            size_limit=10_000,
        )
        .status
    )


def _with_claim(assertion: str, **claims: object) -> str:
    header, middle, signature = assertion.split(".")
    content = json.loads(base64.urlsafe_b64decode(middle + "=" * (-len(middle) % 4))) | claims
    return ".".join((header, base64.urlsafe_b64encode(json.dumps(content).encode()).decode().rstrip("="), signature))


def _with_algorithm(assertion: str, algorithm: str) -> str:
    _, middle, signature = assertion.split(".")
    header = base64.urlsafe_b64encode(json.dumps({"alg": algorithm, "kid": KID}).encode()).decode().rstrip("=")
    return ".".join((header, middle, "" if algorithm == "none" else signature))


@pytest.mark.parametrize(
    ("forge", "later"),
    [
        (lambda assertion: _with_claim(assertion, sub="abel.tuter@example.com"), 0.0),
        (lambda assertion: _with_claim(assertion, exp=9_999_999_999), 0.0),
        (lambda assertion: _with_algorithm(assertion, "none"), 0.0),
        (lambda assertion: _with_algorithm(assertion, "HS256"), 0.0),
        (lambda assertion: assertion[:-8] + "AAAAAAAA", 0.0),
        (lambda _: "no.assertion", 0.0),
        (lambda assertion: assertion, LIFE_SECONDS + 301.0),
    ],
    ids=["another subject", "a longer life", "no algorithm", "a shared key", "another signature", "no JWT", "too late"],
)
def test_the_simulator_takes_no_forged_and_no_late_assertion(
    world: TokenWorld, key: str, forge: Callable[[str], str], later: float
) -> None:
    """It checks the signature for real: what the bridge proves against it is proved."""
    signing = Signing(key, KID, SUBJECT, "")
    form = grant_of(ClientCredentials(CLIENT_ID, "", "1", signing=signing), signing, kms_signer(), world.clock.now())
    world.simulator.clock_offset = later
    assert asked(world, {**form, "assertion": forge(form["assertion"])}) == 401


def test_the_simulator_takes_an_assertion_once(world: TokenWorld, key: str) -> None:
    """As an instance does with Enable JTI Verification, which is ticked by default."""
    signing = Signing(key, KID, SUBJECT, "")
    form = grant_of(ClientCredentials(CLIENT_ID, "", "1", signing=signing), signing, kms_signer(), world.clock.now())
    assert [asked(world, form), asked(world, form)] == [200, 401]


def test_a_key_that_is_disabled_holds_events(world: TokenWorld, key: str) -> None:
    """Nothing is sent to ServiceNow, and the error says whose key it is."""
    kms = kept_client("kms")
    fill(world, signing_key=f"{key[:-4]}0000", key_id=KID, subject=SUBJECT)
    error = refusal(world)
    assert (error.code, world.simulator.token_requests) == ("signing_refused", 0)
    assert "SigningKeyArn" in error.action
    assert KmsSigner(lambda: kms).sign(b"message", key)


def test_a_certificate_is_made_of_rsa_keys_only(world: TokenWorld) -> None:
    """The command says which key to make."""
    kms = kept_client("kms")
    key = kms.create_key(KeySpec="ECC_NIST_P256", KeyUsage="SIGN_VERIFY")["KeyMetadata"]["Arn"]
    with pytest.raises(ToolError, match="RSA_2048"):
        certificate_of(kms, key, name="servicenow-bridge", days=30)
    assert world.simulator.token_requests == 0
