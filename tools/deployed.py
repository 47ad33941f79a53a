"""A deployed stack, seen from an operator's machine."""

import sys
from argparse import ArgumentParser, Namespace
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import Any

import boto3
from botocore.config import Config
from botocore.exceptions import BotoCoreError, ClientError

from common.errors import BridgeError


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
            raise ToolError(f"The stack has no output {name}; deploy it again with this version.") from None

    def environment(self) -> dict[str, str]:
        """Return the environment of the stack's events function."""
        configuration = self.client("lambda").get_function_configuration(FunctionName=self.output("EventsFunctionName"))
        variables: dict[str, str] = configuration["Environment"]["Variables"]
        return variables


def parser(description: str) -> ArgumentParser:
    """Return a parser with the options that every command has."""
    arguments = ArgumentParser(description=description)
    arguments.add_argument("--stack", required=True, help="name of the CloudFormation stack")
    arguments.add_argument("--region", help="AWS Region; that of your profile where left out")
    return arguments


def find_stack(arguments: Namespace) -> DeployedStack:
    """Return the stack that was named. Raises ToolError where there is none."""
    session = boto3.Session(region_name=arguments.region)
    answer = session.client("cloudformation").describe_stacks(StackName=arguments.stack)
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
    except (ClientError, BotoCoreError) as error:
        sys.exit(f"error: AWS refused or did not answer: {error}")
