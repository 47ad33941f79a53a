"""The shapes of what callers say about maintenance windows, for validation and for docs/openapi.json."""

from typing import Annotated, Literal

from pydantic import BaseModel, Field

from common.api.models import Strict
from common.api.times import SensibleTime
from common.api.wanted_window import Wanted


class NewWindow(Strict):
    """What is to be quiet, and for how long: `for` or `until`. At least one of `match` and `rules` is needed."""

    match: Annotated[
        str, Field(max_length=1000, description="A JMESPath expression about the event, as in a [[window]].")
    ] = ""
    rules: Annotated[
        tuple[Annotated[str, Field(pattern=r"^[A-Za-z0-9*?._-]{1,100}$")], ...],
        Field(max_length=20, description="Names of rules; * stands for anything."),
    ] = ()
    quiet: Annotated[
        Literal["hold", "note", "drop"],
        Field(description="Open at the end what still fires, open at once with a low severity, or open nothing."),
    ] = "hold"
    lasts: Annotated[
        str | None, Field(alias="for", pattern=r"^[1-9][0-9]{0,5}[smh]$", description="Such as 90s, 30m or 2h.")
    ] = None
    until: Annotated[SensibleTime | None, Field(description="A time with its zone.")] = None

    def wanted(self) -> Wanted:
        """Return what it asks for."""
        return Wanted(self.quiet, self.match, self.rules, self.until, self.lasts or "")


class OpenWindow(BaseModel):
    """A maintenance window of a caller."""

    name: str
    quiet: Literal["hold", "note", "drop"]
    match: str
    rules: list[str]
    account: Annotated[str, Field(description="The account whose events it concerns; empty for all.")]
    begins: Annotated[str, Field(alias="from", description="When it was opened.")]
    until: Annotated[str, Field(description="When it ends by itself.")]
    opened_by: str


class OpenWindows(BaseModel):
    """Maintenance windows of callers."""

    windows: list[OpenWindow]
