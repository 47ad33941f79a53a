"""What AWS says of a deployed stack: things that only a real account can settle, looked at and never changed."""

from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from typing import Any, Self

from common.strict_json import json_object
from tools.accept.log import messages
from tools.accept.sheet import MissedError, SkippedError
from tools.accept.waiting import wait_for
from tools.deployed import DeployedStack

_PAUSE_SECONDS = 1.0
_LEVELS = ("DEBUG", "INFO", "WARNING", "ERROR", "CRITICAL")
_NAMES = {"TRACE": "DEBUG", "WARN": "WARNING", "FATAL": "CRITICAL"}
_OF_A_VERSION = ("CodeSha256", "Environment", "MemorySize", "Timeout", "LoggingConfig", "VpcConfig", "Layers")


@dataclass(frozen=True, slots=True)
class Described:
    """What CloudFormation says of a stack: its parameters, and the physical id of each resource by its logical one."""

    parameters: Mapping[str, str]
    resources: Mapping[str, str]

    @classmethod
    def of(cls, stack: DeployedStack, name: str) -> Self:
        """Ask CloudFormation."""
        client = stack.client("cloudformation")
        (described,) = client.describe_stacks(StackName=name)["Stacks"]
        parameters = {each["ParameterKey"]: each["ParameterValue"] for each in described.get("Parameters", [])}
        pages = client.get_paginator("list_stack_resources").paginate(StackName=name)
        rows = [row for page in pages for row in page["StackResourceSummaries"]]
        return cls(parameters, {row["LogicalResourceId"]: row.get("PhysicalResourceId", "") for row in rows})

    @property
    def own_sources(self) -> list[str]:
        """The applications whose alerts are taken from the bus."""
        return self.parameters.get("OwnEventSources", "").split(",")

    def on(self, parameter: str) -> bool:
        """Tell whether a parameter is true."""
        return self.parameters.get(parameter) == "true"


@dataclass(frozen=True, slots=True)
class Account:
    """The looks at one stack. `began` is when the acceptance did, in seconds since the epoch."""

    stack: DeployedStack
    described: Described
    began: float
    patience: float = 120.0

    def gateway_role(self) -> str:
        """Look whether API Gateway has the role that access logs need, for this account and Region."""
        has = bool(self.stack.client("apigateway").get_account().get("cloudwatchRoleArn"))
        if not self.described.on("ApiAccessLogging"):
            raise SkippedError(f"access logs are off; API Gateway has {'its' if has else 'no'} role for them")
        if not has:
            raise MissedError("access logs are on, and API Gateway has no role for them (docs/setup.md)")
        return "API Gateway has its role"

    def access_log(self, unsigned: Callable[[], str]) -> str:
        """Make a call without a signature, and find its line in the access log."""
        if not self.described.on("ApiAccessLogging"):
            raise SkippedError("access logs are off: set ApiAccessLogging=true (docs/setup.md says what it takes)")
        unsigned()

        def line() -> str:
            for text in self._lines(self.described.resources["ApiAccessLogs"]):
                found = json_object(text)
                if found is None:
                    raise MissedError("a line of the access log is no JSON")
                if str(found.get("status")) == "403":
                    return "one line that is JSON, with status 403"
            return ""

        return self._wait(line, "no line with status 403 came")

    def delivery(self) -> str:
        """See that the queue is encrypted with a key that a policy governs, and that the alert came through it."""
        queue = self.stack.output("QueueUrl")
        attributes = self.stack.client("sqs").get_queue_attributes(QueueUrl=queue, AttributeNames=["KmsMasterKeyId"])
        if not attributes.get("Attributes", {}).get("KmsMasterKeyId"):
            raise MissedError("the queue is not encrypted with a key of KMS")
        undelivered = self.stack.client("sqs").get_queue_attributes(
            QueueUrl=self.stack.output("EventDeadLetterQueueUrl"), AttributeNames=["ApproximateNumberOfMessages"]
        )["Attributes"]["ApproximateNumberOfMessages"]
        if undelivered != "0":
            raise MissedError(f"{undelivered} events could not be delivered and wait in the queue for them")
        return "the alert came through the encrypted queue, and no event is undelivered"

    def log_level(self) -> str:
        """Hold Lambda's log level and the lines of the events function against the parameter LogLevel."""
        wanted = self.described.parameters.get("LogLevel", "INFO")
        found = self._configuration("EventsFunctionName", "live").get("LoggingConfig", {})
        lambdas = "DEBUG" if wanted == "DEBUG" else "INFO"
        if (found.get("LogFormat"), found.get("ApplicationLogLevel")) != ("JSON", lambdas):
            raise MissedError(f"Lambda's own level is {found.get('ApplicationLogLevel')}, not {lambdas}")

        def lines() -> str:
            parsed = [line for line in map(json_object, self._lines(self.stack.output("EventsLogGroupName"))) if line]
            levels = {_NAMES.get(level, level) for line in parsed if (level := str(line.get("level", "")).upper())}
            lower = levels & set(_LEVELS[: _LEVELS.index(wanted)])
            if lower:
                raise MissedError(f"there are lines of level {', '.join(sorted(lower))} below {wanted}")
            complete = any("_aws" in line for line in parsed) and (wanted != "DEBUG" or "DEBUG" in levels)
            return f"lines of {wanted} and above, and the metrics" if complete else ""

        return self._wait(lines, "no metrics, or no lines of that level, are in the log")

    def version(self) -> str:
        """See that the alias of both functions points to a version that has what was deployed last."""
        for output in ("EventsFunctionName", "ApiFunctionName"):
            live, latest = self._configuration(output, "live"), self._configuration(output, "$LATEST")
            differ = [name for name in _OF_A_VERSION if live.get(name) != latest.get(name)]
            if live.get("Description") != latest.get("Description") and "configuration " in str(latest["Description"]):
                numbers = [str(each["Description"]).rstrip(")").split()[-1] for each in (live, latest)]
                differ += ["Description"] if numbers[0] != numbers[1] else []
            if differ:
                raise MissedError(f"the alias live of {output} is older: {', '.join(differ)} differ")
        return "both aliases answer with what was deployed last"

    def _configuration(self, output: str, qualifier: str) -> dict[str, Any]:
        found: dict[str, Any] = self.stack.client("lambda").get_function_configuration(
            FunctionName=self.stack.output(output), Qualifier=qualifier
        )
        return found

    def _lines(self, group: str) -> Iterator[str]:
        return messages(self.stack, group, self.began)

    def _wait(self, look: Callable[[], str], missed: str) -> str:
        return wait_for(look, missed, patience=self.patience, pause=_PAUSE_SECONDS)
