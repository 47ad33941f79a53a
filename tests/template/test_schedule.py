"""When the access token is looked after and ServiceNow is watched, and that all of either can be left out."""

import json
import re
from dataclasses import dataclass
from typing import Any

import pytest

from tests.template.reading import Resources, attribute, of_type


@dataclass(frozen=True)
class Scheduled:
    """A function that a parameter schedules, or leaves out where it is empty."""

    function: str
    parameter: str
    condition: str
    alarm: str

    def rule(self, resources: Resources) -> tuple[str, dict[str, Any]]:
        """Return the one rule with that schedule, and its name."""
        rules = of_type(resources, "AWS::Events::Rule").items()
        (found,) = [each for each in rules if each[1].get("ScheduleExpression") == {"Ref": self.parameter}]
        return found

    def is_mentioned_by(self, resource: dict[str, Any]) -> bool:
        """Tell whether a resource refers to the function, its role or its log group where there might be none."""
        text = json.dumps(self.without_choices(resource))
        return any(f'"{name}"' in text for name in (self.function, f"{self.function}Role", f"{self.function}Logs"))

    def without_choices(self, value: Any) -> Any:  # noqa: ANN401 (a template is JSON)
        """Return a value without what is only there where the function is."""
        if isinstance(value, list):
            return [self.without_choices(part) for part in value]
        if not isinstance(value, dict):
            return value
        if value.get("Fn::If", [""])[0] == self.condition:
            return self.without_choices(value["Fn::If"][2])
        return {name: self.without_choices(part) for name, part in value.items()}


REFRESHER = Scheduled("TokenRefreshFunction", "TokenRefreshSchedule", "RefreshesToken", "TokenRefreshErrorsAlarm")
WATCH = Scheduled("WatchFunction", "WatchSchedule", "WatchesRecords", "WatchErrorsAlarm")

each = pytest.mark.parametrize("scheduled", [REFRESHER, WATCH], ids=lambda scheduled: scheduled.function)


@each
def test_the_schedule_calls_the_function(resources: Resources, scheduled: Scheduled) -> None:
    """The rule's expression is the parameter, its one target the function."""
    _, rule = scheduled.rule(resources)

    assert [target["Arn"] for target in rule["Targets"]] == [attribute(scheduled.function)]


@each
def test_only_that_rule_may_call_it(resources: Resources, scheduled: Scheduled) -> None:
    """EventBridge, and of EventBridge this one rule."""
    name, _ = scheduled.rule(resources)
    permissions = [
        found
        for found in of_type(resources, "AWS::Lambda::Permission").values()
        if found["FunctionName"] == {"Ref": scheduled.function}
    ]

    assert [(found["Principal"], found["SourceArn"]) for found in permissions] == [
        ("events.amazonaws.com", attribute(name))
    ]


@each
def test_a_run_that_failed_is_not_repeated(resources: Resources, scheduled: Scheduled) -> None:
    """The next run is the retry; Lambda would otherwise repeat a scheduled event twice."""
    found = of_type(resources, "AWS::Lambda::EventInvokeConfig").values()
    tries = {each["FunctionName"]["Ref"]: each["MaximumRetryAttempts"] for each in found}

    assert tries[scheduled.function] == 0


@each
def test_it_can_be_left_out(template: dict[str, Any], resources: Resources, scheduled: Scheduled) -> None:
    """With an empty schedule nothing of it is made, and nothing that stays refers to it."""
    concerned = {name for name, resource in resources.items() if scheduled.is_mentioned_by({name: resource})}
    without_condition = {name for name in concerned if resources[name].get("Condition") != scheduled.condition}
    function = scheduled.function

    assert {function, f"{function}Role", f"{function}Logs", scheduled.alarm} <= concerned
    assert without_condition == set()
    for output in template["Outputs"].values():
        assert scheduled.is_mentioned_by(output) == (output.get("Condition") == scheduled.condition)


def test_nobody_watches_unless_told_to(template: dict[str, Any]) -> None:
    """The token is looked after from the beginning."""
    assert template["Parameters"]["WatchSchedule"]["Default"] == ""
    assert template["Parameters"]["TokenRefreshSchedule"]["Default"]


@each
@pytest.mark.parametrize(
    "schedule", ["", "rate(5 minutes)", "rate(1 minute)", "rate(1 hour)", "cron(0/5 6-20 ? * MON-FRI *)"]
)
def test_the_stack_accepts_a_schedule(template: dict[str, Any], schedule: str, scheduled: Scheduled) -> None:
    """Both kinds of expressions that rules know, or none."""
    assert re.search(template["Parameters"][scheduled.parameter]["AllowedPattern"], schedule)


@each
@pytest.mark.parametrize("schedule", ["5 minutes", "rate(0 minutes)", "rate(5)", "at(2030-01-01T00:00:00)", "off"])
def test_the_stack_refuses_what_is_no_schedule(template: dict[str, Any], schedule: str, scheduled: Scheduled) -> None:
    """Before anything is deployed."""
    assert not re.search(template["Parameters"][scheduled.parameter]["AllowedPattern"], schedule)
