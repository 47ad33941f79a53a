"""A desk over memory, and the people around it."""

from copy import replace
from dataclasses import dataclass, field

import pytest

from common.clock import Deadline
from common.errors import BridgeError
from common.incidents.alert import Policy
from common.incidents.desk import Desk
from common.incidents.item import Item
from common.incidents.ledger import Ledger
from common.incidents.work import Applied
from tests.support.clock import FakeClock
from tests.support.ledger import InMemoryDynamoDB
from tests.support.problems import PROBLEM, fold
from tests.support.records import InMemoryRecords
from tests.support.reports import Reports
from tests.support.world import KEY


@dataclass
class Office:
    """A desk over memory."""

    clock: FakeClock = field(default_factory=FakeClock)
    records: InMemoryRecords = field(default_factory=InMemoryRecords)
    reports: Reports = field(default_factory=Reports)

    def __post_init__(self) -> None:
        self.dynamodb = InMemoryDynamoDB(self.clock.now)
        self.ledger = Ledger(self.dynamodb, "ledger", clock=self.clock)  # type: ignore[arg-type] # two calls suffice
        self.desk = Desk(
            self.ledger,
            self.records,
            deployment="deployment",
            close_code="Solution provided",
            telemetry=self.reports.telemetry,
        )

    def apply(
        self, text: str, policy: Policy | None = None, *, seconds: float = 60.0, fingerprint: str = ""
    ) -> Applied:
        """Apply the fold of some alerts."""
        chosen = fold(text, policy)
        signed = replace(chosen, alerts=tuple(replace(alert, fingerprint=fingerprint) for alert in chosen.alerts))
        return self.desk.apply(signed, Deadline.after(self.clock, seconds))

    def refused(
        self, text: str, policy: Policy | None = None, *, seconds: float = 60.0, fingerprint: str = ""
    ) -> BridgeError:
        """Return the error that applying some alerts ends with."""
        with pytest.raises(BridgeError) as caught:
            self.apply(text, policy, seconds=seconds, fingerprint=fingerprint)
        return caught.value

    def person(self, state: str) -> None:
        """Let a person set the state of the newest record."""
        rows = self.records.rows
        changed = (*rows[:-1], replace(rows[-1], state=state))
        self.records.instance = replace(self.records.instance, rows=changed)

    def delete(self) -> None:
        """Let a person delete the newest record."""
        self.records.instance = replace(self.records.instance, rows=self.records.rows[:-1])

    def item(self) -> Item:
        """Return what the ledger holds."""
        return self.ledger.read(PROBLEM, dedup_key=KEY, table="incident")

    def states(self) -> list[str]:
        """Return the states of the records, oldest first."""
        return [row.state for row in self.records.rows]
