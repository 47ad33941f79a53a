"""What a caller asks for who opens a maintenance window."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta

from common.clock import seconds_in


@dataclass(frozen=True, slots=True)
class Wanted:
    """What a caller asks for: for whom (`match`, `rules`), what becomes of it, and until when or for how long."""

    quiet: str
    match: str
    rules: Sequence[str]
    until: datetime | None
    lasts: str

    def end(self, now: datetime) -> datetime:
        """Return when it ends by itself."""
        if self.until is not None:
            return self.until
        return now + timedelta(seconds=seconds_in(self.lasts) or 0)
