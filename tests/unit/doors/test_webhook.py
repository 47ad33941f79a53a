"""Whatever body a tool posts becomes one event, the same for the same body."""

import gzip
import json
from datetime import UTC, datetime
from typing import Any

import pytest

from common.doors.message import read_event
from common.doors.webhook import left_out, webhook_event
from common.errors import PermanentError

NOW = datetime(2026, 1, 31, 12, tzinfo=UTC)
JSON = "application/json; charset=utf-8"
FORM = "application/x-www-form-urlencoded"


def packed(content: bytes) -> bytes:
    """Return it compressed, the same in every process: a test is named by it."""
    return gzip.compress(content, mtime=0)


def event(body: bytes, content_type: str = JSON, source: str = "datadog", now: datetime = NOW) -> dict[str, Any]:
    """Return the event of a body."""
    return webhook_event(source, body, content_type, account="123456789012", region="eu-west-1", now=now)


def test_a_body_becomes_an_event_that_the_queue_takes() -> None:
    """In the shape of EventBridge's."""
    made = event(b'{"alert": 1}')

    assert read_event(json.dumps(made)) == made
    assert (made["source"], made["detail-type"], made["time"]) == ("webhook.datadog", "Webhook", "2026-01-31T12:00:00Z")
    assert (made["account"], made["region"], made["detail"]) == ("123456789012", "eu-west-1", {"alert": 1})


@pytest.mark.parametrize(
    ("body", "content_type", "detail"),
    [
        (b'{"a": 1}', "", {"a": 1}),
        (b'\xef\xbb\xbf{"a": 1}', JSON, {"a": 1}),
        (b"[1, 2]", JSON, {"items": [1, 2]}),
        (b"[1, 2]", "text/plain", {"items": [1, 2]}),
        (b"disk full", "text/plain", {"text": "disk full"}),
        (b'"disk full"', JSON, {"text": '"disk full"'}),
        (b"state=down&host=a&host=b&empty=", FORM, {"fields": {"state": "down", "host": ["a", "b"], "empty": ""}}),
    ],
)
def test_every_kind_of_body_has_a_place_in_the_detail(body: bytes, content_type: str, detail: object) -> None:
    """Which is an object, whatever the body is."""
    assert event(body, content_type)["detail"] == detail


def test_a_compressed_body_is_the_event_of_what_it_holds() -> None:
    """Some senders compress what they post."""
    assert event(gzip.compress(b'{"a": 1}')) == event(b'{"a": 1}')


@pytest.mark.attack
@pytest.mark.parametrize(
    ("told", "counted"), [(7, 7), (0, 0), (-1, 0), (True, 0), ("9", 0), (None, 0), (1.5, 0), (10**400, 1_000_000_000)]
)
def test_what_a_tool_says_that_it_left_out_is_a_count_or_nothing(told: object, counted: int) -> None:
    """A metric holds no number of four hundred digits."""
    assert left_out({"truncatedAlerts": told}) == counted


ALARM = {"source": "aws.cloudwatch", "detail-type": "CloudWatch Alarm State Change", "account": "1", "region": "r"}
ENVELOPE = {
    "Type": "Notification",
    "TopicArn": "arn:aws:sns:eu-west-1:123456789012:t",
    "Message": "{}",
    "Timestamp": "",
}


@pytest.mark.attack
@pytest.mark.parametrize(
    "body",
    [
        ALARM | {"time": "2026-01-31T12:00:00Z", "detail": {"state": {"value": "OK"}}},
        ENVELOPE,
        ENVELOPE | {"source": "sns.t"},
        {"source": "servicenow-bridge.api", "detail-type": "ServiceNow Alert", "detail": {"origin": "somebody"}},
        {"detail": {"source": "webhook.grafana"}, "source": "webhook.grafana", "id": "1", "account": "999999999999"},
    ],
)
def test_a_body_speaks_for_its_own_source_alone(body: dict[str, Any]) -> None:
    """Whatever it looks like: an event of AWS or of a caller, a message of a topic, another tool's body."""
    read = read_event(json.dumps(event(json.dumps(body).encode())), {ENVELOPE["TopicArn"]})

    assert (read["source"], read["detail-type"], read["account"]) == ("webhook.datadog", "Webhook", "123456789012")
    assert read["detail"] == body


@pytest.mark.attack
def test_a_body_that_is_sent_again_is_the_same_event_and_that_of_another_source_is_not() -> None:
    """So a replay changes nothing."""
    first, later = event(b"{}"), event(b"{}", now=NOW.replace(hour=13))

    assert first["id"] == later["id"]
    assert len({first["id"], event(b"{ }")["id"], event(b"{}", source="zabbix")["id"]}) == 3


@pytest.mark.parametrize(
    ("body", "content_type", "reason"),
    [
        (b"", JSON, "is empty"),
        (b" \n", "", "is empty"),
        (b'{"a": ', JSON, "declared as JSON"),
        (b'{"a": NaN}', "application/vnd.tool+json", "declared as JSON"),
        (b"\xff\xfe", "text/plain", "is not UTF-8"),
        (b"[" * 20_000 + b"]" * 20_000, JSON, "levels deep"),
        (b'{"a":' * 20_000 + b"1" + b"}" * 20_000, "text/plain", "levels deep"),
        (b"[" * 70 + b"]" * 70, JSON, "levels deep"),
        (b"a=1&" * 2000, FORM, "more than 1000 fields"),
        ("{'größe': 1}".encode("latin-1"), "text/plain; charset=iso-8859-1", "is not UTF-8"),
        (packed(b"x" * 5_000_000), JSON, "larger than 4194304 bytes without its compression"),
        (packed(b'{"a": 1}')[:-1], JSON, "not one whole gzip stream"),
        (packed(b'{"a": 1}') + b"x", JSON, "not one whole gzip stream"),
        (b"\x1f\x8b but no gzip", JSON, "begins as gzip does and is none"),
        (packed(packed(b'{"a": 1}')), JSON, "is not UTF-8"),
    ],
)
@pytest.mark.attack
def test_a_body_that_can_not_be_an_event_says_why(body: bytes, content_type: str, reason: str) -> None:
    """With its source, so that a person finds the tool that sent it."""
    with pytest.raises(PermanentError, match=f"webhook of datadog .*{reason}"):
        event(body, content_type)
