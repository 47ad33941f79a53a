"""The assertion by which a client says who it is without telling a secret (RFC 7523): a JWT that KMS signs.

The private key never leaves KMS. Which claims ServiceNow looks at: docs/servicenow-facts.toml, assertion-….
"""

import base64
import json
import uuid
from collections.abc import Callable, Mapping
from typing import TYPE_CHECKING, Final, Protocol

from botocore.exceptions import BotoCoreError, ClientError

from common.aws_errors import code_of, needs_a_person
from common.errors import CredentialsError, TransientError
from common.oauth.credentials import ClientCredentials, Signing

if TYPE_CHECKING:
    from mypy_boto3_kms import KMSClient

LIFE_SECONDS: Final = 120
"""Seconds for which an assertion counts: one token request, and clocks that differ a little."""

JWT_BEARER: Final = "urn:ietf:params:oauth:grant-type:jwt-bearer"
CLIENT_ASSERTION: Final = "urn:ietf:params:oauth:client-assertion-type:jwt-bearer"

_UNUSABLE_KEY = frozenset({"InvalidKeyUsageException", "DisabledException", "ValidationException"})
_INTERNAL = "KMSInternalException"


class Signer(Protocol):
    """What signs: `KmsSigner`."""

    def sign(self, message: bytes, key: str) -> bytes:
        """Return the signature RSASSA-PKCS1-v1_5 with SHA-256 of `message`. Raises CredentialsError, TransientError."""
        ...


class KmsSigner:
    """Signs with keys of KMS."""

    def __init__(self, client: Callable[[], "KMSClient"]) -> None:
        """Sign through what `client` returns, asked for with the first signature: most deployments sign nothing."""
        self._client = client
        self._kms: KMSClient | None = None

    def sign(self, message: bytes, key: str) -> bytes:
        """Return the signature of `message` (at most 4096 bytes) by the key with the ARN `key`.

        Raises CredentialsError where key or role don't allow it, and TransientError where KMS is throttling or away.
        """
        self._kms = self._kms or self._client()
        try:
            return self._kms.sign(
                KeyId=key, Message=message, MessageType="RAW", SigningAlgorithm="RSASSA_PKCS1_V1_5_SHA_256"
            )["Signature"]
        except (ClientError, BotoCoreError) as error:
            failure = _failure(error)
        raise failure


def grant_of(credentials: ClientCredentials, signing: Signing, signer: Signer, now: float) -> dict[str, str]:
    """Return the fields of a token request in which the client signs at `now`, in seconds since the epoch.

    Each call signs an assertion of its own: an endpoint that looks at `jti` takes none twice. Raises as `Signer.sign`.
    """
    client_id = credentials.client_id
    claims: dict[str, str | int] = {
        "iss": client_id,
        "sub": signing.subject or client_id,
        # ServiceNow finds the registry record by it.
        "aud": signing.audience or client_id,
        "iat": int(now),
        "exp": int(now) + LIFE_SECONDS,
        "jti": str(uuid.uuid4()),
    }
    signed = _signed({"alg": "RS256", "typ": "JWT", "kid": signing.key_id}, claims, signing.key, signer)
    if not signing.is_grant:
        return {
            "grant_type": "client_credentials",
            "client_id": client_id,
            "client_assertion_type": CLIENT_ASSERTION,
            "client_assertion": signed,
        }
    secret = {"client_secret": credentials.client_secret} if credentials.client_secret else {}
    return {"grant_type": JWT_BEARER, "client_id": client_id, **secret, "assertion": signed}


def _signed(header: Mapping[str, str], claims: Mapping[str, str | int], key: str, signer: Signer) -> str:
    content = ".".join(_url_safe(json.dumps(part).encode()) for part in (header, claims))
    return f"{content}.{_url_safe(signer.sign(content.encode(), key))}"


def _url_safe(content: bytes) -> str:
    return base64.urlsafe_b64encode(content).rstrip(b"=").decode()


def _failure(error: ClientError | BotoCoreError) -> CredentialsError | TransientError:
    code = code_of(error)
    if code in _UNUSABLE_KEY or (needs_a_person(error) and code != _INTERNAL):
        return CredentialsError(
            f"KMS does not sign with the key that the secret names under signing_key ({code}).",
            action="Give the parameter SigningKeyArn that very ARN, and let the key be an RSA key for signing that is "
            "enabled and whose policy leaves the decision to IAM.",
            code="signing_refused",
        )
    return TransientError(
        f"KMS did not sign the client's assertion ({code}).",
        action="Nothing, unless it goes on: then check the quota of KMS and the way to it.",
        code="signing_failed",
    )
