"""A pipeline deploys with the policy of `deploy/`, within its boundary, and can do nothing else.

The emulator checks every call that `sam deploy` makes. It does not check what CloudFormation does then in the caller's
name: that is held against the same policy by IAM's simulator, with the names that the resources really got. Nor does it
know the conditions on them, which tests/template/test_deploying_role.py looks at.
"""

import json
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path

import pytest
from botocore.exceptions import ClientError

from local import sam
from local.clients import Clients, Identity
from local.emulator import ACCOUNT, REGION
from local.processes import LocalStackError
from local.stack import STACK_NAME, LocalStack
from tests.e2e.identities import new_user
from tests.template.reading import Statement
from tests.template.test_deploying_role import ANYWHERE, NAMES, PLACES, permissions, policy_with, statements_of

STACK = "pipeline"
UNKNOWN_TO_THE_EMULATOR = ("iam:PassedToService", "iam:PermissionsBoundary", "kms:ViaService", "lambda:FunctionArn")
ARNS = {
    "AWS::CloudWatch::Alarm": "arn:aws:cloudwatch:{region}:{account}:alarm:{id}",
    "AWS::CloudWatch::Dashboard": "arn:aws:cloudwatch::{account}:dashboard/{id}",
    "AWS::DynamoDB::Table": "arn:aws:dynamodb:{region}:{account}:table/{id}",
    "AWS::Events::Rule": "arn:aws:events:{region}:{account}:rule/{id}",
    "AWS::IAM::ManagedPolicy": "{id}",
    "AWS::IAM::Role": "arn:aws:iam::{account}:role/{id}",
    "AWS::Lambda::Function": "arn:aws:lambda:{region}:{account}:function:{id}",
    "AWS::Logs::LogGroup": "arn:aws:logs:{region}:{account}:log-group:{id}",
    "AWS::SQS::Queue": "arn:aws:sqs:{region}:{account}:{id}",
    "AWS::SSM::Parameter": "arn:aws:ssm:{region}:{account}:parameter{id}",
    "AWS::SecretsManager::Secret": "arn:aws:secretsmanager:{region}:{account}:secret:{id}-1A2B3C",
}
"""The ARN of a resource by its physical id, of which the last part counts where it is an address."""


@dataclass(frozen=True)
class Pipeline:
    """Who deploys, what he was given, and where `sam` may write."""

    stack: LocalStack
    identity: Identity
    policy: list[Statement]
    boundary: str
    directory: Path

    @property
    def clients(self) -> Clients:
        """What he sees of AWS."""
        return self.stack.emulator.clients(self.identity)

    def deploy(self, name: str = STACK, **changes: str) -> None:
        """Run `sam deploy` of what was built for this tier."""
        parameters = {
            "Architecture": sam.this_architecture(),
            "InstanceHost": self.stack.simulator.host,
            "ApiTables": "problem:number",
            "PermissionsBoundaryArn": self.boundary,
            **changes,
        }
        with sam.exclusive_build_directory():
            sam.deploy(
                self.directory, self.stack.emulator.endpoint, self.identity, stack_name=name, parameters=parameters
            )


@pytest.fixture(scope="module")
def pipeline(deployed: LocalStack, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Pipeline]:
    """A user with that policy, who has deployed a stack that was not there."""
    names = NAMES | {"stack": STACK, "bucket": sam.BUCKET, "boundary": f"arn:aws:iam::{ACCOUNT}:policy/boundary"}
    document = json.dumps({"Version": "2012-10-17", "Statement": statements_of("boundary", names)})
    boundary = deployed.root.iam.create_policy(PolicyName="boundary", PolicyDocument=document)["Policy"]["Arn"]
    policy = policy_with(names)
    for statement in policy:
        if any(key in str(statement.get("Condition")) for key in UNKNOWN_TO_THE_EMULATOR):
            del statement["Condition"]
    identity = new_user(deployed, "pipeline", *policy)
    pipeline = Pipeline(deployed, identity, policy, boundary, tmp_path_factory.mktemp("pipeline"))
    pipeline.deploy()
    yield pipeline
    deployed.root.cloudformation.delete_stack(StackName=STACK)


