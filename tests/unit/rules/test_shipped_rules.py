import re
import tomllib
from itertools import product
from pathlib import Path
from typing import Any

import pytest

from common.errors import PermanentError
from common.incidents.alert import Alert, OnRepeat, Status, dedup_key
from common.incidents.expressions import Template, milliseconds
from common.incidents.own_events import SEVERITIES
from common.incidents.rules import Rule
from common.incidents.rules.surroundings import NOTHING_AROUND
from tests.support.rules import SHIPPED, Event, aws_rules, samples

RULES = aws_rules()
SAMPLES = samples()
EXPECTED: dict[str, dict[str, Any]] = {
    name: expectation
    for path in sorted((Path(__file__).parent / "expected").glob("*.toml"))
    for name, expectation in tomllib.loads(path.read_text()).items()
}
MADE_UP_ACCOUNTS = {"111122223333", "444455556666"}
PASSED_OVER = "passed over"
ODD: tuple[object, ...] = (None, {}, 0, "?")

# What a template leaves behind where the event holds something else than it expects.
HOLES = re.compile(r"\bnull\b|\[\]|\{\}|: ?$", re.MULTILINE)


def names(status: str, *, odd: bool = True) -> list[str]:
    """Return the samples of which that status is expected; without `odd`, those only that are as AWS documents."""
    expected = [name for name, expectation in EXPECTED.items() if expectation["status"] == status]
    return [name for name in expected if odd or not name.endswith("-odd")]


def rule_for(event: Event) -> Rule:
    """Return the shipped rule that an event meets."""
    rule = SHIPPED.match(event)
    assert rule is not None
    return rule


def alert_of(name: str) -> Alert:
    """Return what a sample that fires or recovers says."""
    alert = rule_for(SAMPLES[name]).alert(SAMPLES[name])
    assert alert is not None
    return alert


def matched(rule: Rule, status: str) -> list[Event]:
    """Return the samples of that status that meet a rule."""
    return [SAMPLES[name] for name in names(status) if EXPECTED[name]["rule"] == rule.name]


# Samples


def test_every_sample_has_its_expectation() -> None:
    """What an event becomes is written down, and nothing is written down about events that are not there."""
    assert set(EXPECTED) == set(SAMPLES)


@pytest.mark.parametrize("name", SAMPLES)
def test_a_sample_is_an_event_that_eventbridge_delivers(name: str) -> None:
    """Its envelope is complete, and account and id are made up and its own."""
    event = SAMPLES[name]
    envelope = ["version", "id", "detail-type", "source", "account", "time", "region", "resources", "detail"]
    assert list(event) == envelope
    assert event["account"] in MADE_UP_ACCOUNTS
    assert [other for other in SAMPLES if SAMPLES[other]["id"] == event["id"]] == [name]


@pytest.mark.parametrize("name", SAMPLES)
def test_a_sample_meets_the_expected_rule(name: str) -> None:
    """Where several rules share a type of event, the right one takes it."""
    assert rule_for(SAMPLES[name]).name == EXPECTED[name]["rule"]


# From event to incident


@pytest.mark.parametrize("name", names("firing"))
def test_a_problem_opens_the_expected_incident(name: str) -> None:
    """With its key, impact and urgency, short description, category and the link to the console."""
    expected = EXPECTED[name]
    event = SAMPLES[name]
    alert = alert_of(name)
    assert alert.status is Status.FIRING
    assert alert.table == "incident"
    origin = (event["account"], event["region"], event["source"], expected["rule"])
    assert alert.key == dedup_key(*origin, *expected["problem"])
    assert (alert.fields["impact"], alert.fields["urgency"]) == SEVERITIES[expected["severity"]]
    assert alert.fields["short_description"] == expected["short_description"]
    assert alert.fields.get("category") == expected.get("category")
    link = f"Console: {expected['link']}" if "link" in expected else "Account: 111122223333"
    assert link in alert.fields["description"].splitlines()


@pytest.mark.parametrize("name", names("resolved"))
def test_a_recovery_is_about_the_same_problem(name: str) -> None:
    """Its key is that of every event that told of the problem before, and it says what happened."""
    recovery = alert_of(name)
    assert recovery.status is Status.RESOLVED
    assert recovery.note
    assert EXPECTED[name]["recovers"]
    for firing in map(alert_of, EXPECTED[name]["recovers"]):
        assert firing.status is Status.FIRING
        assert firing.key == recovery.key
        assert firing.order < recovery.order


