"""The client credentials, out of Secrets Manager. No error here ever holds anything but the names of keys."""

import re
from contextlib import suppress
from dataclasses import dataclass, field, replace
from typing import TYPE_CHECKING, Any, Final

from botocore.exceptions import BotoCoreError, ClientError, NoCredentialsError

from common.aws_errors import code_of, reason_of
from common.client_certificate import ClientCertificate, client_certificate
from common.errors import BridgeError, CredentialsError, TransientError
from common.strict_json import json_object

if TYPE_CHECKING:
    from mypy_boto3_secretsmanager import SecretsManagerClient
    from mypy_boto3_secretsmanager.type_defs import GetSecretValueResponseTypeDef

# Named explicitly: while a rotation is under way, AWSPENDING holds a value that ServiceNow may not know yet.
_STAGE = "AWSCURRENT"

KEYS: Final = ("client_id", "client_secret")
"""What a pair of client credentials consists of."""

SIGNED_KEYS: Final = ("client_id", "signing_key", "key_id")
"""What a client that signs needs instead; beside them stand those of `CLAIMS`, at least one of them."""

CERTIFICATE_KEYS: Final = ("certificate", "private_key")
"""What the secret may hold beside the pairs: what the client shows of itself in TLS, both PEM."""

CLAIMS: Final = ("subject", "audience")
"""Whom an assertion stands for, and whom it is meant for."""

CURRENT: Final = "current"
"""The key under which the pair in use may stand; where it is missing, the pair stands in the secret itself."""

NEXT: Final = "next"
"""The key of the pair that takes its place."""

_FILL_IN = (
    'Put {{"client_id": …, "client_secret": …}} from ServiceNow\'s OAuth registry record into the secret '
    "{secret_id}: aws secretsmanager put-secret-value --secret-id {secret_id} --secret-string file://…"
)
KEY_ARN: Final = re.compile(r"arn:[a-z0-9-]+:kms:[a-z0-9-]+:[0-9]{12}:key/[A-Za-z0-9-]{1,64}")
"""The ARN of a KMS key; an alias has no rights of its own that a role could be given."""

_LATER = frozenset(
    {
        "InternalServiceError",
        "InternalServiceErrorException",
        "RequestLimitExceeded",
        "ServiceUnavailable",
        "ServiceUnavailableException",
        "Throttling",
        "ThrottlingException",
        "TooManyRequestsException",
    }
)


@dataclass(frozen=True, slots=True)
class Signing:
    """How a client signs who it is, instead of telling a secret (RFC 7523).

    `key` is the ARN of an RSA key of KMS, `key_id` the name by which the endpoint finds the public part of it. With a
    `subject`, the assertion is the grant and stands for that user; without one, it only authenticates the client.
    """

    key: str
    key_id: str
    subject: str
    audience: str

    @property
    def is_grant(self) -> bool:
        """Whether the assertion is a grant of its own (section 2.1), not only the client's authentication (2.2)."""
        return bool(self.subject)


@dataclass(frozen=True, slots=True)
class ClientCredentials:
    """What ServiceNow's OAuth registry record holds, and the version of the secret that it was read from.

    `next` is what takes its place in a rotation, None where there is none. With `signing`, the client secret may be
    empty. `certificate` is what the client shows of itself in TLS.
    """

    client_id: str
    client_secret: str = field(repr=False)
    version: str
    next: "ClientCredentials | None" = None
    signing: Signing | None = None
    certificate: ClientCertificate | None = None

    @property
    def way(self) -> str:
        """How the client authenticates, in words."""
        if self.signing is None:
            way = "client secret"
        else:
            way = f"signed assertion, {'JWT bearer grant' if self.signing.is_grant else 'private_key_jwt'}"
        return way if self.certificate is None else f"{way}; client certificate"

    def is_same_pair(self, other: "ClientCredentials") -> bool:
        """Tell whether both say the same to the endpoint, whichever version of the secret they come from."""
        return (self.client_id, self.client_secret, self.signing) == (
            other.client_id,
            other.client_secret,
            other.signing,
        )


