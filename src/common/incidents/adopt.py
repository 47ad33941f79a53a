"""Rebuild a ledger that was lost, or restored from an older day, from the records in ServiceNow.

A record's `correlation_id` begins with the hash of its problem, and its `correlation_display` names the last event
that was applied, so the open records say what the ledger should hold. Not for the hot path: it reads them all.
"""

from collections.abc import Iterator
from copy import replace
from dataclasses import dataclass

from common.clock import Deadline
from common.incidents.alert import ONLY_MEMBER
from common.incidents.changes import seen
from common.incidents.item import deployment_prefix, order_in, problem_in
from common.incidents.ledger import Ledger
from common.incidents.steps import Condition, Seen
from common.servicenow.query import all_of, equals, term
from common.servicenow.records import Records

ADOPTED = "adopted: known by its hash only"
"""The dedup key of an adopted item: a hash can't be undone, and nothing needs it to be."""

_PAGE = 200


@dataclass(frozen=True, slots=True)
class Adoption:
    """One record: what became of its problem in the ledger."""

    problem: str
    number: str
    outcome: str


def adopt(  # noqa: PLR0913 (two ends, and what to look for)
    ledger: Ledger, records: Records, *, deployment: str, table: str, deadline: Deadline, dry_run: bool = False
) -> Iterator[Adoption]:
    """Yield what is done for each active record of `deployment`; with `dry_run` say it only.

    An item that is newer than its record, or has a write under way, is left alone; so are two records of one
    problem, of which a person has to close one. A group is adopted as a whole: a person resolves its record.
    """
    by_problem: dict[str, list[Seen]] = {}
    for record in _active(records, deployment, table, deadline):
        problem = problem_in(record.correlation_id)
        if problem and record.condition is not Condition.CLOSED:
            by_problem.setdefault(problem, []).append(record)
    for problem, found in by_problem.items():
        for record in found:
            outcome = (
                "several records: close all but one"
                if len(found) > 1
                else _adopt_one(ledger, problem, table, record, dry_run=dry_run)
            )
            yield Adoption(problem, record.reference.number, outcome)


def _active(records: Records, deployment: str, table: str, deadline: Deadline) -> Iterator[Seen]:
    mine = [term("correlation_id", "STARTSWITH", deployment_prefix(deployment)), equals("active", "true")]
    last = ""
    further: list[str] = []
    while page := records.find(table, all_of([*mine, *further], order_by="sys_id"), deadline, limit=_PAGE):
        if page[-1].sys_id <= last:
            return  # the same page again
        yield from map(seen, page)
        last = page[-1].sys_id
        further = [term("sys_id", ">", last)]


def _adopt_one(ledger: Ledger, problem: str, table: str, record: Seen, *, dry_run: bool) -> str:
    order = order_in(record.marker)
    if order is None:
        return "its correlation_display was changed: left alone"
    item = ledger.read(problem, dedup_key=ADOPTED, table=table)
    if item.pending is not None:
        return "a write is under way: left alone"
    if item.orders and max(item.orders.values()) >= order:
        return "known already"
    adopted = replace(item, orders={ONLY_MEMBER: order}, record=record.reference, correlation_id=None)
    if not dry_run and ledger.write(adopted) is None:
        return "changed by a function just now: left alone"
    return "adopted"
