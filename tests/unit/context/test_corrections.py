"""What opened without its tags is put right once they are known: once, and never what a person changed."""

import json
from collections.abc import Mapping
from copy import replace
from pathlib import Path
from typing import Any

import pytest

from common.clock import Deadline
from common.context.corrections import GIVEN_UP_AFTER, Corrections
from common.context.door import Context
from common.context.tags import Tags
from common.errors import AmbiguousError, BridgeError, ConfigurationError, PermanentError, TransientError
from common.incidents.alert import Alert
from common.incidents.item import Operation, Pending, RecordReference, problem_of
from common.incidents.ledger import Ledger
from common.incidents.rules import Rules
from common.queue import Message
from common.servicenow.records import Record
from tests.support.clock import FakeClock
from tests.support.ledger import InMemoryDynamoDB
from tests.support.own_rules import EVENT, load
from tests.support.reports import Reports

OWN = """
[[override]]
fields = { assignment_group = "{{ tags.team }}", u_centre = "{{ tags.centre }}", category = "{{ tags.kind || 'any' }}" }
"""
SYS_ID = "1" * 32
OPEN = {"state": "1", "active": "true", "sys_mod_count": "0", "category": "any"}


class FakeRecords:
    """One record, and what is written into it."""

    def __init__(self) -> None:
        self.row: Mapping[str, str] | None = OPEN
        self.written: list[dict[str, str]] = []
        self.trouble: BridgeError | None = None

    def resolved(self, fields: Mapping[str, str], _: Deadline) -> dict[str, str]:
        """Return names as sys_ids."""
        return {
            name: f"sys_id of {value}" if name == "assignment_group" else value
            for name, value in fields.items()
            if value
        }

    def as_written(self, fields: Mapping[str, str]) -> dict[str, str]:
        """Return them as they are."""
        return dict(fields)

    def read(self, _table: str, sys_id: str, _: Deadline) -> Record | None:
        """Return the record."""
        return None if self.row is None else Record(sys_id, self.row)

    def update(self, _table: str, sys_id: str, fields: Mapping[str, str], _: Deadline) -> Record:
        """Note what is written."""
        self.written.append(dict(fields))
        if self.trouble is not None:
            raise self.trouble
        return Record(sys_id, fields)


class FakeTags:
    """Finds what it is told to find."""

    def __init__(self) -> None:
        self.found = Tags({}, complete=False)

    def of(self, _event: Mapping[str, Any], _wanted: frozenset[str]) -> Tags:
        """Return it."""
        return self.found


class Given:
    """A message whose record opens, and what becomes of it each time that it comes back."""

    def __init__(self, rules: Rules) -> None:
        self.clock = FakeClock()
        self.dynamodb = InMemoryDynamoDB(self.clock.now)
        self.records = FakeRecords()
        self.tags = FakeTags()
        self.reports = Reports()
        table: Any = self.dynamodb
        records: Any = self.records
        tags: Any = self.tags
        self.ledger = Ledger(table, "ledger", clock=self.clock)
        corrections = Corrections(
            self.ledger, records, lambda _: records, deployment="one", telemetry=self.reports.telemetry
        )
        self.context = Context(rules, tags=tags, corrections=corrections)
        self.receives = 0

    def alert(self) -> Alert:
        """Return the alert with the tags that are found now."""
        alert = self.context.judged(EVENT)[1]
        assert alert is not None
        return alert

    def open(self) -> None:
        """Let the desk open the record, or find that it is open."""
        alert = self.alert()
        problem = problem_of("one", alert.key)
        item = self.ledger.read(problem, dedup_key=alert.key, table="incident")
        if item.record is None:
            settled = item.settled({alert.member: alert.order}, RecordReference(SYS_ID, "INC1"))
            assert self.ledger.write(settled) is not None

    def come(self, *, seconds: float = 60.0) -> float | None:
        """Let the message come, for the first time or again; return when it comes again."""
        self.receives += 1
        self.clock.advance(seconds)
        alert = self.alert()
        self.context.expect(alert)
        self.open()
        message = Message("1", "r", json.dumps(EVENT), receives=self.receives)
        age = (self.receives - 1) * seconds
        return self.context.put_right(message, alert, lambda: EVENT, age, Deadline.after(self.clock, 60.0))

    def find(self, **tags: str) -> None:
        """Let the look-up succeed."""
        self.tags.found = Tags(tags)


@pytest.fixture
def given(tmp_path: Path) -> Given:
    """Provide a rule that asks for tags, which nobody can look up at first."""
    return Given(load(tmp_path, OWN))


def test_a_record_is_put_right_once_its_tags_are_known(given: Given) -> None:
    """By one change, with names looked up; a message that comes once more changes nothing."""
    assert given.come() == 60.0
    given.find(team="Payments", centre="42")
    assert given.come() is None
    assert given.records.written == [{"assignment_group": "sys_id of Payments", "u_centre": "42"}]
    assert given.come() is None
    assert len(given.records.written) == 1
    assert given.reports.counts == {"RecordsPutRight": 1}


