"""The EventBridge rule and the rules under src/rules know the same events."""

from tests.support.rules import SHIPPED, pattern_types, shipped_types
from tests.template.reading import Resources, of_type

OWN_TYPES = {"ServiceNow Alert", "ServiceNow Record Request"}


def test_the_event_rule_takes_exactly_the_types_that_a_shipped_rule_knows(resources: Resources) -> None:
    """An event without a rule would be dropped, and a rule without its type would never see one."""
    [rule] = [rule for name, rule in of_type(resources, "AWS::Events::Rule").items() if name == "EventRule"]

    taken = pattern_types(rule["EventPattern"])

    assert taken == {detail_type for _, detail_type in shipped_types()} | OWN_TYPES
    assert {detail_type for rule in SHIPPED for detail_type in rule.detail_types} >= OWN_TYPES
