"""What EventBridge delivers follows from the sources alone; no rule under src/rules waits for what never comes."""

import json
import re
from collections.abc import Callable, Mapping
from typing import Any, cast

import pytest
from moto.events.models import EventPattern

from local.delivery import Delivery
from tests.support.rules import PROJECT, SHIPPED, samples, shipped_types
from tests.template.conftest import TEMPLATE
from tests.template.reading import Resources, of_type

TOLD = "ServiceNow Record Changed"
OF_RULES = {"ServiceNow Alert", "ServiceNow Record Request"}
OWN_TYPES = OF_RULES | {"ServiceNow Change Request", "ServiceNow Change Result"}
EVENTS = {path.stem: json.loads(path.read_text()) for path in sorted((PROJECT / "events").glob("*.json"))}
CHANGED = EVENTS.pop("servicenow-record-changed")
# https://docs.aws.amazon.com/eventbridge/latest/userguide/eb-service-event-cloudtrail.html
OF_CLOUDTRAIL = [
    "AWS API Call via CloudTrail",
    "AWS Console Sign In via CloudTrail",
    "AWS Console Action via CloudTrail",
    "AWS Insight via CloudTrail",
    "AWS Service Event via CloudTrail",
]
LONGEST_PATTERN = 2048  # characters: https://docs.aws.amazon.com/eventbridge/latest/userguide/eb-quota.html

type Takes = Callable[[Mapping[str, Any], list[str], list[str]], set[str]]


@pytest.fixture
def takes(resources: Resources) -> Takes:
    """Return what tells which rules take an event, where the two parameters list these sources; matched by moto."""
    rules = of_type(resources, "AWS::Events::Rule")

    def takes(event: Mapping[str, Any], sources: list[str], own_sources: list[str]) -> set[str]:
        listed = {"EventRule": sources, "OwnEventRule": own_sources}
        patterns = {name: json.dumps(rules[name]["EventPattern"] | {"source": listed[name]}) for name in listed}
        return {
            name for name, pattern in patterns.items() if EventPattern.load(pattern).matches_event(cast("Any", event))
        }

    return takes


@pytest.mark.parametrize("event", EVENTS.values(), ids=list(EVENTS))
def test_every_sample_is_delivered_once_by_the_rule_of_its_kind(takes: Takes, event: Mapping[str, Any]) -> None:
    """Where the parameter of that rule lists its source, and not where it lists another."""
    source = str(event["source"])
    rule = "OwnEventRule" if event["detail-type"] in OWN_TYPES else "EventRule"

    assert takes(event, [source, "aws.other"], [source, "other"]) == {rule}
    assert takes(event, ["aws.other"], ["other"]) == set()


def test_the_samples_are_all_those_of_the_shipped_rules() -> None:
    """Each source and type that a shipped rule knows has one."""
    shown = {(event["source"], event["detail-type"]) for event in samples().values()}

    assert shown >= shipped_types()


@pytest.mark.parametrize("detail_type", ["Order Stuck", "EBS Volume Notification", "AWS API Call via Somebody"])
def test_a_type_that_no_shipped_rule_knows_is_delivered_too(takes: Takes, detail_type: str) -> None:
    """A rule of one's own, and one that catches all, need no change of the template."""
    event = {"source": "my.orders", "detail-type": detail_type, "detail": {}}

    assert takes(event, ["aws.cloudwatch", "my.orders"], ["other"]) == {"EventRule"}


@pytest.mark.parametrize("detail_type", OF_CLOUDTRAIL)
def test_what_cloudtrail_tells_of_every_call_is_not_delivered(takes: Takes, detail_type: str) -> None:
    """It has the source of the service that was called, and would be most of what comes."""
    assert takes({"source": "aws.ec2", "detail-type": detail_type, "detail": {}}, ["aws.ec2"], ["other"]) == set()


@pytest.mark.parametrize("detail_type", sorted(OWN_TYPES))
def test_the_bridges_own_types_come_from_the_sources_of_their_own_parameter_only(
    takes: Takes, detail_type: str
) -> None:
    """A source of whose events all are taken may not therefore open any record."""
    event = {"source": "my.orders", "detail-type": detail_type, "detail": {}}

    assert takes(event, ["my.orders"], ["other"]) == set()
    assert takes(event, ["other"], ["my.orders"]) == {"OwnEventRule"}


def test_what_the_stack_tells_never_comes_back_to_it(takes: Takes, template: dict[str, Any]) -> None:
    """Whatever sources are listed, of which none may be its own: no change goes round in a circle."""
    assert CHANGED["detail-type"] == TOLD
    assert takes(CHANGED, [CHANGED["source"]], [CHANGED["source"]]) == set()
    assert not re.search(template["Parameters"]["EventSources"]["AllowedPattern"], CHANGED["source"])


def test_no_shipped_rule_waits_for_what_never_comes() -> None:
    """`make rules` says so of others."""
    delivery = Delivery.of(TEMPLATE)

    assert {name for rule in SHIPPED for name in rule.detail_types if delivery.never(name)} == set()
    assert {detail_type for rule in SHIPPED for detail_type in rule.detail_types} >= OF_RULES


def test_the_pattern_has_room_for_many_sources_of_ones_own(resources: Resources) -> None:
    """All that a rule is shipped for, and thirty more with long names."""
    pattern = of_type(resources, "AWS::Events::Rule")["EventRule"]["EventPattern"]
    sources = [*{source for source, _ in shipped_types()}, *(f"com.example.application-{n}" for n in range(30))]

    assert len(json.dumps(pattern | {"source": sources}, separators=(",", ":"))) < LONGEST_PATTERN
