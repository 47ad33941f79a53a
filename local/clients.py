"""boto3 clients of the local AWS, bound to one identity. Nothing of the user's own AWS set-up is read."""

import os
from dataclasses import dataclass, field
from functools import cached_property
from pathlib import Path
from typing import TYPE_CHECKING, Any

import boto3
import botocore.session
from botocore.client import BaseClient
from botocore.config import Config

if TYPE_CHECKING:
    from mypy_boto3_cloudformation import CloudFormationClient
    from mypy_boto3_dynamodb import DynamoDBClient
    from mypy_boto3_events import EventBridgeClient
    from mypy_boto3_iam import IAMClient
    from mypy_boto3_kms import KMSClient
    from mypy_boto3_lambda import LambdaClient
    from mypy_boto3_logs import CloudWatchLogsClient
    from mypy_boto3_secretsmanager import SecretsManagerClient
    from mypy_boto3_sqs import SQSClient
    from mypy_boto3_ssm import SSMClient
    from mypy_boto3_sts import STSClient

_CONFIG = Config(
    connect_timeout=2,
    read_timeout=30,
    retries={"mode": "standard", "max_attempts": 2},
    proxies={},  # everything is on this machine
)
_NO_FILES: dict[str, Any] = {
    "profile": (None, None, None, None),
    "config_file": (None, None, os.devnull, None),
    "credentials_file": (None, None, os.devnull, None),
}


@dataclass(frozen=True, slots=True)
class Endpoint:
    """Where the local AWS answers: its URL, the file with its certificate authority, its Region."""

    url: str
    authority_file: Path
    region: str


@dataclass(frozen=True, slots=True)
class Identity:
    """Credentials of a user or of an assumed role."""

    access_key_id: str
    secret_access_key: str = field(repr=False)
    session_token: str | None = field(default=None, repr=False)


class Clients:
    """What one identity sees of the local AWS; a client is created when it is first used."""

    def __init__(self, endpoint: Endpoint, identity: Identity) -> None:
        """Make no call yet."""
        self._session = boto3.Session(
            aws_access_key_id=identity.access_key_id,
            aws_secret_access_key=identity.secret_access_key,
            aws_session_token=identity.session_token,
            region_name=endpoint.region,
            botocore_session=botocore.session.Session(session_vars=_NO_FILES),
        )
        self._options: dict[str, Any] = {
            "endpoint_url": endpoint.url,
            "verify": str(endpoint.authority_file),
            "config": _CONFIG,
        }
        self._others: dict[str, Any] = {}

    def client(self, service: str) -> Any:  # noqa: ANN401 (boto3 makes its clients at run time)
        """Return a client of any service, by boto3's name of it."""
        if service not in self._others:
            self._others[service] = self._session.client(service, **self._options)  # type: ignore[call-overload]
        return self._others[service]

    @cached_property
    def cloudformation(self) -> "CloudFormationClient":
        """CloudFormation."""
        return self._session.client("cloudformation", **self._options)

    @cached_property
    def dynamodb(self) -> "DynamoDBClient":
        """DynamoDB."""
        return self._session.client("dynamodb", **self._options)

    @cached_property
    def events(self) -> "EventBridgeClient":
        """EventBridge."""
        return self._session.client("events", **self._options)

    @cached_property
    def functions(self) -> "LambdaClient":
        """Lambda."""
        return self._session.client("lambda", **self._options)

    @cached_property
    def iam(self) -> "IAMClient":
        """IAM."""
        return self._session.client("iam", **self._options)

    @cached_property
    def kms(self) -> "KMSClient":
        """KMS."""
        return self._session.client("kms", **self._options)

    @cached_property
    def logs(self) -> "CloudWatchLogsClient":
        """CloudWatch Logs."""
        return self._session.client("logs", **self._options)

    @cached_property
    def parameters(self) -> "SSMClient":
        """SSM Parameter Store."""
        return self._session.client("ssm", **self._options)

    @cached_property
    def queues(self) -> "SQSClient":
        """SQS."""
        return self._session.client("sqs", **self._options)

    @cached_property
    def secrets(self) -> "SecretsManagerClient":
        """Secrets Manager."""
        return self._session.client("secretsmanager", **self._options)

    @cached_property
    def sts(self) -> "STSClient":
        """STS."""
        return self._session.client("sts", **self._options)

    def close(self) -> None:
        """Close the connections of all clients that were used."""
        for value in (*vars(self).values(), *self._others.values()):
            if isinstance(value, BaseClient):
                value.close()

    def create_bucket(self, name: str) -> None:
        """Create an S3 bucket."""
        location = {"LocationConstraint": self._session.region_name}
        self.client("s3").create_bucket(Bucket=name, CreateBucketConfiguration=location)
