"""`make accept`: take every step, print the sheet, and write it to build/accept.json and build/accept-to-post.md."""

import json
import os
import sys
import time
from argparse import Namespace
from pathlib import Path

from tools.accept import contract
from tools.accept.account import Described
from tools.accept.api_door import ApiDoor
from tools.accept.sheet import Sheet
from tools.accept.steps import Acceptance
from tools.deployed import DeployedStack, find_stack, parser, run
from tools.signed import SignedCaller


def main() -> None:
    """Parse the command line, take the steps, and end with status 1 where one failed."""
    options = parser("Accept a deployed stack, with its own account and instance.")
    options.add_argument("--contract", action="store_true", help="also ask the instance what `make contract` asks")
    options.add_argument("--patience", type=float, default=120.0, help="seconds that each wait lasts at most (120)")
    options.add_argument("--metrics-patience", type=float, default=900.0, help="seconds to wait for metrics (900)")
    arguments = options.parse_args()
    run(lambda: _main(find_stack(arguments), arguments))


def _main(stack: DeployedStack, arguments: Namespace) -> None:
    described = Described.of(stack, arguments.stack)
    acceptance = Acceptance(
        stack,
        described,
        _api_of(stack, described, arguments.patience),
        patience=arguments.patience,
        metrics_patience=arguments.metrics_patience,
    )
    sheet = Sheet(time.monotonic)
    try:
        acceptance.take(sheet)
        if arguments.contract:
            contract.append(sheet, os.environ)
    except KeyboardInterrupt:
        print(sheet.as_text())  # and no file, which would say of the steps so far that they were all
        raise
    build = Path("build")
    build.mkdir(exist_ok=True)
    (build / "accept.json").write_text(json.dumps(sheet.as_json(), indent=2) + "\n", encoding="utf-8")
    (build / "accept-to-post.md").write_text(sheet.to_post() + "\n", encoding="utf-8")
    print(sheet.as_text())
    if not sheet.accepted:
        sys.exit(1)


def _api_of(stack: DeployedStack, described: Described, patience: float) -> ApiDoor:
    url, region = stack.output("ApiUrl"), stack.session.region_name
    private = bool(described.parameters.get("ApiVpcEndpointIds"))
    caller = SignedCaller(url, stack.session.get_credentials(), region)
    return ApiDoor(caller, SignedCaller(url, None, region), patience=patience, private=private)


if __name__ == "__main__":
    main()
