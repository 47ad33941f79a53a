"""Every metric that an alarm or the dashboard shows is one that the bridge, or AWS, writes with those dimensions."""

import json
import time
from base64 import urlsafe_b64encode
from collections import defaultdict
from collections.abc import Callable, Iterator
from contextlib import contextmanager, redirect_stdout
from dataclasses import replace
from datetime import UTC, datetime
from io import StringIO
from socket import gaierror
from typing import Any
from unittest.mock import patch

import pytest
from botocore.client import BaseClient
from botocore.exceptions import ClientError

from common.actions.securityhub import SecurityHub
from common.bridge.actions import build_actions
from common.bridge.events import build_bridge
from common.bridge.follow_up import build_follow_ups
from common.bridge.watch import build_watch
from common.clock import Deadline
from common.context.tags import TagLookup, Tags
from common.errors import BridgeError, ConfigurationError, TransientError
from common.incidents.item import deployment_prefix
from common.incidents.windows import Quiet
from common.queue import Message
from common.telemetry import NAMESPACE
from local.certificates import create_authority, issue_client
from local.simulator import Fault, Simulator
from local.yaml_text import read_yaml
from tests.integration.api.conftest import Running, running_api
from tests.integration.api.gateway import BOB
from tests.integration.gate.conftest import running_gate
from tests.integration.gate.test_callers import asked
from tests.support.alarms import TEMPLATE, alarms
from tests.support.changes import DEPLOYMENT, FINDING, message_of
from tests.support.clock import FakeClock
from tests.support.context import event, request
from tests.support.deployment import ACCOUNT, REGION, SECRET
from tests.support.function import Account, Handler, account
from tests.support.metrics import reported_metrics

DAY = 86_400.0

RULES = """
[[rule]]
name = "disk"
source = "my.disks"
detail_type = "Disk"
key = ["detail.disk"]
firing = "detail.state == 'full'"
resolved = "detail.state == 'fine'"
policy = { on_repeat = "note" }
fields = { short_description = "{{ detail.disk }}" }

[[override]]
fields = { assignment_group = "Nobody" }

[[override]]
match = "detail.disk == 'noise'"
drop = true

[[override]]
match = "detail.disk == 'spike'"
hold = "2m"

[[override]]
match = "starts_with(detail.disk, 'storm') || starts_with(detail.disk, 'gale')"
storm = { more_than = 1, within = "1h", by = ["detail.disk.split(@, '-')[0]"] }

[[override]]
match = "starts_with(detail.disk, 'array')"
covers = ["detail.disk == 'covered'"]

""" + "".join(
    f"""
[[window]]
name = "{quiet}"
match = "detail.disk == '{quiet}'"
quiet = "{quiet}"
from = 2030-03-17T00:00:00Z
until = 2030-03-20T00:00:00Z
"""
    for quiet in Quiet
)

OWNED = """
[[rule]]
name = "disk"
source = "aws.disks"
detail_type = "Disk"
key = ["detail.disk"]
firing = "`true`"
fields = { short_description = "{{ detail.disk }} of {{ tags.team || 'nobody' }}" }
"""

# AWS's own, with the dimensions that each has: the guides of SQS ("Available CloudWatch metrics"), Lambda ("Types of
# metrics"), API Gateway ("API Gateway dimensions and metrics") and EventBridge ("Monitoring Amazon EventBridge").
DOCUMENTED = {
    "AWS/SQS": {
        "dimensions": [{"QueueName"}],
        "metrics": {
            "ApproximateAgeOfOldestMessage",
            "ApproximateNumberOfMessagesNotVisible",
            "ApproximateNumberOfMessagesVisible",
        },
    },
    "AWS/Lambda": {"dimensions": [{"FunctionName"}], "metrics": {"Duration", "Errors", "Throttles"}},
    "AWS/ApiGateway": {"dimensions": [{"ApiName"}], "metrics": {"4XXError", "5XXError", "Latency"}},
    # What a metric filter of the template makes: no dimension can have a fixed value.
    "{'Fn::Sub': 'ServiceNowBridge/${AWS::StackName}'}": {"dimensions": [set()], "metrics": {"DeniedReads"}},
    "AWS/Events": {
        "dimensions": [{"RuleName"}, {"EventBusName", "RuleName"}],
        "metrics": {"FailedInvocations", "InvocationsFailedToBeSentToDlq"},
    },
}

