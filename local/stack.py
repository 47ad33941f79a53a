"""The whole application on this machine: local AWS, simulated ServiceNow, template.yaml deployed."""

import json
import secrets
import tempfile
import time
from collections.abc import Callable, Iterator, Mapping
from contextlib import AbstractContextManager, ExitStack, contextmanager, nullcontext
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any
from urllib.parse import urlsplit

from botocore.exceptions import BotoCoreError, ClientError

from local import sam
from local.alarms import alarm_event, finding_event, put_event
from local.clients import Clients
from local.emulator import ACCOUNT, REGION, Emulator
from local.processes import LocalStackError, tail
from local.readable_logs import readable
from local.simulator import Simulator
from local.terminal import Terminal, uninterrupted
from local.watching import heard, listen

if TYPE_CHECKING:
    from mypy_boto3_sqs.literals import QueueAttributeNameType

STACK_NAME = "servicenow-bridge"
DEPLOYMENT = f"{ACCOUNT}/{REGION}/{STACK_NAME}"
"""What the ledger and ServiceNow know the stack by."""

SOURCE = f"servicenow-bridge.{STACK_NAME}"
"""In whose name the watch puts events on the bus."""

CLIENT_ID = "bridge"

TOPIC = f"arn:aws:sns:{REGION}:{ACCOUNT}:operations"
"""The SNS topic that the stack is subscribed to."""

_DOORS: Mapping[str, str] = {
    "OwnEventSources": "shop.checkout,servicenow-bridge.accept",
    "SnsTopics": TOPIC,
    "WebhookSources": "alertmanager,grafana,shop",
    "ReplayRoleArns": f"arn:aws:iam::{ACCOUNT}:root",
}
_BUILD_TIMEOUT = 300.0
_POLL_INTERVAL = 0.05
_DIFFICULT_CHARACTERS = '+~[#,%&="\\é'
_COUNTS: tuple["QueueAttributeNameType", ...] = (
    "ApproximateNumberOfMessages",
    "ApproximateNumberOfMessagesNotVisible",
    "ApproximateNumberOfMessagesDelayed",
)


def new_client_secret() -> str:
    """Return a random client secret with every character that a careless encoding would lose."""
    characters = [*secrets.token_urlsafe(24), *_DIFFICULT_CHARACTERS]
    secrets.SystemRandom().shuffle(characters)
    return "".join(characters)


@dataclass(frozen=True, slots=True)
class QueueDepth:
    """How many messages wait to be taken, how many are being handled or held back, and how many were refused."""

    waiting: int
    hidden: int
    dead: int


@dataclass(frozen=True, slots=True)
class DeadLetter:
    """A message that was refused, and why."""

    body: str
    reason: str


