from pathlib import Path
from textwrap import dedent

import pytest

from common.errors import ConfigurationError
from common.incidents.alert import ONLY_MEMBER, Alert, OnRecovery, OnRepeat, OnReturn, Policy, Status
from common.incidents.expressions import milliseconds
from common.incidents.rules import Rule, load_rules

GOOD = {
    "name": '"disk"',
    "source": '"my.app"',
    "detail_type": '"Disk"',
    "key": '["detail.disk"]',
    "firing": "\"detail.state == 'full'\"",
    "fields": '{ short_description = "Disk {{ detail.disk }} is full" }',
}
DETAIL: dict[str, object] = {"disk": "a", "state": "full", "rank": "high"}
EVENT = {
    "source": "my.app",
    "detail-type": "Disk",
    "account": "111122223333",
    "region": "eu-west-1",
    "time": "2026-11-23T09:15:31Z",
    "detail": DETAIL,
}


def rule(**changes: str | None) -> str:
    """Return the TOML of a good rule with changes; None leaves an entry out."""
    entries = {**GOOD, **changes}
    return "[[rule]]\n" + "".join(f"{name} = {value}\n" for name, value in entries.items() if value is not None)


def loaded(directory: Path, *tables: str, **changes: str) -> Rule:
    """Return a good rule with changes, as it is read from its file."""
    (directory / "disk.toml").write_text(rule(**changes))
    (found,) = load_rules(directory, tables)
    return found


def says(found: Rule, **detail: object) -> Alert:
    """Return what an event with changes of its detail becomes."""
    alert = found.alert(EVENT | {"detail": DETAIL | detail})
    assert alert is not None
    return alert


def mistakes(directory: Path, **files: str) -> str:
    """Write the files, load them, and return what is wrong with them."""
    for name, text in files.items():
        (directory / f"{name}.toml").write_text(text, encoding="utf-8")
    with pytest.raises(ConfigurationError) as caught:
        load_rules(directory)
    assert caught.value.action == "Correct the named fields and deploy again."
    return caught.value.message


def test_a_good_rule_is_loaded_with_its_defaults(tmp_path: Path) -> None:
    """Everything that it does not say is as in the documentation."""
    found = loaded(tmp_path)
    assert (found.name, found.table, found.policy) == ("disk", "incident", Policy())
    alert = says(found)
    assert (alert.status, alert.note, alert.member, alert.fingerprint) == (Status.FIRING, "", ONLY_MEMBER, "")
    assert alert.fields["short_description"] == "Disk a is full"
    assert alert.fields["description"] == "Account: 111122223333\nRegion: eu-west-1"
    assert found.alert(EVENT | {"detail": DETAIL | {"state": "fine"}}) is None


def test_everything_that_a_rule_can_say_is_read(tmp_path: Path) -> None:
    """Severity, recovery, notes, link and policy."""
    found = loaded(
        tmp_path,
        resolved="\"detail.state == 'fine'\"",
        severity='"detail.rank"',
        link='"https://disks.example/{{ detail.disk }}"',
        fields='{ category = "hardware", urgency = 1 }',
        notes='{ firing = "Full again: {{ detail.disk }}", resolved = "Fine" }',
        policy='{ on_repeat = "note", on_recovery = "note", on_return = "replace", '
        'close_code = "c", close_notes = "n", reopen_window = 60 }',
    )
    alert = says(found)
    assert alert.fields["category"] == "hardware"
    assert (alert.fields["impact"], alert.fields["urgency"]) == ("1", "1")
    assert alert.fields["description"].startswith(
        "Link to disks.example: https://disks.example/a\n\nAccount: 111122223333"
    )
    assert alert.note == "Full again: a"
    policy = alert.policy
    assert (policy.on_repeat, policy.on_recovery, policy.on_return) == (
        OnRepeat.NOTE,
        OnRecovery.NOTE,
        OnReturn.REPLACE,
    )
    assert (policy.close_code, policy.close_notes, policy.reopen_window) == ("c", "n", 60)
    recovered = says(found, state="fine")
    assert (recovered.status, recovered.note) == (Status.RESOLVED, "Fine")