SHOWN_BY_A_WEBHOOK = "b" * 32

pytestmark = pytest.mark.no_cover  # every line is covered elsewhere

type Written = dict[str, set[tuple[str, ...]]]


def of_a_disk(source: str, at: float, **more: Any) -> str:  # noqa: ANN401 (any JSON value)
    """Return the event of a disk at a time in seconds since the epoch, as JSON."""
    event = {
        "source": source,
        "detail-type": "Disk",
        "account": ACCOUNT,
        "region": REGION,
        "time": datetime.fromtimestamp(at, UTC).isoformat(),
    }
    return json.dumps(event | more)


@contextmanager
def ending(function: Any) -> Iterator[Any]:  # noqa: ANN401 (the parts of any function)
    """Provide a function that writes its metrics in the end, as its handler does."""
    yield function
    function.telemetry.flush()
    function.transport.close()


class Story:
    """Everything that can happen to events, one after the other, at the real handler."""

    def __init__(self, aws: Account) -> None:
        self.aws, self.servicenow, self.clock = aws, aws.servicenow, aws.clock
        self.handler: Handler = aws.environment()

    def send(self, disk: str, *, full: bool = True, detail_type: str = "Disk", **changes: Any) -> None:  # noqa: ANN401
        """Hand over one event, a minute after the one before."""
        self.clock.advance(60)
        known = {"detail-type": detail_type, "detail": {"disk": disk, "state": "full" if full else "fine"}}
        self.aws.put(of_a_disk("my.disks", self.clock.now(), **(known | changes)))
        self.aws.poll(self.handler)

    def happen(self) -> None:
        """Let it all happen."""
        self.life_of_a_problem()
        self.what_servicenow_does()
        self.what_aws_does()
        self.what_is_quiet()
        self.what_waits()

    def life_of_a_problem(self) -> None:
        """Opened, noted, resolved, opened again; healed, dropped, unknown, refused; seen by who only looks on."""
        self.send("a")
        self.send("a")
        self.send("a", full=False)
        self.send("a")
        self.send("noise")
        self.send("spike")
        self.send("spike", full=False)
        self.clock.advance(120)
        self.aws.poll(self.handler)
        self.send("odd", detail={"disk": "odd", "state": "neither"})
        self.send("unknown", detail_type="Unknown")
        self.send("wrong", detail=None)
        environment = {**self.aws.stack.environment, "SHADOW_MODE": "true", "DEPLOYMENT": "looks-on"}
        self.handler = replace(self.aws, stack=replace(self.aws.stack, environment=environment)).environment()
        self.send("shadow")
        self.send("shadow")
        self.send("shadow", full=False)
        self.handler = self.aws.environment()

    def what_servicenow_does(self) -> None:
        """It refuses tokens and fields, limits, hangs, cuts off, shows several records, and is away."""
        self.servicenow.configure(denied_fields=("incident.correlation_display", "incident.correlation_id"))
        self.send("discarded")
        self.servicenow.configure(denied_fields=("incident.short_description",))
        self.send("ignored")
        self.servicenow.configure(denied_fields=())
        self.servicenow.add_fault(Fault(on="api", status=401, times=1))
        self.send("rejected")
        self.handler = self.aws.environment()
        with patch("socket.getaddrinfo", side_effect=gaierror):
            self.send("unreachable")
        self.servicenow.add_fault(Fault(on="api", status=429, times=1, headers={"Retry-After": "600"}))
        self.send("limited")
        self.servicenow.add_fault(Fault(on="api", connection="close", times=1))
        self.send("unanswered")
        self.servicenow.add_fault(Fault(on="token", status=503, times=None))
        self.clock.advance(1380)  # the token is stale, and not expired yet
        self.send("renewal")
        self.servicenow.clear_faults()
        stranger = self.servicenow.insert("incident", {"short_description": "stranger", "correlation_id": "other"})
        self.servicenow.add_fault(Fault(method="POST", connection="close", times=1))
        self.send("conflict")
        row: Any = {"sys_id": stranger, "number": "INC1", "state": "1", "correlation_id": "other"}
        self.servicenow.add_fault(Fault(method="GET", table="incident", times=None, body={"result": [row]}))
        self.clock.advance(300)
        self.aws.poll(self.handler)
        self.servicenow.clear_faults()
        self.servicenow.add_fault(Fault(on="api", status=503, times=None))
        for number in range(8):
            self.send(f"down-{number}")
        self.servicenow.clear_faults()

    def what_aws_does(self) -> None:
        """It refuses to hide a message, or to give out the token."""
        refused = ClientError({"Error": {"Code": "AccessDenied", "Message": ""}}, "any")
        with patch.object(self.aws.queue, "change_message_visibility", side_effect=refused):
            self.servicenow.add_fault(Fault(on="api", status=503, times=None))
            self.send("never hidden")
            self.servicenow.clear_faults()
        handler = self.handler
        self.handler = self.aws.environment()
        with patch.object(self.parameters(), "get_parameter", side_effect=refused):
            self.send("no shared token")
        self.aws.stack.put_credentials("bridge", "wrong")
        self.handler = self.aws.environment()
        with patch.object(self.parameters(), "get_parameter", side_effect=refused):
            self.send("refused")
        self.aws.stack.put_credentials("bridge", SECRET)
        self.handler = handler
        with patch.object(self.aws.table, "get_item", side_effect=KeyError):
            self.send("a defect")

    def what_is_quiet(self) -> None:
        """In windows; what another problem covers; and storms, whose first problems become children, or can't."""
        for quiet in Quiet:
            self.send(quiet)
        for storm in ("storm", "gale"):
            self.send(f"{storm}-1")
            self.send(f"{storm}-2")
            if storm == "gale":
                self.servicenow.add_fault(Fault(method="PATCH", status=400, times=1))
            self.clock.advance(60)
            self.aws.poll(self.handler)
        self.servicenow.clear_faults()
        self.send("array")
        self.send("array-large", detail={"disk": "array-large", "state": "full", "more": "x" * 9000})
        self.send("covered")

    def parameters(self) -> Any:  # noqa: ANN401 (a boto3 client)
        """Return the newest environment's client of Parameter Store."""
        store: Any = self.aws.bridges[-1].tokens._store
        return store._ssm

    def what_waits(self) -> None:
        """For five days and more, held in the end."""
        self.aws.stack.put_credentials("bridge", "")
        self.handler = self.aws.environment()
        self.servicenow.add_fault(Fault(on="any", status=503, times=None))
        self.clock.advance(6 * DAY)
        while self.aws.poll(self.handler):
            pass


