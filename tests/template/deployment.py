"""What CloudFormation makes of a template in one stack: every function carried out, every name made up as AWS would."""

import itertools
import re
from collections.abc import Callable, Iterator, Mapping
from typing import Any

from tests.template.reading import Resources

type Parameters = Mapping[str, str]

ACCOUNT = "123456789012"
REGIONS = {"aws": "eu-west-1", "aws-us-gov": "us-gov-west-1", "aws-cn": "cn-north-1"}
"""A Region of each partition."""

_SUFFIXES = {"aws-cn": "amazonaws.com.cn"}
_RANDOM = "1A2B3C4D5E6F"
_LONGEST = {"AWS::Lambda::Function": 64, "AWS::SQS::Queue": 80, "AWS::IAM::Role": 64, "AWS::Events::Rule": 64}
_ARNS = {
    "AWS::SQS::Queue": "sqs:{region}:{account}:{name}",
    "AWS::DynamoDB::Table": "dynamodb:{region}:{account}:table/{name}",
    "AWS::KMS::Key": "kms:{region}:{account}:key/{name}",
    "AWS::SecretsManager::Secret": "secretsmanager:{region}:{account}:secret:{name}-1A2B3C4D5E6F-1a2b3C",
    "AWS::Lambda::Function": "lambda:{region}:{account}:function:{name}",
    "AWS::Lambda::Alias": "lambda:{region}:{account}:function:{name}:live",
    "AWS::Lambda::Version": "lambda:{region}:{account}:function:{name}:1",
    "AWS::Logs::LogGroup": "logs:{region}:{account}:log-group:{name}:*",
    "AWS::IAM::Role": "iam::{account}:role/{name}",
    "AWS::IAM::ManagedPolicy": "iam::{account}:policy/{name}",
    "AWS::Events::Rule": "events:{region}:{account}:rule/{name}",
    "AWS::CloudWatch::Alarm": "cloudwatch:{region}:{account}:alarm:{name}",
}
_BY_ARN = {"AWS::IAM::ManagedPolicy", "AWS::SecretsManager::Secret", "AWS::Lambda::Alias", "AWS::Lambda::Version"}


