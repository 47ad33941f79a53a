"""The assertion that a client signs instead of telling its secret."""

import base64
import json
from collections.abc import Mapping
from typing import Any

import pytest
from botocore.exceptions import ClientError, ReadTimeoutError

from common.errors import CredentialsError, TransientError
from common.oauth.assertion import CLIENT_ASSERTION, JWT_BEARER, LIFE_SECONDS, KmsSigner, grant_of
from common.oauth.credentials import ClientCredentials, Signing
from tests.support.aws import Failing

KEY = "arn:aws:kms:eu-west-1:123456789012:key/1d3f5a7b-0000-4000-8000-000000000001"
AS_USER = Signing(KEY, "kid-1", "bridge@example.com", "")
AS_CLIENT = Signing(KEY, "kid-1", "", "https://gateway.example.com/token")
NOW = 1_790_000_000.6


class Marker:
    """Signs with a mark, and notes what it signed."""

    def __init__(self) -> None:
        """Start with nothing signed."""
        self.signed: list[tuple[bytes, str]] = []

    def sign(self, message: bytes, key: str) -> bytes:
        """Return the mark."""
        self.signed.append((message, key))
        return b"\xff\xfe the mark"


def fields(signing: Signing, client_secret: str = "", signer: Marker | None = None) -> dict[str, str]:
    """Return the fields of a token request."""
    credentials = ClientCredentials("bridge", client_secret, "1", signing=signing)
    return grant_of(credentials, signing, signer or Marker(), NOW)


def opened(assertion: str) -> tuple[Mapping[str, Any], Mapping[str, Any]]:
    """Return header and claims of an assertion."""
    header, claims = (
        json.loads(base64.urlsafe_b64decode(part + "=" * (-len(part) % 4))) for part in assertion.split(".")[:2]
    )
    return header, claims


def test_a_grant_stands_for_the_subject_and_is_meant_for_the_registry_record() -> None:
    """The claims that ServiceNow looks at, for two minutes."""
    found = fields(AS_USER)
    header, claims = opened(found.pop("assertion"))
    assert found == {"grant_type": JWT_BEARER, "client_id": "bridge"}
    assert header == {"alg": "RS256", "typ": "JWT", "kid": "kid-1"}
    assert len(claims["jti"]) == 36
    assert {**claims, "jti": ""} == {
        "iss": "bridge",
        "sub": "bridge@example.com",
        "aud": "bridge",
        "iat": 1_790_000_000,
        "exp": 1_790_000_000 + LIFE_SECONDS,
        "jti": "",
    }


def test_a_record_that_is_no_public_client_gets_its_secret_too() -> None:
    """ServiceNow asks for it unless Public Client is ticked."""
    assert fields(AS_USER, "the-secret")["client_secret"] == "the-secret"


def test_without_a_subject_the_assertion_only_authenticates_the_client() -> None:
    """The grant stays that of client credentials, and no secret is sent even where there is one."""
    found = fields(AS_CLIENT, "the-secret")
    _, claims = opened(found.pop("client_assertion"))
    assert found == {
        "grant_type": "client_credentials",
        "client_id": "bridge",
        "client_assertion_type": CLIENT_ASSERTION,
    }
    assert (claims["iss"], claims["sub"], claims["aud"]) == ("bridge", "bridge", AS_CLIENT.audience)


def test_what_is_signed_is_header_and_claims_by_the_key_of_the_secret() -> None:
    """And the signature follows, safe for URLs and without padding."""
    signer = Marker()
    content, _, signature = fields(AS_USER, signer=signer)["assertion"].rpartition(".")
    assert signer.signed == [(content.encode(), KEY)]
    assert signature == base64.urlsafe_b64encode(b"\xff\xfe the mark").rstrip(b"=").decode()


def test_no_two_assertions_are_the_same() -> None:
    """An endpoint that looks at jti would refuse the second."""
    assert len({fields(AS_USER)["assertion"] for _ in range(5)}) == 5


@pytest.mark.parametrize(
    ("code", "kind"),
    [
        ("AccessDeniedException", CredentialsError),
        ("NotFoundException", CredentialsError),
        ("DisabledException", CredentialsError),
        ("KMSInvalidStateException", CredentialsError),
        ("InvalidKeyUsageException", CredentialsError),
        ("ThrottlingException", TransientError),
        ("DependencyTimeoutException", TransientError),
        ("KMSInternalException", TransientError),
    ],
)
def test_a_key_that_does_not_sign_is_told_apart_from_a_service_that_is_busy(code: str, kind: type[Exception]) -> None:
    """The first is for a person to mend, the second passes. The words of AWS are not repeated."""
    client = Failing(ClientError({"Error": {"Code": code, "Message": "words of AWS"}}, "Sign"))
    with pytest.raises(kind, match=code) as caught:
        KmsSigner(lambda: client).sign(b"message", KEY)  # type: ignore[arg-type, return-value]
    assert "words of AWS" not in str(caught.value)
    assert caught.value.__context__ is None


def test_a_service_that_does_not_answer_passes() -> None:
    """So does one that can't be reached."""
    client = Failing(ReadTimeoutError(endpoint_url="https://kms.eu-west-1.amazonaws.com"))
    with pytest.raises(TransientError, match="ReadTimeoutError"):
        KmsSigner(lambda: client).sign(b"message", KEY)  # type: ignore[arg-type, return-value]
