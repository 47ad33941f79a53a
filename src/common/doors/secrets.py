"""The secrets of all webhooks, out of the one secret of Secrets Manager that holds them."""

import re
from collections.abc import Callable, Mapping
from typing import TYPE_CHECKING, Any

from botocore.exceptions import BotoCoreError, ClientError

from common.aws_errors import code_of, needs_a_person, reason_of
from common.clock import Clock
from common.doors.proof import SHORTEST, SourceSecret, Way
from common.errors import BridgeError, CredentialsError, TransientError
from common.strict_json import json_object
from common.telemetry import Telemetry
from common.variables import SOURCE

if TYPE_CHECKING:
    from mypy_boto3_secretsmanager import SecretsManagerClient

_LIFE = 300.0
_LONGEST_LIFE = 3600.0
_LOOK_AGAIN = 10.0
_HEADER = re.compile(r"[A-Za-z0-9_-]{1,100}")
_WAYS_WITH_A_HEADER = frozenset({Way.HEADER, Way.HMAC})
_WAYS_AS_A_HEADER = frozenset({Way.BEARER, Way.HEADER})


class WebhookSecrets:
    """Keeps what the secret holds for five minutes: a JSON object with an entry for each source.

    An entry is an object of `way`, `current` and, as its way asks for them, `next`, `name` and `prefix`; see
    `SourceSecret`.
    """

    def __init__(
        self, connect: "Callable[[], SecretsManagerClient]", secret_id: str, *, clock: Clock, telemetry: Telemetry
    ) -> None:
        """Read the secret `secret_id` (name or ARN), through the client that `connect` makes, when it is asked for."""
        self._connect = connect
        self._secrets_manager: SecretsManagerClient | None = None
        self._secret_id = secret_id
        self._clock = clock
        self._telemetry = telemetry
        self._known: Mapping[str, SourceSecret] = {}
        self._read_at: float | None = None
        self._protected: set[str] = set()
        self._failed: tuple[float, BridgeError] | None = None

    def of(self, source: str) -> SourceSecret | None:
        """Return what a source proves itself with, None where there is nothing.

        While Secrets Manager is throttling or away, what was read counts for an hour.
        Raises CredentialsError where the secret can't be read before a person mends something, TransientError where
        Secrets Manager is throttling or away.
        """
        if self._age() > _LIFE:
            try:
                self._read()
            except TransientError as error:
                # Few tools send again what they could not deliver.
                if self._age() > _LONGEST_LIFE:
                    raise
                self._telemetry.log.warning(error.message, action="Nothing is to be done: what is known counts on.")
        secret = self._known.get(source)
        if secret is not None and source not in self._protected:
            # Those of sources that send nothing would only make the log forget which others to hide.
            self._protected.add(source)
            self._telemetry.protect(secret.current)
            self._telemetry.protect(secret.next)
        return secret

    def is_newer(self) -> bool:
        """Read the secret again, unless that was a moment ago, and return whether it says something else now.

        For a proof that failed: it may be by a secret that was stored since. Raises as `of`.
        """
        if self._age() < _LOOK_AGAIN:
            return False
        before = self._known
        self._read()
        return self._known != before

    def _age(self) -> float:
        return float("inf") if self._read_at is None else self._clock.now() - self._read_at

    def _read(self) -> None:
        if self._failed is not None and self._clock.now() - self._failed[0] < _LOOK_AGAIN:
            raise self._failed[1]  # anybody may ask as often as he likes
        self._secrets_manager = self._secrets_manager or self._connect()
        try:
            text = self._secrets_manager.get_secret_value(SecretId=self._secret_id).get("SecretString", "")
        except (ClientError, BotoCoreError) as error:
            failure = self._failure(error)
            self._failed = (self._clock.now(), failure)
            raise failure from None
        secrets, mistakes = parse_secrets(text)
        for mistake in mistakes:
            self._telemetry.count("Held")
            self._telemetry.log.error("The secret of webhooks can't be used as it is.", mistake=mistake, action=_ACTION)
        self._known, self._read_at = secrets, self._clock.now()
        self._protected.clear()

    def _failure(self, error: ClientError | BotoCoreError) -> BridgeError:
        told, reason = f"The secret of webhooks can't be read ({code_of(error)}).", reason_of(error)
        if needs_a_person(error):
            advice = "Check that it exists, and that the role of the function may read it and use its key."
            return CredentialsError(told, action=advice, code=reason)
        return TransientError(told, action="Send it again.", code=reason)


_ACTION = "Store it again with `make secret STACK=… WEBHOOK=…`."


def parse_secrets(text: str) -> tuple[dict[str, SourceSecret], list[str]]:
    """Return the sound entries of the secret by source, and what is wrong with each of the others, without values."""
    content = json_object(text) if text.strip() else {}
    if content is None:
        return {}, ["is not a JSON object"]
    sound, mistakes = {}, []
    for source, entry in content.items():
        found = _entry(entry) if SOURCE.fullmatch(source) else "is no name of a source"
        if isinstance(found, SourceSecret):
            sound[source] = found
        else:
            mistakes.append(f"holds an entry {source[:40]!r} that {found}")
    return sound, mistakes


def _entry(entry: object) -> SourceSecret | str:
    if not isinstance(entry, dict) or not all(isinstance(value, str) for value in entry.values()):
        return "is no object of texts"
    values: dict[str, Any] = {name: entry.get(name, "") for name in ("current", "next", "name", "prefix")}
    if entry.get("way") not in list(Way):
        return f"has a way that is none of {', '.join(Way)}"
    if len(values["current"]) < SHORTEST or 0 < len(values["next"]) < SHORTEST:
        return f"has a secret shorter than {SHORTEST} characters"
    secret = SourceSecret(way=Way(entry["way"]), **values)
    return _fault(secret) or secret


def _fault(secret: SourceSecret) -> str:
    if not all(text.isprintable() and text == text.strip() for text in (secret.current, secret.next)):
        return "has a secret with a line end, another control character, or a blank at its end, as pasting makes them"
    if secret.way in _WAYS_AS_A_HEADER and not (secret.current + secret.next).isascii():
        return "has a secret that no header can hold; only ASCII gets through unchanged"
    if secret.way in _WAYS_WITH_A_HEADER and not _HEADER.fullmatch(secret.name):
        return "does not name the header"
    if secret.way is Way.BASIC and (not secret.name or ":" in secret.name):
        return "does not name the user, who is called anything without a colon"
    return ""
