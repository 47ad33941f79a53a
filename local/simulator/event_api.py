"""Event Management: `POST /api/global/em/jsonv2`. Events become alerts, one alert for each message key."""

from collections.abc import Mapping
from typing import Any

from .context import Context
from .messages import Answer, ApiError, Request, decode_object, json_answer, objects_in
from .records import Row, stored_values
from .times import written

_EVENTS, _ALERTS = "em_event", "em_alert"
_KEY_FIELDS = ("source", "node", "type", "resource", "metric_name")
_REOPENED_WITHIN = 3600
_CLEAR, _CLOSED = "0", "Closed"


def handle_events(context: Context, request: Request, _version: str, _rest: list[str]) -> Answer:
    """Store events, deduplicated by the server into alerts. Without the integration's role it answers 403."""
    if request.method != "POST":
        raise ApiError(405, "Method not supported", "The endpoint takes POST")
    context.require(_EVENTS, "insert")
    records = decode_object(request.body).get("records")
    if not isinstance(records, list):
        raise ApiError(400, "Exception while reading request", "records is not a list")
    events = objects_in(records)
    for event in events:
        _store(context, event)
    content = {"result": {"Default Bulk Endpoint": f"{len(events)} events were inserted"}}
    return json_answer(200, content, wrote=bool(events))


def _store(context: Context, event: Mapping[str, Any]) -> None:
    store = context.store
    values = stored_values(store, _EVENTS, event)
    key = values.get("message_key") or "_".join(values.get(name, "") for name in _KEY_FIELDS)
    values["message_key"] = key
    happened = values.get("time_of_event") or store.timestamp()
    values["time_of_event"] = happened
    closing = values.get("resolution_state") == "Closing" or values.get("severity") == _CLEAR
    alert = next((row for row in store.rows(_ALERTS) if row["message_key"] == key and _counts(context, row)), None)
    if alert is None:
        first = {**values, "initial_event_time": happened, "state": _CLOSED if closing else "Open"}
        alert = store.insert(_ALERTS, _alert_values(first, happened, 1), context.actor)
    else:
        state = _CLOSED if closing else _next_state(alert)
        changes = {**values, "state": state}
        store.update(alert, _alert_values(changes, happened, int(alert["event_count"]) + 1), context.actor)
    store.insert(_EVENTS, {**values, "alert": alert["sys_id"]}, context.actor)


def _counts(context: Context, alert: Row) -> bool:
    """Tell whether a new event still belongs to an alert: a closed one is reopened within an hour and not later."""
    return alert["state"] != _CLOSED or alert["sys_updated_on"] >= written(context.now - _REOPENED_WITHIN)


def _alert_values(values: Row, happened: str, count: int) -> Row:
    return {**values, "last_event_time": happened, "event_count": str(count)}


def _next_state(alert: Row) -> str:
    return "Reopen" if alert["state"] == _CLOSED else alert["state"]
