"""A storm: more problems at once than anybody can read one by one, as a rule sees it."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

GATHERING = "storm"
"""The first part of the dedup key of a storm's record, where a problem's has an account."""


@dataclass(frozen=True, slots=True)
class Storm:
    """What a rule says of a problem's storm.

    `key` names what is counted together. Of the problems that open within `within` seconds, those beyond `more_than`
    join one record, with `fields`; `joining` is the note that tells there of this problem.
    """

    key: str
    more_than: int
    within: int
    fields: Mapping[str, str] = field(default_factory=dict)
    joining: str = ""


@dataclass(frozen=True, slots=True)
class Cover:
    """What a problem covers while it fires: problems of which one of `expressions` holds.

    They see the other problem's event, with `rule` and `severity` beside it, and `event`, the covering problem's own,
    as `covering`.
    """

    expressions: tuple[str, ...]
    event: Mapping[str, Any]


def gathers(key: str) -> bool:
    """Return whether a dedup key is that of a storm's record."""
    return key.startswith(f'["{GATHERING}",')
