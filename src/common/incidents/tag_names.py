"""Which tags an expression asks for, found out from its text. Pure.

`tags` stands beside an event's own fields and holds the tags of what the event is about, by name. They are looked up
only where a rule mentions one, so that what is mentioned has to be known before any event comes.
"""

import re
from collections.abc import Iterator, Mapping, Sequence
from typing import Any

TAGS = "tags"
"""By which name expressions see the tags of what an event is about."""

_ALONE = f'{TAGS} stands for no tag: name one, such as {TAGS}.team or {TAGS}."cost-center"'
# What is common to all services: https://docs.aws.amazon.com/tag-editor/latest/userguide/tagging.html
_TAG = re.compile(r"[\w\s.:/=+@-]{1,128}")
# Of these only the first child is about the event itself; the others are about what it found.
_GO_DOWN = frozenset(
    {"subexpression", "index_expression", "projection", "value_projection", "filter_projection", "flatten", "pipe"}
)


def tags_of_place(place: Sequence[str]) -> frozenset[str]:
    """Return the tag that a place such as `tags.team` names. Raises ValueError where it names none that can be."""
    if place[0] != TAGS:
        return frozenset()
    if len(place) == 1:
        raise ValueError(_ALONE)
    return frozenset({_checked(place[1:])})


def tags_of_parsed(node: Mapping[str, Any]) -> frozenset[str]:
    """Return the tags that a parsed JMESPath expression asks for. Raises as `tags_of_place`."""
    return frozenset(_names(node))


def _names(node: Any) -> Iterator[str]:  # noqa: ANN401 (a node is a dictionary; what it holds may be anything)
    if not isinstance(node, dict) or node["type"] == "expref":
        return
    if _is_tags(node):
        raise ValueError(_ALONE)
    children = node["children"]
    if node["type"] == "subexpression" and _is_tags(children[0]):
        if any(child["type"] != "field" for child in children[1:]):
            raise ValueError(_ALONE)
        yield _checked([child["value"] for child in children[1:]])
        return
    for child in children[:1] if node["type"] in _GO_DOWN else children:
        yield from _names(child)


def _is_tags(node: Mapping[str, Any]) -> bool:
    return (node["type"], node.get("value")) == ("field", TAGS)


def _checked(names: Sequence[str]) -> str:
    if len(names) > 1:
        raise ValueError(f"{TAGS}.{names[0]} is a text and has no {names[1]}")
    if not _TAG.fullmatch(names[0]):
        raise ValueError(
            f"{names[0][:140]!r} can be no tag: 1 to 128 letters, digits, spaces and the characters _ . : / = + - @"
        )
    return names[0]