class Stack:
    """A stack of `template`, whose `resources` are those that SAM makes, in one Region with some parameters."""

    def __init__(
        self,
        template: dict[str, Any],
        given: Parameters,
        resources: Resources | None = None,
        *,
        partition: str = "aws",
        name: str = "servicenow-bridge",
    ) -> None:
        """Take what is not given at its default."""
        self._template = template
        self.resources: Resources = resources or {}
        self.parameters = {key: str(found.get("Default", "")) for key, found in template["Parameters"].items()}
        self.parameters |= {"InstanceHost": "example.service-now.com"} | dict(given)
        self._held: dict[str, bool] = {}
        region, suffix = REGIONS[partition], _SUFFIXES.get(partition, "amazonaws.com")
        self._pseudo = {
            "AWS::AccountId": ACCOUNT,
            "AWS::Region": region,
            "AWS::Partition": partition,
            "AWS::URLSuffix": suffix,
            "AWS::StackName": name,
            "AWS::StackId": f"arn:{partition}:cloudformation:{region}:{ACCOUNT}:stack/{name}/1d3f5a7b-4000-8000-0000",
        }
        self._functions: dict[str, Callable[[Any], Any]] = {
            "Ref": self._reference,
            "Fn::GetAtt": self._attribute,
            "Fn::Sub": self._substituted,
            "Fn::Split": lambda parts: self.value(parts[1]).split(parts[0]),
            "Fn::Join": lambda parts: parts[0].join(map(str, self.value(parts[1]))),
            "Fn::Select": lambda parts: self.value(parts[1])[int(parts[0])],
            "Fn::FindInMap": self._mapped,
            "Fn::If": lambda parts: self.value(parts[1 if self.holds(parts[0]) else 2]),
            "Fn::Not": lambda parts: not self.value(parts[0]),
            "Fn::Equals": lambda parts: self.value(parts[0]) == self.value(parts[1]),
            "Fn::Contains": lambda parts: self.value(parts[1]) in self.value(parts[0]),
            "Fn::And": lambda parts: all(self.value(part) for part in parts),
            "Fn::Or": lambda parts: any(self.value(part) for part in parts),
        }

    def holds(self, condition: str) -> bool:
        """Return whether a condition of the template holds."""
        if condition not in self._held:
            self._held[condition] = bool(self.value(self._template["Conditions"][condition]))
        return self._held[condition]

    def accepted(self) -> bool:
        """Return whether the template's rules take these parameters together."""
        return all(
            self.value(assertion["Assert"])
            for rule in self._template["Rules"].values()
            if self.value(rule.get("RuleCondition", {"Fn::Equals": ["", ""]}))
            for assertion in rule["Assertions"]
        )

    def has(self, resource: str) -> bool:
        """Return whether the stack makes this resource."""
        found = self.resources[resource]
        return "Condition" not in found or self.holds(found["Condition"])

    def properties(self, resource: str) -> dict[str, Any]:
        """Return the properties that CloudFormation gives to a resource. It must be one that the stack makes."""
        found: dict[str, Any] = self.value(self.resources[resource].get("Properties", {}))
        return found

    def value(self, written: Any) -> Any:  # noqa: ANN401 (a template is JSON)
        """Return a value with its functions carried out, None where it is to be left out."""
        if isinstance(written, list):
            return [made for found in written if (made := self.value(found)) is not None]
        if not isinstance(written, dict):
            return written
        if len(written) == 1 and (name := next(iter(written))) in self._functions:
            return self._functions[name](written[name])
        if len(written) == 1 and isinstance(condition := written.get("Condition"), str):
            return self.holds(condition)
        return {name: made for name, found in written.items() if (made := self.value(found)) is not None}

    def _reference(self, name: str) -> Any:  # noqa: ANN401
        if name == "AWS::NoValue":
            return None
        if name in self._pseudo:
            return self._pseudo[name]
        if name in self.parameters:
            text = self.parameters[name]
            kind = self._template["Parameters"][name]["Type"]
            return text.split(",") if kind == "CommaDelimitedList" else int(text) if kind == "Number" else text
        return self._id(name)

    def _id(self, resource: str) -> str:
        kind = self._type(resource)
        stack = self._pseudo["AWS::StackName"]
        name = f"{stack[: _LONGEST.get(kind, 255) - len(resource) - len(_RANDOM) - 2]}-{resource}-{_RANDOM}"
        if kind in _BY_ARN:
            return self._arn(resource)
        properties = self.resources[resource].get("Properties", {})
        named: dict[str, Callable[[], Any]] = {
            "AWS::Logs::LogGroup": lambda: self.value(properties["LogGroupName"]),
            "AWS::CloudWatch::Dashboard": lambda: self.value(properties["DashboardName"]),
            "AWS::ApiGateway::Stage": lambda: self.value(properties["StageName"]),
            "AWS::ApiGateway::RestApi": lambda: "a1b2c3d4e5",
            "AWS::SSM::Parameter": lambda: self.value(properties["Name"]),
            "AWS::KMS::Key": lambda: "1d3f5a7b-0000-4000-8000-000000000000",
            "AWS::AppConfig::Application": lambda: "a1b2c3d",
            "AWS::AppConfig::ConfigurationProfile": lambda: "a1b2c3e",
            "AWS::AppConfig::HostedConfigurationVersion": lambda: "1",
            "AWS::SQS::Queue": lambda: (
                f"https://sqs.{self._pseudo['AWS::Region']}.{self._pseudo['AWS::URLSuffix']}/{ACCOUNT}/{name}"
            ),
            "AWS::Events::Rule": lambda: (
                name if self.parameters["EventBusName"] == "default" else f"{self.parameters['EventBusName']}|{name}"
            ),
        }
        return str(named.get(kind, lambda: name)())

    def _arn(self, resource: str) -> str:
        kind = self._type(resource)
        name = resource if kind in _BY_ARN else self._id(resource).rpartition("/")[2]
        if kind == "AWS::Logs::LogGroup":
            name = self._id(resource)
        place = _ARNS[kind].format(region=self._pseudo["AWS::Region"], account=ACCOUNT, name=name.replace("|", "/"))
        return f"arn:{self._pseudo['AWS::Partition']}:{place}"

    def _attribute(self, parts: list[str]) -> str:
        resource, _, attribute = ".".join(parts).partition(".")
        if attribute in ("Arn", "Id"):
            return self._arn(resource)
        if attribute == "QueueName":
            return self._id(resource).rpartition("/")[2]
        return {"Version": "1", "RootResourceId": "a1b2c3"}[attribute]

    def _type(self, resource: str) -> str:
        assert resource in self.resources, f"nothing has the name {resource}"
        assert self.has(resource), f"{resource} is referred to where it is not made"
        return str(self.resources[resource]["Type"])

    def _substituted(self, written: Any) -> str:  # noqa: ANN401
        text, own = (written, {}) if isinstance(written, str) else written

        def found(match: re.Match[str]) -> str:
            name = match[1]
            if name in own:
                return str(self.value(own[name]))
            return str(self._attribute([name]) if "." in name else self._reference(name))

        return re.sub(r"\$\{([^}!]+)\}", found, text).replace("${!", "${")

    def _mapped(self, parts: list[Any]) -> Any:  # noqa: ANN401
        mapping, first, second = map(self.value, parts)
        return self._template["Mappings"][mapping][first][second]


def parameters_behind(template: dict[str, Any], part: Any) -> set[str]:  # noqa: ANN401 (any part of a template)
    """Return the parameters that decide the conditions within `part`."""
    if isinstance(part, list):
        return {name for one in part for name in parameters_behind(template, one)}
    if not isinstance(part, dict):
        return set()
    conditions = [part["Fn::If"][0]] if "Fn::If" in part else []
    conditions += [part["Condition"]] if isinstance(part.get("Condition"), str) else []
    named = {name for condition in conditions for name in _references(template, template["Conditions"][condition])}
    found = {name for name in named if not name.startswith("AWS::")}
    return found | {name for one in part.values() for name in parameters_behind(template, one)}


def _references(template: dict[str, Any], part: Any) -> Iterator[str]:  # noqa: ANN401
    if isinstance(part, list):
        for one in part:
            yield from _references(template, one)
    elif isinstance(part, dict):
        if "Ref" in part:
            yield part["Ref"]
        if isinstance(part.get("Condition"), str):
            yield from _references(template, template["Conditions"][part["Condition"]])
        yield from _references(template, list(part.values()))


def combinations(names: set[str], values: Mapping[str, Parameters]) -> Iterator[dict[str, str]]:
    """Yield every choice between the default of each parameter and what `values` sets for it, all together."""
    for chosen in itertools.product((False, True), repeat=len(names)):
        given: dict[str, str] = {}
        for name, one in zip(sorted(names), chosen, strict=True):
            given |= values[name] if one else {}
        yield given
