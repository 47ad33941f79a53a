"""The resources and the environment of a deployed stack, made with moto, and what Lambda would hand to a function."""

import importlib
import json
import os
import sys
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from datetime import UTC, datetime
from functools import cache
from itertools import count
from typing import Any
from unittest.mock import patch

import boto3
import pytest

from local.simulator import Simulator
from tests.support.moto import mock_aws
from tests.support.rules import rules_read_once

REGION = "eu-west-1"
ACCOUNT = "123456789012"
_numbers = count(1)


@dataclass(frozen=True)
class Deployment:
    """Clients and names of one stack's resources. `environment` is what its functions find in theirs."""

    environment: Mapping[str, str]
    secret_id: str
    webhook_secret_id: str
    queue_url: str
    dead_letter_queue_url: str
    clients: Mapping[str, Any] = field(repr=False)

    def put_credentials(self, client_id: str, client_secret: str) -> None:
        """Do what a person does after the deployment, or to rotate the secret."""
        value = json.dumps({"client_id": client_id, "client_secret": client_secret})
        self.clients["secretsmanager"].put_secret_value(SecretId=self.secret_id, SecretString=value)

    def put_webhook_secrets(self, **sources: Mapping[str, str]) -> None:
        """Do what `make secret WEBHOOK=…` does."""
        value = json.dumps(sources)
        self.clients["secretsmanager"].put_secret_value(SecretId=self.webhook_secret_id, SecretString=value)

    def queued(self) -> list[dict[str, Any]]:
        """Return up to ten messages of the event queue."""
        answer = self.clients["sqs"].receive_message(QueueUrl=self.queue_url, MaxNumberOfMessages=10)
        messages: list[dict[str, Any]] = answer.get("Messages", [])
        return messages

    def waiting(self, queue_url: str = "") -> int:
        """Return how many messages wait in a queue, by default in that of events."""
        found = self.clients["sqs"].get_queue_attributes(QueueUrl=queue_url or self.queue_url, AttributeNames=["All"])
        return int(found["Attributes"]["ApproximateNumberOfMessages"])

    def dead_letters(self) -> list[dict[str, str]]:
        """Return the messages of the dead-letter queue: body, Reason and Action."""
        answer = self.clients["sqs"].receive_message(
            QueueUrl=self.dead_letter_queue_url, MaxNumberOfMessages=10, MessageAttributeNames=["All"]
        )
        return [
            {"body": message["Body"]}
            | {name: value["StringValue"] for name, value in message["MessageAttributes"].items()}
            for message in answer.get("Messages", [])
        ]

    def ledger_items(self) -> list[dict[str, Any]]:
        """Return every item of the ledger as DynamoDB stores it."""
        items: list[dict[str, Any]] = self.clients["dynamodb"].scan(TableName=self.environment["LEDGER_TABLE"])["Items"]
        return items


SECRET = "s3cr3t+~[#,value"
NO_AUTHORITIES = {"SSL_CERT_FILE": os.devnull, "SSL_CERT_DIR": os.devnull}
"""Variables that hide the system's authorities: reading them takes each environment longer than a request."""


@contextmanager
def told(servicenow: Simulator, monkeypatch: pytest.MonkeyPatch, **settings: str) -> Iterator[Deployment]:
    """Provide a stack whose secret is `SECRET`, and tell this process what its functions are told."""
    with deployment(servicenow.host, servicenow.ca_pem, **settings) as stack:
        stack.put_credentials("bridge", SECRET)
        monkeypatch.setenv("AWS_DEFAULT_REGION", REGION)
        for name, value in stack.environment.items():
            monkeypatch.setenv(name, value)
        yield stack


@contextmanager
def deployment(host: str, ca_pem: str, **settings: str) -> Iterator[Deployment]:
    """Provide the resources of a stack in moto; `settings` are added to the environment."""
    with (
        mock_aws(),
        patch.dict(os.environ, NO_AUTHORITIES),
        patch.object(boto3, "client", _client_of_a_function),
        rules_read_once(),
    ):
        yield deploy(host, ca_pem, **settings)


