"""Storms, and problems that cover others, over moto's DynamoDB and the simulated instance."""

from copy import replace

import pytest

from common.errors import NotYetError
from common.incidents.alert import Alert
from common.incidents.due import NotDueError
from common.incidents.item import problem_of
from common.incidents.openings import Openings
from common.incidents.storm import Cover, Storm
from tests.integration.incidents.counter import Counter
from tests.support.clock import EPOCH
from tests.support.world import alerts

STORM = Storm("all", 3, 300, {"short_description": "Storm", "impact": "1", "urgency": "1"})
NEW, RESOLVED = "1", "6"
START = int(EPOCH) * 1000


def alert(key: str, text: str, storm: Storm | None = STORM) -> Alert:
    """Return an alert of now about one problem."""
    (one,) = alerts(text)
    second = int(text[1:])
    joining = replace(storm, joining=f"Joined: {key}") if storm is not None and one.fields else None
    return replace(one, key=key, occurred_at=START + second * 1000, storm=joining)


def say(counter: Counter, key: str, text: str, storm: Storm | None = STORM) -> bool:
    """Let a message say it; return whether it waits for its hour."""
    try:
        counter.apply_alerts([alert(key, text, storm)])
    except NotDueError:
        return True
    return False


def test_thirty_problems_are_three_records_and_one(counter: Counter) -> None:
    """The fourth opens the storm's and waits half a minute to link the first three; the rest just join."""
    waits = [say(counter, f"p{number}", "F1") for number in range(30)]

    assert waits == [False] * 3 + [True] + [False] * 26
    assert len(counter.incidents()) == 4
    storm = counter.incidents()[3]
    assert (storm["short_description"], storm["impact"]) == ("Storm", "1")
    assert len(counter.notes()) == 19

    assert not say(counter, "p3", "F1")
    assert [incident["parent_incident"] for incident in counter.incidents()] == [storm["sys_id"]] * 3 + [""]
    assert counter.reports.counts["ProblemsGathered"] == 27
    assert (counter.reports.counts["StormsOpened"], counter.reports.counts["ChildrenLinked"]) == (1, 3)


def test_a_storm_resolves_when_all_have_recovered_its_children_too(counter: Counter) -> None:
    """ServiceNow would resolve a child with its parent."""
    for number in range(5):
        say(counter, f"p{number}", "F1")
    say(counter, "p3", "F1")
    for number in (4, 3, 2, 1):
        say(counter, f"p{number}", "R2")
    assert counter.states() == [NEW, RESOLVED, RESOLVED, NEW]

    say(counter, "p0", "R2")
    assert counter.states() == [RESOLVED] * 4


def test_what_fires_after_a_storm_is_counted_anew(counter: Counter) -> None:
    """And has a record of its own, with what it said before still known."""
    for number in range(5):
        say(counter, f"p{number}", "F1")
    for number in range(5):
        say(counter, f"p{number}", "R2")
    counter.clock.advance(600)
    say(counter, "p4", "F1")
    assert counter.states() == [RESOLVED] * 4
    say(counter, "p4", "F603")
    assert counter.states() == [RESOLVED] * 4 + [NEW]


def test_a_second_storm_has_another_record(counter: Counter) -> None:
    """Also of problems that were in the first."""
    for number in range(5):
        say(counter, f"p{number}", "F1")
    for number in range(5):
        say(counter, f"p{number}", "R2")
    for number in range(5, 8):
        say(counter, f"p{number}", "F3")
    say(counter, "p4", "F3")
    assert counter.states() == [RESOLVED] * 4 + [NEW]
    assert counter.ledger.read(problem_of("deployment", "p4"), dedup_key="p4", table="incident").joined


def test_a_rule_without_a_storm_costs_nothing(counter: Counter, monkeypatch: pytest.MonkeyPatch) -> None:
    """And one with it a single call for each problem that opens, none for a repeat."""
    calls: list[str] = []
    ask = type(counter.ledger).ask

    def counted(self: object, operation: str, **arguments: object) -> object:
        calls.append(operation)
        return ask(self, operation, **arguments)  # type: ignore[arg-type] # the ledger itself

    monkeypatch.setattr(type(counter.ledger), "ask", counted)
    say(counter, "plain", "F1", None)
    plain = list(calls)
    calls.clear()
    say(counter, "stormy", "F1")
    assert sorted(calls) == sorted([*plain, "update_item"])
    calls.clear()
    say(counter, "stormy", "F2")
    assert calls == ["get_item", "put_item"]


