"""`make why`: what became of a problem, and why nobody was woken: from the log of the events function.

The log names each problem by its dedup key, which holds the alarm's name, and says what let it wait or dropped it.
"""

import json
import time
from argparse import Namespace
from collections.abc import Iterator, Mapping
from datetime import UTC, datetime
from typing import Any

from common.text import one_line, printable
from tools.deployed import DeployedStack, ToolError, find_stack, parser, run

_WHY: Mapping[str, str] = {
    "hold": "It waits until {until}: its rule opens a record only when it has lasted (hold).",
    "settle": "Its recovery waits until {until}: its rule resolves only when that has lasted (settle).",
    "window": "It waits until {until}: it began inside the maintenance window {because_of}.",
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
_NAMED_IN = ("dedup_key", "record", "event_id", "because_of")


def main() -> None:
    """Parse the command line and tell."""
    options = parser("Tell what became of a problem, and why nothing was opened for it.")
    options.add_argument("--problem", required=True, help="part of an alarm's name or dedup key, or a record's number")
    options.add_argument("--hours", type=float, default=24.0, help="how far to look back (default: 24)")
    arguments = options.parse_args()
    run(lambda: _print_all(arguments))


def _print_all(arguments: Namespace) -> None:
    found = False
    for line in why(find_stack(arguments), arguments.problem, arguments.hours, time.time()):
        found = True
        print(line)
    if not found:
        print(_NOTHING)


def why(stack: DeployedStack, problem: str, hours: float, now: float) -> Iterator[str]:
    """Yield what the log tells of a problem in the last `hours`, oldest first. Raises ToolError for too short a one."""
    if len(problem.strip()) < _SHORTEST:
        raise ToolError(f"{problem!r} names too much: take at least {_SHORTEST} characters.")
    logs = stack.client("logs")
    pages = logs.get_paginator("filter_log_events").paginate(
        logGroupName=stack.output("EventsLogGroupName"), startTime=round((now - hours * 3600) * 1000)
    )
    for page in pages:
        for event in page["events"]:
            line = _parsed(event["message"])
            if line is not None and _is_about(line, problem.strip().lower()):
                yield f"{_time(event['timestamp'])}  {told(line)}"


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


def _parsed(message: str) -> Mapping[str, Any] | None:
    try:
        line = json.loads(message)
    except ValueError:
        return None
    return line if isinstance(line, dict) else None


def _is_about(line: Mapping[str, Any], problem: str) -> bool:
    return any(problem in str(line.get(name, "")).lower() for name in _NAMED_IN)


def _time(milliseconds: int) -> str:
    return datetime.fromtimestamp(milliseconds / 1000, UTC).strftime("%Y-%m-%d %H:%M:%S UTC")


if __name__ == "__main__":
    main()
