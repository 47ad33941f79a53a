"""Leaks, planted into the running code: a secret or a token, in one form each, into each of the sinks."""

import base64
import logging
from collections.abc import Callable
from typing import Any
from urllib.parse import quote_plus

from campaign.plants import Patch, caught_by
from common.api import resolver
from common.clock import Deadline
from common.errors import TransientError
from common.incidents import ledger
from common.incidents.item import Item
from common.oauth import endpoint, source, store
from common.oauth.token import AccessToken
from common.queue import EventQueue
from common.telemetry import Telemetry


def _leaking_request(patch: Patch, leak: Callable[[endpoint.TokenEndpoint, str], None]) -> None:
    request = endpoint.TokenEndpoint.request

    def leaking(self: endpoint.TokenEndpoint, credentials: Any, deadline: Deadline) -> AccessToken:  # noqa: ANN401
        leak(self, credentials.client_secret)
        return request(self, credentials, deadline)

    patch.setattr(endpoint.TokenEndpoint, "request", leaking)


@caught_by(3, "leaks")
def secret_printed(patch: Patch) -> None:
    """The client secret is written to standard output."""
    _leaking_request(patch, lambda _self, secret: print(f"asking with {secret}"))  # noqa: T201 (the defect)


@caught_by(3, "leaks")
def secret_encoded(patch: Patch) -> None:
    """The request's body is written to standard output."""
    _leaking_request(patch, lambda _self, secret: print(quote_plus(secret)))  # noqa: T201 (the defect)


@caught_by(3, "leaks")
def secret_in_base64(patch: Patch) -> None:
    """A Basic header is logged by a library."""

    def leak(_self: object, secret: str) -> None:
        header = base64.b64encode(f"client:{secret}".encode()).decode()
        logging.getLogger("some.library").debug("Authorization: Basic %s", header)

    _leaking_request(patch, leak)


@caught_by(3, "leaks")
def secret_begun(patch: Patch) -> None:
    """The first eight characters of the secret are logged, to tell two apart."""
    _leaking_request(patch, lambda self, secret: self._telemetry.log.info("Asking", extra={"secret": secret[:8]}))


@caught_by(38, "leaks")
def token_in_an_exception(patch: Patch) -> None:
    """An error quotes the header that was refused."""
    rejected = source.TokenSource.rejected

    def quoting(self: source.TokenSource, token: AccessToken, deadline: Deadline) -> AccessToken:
        error = TransientError("Refused.", action="-")
        error.__cause__ = ValueError(f"Bearer {token.value}")
        return rejected(self, token, deadline)

    patch.setattr(source.TokenSource, "rejected", quoting)


@caught_by(3, "leaks")
def token_in_a_metric(patch: Patch) -> None:
    """A metric is named after the token."""
    report = source.TokenSource.report

    def reporting(self: source.TokenSource) -> None:
        token = self._memory.usable()
        self._telemetry.count(f"Token{token.value[:20] if token else ''}")
        report(self)

    patch.setattr(source.TokenSource, "report", reporting)


@caught_by(3, "leaks")
def token_in_a_repr(patch: Patch) -> None:
    """A token shows its value to a debugger."""
    patch.setattr(AccessToken, "__repr__", lambda self: f"AccessToken({self.value})")


@caught_by(42, "leaks")
def token_in_a_dead_letter(patch: Patch) -> None:
    """The reason of a dead letter quotes the request."""
    dead_letter = EventQueue.dead_letter
    kept: list[str] = []
    take = source.TokenSource.token

    def token(self: source.TokenSource, deadline: Deadline) -> AccessToken:
        taken = take(self, deadline)
        kept.append(taken.value)
        return taken

    def quoting(self: EventQueue, message: Any, error: Any) -> bool:  # noqa: ANN401 (as of the queue)
        error.message += f" Bearer {kept[-1]}"
        return dead_letter(self, message, error)

    patch.setattr(source.TokenSource, "token", token)
    patch.setattr(EventQueue, "dead_letter", quoting)
    patch.setattr(Telemetry, "protect", lambda _self, _secret: None)


@caught_by(3, "leaks")
def token_in_a_plain_parameter(patch: Patch) -> None:
    """The token is stored unencrypted."""
    save = store.TokenStore.save

    def saving(self: store.TokenStore, token: AccessToken, client_id: str) -> None:
        save(self, token, client_id)
        self._ssm.put_parameter(Name=f"{self._parameter}-plain", Value=token.value, Type="String", Overwrite=True)

    patch.setattr(store.TokenStore, "save", saving)


@caught_by(3, "leaks")
def token_in_the_ledger(patch: Patch) -> None:
    """The item of a problem says with which token its record was written."""
    kept: list[str] = []
    take, encode = source.TokenSource.token, ledger._encode

    def token(self: source.TokenSource, deadline: Deadline) -> AccessToken:
        taken = take(self, deadline)
        kept.append(taken.value)
        return taken

    def encoding(item: Item, *, expires_at: int) -> dict[str, Any]:
        return {**encode(item, expires_at=expires_at), "written_with": {"S": "".join(kept[-1:])}}

    patch.setattr(source.TokenSource, "token", token)
    patch.setattr(ledger, "_encode", encoding)


@caught_by(95, "leaks")
def words_echoed(patch: Patch) -> None:
    """An answer of the API repeats what ServiceNow said."""
    as_response = resolver.as_response

    def echoing(answer: Any) -> Any:  # noqa: ANN401 (as of the resolver)
        response = as_response(answer)
        response.body = f"{response.body} secret-of-the-instance"
        return response

    patch.setattr(resolver, "as_response", echoing)
