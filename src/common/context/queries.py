"""The query of an alarm on logs becomes one that returns the lines themselves. Pure.

docs.aws.amazon.com/AmazonCloudWatch/latest/logs/CWL_QuerySyntax.html
"""

import re

_COMMAND = re.compile(r"\s*([A-Za-z]+)")
_CHOOSES = frozenset({"filter", "fields", "parse", "unnest", "filterindex"})
_LONGEST = 8_000


def lines_of(query: str, most: int) -> str | None:
    """Return a query for the newest lines that another one counts; None where that can't be told from its text.

    What chooses lines is kept, from its beginning to the first command that makes something else of them.
    """
    if len(query) > _LONGEST or query.lstrip().upper().startswith(("SELECT", "SOURCE", "SEARCH")):
        return None
    kept = []
    for part in _commands(query):
        named = _COMMAND.match(part)
        if named is None or named[1].lower() not in _CHOOSES:
            break
        kept.append(part.strip())
    return " | ".join(["fields @timestamp, @message", *kept, "sort @timestamp desc", f"limit {most}"])


def _commands(query: str) -> list[str]:
    """Return the commands of a query: what stands between bars that are in no text and in no pattern."""
    parts, current, closing = [], "", ""
    escaped = False
    for position, character in enumerate(query):
        if closing:
            if character == closing and not escaped:
                closing = ""
            escaped = character == "\\" and not escaped
        elif character in "\"'`":
            closing = character
        elif character == "/" and _begins_pattern(query[:position]):
            closing = "/"
        elif character == "|":
            parts.append(current)
            current = ""
            continue
        current += character
    return [*parts, current]


def _begins_pattern(before: str) -> bool:
    return re.search(r"(?:like|=~|parse\s+\S+)\s*$", before, re.IGNORECASE) is not None
