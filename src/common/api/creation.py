"""Creating a record for a caller: through the desk, so that it exists once, however often and by whom it is asked."""

from collections.abc import Iterator
from dataclasses import dataclass
from itertools import count
from random import SystemRandom

from common.api.requests import RequestKey
from common.clock import Clock, Deadline
from common.errors import AmbiguousError, BridgeError, NotYetError
from common.incidents.alert import Alert, Fold, Status
from common.incidents.desk import Desk
from common.incidents.item import Item, Pending, RecordReference, problem_of
from common.incidents.steps import CLOCK_MARGIN, SERVICENOW_COMMITS_WITHIN
from common.servicenow.query import equals

LEAST_SECONDS = 10.0
"""What must be left of the function's time for another look at the ledger and at ServiceNow."""

_FIRST_PAUSE = 0.05
_LONGEST_PAUSE = 1.0
_LOOK_UP_PAUSE = 2.0
_CLOCK_GRAIN = 2000
_jitter = SystemRandom()


@dataclass(frozen=True, slots=True)
class Created:
    """The record of a request. `repeated` says that an earlier request with the same key made it."""

    record: RecordReference
    repeated: bool


class Creation:
    """Creates records. Whoever comes second waits for the first, and gets the same record."""

    def __init__(self, desk: Desk, *, clock: Clock) -> None:
        """Create through `desk`."""
        self._desk = desk
        self.ledger = desk.ledger
        self._clock = clock

    def create(self, request: RequestKey, table: str, fields: dict[str, str], deadline: Deadline) -> Created:
        """Return the one record of a request, new or not; `fields` are inert already.

        Raises ChangedRequestError (another content under this key), AmbiguousError (ServiceNow took the request and
        never answered: repeat it), and what else the desk raises.
        """
        alert = Alert(
            key=request.dedup_key,
            status=Status.FIRING,
            occurred_at=self.ledger.now(),
            fields=fields,
            table=table,
            fingerprint=request.fingerprint,
        )
        is_mine = False
        pauses = _pauses()
        while True:
            item = self._read(alert)
            if (record := self._made(item, deadline)) is not None:
                return Created(record, repeated=not is_mine)
            trouble: NotYetError | AmbiguousError
            if self._may_be_under_way(item):
                trouble = _under_way(item, self.ledger.now())
            else:
                try:
                    applied = self._desk.apply_to(item, Fold.of([alert]), deadline)
                except (NotYetError, AmbiguousError) as error:
                    is_mine = is_mine or isinstance(error, AmbiguousError)
                    trouble = error
                else:
                    if applied.record is not None:
                        return Created(applied.record, repeated=not (is_mine or applied.operations))
                    trouble = _under_way(item, self.ledger.now())
            pause = _LOOK_UP_PAUSE if is_mine else next(pauses)
            if deadline.remaining() < LEAST_SECONDS + pause:
                raise trouble
            self._clock.sleep(pause)

    def _read(self, alert: Alert) -> Item:
        problem = problem_of(self._desk.deployment, alert.key)
        return self.ledger.read(problem, dedup_key=alert.key, table=alert.table).asked_with(alert.fingerprint)

    def _made(self, item: Item, deadline: Deadline) -> RecordReference | None:
        """Return the record of a request that was carried out, as far as can be seen.

        A record that shows the request's own correlation id is its record, whatever became of the answer. That none
        shows it says nothing while the write may still be under way.
        """
        if item.pending is None:
            return item.record
        if not self._has_ended(item.pending):
            return None
        try:
            query = equals("correlation_id", item.correlation_id or "")
            records = self._desk.records.find(item.table, query, deadline)
        except BridgeError:
            return None
        if len(records) != 1 or records[0].fields.get("correlation_id") != item.correlation_id:
            return None
        return RecordReference(records[0].sys_id, records[0].fields.get("number", ""))

    def _may_be_under_way(self, item: Item) -> bool:
        return item.pending is not None and self.ledger.now() <= item.pending.lock_until

    def _has_ended(self, pending: Pending) -> bool:
        """Return whether nobody works on it any more, although ServiceNow still may."""
        ended = pending.lock_until - SERVICENOW_COMMITS_WITHIN - CLOCK_MARGIN
        # A look too early only costs a call; the ledger's clock counts whole seconds.
        return self.ledger.now() + _CLOCK_GRAIN >= ended


def _under_way(item: Item, now: int) -> AmbiguousError:
    until = now if item.pending is None else item.pending.lock_until
    return AmbiguousError(
        "The same request may still be under way.",
        action="Repeat it.",
        retry_after=max(0.0, (until - now) / 1000),
    )


def _pauses() -> Iterator[float]:
    for attempt in count():
        yield min(_FIRST_PAUSE * 2.0 ** min(attempt, 16), _LONGEST_PAUSE) * _jitter.uniform(0.5, 1.0)
