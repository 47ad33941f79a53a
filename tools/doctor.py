"""`make doctor`: call the doctor function of a deployed stack and show its report."""

import json
import sys
import time
from argparse import Namespace

from botocore.config import Config

from tools.accept.account import Described
from tools.accept.front_door import FrontDoor
from tools.accept.sheet import Sheet
from tools.deployed import DeployedStack, ToolError, find_stack, parser, run

# The function may take two minutes, and a second call would examine, and with `--write` open a record, once more.
_PATIENT = Config(read_timeout=130, retries={"total_max_attempts": 1})


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
    answer = stack.client("lambda", _PATIENT).invoke(
        FunctionName=stack.output("DoctorFunctionName"), Payload=json.dumps({"write": arguments.write})
    )
    report = json.loads(answer["Payload"].read())
    if "FunctionError" in answer:
        raise ToolError(f"The doctor function failed: {report.get('errorMessage', 'see its log')}")
    text, well = report.pop("text"), report["healthy"]
    if arguments.bus and well:
        sheet = by_the_bus(stack, Described.of(stack, arguments.stack), arguments.patience)
        report["bus"], text, well = sheet.as_json(), f"{text}\n\n{sheet.as_text()}", sheet.accepted
    print(json.dumps(report, indent=2) if arguments.json else text)
    if not well:
        sys.exit(1)


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