def callers_come(running: Running) -> None:
    """Let callers of every class come, too often, while the ledger is away, and while only the next secret is good."""
    running.api.call("GET", "/tables/sys_user/records")
    running.api.call("GET", "/health")
    for owner in (ACCOUNT, "999999999999"):
        running.api.call("GET", "/health", caller=f"arn:aws:sts::{owner}:assumed-role/x/i-1")
    other = {"authorizer": {"principalId": "x"}, "identity": {}, "accountId": ACCOUNT}
    running.api.call("GET", "/health", changes={"requestContext": other})
    running.stack.put_webhook_secrets(shop={"way": "bearer", "current": SHOWN_BY_A_WEBHOOK})
    shown = {"Authorization": f"Bearer {SHOWN_BY_A_WEBHOOK}"}
    running.api.call("POST", "/webhooks/shop", {}, headers=shown, caller=None)
    pairs = {
        name: {"client_id": "bridge", "client_secret": secret} for name, secret in (("current", "x"), ("next", SECRET))
    }
    clients = running.stack.clients
    clients["secretsmanager"].put_secret_value(SecretId=running.stack.secret_id, SecretString=json.dumps(pairs))
    running.api.call("GET", "/incidents", caller=BOB)
    clients["dynamodb"].delete_table(TableName="ledger")
    running.api.call("GET", "/health", caller=f"{BOB}by")


