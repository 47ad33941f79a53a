"""Every shipped rule has a sample that fires, one that recovers and an odd one; no state silently counts as nothing."""

import json
import re
from collections.abc import Iterator, Mapping
from copy import deepcopy
from typing import Any

import pytest

from common.errors import PermanentError
from common.incidents.alert import Status
from common.incidents.rules import Rule
from common.incidents.rules.splitting import split
from tests.support.rules import PROJECT, SHIPPED, Event, aws_rules

WITHOUT_AN_ODD_SAMPLE = {
    "servicenow-alert": "what does not keep to docs/schemas/alert.schema.json is refused with the field's name",
    "servicenow-record-request": "what does not keep to docs/schemas/record-request.schema.json is refused likewise",
}
SENT = {"servicenow-record-changed"}  # by the bridge, which does not take it
MAY_BE_MISSING = {
    ("backup-job", "detail.statusMessage"): "a completed backup without a message is a backup",
    ("ecr-image-scan", 'detail."finding-severity-counts".HIGH'): "a count that is left out is 0",
    ("ecs-service", "detail.stoppedReason"): "tells health checks apart from scaling, of which nobody wants to hear",
    (
        "trustedadvisor-check",
        'detail."check-item-detail"."Limit Name"',
    ): "a warning about anything but limits is advice",
}
OF_RDS = "RDS has some 200 event numbers, and the rule is for the numbers that it lists"
MAY_BE_UNKNOWN = {
    ("rds-failover", "detail.EventID"): OF_RDS,
    ("rds-recovery", "detail.EventID"): OF_RDS,
    ("rds-replication", "detail.EventID"): OF_RDS,
    ("rds-storage", "detail.EventID"): OF_RDS,
    ("ecs-service", "detail.stoppedReason"): "any other reason of a scheduler is scaling or a deployment",
}
PLACE = re.compile(r"""detail(?:\.(?:[A-Za-z_]\w*|"[^"]+"))+""")


def shown() -> Iterator[tuple[str, str, Status | None, Event]]:
    """Yield rule, name, status and event of each sample, each problem of one by itself."""
    for path in sorted((PROJECT / "events").glob("*.json")):
        if path.stem in SENT:
            continue
        for part in split(json.loads(path.read_text()), SHIPPED):
            rule = SHIPPED.match(part)
            assert rule is not None, path.name
            alert = rule.alert(part)
            yield rule.name, path.stem, alert.status if alert else None, dict(part)


SHOWN = list(shown())


@pytest.mark.parametrize("rule", list(SHIPPED), ids=lambda rule: rule.name)
def test_a_rule_has_a_sample_for_each_thing_that_it_says(rule: Rule) -> None:
    """One that fires, one that recovers where there is a recovery, and an odd one, which fires."""
    samples = [(name, status) for matched, name, status, _ in SHOWN if matched == rule.name]
    statuses = {status for name, status in samples if not name.endswith("-odd")}
    assert Status.FIRING in statuses
    assert (Status.RESOLVED in statuses) == (rule.resolved is not None)
    odd = [status for name, status in samples if name.endswith("-odd")]
    assert odd == [] if rule.name in WITHOUT_AN_ODD_SAMPLE else set(odd) == {Status.FIRING}


@pytest.mark.parametrize("name", aws_rules())
def test_no_state_that_is_missing_or_unknown_counts_as_nothing(name: str) -> None:
    """What says that an event fires may be missing, or be a word of tomorrow: it fires, or is refused with a reason."""
    [rule] = (rule for rule in SHIPPED if rule.name == name)
    for matched, sample, status, event in SHOWN:
        if (matched, status) != (name, Status.FIRING):
            continue
        for place in sorted(set(PLACE.findall(rule.firing.source))):
            if (name, place) not in MAY_BE_MISSING:
                assert fires_or_is_refused(changed(event, place, remove=True)), f"{sample} without {place}"
            if (name, place) not in MAY_BE_UNKNOWN:
                assert fires_or_is_refused(changed(event, place, remove=False)), f"{sample} with an unknown {place}"


def changed(event: Event, place: str, *, remove: bool) -> Event:
    """Return the event without the value at a place, or with a word there that nobody knows."""
    event = deepcopy(event)
    *outer, last = (part.strip('"') for part in re.findall(r'"[^"]+"|\w+', place))
    found: Any = event
    for part in outer:
        found = found.get(part)
        if not isinstance(found, dict):
            return event
    if remove:
        found.pop(last, None)
    elif isinstance(found.get(last), str):
        found[last] = "a word of tomorrow"
    return event


def fires_or_is_refused(event: Mapping[str, Any]) -> bool:
    """Return whether somebody hears of it: by an incident, or by a dead letter."""
    rule = SHIPPED.match(event)
    try:
        alert = rule.alert(event) if rule is not None else None
    except PermanentError:
        return True
    return alert is not None and alert.status is Status.FIRING
