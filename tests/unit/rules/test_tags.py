"""Rules and overrides may ask for tags of what an event is about, and which they ask for is known before it comes."""

import json
from pathlib import Path
from shutil import copytree, ignore_patterns
from typing import Any

import pytest

from common.bridge.clients import RULES as SHIPPED
from common.errors import ConfigurationError
from common.incidents.expressions import Expression, Template
from local.rules import main
from tests.support.own_rules import EVENT, TAPE, alert_of, detail, load

BY_TEAM = """
[[override]]
match = "tags.team == 'payments'"
fields = { assignment_group = "Payments", description = "Centre {{ tags.\\"cost-center\\" }}" }
"""


@pytest.mark.parametrize(
    ("source", "names"),
    [
        ("tags.team", {"team"}),
        ('tags."cost-center"', {"cost-center"}),
        ('tags."aws:cloudformation:stack-name"', {"aws:cloudformation:stack-name"}),
        ("lower(tags.team) || tags.owner", {"team", "owner"}),
        ("starts_with(tags.team, 'a') && detail.list[?tags.b] | [0]", {"team"}),
        ("{a: tags.b}", {"b"}),
        ("[tags.a, detail.tags.b]", {"a"}),
        ("detail.tags.team", set()),
        ("detail.list[].{a: tags.b}", set()),
        ("sort_by(detail.list, &tags.z)", set()),
        ("tag(detail.instance.tags, 'team')", set()),
    ],
)
def test_an_expression_knows_which_tags_it_asks_for(source: str, names: set[str]) -> None:
    """Those of the event as a whole; what else is called tags, inside of it, is something else."""
    assert Expression.parse(source).tags == names
    assert Template.parse(f"Of: {{{{ {source} }}}}\nsecond").tags == names


@pytest.mark.parametrize(
    ("source", "why"),
    [
        ("tags", "name one, such as tags.team"),
        ("keys(tags)", "name one, such as tags.team"),
        ("tags[0]", "name one, such as tags.team"),
        ("tags.*", "name one, such as tags.team"),
        ("tags.team.lead", "tags.team is a text and has no lead"),
        ('tags."team!"', "'team!' can be no tag"),
        (f'tags."{"x" * 129}"', "can be no tag: 1 to 128 letters"),
    ],
)
def test_what_can_be_no_tag_is_a_mistake(source: str, why: str) -> None:
    """A look-up of it would never find anything."""
    with pytest.raises(ValueError, match=why):
        Expression.parse(source)


def test_tags_decide_who_gets_a_record(tmp_path: Path) -> None:
    """In any field, and in the match of an override."""
    rules = load(tmp_path, BY_TEAM)
    fields = alert_of(rules, {**EVENT, "tags": {"team": "payments", "cost-center": "42"}}).fields

    assert fields["assignment_group"] == "Payments"
    assert fields["description"].startswith("Centre 42\n")
    assert "assignment_group" not in alert_of(rules, {**EVENT, "tags": {}}).fields
    assert "assignment_group" not in alert_of(rules).fields


@pytest.mark.parametrize(
    ("own", "event", "names"),
    [
        (BY_TEAM, EVENT, {"team", "cost-center"}),
        (BY_TEAM, TAPE, {"team", "cost-center"}),
        (BY_TEAM.replace("[[override]]", "[[override]]\nrules = ['tape-*']"), EVENT, set()),
        (BY_TEAM, detail(state="fine"), {"team"}),
        (BY_TEAM, detail(state="odd"), set()),
        (BY_TEAM, {**EVENT, "source": "nobody"}, set()),
        ("[[override]]\nmatch = \"detail.disk == 'b'\"\nfields = { u_a = '{{ tags.a }}' }", EVENT, set()),
        ("[[override]]\nmatch = \"detail.disk == 'a'\"\nfields = { u_a = '{{ tags.a }}' }", EVENT, {"a"}),
        ("[[override]]\nseverity = 'tags.rank'", detail(state="fine"), {"rank"}),
        ("[[override]]\nfields = { category = 'x' }", EVENT, set()),
    ],
)
def test_only_what_may_count_for_an_event_is_asked_for(
    tmp_path: Path, own: str, event: dict[str, Any], names: set[str]
) -> None:
    """Of its own rule and the overrides that could apply; a recovery writes no fields, and needs no tags of theirs."""
    assert load(tmp_path, own).tags_for(event) == names


@pytest.mark.parametrize("field", ["when", "firing", "resolved", "time", "origin", "key", "group"])
def test_what_names_a_problem_does_not_depend_on_tags(tmp_path: Path, field: str) -> None:
    """They may not be known, or be others, when the problem is over: nothing would resolve its record."""
    entries = {"key": '["detail.a"]', "firing": '"`true`"'}
    entries[field] = '["tags.team"]' if field in ("key", "group") else '"tags.team"'
    rule = "\n".join(f"{name} = {value}" for name, value in entries.items())
    with pytest.raises(ConfigurationError, match=f"rule mine: {field} can't ask for tags"):
        load(
            tmp_path, f'[[rule]]\nname = "mine"\nsource = "a"\ndetail_type = "b"\n{rule}\nfields = {{ category = "x" }}'
        )


@pytest.mark.parametrize("override", ['group = ["tags.team"]', 'match = "tags.team"\ngroup = ["detail.disk"]'])
def test_a_group_does_not_depend_on_tags(tmp_path: Path, override: str) -> None:
    """Neither by what it is called, nor by when it is one."""
    with pytest.raises(ConfigurationError, match="group can't depend on tags"):
        load(tmp_path, f"[[override]]\n{override}")