def alerts_are_refused(running: Running) -> None:
    """Let a sender leave alerts out and send one that nobody understands; first a token comes that has ended.

    The client certificate ends soon.
    """
    signed = ".".join(urlsafe_b64encode(part).decode().rstrip("=") for part in (b'{"alg":"RS256"}', b'{"exp":1}', b"-"))
    ended: Any = {"access_token": signed, "token_type": "Bearer", "expires_in": 1800}
    running.servicenow.add_fault(Fault(on="token", times=1, body=ended))
    shown = issue_client(create_authority())
    secret = {"client_id": "bridge", "client_secret": SECRET}
    text = json.dumps(secret | {"certificate": shown.certificate_pem, "private_key": shown.key_pem})
    running.stack.clients["secretsmanager"].put_secret_value(SecretId=running.stack.secret_id, SecretString=text)
    running.api.call("GET", "/incidents", caller=BOB)
    running.api.call("POST", "/alerts", {"alerts": [{}], "version": "4", "truncatedAlerts": 7}, caller=BOB)


def somebody_looks_on(running: Running) -> None:
    """Let the watch see a record of the deployment, tell it, see that it is away, and only look on in shadow mode."""
    for shadow in ("false", "true"):
        told = {"SHADOW_MODE": shadow, "EVENT_SOURCE": "servicenow-bridge.test"}
        with ending(build_watch({**running.stack.environment, **told})) as watch:
            watch.watcher.run(Deadline.after(watch.clock, 60))
            correlation = f"{deployment_prefix(running.stack.environment['DEPLOYMENT'])}{shadow:0<24}-{'0' * 16}"
            running.servicenow.insert("incident", {"short_description": "ours", "correlation_id": correlation})
            watch.watcher.run(Deadline.after(watch.clock, 60))
            running.servicenow.add_fault(Fault(on="api", status=503, times=None))
            with pytest.raises(BridgeError):
                watch.watcher.run(Deadline.after(watch.clock, 60))
            running.servicenow.clear_faults()


def something_is_looked_up(running: Running) -> None:
    """Let tags be denied and found later, or never; of resources two have no item, or two, or no table."""
    resources = {"late": f"arn:aws:ec2:{REGION}:{ACCOUNT}:instance/i-0aaaaaaaaaaaaaaa0", "never": "arn:aws:s3:::photos"}
    bodies = {
        disk: of_a_disk("aws.disks", time.time(), detail={"disk": disk}, id=disk, resources=[resource])
        for disk, resource in resources.items()
    }
    looks_up = {"LOOK_UPS": "resources,true", "AWS_REGION": REGION}
    denied = ClientError({"Error": {"Code": "AccessDenied", "Message": "no"}}, "GetResources")
    with ending(build_bridge({**running.stack.environment, **looks_up})) as bridge:

        def happens(disk: str, receives: int, seconds: float = 0.0) -> None:
            message = Message(disk, "receipt", bodies[disk], receives, bridge.clock.now() - seconds)
            bridge.intake.process([message], Deadline.after(bridge.clock, 60))

        with patch.object(TagLookup, "ask", side_effect=denied):
            happens("late", 1)
            happens("never", 1)
            happens("never", 2, 7200)
        with patch.object(TagLookup, "of", return_value=Tags({"team": "web"})):
            happens("late", 2)


def something_is_added(running: Running) -> None:
    """Let what is added be asked for at a queue that is gone, of an alarm that is gone, and of more than a minute's."""
    adds = {"FOLLOW_UPS": "graph", "FOLLOW_UPS_PER_MINUTE": "1", "OWN_PLACE": f"aws/111122223333/{REGION}"}
    gone = {"FOLLOW_UP_QUEUE_URL": f"{running.stack.queue_url}-gone"}
    alarm = event("cloudwatch-alarm-metric-alarm")
    with ending(build_bridge({**running.stack.environment, **adds, **gone})) as bridge:
        bridge.intake.process([Message("1", "receipt", json.dumps(alarm), 1)], Deadline.after(bridge.clock, 60))
        bridge.follow_ups.send()
    with ending(build_follow_ups({**running.stack.environment, **adds})) as function:
        messages = [Message(name, "", request(alarm, sys_id=name * 32).body(), 1) for name in "12"]
        function.runner.run(messages, Deadline.after(function.clock, 300))


