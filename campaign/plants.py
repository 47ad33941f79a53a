"""Defects, planted into the running code one at a time. The campaign is worth nothing where one of them goes unseen."""

import base64
import json
import logging
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any
from urllib.parse import quote_plus, urlsplit

import pytest

from campaign import queue
from campaign.catalogue import FAULTS
from campaign.run import Outcome, run_one
from campaign.stage import Stage
from common.api import resolver
from common.clock import Deadline
from common.errors import AmbiguousError, TransientError
from common.incidents import decide
from common.incidents.decide import Finish, Next, Write
from common.incidents.desk import _Work
from common.incidents.item import Item
from common.incidents.rules.rule import Rule
from common.oauth import endpoint, source, store
from common.oauth.token import AccessToken
from common.queue import EventQueue
from common.telemetry import Telemetry
from common.transport import Response, Transport
from tests.support.explorer import explore
from tests.unit.incidents.test_planted_defects import DEFECTS

type Patch = pytest.MonkeyPatch
type Plant = Callable[[Patch], None]

_MOST_SEEDS = 6


@dataclass(frozen=True, slots=True)
class Planted:
    """A defect, the fault that has to show it, and the list of an outcome in which it has to be seen."""

    plant: Plant
    fault: int
    seen_in: str

    @property
    def name(self) -> str:
        """What it is."""
        return (self.plant.__doc__ or "").rstrip(".")


PLANTED: list[Planted] = []


def caught_by(fault: int, seen_in: str) -> Callable[[Plant], Plant]:
    """Register a defect."""

    def register(plant: Plant) -> Plant:
        PLANTED.append(Planted(plant, fault, seen_in))
        return plant

    return register


def is_caught(stage: Stage, planted: Planted) -> bool:
    """Plant a defect, let its fault happen a few times, and tell whether it shows."""
    for seed in range(_MOST_SEEDS):
        with pytest.MonkeyPatch.context() as patch:
            planted.plant(patch)
            outcome: Outcome = run_one(stage, FAULTS[planted.fault], seed)
        if getattr(outcome, planted.seen_in):
            return True
    return False


_WRITE, _SEND, _RECEIVE, _TRANSPORT_SEND = _Work.write, _Work.send, Transport._receive, Transport.send


@caught_by(74, "duplicates")
def no_claim(patch: Patch) -> None:
    """ServiceNow is called before the intent is written."""

    def write(self: _Work, step: Write) -> tuple[Item, Any]:
        return (step.item, self.call(step.item)) if step.then is Next.CALL else _WRITE(self, step)

    patch.setattr(_Work, "write", write)


@caught_by(74, "duplicates")
def look_up_only(patch: Patch) -> None:
    """Instead of a claim there is a look-up before each insert."""

    def write(self: _Work, step: Write) -> tuple[Item, Any]:
        if step.then is not Next.CALL:
            return _WRITE(self, step)
        there = self.visible(step.item) if step.item.record is None else []
        return step.item, self.found(step.item, there) if there else self.call(step.item)

    patch.setattr(_Work, "write", write)


@caught_by(77, "wrong")
def no_order_guard(patch: Patch) -> None:
    """Whatever comes counts as new."""
    patch.setattr(Item, "newer", lambda _self, orders: dict(orders))


@caught_by(52, "duplicates")
def blind_repeat(patch: Patch) -> None:
    """An insert without an answer is sent again."""

    def send(self: _Work, item: Item) -> Any:  # noqa: ANN401 (a record)
        try:
            return _SEND(self, item)
        except AmbiguousError:
            return _SEND(self, item)

    patch.setattr(_Work, "send", send)


@caught_by(15, "wrong")
def redirects_on(patch: Patch) -> None:
    """Redirects are followed, whoever is at their end."""

    def send(self: Transport, method: str, target: str, **options: Any) -> Response:  # noqa: ANN401 (passed on)
        response = _TRANSPORT_SEND(self, method, target, **options)
        location = urlsplit(response.headers.get("Location", ""))
        if response.status not in range(300, 400) or not location.netloc:
            return response
        elsewhere = Transport(location.netloc, clock=self._clock)
        elsewhere._context = self._context
        return _TRANSPORT_SEND(elsewhere, method, location.path, **options)

    patch.setattr(Transport, "send", send)


