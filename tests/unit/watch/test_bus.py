"""What is put on the bus in one call, and what a shadow says instead."""

import json
from datetime import UTC, datetime

from common.actions.change import change_in
from common.actions.follower import would_do
from common.watch.bus import EventBus, ShadowBus
from common.watch.event import Told
from tests.support.changes import DEPLOYMENT, AwsService, message_of
from tests.support.clock import FakeClock
from tests.support.rules import SHIPPED
from tests.support.telemetry import readable_telemetry

AT = datetime(2026, 11, 23, tzinfo=UTC)


def test_events_that_are_large_are_put_in_several_calls() -> None:
    """One call may have 256 KB; a record may stand for a hundred findings."""
    telemetry, _ = readable_telemetry()
    events = AwsService("events", put_events=lambda asked: {"Entries": [{"EventId": "1"} for _ in asked["Entries"]]})
    bus = EventBus(events, "default", source="servicenow-bridge.test", clock=FakeClock(), telemetry=telemetry)  # type: ignore[arg-type]

    taken = bus.put([Told({"objects": "x" * 60_000}, AT) for _ in range(10)])

    sizes = [sum(len(entry["Detail"]) for entry in asked["Entries"]) for _, asked in events.calls]
    assert taken == [True] * 10
    assert max(sizes) < 256_000
    assert sum(len(asked["Entries"]) for _, asked in events.calls) == 10


def test_a_shadow_says_what_would_follow() -> None:
    """Beside what would be told; nothing is set."""
    telemetry, log = readable_telemetry()
    change = change_in(message_of("2", "6", close_code="Duplicate"), deployment=DEPLOYMENT)
    bus = ShadowBus(telemetry, lambda _: would_do(change, SHIPPED, {"securityhub"}))

    bus.put([Told(change.event["detail"], AT)])

    lines = [json.loads(line) for line in log.getvalue().splitlines()]
    assert lines[-1]["would"] == "securityhub: SUPPRESSED for 1 objects in account 111122223333, Region eu-central-1"
    assert telemetry.counts()["ShadowActions"] == 1
