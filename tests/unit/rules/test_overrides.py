"""What a deployment lays over the shipped rules, and which of several rules takes an event."""

from pathlib import Path
from typing import Any

import pytest

from common.errors import ConfigurationError, PermanentError
from common.incidents.alert import ONLY_MEMBER, Alert, OnRepeat
from common.incidents.rules import Rules, load_rules

SHIPPED = """
[[rule]]
name = "disk-full"
source = "my.disks"
detail_type = "Disk"
key = ["detail.disk"]
firing = "detail.state == 'full'"
resolved = "detail.state == 'fine'"
severity = "detail.rank"
fields = { short_description = "Disk {{ detail.disk }}", category = "hardware" }

[[rule]]
name = "tape-torn"
source = ["my.tapes", "my.old.tapes"]
detail_type = "Tape"
key = ["detail.tape"]
firing = "`true`"
fields = { short_description = "Tape {{ detail.tape }}" }
"""
EVENT: dict[str, Any] = {
    "source": "my.disks",
    "detail-type": "Disk",
    "account": "111122223333",
    "region": "eu-west-1",
    "time": "2026-11-23T09:15:31Z",
    "id": "1",
    "resources": ["arn:aws:ec2:eu-west-1:111122223333:instance/i-1"],
    "detail": {"disk": "a", "state": "full", "rank": "low", "tags": [{"Key": "team", "Value": "data"}]},
}
TAPE = EVENT | {"source": "my.tapes", "detail-type": "Tape", "detail": {"tape": "t"}}


def load(directory: Path, *own: str, tables: tuple[str, ...] = ()) -> Rules:
    """Return the shipped rules with files of one's own."""
    (directory / "disks.toml").write_text(SHIPPED)
    (directory / "own").mkdir(exist_ok=True)
    for number, text in enumerate(own):
        (directory / f"own/{number}.toml").write_text(text)
    return load_rules(directory, tables)


def alert_of(rules: Rules, event: dict[str, Any] | None = None) -> Alert:
    """Return the alert of an event."""
    event = event or EVENT
    rule = rules.match(event)
    assert rule is not None
    alert = rule.alert(event)
    assert alert is not None
    return alert


def detail(**changes: Any) -> dict[str, Any]:  # noqa: ANN401 (any JSON value)
    """Return the event with another detail."""
    return EVENT | {"detail": EVENT["detail"] | changes}


def mistakes(directory: Path, *own: str, tables: tuple[str, ...] = ()) -> str:
    """Return what is wrong with files of one's own."""
    with pytest.raises(ConfigurationError) as caught:
        load(directory, *own, tables=tables)
    return caught.value.message


# What an override changes


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
    own = '[[override]]\ntable = "problem"\npolicy = { resolved_state = "106", on_return = "replace" }\n'
    alert = alert_of(load(tmp_path, own, tables=("problem",)))
    assert (alert.table, alert.policy.resolved_state) == ("problem", "106")
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


def test_a_group_is_taken_away_by_an_empty_list(tmp_path: Path) -> None:
    """By a later override."""
    rules = load(tmp_path, '[[override]]\ngroup = ["detail.disk"]\n', "[[override]]\ngroup = []\n")
    assert alert_of(rules).member == ONLY_MEMBER


# Which rule


def test_a_rule_may_have_several_sources(tmp_path: Path) -> None:
    """And each keeps its own problems."""
    rules = load(tmp_path)
    old = TAPE | {"source": "my.old.tapes"}
    assert alert_of(rules, TAPE).fields["short_description"] == "Tape t"
    assert alert_of(rules, TAPE).key != alert_of(rules, old).key


def catch_all(name: str, source: str, detail_type: str) -> str:
    """Return a rule of one's own."""
    return f"""
    [[rule]]
    name = "{name}"
    source = "{source}"
    detail_type = "{detail_type}"
    key = ["id"]
    firing = "`true`"
    fields = {{ short_description = "{name}" }}
    """


def test_the_rule_that_says_most_takes_the_event(tmp_path: Path) -> None:
    """Whatever the order of the files; a rule for everything comes last."""
    rules = load(
        tmp_path,
        catch_all("all", "*", "*") + catch_all("of-source", "my.disks", "*") + catch_all("of-type", "*", "Disk"),
    )
    names = [
        rule.name if (rule := rules.match(EVENT | changes)) else None
        for changes in (
            {},
            {"source": "other"},
            {"detail-type": "Other"},
            {"source": "other", "detail-type": "Other"},
        )
    ]
    assert names == ["disk-full", "of-type", "of-source", "all"]


