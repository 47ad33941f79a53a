from pathlib import Path
from typing import Any

import pytest

from common.errors import ConfigurationError, PermanentError
from common.incidents.alert import OnRepeat, Status, dedup_key
from common.incidents.rules import load_rules
from common.incidents.rules.splitting import split
from tests.support.rules import SHIPPED, alert_of, sample

RULE = """
[[rule]]
name = "tool"
source = ["webhook.tool", "webhook.tool-*"]
detail_type = "Webhook"
each = "{each}"
{more}
key = ["detail.alerts[0].name"]
firing = "`true`"
fields = {{ short_description = "x" }}
"""
WHOLE = """
[[rule]]
name = "whole"
source = "webhook.tool"
detail_type = "Webhook"
when = "detail.version == 'old'"
key = ["id"]
firing = "`true`"
fields = { short_description = "x" }
"""
EVENT: dict[str, Any] = {
    "source": "webhook.tool",
    "detail-type": "Webhook",
    "id": "one",
    "detail": {"version": "4", "alerts": [{"name": "a"}, {"name": "b"}, "odd"], "group": {"list": [1, 2]}},
}


def parts(directory: Path, event: dict[str, Any], each: str = "detail.alerts", more: str = "", own: str = "") -> Any:  # noqa: ANN401 (JSON)
    """Return what an event is split into."""
    (directory / "own").mkdir()
    (directory / "own/own.toml").write_text(own)
    (directory / "tool.toml").write_text(RULE.format(each=each, more=more))
    return split(event, load_rules(directory))


def alerts(**detail: object) -> dict[str, Any]:
    """Return the event with another detail."""
    return EVENT | {"detail": EVENT["detail"] | detail}


def test_each_entry_becomes_an_event_of_its_own(tmp_path: Path) -> None:
    """All else stays as it is; the number of the entry ends the id, and the event itself is not changed."""
    before = repr(EVENT)
    assert parts(tmp_path, EVENT) == [
        alerts(alerts=[entry]) | {"id": f"one.{number}"}
        for number, entry in enumerate([{"name": "a"}, {"name": "b"}, "odd"], start=1)
    ]
    assert repr(EVENT) == before


def test_a_list_may_lie_deeper(tmp_path: Path) -> None:
    """Beside others that are left alone."""
    found = parts(tmp_path, EVENT, each="detail.group.list")
    assert [part["detail"]["group"]["list"] for part in found] == [[1], [2]]
    assert found[0]["detail"]["alerts"] == EVENT["detail"]["alerts"]


@pytest.mark.parametrize("entries", [[{"name": "a"}], [], None, "text", {"name": "a"}, 7])
def test_what_holds_no_several_entries_is_the_event_itself(tmp_path: Path, entries: object) -> None:
    """So what was split is not split again, and an odd body still gets to its rule, which says what is wrong."""
    event = alerts(alerts=entries)
    assert parts(tmp_path, event) == [event]


@pytest.mark.attack
def test_what_surrounds_the_list_is_not_repeated_without_end(tmp_path: Path) -> None:
    """Four megabytes can ask for four gigabytes: each problem brings along all else that the event says."""
    event = alerts(alerts=[{}] * 20_000, text="x" * 2_000_000)
    with pytest.raises(PermanentError, match=r"repeats 2000\d+ bytes for each of 20000 problems"):
        parts(tmp_path, event)


def test_events_of_others_are_left_alone(tmp_path: Path) -> None:
    """Whatever lists they hold."""
    other = EVENT | {"source": "webhook.other"}
    assert parts(tmp_path, other) == [other]


def test_a_second_sender_of_a_tool_is_split_too(tmp_path: Path) -> None:
    """A source may stand for all that begin alike."""
    assert len(parts(tmp_path, EVENT | {"source": "webhook.tool-eu"})) == 3


def test_a_condition_sees_each_entry(tmp_path: Path) -> None:
    """It holds for one of them, which is enough; where it holds for none, the next rule has its say."""
    assert len(parts(tmp_path, EVENT, more="when = \"detail.alerts[0].name == 'b'\"")) == 3
    assert split(EVENT, load_rules(tmp_path)) != [EVENT]
    (tmp_path / "tool.toml").write_text(
        RULE.format(each="detail.alerts", more="when = \"detail.alerts[0].name == 'z'\"")
    )
    assert split(EVENT, load_rules(tmp_path)) == [EVENT]


@pytest.mark.parametrize(("version", "count"), [("old", 1), ("4", 3)])
def test_the_rule_that_takes_the_whole_event_goes_first(tmp_path: Path, version: str, count: int) -> None:
    """One's own comes before a shipped one, as everywhere; where its condition does not hold, the list is split."""
    assert len(parts(tmp_path, alerts(version=version), own=WHOLE)) == count


@pytest.mark.parametrize("each", ["alerts", "detail", "detail.alerts[]", "detail.alerts[0]", "keys(detail)", "id"])
def test_what_names_no_list_is_a_mistake(tmp_path: Path, each: str) -> None:
    """It is told with file, rule and what to write."""
    with pytest.raises(ConfigurationError) as caught:
        parts(tmp_path, EVENT, each=each)
    assert "tool.toml, rule tool: each names no list in the event: write a place such as detail.alerts" in str(
        caught.value.message
    )


def test_an_expression_that_is_none_is_a_mistake(tmp_path: Path) -> None:
    """As in every other entry of a rule."""
    with pytest.raises(ConfigurationError) as caught:
        parts(tmp_path, EVENT, each="detail.")
    assert "tool.toml, rule tool: each is wrong: 'detail.' is no JMESPath expression" in str(caught.value.message)


def test_findings_that_a_person_sends_by_hand_become_an_incident_each() -> None:
    """Each is the same problem as the imported finding, fires whatever its severity, and says how it was sent."""
    event = sample("securityhub-custom-action-two-findings")
    low, high = split(event, SHIPPED)
    for single, severity in ((low, "LOW"), (high, "HIGH")):
        rule = SHIPPED.match(single)
        assert rule is not None
        alert = alert_of(single)
        finding = single["detail"]["findings"][0]
        imported = {**single, "detail-type": "Security Hub Findings - Imported"}
        assert alert.key == dedup_key("111122223333", "eu-central-1", "aws.securityhub", rule.name, finding["Id"])
        assert (SHIPPED.match(imported) or rule).name == rule.name
        assert (alert.status, alert.policy.on_repeat) == (Status.FIRING, OnRepeat.NOTE)
        assert f"Severity: {severity}" in alert.fields["description"]
        assert "Sent by hand, with the custom action: ServiceNow" in alert.fields["description"]
        assert alert.note.startswith("Sent by hand, with the custom action ServiceNow.")