class LocalStack:
    """A running deployment. `outputs` are those of template.yaml, `root` may do everything in its account."""

    def __init__(
        self,
        directory: Path,
        emulator: Emulator,
        simulator: Simulator,
        *,
        client_secret: str,
    ) -> None:
        """Take over what `run_stack` started, nothing deployed yet; files may be written to `directory`."""
        self._directory = directory
        self.emulator = emulator
        self.simulator = simulator
        self.servicenow_authority_file = directory / "servicenow-authority.pem"
        self.servicenow_authority_file.write_text(simulator.ca_pem, encoding="ascii")
        self.outputs: dict[str, str] = {}
        self.root: Clients = emulator.root
        self._client_secret = client_secret
        self._is_listening = False

    @property
    def api_url(self) -> str:
        """The address of the API: the emulator serves each under a name of its own."""
        deployed, emulator = urlsplit(self.outputs["ApiUrl"]), urlsplit(self.emulator.endpoint.url)
        api_id = (deployed.hostname or "").partition(".")[0]
        return f"https://{api_id}.execute-api.localhost:{emulator.port}{deployed.path}"

    def deploy(self, template: Path = sam.TEMPLATE, doors: Mapping[str, str] = _DOORS, /, **changes: str) -> None:
        """Deploy `template`, which is what was built last unless it is given.

        `changes` are parameters with other values than the local stack's, `doors` those that let somebody in.
        """
        parameters = {
            "Architecture": sam.this_architecture(),
            "InstanceHost": self.simulator.host,
            "CertificateAuthorities": self.simulator.ca_pem.strip().replace("\n", "\\n"),
            "ApiSwaggerUi": "true",
            **doors,
            **changes,
        }
        endpoint, identity = self.emulator.endpoint, self.emulator.root_identity
        sam.deploy(self._directory, endpoint, identity, stack_name=STACK_NAME, parameters=parameters, template=template)
        (stack,) = self.root.cloudformation.describe_stacks(StackName=STACK_NAME)["Stacks"]
        self.outputs = {output["OutputKey"]: output["OutputValue"] for output in stack["Outputs"]}

    def store_credentials(self, client_secret: str | None = None) -> None:
        """Put the client credentials into Secrets Manager; another client secret than before is remembered."""
        self._client_secret = client_secret or self._client_secret
        value = {"client_id": CLIENT_ID, "client_secret": self._client_secret}
        self.root.secrets.put_secret_value(SecretId=self.outputs["SecretArn"], SecretString=json.dumps(value))

    def store_webhook_secret(self, *sources: str) -> str:
        """Put one new secret for these sources into Secrets Manager, a bearer token, and return it."""
        entry = {"way": "bearer", "current": secrets.token_urlsafe(24)}
        value = json.dumps(dict.fromkeys(sources, entry))
        self.root.secrets.put_secret_value(SecretId=self.outputs["WebhookSecretArn"], SecretString=value)
        return entry["current"]

    def put_alarm(self, state: str, *, name: str, severity: str = "") -> dict[str, Any]:
        """Put the event of a metric alarm that goes into `state` now, and return it; see `alarm_event`."""
        event = alarm_event(state, name=name, severity=severity)
        put_event(self.root, event)
        return event

    def put_finding(self) -> dict[str, Any]:
        """Put the event of a new Security Hub finding on the bus, and return it."""
        event = finding_event()
        put_event(self.root, event)
        return event

    def look(self) -> None:
        """Let the watch look at ServiceNow, as its schedule would. Raises LocalStackError if it can't."""
        answer = self.root.functions.invoke(FunctionName=self.outputs["WatchFunctionName"], Payload=b"{}")
        if "FunctionError" in answer:
            raise LocalStackError("The watch could not look at ServiceNow.", answer["Payload"].read().decode())

    def record_changes(self) -> list[dict[str, Any]]:
        """Take what the watch told since the last call; the first one begins to listen."""
        if not self._is_listening:
            listen(self.root, SOURCE, "console")
            self._is_listening = True
        return heard(self.root, "console")

    def unfinished_messages(self) -> int:
        """Return how many messages are in the event queue: waiting, being handled, or held back."""
        return sum(self._counts("QueueUrl"))

    def queue_depth(self) -> QueueDepth:
        """Return how full the event queue and the dead-letter queue are."""
        waiting, hidden, delayed = self._counts("QueueUrl")
        return QueueDepth(waiting, hidden + delayed, sum(self._counts("DeadLetterQueueUrl")))

    def undelivered_messages(self) -> int:
        """Return how many events the bus could not put into the event queue."""
        return sum(self._counts("EventDeadLetterQueueUrl"))

    def wait_until_handled(self, timeout: float = 30.0) -> None:
        """Wait until the event queue is empty. Raises LocalStackError after `timeout` seconds."""
        self.wait_until(lambda: self.unfinished_messages() == 0, "The events were not handled", timeout)

    def wait_until(self, condition: Callable[[], bool], failure: str, timeout: float = 30.0) -> None:
        """Wait for a condition. Raises LocalStackError that begins with `failure` after `timeout` seconds."""
        deadline = time.monotonic() + timeout
        while not condition():
            if time.monotonic() > deadline:
                raise LocalStackError(f"{failure} within {timeout:.0f} s.")
            time.sleep(_POLL_INTERVAL)

    def peek_dead_letters(self) -> list[DeadLetter]:
        """Return up to ten messages of the dead-letter queue and leave them there."""
        return [letter for letter, _ in self._receive_dead_letters(VisibilityTimeout=0)]

    def dead_letters(self) -> list[DeadLetter]:
        """Take all messages out of the dead-letter queue."""
        letters: list[DeadLetter] = []
        while received := self._receive_dead_letters():
            for letter, receipt in received:
                letters.append(letter)
                self.root.queues.delete_message(QueueUrl=self.outputs["DeadLetterQueueUrl"], ReceiptHandle=receipt)
        return letters

    def function_log(self, lines: int = 25) -> str:
        """Return the last lines of the function's log, and of the emulator's: why it did not start stands there."""
        try:
            events = self.root.logs.filter_log_events(logGroupName=self.outputs["EventsLogGroupName"])["events"]
        except (BotoCoreError, ClientError):
            events = []
        written = readable(event["message"] for event in events)
        return f"{tail(written, lines)}\n{self.emulator.log_tail()}"

    def _counts(self, output: str) -> tuple[int, int, int]:
        answer = self.root.queues.get_queue_attributes(QueueUrl=self.outputs[output], AttributeNames=_COUNTS)
        waiting, hidden, delayed = (int(answer["Attributes"][name]) for name in _COUNTS)
        return waiting, hidden, delayed

    def _receive_dead_letters(self, **options: int) -> list[tuple[DeadLetter, str]]:
        """Receive up to ten messages, each with its receipt handle."""
        answer = self.root.queues.receive_message(
            QueueUrl=self.outputs["DeadLetterQueueUrl"],
            MaxNumberOfMessages=10,
            MessageAttributeNames=["All"],
            WaitTimeSeconds=0,
            **options,  # type: ignore[arg-type]
        )
        received: list[tuple[DeadLetter, str]] = []
        for message in answer.get("Messages", []):
            attributes = message.get("MessageAttributes")
            reason = attributes["Reason"]["StringValue"] if attributes else ""
            received.append((DeadLetter(message["Body"], reason), message["ReceiptHandle"]))
        return received


