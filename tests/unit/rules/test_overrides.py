"""What a deployment lays over the shipped rules."""

from pathlib import Path

import pytest

from common.incidents.alert import ONLY_MEMBER, OnRepeat, dedup_key
from tests.support.own_rules import EVENT, alert_of, detail, load


def test_an_override_replaces_adds_and_removes_fields(tmp_path: Path) -> None:
    """What it does not name stays."""
    fields = '{ category = "", assignment_group = "Disks", short_description = "{{ detail.disk }} in {{ region }}" }'
    alert = alert_of(load(tmp_path, f"[[override]]\nfields = {fields}\n"))
    assert "category" not in alert.fields
    assert alert.fields["assignment_group"] == "Disks"
    assert alert.fields["short_description"] == "a in eu-west-1"
    assert alert.fields["impact"] == "2"


def test_the_key_stays_whatever_is_laid_over(tmp_path: Path) -> None:
    """Or what is open under the old key would never be resolved."""
    plain = alert_of(load(tmp_path)).key
    assert alert_of(load(tmp_path, '[[override]]\nfields = { category = "x" }\n')).key == plain


@pytest.mark.parametrize(
    ("match", "holds"),
    [
        ("account == '111122223333'", True),
        ("account == '444455556666'", False),
        ("tag(detail.tags, 'team') == 'data'", True),
        ("tag(detail.tags, 'stage') == 'data'", False),
        ("severity == 'low'", True),
        ("contains(['critical', 'high'], severity)", False),
        ("rule == 'disk-full'", True),
        ("starts_with(detail.disk, 'b')", False),
        ("detail.absent.deeper", False),
    ],
)
def test_an_override_is_for_the_events_that_it_matches(tmp_path: Path, match: str, *, holds: bool) -> None:
    """By account, tag, severity, rule or name."""
    rules = load(tmp_path, f'[[override]]\nmatch = "{match}"\nfields = {{ category = "software" }}\n')
    assert (alert_of(rules).fields["category"] == "software") is holds


@pytest.mark.parametrize(
    ("patterns", "concerned"),
    [('"disk-*"', True), ('["tape-*", "disk-full"]', True), ('"tape-*"', False), ('"*"', True)],
)
def test_an_override_is_for_the_rules_that_it_names(tmp_path: Path, patterns: str, *, concerned: bool) -> None:
    """A star stands for anything."""
    rules = load(tmp_path, f'[[override]]\nrules = {patterns}\nfields = {{ category = "software" }}\n')
    assert (alert_of(rules).fields["category"] == "software") is concerned


def test_the_later_override_wins(tmp_path: Path) -> None:
    """In the order of the files' names, and of the file; each changes only what it names."""
    first = '[[override]]\nname = "one"\nfields = { category = "a", location = "a" }\n'
    first += '[[override]]\npolicy = { on_repeat = "note" }\n'
    second = '[[override]]\nname = "three"\nfields = { category = "b" }\n'
    rules = load(tmp_path, first, second)
    matched = rules.match(EVENT)
    assert matched is not None
    assert matched.overrides == ("one", "own/0.toml, override 2", "three")
    alert = alert_of(rules)
    assert (alert.fields["category"], alert.fields["location"]) == ("b", "a")
    assert alert.policy.on_repeat is OnRepeat.NOTE


def test_a_severity_that_is_laid_over_counts_for_later_overrides(tmp_path: Path) -> None:
    """And for impact and urgency."""
    raised = "[[override]]\nseverity = \"'critical'\"\n"
    routed = "[[override]]\nmatch = \"severity == 'critical'\"\nfields = { assignment_group = 'Major' }\n"
    alert = alert_of(load(tmp_path, raised, routed))
    assert (alert.fields["impact"], alert.fields["urgency"], alert.fields["assignment_group"]) == ("1", "1", "Major")


def test_what_is_dropped_opens_nothing_and_still_recovers(tmp_path: Path) -> None:
    """What was opened before is not left behind."""
    rules = load(tmp_path, '[[override]]\nname = "quiet"\ndrop = true\n')
    matched = rules.match(EVENT)
    assert matched is not None
    assert matched.dropped_by == "quiet"
    assert matched.alert(EVENT) is None
    assert matched.alert(detail(state="fine")) is not None


def test_a_drop_can_be_taken_back(tmp_path: Path) -> None:
    """By a later override that says so."""
    kept = "[[override]]\nmatch = \"detail.disk == 'a'\"\ndrop = false\n"
    rules = load(tmp_path, "[[override]]\ndrop = true\n", kept)
    assert alert_of(rules).fields["category"] == "hardware"
    other = rules.match(detail(disk="b"))
    assert other is not None
    assert other.alert(detail(disk="b")) is None


