"""boto3 clients whose answers a test writes itself: for errors that an emulator does not produce."""

from typing import Any

import boto3
from botocore.config import Config
from botocore.exceptions import BotoCoreError, ClientError
from botocore.stub import Stubber

from common.oauth.assertion import KmsSigner

REGION = "eu-west-1"


def client(service: str, **options: Any) -> Any:  # noqa: ANN401 (boto3 makes its clients at run time)
    """Return a boto3 client with made-up AWS credentials; `options` go to boto3."""
    made_up = {"aws_access_key_id": "made-up", "aws_secret_access_key": "made-up"}
    once = Config(retries={"total_max_attempts": 1})
    make: Any = boto3.client
    return make(service, region_name=REGION, **({"config": once} | made_up | options))


def kms_signer() -> KmsSigner:
    """Return what signs assertions, with keys of whatever answers for KMS; most tests have nothing signed."""
    return KmsSigner(lambda: client("kms"))


def stubbed(service: str) -> tuple[Any, Stubber]:
    """Return a boto3 client and what writes its answers, which are validated against the service's model."""
    made = client(service)
    stubber = Stubber(made)
    stubber.activate()
    return made, stubber


class Failing:
    """A client of any service whose every call raises `error`."""

    def __init__(self, error: BotoCoreError | ClientError) -> None:
        """Raise `error`."""
        self.error = error
        self.calls = 0

    def __getattr__(self, name: str) -> Any:  # noqa: ANN401 (stands for any operation)
        """Return an operation that fails."""

        def fail(**_: object) -> None:
            self.calls += 1
            raise self.error

        return fail
