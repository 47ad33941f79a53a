"""An event that tells of several problems becomes one event for each."""

import json
from collections.abc import Mapping, Sequence
from typing import Any

from common.errors import PermanentError
from common.incidents.expressions import Expression
from common.incidents.rules.matching import Rules

MOST_PARTS = 20_000
"""More than a body of 4 MB can say anything about; what is beyond would fill a function's time and memory."""

MOST_BYTES = 64_000_000
"""What all parts hold beside their own entries, at most: each repeats it, and all have to fit into a function."""


def split(event: Mapping[str, Any], rules: Rules) -> list[Mapping[str, Any]]:
    """Return one event for each entry of the list that the event's rule names with `each`; else the event itself.

    Each is the same event with that list reduced to one entry, and with the id `<id>.<n>`, n from 1. A list of one
    entry, or what is no list, leaves the event as it is. The first rule that takes the event, or one of its parts,
    says whether it is split. Raises PermanentError for a list of more than `MOST_PARTS` entries,
    and where what surrounds it would be repeated beyond `MOST_BYTES`.
    """
    about = list(rules.about(event))
    if all(rule.each is None for rule in about):
        return [event]
    for rule in about:
        parts = _parts(event, rule.each)
        if rule.when is None or any(map(rule.when.holds, parts)):
            return parts
    return [event]


def _parts(event: Mapping[str, Any], each: Expression | None) -> list[Mapping[str, Any]]:
    entries = each.value(event) if each is not None else None
    if each is None or not isinstance(entries, list) or len(entries) < 2:  # noqa: PLR2004 (there is nothing to split)
        return [event]
    if len(entries) > MOST_PARTS:
        raise PermanentError(
            f"The event tells of {len(entries)} problems, and at most {MOST_PARTS} are taken.",
            action="Look whether its sender sends what it should, and let it send fewer at once.",
        )
    around = len(json.dumps(_with(event, each.place, [])))
    if around * len(entries) > MOST_BYTES:
        raise PermanentError(
            f"The event repeats {around} bytes for each of {len(entries)} problems, which is more than can be taken.",
            action="Let its sender leave out what is not about a single problem, or send fewer at once.",
        )
    return [
        {**_with(event, each.place, [entry]), "id": f"{event.get('id', '')}.{number}"}
        for number, entry in enumerate(entries, start=1)
    ]


def _with(value: Mapping[str, Any], place: Sequence[str], new: object) -> dict[str, Any]:
    name, *others = place
    return {**value, name: _with(value[name], others, new) if others else new}
