"""What a message of the queue holds: an event of EventBridge, or what a message of an SNS topic becomes."""

import json
from collections.abc import Collection, Mapping
from typing import Any

from common.doors import sns
from common.errors import PermanentError


def read_event(body: str, topics: Collection[str] = ()) -> Mapping[str, Any]:
    """Return the event in a message: EventBridge's, or the one that a message of an SNS topic becomes.

    Raises PermanentError that names what is wrong with it.
    """
    event: Any
    try:
        event = json.loads(body)
    except (ValueError, RecursionError):
        raise _no_event("it is not JSON") from None
    if not isinstance(event, dict):
        raise _no_event("it is not a JSON object")
    if sns.is_envelope(event):
        event = sns.sns_event(event, topics)
    for name in ("source", "detail-type", "time", "account", "region"):
        if not isinstance(event.get(name), str):
            raise _no_event(f"its field {name} is missing or no string")
    if not isinstance(event.get("detail"), dict):
        raise _no_event("its field detail is missing or no object")
    found: Mapping[str, Any] = event
    return found


def _no_event(why: str) -> PermanentError:
    return PermanentError(
        f"The message is no EventBridge event: {why}.",
        action="Put events on the bus instead of on the queue.",
    )
