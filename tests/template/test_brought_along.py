"""What a company may bring along instead of what the stack would make: secret, key, network, boundary."""

import re
from typing import Any

import pytest

from tests.template.conftest import TEMPLATE
from tests.template.reading import KEY, SECRET, Resources, of_type, statements_in
from tests.template.test_environment import accepts

ACCOUNT = "arn:aws:iam::123456789012"
KEY_ARN = "arn:aws:kms:eu-west-1:123456789012:key/1d3f5a7b-0000-4000-8000-000000000000"
SECRET_ARN = "arn:aws:secretsmanager:eu-west-1:123456789012:secret:servicenow/oauth-1A2b3C"
SUBNET = "subnet-0123456789abcdef0"
GROUP = "sg-0123456789abcdef0"


def test_a_secret_is_made_only_where_none_is_given(template: dict[str, Any], resources: Resources) -> None:
    """Everything that needs it finds either by the same expression."""
    assert resources["ClientCredentials"]["Condition"] == "MakesSecret"
    assert template["Outputs"]["SecretArn"]["Value"] == SECRET
    for function in of_type(resources, "AWS::Lambda::Function").values():
        assert function["Environment"]["Variables"]["SERVICENOW_SECRET_ID"] == SECRET


def test_a_key_is_made_only_where_none_is_given(template: dict[str, Any], resources: Resources) -> None:
    """The alias belongs to the key."""
    assert resources["Key"]["Condition"] == resources["KeyAlias"]["Condition"] == "MakesKey"
    assert template["Outputs"]["KeyArn"]["Value"] == KEY
    for function in of_type(resources, "AWS::Lambda::Function").values():
        assert function["Environment"]["Variables"]["TOKEN_KEY_ID"] == KEY


def test_a_ledger_is_made_only_where_none_is_taken_over(template: dict[str, Any], resources: Resources) -> None:
    """Functions and roles find either by the same expression."""
    name = {"Fn::If": ["MakesLedger", {"Ref": "Ledger"}, {"Ref": "LedgerTableName"}]}

    assert resources["Ledger"]["Condition"] == "MakesLedger"
    assert template["Outputs"]["LedgerTableName"]["Value"] == name
    for function in of_type(resources, "AWS::Lambda::Function").values():
        assert function["Environment"]["Variables"].get("LEDGER_TABLE", name) == name


def test_a_stack_that_takes_the_place_of_another_goes_by_its_name(
    template: dict[str, Any], resources: Resources
) -> None:
    """The name is part of every correlation_id: by another one, the stack would find none of its open incidents."""
    name = {
        "Fn::If": [
            "NamesItself",
            {"Fn::Sub": "${AWS::AccountId}/${AWS::Region}/${AWS::StackName}"},
            {"Ref": "DeploymentName"},
        ]
    }

    assert template["Outputs"]["DeploymentName"]["Value"] == name
    for function in of_type(resources, "AWS::Lambda::Function").values():
        assert function["Environment"]["Variables"].get("DEPLOYMENT", name) == name


@pytest.mark.parametrize("made", ["Key", "ClientCredentials", "Ledger"])
def test_nothing_refers_to_what_was_not_made(template: dict[str, Any], made: str) -> None:
    """CloudFormation refuses a reference to a resource that its condition left out."""
    condition = {"Key": "MakesKey", "ClientCredentials": "MakesSecret", "Ledger": "MakesLedger"}[made]

    def refers(value: Any) -> bool:  # noqa: ANN401 (a template is JSON)
        if isinstance(value, list):
            return any(map(refers, value))
        if not isinstance(value, dict):
            return False
        if value.get("Fn::If", [""])[0] == condition:
            return refers(value["Fn::If"][2])
        if value.get("Ref") == made or value.get("Fn::GetAtt", [""])[0] in (made, f"{made}.Arn"):
            return True
        return any(map(refers, value.values()))

    always = {name: found for name, found in template["Resources"].items() if found.get("Condition") != condition}

    assert refers(template["Resources"]["KeyAlias"]) or made != "Key"
    assert [name for name, found in always.items() if refers(found)] == []
    assert not refers(template["Outputs"])


def test_every_function_joins_the_network_where_one_is_given(resources: Resources) -> None:
    """All of them reach ServiceNow by the same way, so the doctor sees what the others see."""
    for function in of_type(resources, "AWS::Lambda::Function").values():
        assert function["VpcConfig"] == {
            "Fn::If": [
                "IsInVpc",
                {
                    "SubnetIds": {"Fn::Split": [",", {"Ref": "SubnetIds"}]},
                    "SecurityGroupIds": {"Fn::Split": [",", {"Ref": "SecurityGroupIds"}]},
                },
                {"Ref": "AWS::NoValue"},
            ]
        }


