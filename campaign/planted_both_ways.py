"""Defects of what tells of changes and answers those who wait for them (faults 129 to 135), planted into the code."""

from collections.abc import Callable, Sequence
from copy import replace
from typing import Any
from uuid import uuid4

from campaign.plants import Patch, caught_by
from common.errors import BridgeError
from common.gate import answers, tokens
from common.gate.gate import Gate, Place
from common.gate.tokens import TokenUsedUpError
from common.gate.verdict import Outcome, Verdict
from common.servicenow.records import Page, Records
from common.watch import event
from common.watch.bus import EventBus
from common.watch.event import Told
from common.watch.memory import Mark, Memory

_HOURS = 3 * 3600.0


@caught_by(129, "wrong")
def part_taken_for_all(patch: Patch) -> None:
    """Whatever PutEvents says of a part, the whole batch counts as told."""
    put = EventBus.put

    def putting(self: EventBus, events: Sequence[Told]) -> Sequence[bool]:
        return [True for _ in put(self, events)]

    patch.setattr(EventBus, "put", putting)


@caught_by(129, "wrong")
def failure_of_the_bus_passed_over(patch: Patch) -> None:
    """A batch that EventBridge refuses as a whole counts as told."""
    put = EventBus.put

    def putting(self: EventBus, events: Sequence[Told]) -> Sequence[bool]:
        try:
            return put(self, events)
        except BridgeError:
            return [True] * len(events)

    patch.setattr(EventBus, "put", putting)


@caught_by(130, "wrong")
def mark_moves_after_a_failure(patch: Patch) -> None:
    """The next look begins where this one failed."""
    end = Memory.end

    def ending(self: Memory, mark: Mark) -> None:
        end(self, replace(mark, since=self.ledger.now()))

    patch.setattr(Memory, "end", ending)


@caught_by(130, "wrong")
def outage_taken_for_quiet(patch: Patch) -> None:
    """A look that gets no answer has found nothing new."""
    page = Records.page

    def paging(self: Records, *arguments: Any, **options: Any) -> Page:  # noqa: ANN401 (passed on)
        try:
            return page(self, *arguments, **options)
        except BridgeError:
            return Page([], more=False)

    patch.setattr(Records, "page", paging)


@caught_by(131, "wrong")
def new_id_each_time(patch: Patch) -> None:
    """An event has an id of its own each time that it is put."""
    patch.setattr(event, "event_id", lambda *_: uuid4().hex)


@caught_by(131, "wrong")
def killed_look_holds_on(patch: Patch) -> None:
    """What a look holds is held for hours, whatever becomes of it."""
    begin = Memory.begin

    def beginning(self: Memory, table: str, owner: str, *, seconds: float) -> Mark | None:
        return begin(self, table, owner, seconds=seconds + _HOURS)

    patch.setattr(Memory, "begin", beginning)


@caught_by(132, "wrong")
def claim_not_written(patch: Patch) -> None:
    """Nobody writes down that an answer is about to be sent."""
    write = Gate._write
    patch.setattr(Gate, "_write", lambda self, place: write(self, replace(place, claimed="")))


@caught_by(133, "wrong")
def refusal_taken_for_used_up(patch: Patch) -> None:
    """Whatever AWS says to an answer, nothing waits for it any more."""
    patch.setattr(answers, "meant", lambda _error: TokenUsedUpError("Refused.", action="-"))


@caught_by(134, "wrong")
def used_up_tried_for_ever(patch: Patch) -> None:
    """A token that is used up is taken for trouble that passes."""
    patch.setattr(tokens, "_USED_UP", frozenset())


@caught_by(135, "wrong")
def answered_without_a_note(patch: Patch) -> None:
    """Every message that tells of the change sends an answer, and nobody notes which."""

    def answer(
        _self: Gate,
        place: Place,
        outcome: Outcome,
        verdict: Callable[[Outcome], Verdict],
        send: Callable[[Any, Verdict], None],
    ) -> None:
        send(place.waiting, verdict(outcome))

    patch.setattr(Gate, "answer", answer)
