"""Events of applications, and moments in the past for alarms."""

import json
from datetime import UTC, datetime, timedelta
from typing import Any

from tests.support.deployment import ACCOUNT, REGION

START = datetime.now(UTC) - timedelta(minutes=10)


def own_event(detail_type: str, source: str = "shop.checkout", **detail: Any) -> dict[str, Any]:  # noqa: ANN401
    """Return an event of an application that happened at the start."""
    return {
        "version": "0",
        "id": f"event-{json.dumps(detail)}",
        "detail-type": detail_type,
        "source": source,
        "account": ACCOUNT,
        "time": START.strftime("%Y-%m-%dT%H:%M:%SZ"),
        "region": REGION,
        "resources": [],
        "detail": detail,
    }


def minutes(number: int) -> datetime:
    """Return a time after the start."""
    return START + timedelta(minutes=number)
