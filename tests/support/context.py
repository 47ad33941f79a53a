"""Requests for what is added to records, and everything around the runner in memory."""

import json
from collections.abc import Mapping, Sequence
from copy import deepcopy
from pathlib import Path
from typing import Any, override

from common.accounts import Accounts, Member
from common.clock import Clock, Deadline
from common.context.aws import Services
from common.context.request import Request
from common.incidents.alert import FollowUp
from common.incidents.item import problem_of
from common.servicenow.client import Content
from common.servicenow.records import Record, Records
from tests.support.aws_service import Service

PROJECT = Path(__file__).resolve().parents[2]
SYS_ID = "1" * 32
PROBLEM = problem_of("test", "key")
BEGAN = 1_795_425_331_000
"""2026-11-23T09:15:31Z, in milliseconds since the epoch."""


def event(name: str, **detail: Any) -> dict[str, Any]:  # noqa: ANN401 (any JSON)
    """Return a sample of `events/`, with some entries of its detail changed."""
    found: dict[str, Any] = json.loads((PROJECT / "events" / f"{name}.json").read_text())
    return {**found, "detail": {**found["detail"], **detail}}


def request(
    about: Mapping[str, Any],
    *kinds: FollowUp,
    ended: int | None = None,
    order: int = BEGAN * 10 + 1,
    sys_id: str = SYS_ID,
) -> Request:
    """Return what the events function asks for after an event."""
    return Request(
        table="incident",
        sys_id=sys_id,
        number="INC0010001",
        problem=PROBLEM,
        kinds=kinds or (FollowUp.GRAPH,),
        order=order,
        began=BEGAN,
        ended=ended,
        event=deepcopy(dict(about)),
    )


def services_at(clock: Clock, **services: Service) -> Services:
    """Return a way into these services of the account of the samples, and of no other."""

    def no_sts() -> Any:  # noqa: ANN401 (never called: no role is named)
        raise AssertionError

    makers = {name: lambda client=service.client, **_: client for name, service in services.items()}
    accounts = Accounts("111122223333", "eu-west-1", Member(), no_sts, clock=clock)
    return Services(accounts, makers)


class FakeRecords(Records):
    """One record, and everything that was added to it. Each write ends with the next of `faults`, None for success."""

    def __init__(self, state: str = "1", faults: Sequence[Exception | None] = ()) -> None:
        """Start with an incident in `state`; None as its correlation id would be somebody else's."""
        self.state: str | None = state
        self.correlation_id = f"{PROBLEM}-{'0' * 16}"
        self.files: list[tuple[str, bytes]] = []
        self.notes: list[str] = []
        self.faults = list(faults)

    @override
    def read(self, table: str, sys_id: str, deadline: Deadline) -> Record | None:
        if self.state is None:
            return None
        active = "false" if self.state in ("7", "8") else "true"
        return Record(sys_id, {"state": self.state, "active": active, "correlation_id": self.correlation_id})

    @override
    def attach(self, table: str, sys_id: str, file_name: str, content: Content, deadline: Deadline) -> Record:
        self._fail()
        self.files.append((file_name, content.data))
        return Record("2" * 32)

    @override
    def update(self, table: str, sys_id: str, fields: Mapping[str, str], deadline: Deadline) -> Record:
        self._fail()
        assert set(fields) == {"work_notes"}
        self.notes.append(fields["work_notes"])
        return Record(sys_id)

    def _fail(self) -> None:
        fault = self.faults.pop(0) if self.faults else None
        if fault is not None:
            raise fault
