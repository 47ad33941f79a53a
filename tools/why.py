"""`make why`: what became of a problem, and why nobody was woken: from the log of the events function.

The log names each problem by its dedup key, which holds the alarm's name, and says what let it wait or dropped it.
"""

import re
import time
from argparse import ArgumentTypeError, Namespace
from collections.abc import Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any

from common.strict_json import json_object
from common.text import one_line, printable
from tools.deployed import DeployedStack, ToolError, find_stack, named, parser, run

_WHY: Mapping[str, str] = {
    "hold": "It waits until {until}: its rule opens a record only when it has lasted (hold).",
    "settle": "Its recovery waits until {until}: its rule resolves only when that has lasted (settle).",
    "window": "It waits until {until}: it began inside the maintenance window {because_of}.",
    "storm": "It is told in the record of a storm, {because_of}, instead of in one of its own.",
    "covers": "Nothing was opened: another problem that fires covers it, as {because_of} says.",
    "healed": "Nothing was opened: it was over before its hour had come.",
}
_DROPPED = "Nothing was opened: the {not_opened} {because_of} drops it."
_NOTHING = (
    "The log tells nothing of it in that time. Either no event came (is its source in EventSources? did it happen "
    "longer ago? then say HOURS=…), or no rule knows its type (the metric EventsUnknown), or the log calls it by "
    "another name: take a part of the alarm's name, of the dedup key, or the record's number."
)
_SHORTEST = 3
_MOST_HOURS = 87_600  # ten years
_RECORD = re.compile(r"[A-Za-z]{2,8}[0-9]{5,12}")
_BY_RECORD = ("record", "because_of")
_BY_NAME = ("dedup_key", "event_id")
_MOST_PROBLEMS = 5
_LONGEST_EXPRESSION = 450  # of 1024 characters that a filter pattern may have, in which two stand

type _Line = tuple[int, Mapping[str, Any]]


def main() -> None:
    """Parse the command line and tell."""
    options = parser("Tell what became of a problem, and why nothing was opened for it.")
    options.add_argument(
        "--problem",
        required=True,
        type=named("PROBLEM"),
        help="part of an alarm's name or dedup key, or a record's number",
    )
    options.add_argument("--hours", type=_hours, default=24.0, help="how far to look back (default: 24)")
    arguments = options.parse_args()
    run(lambda: _print_all(arguments))


def _hours(text: str) -> float:
    with suppress(ValueError):
        if 0 < (hours := float(text)) <= _MOST_HOURS:
            return hours
    raise ArgumentTypeError(f"{text!r} is no number of hours up to {_MOST_HOURS}")


def _print_all(arguments: Namespace) -> None:
    for line in why(find_stack(arguments), arguments.problem, arguments.hours, time.time()) or [_NOTHING]:
        print(line)


def why(stack: DeployedStack, problem: str, hours: float, now: float) -> list[str]:
    """Return what the log tells of a problem in the last `hours`, oldest first. Raises ToolError for too short a name.

    A record's number leads to the problems for which it stood, and so to what became of them before and after.
    """
    name = problem.strip()
    if len(name) < _SHORTEST:
        raise ToolError(f"{problem!r} names too much: take at least {_SHORTEST} characters.")
    log = _Log(stack.client("logs"), stack.output("EventsLogGroupName"), round((now - hours * 3600) * 1000))
    if not _RECORD.fullmatch(name):
        return [_sentence(line) for line in log.lines(_BY_NAME, name)]
    found = log.lines(_BY_RECORD, name)
    own = (line["dedup_key"] for _, line in found if "dedup_key" in line and "record" in line)
    for key in list(dict.fromkeys(own))[:_MOST_PROBLEMS]:
        found += [line for line in log.lines(("dedup_key",), key) if line not in found]
    return [_sentence(line) for line in sorted(found, key=lambda line: line[0])]


def pattern_of(fields: Sequence[str], text: str) -> str:
    """Return the filter pattern of CloudWatch Logs for JSON lines that hold a text, in upper or lower case, in a field.

    AWS's page "Supported regular expressions": two of them in a pattern, of ASCII letters and digits, without groups.
    What is neither stands for itself as any character, so that some lines too many may come.
    """
    expression = ""
    for character in text:
        piece = "." if character.isascii() else ".+"
        if character.isascii() and character.isalnum():
            piece = character if character.isdigit() else f"[{character.upper()}{character.lower()}]"
        if len(expression) + len(piece) > _LONGEST_EXPRESSION:
            break
        expression += piece
    return f"{{ {' || '.join(f'$.{field} = %{expression}%' for field in fields)} }}"


@dataclass(frozen=True, slots=True)
class _Log:
    """The log of the events function, from a moment on (milliseconds since the epoch)."""

    client: Any
    group: str
    start: int

    def lines(self, fields: Sequence[str], text: str) -> list[_Line]:
        """Return the lines in one of whose fields a text stands, with their times. The service looks for them."""
        pages = self.client.get_paginator("filter_log_events").paginate(
            logGroupName=self.group, startTime=self.start, filterPattern=pattern_of(fields, text)
        )
        parsed = ((event["timestamp"], json_object(event["message"])) for page in pages for event in page["events"])
        return [(time, line) for time, line in parsed if line is not None and _says(line, fields, text.lower())]


def told(line: Mapping[str, Any]) -> str:
    """Return what one line of the log means, in a sentence."""
    if "not_opened" in line:
        dropped = line["not_opened"] == "window" and "until" not in line
        text = (_DROPPED if dropped else _WHY.get(line["not_opened"], _DROPPED)).format_map(_Texts(line))
    elif "operation" in line:
        text = f"ServiceNow carried out: {line['operation']} {line.get('record', '')}"
    else:
        text = f"{line.get('message', '')} {line.get('action', '')}"
    return one_line(printable(text))


class _Texts(dict[str, Any]):
    def __missing__(self, name: str) -> str:
        return "(not told)"


def _says(line: Mapping[str, Any], fields: Sequence[str], text: str) -> bool:
    return any(text in str(line.get(name, "")).lower() for name in fields)


def _sentence(line: _Line) -> str:
    milliseconds, said = line
    moment = datetime.fromtimestamp(milliseconds / 1000, UTC).strftime("%Y-%m-%d %H:%M:%S UTC")
    return f"{moment}  {told(said)}"


if __name__ == "__main__":
    main()