def deploy(host: str, ca_pem: str, *, endpoint_url: str | None = None, **settings: str) -> Deployment:
    """Make the resources of a stack, at `endpoint_url` where another process shall reach them too."""
    clients = {
        name: _client(name, endpoint_url) for name in ("sqs", "secretsmanager", "ssm", "dynamodb", "kms", "events")
    }
    secret = clients["secretsmanager"].create_secret(
        Name="credentials", SecretString='{"client_id": "", "client_secret": ""}'
    )
    webhooks = clients["secretsmanager"].create_secret(Name="webhooks", SecretString="{}")
    key = clients["kms"].create_key()["KeyMetadata"]["Arn"]
    clients["dynamodb"].create_table(
        TableName="ledger",
        KeySchema=[{"AttributeName": "pk", "KeyType": "HASH"}],
        AttributeDefinitions=[{"AttributeName": "pk", "AttributeType": "S"}],
        BillingMode="PAY_PER_REQUEST",
    )
    queue_url = clients["sqs"].create_queue(QueueName="events")["QueueUrl"]
    dead_letter_queue_url = clients["sqs"].create_queue(QueueName="dead-letters")["QueueUrl"]
    environment = {
        "SERVICENOW_INSTANCE_HOST": host,
        "SERVICENOW_SECRET_ID": secret["ARN"],
        "TOKEN_PARAMETER": "/servicenow-bridge/test/access-token",
        "TOKEN_KEY_ID": key,
        "LEDGER_TABLE": "ledger",
        "QUEUE_URL": queue_url,
        "DEAD_LETTER_QUEUE_URL": dead_letter_queue_url,
        "DEPLOYMENT": "test",
        "OWN_PLACE": f"aws/{ACCOUNT}/{REGION}",
        "EVENT_BUS": "default",
        "EVENT_SOURCE": "servicenow-bridge.test",
        "CERTIFICATE_AUTHORITIES": ca_pem,
        "WEBHOOK_SECRET_ID": webhooks["ARN"],
        **settings,
    }
    return Deployment(environment, secret["ARN"], webhooks["ARN"], queue_url, dead_letter_queue_url, clients)


@cache
def _client(service: str, endpoint_url: str | None) -> Any:  # noqa: ANN401 (boto3 makes its clients at run time)
    """Return a client, the same for every stack: making one takes longer than most tests."""
    options = {"aws_access_key_id": "testing", "aws_secret_access_key": "testing"}
    return _make_client(service, region_name=REGION, endpoint_url=endpoint_url, **options)


_make_client: Any = boto3.client
_kept_client = cache(_make_client)


def _client_of_a_function(service: str, **options: Any) -> Any:  # noqa: ANN401 (boto3 makes its clients at run time)
    """Return a client, made once for each configuration: environments of a process would each make their own."""
    plain = options.keys() <= {"config"} and os.environ.get("AWS_DEFAULT_REGION") == REGION
    return (_kept_client if plain else _make_client)(service, **options)


@dataclass
class Context:
    """The part of Lambda's context that the functions read."""

    remaining: int = 60_000

    def get_remaining_time_in_millis(self) -> int:
        """Return milliseconds."""
        return self.remaining


def alarm(name: str, value: str, *, at: datetime | None = None, **detail: Any) -> dict[str, Any]:  # noqa: ANN401
    """Return the event of a CloudWatch alarm whose state became `value`, now unless `at` says otherwise."""
    moment = (at or datetime.now(UTC)).astimezone(UTC)
    return {
        "version": "0",
        "id": f"00000000-0000-4000-8000-{next(_numbers):012}",
        "detail-type": "CloudWatch Alarm State Change",
        "source": "aws.cloudwatch",
        "account": ACCOUNT,
        "time": moment.strftime("%Y-%m-%dT%H:%M:%SZ"),
        "region": REGION,
        "resources": [f"arn:aws:cloudwatch:{REGION}:{ACCOUNT}:alarm:{name}"],
        "detail": {
            "alarmName": name,
            "configuration": {"description": "Too many errors", "metrics": []},
            "previousState": {"value": "OK" if value == "ALARM" else "ALARM"},
            "state": {
                "value": value,
                "reason": f"Threshold crossed: {value}",
                "timestamp": moment.strftime("%Y-%m-%dT%H:%M:%S.%f")[:-3] + "+0000",
            },
            **detail,
        },
    }


def sqs_event(bodies: Sequence[Mapping[str, Any] | str], *, receives: int = 1) -> dict[str, Any]:
    """Return what Lambda's poller hands over for messages with these bodies."""
    return {
        "Records": [
            {
                "messageId": f"message-{next(_numbers)}",
                "receiptHandle": f"receipt-{index}",
                "body": body if isinstance(body, str) else json.dumps(body),
                "attributes": {"ApproximateReceiveCount": str(receives)},
                "eventSource": "aws:sqs",
            }
            for index, body in enumerate(bodies)
        ]
    }


type Function = Callable[..., list[str]]
"""The events function: takes bodies of messages, and returns the ids of those that stay in the queue."""


@contextmanager
def new_environment() -> Iterator[Function]:
    """Provide the events function as a new environment loads it."""
    sys.modules.pop("handlers.events", None)
    module = importlib.import_module("handlers.events")

    def call(*bodies: Mapping[str, Any] | str, receives: int = 1) -> list[str]:
        answer = module.handler(sqs_event(bodies, receives=receives), Context())
        return [failure["itemIdentifier"] for failure in answer["batchItemFailures"]]

    try:
        yield call
    finally:
        module.bridge.transport.close()
        sys.modules.pop("handlers.events", None)
