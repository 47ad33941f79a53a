"""One run: a deployed stack of its own, environments of its functions, and everything that it says and leaves."""

import json
from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from functools import cache
from random import Random
from typing import Any

from botocore.exceptions import ReadTimeoutError
from moto.sqs.models import sqs_backends

from campaign import queue
from campaign.environment import Environment, KilledError
from campaign.history import Evidence, Judgement, Sent, judge
from campaign.leaks import Sinks, canary
from campaign.queue import Queued, VirtualQueue, record_of
from campaign.stage import CLIENT_ID, AwsFault, Stage
from common.bridge import events as bridge_events
from common.incidents.rules import Rules, load_rules
from local.simulator import Fault, Simulator
from tests.support.clock import EPOCH, FakeClock
from tests.support.deployment import alarm

LEAST_LEFT = 1.0
"""Seconds of a function's time that must be left when it answers."""

EVENTS_SECONDS = 60.0
OVERRUN_ALLOWED = 0.5
_MOST_ROUNDS = 4000


class UnexpectedError(AssertionError):
    """A fault had another outcome than the catalogue says."""


@dataclass(frozen=True, slots=True)
class Round:
    """What became of one batch: ids that stay, new dead letters, metrics, and whether the function was killed."""

    received: tuple[str, ...]
    stay: tuple[str, ...]
    refused: int
    metrics: Mapping[str, float]
    killed: bool = False

    @property
    def outcome(self) -> str:
        """One word: killed, held, dead, later or done."""
        if self.killed:
            return "killed"
        if self.metrics.get("Held"):
            return "held"
        if self.stay:
            return "later"
        return "dead" if self.refused else "done"


