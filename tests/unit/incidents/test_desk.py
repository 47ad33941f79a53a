"""The thin shell: what it calls, and what it reports."""

from copy import replace

import pytest

from common.clock import Deadline
from common.errors import NotYetError
from common.incidents import groups
from common.incidents.alert import Fold
from common.incidents.item import Operation, problem_of
from tests.support.clock import EPOCH
from tests.support.ledger import THROTTLED, refusal
from tests.support.office import Office
from tests.support.problems import NOTES
from tests.support.world import KEY, alerts


@pytest.mark.parametrize(
    ("before", "text", "calls", "operations"),
    [
        ("", "F1", ["create incident"], (Operation.OPEN,)),
        ("F1", "F1", [], ()),
        ("F1", "F2", [], ()),
        ("F1", "R2", ["update incident"], (Operation.RESOLVE,)),
        ("F1 R2", "F3", ["update incident"], (Operation.REOPEN,)),
        ("", "R1", [], ()),
        ("F1", "R2 F3 R4", ["update incident"], (Operation.RESOLVE,)),
    ],
)
def test_each_change_costs_one_call_and_nothing_is_looked_up(
    office: Office, before: str, text: str, calls: list[str], operations: tuple[Operation, ...]
) -> None:
    """A repeat costs none."""
    for word in before.split():
        office.apply(word)
    office.records.calls.clear()

    applied = office.apply(text)

    assert office.records.calls == calls
    assert applied.operations == operations
    assert applied.record == office.item().record


def test_the_clean_path_is_one_read_and_two_writes_of_the_ledger(office: Office) -> None:
    """The intent is written before the call, the outcome after it."""
    office.apply("F1")

    assert office.dynamodb.calls == ["get_item", "put_item", "put_item"]


def test_a_record_carries_its_key_and_its_marker(office: Office) -> None:
    """In the same request as its fields."""
    office.apply("F1")

    (sent,) = office.records.sent
    assert sent["short_description"] == "opened by F1"
    assert sent["correlation_id"].startswith(f"{problem_of('deployment', KEY)}-")
    assert sent["correlation_display"].startswith("servicenow-bridge:")
    assert sent["correlation_display"] == office.records.rows[0].marker


def test_a_resolution_carries_the_close_code_of_the_deployment(office: Office) -> None:
    """Where the rule names none."""
    office.apply("F1")
    office.apply("R2")

    assert office.records.sent[-1]["close_code"] == "Solution provided"


def test_each_claim_has_a_name_and_lasts_as_long_as_its_write_may(office: Office) -> None:
    """To the end of the function's time, and 70 s for ServiceNow and the clocks."""
    owners = set()
    for text in ("F1", "R2"):
        office.dynamodb.faults.extend([None, None, refusal(THROTTLED, "PutItem", EPOCH)])
        office.refused(text, seconds=40.0)
        claim = office.item().pending_write
        assert claim.lock_until == office.ledger.now() + 40_000 + 70_000
        owners.add(claim.owner)
        office.clock.advance(131)
        office.apply(text)
    assert len(owners) == 2
    assert all(len(owner) == 16 for owner in owners)


def test_a_success_is_counted_and_logged(office: Office) -> None:
    """With what helps to find it again."""
    office.apply("F1")
    office.apply("R2")
    office.apply("F3")

    assert office.reports.counts == {"RecordsOpened": 1, "RecordsResolved": 1, "RecordsReopened": 1}
    line = office.reports.lines[0]
    assert (line["operation"], line["record"], line["dedup_key"]) == ("open", "INC0000001", KEY)


def test_a_success_names_the_event_behind_it(office: Office) -> None:
    """From an event's id to its record, and back; a caller's request has no event."""
    (firing,) = alerts("F1")
    deadline = Deadline.after(office.clock, 60)

    office.desk.apply(Fold.of([replace(firing, event_id="event-1")]), deadline)
    office.desk.apply(Fold.of([replace(firing, key="of a caller")]), deadline)

    named, nameless = office.reports.lines
    assert named["event_id"] == "event-1"
    assert "event_id" not in nameless


