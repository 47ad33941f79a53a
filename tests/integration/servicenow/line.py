"""The whole way to the simulated instance: records, client, token source, endpoint and transport, over TLS."""

from dataclasses import dataclass, field
from typing import Any

from common.clock import Deadline
from common.oauth.credentials import ClientCredentials
from common.oauth.endpoint import TokenEndpoint
from common.oauth.source import TokenSource
from common.servicenow.client import ServiceNowClient
from common.servicenow.records import Record, Records
from common.transport import Transport
from local.simulator import Simulator
from tests.support.aws import kms_signer
from tests.support.clock import FakeClock
from tests.support.oauth import SecretBox, Shelf
from tests.support.reports import Reports

SECRET = "s3cr3t+~[#,value"
FIELDS = ("sys_id", "number", "state", "short_description", "correlation_id", "caller_id")
TABLE = "incident"


@dataclass
class Line:
    """One environment. Its clock is moved by hand, so that no pause takes time; sockets wait in real time."""

    simulator: Simulator
    store: Shelf = field(default_factory=Shelf)
    host: str = ""
    ca_pem: str = ""

    def __post_init__(self) -> None:
        self.clock = FakeClock()
        self.reports = Reports()
        self.transport = Transport(
            self.host or self.simulator.host,
            clock=self.clock,
            certificate_authorities=self.ca_pem or self.simulator.ca_pem,
        )
        telemetry = self.reports.telemetry
        source = TokenSource(
            credentials=SecretBox(ClientCredentials("bridge", SECRET, "1")),
            store=self.store,
            endpoint=TokenEndpoint(
                self.transport, signer=kms_signer(), clock=self.clock, telemetry=telemetry, path="/oauth_token.do"
            ),
            clock=self.clock,
            telemetry=telemetry,
        )
        self.client = ServiceNowClient(self.transport, source, clock=self.clock, telemetry=telemetry)
        self.records = Records(self.client, FIELDS)

    def deadline(self, seconds: float = 60.0) -> Deadline:
        """Return a deadline that many seconds from now."""
        return Deadline.after(self.clock, seconds)

    def create(self, seconds: float = 60.0, **fields: str) -> Record:
        """Create an incident."""
        return self.records.create(TABLE, {"short_description": "down"} | fields, self.deadline(seconds))

    def read(self, sys_id: str, seconds: float = 60.0) -> Record | None:
        """Read an incident."""
        return self.records.read(TABLE, sys_id, self.deadline(seconds))

    def update(self, sys_id: str, **fields: str) -> Record:
        """Change an incident."""
        return self.records.update(TABLE, sys_id, fields, self.deadline())

    def find(self, query: str, limit: int = 2) -> list[Record]:
        """Find incidents."""
        return self.records.find(TABLE, query, self.deadline(), limit=limit)

    def incidents(self) -> list[dict[str, Any]]:
        """Return what the instance really holds."""
        return list(self.simulator.records(TABLE))

    def api_calls(self, method: str = "") -> int:
        """Return how many requests of a method the API has seen."""
        return sum(call.path.startswith("/api/") and method in ("", call.method) for call in self.simulator.calls)