@pytest.mark.parametrize("name", names(PASSED_OVER))
def test_what_no_operator_wants_opens_nothing(name: str) -> None:
    """Nor does it resolve anything; a rule knows it, so that nobody is told of an unknown event."""
    assert rule_for(SAMPLES[name]).alert(SAMPLES[name]) is None


@pytest.mark.parametrize("name", names("firing", odd=False) + names("resolved"))
def test_the_time_is_the_one_that_the_rule_names(name: str) -> None:
    """A time that cannot be read would silently give way to EventBridge's."""
    rule = rule_for(SAMPLES[name])
    moment = rule.time.text(SAMPLES[name]) if rule.time is not None else SAMPLES[name]["time"]
    assert alert_of(name).occurred_at == milliseconds(moment)


@pytest.mark.parametrize("name", names("firing", odd=False))
def test_the_severity_is_the_one_that_the_rule_names(name: str) -> None:
    """A severity that is not known would silently be medium."""
    rule = rule_for(SAMPLES[name])
    assert rule.severity is not None
    assert rule.severity.text(SAMPLES[name]).lower() == EXPECTED[name]["severity"]


@pytest.mark.parametrize("name", names("firing") + names("resolved"))
def test_texts_have_no_holes(name: str) -> None:
    """No line shows that something was missing or empty."""
    alert = alert_of(name)
    for text in (alert.note, *alert.fields.values()):
        assert not HOLES.search(text)


# Rules


@pytest.mark.parametrize("rule", RULES.values(), ids=RULES)
def test_a_rule_is_complete(rule: Rule) -> None:
    """Severity, link, short description, description, and notes for all that it can say."""
    assert rule.severity is not None
    assert rule.link is not None
    assert {"short_description", "description"} <= set(rule.fields)
    assert rule.firing_note.lines
    assert bool(rule.resolved_note.lines) == (rule.resolved is not None)


@pytest.mark.parametrize("rule", RULES.values(), ids=RULES)
def test_a_rule_has_samples_for_all_that_it_knows(rule: Rule) -> None:
    """One that fires for each type of event that can, and one that recovers where there is a recovery."""
    assert matched(rule, "firing")
    assert bool(matched(rule, "resolved")) == (rule.resolved is not None)
    events = [event for status in ("firing", "resolved", PASSED_OVER) for event in matched(rule, status)]
    types = {(event["source"], event["detail-type"]) for event in events}
    assert types == {(source, detail_type) for source in rule.sources for detail_type in rule.detail_types}


@pytest.mark.parametrize("rule", RULES.values(), ids=RULES)
def test_every_line_of_a_template_is_seen_in_a_sample(rule: Rule) -> None:
    """A line whose field is misspelt would always be left out, and nobody would notice."""
    firing, resolved = matched(rule, "firing"), matched(rule, "resolved")
    templates = [(template, firing) for template in (*rule.fields.values(), rule.firing_note)]
    assert rule.link is not None
    templates += [(rule.link, firing), (rule.resolved_note, resolved)]
    for template, events in templates:
        for line in template.lines:
            if any(not isinstance(piece, str) for piece in line):
                assert any(Template((line,)).render(NOTHING_AROUND.around(event)) for event in events), line


@pytest.mark.parametrize("rule", RULES.values(), ids=RULES)
def test_a_problem_without_recovery_is_looked_at_each_time_it_is_reported(rule: Rule) -> None:
    """Nothing but a person resolves it; were repeats ignored, its next occurrence would never be seen."""
    if rule.resolved is None:
        assert rule.policy.on_repeat is OnRepeat.NOTE


# Events that are not as documented


@pytest.mark.parametrize("name", SAMPLES)
def test_odd_details_open_an_incident_or_are_refused(name: str) -> None:
    """Fault 81: each field may hold something else, or nothing."""
    for field, odd in product(SAMPLES[name]["detail"], ODD):
        event = SAMPLES[name] | {"detail": SAMPLES[name]["detail"] | {field: odd}}
        rule = SHIPPED.match(event)
        try:
            alert = rule.alert(event) if rule is not None else None
        except PermanentError:
            continue
        assert alert is None or alert.status is Status.RESOLVED or alert.fields["description"]
