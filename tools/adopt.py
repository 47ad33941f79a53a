"""`make adopt`: rebuild a ledger that was lost or restored, from the open records in ServiceNow.

Runs on the operator's machine with the settings of the deployed function, so it needs the rights to read the function's
configuration and the secret, to use the key, and to read and write the ledger table.
"""

from argparse import Namespace

from common.bridge.events import build_bridge
from common.clock import Deadline
from common.incidents.adopt import adopt
from tools.deployed import find_stack, parser, run

_LONGEST_SECONDS = 3600.0


def main() -> None:
    """Parse the command line and adopt."""
    options = parser("Rebuild the ledger from the open records in ServiceNow.")
    options.add_argument("--table", default="incident", help="table whose records are adopted (incident)")
    options.add_argument("--show", action="store_true", help="say what would be adopted, write nothing")
    arguments = options.parse_args()
    run(lambda: _print_all(arguments))


def _print_all(arguments: Namespace) -> None:
    bridge = build_bridge(find_stack(arguments).environment())
    count = 0
    for adoption in adopt(
        bridge.ledger,
        bridge.records,
        deployment=bridge.deployment,
        table=arguments.table,
        deadline=Deadline.after(bridge.clock, _LONGEST_SECONDS),
        dry_run=arguments.show,
    ):
        count += 1
        print(f"{adoption.number}  {adoption.problem}  {adoption.outcome}")
    print(f"{count} records looked at.")
    if count:
        print(
            "Which objects of AWS they stand for is not known: what people do with them in ServiceNow is not followed."
        )


if __name__ == "__main__":
    main()
