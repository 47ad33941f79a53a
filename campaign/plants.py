"""Defects, planted into the running code one at a time. The campaign is worth nothing where one of them goes unseen."""

import json
from collections.abc import Callable, Sequence
from contextlib import suppress
from dataclasses import dataclass
from pkgutil import resolve_name
from threading import Barrier, BrokenBarrierError
from typing import Any
from urllib.parse import urlsplit

import pytest

from campaign import queue
from campaign.catalogue import FAULTS
from campaign.run import Outcome, outcome_of, run_one
from campaign.stage import Stage
from common.clock import Deadline
from common.errors import AmbiguousError, TransientError
from common.incidents import decide
from common.incidents.item import Item
from common.incidents.precedents import Precedents
from common.incidents.rules.rule import Rule
from common.incidents.shared_precedents import SharedPrecedents
from common.incidents.steps import Finish, Next, Write
from common.incidents.work import Work
from common.intake import Intake
from common.oauth import source, store
from common.oauth.token import AccessToken
from common.queue import Message
from common.transport import Response, Transport
from tests.support import found_defects

type Patch = pytest.MonkeyPatch
type Plant = Callable[[Patch], None]

_MOST_SEEDS = 6
_LOOKS_WITHIN = 5.0


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
    """Plant a defect, let its fault happen a few times, and tell whether it shows.

    What the same dice show without the defect shows nothing of it.
    """
    for seed in range(_MOST_SEEDS):
        with pytest.MonkeyPatch.context() as patch:
            planted.plant(patch)
            outcome: Outcome = run_one(stage, FAULTS[planted.fault], seed)
        if getattr(outcome, planted.seen_in):
            return outcome_of(stage, FAULTS[planted.fault], seed).survived
    return False


_WRITE, _SEND, _RECEIVE, _TRANSPORT_SEND = Work.write, Work.send, Transport._receive, Transport.send


@caught_by(74, "duplicates")
def no_claim(patch: Patch) -> None:
    """ServiceNow is called before the intent is written."""

    def write(self: Work, step: Write) -> tuple[Item, Any]:
        return (step.item, self.call(step.item)) if step.then is Next.CALL else _WRITE(self, step)

    patch.setattr(Work, "write", write)


@caught_by(74, "duplicates")
def look_up_only(patch: Patch) -> None:
    """Instead of a claim there is a look-up before each insert; two at once both look before either inserts."""
    looked = Barrier(2, timeout=_LOOKS_WITHIN)

    def write(self: Work, step: Write) -> tuple[Item, Any]:
        if step.then is not Next.CALL:
            return _WRITE(self, step)
        there = self.visible(step.item) if step.item.record is None else []
        with suppress(BrokenBarrierError):
            looked.wait()
        return step.item, self.found(step.item, there) if there else self.call(step.item)

    patch.setattr(Work, "write", write)


@caught_by(77, "wrong")
def no_order_guard(patch: Patch) -> None:
    """Whatever comes counts as new."""
    patch.setattr(Item, "newer", lambda _self, orders: dict(orders))


@caught_by(52, "duplicates")
def blind_repeat(patch: Patch) -> None:
    """An insert without an answer is sent again."""

    def send(self: Work, item: Item) -> Any:  # noqa: ANN401 (a record)
        try:
            return _SEND(self, item)
        except AmbiguousError:
            return _SEND(self, item)

    patch.setattr(Work, "send", send)


@caught_by(15, "wrong")
def redirects_on(patch: Patch) -> None:
    """Redirects are followed, whoever is at their end."""

    def send(self: Transport, method: str, target: str, **options: Any) -> Response:  # noqa: ANN401 (passed on)
        response = _TRANSPORT_SEND(self, method, target, **options)
        location = urlsplit(response.headers.get("Location", ""))
        if response.status not in range(300, 400) or not location.netloc:
            return response
        elsewhere = Transport(location.netloc, clock=self._clock)
        elsewhere._handshake = self._handshake
        try:
            return _TRANSPORT_SEND(elsewhere, method, location.path, **options)
        finally:
            elsewhere.close()

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

    def write(self: Work, step: Write) -> tuple[Item, Any]:
        try:
            return _WRITE(self, step)
        except TransientError:
            return step.item, self.call(step.item)

    patch.setattr(Work, "write", write)


@caught_by(75, "wrong")
def recovery_soon_forgotten(patch: Patch) -> None:
    """The item of a problem that is over expires before its alarm is too old."""
    found_defects.recovery_soon_forgotten(patch)


@caught_by(75, "wrong")
def firing_item_expires(patch: Patch) -> None:
    """Every item of the ledger gets a time to live, whether its problem is over or not."""
    found_defects.firing_item_expires(patch)


@caught_by(99, "wrong")
def suspects_read_with_the_others(patch: Patch) -> None:
    """All messages are parsed before any is applied, those that were received often, too."""
    process = Intake.process

    def reading_first(self: Intake, messages: Sequence[Message], deadline: Deadline) -> list[str]:
        for message in messages:
            resolve_name("common.intake:read_event")(message.body)
        return process(self, messages, deadline)

    patch.setattr(Intake, "process", reading_first)


@caught_by(103, "wrong")
def closed_record_given_up(patch: Patch) -> None:
    """A closed record that may not be changed is not told from one whose change is wrong."""
    found_defects.forbidden_change_given_up(patch)


@caught_by(106, "wrong")
def success_believed(patch: Patch) -> None:
    """A success is taken for a change of the state, whatever the answer shows."""
    found_defects.success_believed(patch)


@caught_by(105, "wrong")
def unknown_words_given_up(patch: Patch) -> None:
    """A refusal that nobody understands is a dead letter at once."""
    patch.setattr(Precedents, "concerns_everybody", lambda *_: False)


@caught_by(105, "wrong")
def precedents_not_shared(patch: Patch) -> None:
    """Each environment judges a refusal by what it saw itself."""
    patch.setattr(SharedPrecedents, "concerns_everybody", Precedents.concerns_everybody)


@caught_by(107, "wrong")
def held_for_an_hour(patch: Patch) -> None:
    """The pause of a held event grows to an hour, as that of any other."""
    patch.setattr("common.queue._LONGEST_HELD_PAUSE", 3600.0)