def test_a_rule_may_choose_its_table_a_group_and_no_window_at_all(tmp_path: Path) -> None:
    """And leave the impact to ServiceNow."""
    fields = '{ short_description = "x", impact = "" }'
    policy = "{ reopen_window = 0 }"
    alert = says(loaded(tmp_path, "problem", table='"problem"', group='["detail.rank"]', policy=policy, fields=fields))
    assert (alert.table, alert.policy.reopen_window) == ("problem", 0)
    assert alert.member != ONLY_MEMBER
    assert "impact" not in alert.fields


def test_an_event_of_event_management_describes_itself_too(tmp_path: Path) -> None:
    """Its short description, its description, and where it comes from."""
    fields = '{ short_description = "Disk {{ detail.disk }}", description = "It is full." }'
    alert = says(loaded(tmp_path, "em_event", table='"em_event"', fields=fields))
    assert alert.fields["description"] == "Disk a\nIt is full.\n\nAccount: 111122223333\nRegion: eu-west-1"
    assert alert.fields["severity"] == "3"


def test_no_rules_at_all_is_a_mistake(tmp_path: Path) -> None:
    """Every event would be dropped."""
    told = f"The rules are not usable: {tmp_path.name}: rule is missing: there is no rule at all."
    assert mistakes(tmp_path) == told
    assert mistakes(tmp_path, empty="# nothing yet\n") == told


@pytest.mark.parametrize("name", ["name", "source", "detail_type", "key", "firing", "fields"])
def test_a_missing_field_is_named(tmp_path: Path, name: str) -> None:
    """With file and rule; a rule without a name goes by its number."""
    place = "disk.toml, rule 1" if name == "name" else "disk.toml, rule disk"
    assert f"{place}: {name} is missing." in mistakes(tmp_path, disk=rule(**{name: None}))


@pytest.mark.parametrize(
    ("changes", "mistake"),
    [
        ({"colour": '"red"'}, "colour is not known; the fields are "),
        ({"firing": "7"}, "firing is no text."),
        ({"name": "7"}, "name is no text."),
        ({"link": "[]"}, "link is no text."),
        ({"when": "true"}, "when is no text."),
        ({"table": "7"}, "table is no text."),
        ({"detail_type": "7"}, "detail_type is neither a text nor a list of texts."),
        ({"detail_type": '["a", 7]'}, "detail_type is neither a text nor a list of texts."),
        ({"detail_type": '["a", ""]'}, "detail_type is neither a text nor a list of texts."),
        ({"key": '"detail.disk"'}, "key is no list of expressions."),
        ({"key": '["detail."]'}, "key is wrong: 'detail.' is no JMESPath expression: "),
        ({"key": '[""]'}, "key is wrong: '' is no JMESPath expression: "),
        ({"firing": '"detail.state =="'}, "firing is wrong: 'detail.state ==' is no JMESPath expression: "),
        ({"resolved": '"nope(detail)"'}, "resolved is wrong: there is no function nope()."),
        ({"time": '"detail["'}, "time is wrong: "),
        ({"severity": '"console()"'}, "severity is wrong: console() does not take 0 arguments."),
        ({"when": '"a b"'}, "when is wrong: "),
        ({"link": '"{{ a"'}, "link is wrong: '{{ a' has {{ or }} without its counterpart"),
        ({"fields": '"text"'}, "fields is no table."),
        ({"fields": '{ description = "{{ nope(@) }}" }'}, "fields.description is wrong: there is no function nope()."),
        ({"fields": "{ description = [] }"}, "fields.description is no text."),
        ({"fields": "{ description = true }"}, "fields.description is no text."),
        ({"fields": '{ "Short Description" = "x" }'}, "fields.Short Description is no name that ServiceNow uses"),
        ({"fields": '{ correlation_id = "x" }'}, "fields.correlation_id is set by the bridge itself."),
        ({"fields": '{ correlation_display = "x" }'}, "fields.correlation_display is set by the bridge itself."),
        ({"fields": '{ sys_id = "x" }'}, "fields.sys_id is set by the bridge itself."),
        ({"notes": '"text"'}, "notes is no table."),
        ({"notes": '{ fire = "x" }'}, "notes.fire is not known; the fields are firing, resolved."),
        ({"notes": "{ firing = 1.5 }"}, "notes.firing is no text."),
        ({"notes": '{ resolved = "}}" }'}, "notes.resolved is wrong: "),
        ({"policy": '"note"'}, "policy is no table."),
        ({"policy": '{ on_repeat = "shout" }'}, "policy.on_repeat is not usable (ignore, note, list)."),
        ({"policy": '{ on_recovery = ["note"] }'}, "policy.on_recovery is not usable (resolve, note, leave)."),
        ({"policy": '{ on_return = "" }'}, "policy.on_return is not usable (reopen, replace)."),
        ({"policy": "{ close_code = 7 }"}, "policy.close_code is not usable (see docs/rules.md)."),
        ({"policy": "{ reopen_window = -1 }"}, "policy.reopen_window is not usable (see docs/rules.md)."),
        ({"policy": "{ reopen_window = true }"}, "policy.reopen_window is not usable (see docs/rules.md)."),
        ({"policy": '{ reopen_window = "60" }'}, "policy.reopen_window is not usable (see docs/rules.md)."),
        ({"policy": "{ retries = 3 }"}, "policy.retries is not usable (see docs/rules.md)."),
        ({"table": '"Incident"'}, "table is no name that ServiceNow uses"),
        ({"hold": '"soon"'}, 'hold is no time such as "90s", "2m" or "1h".'),
        ({"hold": "120"}, 'hold is no time such as "90s", "2m" or "1h".'),
        ({"settle": '"-1m"'}, 'settle is no time such as "90s", "2m" or "1h".'),
        ({"settle": '"13h"'}, "settle is longer than 12h."),
        ({"flapping": "-1"}, "flapping is no number from 1 to 19, nor 0 for never."),
        ({"flapping": "20"}, "flapping is no number from 1 to 19, nor 0 for never."),
        ({"flapping": '"6"'}, "flapping is no number from 1 to 19, nor 0 for never."),
        ({"flapping": "true"}, "flapping is no number from 1 to 19, nor 0 for never."),
        ({"table": '"incident/../sys_user"'}, "table is no name that ServiceNow uses"),
    ],
)
def test_a_mistake_names_file_rule_and_field(tmp_path: Path, changes: dict[str, str], mistake: str) -> None:
    """It can be found and mended without looking into the code."""
    message = mistakes(tmp_path, disk=rule(**changes))
    place = "disk.toml, rule 7" if "name" in changes else "disk.toml, rule disk"
    assert f"{place}: {mistake}" in message


