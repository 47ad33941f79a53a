"""A deployed stack, seen from an operator's machine."""

import json
import sys
from argparse import ArgumentParser, ArgumentTypeError, Namespace
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import Any

import boto3
from botocore.config import Config
from botocore.exceptions import BotoCoreError, ClientError, NoRegionError

from common.aws_errors import code_of
from common.errors import BridgeError

_REGION = "OPTIONS=--region=…"
# A function may take two minutes, and a second call would do, and open, everything once more.
_PATIENT = Config(read_timeout=130, retries={"total_max_attempts": 1})


class ToolError(Exception):
    """What stops a command, in words for the person who called it."""


@dataclass(frozen=True, slots=True)
class DeployedStack:
    """The outputs and parameters of one stack, and clients for its Region."""

    outputs: Mapping[str, str]
    session: boto3.Session
    parameters: Mapping[str, str] = field(default_factory=dict)

    def client(self, service: str, config: Config | None = None) -> Any:  # noqa: ANN401 (boto3 makes its clients at run time)
        """Return a boto3 client for `service`."""
        return self.session.client(service, config=config)  # type: ignore[call-overload]

    def output(self, name: str) -> str:
        """Return one output. Raises ToolError where the stack has none of that name."""
        try:
            return self.outputs[name]
        except KeyError:
            raise ToolError(
                f"The stack has no output {name}: it is another application's, or of an older version; deploy it again."
            ) from None

    def call(self, output: str, question: Mapping[str, object]) -> dict[str, Any]:
        """Call the function that an output names, once, and return its answer. Raises ToolError where it fails."""
        answer = self.client("lambda", _PATIENT).invoke(
            FunctionName=self.output(output), Payload=json.dumps(question).encode()
        )
        found: dict[str, Any] = json.loads(answer["Payload"].read())
        if "FunctionError" in answer:
            name = output.removesuffix("FunctionName").lower()
            raise ToolError(f"The {name} function failed: {found.get('errorMessage', 'see its log')}")
        return found

    def environment(self) -> dict[str, str]:
        """Return the environment of the stack's events function."""
        configuration = self.client("lambda").get_function_configuration(FunctionName=self.output("EventsFunctionName"))
        variables: dict[str, str] = configuration["Environment"]["Variables"]
        return variables


def parser(description: str, *, of_a_stack: bool = True) -> ArgumentParser:
    """Return a parser with the options that every command has; `--stack` only for those of a stack."""
    arguments = ArgumentParser(description=description)
    if of_a_stack:
        arguments.add_argument("--stack", required=True, type=named("STACK"), help="name of the CloudFormation stack")
    arguments.add_argument("--region", help="AWS Region; that of your profile where left out")
    return arguments


def named(variable: str) -> Callable[[str], str]:
    """Return the type of an option that `make` fills from a variable, and that may not be left empty."""

    def type_of(text: str) -> str:
        if not text.strip():
            raise ArgumentTypeError(f"it is empty: say {variable}=…")
        return text.strip()

    return type_of


def find_stack(arguments: Namespace) -> DeployedStack:
    """Return the stack that was named. Raises ToolError where there is none."""
    session = boto3.Session(region_name=arguments.region)
    try:
        answer = session.client("cloudformation").describe_stacks(StackName=arguments.stack)
    except ClientError as error:
        if code_of(error) != "ValidationError":
            raise
        raise ToolError(
            f"Your account has no stack {arguments.stack!r} in {session.region_name}. In another Region: {_REGION}"
        ) from None
    [stack] = answer["Stacks"]
    outputs = {output["OutputKey"]: output["OutputValue"] for output in stack.get("Outputs", [])}
    parameters = {each["ParameterKey"]: each.get("ParameterValue", "") for each in stack.get("Parameters", [])}
    return DeployedStack(outputs, session, parameters)


def run(command: Callable[[], None]) -> None:
    """Call `command` and end with a clear line and status 1 where it fails in a way that a person can mend."""
    try:
        command()
    except (ToolError, BridgeError) as error:
        sys.exit(f"error: {error}")
    except NoRegionError:
        sys.exit(f"error: Neither AWS_DEFAULT_REGION nor your profile names a Region: {_REGION}")
    except (ClientError, BotoCoreError) as error:
        sys.exit(f"error: AWS refused or did not answer: {error}")
    except (KeyboardInterrupt, EOFError):
        sys.exit("\nerror: interrupted")
