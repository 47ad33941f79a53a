"""The parameters of the API's paths, queries and headers."""

from typing import Annotated, Literal

from aws_lambda_powertools.event_handler.openapi.params import Header, Path, Query

from common.api.files import FILE_NAME
from common.api.incidents import IDENTIFIER
from common.api.paging import LONGEST_PAGE
from common.api.times import SensibleTime

_KEY = {"alias": "Idempotency-Key", "pattern": r"^[\x21-\x7e]{1,255}$"}
RequiredKey = Annotated[str, Header(**_KEY, description="Names this request: repeat it with the same key.")]
OptionalKey = Annotated[str | None, Header(**_KEY, description="With it, a repeated request is done at most once.")]
Incident = Annotated[str, Path(pattern=IDENTIFIER, description="A number such as INC0010001, or a sys_id.")]
Change = Annotated[str, Path(pattern=IDENTIFIER, description="A number such as CHG0030001, or a sys_id.")]
Table = Annotated[str, Path(pattern=r"^[a-z][a-z0-9_]{0,79}$", description="A table that the deployment allows.")]
SysId = Annotated[str, Path(pattern=r"^[0-9a-f]{32}$", description="A sys_id.")]
Cursor = Annotated[str | None, Query(max_length=200, description="`next_cursor` of the page before.")]
Limit = Annotated[int, Query(ge=1, le=LONGEST_PAGE, description="The most records of the page.")]
State = Annotated[
    Literal["open", "new", "in_progress", "on_hold", "resolved", "closed", "canceled"] | None,
    Query(description="`open` is every state in which somebody still has to do something."),
]
Group = Annotated[str | None, Query(min_length=1, max_length=80, description="The group's sys_id or name.")]
Since = Annotated[SensibleTime | None, Query(description="A time with its zone, such as 2026-01-31T08:00:00Z.")]
Deep = Annotated[bool, Query(description="Also check what the API depends on, as the doctor does.")]
FileName = Annotated[str, Query(pattern=FILE_NAME, description="The name that the file gets.")]
WindowName = Annotated[
    str, Path(pattern=r"^[A-Za-z0-9][A-Za-z0-9._-]{0,79}$", description="The window's name, which records will say.")
]
Source = Annotated[str, Path(description="A source that the deployment lists, such as `datadog`.")]