def test_a_marker_that_servicenow_discards_is_reported(office: Office) -> None:
    """Somebody has to allow the field."""
    office.records.instance = replace(office.records.instance, discards_markers=True)

    office.apply("F1")

    assert office.reports.counts["MarkersDiscarded"] == 1
    assert "correlation_display" in office.reports.messages("WARNING")[0]


def test_a_state_that_the_rule_calls_resolved_is_read_as_resolved(office: Office) -> None:
    """The answer to the note shows what a person made of the record, in the states of the rule's own policy."""
    policy = replace(NOTES, resolved_state="3")
    office.apply("F1", policy)
    office.person("3")

    assert office.apply("F2", policy).operations == (Operation.NOTE, Operation.REOPEN_STATE)


def test_a_record_is_opened_where_the_rule_says_now_and_kept_where_it_is(office: Office) -> None:
    """The rule may have named another table when the problem was there before."""
    office.apply("R1")
    office.desk.apply(_of("F2", "problem"), Deadline.after(office.clock, 60))
    office.desk.apply(_of("F3", "incident"), Deadline.after(office.clock, 60))

    assert office.records.calls == ["create problem", "update problem"]


def test_what_has_no_room_in_a_group_gets_a_record_of_its_own(office: Office, monkeypatch: pytest.MonkeyPatch) -> None:
    """Known under the group and the member's first character, and resolved like any other."""
    monkeypatch.setattr(groups, "MOST_MEMBERS", 2)
    office.apply("aF1 bF1")
    assert office.apply("aF2 cF2", NOTES).operations == (Operation.NOTE, Operation.OPEN)
    assert office.apply("cR3").operations == (Operation.RESOLVE,)

    overflow = office.ledger.read(problem_of("deployment", f"{KEY}#c"), dedup_key="", table="")
    assert (set(overflow.orders), overflow.dedup_key, overflow.table) == ({"c"}, f"{KEY}#c", "incident")
    assert set(office.item().orders) == {"a", "b"}
    assert office.records.calls == ["create incident", "update incident", "create incident", "update incident"]


def test_members_that_recovered_more_than_thirty_days_ago_are_forgotten(office: Office) -> None:
    """With the next event of the group."""
    office.apply("aF1 bF1 cF1")
    office.apply("aR2 bR99")
    office.clock.advance(30 * 86_400 + 50)
    office.apply("cF2592000")

    assert set(office.item().orders) == {"b", "c"}


def _of(text: str, table: str) -> Fold:
    return Fold.of(replace(alert, table=table) for alert in alerts(text, NOTES))


@pytest.mark.parametrize("left", [0.0, 14.9])
def test_with_too_little_time_nothing_is_begun(office: Office, left: float) -> None:
    """Neither a claim nor a call; what needs no call is still done."""
    error = office.refused("F1", seconds=left)

    assert isinstance(error, NotYetError)
    assert error.retry_after == 0.0
    assert (office.records.calls, office.item().version) == ([], 0)
    assert office.apply("R1", seconds=left).operations == ()


def test_time_that_is_just_enough_is_used(office: Office) -> None:
    """15 s: the call, its settling, and a reserve."""
    assert office.apply("F1", seconds=15.0).operations == (Operation.OPEN,)


def test_an_item_that_was_read_already_is_not_read_again(office: Office) -> None:
    """Who read before another's write loses, as everybody does."""
    item = office.item()
    (firing,) = alerts("F1")

    applied = office.desk.apply_to(item, Fold.of([firing]), Deadline.after(office.clock, 60))

    assert applied.record == office.item().record
    assert office.dynamodb.calls == ["get_item", "put_item", "put_item", "get_item"]
    with pytest.raises(NotYetError):
        office.desk.apply_to(item, Fold.of([firing]), Deadline.after(office.clock, 60))
    assert office.records.calls == ["create incident"]