@caught_by(31, "wrong")
def cache_not_bound(patch: Patch) -> None:
    """The stored token is used whoever it was issued to."""
    patch.setattr(store.TokenStore, "_binding", lambda _self, _client_id: "0" * 64)


@caught_by(38, "wrong")
def discard_without_comparing(patch: Patch) -> None:
    """A 401 throws away whatever token is there now."""

    def rejected(self: source.TokenSource, token: AccessToken, deadline: Deadline) -> AccessToken:
        with self._turn(deadline) as failures_before:
            self._memory.reject(self._memory.usable() or token)
            return self._obtain(failures_before, deadline)

    patch.setattr(source.TokenSource, "rejected", rejected)


@caught_by(11, "wrong")
def unbounded_read(patch: Patch) -> None:
    """Answers are read to their end."""
    patch.setattr(Transport, "_receive", lambda self, connection, _limit: _RECEIVE(self, connection, 10**9))


@caught_by(25, "lost")
def five_receives(patch: Patch) -> None:
    """The queue gives a message up after five receives."""
    patch.setattr(queue, "MOST_RECEIVES", 5)


@caught_by(62, "wrong")
def key_not_compared(patch: Patch) -> None:
    """Whatever a look-up returns is taken for ours."""
    patch.setattr(decide, "_is_ours", lambda _item, _seen: True)
    found = decide.found
    patch.setattr(decide, "found", lambda item, records, policy, moment: found(item, records[:1], policy, moment))


@caught_by(76, "lost")
def no_tombstone(patch: Patch) -> None:
    """A recovery without a record is not remembered."""
    plan = decide._plan_recovery

    def plan_recovery(item: Item, *rest: Any) -> Any:  # noqa: ANN401 (a step)
        return plan(item, *rest) if item.record else Finish()

    patch.setattr(decide, "_plan_recovery", plan_recovery)


@caught_by(78, "wrong")
def insufficient_data_is_ok(patch: Patch) -> None:
    """INSUFFICIENT_DATA is taken for a recovery."""
    alert = Rule.alert

    def read(self: Rule, event: Any) -> Any:  # noqa: ANN401 (an alert)
        text = json.dumps(event).replace('"INSUFFICIENT_DATA"', '"OK"')
        return alert(self, json.loads(text))

    patch.setattr(Rule, "alert", read)


@caught_by(96, "wrong")
def unguarded_insert(patch: Patch) -> None:
    """A ledger that does not answer is taken for one that agrees."""

    def write(self: _Work, step: Write) -> tuple[Item, Any]:
        try:
            return _WRITE(self, step)
        except TransientError:
            return step.item, self.call(step.item)

    patch.setattr(_Work, "write", write)


# Leaks


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
        TransientError("Refused.", action="-").__cause__ = ValueError(f"Bearer {token.value}")
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


@caught_by(95, "leaks")
def words_echoed(patch: Patch) -> None:
    """An answer of the API repeats what ServiceNow said."""
    as_response = resolver.as_response

    def echoing(answer: Any) -> Any:  # noqa: ANN401 (as of the resolver)
        response = as_response(answer)
        response.body = f"{response.body} secret-of-the-instance"
        return response

    patch.setattr(resolver, "as_response", echoing)


# Defects of the state machine: found by a search through all interleavings


def names_of_explored() -> Sequence[str]:
    """Return the names of the defects that a search has to find."""
    return [plant.__name__.replace("_", " ") for plant, _, _ in DEFECTS]


def is_found(number: int) -> bool:
    """Plant one of them and tell whether the search finds what it breaks."""
    plant, scenario, broken = DEFECTS[number]
    with pytest.MonkeyPatch.context() as patch:
        plant(patch)
        return explore(scenario).broken == broken
