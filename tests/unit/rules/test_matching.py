"""Which of several rules takes an event, and what an event may choose itself."""

from pathlib import Path
from typing import Any

import pytest

from common.errors import PermanentError
from tests.support.own_rules import EVENT, TAPE, alert_of, catch_all, detail, load


def test_a_rule_may_have_several_sources(tmp_path: Path) -> None:
    """And each keeps its own problems."""
    rules = load(tmp_path)
    old = TAPE | {"source": "my.old.tapes"}
    assert alert_of(rules, TAPE).fields["short_description"] == "Tape t"
    assert alert_of(rules, TAPE).key != alert_of(rules, old).key


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
    """Whatever the order of its fields; another content has another, and the same for another table."""
    rules = load(tmp_path, CHOOSER, tables=("u_disk",))
    fields = ASK["detail"]["fields"]
    turned = ASK | {"detail": {"fields": dict(reversed(fields.items())), "table": "u_disk"}}
    changed = ASK | {"detail": {"table": "u_disk", "fields": fields | {"u_size": 4}}}
    assert alert_of(rules, ASK).fingerprint == alert_of(rules, turned).fingerprint
    assert alert_of(rules, ASK).fingerprint != alert_of(rules, changed).fingerprint
    elsewhere = ASK | {"detail": {"table": "incident", "fields": fields}}
    assert alert_of(rules, ASK).fingerprint != alert_of(rules, elsewhere).fingerprint


@pytest.mark.parametrize(
    ("asked", "reason"),
    [
        (
            {"table": "u_disk", "fields": {"category": "x"}},
            r"detail\.fields\.'category' may not be set .* Leave it out, or add it to what the rule chooser accepts",
        ),
        ({"table": "u_disk", "fields": {"sys_id": "x"}}, r"detail\.fields\.'sys_id' may not be set .* Leave it out\.$"),
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
    more = CHOOSER + '[[override]]\nrules = "chooser"\naccepts = ["category"]\n'
    assert alert_of(load(tmp_path, more, tables=("u_disk",)), ASK).table == "u_disk"
    own = CHOOSER + '[[override]]\nrules = "chooser"\naccepts = ["category"]\ntable = "incident"\n'
    alert = alert_of(load(tmp_path, own, tables=("u_disk",)), ASK | {"detail": {"fields": {"category": "network"}}})
    assert (alert.table, alert.fields["category"]) == ("incident", "network")


@pytest.mark.parametrize("level", ["0", "4", "high", ""])
def test_an_impact_that_servicenow_does_not_have_gives_way_to_the_severity(tmp_path: Path, level: str) -> None:
    """ServiceNow would drop it without a word."""
    rules = load(tmp_path, '[[override]]\nfields = { impact = "{{ detail.level }}" }\n')
    assert alert_of(rules, detail(level=level)).fields["impact"] == "2"
    assert alert_of(rules, detail(level="3")).fields["impact"] == "3"
