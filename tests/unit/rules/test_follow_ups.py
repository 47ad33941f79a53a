"""What a rule adds to an open record, and what an override changes of that."""

from typing import Any

import pytest

from common.incidents.alert import FollowUp
from common.incidents.rules.reading import read_override
from tests.support.context import event
from tests.support.rules import aws_rules

ALARM = event("cloudwatch-alarm-metric-alarm")


def changed(content: dict[str, Any]) -> tuple[FollowUp, ...]:
    """Return what the rule for alarms adds with an override laid over it."""
    override, mistakes = read_override("own/x.toml, override 1", content, {"incident"})
    assert override is not None, mistakes
    alert = override.over(aws_rules()["cloudwatch-alarm"]).alert(ALARM)
    assert alert is not None
    assert bool(alert.event) is bool(alert.follow_ups)
    return alert.follow_ups


@pytest.mark.parametrize(
    ("content", "kinds"),
    [
        ({"severity": "'low'"}, tuple(FollowUp)),
        ({"with": []}, ()),
        ({"with": ["log"]}, (FollowUp.LOG,)),
        ({"with": ["events", "graph", "events"]}, (FollowUp.GRAPH, FollowUp.EVENTS)),
    ],
    ids=["as it ships", "nothing", "one", "each once, in one order"],
)
def test_an_override_replaces_what_is_added(content: dict[str, Any], kinds: tuple[FollowUp, ...]) -> None:
    """An event travels on with its alert only where something is added."""
    assert changed(content) == kinds


@pytest.mark.parametrize(
    ("entry", "why"),
    [
        (["graph", "grap"], "has 'grap', which is none of graph, log, events"),
        ([1], "is neither a text nor a list of texts"),
    ],
)
def test_what_cannot_be_added_is_named(entry: list[Any], why: str) -> None:
    """A slip would show only at the first alarm."""
    override, mistakes = read_override("own/x.toml, override 1", {"with": entry}, {"incident"})

    assert override is None
    assert [(mistake.field, mistake.why) for mistake in mistakes] == [("with", why)]
