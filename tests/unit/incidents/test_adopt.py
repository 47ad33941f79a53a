"""Rebuilding the ledger from records: what is left alone, and when reading ends."""

from collections.abc import Iterator, Sequence

import pytest

from common.clock import Deadline
from common.errors import AmbiguousError
from common.incidents.adopt import adopt
from common.incidents.item import Item, problem_of
from common.servicenow.records import Record, Records
from tests.support.office import Office
from tests.support.records import Trouble
from tests.support.world import KEY

PROBLEM = problem_of("deployment", KEY)


class Listed(Records):
    """ServiceNow that answers one query after the other with the next page."""

    def __init__(self, *pages: Sequence[Record]) -> None:
        self._pages: Iterator[Sequence[Record]] = iter(pages)
        self.queries: list[str] = []

    def find(self, table: str, query: str, deadline: Deadline, *, limit: int = 2) -> list[Record]:
        """Return the next page; none after the last."""
        assert table
        assert limit
        assert deadline.remaining() > 0
        self.queries.append(query)
        return list(next(self._pages, ()))


def record(number: int, **changes: str) -> Record:
    """Return the open record of one problem, as the bridge left it."""
    fields = {
        "number": f"INC{number}",
        "state": "1",
        "active": "true",
        "correlation_id": f"{PROBLEM}-{number:016x}",
        "correlation_display": "servicenow-bridge:19000000000001:0123456789abcdef",
    }
    return Record(f"{number:032x}", fields | changes)


def outcomes(office: Office, records: Records) -> list[str]:
    """Adopt everything and return what was done for each record."""
    deadline = Deadline.after(office.clock, 60)
    found = adopt(office.ledger, records, deployment="deployment", table="incident", deadline=deadline)
    return [adoption.outcome for adoption in found]


def test_a_record_of_nobody_or_one_that_is_closed_is_passed_over(office: Office) -> None:
    """An unknown field drops its condition, so the query may show anything."""
    pages = [record(1, correlation_id="of another integration"), record(2, state="7"), record(3)]
    assert outcomes(office, Listed(pages)) == ["adopted"]
    assert office.item().record is not None


def test_reading_ends_where_the_next_page_is_the_same_again(office: Office) -> None:
    """An instance that drops the condition on the page would else be read for ever."""
    records = Listed([record(1)], [record(1)], [record(1)])
    assert outcomes(office, records) == ["adopted"]
    assert len(records.queries) == 2


def test_a_write_that_is_under_way_is_left_alone(office: Office) -> None:
    """Whoever began it ends it."""
    office.records.troubles.append(Trouble(AmbiguousError("No answer.", action="Look.")))
    assert isinstance(office.refused("F1"), AmbiguousError)
    assert outcomes(office, Listed([record(1)])) == ["a write is under way: left alone"]


def test_an_item_that_a_function_changes_meanwhile_is_left_alone(
    office: Office, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Its version says so."""
    read = office.ledger.read

    def read_before_another_writes(problem: str, *, dedup_key: str, table: str) -> Item:
        item = read(problem, dedup_key=dedup_key, table=table)
        office.ledger.write(item)
        return item

    monkeypatch.setattr(office.ledger, "read", read_before_another_writes)
    assert outcomes(office, Listed([record(1)])) == ["changed by a function just now: left alone"]
