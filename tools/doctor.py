"""`make doctor`: call the doctor function of a deployed stack and show its report."""

import json
import sys
import time
from argparse import Namespace
from collections.abc import Mapping

from tools.accept.account import Described
from tools.accept.front_door import FrontDoor
from tools.accept.sheet import Sheet
from tools.deployed import DeployedStack, find_stack, parser, run


def main() -> None:
    """Parse the command line, examine, and end with status 1 where a step failed."""
    options = parser("Check the set-up of a deployed stack from inside its account.")
    options.add_argument("--write", action="store_true", help="also open a marked incident, and resolve it")
    options.add_argument(
        "--bus", action="store_true", help="also put a marked alert on the event bus, see it arrive, resolve it"
    )
    options.add_argument("--patience", type=float, default=120.0, help="seconds to wait for it at most (120)")
    options.add_argument("--json", action="store_true", help="print the report as JSON")
    arguments = options.parse_args()
    run(lambda: _examine(arguments))


def _examine(arguments: Namespace) -> None:
    stack = find_stack(arguments)
    report = stack.call("DoctorFunctionName", {"write": arguments.write})
    text, well = report.pop("text"), report["healthy"]
    if "ActionsFunctionName" in stack.outputs:
        report["actions"] = actions = actions_of(stack)
        text, well = f"{text}\n\n{told(actions)}", well and not any(actions.values())
    if arguments.bus and well:
        sheet = by_the_bus(stack, Described.of(stack, arguments.stack), arguments.patience)
        report["bus"], text, well = sheet.as_json(), f"{text}\n\n{sheet.as_text()}", sheet.accepted
    elif arguments.bus:
        text = f"{text}\n\nNothing was put on the bus: the alert would only wait. Mend what failed above first."
    print(json.dumps(report, indent=2) if arguments.json else text)
    if not well:
        sys.exit(1)


def actions_of(stack: DeployedStack) -> dict[str, dict[str, str]]:
    """Return for each action of RecordActions what keeps it from working, empty where nothing does.

    The actions function says so itself: its role is another than the doctor's.
    """
    found: dict[str, dict[str, str]] = stack.call("ActionsFunctionName", {})["actions"]
    return found


def told(actions: Mapping[str, Mapping[str, str]]) -> str:
    """Return a step for each action, for a person to read. Nothing was changed to find it out."""
    lines = ["What follows a change in ServiceNow, in the stack's own account and Region:"]
    for kind, trouble in actions.items():
        lines.append(f"  {'FAIL' if trouble else 'ok  '}  {kind}{': ' + trouble['message'] if trouble else ''}")
        lines += [f"        {trouble['action']}"] if trouble else []
    return "\n".join(lines)


def by_the_bus(stack: DeployedStack, described: Described, patience: float) -> Sheet:
    """Put an alert on the event bus, see that it arrives in ServiceNow, and let it recover.

    For a stack that the function found to be well: in another the alert would only wait. Each wait lasts `patience`
    seconds at most.
    """
    sheet, door = Sheet(time.monotonic), FrontDoor(stack, described.own_sources, patience)
    door.take_opening(sheet)
    door.take_recovery(sheet)
    return sheet


if __name__ == "__main__":
    main()
