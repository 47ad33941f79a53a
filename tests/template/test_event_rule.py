"""The EventBridge rule and the rules under src/rules know the same events."""

from tests.support.rules import SHIPPED, shipped_types
from tests.template.reading import Resources, of_type

OWN_TYPES = {"ServiceNow Alert", "ServiceNow Record Request"}


def test_the_event_rule_takes_exactly_the_types_that_a_shipped_rule_knows(resources: Resources) -> None:
    """An event without a rule would be dropped, and a rule without its type would never see one."""
    rules = of_type(resources, "AWS::Events::Rule")

    assert set(rules["EventRule"]["EventPattern"]["detail-type"]) == {detail_type for _, detail_type in shipped_types()}
    assert set(rules["OwnEventRule"]["EventPattern"]["detail-type"]) == OWN_TYPES
    assert {detail_type for rule in SHIPPED for detail_type in rule.detail_types} >= OWN_TYPES
