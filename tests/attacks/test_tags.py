"""Values of tags, which whoever may tag a resource chooses, in everything that a rule makes of them."""

from pathlib import Path

import pytest

from common.incidents.fields import inert_fields
from common.incidents.rules import load_rules
from common.incidents.tag_names import TAGS
from tests.support.context import event
from tests.support.hidden_text import HIDDEN

pytestmark = pytest.mark.attack

RULE = """
[[rule]]
name = "alarm"
source = "aws.cloudwatch"
detail_type = "CloudWatch Alarm State Change"
key = ["detail.alarmName"]
firing = "`true`"
runbook = "https://wiki.example/{{ tags.team }}"
notes = { firing = "{{ tags.team }}" }

[rule.fields]
short_description = "Of {{ tags.team }}"
assignment_group = "{{ tags.team }}"
description = "{{ tags.team }}"

[[override]]
match = "tags.team == 'payments'"
drop = true
"""


def made(directory: Path, value: str) -> dict[str, str]:
    """Return the fields, and the note, of an alarm whose tag `team` has a value."""
    (directory / "alarm.toml").write_text(RULE)
    (rule,) = load_rules(directory)
    alert = rule.alert({**event("cloudwatch-alarm-metric-alarm"), TAGS: {"team": value}})
    assert alert is not None
    return {**inert_fields(alert.fields), "work_notes": alert.note}


@pytest.mark.parametrize(
    "value",
    ["{{ detail }}", "{{ tags.other }}", "{{", "' || detail || '", "`x`", "${secret}", "#{7*7}", "%(x)s", "{0}"],
)
def test_a_value_that_looks_like_a_template_stays_text(tmp_path: Path, value: str) -> None:
    """A template is read once, before any event comes."""
    assert made(tmp_path, value)["assignment_group"] == value


@pytest.mark.parametrize("value", ["[code]<script>alert(1)</script>[/code]", "[CO\u200dDE]<img src=x>[/CODE]"])
def test_no_value_becomes_html(tmp_path: Path, value: str) -> None:
    """Journal fields show as HTML what stands between marks of code."""
    for text in made(tmp_path, value).values():
        assert "[code]" not in text.lower().replace("\u200d", "")


@pytest.mark.parametrize("value", ["javascript:gs.addInfoMessage(1)", "java\u200bscript:x", " javascript:x"])
def test_no_value_is_a_script(tmp_path: Path, value: str) -> None:
    """What a field begins with decides whether ServiceNow runs it."""
    fields = made(tmp_path, value)

    assert fields["assignment_group"].startswith("'")
    assert fields["description"].splitlines()[0].startswith("Runbook")


@pytest.mark.parametrize("hidden", [*HIDDEN, "\n", "\r\n", "\u2028"])
def test_no_value_acts_hides_or_begins_a_line(tmp_path: Path, hidden: str) -> None:
    """Control characters, marks of direction, and line ends that would forge a line of a field of one line."""
    fields = made(tmp_path, f"pay{hidden}ments")

    assert fields["assignment_group"] in ("payments", "pay ments")
    assert "\n" not in fields["short_description"]


@pytest.mark.parametrize("value", ["../admin", "@evil.example", "\\evil.example", "x y", "?a=b#c", "%0d%0a"])
def test_no_value_leads_a_runbook_to_another_host(tmp_path: Path, value: str) -> None:
    """The host before a link is the one that a browser goes to, or there is no link."""
    first = made(tmp_path, value)["description"].splitlines()[0]

    assert first.startswith(("Runbook at wiki.example: https://wiki.example/", "Runbook left out"))


def test_a_value_of_100_kilobytes_fits_its_columns(tmp_path: Path) -> None:
    """AWS allows 256 characters; an event that somebody made may hold more."""
    fields = made(tmp_path, "x" * 100_000)

    assert max(len(text) for name, text in fields.items() if name != "work_notes") <= 4000
    assert len(fields["short_description"]) <= 160
    assert len(fields["assignment_group"]) <= 255
    assert "Account: 111122223333" in fields["description"]


@pytest.mark.parametrize("value", ["payments' || 'a' == 'a", "PAYMENTS", "payments\x00", "payments "])
def test_a_value_matches_only_what_it_is(tmp_path: Path, value: str) -> None:
    """An override's condition compares texts; nothing in one of them ends it."""
    (tmp_path / "alarm.toml").write_text(RULE)
    rules = load_rules(tmp_path)
    about = event("cloudwatch-alarm-metric-alarm")

    assert rules.match({**about, TAGS: {"team": value}}) is not None
