"""What shipped rules know AWS's objects by, from AWS's own sample events."""

import json

import pytest

from common.incidents.alert import Status
from common.incidents.rules.on_change import NEEDS
from tests.support.rules import SHIPPED, samples

ACTING = {rule.name for rule in SHIPPED if rule.on_change}


def objects() -> list[tuple[str, str, dict[str, str]]]:
    """Return sample, action and object of each firing alert whose rule acts, but for events that lack a lot."""
    found = []
    for name, event in samples().items():
        if name.endswith("-odd"):
            continue
        rule = SHIPPED.match(event)
        alert = rule.alert(event) if rule is not None else None
        if rule is not None and alert is not None and rule.on_change and alert.status is Status.FIRING:
            found.append((name, rule.on_change[0].action, dict(alert.object)))
    return found


@pytest.mark.parametrize(
    ("name", "action", "named"), objects(), ids=lambda value: value if isinstance(value, str) else ""
)
def test_an_object_is_named_as_fully_as_its_action_needs(name: str, action: str, named: dict[str, str]) -> None:
    """In every sample that opens a record."""
    assert any(set(way) <= named.keys() for way in NEEDS[action]), name


def test_every_rule_that_acts_has_a_sample() -> None:
    """Of both feeds of Security Hub, too."""
    assert {action for _, action, _ in objects()} == {"securityhub", "opsitem", "guardduty", "accessanalyzer"}
    assert {tuple(sorted(named)) for _, action, named in objects() if action == "securityhub"} >= {
        ("id", "product_arn"),
        ("metadata_uid",),
    }


@pytest.mark.parametrize(
    ("name", "named"), [(name, named) for name, _, named in objects()], ids=lambda value: str(value)[:40]
)
def test_half_a_surrogate_pair_in_a_name_can_be_stored(name: str, named: dict[str, str]) -> None:
    """Fault 83: DynamoDB takes nothing but UTF-8, for objects and for the ARNs that an event lists."""
    event = samples()[name]
    text = json.dumps(event | {"resources": ["arn:aws:any:::one", *event.get("resources", [])]})
    for part in {"arn:aws:any:::one", *named.values()}:
        text = text.replace(json.dumps(part), json.dumps(f"{part}\ud83d"))
    odd = json.loads(text)
    rule = SHIPPED.match(odd)
    alert = rule.alert(odd) if rule is not None else None
    assert alert is not None
    assert alert.resources[0] == "arn:aws:any:::one\\ud83d"
    assert any(part.endswith("\\ud83d") for part in alert.object.values())
    for stored in (*alert.resources, *alert.object.values()):
        assert stored.encode()