def test_a_rule_of_ones_own_goes_before_a_shipped_one(tmp_path: Path) -> None:
    """With a condition it takes a part of its events."""
    own = catch_all("own", "my.disks", "Disk").replace("firing", "when = \"detail.disk == 'b'\"\n    firing")
    rules = load(tmp_path, own)
    assert alert_of(rules, detail(disk="b")).fields["short_description"] == "own"
    assert alert_of(rules).fields["short_description"] == "Disk a"


def test_without_a_rule_there_is_no_match(tmp_path: Path) -> None:
    """Somebody else's events."""
    assert load(tmp_path).match(EVENT | {"detail-type": "Other"}) is None


# Fields and tables that an event chooses

CHOOSER = """
[[rule]]
name = "chooser"
source = "my.app"
detail_type = "Ask"
key = ["id"]
firing = "`true`"
table_from = "detail.table"
fields_from = "detail.fields"
accepts = ["short_description", "u_*"]
once = true
policy = { on_recovery = "leave" }
"""
ASK = EVENT | {
    "source": "my.app",
    "detail-type": "Ask",
    "detail": {"table": "u_disk", "fields": {"u_size": 3, "u_spare": True, "u_none": None, "short_description": "x"}},
}


def test_an_event_may_bring_its_table_and_fields(tmp_path: Path) -> None:
    """As far as the rule accepts them; numbers and truth values become text."""
    alert = alert_of(load(tmp_path, CHOOSER, tables=("u_disk",)), ASK)
    assert alert.table == "u_disk"
    assert alert.fields == {"u_size": "3", "u_spare": "true", "short_description": "x"}
    assert alert.fingerprint


def test_the_same_request_has_the_same_fingerprint(tmp_path: Path) -> None:
    """Whatever the order of its fields, and another content has another."""
    rules = load(tmp_path, CHOOSER, tables=("u_disk",))
    fields = ASK["detail"]["fields"]
    turned = ASK | {"detail": {"fields": dict(reversed(fields.items())), "table": "u_disk"}}
    changed = ASK | {"detail": {"table": "u_disk", "fields": fields | {"u_size": 4}}}
    assert alert_of(rules, ASK).fingerprint == alert_of(rules, turned).fingerprint
    assert alert_of(rules, ASK).fingerprint != alert_of(rules, changed).fingerprint


@pytest.mark.parametrize(
    ("asked", "reason"),
    [
        ({"table": "u_disk", "fields": {"category": "x"}}, r"detail\.fields\.'category' may not be set"),
        ({"table": "u_disk", "fields": {"sys_id": "x"}}, r"detail\.fields\.'sys_id' may not be set"),
        ({"table": "u_disk", "fields": {"U_X": "x"}}, r"detail\.fields\.'U_X' may not be set"),
        ({"table": "sys_user", "fields": {}}, r"detail\.table names a table that may not be written"),
        ({"table": "em_event", "fields": {}}, r"detail\.table names a table that may not be written"),
        ({"fields": {}}, r"detail\.table names a table that may not be written"),
    ],
)
def test_what_an_event_may_not_choose_is_refused(tmp_path: Path, asked: dict[str, Any], reason: str) -> None:
    """With the name of the field."""
    rules = load(tmp_path, CHOOSER, tables=("u_disk", "em_event"))
    with pytest.raises(PermanentError, match=reason):
        alert_of(rules, ASK | {"detail": asked})


@pytest.mark.parametrize("fields", [None, [], "x"])
def test_fields_that_are_no_object_are_none(tmp_path: Path, fields: object) -> None:
    """The rule's own are still there."""
    rules = load(tmp_path, CHOOSER, tables=("u_disk",))
    assert alert_of(rules, ASK | {"detail": {"table": "incident", "fields": fields}}).fields.keys() == {
        "impact",
        "urgency",
        "description",
    }


def test_an_override_accepts_more_and_may_fix_the_table(tmp_path: Path) -> None:
    """What an event may choose is the deployment's business."""
    own = CHOOSER + '[[override]]\nrules = "chooser"\naccepts = ["category"]\ntable = "incident"\n'
    alert = alert_of(load(tmp_path, own, tables=("u_disk",)), ASK | {"detail": {"fields": {"category": "network"}}})
    assert (alert.table, alert.fields["category"]) == ("incident", "network")