def _instead(operation: str, answers: list[dict[str, Any]]) -> Callable[..., Any]:
    """Return what stands for every call of AWS: calls of `operation` get these answers, others moto's."""
    call = BaseClient._make_api_call  # type: ignore[attr-defined]  # every call goes through it

    def answered(client: BaseClient, name: str, arguments: dict[str, Any]) -> Any:  # noqa: ANN401 (an answer of AWS)
        return answers.pop(0) if name == operation else call(client, name, arguments)

    return answered


def aws_follows(running: Running) -> None:
    """Let a finding follow at once, later, and once a right is given; one is unknown, and one message no change."""
    own = {"RECORD_ACTIONS": "securityhub", "OWN_PLACE": f"aws/{ACCOUNT}/{REGION}", "DEPLOYMENT": DEPLOYMENT}
    actions = build_actions({**running.stack.environment, **own})
    postponed, held = TransientError("Throttled.", action="None."), ConfigurationError("Denied.", action="Allow it.")
    bodies = [message_of("2", "6", sys_id=f"{number:032x}") for number in range(3)]
    bodies += [message_of("2", "6", sys_id="f" * 32, objects=()), "no change"]
    with patch.object(SecurityHub, "perform", side_effect=[None, postponed, held]):
        for body in bodies:
            message = Message(body[:8], "receipt", body, 1, actions.clock.now())
            actions.inbox.process([message], Deadline.after(actions.clock, 60))
    left = {"FindingIdentifier": {"Id": FINDING["id"]}, "ErrorCode": "ConcurrentUpdateError"}
    answers: list[dict[str, Any]] = [{"UnprocessedFindings": [left]}, {"UnprocessedFindings": []}]
    body = message_of("2", "6", sys_id="e" * 32, account=ACCOUNT, region=REGION)
    message = Message("last", "receipt", body, 1, actions.clock.now())
    with patch.object(BaseClient, "_make_api_call", _instead("BatchUpdateFindings", answers)):
        actions.inbox.process([message], Deadline.after(actions.clock, 60))
    actions.telemetry.flush()


def people_decide_about_changes() -> None:
    """Let two changes be asked for, one through the Table API; one is answered, and nothing waits for the other."""
    with running_gate() as gate:
        refused: Any = {"error": {"message": "User Not Authorized", "detail": ""}, "status": "failure"}
        gate.servicenow.add_fault(Fault(path="/api/sn_chg_rest/", status=403, times=1, body=refused))
        for token in ("answered", "ended"):
            sys_id = asked(gate, token, key=token)
            gate.servicenow.update("change_request", sys_id, {"state": "-2", "approval": "approved"})
        gate.waiters.tasks["ended"] = {}
        gate.settle()


def nobody_tells_what_is_quiet(running: Running) -> None:
    """Let neither windows of callers nor changes be read."""
    quiet = {"API_WINDOWS": "account/24", "CHANGE_WINDOWS": "true"}
    running.stack.clients["dynamodb"].delete_table(TableName="ledger")
    with ending(build_bridge({**running.stack.environment, **quiet, "AWS_REGION": REGION})) as bridge:
        now = bridge.clock.now()
        message = Message("1", "receipt", of_a_disk("aws.disks", now, detail={"disk": "any"}, id="1"), 1, now)
        bridge.intake.process([message], Deadline.after(bridge.clock, 60))


