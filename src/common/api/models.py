"""The shapes of requests and answers, for validation and for docs/openapi.json. Only the API function imports pydantic.

All values are strings, as in ServiceNow's own Table API: times in UTC, references as sys_ids.
"""

from typing import Annotated, Literal

from pydantic import BaseModel, ConfigDict, Field, RootModel

type Level = Literal["1", "2", "3"]
FieldName = Annotated[str, Field(pattern=r"^[a-z][a-z0-9_]{0,79}$")]
Value = Annotated[str, Field(max_length=4000)]
Line = Annotated[str, Field(max_length=255)]
Text = Annotated[str, Field(min_length=1, max_length=4000)]
SysId = Annotated[str, Field(pattern=r"^[0-9a-f]{32}$")]


class Strict(BaseModel):
    """A shape that refuses members that it does not know."""

    model_config = ConfigDict(extra="forbid")


class NewIncident(BaseModel):
    """An incident to open. Further members are fields of the incident that the deployment allows."""

    model_config = ConfigDict(extra="allow")
    __pydantic_extra__: dict[str, Value] = Field(init=False)

    short_description: Annotated[str, Field(min_length=1, max_length=160, description="What is wrong, in one line.")]
    description: Annotated[str, Field(max_length=4000, description="Everything else.")] = ""
    impact: Annotated[Level, Field(description="1 high, 2 medium, 3 low; the priority follows from both.")] = "3"
    urgency: Annotated[Level, Field(description="1 high, 2 medium, 3 low.")] = "3"
    assignment_group: Annotated[Line, Field(description="The sys_id or the name of a group.")] = ""
    cmdb_ci: Annotated[Line, Field(description="The sys_id, name or correlation id of a configuration item.")] = ""


class RecordFields(RootModel[dict[FieldName, Value]]):
    """Fields of a record by name. An empty value clears the field."""

    model_config = ConfigDict(json_schema_extra={"additionalProperties": False})
    root: Annotated[dict[FieldName, Value], Field(min_length=1, max_length=100)]


class Created(Strict):
    """The record of a request, the same for every repetition of it."""

    sys_id: SysId
    number: Annotated[str, Field(description="What people call it; empty where the table has none.")]
    link: Annotated[str, Field(description="The record's page in ServiceNow.")]


class Record(RootModel[dict[str, str]]):
    """The fields of a record by name, as ServiceNow holds them."""


class Records(Strict):
    """A page of records, newest first."""

    records: list[Record]
    next_cursor: Annotated[str | None, Field(description="Send it as `cursor` for the next page; null on the last.")]


class Note(Strict):
    """A comment or a work note."""

    text: Text


class Done(Strict):
    """What became of a write that appends."""

    repeated: Annotated[bool, Field(description="True where this Idempotency-Key had done it before.")]


class Resolution(Strict):
    """How an incident was resolved."""

    close_notes: Text
    close_code: Annotated[str, Field(max_length=100, description="By default the deployment's resolution code.")] = ""


class CauseOfFailure(Strict):
    """What can be wrong, and what mends it."""

    what: str
    fix: str


class CheckResult(Strict):
    """What came of one check. One that needs another which failed is skipped."""

    name: str
    outcome: Literal["ok", "failed", "skipped", "not observable"]
    causes: Annotated[
        list[CauseOfFailure], Field(description="Everything that fits the failure, the most likely first.")
    ] = []


class HealthReport(Strict):
    """Whether the API works."""

    status: Literal["ok"]
    checks: Annotated[list[CheckResult], Field(description="Each check, for roles that may see them.")] = []


class Mistake(BaseModel):
    """A part of the request that is not valid."""

    location: Annotated[str, Field(description="Where: body, query, path or header, then the members, with slashes.")]
    reason: Annotated[str, Field(description="A short name of the rule that it breaks.")]


class Problem(BaseModel):
    """A problem as RFC 9457 has it. `type` never changes its meaning."""

    type: str
    title: str
    status: int
    detail: Annotated[str, Field(description="What happened.")]
    request_id: Annotated[str, Field(description="Finds the request in the logs.")]
    action: Annotated[str, Field(description="What to do next.")] = ""
    errors: Annotated[list[Mistake], Field(description="What is not valid.")] = []
    idempotency_key: Annotated[str, Field(description="The key to repeat the request with.")] = ""
    checks: Annotated[list[CheckResult], Field(description="What deep health found, for roles that may see it.")] = []
