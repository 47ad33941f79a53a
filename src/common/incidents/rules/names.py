"""The names and choices of ServiceNow that every part of the rules speaks of."""

import re

ANY = "*"
"""Stands for every source, or for every type of event."""

OWN = "own"
"""The folder beside the shipped files that belongs to whoever deploys: nothing is ever shipped in it."""

CLOSE_CODES = "close_codes"
"""The entry at the top of a rule file that lists what codes of closing an instance has beside ServiceNow's own."""

LEVELS = ("1", "2", "3")
"""The choices of impact and urgency."""

OWN_COLUMNS = frozenset({"sys_id", "correlation_id", "correlation_display", "message_key", "resolution_state"})
"""What only the bridge writes: by these it recognises its records."""

_COLUMN = re.compile(r"[a-z][a-z0-9_]{0,79}")


def is_name(name: str) -> bool:
    """Return whether `name` looks like the name of a table or a column."""
    return _COLUMN.fullmatch(name) is not None


def is_column(name: str) -> bool:
    """Return whether a rule or an event may set a column of this name."""
    return is_name(name) and name not in OWN_COLUMNS and not name.startswith("sys_")
