"""Adds to records what was asked for: the newest first, so many a minute, and each thing at most once."""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from secrets import token_hex

from common.clock import Clock, Deadline
from common.context.additions import File, Note, Source
from common.context.claims import Claim, Claims
from common.context.request import Request
from common.errors import AmbiguousError, BridgeError, HeldError, PermanentError, TransientError
from common.incidents.alert import FollowUp
from common.incidents.changes import seen
from common.incidents.fields import inert_note
from common.incidents.steps import Condition
from common.queue import Message
from common.servicenow.records import Records
from common.telemetry import Telemetry

LONGEST_WAIT = 900.0
"""Seconds after which nothing is added any more: whoever opened the record has looked for themselves by then."""

NEEDS_SECONDS = 40.0
"""What must be left of the function's time before a record is begun with."""

_MOST_RECEIVES = 3
_LEFT_ALONE = "The record stays as it is. "


@dataclass(frozen=True, slots=True)
class _Asked:
    message: Message
    request: Request


class Runner:
    """Works through a batch of messages. What AWS or ServiceNow refuses leaves the record as it is."""

    def __init__(  # noqa: PLR0913 (the parts that it is put together from)
        self,
        sources: Mapping[FollowUp, Source],
        records: Records,
        claims: Claims,
        *,
        per_minute: int,
        clock: Clock,
        telemetry: Telemetry,
        new_owner: Callable[[], str] = lambda: token_hex(8),
    ) -> None:
        """Add what `sources` find; `records` must show what `common.incidents.changes.READ_FIELDS` names."""
        self._sources = sources
        self._records = records
        self._claims = claims
        self._per_minute = per_minute
        self._clock = clock
        self._telemetry = telemetry
        self._new_owner = new_owner

    def run(self, messages: Sequence[Message], deadline: Deadline) -> list[str]:
        """Add what a batch asks for, and return the ids of the messages that come back."""
        asked = self._asked(messages)
        try:
            granted = self._claims.share(len(asked), self._per_minute) if asked else 0
        except BridgeError as error:
            self._telemetry.log.warning(error.message, action=error.action)
            return [one.message.message_id for one in asked]
        self._drop(len(asked) - granted, "more were asked for than FollowUpsPerMinute allows")
        return [
            one.message.message_id
            for one in asked[:granted]
            if deadline.remaining() < NEEDS_SECONDS or self._comes_back(one, deadline)
        ]

    def _asked(self, messages: Sequence[Message]) -> list[_Asked]:
        """Return what messages ask for, the newest first, without those that are too old or can't be read."""
        now = self._clock.now()
        asked = []
        for message in sorted(messages, key=lambda one: one.sent_at or 0.0, reverse=True):
            if message.age(now) > LONGEST_WAIT:
                self._drop(1, "it waited too long")
                continue
            try:
                request = Request.read(message.body)
            except PermanentError as error:
                self._drop(1, error.message)
                continue
            if self._claims.concerns(request):
                asked.append(_Asked(message, request))
            else:
                self._drop(1, "it is about a problem of another deployment")
        return asked

    def _drop(self, amount: int, why: str) -> None:
        if amount > 0:
            self._telemetry.count("FollowUpsDropped", amount)
            self._telemetry.log.info("Nothing is added to some records.", reason=why, amount=amount)

    def _comes_back(self, asked: _Asked, deadline: Deadline) -> bool:
        """Add everything that one message asks for; return whether any of it is worth another try."""
        again = [self._is_worth_another_try(asked.request, kind, deadline) for kind in asked.request.kinds]
        return any(again) and asked.message.receives < _MOST_RECEIVES

    def _is_worth_another_try(self, request: Request, kind: FollowUp, deadline: Deadline) -> bool:
        source = self._sources.get(kind)
        if source is None:
            return False
        try:
            if self._claims.is_taken(request, kind):
                return False
            found = source(request, deadline)
            if found:
                self._add(request, kind, found, deadline)
        except TransientError as error:
            self._refused(request, kind, error)
            return True
        except BridgeError as error:
            self._refused(request, kind, error)
        except Exception as error:
            # One odd answer must not keep the others from theirs.
            self._telemetry.count("Defects")
            message = "A defect of the bridge kept a record from what is added to it."
            self._telemetry.log.exception(message, exc_info=error)
        return False

    def _add(self, request: Request, kind: FollowUp, found: Sequence[File | Note], deadline: Deadline) -> None:
        record = self._records.read(request.table, request.sys_id, deadline)
        shown = seen(record, request.table) if record is not None else None
        is_ours = shown is not None and shown.correlation_id.startswith(request.problem)
        if shown is None or not is_ours or shown.condition is Condition.CLOSED:
            self._telemetry.count("FollowUpsTooLate")
            return
        claim = self._claims.take(request, kind, self._new_owner())
        if claim is None:
            return
        for number, addition in enumerate(found):
            try:
                self._write(request, addition, deadline)
            except AmbiguousError:
                raise
            except BridgeError:
                self._free(claim, is_first=number == 0)
                raise
            self._telemetry.count("FollowUpsAdded")
        self._telemetry.log.info(
            "Something was added to a record.", record=request.number, kind=kind.value, amount=len(found)
        )

    def _free(self, claim: Claim, *, is_first: bool) -> None:
        """Give a claim back of which nothing was added yet; of one that was added in part nothing is tried again."""
        if is_first:
            self._claims.give_back(claim)

    def _write(self, request: Request, addition: File | Note, deadline: Deadline) -> None:
        match addition:
            case File(name, content):
                self._records.attach(request.table, request.sys_id, name, content, deadline)
            case Note(text):
                note = {"work_notes": inert_note(text)}
                self._records.update(request.table, request.sys_id, note, deadline)

    def _refused(self, request: Request, kind: FollowUp, error: BridgeError) -> None:
        self._telemetry.count("FollowUpsRefused")
        report = self._telemetry.log.error if isinstance(error, HeldError) else self._telemetry.log.warning
        report(
            f"{_LEFT_ALONE}{error.message}",
            action=error.action,
            record=request.number,
            kind=kind.value,
            account=request.place.account,
            region=request.place.region,
        )
