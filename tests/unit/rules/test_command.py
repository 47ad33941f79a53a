"""`make rules`: what a person is told about rules and about what an event would become."""

import json
import shutil
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from common.incidents.rules import load_rules
from local import rules
from local.delivery import Delivery
from tests.support.rules import DIRECTORY, PROJECT, rules_read_once, sample

type Run = Callable[..., tuple[int, str]]


@pytest.fixture
def run(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> Run:
    """Provide the command for the shipped rules and a file of one's own; it returns its status and what it printed."""
    directory = tmp_path / "rules"
    shutil.copytree(DIRECTORY, directory)
    (directory / "own").mkdir(exist_ok=True)

    def call(*arguments: str, own: str = "", event: dict[str, Any] | str | None = None) -> tuple[int, str]:
        (directory / "own/own.toml").write_text(own)
        if isinstance(event, dict):
            (tmp_path / "event.json").write_text(json.dumps(event))
            event = str(tmp_path / "event.json")
        chosen = [] if event is None else ["--event", event]
        with rules_read_once():
            status = rules.main(["--rules", str(directory), *arguments, *chosen])
        return status, capsys.readouterr().out

    return call


ALARM = sample("cloudwatch-alarm-metric-alarm")
OK = sample("cloudwatch-alarm-metric-ok")


# Checking


def test_the_shipped_rules_are_in_order(run: Run) -> None:
    """Nothing is wrong with them, and EventBridge delivers all of their types."""
    status, text = run()
    assert status == 0
    assert text.splitlines()[-1].startswith("Rules: ")
    assert "warning" not in text


def test_every_mistake_is_told(run: Run) -> None:
    """One line each, with file, override, field and line, and the command fails."""
    own = "[[override]]\nname = 'a'\ntable = 'problem'\n[[override]]\nname = 'b'\nfields = { impact = 7 }\n"
    status, text = run(own=own)
    assert status == 1
    first, second = text.splitlines()[:2]
    assert first.startswith("wrong    own/own.toml, override a: table is problem, which may not be written: add it to")
    assert second == "wrong    own/own.toml, override b: fields.impact is none of 1, 2, 3. (own/own.toml, line 6)"
    assert "Mistakes: 2." in text


@pytest.mark.parametrize("by", ["argument", "variable"])
def test_the_tables_of_a_deployment_can_be_given(run: Run, by: str, monkeypatch: pytest.MonkeyPatch) -> None:
    """As its parameter AllowedTables lists them."""
    own = "[[override]]\nrules = 'cloudwatch-*'\ntable = 'problem'\npolicy = { on_recovery = 'note' }\n"
    if by == "variable":
        monkeypatch.setenv("ALLOWED_TABLES", "em_event,problem")
    assert run(*(["--tables", "em_event,problem"] if by == "argument" else []), own=own)[0] == 0


def test_a_choice_that_a_new_instance_lacks_is_a_warning(run: Run) -> None:
    """Somebody may have added it, or it is a slip that ServiceNow would drop without a word."""
    own = """
    [[override]]
    name = "slip"
    fields = { category = "hardwear", contact_type = "{{ detail.via }}", short_description = "hardwear" }
    policy = { close_code = "Solved (Permanently)" }
    [[override]]
    rules = "cost-*"
    table = "problem"
    fields = { category = "finance" }
    policy = { on_recovery = "note" }
    [[rule]]
    name = "mine"
    source = "my.app"
    detail_type = "ServiceNow Alert"
    key = ["id"]
    firing = "`true`"
    fields = { category = "databases" }
    [[rule]]
    name = "finance"
    source = "my.app"
    detail_type = "ServiceNow Record Request"
    key = ["id"]
    firing = "`true`"
    table = "problem"
    fields = { category = "finance" }
    """
    status, text = run("--tables", "problem", own=own)
    assert status == 0
    own_places = ("warning  rule mine", "warning  own/")
    warned = [line for line in text.splitlines() if line.startswith(own_places)]
    assert len(warned) == 3
    assert warned[0].startswith(
        "warning  rule mine: category is 'databases', which is none of a new instance's choices"
    )
    assert "own/own.toml, override slip: category is 'hardwear'" in warned[1]
    assert "own/own.toml, override slip: close_code is 'Solved (Permanently)'" in warned[2]


def test_a_type_that_eventbridge_does_not_deliver_is_a_warning(run: Run) -> None:
    """The rule would wait for ever. Any other type is delivered, and one rule for all takes what comes."""
    rule = '[[rule]]\nname = "{}"\nsource = "my.app"\ndetail_type = "{}"\n'
    rule += 'key = ["id"]\nfiring = "`true`"\nfields = {{ u_x = "y" }}\n'
    names = {"new": "Order Stuck", "calls": "AWS API Call via CloudTrail", "rest": "*"}
    status, text = run(own="".join(rule.format(name, detail_type) for name, detail_type in names.items()))
    assert status == 0
    [warned] = [line for line in text.splitlines() if line.startswith(tuple(f"warning  rule {name}" for name in names))]
    assert warned.startswith(
        "warning  rule calls: EventBridge does not deliver 'AWS API Call via CloudTrail': EventRule in template.yaml "
        "leaves out what ends in ' via CloudTrail'"
    )


@pytest.mark.parametrize(
    ("source", "detail_type", "said"),
    [
        ("aws.cloudwatch", "CloudWatch Alarm State Change", "yes, unless the parameter EventSources no longer lists"),
        ("aws.ec2", "EC2 Instance State-change Notification", "if the parameter EventSources lists aws.ec2; its"),
        ("aws.ec2", "AWS API Call via CloudTrail", "never: EventRule in template.yaml leaves out"),
        ("shop", "ServiceNow Alert", "if the parameter OwnEventSources lists shop, or if the API put it"),
    ],
)
def test_an_event_shows_whether_it_would_be_delivered_at_all(source: str, detail_type: str, said: str) -> None:
    """The parameters decide, and before them what the template leaves out."""
    assert Delivery.of(PROJECT / "template.yaml").story(source, detail_type).startswith(said)


# What an event becomes


def lines_of(text: str) -> dict[str, str]:
    """Return the first line of each entry that was printed."""
    return {line[:19].strip(): line[20:] for line in text.splitlines() if line[:19].strip()}


def test_a_firing_event_shows_the_record_that_it_would_open(run: Run) -> None:
    """Rule, overrides, key, target and every field as it would be sent."""
    own = "[[override]]\nname = 'team'\nfields = { assignment_group = 'Shop', category = 'shopping' }\n"
    status, text = run(own=own, event=ALARM)
    shown = lines_of(text)
    assert status == 0
    assert shown["rule"] == "cloudwatch-alarm"
    assert shown["overrides"] == "team"
    assert "checkout-api p99 latency" in shown["dedup key"]
    assert shown["status"] == "firing at 2026-11-23 09:15:31.122+00:00"
    assert shown["target"] == "table incident"
    assert shown["assignment_group"] == "Shop  (a sys_id, or looked up in sys_user_group)"
    assert shown["impact"] == "2"
    assert shown["warning"].startswith("this event: category is 'shopping', which is none of")
    assert shown["policy"] == "repeat: ignore, recovery: resolve, return: reopen within 7 days"
    assert "correlation" not in text
    assert "Runbook: wiki/checkout#latency" in text


def test_each_problem_of_an_event_is_shown(run: Run) -> None:
    """As the events function takes them."""
    status, text = run("--event", str(PROJECT / "events/securityhub-custom-action-two-findings.json"))
    assert status == 0
    assert text.count("\ndedup key ") == text.count("\nwrites ") == 2


def test_a_recovery_shows_what_it_would_write_into_an_open_record(run: Run) -> None:
    """State, code and notes."""
    shown = lines_of(run(event=OK)[1])
    assert shown["writes"] == "into the open record, where there is one:"
    assert (shown["state"], shown["close_code"]) == ("6", "Solution provided")


def test_a_recovery_that_leaves_the_record_writes_nothing(run: Run) -> None:
    """By its policy."""
    own = "[[override]]\nfields = { category = 'x' }\npolicy = { on_recovery = 'leave' }\n"
    assert lines_of(run(own=own, event=OK)[1])["writes"] == "nothing: the policy leaves the record as it is"


def test_a_member_of_a_group_is_shown(run: Run) -> None:
    """With the key that all members share."""
    shown = lines_of(run(own="[[override]]\ngroup = ['region']\n", event=ALARM)[1])
    assert shown["dedup key"].startswith('["group",')
    assert len(shown["group member"]) == 16


def test_event_management_is_shown_as_the_target(run: Run) -> None:
    """With the columns of an event."""
    own = "[[override]]\ntable = 'em_event'\nfields = { assignment_group = 'Shop' }\n"
    shown = lines_of(run("--tables", "em_event", own=own, event=ALARM)[1])
    assert shown["target"] == "Event Management (em_event)"
    assert (shown["severity"], shown["resolution_state"]) == ("3", "New")
    assert "message_key" not in shown


def test_local_times_are_shown_where_a_time_zone_is_given(run: Run) -> None:
    """As a deployment with that TimeZone writes them; a name that nobody knows is refused."""
    assert "2026-11-23T09:15:31.122+0000 (10:15:31 CET)" in run("--zone", "Europe/Berlin", event=ALARM)[1]
    assert "CET" not in run(event=ALARM)[1]
    with pytest.raises(SystemExit):
        run("--zone", "Europe/Bonn", event=ALARM)


def test_what_makes_a_record_say_that_it_flaps_is_shown(run: Run) -> None:
    """For an event that fires."""
    shown = lines_of(run(own="[[override]]\nflapping = 6\n", event=ALARM)[1])
    assert shown["flaps"] == "the record says so, once, where it began more than 6 times within 24 hours"
    assert "flaps" not in lines_of(run(event=ALARM)[1])


@pytest.mark.parametrize(
    ("event", "own", "reason"),
    [
        (ALARM | {"source": "my.app"}, "", "no rule is meant for this source and type"),
        (ALARM, "[[override]]\nname = 'quiet'\ndrop = true\n", "the override quiet says so"),
        (sample("cloudwatch-alarm-metric-insufficient-data"), "", "it neither fires nor recovers"),
    ],
)
def test_an_event_that_is_dropped_shows_why(run: Run, event: dict[str, Any], own: str, reason: str) -> None:
    """No rule, an override, or nothing that the rule waits for."""
    status, text = run(own=own, event=event)
    assert status == 0
    assert lines_of(text)["dropped"].startswith(reason)


@pytest.mark.parametrize(
    ("event", "reason"),
    [
        (ALARM | {"detail": {"state": {"value": "ALARM"}}}, "The event has no detail.alarmName"),
        (sample("servicenow-alert-firing") | {"detail": {}}, "detail.dedup_key is missing"),
        ({"detail": {}}, "The message is no EventBridge event: its field source is missing"),
        ("absent.json", "absent.json is not readable: No such file or directory."),
    ],
)
def test_an_event_that_is_refused_shows_why(run: Run, event: dict[str, Any] | str, reason: str) -> None:
    """And the command fails."""
    status, text = run(event=event)
    assert status == 1
    assert reason in lines_of(text)["refused"]


# The documentation


def documented_files() -> list[str]:
    """Return the rule files in docs/rules.md."""
    text = (PROJECT / "docs/rules.md").read_text()
    return [part.partition("```")[0] for part in text.split("```toml\n")[1:]]


@pytest.mark.parametrize("number", range(len(documented_files())))
def test_a_documented_rule_file_works(tmp_path: Path, number: int) -> None:
    """Laid over the shipped rules as it stands in the documentation."""
    shutil.copytree(DIRECTORY, tmp_path / "rules")
    (tmp_path / "rules/own").mkdir(exist_ok=True)
    (tmp_path / "rules/own/documented.toml").write_text(documented_files()[number])
    assert list(load_rules(tmp_path / "rules", ("problem", "em_event")))


def test_the_documentation_shows_rule_files() -> None:
    """Overrides, a rule, a catch-all, targets, a group, and alerts of one's own."""
    assert len(documented_files()) >= 6


def test_a_column_that_no_new_instance_has_is_told_with_the_nearest(run: Run) -> None:
    """ServiceNow drops it without a word, so that nobody would ever see why the group is empty."""
    own = "[[override]]\nname = 'a'\nfields = { assignment_grp = 'Cloud Operations', u_stage = 'prod' }\n"
    status, text = run(own=own)
    assert status == 0
    [warning] = [line for line in text.splitlines() if line.startswith("warning")]
    assert "override a: incident has no column assignment_grp" in warning
    assert warning.endswith("Did you mean assignment_group?")


def test_a_column_that_callers_may_set_has_to_be_there_too(run: Run) -> None:
    """One that a rule or an override accepts; a pattern of names says nothing about one."""
    own = "[[override]]\nname = 'a'\naccepts = ['asignment_group', 'u_*', 'location']\n"
    [warning] = [line for line in run(own=own)[1].splitlines() if line.startswith("warning")]
    assert "override a: incident has no column asignment_group" in warning


def test_columns_are_held_against_the_table_that_the_override_names(run: Run) -> None:
    """What an incident has, an event need not have; of tables that nobody lists nothing is said."""
    own = "[[override]]\nname = 'a'\nrules = ['cloudwatch-*']\ntable = '{}'\nfields = {{ short_description = 'x' }}\n"
    policy = "policy = { on_recovery = 'note' }\n"
    assert "em_event has no column short_description" in run("--tables", "em_event", own=own.format("em_event"))[1]
    assert "no column" not in run("--tables", "u_thing", own=own.format("u_thing") + policy)[1]