@pytest.mark.parametrize(
    ("text", "mistake"),
    [
        (rule().replace("[[rule]]", "[rule]"), "disk.toml: rule is no list of tables"),
        ('rule = "x"', "disk.toml: rule is no list of tables"),
        ("rule = [1, 2]", "disk.toml: rule is no list of tables"),
        (rule().replace("[[rule]]", "[[rules]]"), "disk.toml: rules is not known"),
        ("[[rule]\n", "disk.toml: it is not readable: "),
        ("name = ", "disk.toml: it is not readable: "),
        ("\x00", "disk.toml: it is not readable: "),
    ],
)
def test_a_file_that_holds_no_rules_is_named(tmp_path: Path, text: str, mistake: str) -> None:
    """A slip of a bracket would otherwise drop every event without a word."""
    assert mistake in mistakes(tmp_path, disk=text)


def test_a_file_that_is_not_utf8_is_named(tmp_path: Path) -> None:
    """An editor may have saved it otherwise."""
    (tmp_path / "latin.toml").write_bytes(rule(name='"für"').encode("latin-1"))
    assert "latin.toml: it is not readable: " in mistakes(tmp_path)


def test_all_mistakes_of_all_files_are_named_at_once(tmp_path: Path) -> None:
    """One deployment mends them all."""
    message = mistakes(
        tmp_path,
        a=rule(firing='"("', key='["("]'),
        b="[[rule]\n",
        c=rule(name='"first"') + rule(name='"second"', source=None),
    )
    assert message.startswith("The rules are not usable: a.toml, rule disk: ")
    assert message.endswith(" c.toml, rule second: source is missing.")
    for part in ("a.toml, rule disk: firing", "a.toml, rule disk: key", "b.toml: it", "c.toml, rule second: source"):
        assert part in message
    assert "rule first" not in message


def test_two_rules_of_one_name_are_a_mistake(tmp_path: Path) -> None:
    """The name is part of what names a problem."""
    message = mistakes(tmp_path, a=rule(), b=rule(detail_type='"Other"'))
    assert "b.toml, rule disk: name is taken: another rule has the same name." in message