@pytest.fixture(scope="module")
def written(tmp_path_factory: pytest.TempPathFactory) -> Written:
    """Return the metrics in the EMF documents of the events and API functions, each with its sets of dimensions."""
    rules = tmp_path_factory.mktemp("rules")
    (rules / "disks.toml").write_text(RULES)
    clock = FakeClock()
    output = StringIO()
    with (
        Simulator(client_secret=SECRET, seed=1, now=clock.now) as servicenow,
        patch("common.bridge.events.RULES", rules),
        redirect_stdout(output),
        account(clock, servicenow, SECRET) as aws,
    ):
        Story(aws).happen()
    with redirect_stdout(output), running_api({"API_REQUESTS_PER_CALLER": "1", "WEBHOOK_SOURCES": "shop"}) as running:
        callers_come(running)
    with redirect_stdout(output), running_api({}) as running:
        alerts_are_refused(running)
        somebody_looks_on(running)
        something_is_added(running)
        aws_follows(running)
    with redirect_stdout(output):
        people_decide_about_changes()
    (rules / "disks.toml").write_text(OWNED)
    with redirect_stdout(output), patch("common.bridge.events.RULES", rules), running_api({}) as running:
        something_is_looked_up(running)
        nobody_tells_what_is_quiet(running)
    found: Written = defaultdict(set)
    for document in (json.loads(line) for line in output.getvalue().splitlines() if '"_aws"' in line):
        (directive,) = document["_aws"]["CloudWatchMetrics"]
        assert directive["Namespace"] == NAMESPACE
        for metric in directive["Metrics"]:
            found[metric["Name"]] |= {tuple(names) for names in directive["Dimensions"]}
    return found


def _dashboard() -> Iterator[list[str]]:
    """Yield each metric of the dashboard: namespace, name, then names and values of dimensions in turn."""
    body, parts = read_yaml(TEMPLATE.read_text())["Resources"]["Dashboard"]["Properties"]["DashboardBody"]["Fn::Sub"]
    for name in parts:
        # What a condition adds: the alarms and logs of what is off by default.
        body = body.replace(f"${{{name}}}", "")
    for widget in json.loads(body)["widgets"]:
        before: list[str] = []
        for row in widget["properties"].get("metrics", []):
            parts = [part for part in row if isinstance(part, str)]
            before = [before[index] if part == "." else part for index, part in enumerate(parts)]
            yield before


def _shown() -> Iterator[tuple[str, str, frozenset[str]]]:
    """Yield namespace, name and the names of the dimensions of everything that an alarm or a widget looks at."""
    for alarm in alarms().values():
        given = alarm.get("Dimensions", [])
        for dimensions in given["Fn::If"][1:] if isinstance(given, dict) else [given]:
            yield str(alarm["Namespace"]), alarm["MetricName"], frozenset(one["Name"] for one in dimensions)
    for namespace, name, *dimensions in _dashboard():
        yield namespace, name, frozenset(dimensions[::2])


SHOWN = frozenset(_shown())
OWN = sorted({name for namespace, name, _ in SHOWN if namespace == NAMESPACE})


@pytest.mark.parametrize("name", OWN)
def test_the_bridge_writes_what_is_shown(written: Written, name: str) -> None:
    """With the one dimension that alarm and dashboard ask for."""
    asked = {tuple(dimensions) for namespace, shown, dimensions in SHOWN if (namespace, shown) == (NAMESPACE, name)}

    assert written.get(name) == asked == {("service",)}


def test_every_metric_of_the_bridge_is_shown() -> None:
    """What nobody watches nobody counts: only what goes well, and what shadow mode would have done, needs no look.

    A record that was closed before anything was added to it goes well too, and so does a change after a newer one.
    """
    assert reported_metrics() - set(OWN) == {
        "ActionsSuperseded",
        "FollowUpsAdded",
        "FollowUpsAsked",
        "FollowUpsTooLate",
        "ShadowActions",
        "ShadowAttached",
        "TokenFromMemory",
    }


def test_every_other_metric_is_one_that_aws_documents() -> None:
    """Under the dimensions under which it is published."""
    for namespace, name, dimensions in SHOWN:
        if namespace != NAMESPACE:
            assert name in DOCUMENTED[namespace]["metrics"]
            assert dimensions in DOCUMENTED[namespace]["dimensions"]


def test_every_function_that_writes_metrics_names_the_stack() -> None:
    """The value of the dimension is what the alarms look for."""
    template = read_yaml(TEMPLATE.read_text())
    variables = template["Globals"]["Function"]["Environment"]["Variables"]

    assert variables["POWERTOOLS_SERVICE_NAME"] == {"Ref": "AWS::StackName"}