class CredentialsReader:
    """Reads the client credentials: a JSON object with the keys `client_id` and `client_secret`, or `SIGNED_KEYS`.

    They may stand under `current`, and others under `next` beside them, and `CERTIFICATE_KEYS` beside both.
    """

    def __init__(self, secrets_manager: "SecretsManagerClient", secret_id: str) -> None:
        """Read the secret `secret_id` (name or ARN) through a boto3 client."""
        self._secrets_manager = secrets_manager
        self._secret_id = secret_id
        self._certificate: ClientCertificate | None = None

    @property
    def certificate(self) -> ClientCertificate | None:
        """What the client shows of itself in TLS, as it was read last; None before that, and where there is none."""
        return self._certificate

    def renew(self) -> None:
        """Read again. What can't be read changes nothing."""
        with suppress(BridgeError):
            self.read()

    def read(self) -> ClientCredentials:
        """Return the current credentials.

        Raises CredentialsError where the secret can't be read or lacks something, and TransientError where
        Secrets Manager is throttling or away.
        """
        answer: GetSecretValueResponseTypeDef | None = None
        failure: BridgeError | None = None
        try:
            answer = self._secrets_manager.get_secret_value(SecretId=self._secret_id, VersionStage=_STAGE)
        except ClientError as error:
            failure = self._refusal(error)
        except NoCredentialsError:
            failure = self._wrong("can't be read: the function has no AWS credentials", "Give it a role.", "aws_denied")
        except BotoCoreError as error:
            failure = self._later(type(error).__name__, reason_of(error))
        if answer is None:
            raise failure or self._later("no answer", "aws_unreachable")
        credentials = self._parse(answer)
        self._certificate = credentials.certificate
        return credentials

    def _parse(self, answer: "GetSecretValueResponseTypeDef") -> ClientCredentials:
        text = answer.get("SecretString")
        if text is None:
            raise self._malformed("is binary, not text")
        if not text.strip():
            raise self._empty()
        content = json_object(text)
        if content is None:
            raise self._malformed("is not a JSON object")
        version = answer["VersionId"]
        current = self._pair(content, CURRENT if CURRENT in content else "", version)
        if current is None:
            raise self._empty()
        following = self._pair(content, NEXT, version) if NEXT in content else None
        return replace(current, next=following, certificate=self._shown(content))

    def _shown(self, content: dict[str, Any]) -> ClientCertificate | None:
        """Return what the client shows of itself in TLS; None where it is not filled in."""
        if not any(content.get(name) for name in CERTIFICATE_KEYS):
            return None
        chain, key = (self._value(content, name, name) for name in CERTIFICATE_KEYS)
        with suppress(ValueError):
            return client_certificate(chain, key)
        raise self._malformed(
            "holds something under the keys certificate and private_key that is not a certificate in PEM form and its "
            "private key, without a password"
        )

    def _pair(self, content: dict[str, Any], place: str, version: str) -> ClientCredentials | None:
        """Return what stands under the key `place`, or in `content` itself; None where it is not filled in."""
        found = content[place] if place else content
        if not isinstance(found, dict):
            raise self._malformed(f"holds something under the key {place} that is not a JSON object")
        prefix = f"{place}." if place else ""
        signing = self._signing(found, prefix)
        if signing is not None and "client_secret" not in found:
            found = {**found, "client_secret": ""}
        client_id, client_secret = (self._value(found, key, prefix + key) for key in KEYS)
        is_filled_in = client_id and (client_secret or signing)
        return ClientCredentials(client_id, client_secret, version, signing=signing) if is_filled_in else None

    def _signing(self, found: dict[str, Any], prefix: str) -> Signing | None:
        """Return how the client signs; None where it tells a secret."""
        if "signing_key" not in found:
            return None
        key, key_id = (self._value(found, name, prefix + name) for name in SIGNED_KEYS[1:])
        subject, audience = (self._value(found, name, prefix + name) if name in found else "" for name in CLAIMS)
        if not key:
            return None
        if not KEY_ARN.fullmatch(key):
            raise self._malformed(f"holds something under the key {prefix}signing_key that is not the ARN of a KMS key")
        if not key_id:
            raise self._malformed(f"holds nothing under the key {prefix}key_id")
        if not subject and not audience:
            raise self._malformed(f"lacks the key {prefix}subject, the user that the assertion stands for")
        return Signing(key, key_id, subject, audience)

    def _value(self, content: dict[str, Any], key: str, name: str) -> str:
        if key not in content:
            raise self._malformed(f"lacks the key {name}")
        value = content[key]
        if not isinstance(value, str) or not _is_sound(value):
            raise self._malformed(f"holds something under the key {name} that is not plain text")
        return value.strip()

    def _refusal(self, error: ClientError) -> BridgeError:
        code = code_of(error)
        status = error.response.get("ResponseMetadata", {}).get("HTTPStatusCode", 0)
        if code == "ResourceNotFoundException":
            return self._empty("secret_absent")
        reason = reason_of(error)
        if code in _LATER or status >= 500:  # noqa: PLR2004 (HTTP: the server's own failure)
            return self._later(code, reason)
        if reason == "key_refused":
            return self._wrong(
                f"can't be decrypted ({code})",
                "Check that its KMS key is enabled and that the function's role may use it.",
                reason,
            )
        if reason == "aws_denied":
            return self._wrong(
                f"can't be read: access is denied ({code})",
                "Allow the function's role secretsmanager:GetSecretValue on it and kms:Decrypt with its key.",
                reason,
            )
        advice = "Check that it exists and is not marked for deletion."
        return self._wrong(f"can't be read ({code})", advice, "aws_absent")

    def _empty(self, code: str = "secret_empty") -> CredentialsError:
        return self._wrong("is not filled in yet", self._fill_in(), code)

    def _malformed(self, what: str) -> CredentialsError:
        return self._wrong(what, self._fill_in(), "secret_malformed")

    def _fill_in(self) -> str:
        return _FILL_IN.format(secret_id=self._secret_id)

    def _wrong(self, what: str, action: str, code: str) -> CredentialsError:
        return CredentialsError(f"The secret {self._secret_id} {what}.", action=action, code=code)

    def _later(self, kind: str, code: str) -> TransientError:
        return TransientError(
            f"Secrets Manager did not give out the secret {self._secret_id} ({kind}).",
            action="Nothing, unless it goes on: then check the quota of Secrets Manager and the way to it.",
            code=code,
        )


def _is_sound(value: str) -> bool:
    """Tell whether `value` can be sent: half of a surrogate pair is legal JSON, but no text."""
    try:
        value.encode()
    except UnicodeEncodeError:
        return False
    return True
