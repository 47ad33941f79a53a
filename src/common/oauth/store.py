"""The token that all environments share: one SecureString in SSM Parameter Store.

Nothing here ever fails a call. What can't be read, or is not meant for this client, is a miss; what can't be
written is a warning.
"""

import hashlib
import json
import math
from typing import TYPE_CHECKING, Any, Final

from botocore.exceptions import BotoCoreError, ClientError

from common.aws_errors import code_of, needs_a_person, reason_of
from common.clock import Clock
from common.errors import ConfigurationError
from common.oauth.token import LONGEST_LIFE, AccessToken, Miss, is_bearer_value
from common.telemetry import Telemetry

if TYPE_CHECKING:
    from mypy_boto3_ssm import SSMClient
    from mypy_boto3_ssm.type_defs import ParameterTypeDef

SIZE_LIMIT: Final = 4096
"""Characters that a standard parameter can hold."""

TIERED_SIZE_LIMIT: Final = 8192
"""Characters that a parameter can hold where Parameter Store may make an advanced one of it."""

HANG_SECONDS: Final = 30.0
"""Seconds for which Parameter Store is left alone after it did not answer at all."""

_FORMAT = 1
# Seconds by which the clocks of two environments may differ before one distrusts what the other has stored.
_CLOCK_TOLERANCE = 300.0
_BUSY = frozenset(
    {"Throttling", "ThrottlingException", "RequestLimitExceeded", "TooManyUpdates", "InternalServerError"}
)


class TokenStore:
    """Keeps one token in one parameter, encrypted, and bound to the client that it was issued to."""

    def __init__(  # noqa: PLR0913 (what the token is bound to, beside what it is kept in)
        self,
        ssm: "SSMClient",
        *,
        parameter: str,
        key_id: str,
        tiered: bool = False,
        host: str,
        scope: str,
        clock: Clock,
        telemetry: Telemetry,
    ) -> None:
        """Keep the token of `host` and `scope` in `parameter`, encrypted with the KMS key `key_id`.

        With `tiered` Parameter Store makes an advanced parameter of one that has to be larger.
        """
        self._ssm = ssm
        self._parameter = parameter
        self._key_id = key_id
        self._tiered = tiered
        self._size_limit = TIERED_SIZE_LIMIT if tiered else SIZE_LIMIT
        self._bound_to = f"{host}\n{scope}\n"
        self._clock = clock
        self._telemetry = telemetry
        self._left_alone_until = -math.inf

    def load(self, client_id: str) -> AccessToken | Miss:
        """Return the stored token of `client_id`, which may be expired, or why there is none."""
        if self._is_left_alone():
            return Miss.ABSENT
        try:
            parameter = self._get()
        except (ClientError, BotoCoreError) as error:
            return self._miss(error)
        if parameter.get("Type") != "SecureString":
            self._warn("The stored token is not encrypted and therefore not used", "NotEncrypted")
            return Miss.ABSENT
        token = _decode(parameter.get("Value", ""), self._binding(client_id), self._clock.now())
        if token is None:
            self._warn("The stored token is not readable or not of this client, and therefore not used", "Foreign")
            return Miss.ABSENT
        return token

    def save(self, token: AccessToken, client_id: str) -> None:
        """Store `token` for all environments of `client_id`."""
        if self._is_left_alone():
            return
        value = _encode(token, self._binding(client_id))
        if len(value) > self._size_limit:
            self._warn("The token is too large to be stored, so every environment asks for its own", "TooLarge")
            return
        try:
            self._put(value)
        except (ClientError, BotoCoreError) as error:
            self._fault("The token could not be stored", error)

    def prove(self, token: AccessToken, client_id: str) -> None:
        """Store `token` and read it back.

        Raises ConfigurationError that says why where this can't be done, about which `save` and `load` only warn.
        """
        value = _encode(token, self._binding(client_id))
        if len(value) > self._size_limit:
            is_hopeless = len(value) > TIERED_SIZE_LIMIT
            raise ConfigurationError(
                f"The token is too large to be stored ({len(value)} of {self._size_limit} characters).",
                action="Let the OAuth registry record issue opaque tokens."
                if is_hopeless
                else "Set the parameter TokenTier to Intelligent-Tiering, or let the record issue opaque tokens.",
                code="token_too_large_for_any" if is_hopeless else "token_too_large",
            )
        try:
            self._put(value)
            self._get()
        except (ClientError, BotoCoreError) as error:
            raise ConfigurationError(
                f"Parameter Store does not keep the token ({code_of(error)}).",
                action="Check the role's rights on the parameter TOKEN_PARAMETER and on the key TOKEN_KEY_ID.",
                code=reason_of(error),
            ) from None

    def _get(self) -> "ParameterTypeDef":
        return self._ssm.get_parameter(Name=self._parameter, WithDecryption=True)["Parameter"]

    def _put(self, value: str) -> None:
        name, key_id = self._parameter, self._key_id
        if self._tiered:
            self._ssm.put_parameter(
                Name=name, Value=value, Type="SecureString", KeyId=key_id, Overwrite=True, Tier="Intelligent-Tiering"
            )
        else:
            self._ssm.put_parameter(Name=name, Value=value, Type="SecureString", KeyId=key_id, Overwrite=True)

    def _miss(self, error: ClientError | BotoCoreError) -> Miss:
        code = code_of(error)
        if code == "ParameterNotFound":
            return Miss.ABSENT
        self._fault("The stored token could not be read", error)
        return Miss.BUSY if code in _BUSY else Miss.ABSENT

    def _fault(self, message: str, error: ClientError | BotoCoreError) -> None:
        if not isinstance(error, ClientError):
            self._left_alone_until = self._clock.monotonic() + HANG_SECONDS
        if needs_a_person(error):
            # Nothing waits for it, so it is not held; but every environment asks for tokens of its own meanwhile.
            self._telemetry.count("AccessRefusals")
        self._warn(message, code_of(error))

    def _warn(self, message: str, kind: str) -> None:
        self._telemetry.count("TokenStoreFaults")
        self._telemetry.log.warning(message, extra={"parameter": self._parameter, "fault": kind})

    def _is_left_alone(self) -> bool:
        return self._clock.monotonic() < self._left_alone_until

    def _binding(self, client_id: str) -> str:
        return hashlib.sha256(f"{self._bound_to}{client_id}".encode()).hexdigest()


def _encode(token: AccessToken, binding: str) -> str:
    return json.dumps(
        {
            "format": _FORMAT,
            "bound_to": binding,
            "token": token.value,
            "issued": token.issued,
            "expires": token.expires,
            "asked": token.asked,
            "renewable": token.renewable,
        },
        separators=(",", ":"),
    )


def _decode(text: str, binding: str, now: float) -> AccessToken | None:
    """Return the token that `text` holds; None where it is malformed, foreign or from an impossible time."""
    try:
        content: Any = json.loads(text)
        if content["format"] != _FORMAT or content["bound_to"] != binding:
            return None
        times = [float(content[name]) for name in ("issued", "expires", "asked")]
        value, renewable = content["token"], content["renewable"]
    except (ValueError, TypeError, KeyError, OverflowError, RecursionError):
        return None
    issued, expires, asked = times
    plausible = issued <= asked <= now + _CLOCK_TOLERANCE and issued < expires <= issued + LONGEST_LIFE
    if not plausible or not is_bearer_value(value) or not isinstance(renewable, bool):
        return None
    return AccessToken(value, issued, expires, asked, renewable)
