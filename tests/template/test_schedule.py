"""When the access token is looked after, and that all of it can be left out."""

import json
import re
from typing import Any

import pytest

from tests.template.reading import Resources, attribute, of_type

REFRESHER = "TokenRefreshFunction"


def mentions_the_refresher(resource: dict[str, Any]) -> bool:
    """Tell whether a resource refers to the refresher, its role or its log group where there might be none."""
    text = json.dumps(without_choices(resource))
    return any(f'"{name}"' in text for name in (REFRESHER, f"{REFRESHER}Role", f"{REFRESHER}Logs"))


def without_choices(value: Any) -> Any:  # noqa: ANN401 (a template is JSON)
    """Return a value without what is only there where the refresher is."""
    if isinstance(value, list):
        return [without_choices(part) for part in value]
    if not isinstance(value, dict):
        return value
    if value.get("Fn::If", [""])[0] == "RefreshesToken":
        return without_choices(value["Fn::If"][2])
    return {name: without_choices(part) for name, part in value.items()}


def test_the_schedule_calls_the_refresher(resources: Resources) -> None:
    """The rule's expression is the parameter, its one target the function."""
    (rule,) = [found for found in of_type(resources, "AWS::Events::Rule").values() if "ScheduleExpression" in found]

    assert rule["ScheduleExpression"] == {"Ref": "TokenRefreshSchedule"}
    assert [target["Arn"] for target in rule["Targets"]] == [attribute(REFRESHER)]


def test_only_that_rule_may_call_it(resources: Resources) -> None:
    """EventBridge, and of EventBridge this one rule."""
    (name,) = [name for name, found in of_type(resources, "AWS::Events::Rule").items() if "ScheduleExpression" in found]
    permissions = [
        found
        for found in of_type(resources, "AWS::Lambda::Permission").values()
        if found["FunctionName"] == {"Ref": REFRESHER}
    ]

    assert [(found["Principal"], found["SourceArn"]) for found in permissions] == [
        ("events.amazonaws.com", attribute(name))
    ]


def test_a_run_that_failed_is_not_repeated(resources: Resources) -> None:
    """Wrong credentials are asked once a run; Lambda would otherwise repeat a scheduled event twice."""
    (found,) = of_type(resources, "AWS::Lambda::EventInvokeConfig").values()

    assert found["FunctionName"] == {"Ref": REFRESHER}
    assert found["MaximumRetryAttempts"] == 0


def test_the_refresher_can_be_left_out(template: dict[str, Any], resources: Resources) -> None:
    """With an empty schedule nothing of it is made, and nothing that stays refers to it."""
    concerned = {name for name, resource in resources.items() if mentions_the_refresher({name: resource})}
    without_condition = {name for name in concerned if resources[name].get("Condition") != "RefreshesToken"}

    assert {REFRESHER, f"{REFRESHER}Role", f"{REFRESHER}Logs", "TokenRefreshErrorsAlarm"} <= concerned
    assert without_condition == set()
    for output in template["Outputs"].values():
        assert mentions_the_refresher(output) == (output.get("Condition") == "RefreshesToken")


@pytest.mark.parametrize(
    "schedule", ["", "rate(5 minutes)", "rate(1 minute)", "rate(1 hour)", "cron(0/5 6-20 ? * MON-FRI *)"]
)
def test_the_stack_accepts_a_schedule(template: dict[str, Any], schedule: str) -> None:
    """Both kinds of expressions that rules know, or none."""
    assert re.search(template["Parameters"]["TokenRefreshSchedule"]["AllowedPattern"], schedule)


@pytest.mark.parametrize("schedule", ["5 minutes", "rate(0 minutes)", "rate(5)", "at(2030-01-01T00:00:00)", "off"])
def test_the_stack_refuses_what_is_no_schedule(template: dict[str, Any], schedule: str) -> None:
    """Before anything is deployed."""
    assert not re.search(template["Parameters"]["TokenRefreshSchedule"]["AllowedPattern"], schedule)