def test_a_table_replaces_the_one_of_the_rule(tmp_path: Path) -> None:
    """With the states that it needs, and without the description that incidents always have."""
    own = '[[override]]\ntable = "u_disk"\npolicy = { resolved_state = "106", on_return = "replace" }\n'
    alert = alert_of(load(tmp_path, own, tables=("u_disk",)))
    assert (alert.table, alert.policy.resolved_state) == ("u_disk", "106")
    assert set(alert.fields) == {"short_description", "category", "impact", "urgency"}


# Groups


def test_a_group_folds_problems_into_one(tmp_path: Path) -> None:
    """Each is a member of its own, and a recovery is about the same member."""
    rules = load(tmp_path, '[[override]]\ngroup = ["detail.room"]\n')
    first, second = alert_of(rules, detail(room="r")), alert_of(rules, detail(room="r", disk="b"))
    assert first.key == second.key != alert_of(rules, detail(room="s")).key
    assert first.member != second.member
    recovery = alert_of(rules, detail(room="r", state="fine"))
    assert (recovery.key, recovery.member) == (first.key, first.member)
    assert len(first.member) == 16
    assert first.key == dedup_key("group", "111122223333", "eu-west-1", "my.disks", "disk-full", "r")


def test_an_event_without_a_group_has_a_record_of_its_own(tmp_path: Path) -> None:
    """Nobody wants all that lacks a label in one record."""
    plain = alert_of(load(tmp_path))
    grouped = alert_of(load(tmp_path, '[[override]]\ngroup = ["detail.room"]\n'))
    assert (grouped.key, grouped.member) == (plain.key, ONLY_MEMBER)


@pytest.mark.parametrize("field", ["account", "region", "source"])
def test_a_group_keeps_its_origin(tmp_path: Path, field: str) -> None:
    """Alarms of another account, Region or source are never folded in."""
    own = """
    [[rule]]
    name = "any"
    source = "*"
    detail_type = "Any"
    key = ["id"]
    firing = "`true`"
    group = ["detail.disk"]
    fields = { short_description = "x" }
    """
    rules = load(tmp_path, own)
    event = EVENT | {"detail-type": "Any"}
    assert alert_of(rules, event).key != alert_of(rules, event | {field: "other"}).key


def test_the_overrides_are_listed_as_they_are_laid_over(tmp_path: Path) -> None:
    """For a person who wants to see what there is."""
    first, second = '[[override]]\nname = "one"\ndrop = true\n', '[[override]]\nname = "two"\ndrop = false\n'
    assert [each.name for each in load(tmp_path, first, second).overrides] == ["one", "two"]


def test_an_override_that_names_no_group_leaves_it_as_it_is(tmp_path: Path) -> None:
    """Whatever else it changes."""
    grouped = load(tmp_path, '[[override]]\ngroup = ["detail.disk"]\n')
    changed = load(tmp_path, '[[override]]\ngroup = ["detail.disk"]\n', "[[override]]\nfields = { impact = 1 }\n")
    assert (alert_of(changed).key, alert_of(changed).member) == (alert_of(grouped).key, alert_of(grouped).member)
    assert alert_of(changed).member != ONLY_MEMBER


def test_a_group_is_taken_away_by_an_empty_list(tmp_path: Path) -> None:
    """By a later override."""
    rules = load(tmp_path, '[[override]]\ngroup = ["detail.disk"]\n', "[[override]]\ngroup = []\n")
    assert alert_of(rules).member == ONLY_MEMBER


@pytest.mark.parametrize(("text", "seconds"), [("90s", 90), ("2m", 120), ("12h", 43_200)])
def test_an_override_lets_alerts_wait(tmp_path: Path, text: str, seconds: int) -> None:
    """A problem, a recovery, or both; a later one takes it back."""
    waits = f'[[override]]\nhold = "{text}"\nsettle = "1s"\n'
    policy = alert_of(load(tmp_path, waits)).policy
    assert (policy.hold, policy.settle) == (seconds, 1)
    later = alert_of(load(tmp_path, waits + '[[override]]\nhold = "0s"\n')).policy
    assert (later.hold, later.settle) == (0, 1)


def test_an_override_says_from_when_on_a_problem_flaps(tmp_path: Path) -> None:
    """0 takes it back."""
    flaps = "[[override]]\nflapping = 6\n"
    assert alert_of(load(tmp_path, flaps)).policy.flapping == 6
    assert alert_of(load(tmp_path, flaps + "[[override]]\nflapping = 0\n")).policy.flapping == 0
