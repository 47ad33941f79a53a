"""Users and roles of the local AWS, for tests of what is allowed."""

import json
from typing import Any, override
from uuid import uuid4

import boto3
from botocore.config import Config

from local.clients import Clients, Identity
from local.emulator import REGION
from local.stack import LocalStack
from tools.deployed import DeployedStack

type Statement = dict[str, Any]


class SeenStack(DeployedStack):
    """What the tools take for a deployed stack: the local one, as `identity` sees it."""

    def __init__(self, stack: LocalStack, identity: Identity) -> None:
        """Know the outputs as they are now."""
        super().__init__(stack.outputs, boto3.Session(region_name=REGION))
        object.__setattr__(self, "_clients", stack.emulator.clients(identity))

    @override
    def client(self, service: str, config: Config | None = None) -> Any:
        clients: Clients = object.__getattribute__(self, "_clients")
        return clients.client(service)


def new_user(stack: LocalStack, name: str, *statements: Statement) -> Identity:
    """Create an IAM user who may do what the statements say and nothing else."""
    iam = stack.root.iam
    iam.create_user(UserName=name)
    if statements:
        iam.put_user_policy(UserName=name, PolicyName="only", PolicyDocument=_policy(*statements))
    key = iam.create_access_key(UserName=name)["AccessKey"]
    return Identity(key["AccessKeyId"], key["SecretAccessKey"])


def clients_of_role(stack: LocalStack, role_name: str) -> Clients:
    """Return clients that act with a deployed role.

    A user is added to those whom the role trusts, for as long as it takes to assume it: who may assume a role is a
    different thing from what the role may do, and that is left as it was deployed.
    """
    iam = stack.root.iam
    role = iam.get_role(RoleName=role_name)["Role"]
    role_arn = role["Arn"]
    user_name = f"{uuid4().hex[:8]}-assumes-{role_name}"[:64]
    user = new_user(stack, user_name, {"Effect": "Allow", "Action": "sts:AssumeRole", "Resource": role_arn})
    trust: Any = role["AssumeRolePolicyDocument"]
    user_arn = iam.get_user(UserName=user_name)["User"]["Arn"]
    addition = {"Effect": "Allow", "Principal": {"AWS": user_arn}, "Action": "sts:AssumeRole"}
    widened = {**trust, "Statement": [*trust["Statement"], addition]}
    iam.update_assume_role_policy(RoleName=role_name, PolicyDocument=json.dumps(widened))
    try:
        sts = stack.emulator.clients(user).sts
        credentials = sts.assume_role(RoleArn=role_arn, RoleSessionName="permissions")["Credentials"]
    finally:
        iam.update_assume_role_policy(RoleName=role_name, PolicyDocument=json.dumps(trust))
    return stack.emulator.clients(
        Identity(credentials["AccessKeyId"], credentials["SecretAccessKey"], credentials["SessionToken"])
    )


def _policy(*statements: Statement) -> str:
    return json.dumps({"Version": "2012-10-17", "Statement": list(statements)})
