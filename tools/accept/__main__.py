"""`make accept`: take every step, print the sheet, and write it to build/accept.json and build/accept-to-post.md."""

import json
import sys
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

from botocore.config import Config

from tools.accept.front_door import SOURCE, FrontDoor
from tools.accept.sheet import MissedError, Sheet, SkippedError
from tools.deployed import DeployedStack, find_stack, parser, run

_PATIENT = Config(read_timeout=130, retries={"total_max_attempts": 1})
_SKIPPED = ("skipped", "not observable")


def main() -> None:
    """Parse the command line, take the steps, and end with status 1 where one failed."""
    arguments = parser("Accept a deployed stack, with its own account and instance.").parse_args()
    run(lambda: _main(find_stack(arguments), arguments.stack))


def _main(stack: DeployedStack, name: str) -> None:
    (described,) = stack.client("cloudformation").describe_stacks(StackName=name)["Stacks"]
    parameters = {each["ParameterKey"]: each["ParameterValue"] for each in described.get("Parameters", [])}
    sheet = accept(stack, parameters.get("OwnEventSources", "").split(","))
    build = Path("build")
    build.mkdir(exist_ok=True)
    (build / "accept.json").write_text(json.dumps(sheet.as_json(), indent=2) + "\n", encoding="utf-8")
    (build / "accept-to-post.md").write_text(sheet.to_post() + "\n", encoding="utf-8")
    print(sheet.as_text())
    if not sheet.accepted:
        sys.exit(1)


def accept(stack: DeployedStack, own_event_sources: list[str], *, patience: float = 120.0) -> Sheet:
    """Take every step; each wait lasts `patience` seconds at most. What is made is marked and resolved again."""
    sheet = Sheet(time.monotonic)
    _doctor(stack, sheet)
    door = FrontDoor(stack, patience)
    before = _token_version(stack)

    def allowed(look: Callable[[], str]) -> Callable[[], str]:
        def step() -> str:
            if SOURCE not in own_event_sources:
                raise SkippedError(f"add {SOURCE} to the parameter OwnEventSources and deploy")
            return look()

        return step

    sheet.take("alert on the bus", "one record is opened", allowed(door.opens))
    sheet.take("the same alert again", "the same record is kept", allowed(door.repeats))
    sheet.take("recovery", "the record is resolved", allowed(door.resolves))
    sheet.take("broken alert", "a dead letter with its reason", allowed(door.refuses))
    sheet.take("token", "in Parameter Store, and not asked for again meanwhile", lambda: _token(stack, before))
    return sheet


def _doctor(stack: DeployedStack, sheet: Sheet) -> None:
    report: dict[str, Any] = {}

    def call() -> str:
        answer = stack.client("lambda", _PATIENT).invoke(
            FunctionName=stack.output("DoctorFunctionName"), Payload=json.dumps({"write": True})
        )
        report.update(json.loads(answer["Payload"].read()))
        if "FunctionError" in answer:
            raise MissedError("the doctor function failed: see its log")
        return f"{len(report['steps'])} steps"

    sheet.take("doctor", "answers", call)
    for step in report.get("steps", []):
        sheet.take(f"doctor: {step['name']}", "ok", lambda step=step: _seen(step))  # type: ignore[misc]


def _seen(step: dict[str, Any]) -> str:
    if step["outcome"] in _SKIPPED:
        raise SkippedError(step["detail"])
    if step["outcome"] != "ok":
        raise MissedError(f"{step['detail']} `make doctor` says what it can mean")
    return str(step["detail"])


def _token_version(stack: DeployedStack) -> int:
    parameters = stack.client("ssm")
    try:
        answer = parameters.get_parameter(Name=stack.output("TokenParameterName"))
    except parameters.exceptions.ParameterNotFound:
        return 0
    return int(answer["Parameter"]["Version"])


def _token(stack: DeployedStack, before: int) -> str:
    after = _token_version(stack)
    if not after:
        raise MissedError("there is no token in Parameter Store")
    if after > before + 1:
        raise MissedError(f"it was stored {after - before} times meanwhile")
    return "encrypted in Parameter Store, and shared"


if __name__ == "__main__":
    main()