@contextmanager
def run_stack(
    terminal: Terminal | None = None,
    *,
    parameters: Mapping[str, str] | None = None,
    deploys: bool = True,
    **simulator_options: Any,  # noqa: ANN401 (the simulator's own)
) -> Iterator[LocalStack]:
    """Start everything and deploy; behind `with` nothing of it is left, neither processes nor files.

    The client credentials are not stored yet. Steps are shown on `terminal`, if there is one; `parameters` are the
    stack's, other keyword arguments go to the simulator. With `deploys` False the package is built and that is all.
    Raises LocalStackError; if something fails inside the block, it holds the end of the function's log.
    """
    running = ExitStack()

    def step(title: str) -> AbstractContextManager[object]:
        return terminal.step(title) if terminal else nullcontext()

    try:
        stack = _start(running, step, simulator_options, (parameters or {}) if deploys else None)
        with _explained_by_log(stack):
            yield stack
    finally:
        with uninterrupted(), step("Stop everything and remove its files"):
            running.close()


def _start(
    running: ExitStack,
    step: Callable[[str], AbstractContextManager[object]],
    simulator_options: dict[str, Any],
    parameters: Mapping[str, str] | None,
) -> LocalStack:
    """Start, build, and deploy with these parameters; with None nothing is deployed."""
    directory = Path(running.enter_context(tempfile.TemporaryDirectory(prefix=f"{STACK_NAME}-")))
    client_secret = new_client_secret()
    with sam.exclusive_build_directory(), sam.start_build(directory) as build:
        # The build takes the longest, so the servers start beside it.
        with step("Start the AWS emulator and the ServiceNow simulator"):
            options = {"client_id": CLIENT_ID, "client_secret": client_secret, **simulator_options}
            simulator = running.enter_context(Simulator(**options))
            emulator = running.enter_context(Emulator(directory))
            emulator.root.create_bucket(sam.BUCKET)
            emulator.root.client("sns").create_topic(Name=TOPIC.rpartition(":")[2])
        with step("Build the deployment package (sam build)"):
            build.finish(_BUILD_TIMEOUT)
        stack = LocalStack(directory, emulator, simulator, client_secret=client_secret)
        if parameters is not None:
            with step("Deploy template.yaml (sam deploy)"):
                stack.deploy(**parameters)
    return stack


@contextmanager
def _explained_by_log(stack: LocalStack) -> Iterator[None]:
    try:
        yield
    except LocalStackError as error:
        raise LocalStackError(error.reason, error.detail or stack.function_log()) from error
    except (BotoCoreError, ClientError) as error:
        raise LocalStackError(f"A call to the local AWS failed: {error}", stack.function_log()) from error