@dataclass
class World:
    """A run with its own dice. Scenarios inject faults, send events, and say what they expect."""

    stage: Stage
    random: Random
    settings: Mapping[str, str] = field(default_factory=dict)
    over_budget: list[str] = field(default_factory=list)
    sent: list[Sent] = field(default_factory=list)
    sinks: Sinks = field(default_factory=Sinks)
    secrets: list[str] = field(default_factory=list)
    environments: list[Environment] = field(default_factory=list)
    metrics: Counter[str] = field(default_factory=Counter)
    records_a_problem: int = 1
    judged: bool = True
    variables: dict[str, str] = field(default_factory=dict)
    _refused: int = 0

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
            **self.settings,
        }

    # What there is

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

    def environment(self, function: str = "events", **variables: str) -> Environment:
        """Return a new environment of a function."""
        name = f"bridge-{next(self.stage.numbers)}"
        environment = {**self.variables, "POWERTOOLS_SERVICE_NAME": name, **variables}
        made = Environment(self.stage.function(function, environment), self.clock, environment)
        self.environments.append(made)
        return made

    @property
    def warm(self) -> Environment:
        """The environment that is there already."""
        return self.environments[-1] if self.environments else self.environment()

    # What happens

    def fault(self, **what: Any) -> None:  # noqa: ANN401 (those of Fault)
        """Let something go wrong in ServiceNow."""
        self.simulator.add_fault(Fault(**what))

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

    def alarm(self, name: str, value: str, *, minutes: float = 0.0, **changes: Any) -> dict[str, Any]:  # noqa: ANN401
        """Return the event of an alarm, `minutes` after the beginning of this run."""
        begin = datetime.fromtimestamp(EPOCH, UTC) - timedelta(minutes=60)
        return alarm(name, value, at=begin + timedelta(minutes=minutes)) | changes

    def send(self, *events: Mapping[str, Any] | str) -> list[str]:
        """Put events into the queue and return the ids of the messages."""
        ids = []
        for event in events:
            body = event if isinstance(event, str) else json.dumps(event)
            ids.append(self.queue.send(body))
            self.sent.append(Sent(ids[-1], body))
        return ids

    def invoke(self, environment: Environment | None = None, *, seconds: float = EVENTS_SECONDS) -> Round:
        """Hand the visible messages to the events function, as far as they fit into one batch."""
        return self.deliver(self.queue.receive(), environment, seconds=seconds)

    def deliver(
        self, batch: Sequence[Queued], environment: Environment | None = None, *, seconds: float = EVENTS_SECONDS
    ) -> Round:
        """Hand messages to the events function and do what the poller does with its answer."""
        used = environment or self.warm
        ids = tuple(message.message_id for message in batch)
        try:
            answer, left = used.call({"Records": [record_of(message) for message in batch]}, seconds)
        except KilledError:
            self.environments.remove(used)
            return Round(ids, ids, 0, self.listen(), killed=True)
        if left < min(LEAST_LEFT, seconds):
            self.over_budget.append(f"{left:.2f} s were left of {seconds:.0f} s")
        stay = tuple(failure["itemIdentifier"] for failure in answer["batchItemFailures"])
        for message_id in ids:
            if message_id not in stay:
                self.queue.delete(message_id)
        before, self._refused = self._refused, self._number_of_dead_letters()
        return Round(ids, stay, self._refused - before, self.listen())

    def fire(self, *, number: int = 0) -> Round:
        """Send an alarm of each of some new problems, and hand them to a function."""
        count = number or self.random.randint(1, 3)
        first = len(self.sent)
        self.send(*(self.alarm(f"alarm-{first + index}", "ALARM", minutes=1 + index) for index in range(count)))
        return self.invoke()

    def settle(self, *, hours: float = 24.0) -> None:
        """Let time pass until the queue is empty. Raises UnexpectedError where it does not get empty."""
        ends = self.clock.monotonic() + hours * 3600
        for _ in range(_MOST_ROUNDS):
            if not self.queue.wait():
                return
            if self.clock.monotonic() > ends:
                break
            self.invoke()
        raise UnexpectedError(f"after {hours:.0f} h there are still {len(self.queue)} messages in the queue")

    def expect(self, holds: bool, otherwise: str) -> None:  # noqa: FBT001 (a condition, as of assert)
        """Raise UnexpectedError that says what was seen `otherwise`."""
        if not holds:
            raise UnexpectedError(otherwise)

    def expect_outcome(self, found: Round, *wanted: str) -> None:
        """Raise UnexpectedError where a batch had another outcome."""
        self.expect(found.outcome in wanted, f"the batch was {found.outcome} instead of {' or '.join(wanted)}")

    def toss(self) -> bool:
        """Return true or false."""
        return self.random.random() < 0.5

    def pick[T](self, *choices: T) -> T:
        """Return one of the choices."""
        return self.random.choice(choices)

    # What is found

    def listen(self) -> Mapping[str, float]:
        """Take in what was said since the last time; return the metrics in it."""
        said = self.stage.said()
        self.sinks.add("log and metrics", said)
        self.sinks.add_errors(self.stage.errors)
        self.stage.errors.clear()
        metrics: Counter[str] = Counter()
        for line in said.splitlines():
            if '"_aws"' not in line:
                continue
            document = json.loads(line)
            for metric in document["_aws"]["CloudWatchMetrics"][0]["Metrics"]:
                value = document[metric["Name"]]
                metrics[metric["Name"]] += value[0] if isinstance(value, list) else value
        self.metrics.update(metrics)
        return metrics

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
        found: list[dict[str, Any]] = []
        options: dict[str, Any] = {}
        while True:
            answer = self.aws("dynamodb").scan(TableName=self.table, **options)
            found += answer["Items"]
            if "LastEvaluatedKey" not in answer:
                return {item["pk"]["S"]: item for item in found if "orders" in item}
            options = {"ExclusiveStartKey": answer["LastEvaluatedKey"]}

    def judge(self) -> Judgement:
        """Check the history, and search every sink for every secret."""
        self.mend()
        judgement = Judgement()
        letters, items = self.dead_letters(), self.items()
        if self.judged:
            incidents = self.incidents()
            notes = {row["sys_id"]: self.simulator.journal(row["sys_id"], "work_notes") for row in incidents}
            evidence = Evidence(
                self.sent,
                frozenset(sent.message_id for sent in self.sent if sent.message_id in self.queue),
                letters,
                items,
                incidents,
                notes,
                self.deployment,
            )
            judgement = judge(rules(), evidence, records_a_problem=self.records_a_problem)
            judgement.lost += [f"{lost} was kept too long" for lost in (*self.queue.expired, *self.queue.worn_out)]
        self.sinks.add("dead letters", json.dumps(letters))
        self.sinks.add("ledger", json.dumps(items))
        self.sinks.add("plain parameters", json.dumps(self._plain_parameters()))
        self.sinks.add("repr", *(text for environment in self.environments for text in environment.reprs()))
        self.listen()
        return judgement

    def leaks(self) -> list[str]:
        """Return where a secret or a token was found."""
        tokens = {token for environment in self.environments for token in environment.tokens}
        tokens |= set(self.simulator._instance.tokens._valid)
        return self.sinks.leaks([*self.secrets, *sorted(tokens)])

    def end(self) -> None:
        """Close connections and drop what the run has made."""
        for environment in self.environments:
            environment.close()
        self.environments.clear()
        for parameter in self._parameters():
            self.aws("ssm").delete_parameter(Name=parameter["Name"])
        self.aws("dynamodb").delete_table(TableName=self.table)
        for url in (self.queue_url, self.dead_letter_url):
            self.aws("sqs").delete_queue(QueueUrl=url)

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

    def _number_of_dead_letters(self) -> int:
        return len(self._stored(self.dead_letter_url))

    def _stored(self, url: str) -> list[Any]:
        backend = next(iter(sqs_backends.values()))[self.aws("sqs").meta.region_name]
        queue = backend.queues[url.rpartition("/")[2]]
        return list(queue._messages)

    def _parameters(self) -> list[Any]:
        path = f"/servicenow-bridge/{self.deployment}"
        found: list[Any] = self.aws("ssm").get_parameters_by_path(Path=path, Recursive=True)["Parameters"]
        return found

    def _plain_parameters(self) -> list[str]:
        return [str(each["Value"]) for each in self._parameters() if each["Type"] != "SecureString"]


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


@cache
def rules() -> Rules:
    """Return the shipped rules."""
    return load_rules(bridge_events.RULES, ())


def _text(attribute: Mapping[str, Any]) -> str:
    return str(attribute.get("StringValue") or attribute.get("string_value") or "")
