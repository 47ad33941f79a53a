"""A service counter: a desk over moto's DynamoDB and the simulated instance, reached over TLS, and its visitors."""

import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from copy import replace
from dataclasses import dataclass
from email.utils import formatdate
from typing import Any, cast

from mypy_boto3_dynamodb.client import DynamoDBClient

from common.clock import Deadline
from common.errors import BridgeError
from common.incidents.alert import Alert, Fold, Policy
from common.incidents.changes import READ_FIELDS
from common.incidents.desk import Desk
from common.incidents.item import Item, problem_of
from common.incidents.ledger import Ledger
from common.incidents.work import Applied
from common.oauth.credentials import ClientCredentials
from common.oauth.endpoint import TokenEndpoint
from common.oauth.source import TokenSource
from common.servicenow.client import ServiceNowClient
from common.servicenow.records import Records
from common.transport import Transport
from local.simulator import Simulator
from tests.support.aws import kms_signer
from tests.support.clock import FakeClock
from tests.support.oauth import SecretBox, Shelf
from tests.support.reports import Reports
from tests.support.world import KEY, alerts

SECRET = "s3cr3t+~[#,value"
TABLE = "ledger"


class OneAtATime:
    """A boto3 client for several threads: moto's conditional writes hold only behind one lock."""

    def __init__(self, client: DynamoDBClient) -> None:
        """Call `client`."""
        self._client = client
        self._lock = threading.Lock()

    def __getattr__(self, name: str) -> Callable[..., Any]:
        """Return an operation that waits for its turn."""
        operation = getattr(self._client, name)

        def call(**arguments: object) -> object:
            with self._lock:
                return operation(**arguments)

        return call


@contextmanager
def telling_time(client: DynamoDBClient, clock: FakeClock) -> Iterator[None]:
    """Let the `Date` of every answer of DynamoDB be that of `clock`."""

    def set_date(parsed: dict[str, Any], **_: object) -> None:
        parsed["ResponseMetadata"]["HTTPHeaders"]["date"] = formatdate(clock.now(), usegmt=True)

    client.meta.events.register("after-call.dynamodb", set_date)
    try:
        yield
    finally:
        client.meta.events.unregister("after-call.dynamodb", set_date)


@dataclass
class Counter:
    """One environment of the function. `clock` is everybody's; what passes on the network takes no time on it."""

    simulator: Simulator
    dynamodb: DynamoDBClient
    clock: FakeClock

    def __post_init__(self) -> None:
        self.reports = Reports()
        self.transport = Transport(self.simulator.host, clock=self.clock, certificate_authorities=self.simulator.ca_pem)
        telemetry = self.reports.telemetry
        tokens = TokenSource(
            credentials=SecretBox(ClientCredentials("bridge", SECRET, "1")),
            store=Shelf(),
            endpoint=TokenEndpoint(
                self.transport, signer=kms_signer(), clock=self.clock, telemetry=telemetry, path="/oauth_token.do"
            ),
            clock=self.clock,
            telemetry=telemetry,
        )
        self.client = ServiceNowClient(self.transport, tokens, clock=self.clock, telemetry=telemetry)
        self.ledger = Ledger(cast("DynamoDBClient", OneAtATime(self.dynamodb)), TABLE, clock=self.clock)
        self.desk = Desk(
            self.ledger,
            Records(self.client, READ_FIELDS),
            deployment="deployment",
            close_code="Solution provided",
            telemetry=telemetry,
        )

    def deadline(self) -> Deadline:
        """Return the end of a function that begins now."""
        return Deadline.after(self.clock, 60)

    def apply(self, text: str, policy: Policy | None = None, *, key: str = KEY) -> Applied:
        """Apply the fold of some alerts."""
        return self.apply_alerts([replace(alert, key=key) for alert in alerts(text, policy)])

    def apply_alerts(self, chosen: list[Alert]) -> Applied:
        """Apply a fold."""
        return self.desk.apply(Fold.of(chosen), self.deadline())

    def error(self, text: str, policy: Policy | None = None) -> BridgeError:
        """Return the error that applying some alerts ends with."""
        try:
            self.apply(text, policy)
        except BridgeError as error:
            return error
        message = "nothing was raised"
        raise AssertionError(message)

    def item(self) -> Item:
        """Return what the ledger holds."""
        return self.ledger.read(problem_of("deployment", KEY), dedup_key=KEY, table="incident")

    def incidents(self) -> list[dict[str, str]]:
        """Return the incidents, oldest first."""
        return list(self.simulator.records("incident"))

    def states(self) -> list[str]:
        """Return the states of the incidents, oldest first."""
        return [incident["state"] for incident in self.incidents()]

    def notes(self) -> list[str]:
        """Return the work notes of all incidents."""
        return [note for row in self.incidents() for note in self.simulator.journal(row["sys_id"], "work_notes")]

    def calls(self) -> list[str]:
        """Return the methods of all requests to the API, oldest first."""
        return [call.method for call in self.simulator.calls if call.path.startswith("/api/")]

    def delete(self, sys_id: str) -> None:
        """Delete an incident."""
        self.client.call("DELETE", f"/api/now/table/incident/{sys_id}", deadline=self.deadline())
