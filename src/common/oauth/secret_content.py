"""What becomes of the secret's content in a rotation. Pure; the same for a person's `make secret` and the function."""

from collections.abc import Mapping
from typing import Any

from common.oauth.credentials import CLAIMS, CURRENT, KEYS, NEXT, SIGNED_KEYS

OF_A_CLIENT = frozenset({*KEYS, *SIGNED_KEYS, *CLAIMS})
"""Every key that a pair can have."""


def current_pair(content: Mapping[str, Any]) -> dict[str, Any]:
    """Return the pair in use, wherever it stands."""
    found = content.get(CURRENT, content)
    return {key: value for key, value in found.items() if key in OF_A_CLIENT} if isinstance(found, dict) else {}


def with_current(content: Mapping[str, Any], pair: Mapping[str, str]) -> dict[str, Any]:
    """Return `content` with `pair` where the current one stands. What else it holds stays."""
    if CURRENT in content:
        return {**content, CURRENT: dict(pair)}
    rest = {key: value for key, value in content.items() if key not in OF_A_CLIENT}
    return {**rest, **pair}


def promoted(content: Mapping[str, Any]) -> dict[str, Any] | None:
    """Return `content` with the next pair as the current one; None where there is none."""
    following = content.get(NEXT)
    if not isinstance(following, dict):
        return None
    return with_current({key: value for key, value in content.items() if key != NEXT}, following)
