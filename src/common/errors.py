"""The vocabulary of what can go wrong.

There are four kinds, told apart by what becomes of the work in hand. Every error says in `action` what a person
does next, and neither its message nor its action ever holds a secret, a token or text that ServiceNow sent, but for
names of business rules and fields, made inert and cut short.
"""

PROBE_UNDER_WAY = "probe_under_way"
"""The `code` of a refusal that ends with a probe which somebody else is just making, within half a minute."""


class BridgeError(Exception):
    """Root of the vocabulary; raise one of the four kinds below.

    `message` says what happened, `action` what a person does next. `status` is the HTTP status of a refusal where
    ServiceNow gave one, and `retry_after` the seconds from now after which another try makes sense; each is None
    where nothing is known. `code` is a stable word by which a program tells causes apart, empty where nothing needs to.
    """

    def __init__(
        self,
        message: str,
        *,
        action: str,
        status: int | None = None,
        retry_after: float | None = None,
        code: str = "",
    ) -> None:
        """Keep the message and the advice apart, so that each can be shown where it helps."""
        super().__init__(message)
        self.message = message
        self.action = action
        self.status = status
        self.retry_after = retry_after
        self.code = code

    def __str__(self) -> str:
        """Return the message followed by the advice."""
        return f"{self.message} {self.action}"


class TransientError(BridgeError):
    """Provably not done, and likely to succeed later: repeat it."""


class NotYetError(TransientError):
    """It is not this worker's turn, or its time is too short. Says nothing about how ServiceNow is doing."""


class AmbiguousError(BridgeError):
    """A write that may or may not have been committed: look before it is repeated."""


class PermanentError(BridgeError):
    """Wrong with this one message or request: repeating it cannot help."""


class ChangedRequestError(PermanentError):
    """A caller repeats a key with another request than the first."""


class HeldError(BridgeError):
    """Configuration or credentials are wrong, which concerns every message: hold them all until it is mended."""


class ConfigurationError(HeldError):
    """A setting or a rule file is missing or malformed; the message names the place."""


class CredentialsError(HeldError):
    """The client credentials are unreadable or malformed, or ServiceNow refuses them."""
