"""`make demo`: an alarm opens one incident, a person takes it and AWS is told, the recovery resolves it."""

import time
from collections.abc import Callable
from dataclasses import dataclass

from rich import box
from rich.table import Table

from local.alarms import DEFAULT_NAME, alarm_event, put_event
from local.processes import LocalStackError
from local.simulator.choices import STATES
from local.simulator.incident import IN_PROGRESS, NEW, RESOLVED
from local.stack import LocalStack, run_stack
from local.terminal import Terminal, exit_status

_WATCHES = {"WatchSchedule": "rate(5 minutes)"}
"""Longer than it takes, so that only the look that is shown is counted."""


@dataclass(frozen=True, slots=True)
class Observation:
    """What one event led to. `seconds` run from putting the event on the bus to an empty queue."""

    title: str
    number: str
    state: str
    token_requests: int
    calls: int
    seconds: float


def main() -> None:
    """Run the demonstration; the exit status is 0 only if every step showed what it should."""
    terminal = Terminal()
    with exit_status(terminal):
        terminal.say("An AWS alarm opens and resolves a ServiceNow incident, all on this machine.", "bold")
        with run_stack(terminal, parameters=_WATCHES) as stack:
            with terminal.step("Put the client credentials into Secrets Manager"):
                stack.store_credentials()
                stack.record_changes()
            observations = play(stack, terminal)
        _print_result(terminal, observations)


def play(stack: LocalStack, terminal: Terminal) -> list[Observation]:
    """Put ALARM, the same event again, let a person take the incident, and put OK.

    Raises LocalStackError unless one incident opens, stays, is told to AWS and resolves.
    """
    alarm = alarm_event("ALARM", name=DEFAULT_NAME)
    opened = _observe(stack, terminal, "ALARM", lambda: put_event(stack.root, alarm))
    _expect(opened.state == NEW, f"The incident {opened.number} is {STATES[opened.state]} instead of New.")
    kept = _observe(stack, terminal, "ALARM again", lambda: put_event(stack.root, alarm))
    _expect(kept.state == NEW, f"The repeat made {kept.number} {STATES[kept.state]}.")
    taken = _observe(stack, terminal, "A person takes it", lambda: _take(stack))
    _expect(taken.state == IN_PROGRESS, f"{taken.number} is {STATES[taken.state]} instead of In Progress.")
    recovery = alarm_event("OK", name=DEFAULT_NAME)
    resolved = _observe(stack, terminal, "OK", lambda: put_event(stack.root, recovery))
    _expect(resolved.state == RESOLVED, f"{resolved.number} is {STATES[resolved.state]} instead of Resolved.")
    _expect(opened.number == kept.number == resolved.number, "The events led to different incidents.")
    return [opened, kept, taken, resolved]


def _take(stack: LocalStack) -> None:
    """Take the incident as a person does, and let the watch tell AWS, as its schedule would."""
    stack.look()  # the first one tells nothing of the past
    [incident] = stack.simulator.records("incident")
    stack.simulator.update("incident", incident["sys_id"], {"state": IN_PROGRESS})
    stack.look()
    told: list[str] = []

    def is_told() -> bool:
        told.extend(event["detail"]["record"]["state"] for event in stack.record_changes())
        return IN_PROGRESS in told

    stack.wait_until(is_told, "AWS was not told that somebody took the incident")


def _observe(stack: LocalStack, terminal: Terminal, title: str, put: Callable[[], object]) -> Observation:
    simulator = stack.simulator
    token_requests, calls, started = simulator.token_requests, simulator.api_calls, time.monotonic()
    with terminal.step(title) as details:
        put()
        stack.wait_until_handled()
        seconds = time.monotonic() - started
        letters = stack.dead_letters()
        _expect(not letters, f"The event was refused: {letters[0].reason if letters else ''}")
        incidents = simulator.records("incident")
        _expect(len(incidents) == 1, f"There are {len(incidents)} incidents instead of one.")
        incident = incidents[0]
        details.append(f"{incident['number']} is {STATES[incident['state']]}")
    return Observation(
        title,
        incident["number"],
        incident["state"],
        simulator.token_requests - token_requests,
        simulator.api_calls - calls,
        seconds,
    )


def _expect(condition: bool, failure: str) -> None:  # noqa: FBT001 -- an assertion reads best this way
    if not condition:
        raise LocalStackError(failure)


def _print_result(terminal: Terminal, observations: list[Observation]) -> None:
    table = Table(box=box.SIMPLE_HEAD)
    for heading in ("Event", "Incident", "State"):
        table.add_column(heading, no_wrap=True)
    for heading in ("Token requests", "API calls", "Seconds"):
        table.add_column(heading, justify="right")
    for each in observations:
        counts = (str(each.token_requests), str(each.calls), f"{each.seconds:.1f}")
        table.add_row(each.title, each.number, STATES[each.state], *counts)
    terminal.console.print(table)
    calls = sum(each.calls for each in observations)
    tokens = sum(each.token_requests for each in observations)
    terminal.say(
        f"One incident: opened, kept, taken, resolved. Token requests: {tokens}, ServiceNow calls: {calls}. "
        f"{terminal.elapsed:.1f} s.",
        "bold green",
    )
    terminal.say("`make local` keeps all this running, with a page for your browser.")


if __name__ == "__main__":
    main()