def test_what_opened_with_its_tags_costs_nothing(given: Given) -> None:
    """Not even a look into the ledger."""
    given.find(team="Payments")
    assert given.come() is None
    assert not [key for key in given.dynamodb.items if key.startswith("context/")]


def test_tags_that_were_known_then_are_not_written_again(given: Given) -> None:
    """A record that opened with some of them lacks the others only."""
    given.tags.found = Tags({"team": "Payments"}, complete=False)
    given.come()
    given.find(team="Payments", centre="42")
    given.come()
    assert given.records.written == [{"u_centre": "42"}]


def test_tags_that_say_nothing_new_write_nothing(given: Given) -> None:
    """There is none, after all."""
    given.come()
    given.find()
    assert given.come() is None
    assert given.records.written == []


def test_a_look_up_that_goes_on_failing_is_given_up(given: Given) -> None:
    """After an hour, with ever longer pauses; the record stays as it is, and that is told."""
    pauses = []
    while (pause := given.come(seconds=600.0)) is not None:
        pauses.append(pause)
    assert pauses[:5] == [60.0, 120.0, 240.0, 480.0, 900.0]
    assert len(pauses) == GIVEN_UP_AFTER // 600 + 1
    assert given.reports.counts == {"RecordsLeftWithoutTags": 1}
    given.find(team="Payments")
    assert given.come() is None
    assert given.records.written == []


@pytest.mark.parametrize(
    ("row", "written"),
    [
        ({"assignment_group": "by a rule of the instance"}, ["assignment_group", "category"]),
        ({"sys_mod_count": "3"}, ["assignment_group", "category"]),
        ({"sys_mod_count": "3", "assignment_group": "by a person"}, ["category"]),
        ({"sys_mod_count": "3", "category": "by a person"}, ["assignment_group"]),
        ({"sys_mod_count": "3", "assignment_group": "x", "category": "y"}, []),
        ({"state": "6"}, []),
        ({"state": "7", "active": "false"}, []),
        (None, []),
    ],
)
def test_what_a_person_changed_stays(given: Given, row: dict[str, str] | None, written: list[str]) -> None:
    """What nobody touched since the record was opened is put right; a record that is over gets nothing."""
    given.come()
    given.find(team="Payments", kind="network")
    given.records.row = None if row is None else OPEN | row
    assert given.come() is None
    assert [sorted(fields) for fields in given.records.written] == ([written] if written else [])


def test_what_the_record_shows_already_is_not_written_again(given: Given) -> None:
    """Its problem may have waited for its hour, and opened with its tags after all."""
    given.come()
    given.find(team="Payments", centre="42")
    given.records.row = OPEN | {"assignment_group": "sys_id of Payments", "u_centre": "42"}
    assert given.come() is None
    assert given.records.written == []


def test_a_change_whose_answer_is_lost_is_not_repeated(given: Given) -> None:
    """Rather none than two."""
    given.come()
    given.find(team="Payments")
    given.records.trouble = AmbiguousError("No answer.", action="Look.")
    assert given.come() is None
    assert given.come() is None
    assert len(given.records.written) == 1


def test_a_change_that_was_surely_not_made_is_made_later(given: Given) -> None:
    """ServiceNow was down, or refused everybody."""
    given.come()
    given.find(team="Payments")
    for trouble in (TransientError("Down.", action="Wait."), ConfigurationError("Held.", action="Mend.")):
        given.records.trouble = trouble
        assert given.come() is not None
    given.records.trouble = None
    assert given.come() is None
    assert given.reports.counts == {"RecordsPutRight": 1}


def test_a_change_that_is_refused_is_told_and_left(given: Given) -> None:
    """Nobody can help by asking again."""
    given.come()
    given.find(team="Payments")
    given.records.trouble = PermanentError("Refused.", action="Look.", status=403)
    assert given.come() is None
    assert given.reports.messages("WARNING") == ["A record may not have been put right."]


def test_a_write_that_is_under_way_goes_first(given: Given) -> None:
    """What stands in the record afterwards decides."""
    given.come()
    given.find(team="Payments")
    alert = given.alert()
    item = given.ledger.read(problem_of("one", alert.key), dedup_key=alert.key, table="incident")
    busy = replace(item, pending=Pending(Operation.NOTE, item.orders, 9_999_999_999_999, "me"))
    assert given.ledger.write(busy) is not None
    assert given.come() == 120.0
    assert given.records.written == []


def test_another_event_of_the_problem_does_not_put_it_right(given: Given) -> None:
    """The one that opened the record does: it knows how it was opened."""
    given.come()
    given.find(team="Payments")
    later = EVENT | {"time": "2026-11-23T09:20:00Z"}
    alert = given.context.judged(later)[1]
    assert alert is not None
    message = Message("2", "r", json.dumps(later), receives=2)
    assert given.context.put_right(message, alert, lambda: later, 0.0, Deadline.after(given.clock, 60.0)) is None
    assert given.records.written == []