@pytest.mark.parametrize(
    ("runbook", "first"),
    [
        ("https://wiki.example.com/{{ detail.disk }}", "Runbook at wiki.example.com: https://wiki.example.com/a"),
        ("https://{{ tags.runbook }}", "Runbook at wiki.example.com: https://wiki.example.com/t"),
        ("{{ detail.nothing }}", "Account: 111122223333"),
        ("{{ detail.rank }}", "Runbook left out: it is no https address."),
    ],
)
def test_a_runbook_stands_first_in_the_description(tmp_path: Path, runbook: str, first: str) -> None:
    """From the rule, an override or a tag; only an https address becomes a link."""
    rules = load(tmp_path, f'[[override]]\nrunbook = "{runbook}"')
    alert = alert_of(rules, {**EVENT, "tags": {"runbook": "wiki.example.com/t"}})
    assert alert.fields["description"].split("\n")[0] == first


def test_a_runbook_goes_before_what_the_rule_says(tmp_path: Path) -> None:
    """Which stays as it is."""
    rules = load(tmp_path, '[[override]]\nrunbook = "https://a.example.com/"\nfields = { description = "Full." }')
    assert (
        alert_of(rules)
        .fields["description"]
        .startswith("Runbook at a.example.com: https://a.example.com/\n\nFull.\n\nAccount:")
    )


def test_a_runbook_that_is_no_link_is_a_mistake(tmp_path: Path) -> None:
    """Nobody could open it."""
    with pytest.raises(ConfigurationError, match="runbook is no https address"):
        load(tmp_path, '[[override]]\nrunbook = "wiki/payments"')


def test_windows_do_not_ask_for_tags(tmp_path: Path) -> None:
    """None are looked up for them."""
    window = '[[window]]\nname = "w"\nmatch = "tags.team"\nfrom = "2026-01-01T00:00Z"\nuntil = "2026-01-02T00:00Z"'
    with pytest.raises(ConfigurationError, match="match can't ask for tags"):
        load(tmp_path, window)


TEAMS = """
[[override]]
rules = ["disk-*"]
match = "detail.disk == 'a'"
[override.fields]
category = "hardware"
assignment_group = "{{ tags.team }}"
"""


def told(capsys: pytest.CaptureFixture[str], directory: Path, *arguments: str) -> list[str]:
    """Return what `make rules` says about rules of one's own."""
    main(["--rules", str(directory), *arguments])
    return capsys.readouterr().out.splitlines()


def test_make_rules_warns_where_tags_are_asked_for_and_none_are_looked_up(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    """With file and line; a deployment that looks them up says so."""
    load(tmp_path, TEAMS)
    [warning] = [line for line in told(capsys, tmp_path) if "asks for tags" in line]
    assert "own/0.toml, override 1: asks for tags (team), and none are looked up" in warning
    assert warning.endswith(" (own/0.toml, line 7)")


def test_of_a_shipped_rule_its_samples_tell_whether_its_events_name_a_resource(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    """A case of AWS Support is about none; an alarm, a finding is."""
    rules = tmp_path / "rules"
    copytree(SHIPPED, rules, ignore=ignore_patterns("own"))
    (rules / "own").mkdir()
    names = ("support-case", "cloudwatch-alarm", "guardduty-finding")
    asks = 'fields = {assignment_group = "{{ tags.team }}"}'
    (rules / "own/own.toml").write_text("\n".join(f'[[override]]\nrules = ["{name}"]\n{asks}' for name in names))

    [warning] = [line for line in told(capsys, rules, "--tag-lookups", "resources") if "asks for tags" in line]

    assert "own/own.toml, override 1: asks for tags (team) of events that name no resource" in warning


def test_make_rules_warns_where_events_name_no_resource(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """Tags of an account are all that there can be."""
    load(tmp_path, TEAMS)
    resources = [line for line in told(capsys, tmp_path, "--tag-lookups", "resources") if "asks for tags" in line]
    accounts = [line for line in told(capsys, tmp_path, "--tag-lookups", "accounts") if "asks for tags" in line]
    assert len(resources) == 1
    assert "of events that name no resource of AWS" in resources[0]
    assert accounts == []


def test_make_rules_names_the_line_of_a_mistake(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """That of the entry, or of its heading."""
    load(tmp_path)
    (tmp_path / "own/teams.toml").write_text(TEAMS + '\n[[override]]\nname = "two"\nmatch = "tags"\ndrop = true\n')
    [wrong] = [line for line in told(capsys, tmp_path) if line.startswith("wrong")]
    assert wrong.endswith(" (own/teams.toml, line 11)")


def test_make_rules_shows_an_event_with_tags(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """What they lead to, and which ones would have to be known."""
    load(tmp_path, TEAMS)
    file = tmp_path / "event.json"
    file.write_text(json.dumps(EVENT))
    without = "\n".join(told(capsys, tmp_path, "--event", str(file)))
    assert "tags                team=(TAGS=… says one)" in without
    shown = "\n".join(told(capsys, tmp_path, "--event", str(file), "--tags", "team=payments,tier=gold"))
    assert "tags                team=payments" in shown
    assert "assignment_group  payments" in shown
    assert "item                of arn:aws:ec2:eu-west-1:111122223333:instance/i-1" in shown
    with pytest.raises(SystemExit):
        told(capsys, tmp_path, "--event", str(file), "--tags", "payments")
