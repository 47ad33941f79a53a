"""What a caller asks for who opens a maintenance window."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta

_UNITS = {"s": 1, "m": 60, "h": 3600}


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
        return now + timedelta(seconds=int(self.lasts[:-1]) * _UNITS[self.lasts[-1]])
