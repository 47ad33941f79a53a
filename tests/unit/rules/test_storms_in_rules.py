"""What rules and overrides say of storms, and of problems that cover others."""

import json
from pathlib import Path

import pytest

from common.errors import ConfigurationError
from common.incidents.alert import dedup_key
from common.incidents.expressions import Expression
from local.rules import main
from tests.support.own_rules import EVENT, TAPE, alert_of, detail, load

STORM = '[[override]]\nname = "many"\nstorm = { more_than = 20, within = "5m"'
ROOT = Path(__file__).resolve().parents[3]


def test_a_storm_is_counted_apart_for_each_account_and_region(tmp_path: Path) -> None:
    """Unless it says otherwise; together for all rules that say the same."""
    rules = load(tmp_path, f"{STORM} }}\n")
    storm = alert_of(rules).storm
    assert storm is not None
    assert (storm.more_than, storm.within) == (20, 300)
    others = [EVENT | {"account": "444455556666"}, EVENT | {"region": "eu-north-1"}]
    keys = [other.storm.key for other in (alert_of(rules, event) for event in others) if other.storm]
    assert len({storm.key, *keys}) == 3
    tape = alert_of(rules, TAPE).storm
    assert tape is not None
    assert tape.key == storm.key


def test_a_storm_is_told_by_the_record_that_gathers_it(tmp_path: Path) -> None:
    """With impact and urgency of its own, and the first problem by name."""
    storm = alert_of(load(tmp_path, f"{STORM} }}\n")).storm
    assert storm is not None
    assert (
        storm.fields["short_description"] == "Storm: more than 20 problems within 5 minutes (111122223333, eu-west-1)"
    )
    assert (storm.fields["impact"], storm.fields["urgency"]) == ("1", "1")
    assert storm.fields["description"].endswith("The first one here: Disk a")
    assert storm.joining == "Joined: Disk a"


def test_a_storm_beyond_one_problem_is_told_in_the_singular(tmp_path: Path) -> None:
    """Its time in its largest unit."""
    one = STORM.replace("20", "1").replace("5m", "60m")
    storm = alert_of(load(tmp_path, f"{one} }}\n")).storm
    assert storm is not None
    assert storm.fields["short_description"].startswith("Storm: more than one problem within 1 hour (")
    assert "The first one has a record of its own: its child.\n\nThe first one here" in storm.fields["description"]


def test_fields_of_a_storm_are_what_its_rule_says(tmp_path: Path) -> None:
    """And inert, as all that comes from events."""
    fields = '{ urgency = "2", description = "[code]{{ detail.disk }}" }'
    text = f'{STORM}, by = ["detail.rank"], fields = {fields} }}\n'
    storm = alert_of(load(tmp_path, text)).storm
    assert storm is not None
    assert (storm.fields["impact"], storm.fields["urgency"]) == ("1", "2")
    assert storm.fields["description"] == "[ code]a"
    assert storm.key == dedup_key("storm", "incident", "20", "300", "detail.rank", "low")


def test_a_recovery_needs_no_storm_and_false_takes_one_back(tmp_path: Path) -> None:
    """A problem's own item says whether it has joined one."""
    rules = load(tmp_path, f"{STORM} }}\n", '[[override]]\nrules = ["tape-*"]\nstorm = false\n')
    assert alert_of(rules, detail(state="fine")).storm is None
    assert alert_of(rules, TAPE).storm is None
    assert alert_of(rules).storm is not None


@pytest.mark.parametrize(
    ("storm", "mistake"),
    [
        ('{ within = "5m" }', "storm: more_than is missing: say how many problems may have records of their own."),
        ('{ more_than = 0, within = "5m" }', "storm: more_than is no whole number from 1 to 100: say how many"),
        ('{ more_than = 101, within = "5m" }', "storm: more_than is no whole number from 1 to 100: say how many"),
        ('{ more_than = true, within = "5m" }', "storm: more_than is no whole number from 1 to 100: say how many"),
        ("{ more_than = 20 }", "storm: within is missing: say in which time they begin"),
        ('{ more_than = 20, within = "5d" }', 'storm: within is no time such as "90s", "2m" or "1h".'),
        ('{ more_than = 20, within = "30s" }', "storm: within is not from 1m to 1h."),
        ('{ more_than = 20, within = "2h" }', "storm: within is not from 1m to 1h."),
        ('{ more_than = 20, within = "5m", by = "account" }', "storm: by is no list of expressions."),
        ('{ more_than = 20, within = "5m", per = [] }', "storm: per is not known; the fields are "),
        ('{ more_than = 20, within = "5m", fields = { state = 6, sys_id = "1" } }', "storm: fields.sys_id is set by"),
        ("true", "storm is no table such as "),
    ],
)
def test_nonsense_about_a_storm_is_named(tmp_path: Path, storm: str, mistake: str) -> None:
    """With file, entry and what to change."""
    with pytest.raises(ConfigurationError) as caught:
        load(tmp_path, f'[[override]]\nname = "many"\nstorm = {storm}\n')
    separator = ": " if mistake.startswith("storm is") else ", "
    assert f"own/0.toml, override many{separator}{mistake}" in caught.value.message


def test_event_management_has_no_storms(tmp_path: Path) -> None:
    """It groups its alerts itself."""
    text = '[[override]]\nname = "many"\ntable = "em_event"\nstorm = { more_than = 20, within = "5m" }\n'
    with pytest.raises(ConfigurationError, match="storm can't be with em_event"):
        load(tmp_path, text, tables=("em_event",))


def test_what_covers_sees_both_events(tmp_path: Path) -> None:
    """And only where some rule covers anything does an alert carry what such a rule would judge."""
    assert alert_of(load(tmp_path)).about is None
    text = '[[override]]\nrules = ["tape-*"]\ncovers = ["account == covering.account && severity == \'low\'"]\n'
    rules = load(tmp_path, text)
    covering, covered = alert_of(rules, TAPE), alert_of(rules)
    assert covering.covers is not None
    assert covered.covers is None
    assert covered.about is not None
    (source,) = covering.covers.expressions
    assert Expression.parse(source).holds({**covered.about, "covering": covering.covers.event})
    assert not Expression.parse(source).holds({**covered.about, "account": "1", "covering": covering.covers.event})


@pytest.mark.parametrize(("covers", "why"), [('"a"', "is no list of expressions"), ('["a ="]', "is wrong: ")])
def test_a_mistake_in_what_covers_is_named(tmp_path: Path, covers: str, why: str) -> None:
    """As everywhere."""
    with pytest.raises(ConfigurationError, match=f"override many: covers {why}"):
        load(tmp_path, f'[[override]]\nname = "many"\ncovers = {covers}\n')


def test_the_command_shows_both(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """For an event, as everything that becomes of it."""
    load(tmp_path, f'{STORM} }}\n[[override]]\ncovers = ["account == covering.account"]\n')
    (tmp_path / "event.json").write_text(json.dumps(EVENT))
    assert main(["--rules", str(tmp_path), "--event", str(tmp_path / "event.json")]) == 0
    shown = capsys.readouterr().out
    assert "storm               beyond 20 problems in 300 s it joins one record: Storm: more than 20" in shown
    assert "covers              account == covering.account" in shown
    assert "may be covered      by a problem that fires" in shown
