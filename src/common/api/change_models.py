"""The shapes of requests and answers about change requests."""

from datetime import datetime
from typing import Annotated, Literal, Self

from pydantic import Field, model_validator

from common.api.models import Line, Record, Strict, SysId, Text, Value
from common.api.times import SensibleTime, in_servicenow
from common.incidents.waiting import Waiting
from common.servicenow.change_requests import TEMPLATE

Name = Annotated[str, Field(min_length=1, max_length=100)]


class Approval(Strict):
    """A manual approval action of CodePipeline that waits, named as its notification names it."""

    pipeline: Name
    stage: Name
    action: Name
    token: Annotated[str, Field(min_length=1, max_length=100, description="The notification's `approval.token`.")]


class NewChange(Strict):
    """A change to ask for, and what waits for it: a task, an approval, or nothing."""

    short_description: Annotated[
        str, Field(max_length=160, description="What is changed, in one line. Needed without a template.")
    ] = ""
    description: Value = ""
    justification: Value = ""
    implementation_plan: Value = ""
    backout_plan: Value = ""
    test_plan: Value = ""
    assignment_group: Annotated[Line, Field(description="The sys_id or the name of a group.")] = ""
    assigned_to: Annotated[Line, Field(description="The sys_id, user name, mail address or name of a person.")] = ""
    cmdb_ci: Annotated[Line, Field(description="The sys_id, name or correlation id of a configuration item.")] = ""
    business_service: Line = ""
    risk: Annotated[str, Field(max_length=40, description="One of the instance's own values.")] = ""
    start_date: Annotated[SensibleTime | None, Field(description="When the work begins.")] = None
    end_date: Annotated[SensibleTime | None, Field(description="When it ends.")] = None
    template: Annotated[
        SysId | None, Field(description="The template of a standard change. Without it the change is a normal one.")
    ] = None
    task_token: Annotated[
        str | None,
        Field(min_length=1, max_length=2048, description="Of a task of Step Functions that waits: `$$.Task.Token`."),
    ] = None
    approval: Approval | None = None

    @model_validator(mode="after")
    def _says_what(self) -> Self:
        if not self.template and not self.short_description.strip():
            raise ValueError("neither a short_description nor a template says what is changed")
        if self.task_token and self.approval:
            raise ValueError("task_token and approval are there both")
        return self

    def fields(self) -> dict[str, str]:
        """Return the fields of the change that it asks for."""
        own = {"template", "task_token", "approval"}
        fields = {name: value for name, value in self.model_dump(exclude=own).items() if value}
        times = {name: in_servicenow(value) for name, value in fields.items() if isinstance(value, datetime)}
        return {**fields, **times, **({TEMPLATE: self.template} if self.template else {})}

    def waiting(self) -> Waiting | None:
        """Return what waits for it, None for nothing."""
        if self.task_token:
            return Waiting(self.task_token)
        return Waiting(**self.approval.model_dump()) if self.approval else None


class Change(Strict):
    """A change that this bridge opened."""

    change: Record
    waiting: Annotated[
        Literal["nobody", "waiting", "approved", "rejected", "canceled", "closed", "used_up"],
        Field(description="What waits for it, or what it was told. `used_up`: nothing waited any more."),
    ]


class Closing(Strict):
    """How a change ended."""

    result: Literal["successful", "successful_issues", "unsuccessful"]
    close_notes: Text
