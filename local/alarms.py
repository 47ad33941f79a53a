"""Events of alarms and of a finding, made from the samples under events/, and a command that puts an alarm's."""

import argparse
import json
from collections.abc import Sequence
from datetime import UTC, datetime
from pathlib import Path
from typing import TYPE_CHECKING, Any

from local.clients import Clients, Endpoint, Identity
from local.processes import LocalStackError

if TYPE_CHECKING:
    from mypy_boto3_events.type_defs import PutEventsRequestEntryTypeDef

STATES = ("ALARM", "OK", "INSUFFICIENT_DATA")
DEFAULT_NAME = "checkout-api p99 latency"

_EVENTS = Path(__file__).resolve().parent.parent / "events"


def alarm_event(
    state: str,
    *,
    name: str = DEFAULT_NAME,
    at: datetime | None = None,
    kind: str = "metric",
    severity: str = "",
) -> dict[str, Any]:
    """Return the event of an alarm that goes into `state` at a moment, which is now unless given.

    `kind` is `metric` or `composite`. `severity` is the value of the alarm's tag of that name. Everything but these,
    the name and the times is as in the sample.
    """
    sample = _EVENTS / f"cloudwatch-alarm-{kind}-{state.lower().replace('_', '-')}.json"
    event: dict[str, Any] = json.loads(sample.read_text(encoding="utf-8"))
    detail = event["detail"]
    shift = (at or datetime.now(UTC)) - _parsed(detail["state"]["timestamp"])
    for each in ("state", "previousState"):
        detail[each]["timestamp"] = _formatted(_parsed(detail[each]["timestamp"]) + shift)
    event["resources"] = [arn.replace(detail["alarmName"], name) for arn in event["resources"]]
    detail["alarmName"] = name
    if severity:
        detail["alarmTags"] = {"severity": severity}
    return event


def finding_event() -> dict[str, Any]:
    """Return the event of a finding of Security Hub that was updated now."""
    event: dict[str, Any] = json.loads((_EVENTS / "securityhub-finding-failed.json").read_text(encoding="utf-8"))
    event["detail"]["findings"][0]["UpdatedAt"] = _formatted(datetime.now(UTC)).replace("+0000", "Z")
    return event


def put_event(clients: Clients, event: dict[str, Any], **replaced: str) -> str:
    """Put an event on the default bus and return the id that it got there.

    The bus sets id, time, account and Region itself. `replaced` are fields of the entry, such as `Detail`,
    to put instead of the event's own. Raises LocalStackError if the bus refuses the event.
    """
    return _put(clients, [{**_entry(event), **replaced}])[0]  # type: ignore[typeddict-item]


def put_events(clients: Clients, events: Sequence[dict[str, Any]]) -> None:
    """Put up to ten events on the default bus at once. Raises LocalStackError if the bus refuses one."""
    _put(clients, [_entry(event) for event in events])


def _entry(event: dict[str, Any]) -> "PutEventsRequestEntryTypeDef":
    return {
        "Source": event["source"],
        "DetailType": event["detail-type"],
        "Resources": event["resources"],
        "Detail": json.dumps(event["detail"]),
    }


def _put(clients: Clients, entries: Sequence["PutEventsRequestEntryTypeDef"]) -> list[str]:
    ids = []
    for answer in clients.events.put_events(Entries=entries)["Entries"]:
        if "EventId" not in answer:
            reason = answer.get("ErrorMessage", "no reason given")
            raise LocalStackError(f"The event bus refused the event: {reason}.")
        ids.append(answer["EventId"])
    return ids


def _parsed(text: str) -> datetime:
    return datetime.fromisoformat(text)


def _formatted(moment: datetime) -> str:
    # CloudWatch writes milliseconds, and an offset without a colon.
    moment = moment.astimezone(UTC)
    return f"{moment:%Y-%m-%dT%H:%M:%S}.{moment.microsecond // 1000:03d}+0000"


def main(arguments: list[str] | None = None) -> None:
    """Put one alarm event on the bus of a running local stack."""
    parser = argparse.ArgumentParser(prog="python -m local.alarms", description=main.__doc__)
    parser.add_argument("state", choices=STATES)
    parser.add_argument("--name", default=DEFAULT_NAME, help="name of the alarm (default: %(default)s)")
    parser.add_argument("--endpoint", required=True, help="URL of the local AWS")
    parser.add_argument("--authority", required=True, type=Path, help="file with its certificate authority")
    parser.add_argument("--region", required=True, help="Region of the local AWS")
    parser.add_argument("--account", required=True, help="account number, which is also the access key")
    options = parser.parse_args(arguments)
    endpoint = Endpoint(options.endpoint, options.authority, options.region)
    clients = Clients(endpoint, Identity(options.account, "unused"))
    event_id = put_event(clients, alarm_event(options.state, name=options.name))
    print(f"{options.state} of {options.name!r} is on the bus, event {event_id}.")


if __name__ == "__main__":
    main()
