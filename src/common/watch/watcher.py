"""One look at ServiceNow: read what changed, tell it, write down that it was told.

An event is put before it is written down, and everything is told before the mark moves: whatever breaks off in between
is told again, under the same id. Nothing grows with the number of records: a page is told before the next is read.
"""

from collections.abc import Collection, Sequence
from copy import replace
from itertools import batched
from uuid import uuid4

from common.clock import Deadline
from common.errors import BridgeError, TransientError
from common.incidents.item import deployment_prefix
from common.servicenow.records import Record, Records
from common.telemetry import Telemetry
from common.watch.bus import MOST_EVENTS, Bus
from common.watch.comments import Comment, Comments
from common.watch.decide import LONGEST_ABSENCE, OVERLAP, Change, change_of, checked, minutes_back, query
from common.watch.event import event_of
from common.watch.memory import Mark, Memory

PAGE = 1000
"""Rows of one answer."""

# What a page needs: one call with its repetitions, and a thousand events.
_PAGE_NEEDS_SECONDS = 15.0
# A run is over by its deadline; what it holds is free a little later.
_LONGER_THAN_A_RUN = 15.0
_PROBLEM_LENGTH = 32


class Watcher:
    """Watches the records of one deployment."""

    def __init__(  # noqa: PLR0913 (two ends, and whose records)
        self,
        records: Records,
        memory: Memory,
        bus: Bus,
        *,
        deployment: str,
        tables: Sequence[str],
        host: str,
        telemetry: Telemetry,
        integrations: Collection[str] = (),
        comments: Comments | None = None,
    ) -> None:
        """Watch `tables`; `records` must show what `common.watch.decide.READ` names.

        `integrations` are the user names of those who are no people; without `comments` none are told.
        """
        self._integrations = integrations
        self._comments = comments
        self._records = records
        self._memory = memory
        self._bus = bus
        self._deployment = deployment
        self._prefix = deployment_prefix(deployment)
        self._tables = tables
        self._host = host
        self._telemetry = telemetry

    def run(self, deadline: Deadline) -> None:
        """Look at every table once. The first failure is raised when all were looked at; nothing is lost by it."""
        failures: list[BridgeError] = []
        for table in self._tables:
            try:
                self._look(table, deadline)
            except BridgeError as error:
                self._telemetry.count("WatchFailures")
                self._telemetry.log.warning(error.message, action=error.action, table=table)
                failures.append(error)
        if failures:
            raise failures[0]

    def _look(self, table: str, deadline: Deadline) -> None:
        mark = self._memory.begin(table, uuid4().hex, seconds=deadline.remaining() + _LONGER_THAN_A_RUN)
        if mark is None:
            self._telemetry.log.info("Another run is still looking; this one leaves it to that.", table=table)
            return
        now = self._memory.ledger.now()
        if not mark.after or mark.began is None:
            mark = replace(mark, began=now, after="")
        try:
            mark = self._told(mark, now, deadline)
        finally:
            if mark.since is not None:
                self._telemetry.gauge("WatchAge", (self._memory.ledger.now() - mark.since) / 1000)
            self._memory.end(mark)

    def _told(self, mark: Mark, now: int, deadline: Deadline) -> Mark:
        """Tell what changed since the mark, and return the mark that the next run goes on from."""
        began = now if mark.began is None else mark.began
        since = began if mark.since is None else mark.since
        is_first = mark.since is None or now - since > LONGEST_ABSENCE * 1000
        if is_first:
            since = began
            self._telemetry.log.info("The watch begins here: what changed before is not told.", table=mark.table)
        back, after, offset = minutes_back((now - since) / 1000, is_first=is_first), mark.after, 0
        while True:
            asked = query(self._prefix, back, after=after)
            page = self._records.page(mark.table, asked, deadline, limit=PAGE, offset=offset)
            rows = checked(page.records, prefix=self._prefix, after=after, since=since / 1000 - OVERLAP)
            known = self._memory.known(rows)
            changes = [found for row in rows if (found := change_of(row, known.get(row.sys_id), self._integrations))]
            self._tell(mark.table, sorted(changes, key=_in_order), deadline, silently=is_first)
            if not page.more:
                return replace(mark, since=began, began=None, after="")
            # A page is empty where access rules hide all of its rows.
            after, offset = (rows[-1].sys_id, 0) if rows else (after, offset + PAGE)
            if deadline.remaining() < _PAGE_NEEDS_SECONDS:
                self._telemetry.log.warning(
                    "More records changed than one run can tell of; the next one goes on.", table=mark.table
                )
                return replace(mark, after=after)

    def _comments_of(self, some: Sequence[Change], deadline: Deadline) -> dict[str, Comment]:
        if self._comments is None:
            return {}
        found = self._comments.latest([change.record.sys_id for change in some], deadline)
        rejected = [change.record.sys_id for change in some if change.record.fields.get("approval") == "rejected"]
        return found | self._comments.of_rejections(rejected, deadline) if rejected else found

    def _tell(self, table: str, changes: Sequence[Change], deadline: Deadline, *, silently: bool) -> None:
        if silently:
            for change in changes:
                self._memory.remember(change.record)
            return
        problems = self._memory.problems(_problem(change.record) for change in changes)
        for some in batched(changes, MOST_EVENTS, strict=False):
            comments = self._comments_of(some, deadline)
            events = [
                event_of(
                    change,
                    deployment=self._deployment,
                    table=table,
                    host=self._host,
                    problem=problems.get(_problem(change.record)),
                    comment=comments.get(change.record.sys_id),
                )
                for change in some
            ]
            taken = self._bus.put(events)
            for change, was_taken in zip(some, taken, strict=True):
                if was_taken:
                    self._memory.remember(change.record)
            if not all(taken):
                raise TransientError(
                    "The event bus did not take everything that changed.",
                    action="Nothing: the next run puts the rest. If this stays, look at EventBridge's quotas.",
                )


def _problem(row: Record) -> str:
    return row.fields["correlation_id"][:_PROBLEM_LENGTH]


def _in_order(change: Change) -> tuple[str, str]:
    return change.known.updated_on, change.record.sys_id