def test_openings_are_counted_within_the_time_only(counter: Counter) -> None:
    """In tenths, so that what is older than nine of them may not count; and what is long over is taken out."""
    openings = Openings(counter.ledger, deployment="deployment")
    counter.clock.advance(30 - counter.clock.now() % 30)
    sizes = []
    for number in range(14):
        sizes.append(len(openings.count(STORM, f"{number:032x}").problems))
        counter.clock.advance(30)
    assert sizes == [*range(1, 11), 10, 10, 10, 10]


def test_an_item_that_counts_does_not_grow(counter: Counter) -> None:
    """However far apart problems open, and whichever environment counts them."""
    for number in range(60):
        Openings(counter.ledger, deployment="deployment").count(STORM, f"{number:032x}")
        counter.clock.advance(1000)
    (item,) = counter.dynamodb.scan(TableName=counter.ledger.table)["Items"]
    assert len(item) < 30


def test_a_full_part_counts_no_further(counter: Counter) -> None:
    """A storm of thousands leaves one problem more than the bound in it."""
    openings = Openings(counter.ledger, deployment="deployment")
    counted = [openings.count(STORM, f"{number:032x}") for number in range(20)]
    assert [len(each.problems) > STORM.more_than for each in counted] == [False] * 3 + [True] * 17
    assert len({each.gathering for each in counted}) == 1
    (item,) = counter.dynamodb.scan(TableName=counter.ledger.table)["Items"]
    assert max(len(value.get("SS", [])) for value in item.values()) == STORM.more_than + 1


def cover(counter: Counter, text: str) -> None:
    """Let the problem that covers all of its account speak."""
    one = replace(alert("zone", text, None), covers=Cover(("account == covering.account",), {"account": "1"}))
    counter.apply_alerts([one])


def covered(counter: Counter, key: str, text: str, account: str = "1") -> bool:
    """Let a problem speak that may be covered; return whether it waits."""
    one = alert(key, text, None)
    try:
        counter.apply_alerts([replace(one, about={"account": account} if one.fields else None)])
    except NotYetError:
        return True
    return False


def test_what_is_covered_is_noted_and_opens_when_the_other_is_over(counter: Counter) -> None:
    """Only what the expression covers; noted once, however often it is judged."""
    cover(counter, "F1")
    assert covered(counter, "disk", "F2")
    assert covered(counter, "disk", "F2")
    assert not covered(counter, "elsewhere", "F2", "2")
    assert len(counter.incidents()) == 2
    assert counter.notes() == ["Not opened while this lasts: opened by F2"]

    cover(counter, "R3")
    assert not covered(counter, "disk", "F2")
    assert counter.states() == [RESOLVED, NEW, NEW]


def test_what_recovers_while_it_is_covered_writes_nothing(counter: Counter) -> None:
    """Its alarm finds that it is over."""
    cover(counter, "F1")
    assert covered(counter, "disk", "F2")
    assert not covered(counter, "disk", "R3")
    assert not covered(counter, "disk", "F2")
    cover(counter, "R4")
    assert counter.states() == [RESOLVED]


def test_nothing_is_covered_for_longer_than_twelve_hours(counter: Counter) -> None:
    """The queue keeps a message for days, and people should know."""
    cover(counter, "F1")
    assert covered(counter, "disk", "F2")
    counter.clock.advance(12 * 3600 + 3)
    assert not covered(counter, "disk", "F2")
    assert counter.states() == [NEW, NEW]


def test_twenty_covered_problems_are_noted_one_by_one(counter: Counter) -> None:
    """The rest is in the log."""
    cover(counter, "F1")
    for number in range(25):
        assert covered(counter, f"disk {number}", "F2")
    assert len(counter.notes()) == 20
    assert counter.reports.counts["ProblemsCovered"] == 25


def test_a_list_of_what_covers_is_bounded(counter: Counter) -> None:
    """It is read for each opening; what does not fit covers nothing, and is counted."""
    for number in range(21):
        one = replace(alert(f"zone {number}", "F1", None), covers=Cover(("`true`",), {}))
        counter.apply_alerts([one])
    large = replace(alert("large", "F1", None), covers=Cover(("`true`",), {"text": "x" * 9000}))
    counter.apply_alerts([large])
    assert counter.reports.counts["CoversRefused"] == 2