def test_what_belongs_together_is_given_together(template: dict[str, Any]) -> None:
    """CloudFormation says so before it changes anything; Lambda would say so in the middle."""

    def holds(condition: dict[str, Any], given: dict[str, str]) -> bool:
        ((function, parts),) = condition.items()
        if function == "Fn::Equals":
            return bool(given.get(parts[0]["Ref"], "") == parts[1])
        if function == "Fn::Contains":
            return given.get(parts[1]["Ref"], "") in parts[0]
        results = [holds(part, given) for part in parts]
        return {"Fn::Or": any(results), "Fn::And": all(results), "Fn::Not": not results[0]}[function]

    def accepted(region: str = "eu-west-1", **given: str) -> bool:
        given = {"AWS::Region": region, "SnapStart": "None", **given}
        return all(
            holds(assertion["Assert"], given)
            for rule in template["Rules"].values()
            if holds(rule.get("RuleCondition", {"Fn::Or": [{"Fn::Equals": [{"Ref": "none"}, ""]}]}), given)
            for assertion in rule["Assertions"]
        )

    assert accepted()
    assert accepted(SubnetIds=SUBNET, SecurityGroupIds=GROUP)
    assert accepted(SecretArn=SECRET_ARN, SecretKeyArn=KEY_ARN)
    assert accepted(SecretArn=SECRET_ARN)
    assert not accepted(SubnetIds=SUBNET)
    assert not accepted(SecurityGroupIds=GROUP)
    assert not accepted(SecretKeyArn=KEY_ARN)
    assert accepted(SnapStart="PublishedVersions")
    assert accepted(region="us-gov-west-1")
    assert not accepted(region="us-gov-west-1", SnapStart="PublishedVersions")


@pytest.mark.parametrize(
    ("parameter", "value", "right"),
    [
        ("SecretArn", SECRET_ARN, True),
        ("SecretArn", SECRET_ARN[:-7], False),
        ("SecretArn", "servicenow/oauth", False),
        ("SecretKeyArn", KEY_ARN, True),
        ("SecretKeyArn", "alias/company", False),
        ("SigningKeyArn", KEY_ARN, True),
        ("SigningKeyArn", "alias/company", False),
        ("KeyArn", KEY_ARN, True),
        ("KeyArn", "arn:aws-cn:kms:cn-north-1:123456789012:key/mrk-1d3f5a7b00004000800000000000000b", True),
        ("KeyArn", "arn:aws:kms:eu-west-1:123456789012:alias/company", False),
        ("FormerKeyArn", KEY_ARN, True),
        ("FormerKeyArn", "alias/company", False),
        ("LedgerTableName", "servicenow-bridge-Ledger-1A2B3C", True),
        ("LedgerTableName", "arn:aws:dynamodb:eu-west-1:123456789012:table/ledger", False),
        ("DeploymentName", "123456789012/eu-west-1/servicenow-bridge", True),
        ("DeploymentName", "two names", False),
        ("PermissionsBoundaryArn", f"{ACCOUNT}:policy/company/boundary", True),
        ("PermissionsBoundaryArn", "arn:aws:iam::aws:policy/PowerUserAccess", True),
        ("PermissionsBoundaryArn", f"{ACCOUNT}:role/boundary", False),
        ("SubnetIds", f"{SUBNET},subnet-01234567", True),
        ("SubnetIds", f"{SUBNET}, {SUBNET}", False),
        ("SubnetIds", "vpc-0123456789abcdef0", False),
        ("SecurityGroupIds", GROUP, True),
        ("SecurityGroupIds", ",".join([GROUP] * 6), False),
    ],
)
def test_the_stack_takes_what_works_and_refuses_the_rest(
    template: dict[str, Any], parameter: str, value: str, *, right: bool
) -> None:
    """Before anything is changed; what is left empty, the stack makes or does without."""
    assert accepts(template, parameter, value) is right
    assert accepts(template, parameter, "")


def test_the_guide_has_the_statements_that_a_key_of_ones_own_needs(resources: Resources) -> None:
    """The same services and actions as the key that the stack would make."""
    guide = (TEMPLATE.parent / "docs" / "setup.md").read_text()
    of_services = [
        statement
        for statement in statements_in(of_type(resources, "AWS::KMS::Key")["Key"]["KeyPolicy"])
        if "Service" in statement["Principal"]
    ]

    assert len(of_services) == 3
    for statement in of_services:
        assert all(re.search(rf"\b{action}\b", guide) for action in statement["Action"])
    assert "events.amazonaws.com" in guide
    assert "sns.amazonaws.com" in guide
    assert "kms:EncryptionContext:aws:logs:arn" in guide