def test_a_rule_that_could_never_count_is_a_mistake(tmp_path: Path) -> None:
    """An earlier one without a condition takes all of its events."""
    message = mistakes(tmp_path, a=rule(detail_type='["Disk", "Tape"]'), b=rule(name='"later"'))
    assert "b.toml, rule later: when never counts" in message


def test_rules_with_conditions_share_a_type(tmp_path: Path) -> None:
    """The first whose condition holds counts, the last may have none."""
    special = rule(name='"special"', when="\"detail.disk == 'b'\"")
    (tmp_path / "a.toml").write_text(special + rule())
    rules = load_rules(tmp_path)
    found = [rules.match(EVENT | {"detail": {"disk": disk, "state": "full"}}) for disk in ("a", "b")]
    assert [each.name if each else None for each in found] == ["disk", "special"]


def test_only_toml_files_are_read(tmp_path: Path) -> None:
    """Notes may lie beside them."""
    (tmp_path / "README.md").write_text("[[rule]\n")
    (tmp_path / "disk.toml").write_text(dedent(rule()))
    assert [each.name for each in load_rules(tmp_path)] == ["disk"]


@pytest.mark.parametrize(
    ("rank", "levels"),
    [
        ("critical", ("1", "1")),
        ("HIGH", ("1", "2")),
        ("medium", ("2", "2")),
        ("low", ("2", "3")),
        ("info", ("3", "3")),
        ("P1", ("1", "1")),
        ("Disaster", ("1", "1")),
        ("crit", ("1", "1")),
        ("information", ("3", "3")),
        ("apocalyptic", ("2", "2")),
        (None, ("2", "2")),
        (7, ("2", "2")),
    ],
)
def test_a_severity_becomes_impact_and_urgency(tmp_path: Path, rank: object, levels: tuple[str, str]) -> None:
    """Priorities 1 to 5; what is not known counts as medium."""
    alert = says(loaded(tmp_path, severity='"detail.rank"'), rank=rank)
    assert (alert.fields["impact"], alert.fields["urgency"]) == levels


@pytest.mark.parametrize(
    ("said", "counts"),
    [
        ("2026-11-23T09:15:00Z", "2026-11-23T09:15:00Z"),
        ("2026-11-23T09:20:30Z", "2026-11-23T09:20:30Z"),
        ("2026-11-23T09:20:31Z", "2026-11-23T09:15:31Z"),
        ("2126-11-23T09:20:31Z", "2026-11-23T09:15:31Z"),
        ("2025-11-23T09:15:00Z", "2026-10-25T09:15:31Z"),
        ("0001-01-01T00:00:00Z", "2026-11-23T09:15:31Z"),
        (None, "2026-11-23T09:15:31Z"),
        (1_795_425_300, "2026-11-23T09:15:00Z"),
    ],
)
def test_a_time_of_the_event_s_own_stays_near_its_delivery(tmp_path: Path, said: object, counts: str) -> None:
    """What still fires may have begun months ago, which the desk would refuse; and the clocks of senders go wrong."""
    assert says(loaded(tmp_path, time='"detail.at"'), at=said).occurred_at == milliseconds(counts)


def test_a_time_of_the_event_s_own_counts_alone_where_its_delivery_tells_none(tmp_path: Path) -> None:
    """Nothing is left to hold it against."""
    alert = loaded(tmp_path, time='"detail.at"').alert(
        EVENT | {"time": "soon", "detail": DETAIL | {"at": "2026-11-23T09:15:00Z"}}
    )
    assert alert is not None
    assert alert.occurred_at == milliseconds("2026-11-23T09:15:00Z")


@pytest.mark.parametrize("doors", [("webhook.tool", "sns.alerts"), ("aws.partner/tool.com/1", "webhook.tool")])
def test_one_problem_may_come_by_several_doors(tmp_path: Path, doors: tuple[str, str]) -> None:
    """Where the rule names the origin; else the source tells apart."""
    found = loaded(tmp_path, source='["webhook.tool", "sns.*", "aws.partner/tool.com/*"]', origin="\"'tool'\"")
    one, other = (found.key_of(EVENT | {"source": door}) for door in doors)
    assert one == other != ""