def status_of(stack: LocalStack) -> str:
    """Return how the pipeline's stack is."""
    return str(stack.root.cloudformation.describe_stacks(StackName=STACK)["Stacks"][0]["StackStatus"])


def test_the_documented_policy_is_enough_to_make_a_stack_and_to_change_it(pipeline: Pipeline) -> None:
    """By change sets, with the package under the stack's name in the bucket."""
    assert status_of(pipeline.stack) == "CREATE_COMPLETE"

    pipeline.deploy(ApiTables="problem:number,short_description")

    assert status_of(pipeline.stack) == "UPDATE_COMPLETE"
    stored = f"/servicenow-bridge/{STACK}/settings/api-tables"
    value = pipeline.stack.root.parameters.get_parameter(Name=stored)["Parameter"]["Value"]
    assert value == "problem:number,short_description"


def test_what_cloudformation_does_in_his_name_is_allowed(pipeline: Pipeline) -> None:
    """On every resource that the stack has, by what its schema asks for."""
    root = pipeline.stack.root
    policy = [statement for statement in pipeline.policy if statement["Effect"] == "Allow"]
    document = json.dumps({"Version": "2012-10-17", "Statement": policy})
    resources = root.cloudformation.describe_stack_resources(StackName=STACK)["StackResources"]
    denied: list[tuple[str, str]] = []
    tried = 0
    for resource in resources:
        kind = resource["ResourceType"]
        elsewhere = {*ANYWHERE, *PLACES}
        own = sorted(name for name in permissions(kind) if not {name, name.partition(":")[0]} & elsewhere)
        if kind in ARNS and own:
            last = resource["PhysicalResourceId"].rpartition("|")[2]
            physical = last.rpartition("/")[2] if last.startswith("http") else last
            arn = ARNS[kind].format(region=REGION, account=ACCOUNT, id=physical)
            found = root.iam.simulate_custom_policy(PolicyInputList=[document], ActionNames=own, ResourceArns=[arn])
            results = found["EvaluationResults"]
            tried += len(results)
            denied += [(row["EvalActionName"], arn) for row in results if row["EvalDecision"] != "allowed"]

    assert denied == []
    assert tried > 100
    assert {resource["ResourceType"] for resource in resources} > ARNS.keys()


def test_he_deploys_under_no_other_name(pipeline: Pipeline) -> None:
    """Such as the one beside his."""
    with pytest.raises(LocalStackError) as refused:
        pipeline.deploy(STACK_NAME)

    assert "AccessDenied" in (refused.value.detail or "")


def test_he_does_by_hand_what_only_cloudformation_is_to_do_for_him(pipeline: Pipeline) -> None:
    """Nothing: what he may do by CloudFormation he may not do himself, nor read the secret or call a function."""
    his, rows = pipeline.clients, pipeline.stack.root.cloudformation.describe_stack_resources(StackName=STACK)
    ids = {row["LogicalResourceId"]: row["PhysicalResourceId"] for row in rows["StackResources"]}

    calls: tuple[Callable[[], object], ...] = (
        lambda: his.queues.delete_queue(QueueUrl=ids["EventQueue"]),
        lambda: his.functions.update_function_configuration(FunctionName=ids["ApiFunction"], Timeout=3),
        lambda: his.functions.invoke(FunctionName=ids["DoctorFunction"]),
        lambda: his.secrets.get_secret_value(SecretId=ids["ClientCredentials"]),
        lambda: his.iam.delete_role_permissions_boundary(RoleName=ids["ApiFunctionRole"]),
        lambda: his.iam.put_role_policy(RoleName=ids["ApiFunctionRole"], PolicyName="x", PolicyDocument="{}"),
    )
    for call in calls:
        with pytest.raises(ClientError, match="AccessDenied"):
            call()
