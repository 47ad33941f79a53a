"""The resources of one deployed stack, in moto, and the instance that it talks to: each run has its own."""

import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from random import Random
from typing import Any

from botocore.exceptions import ReadTimeoutError
from moto.sqs.models import sqs_backends

from campaign import queue
from campaign.leaks import canary
from campaign.queue import VirtualQueue
from campaign.stage import CLIENT_ID, AwsFault, Stage
from local.simulator import Fault, Simulator
from tests.support.clock import FakeClock
from tests.support.table import SharedDynamoDB

_TOKEN_TARGET = "/oauth_token.do"


@dataclass
class Stack:
    """A secret, a token parameter, a ledger, queues, and what of them can fail. `secrets` lists all that were used."""

    stage: Stage
    random: Random
    secrets: list[str] = field(default_factory=list)
    variables: dict[str, str] = field(default_factory=dict)
    _memory: SharedDynamoDB | None = None

    def __post_init__(self) -> None:
        """Make the resources of a stack and fill in its secret."""
        stage = self.stage
        stage.begin()
        number = next(stage.numbers)
        self.deployment = f"campaign-{number}"
        secret = self.aws("secretsmanager").create_secret(Name=f"credentials-{number}", SecretString="{}")
        self.secret_id = str(secret["ARN"])
        self.parameter = f"/servicenow-bridge/{self.deployment}/access-token"
        self.table = f"ledger-{number}"
        self._create_table()
        self.dead_letter_url = str(self.aws("sqs").create_queue(QueueName=f"dead-letters-{number}")["QueueUrl"])
        self.queue_url = str(self.aws("sqs").create_queue(QueueName=f"events-{number}")["QueueUrl"])
        self.queue = VirtualQueue(self.clock, self.random, most_receives=queue.MOST_RECEIVES)
        self.secret = self.rotate()
        stage.aws_faults.append(self._queue_calls)
        self.variables |= {
            "SERVICENOW_INSTANCE_HOST": self.simulator.host,
            "SERVICENOW_SECRET_ID": self.secret_id,
            "TOKEN_PARAMETER": self.parameter,
            "TOKEN_KEY_ID": stage.key_id,
            "LEDGER_TABLE": self.table,
            "QUEUE_URL": self.queue_url,
            "DEAD_LETTER_QUEUE_URL": self.dead_letter_url,
            "DEPLOYMENT": self.deployment,
            "CERTIFICATE_AUTHORITIES": self.simulator.ca_pem,
            "POWERTOOLS_LOG_LEVEL": "DEBUG",
        }

    @property
    def clock(self) -> FakeClock:
        """The clock of this run."""
        return self.stage.clock

    @property
    def simulator(self) -> Simulator:
        """The instance."""
        return self.stage.simulator

    def aws(self, service: str) -> Any:  # noqa: ANN401 (boto3 makes its clients at run time)
        """Return the client of an AWS service for the campaign's own calls, whose log is no sink of the functions."""
        return _Unheard(self.stage, service)

    def in_memory(self) -> None:
        """Keep ledger and queue without moto and botocore, which take milliseconds a call: for many messages."""
        self._memory = SharedDynamoDB(self.stage.server_time)
        self.stage.stand_ins |= {"dynamodb": self._memory, "sqs": _QueueClient(self)}

    def rotate(self) -> str:
        """Give the client a new secret, here and in ServiceNow; return it."""
        secret = canary(self.random)
        self.put_secret(secret)
        self.simulator.rotate_secret(secret)
        return secret

    def put_secret(self, secret: str, *, stages: Sequence[str] = ("AWSCURRENT",)) -> None:
        """Put a new version into Secrets Manager."""
        self.secrets.append(secret)
        value = json.dumps({"client_id": CLIENT_ID, "client_secret": secret})
        self.aws("secretsmanager").put_secret_value(
            SecretId=self.secret_id, SecretString=value, VersionStages=list(stages)
        )

    def fault(self, **what: Any) -> None:  # noqa: ANN401 (those of Fault)
        """Let something go wrong in ServiceNow."""
        self.simulator.add_fault(Fault(**what))

    def hangs(self, method: str, target: str) -> bool:
        """Tell whether a fault that waits leaves such a request without an answer, or drips it."""
        on = ("any", "token" if target == _TOKEN_TARGET else "api")
        return any(
            fault.connection == "hang" or fault.drip_headers is not None or fault.drip_body is not None
            for fault in self.simulator._instance.faults.waiting
            if fault.on in on and fault.method in {"", method}
        )

    def aws_fault(self, operation: str, answer: Mapping[str, Any] | None, *, times: int = 1_000_000) -> AwsFault:
        """Let calls of `service.Operation` be refused, or hang until the client gives up where `answer` is None."""
        left = [times]

        def refuse(called: str, _arguments: dict[str, Any]) -> dict[str, Any] | None:
            if called != operation or left[0] <= 0:
                return None
            left[0] -= 1
            if answer is None:
                self.clock.advance(1.0)
                raise ReadTimeoutError(endpoint_url=f"https://{called}.example")
            return dict(answer)

        self.stage.aws_faults.append(refuse)
        return refuse

    def mend(self) -> None:
        """Take all faults away."""
        self.simulator.clear_faults()
        self.stage.aws_faults[1:] = []

    def dead_letters(self) -> list[dict[str, str]]:
        """Return all dead letters with their attributes."""
        letters: list[dict[str, str]] = []
        for message in self._stored(self.dead_letter_url):
            attributes = message.message_attributes
            letters.append({"body": message.body} | {name: _text(value) for name, value in attributes.items()})
        return letters

    def incidents(self) -> list[dict[str, str]]:
        """Return all incidents of the instance."""
        return self.simulator.records("incident")

    def api_calls(self, method: str = "") -> int:
        """Return how many requests of a method reached the API."""
        return sum(call.path.startswith("/api/") and method in {"", call.method} for call in self.simulator.calls)

    def items(self) -> dict[str, dict[str, Any]]:
        """Return the items of the ledger by problem."""
        if self._memory is not None:
            return dict(self._memory.ledger.items)
        found: list[dict[str, Any]] = []
        options: dict[str, Any] = {}
        while True:
            answer = self.aws("dynamodb").scan(TableName=self.table, **options)
            found += answer["Items"]
            if "LastEvaluatedKey" not in answer:
                return {item["pk"]["S"]: item for item in found if "orders" in item}
            options = {"ExclusiveStartKey": answer["LastEvaluatedKey"]}

    def expire_items(self) -> None:
        """Drop the items whose time to live is over, as DynamoDB does sooner or later, and moto never."""
        now = self.stage.server_time()
        for problem, item in self.items().items():
            if float(item.get("expires_at", {"N": "inf"})["N"]) < now:
                self.aws("dynamodb").delete_item(TableName=self.table, Key={"pk": {"S": problem}})

    def _create_table(self) -> None:
        self.aws("dynamodb").create_table(
            TableName=self.table,
            KeySchema=[{"AttributeName": "pk", "KeyType": "HASH"}],
            AttributeDefinitions=[{"AttributeName": "pk", "AttributeType": "S"}],
            BillingMode="PAY_PER_REQUEST",
        )

    def _queue_calls(self, operation: str, arguments: dict[str, Any]) -> dict[str, Any] | None:
        """Answer the calls that concern visibility, which moto would judge by real time."""
        if arguments.get("QueueUrl") != self.queue_url:
            return None
        if operation == "sqs.ChangeMessageVisibility":
            self.queue.later(arguments["ReceiptHandle"], arguments["VisibilityTimeout"])
            return {}
        if operation == "sqs.DeleteMessage":
            self.queue.delete(arguments["ReceiptHandle"])
            return {}
        return None

    def number_of_dead_letters(self) -> int:
        """Return how many dead letters there are."""
        return len(self._stored(self.dead_letter_url))

    def _stored(self, url: str) -> list[Any]:
        backend = next(iter(sqs_backends.values()))[self.aws("sqs").meta.region_name]
        queue = backend.queues[url.rpartition("/")[2]]
        return list(queue._messages)

    def plain_parameters(self) -> list[str]:
        """Return the values of parameters that anybody may read who may read parameters."""
        path = f"/servicenow-bridge/{self.deployment}"
        found = self.aws("ssm").get_parameters_by_path(Path=path, Recursive=True)["Parameters"]
        return [str(each["Value"]) for each in found if each["Type"] != "SecureString"]


class _QueueClient:
    """The queue's client where it is kept in memory. Dead letters go to moto all the same."""

    def __init__(self, stack: Stack) -> None:
        self._queue = stack.queue
        self.send_message = stack.stage.client("sqs").send_message

    def change_message_visibility(self, *, QueueUrl: str, ReceiptHandle: str, VisibilityTimeout: int) -> None:  # noqa: ARG002, N803
        self._queue.later(ReceiptHandle, VisibilityTimeout)

    def delete_message(self, *, QueueUrl: str, ReceiptHandle: str) -> None:  # noqa: ARG002, N803
        self._queue.delete(ReceiptHandle)


class _Unheard:
    """A client of AWS whose calls are not listened to."""

    def __init__(self, stage: Stage, service: str) -> None:
        self._stage = stage
        self._client = stage.client(service)
        self.meta = self._client.meta

    def __getattr__(self, operation: str) -> Any:  # noqa: ANN401 (any operation)
        def call(**arguments: Any) -> Any:  # noqa: ANN401 (as of the client)
            with self._stage.deaf():
                return getattr(self._client, operation)(**arguments)

        return call


def _text(attribute: Mapping[str, Any]) -> str:
    return str(attribute.get("StringValue") or attribute.get("string_value") or "")
