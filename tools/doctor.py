"""`make doctor`: call the doctor function of a deployed stack and show its report."""

import json
import sys
from argparse import Namespace

from botocore.config import Config

from tools.deployed import ToolError, find_stack, parser, run

# The function may take two minutes, and a second call would examine, and with `--write` open a record, once more.
_PATIENT = Config(read_timeout=130, retries={"total_max_attempts": 1})


def main() -> None:
    """Parse the command line, examine, and end with status 1 where a step failed."""
    options = parser("Check the set-up of a deployed stack from inside its account.")
    options.add_argument("--write", action="store_true", help="also open a marked incident, and resolve it")
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
    text = report.pop("text")
    print(json.dumps(report, indent=2) if arguments.json else text)
    if not report["healthy"]:
        sys.exit(1)


if __name__ == "__main__":
    main()