@pytest.mark.parametrize("level", ["0", "4", "high", ""])
def test_an_impact_that_servicenow_does_not_have_gives_way_to_the_severity(tmp_path: Path, level: str) -> None:
    """ServiceNow would drop it without a word."""
    rules = load(tmp_path, '[[override]]\nfields = { impact = "{{ detail.level }}" }\n')
    assert alert_of(rules, detail(level=level)).fields["impact"] == "2"
    assert alert_of(rules, detail(level="3")).fields["impact"] == "3"


# Mistakes


@pytest.mark.parametrize(
    ("own", "mistake"),
    [
        ("[[override]]\n", "own/0.toml, override 1: drop is missing: say what changes"),
        ("[[override]]\nmatch = '`true`'\n", "drop is missing: say what changes, with one of drop, table"),
        ('[[override]]\ndrop = "yes"\n', "drop is neither true nor false."),
        ("[[override]]\nname = 7\ndrop = true\n", "name is no text."),
        ("[[override]]\ncolour = 'red'\ndrop = true\n", "colour is not known; the fields are accepts, drop"),
        ("[[override]]\nmatch = 'a b'\ndrop = true\n", "match is wrong: 'a b' is no JMESPath expression"),
        ("[[override]]\nrules = ['nope-*']\ndrop = true\n", "rules names no rule that there is: disk-full, tape-torn."),
        ("[[override]]\nrules = 7\ndrop = true\n", "rules is neither a text nor a list of texts."),
        ("[[override]]\ngroup = 'detail.x'\n", "group is no list of expressions."),
        ("[[override]]\nfields = { impact = 4 }\n", "fields.impact is none of 1, 2, 3."),
        ("[[override]]\nfields = { urgency = 'high' }\n", "fields.urgency is none of 1, 2, 3."),
        ("[[override]]\nfields = { message_key = 'x' }\n", "fields.message_key is set by the bridge itself."),
        ("[[override]]\ntable = 'problem'\n", "table is problem, which may not be written: add it to the parameter"),
        ("[[override]]\ntable = 'Problem'\n", "table is no name that ServiceNow uses"),
        ("override = 'x'\n", "own/0.toml: override is no list of tables; every override begins with [[override]]."),
        (catch_all("disk-full", "x", "y"), "own, rule disk-full: name is that of a shipped rule"),
        (catch_all("x", "x", "y").replace('"x"', '["x", "*"]', 2), "name is no text"),
        (
            catch_all("own", "x", "y").replace('source = "x"', 'source = ["x", "*"]'),
            "rule own: source has * beside others; * alone stands for all of them.",
        ),
        (catch_all("own", "x", "y") + 'once = "yes"', "once is neither true nor false."),
        (catch_all("one", "*", "y") + catch_all("two", "*", "y"), "rule two: when never counts"),
    ],
)
def test_a_mistake_of_ones_own_is_named(tmp_path: Path, own: str, mistake: str) -> None:
    """With the file, the rule or override, and the field."""
    assert mistake in mistakes(tmp_path, own)


@pytest.mark.parametrize(
    ("policy", "field"),
    [
        ("{}", "resolved_state"),
        ('{ resolved_state = "3" }', "reopened_state"),
        ('{ on_return = "replace" }', "resolved_state"),
    ],
)
def test_a_table_whose_states_nobody_knows_needs_them(tmp_path: Path, policy: str, field: str) -> None:
    """An incident's 6 means something else there."""
    own = f'[[override]]\nrules = "disk-full"\ntable = "problem"\npolicy = {policy}\n'
    message = mistakes(tmp_path, own, tables=("problem",))
    assert f"own/0.toml, override 1: policy.{field} is missing: say which state of problem means" in message
    as_rule = SHIPPED.replace('"disk-full"', f'"own-disk"\ntable = "problem"\npolicy = {policy}')
    assert f"rule own-disk: policy.{field} is missing" in mistakes(tmp_path, as_rule, tables=("problem",))


@pytest.mark.parametrize(
    "policy",
    [
        '{ on_recovery = "note" }',
        '{ on_recovery = "leave" }',
        '{ resolved_state = "3", on_return = "replace" }',
        '{ resolved_state = "3", reopened_state = "2" }',
    ],
)
def test_a_table_with_its_states_or_without_a_recovery_is_fine(tmp_path: Path, policy: str) -> None:
    """A rule without recovery needs none."""
    own = f'[[override]]\nrules = "*"\ntable = "problem"\npolicy = {policy}\n'
    assert alert_of(load(tmp_path, own, tables=("problem",))).table == "problem"
    tapes = '[[override]]\nrules = "tape-torn"\ntable = "problem"\n'
    assert alert_of(load(tmp_path, tapes, tables=("problem",)), TAPE).table == "problem"
