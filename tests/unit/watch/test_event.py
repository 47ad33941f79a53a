"""The event of a change, its schema and its sample."""

import json
from pathlib import Path

import pytest
from jsonschema import Draft202012Validator, ValidationError

from common.incidents.alert import dedup_key
from common.incidents.own_events import RECORD_CHANGED
from common.watch.decide import change_of
from common.watch.event import Problem, event_of, origin_of
from tests.support.clock import EPOCH
from tests.support.watch import row

PROJECT = Path(__file__).resolve().parents[3]
SCHEMA = Draft202012Validator(json.loads((PROJECT / "docs/schemas/record-changed.schema.json").read_text()))
SAMPLE = json.loads((PROJECT / "events/servicenow-record-changed.json").read_text())


def test_the_sample_is_what_the_schema_says() -> None:
    """And of the type that the code puts."""
    SCHEMA.validate(SAMPLE["detail"])

    assert SAMPLE["detail-type"] == RECORD_CHANGED


@pytest.mark.parametrize("problem", [Problem("key", ("arn:aws:sns:eu-west-1:123456789012:topic",)), None])
def test_an_event_is_what_the_schema_says(problem: Problem | None) -> None:
    """With the names of the sample, its time that of the change."""
    change = change_of(row(updates=1, at=EPOCH), None)
    assert change is not None

    event = event_of(change, deployment="test", table="incident", host="example.service-now.com", problem=problem)

    SCHEMA.validate(event.detail)
    assert event.detail.keys() == SAMPLE["detail"].keys()
    assert event.at.timestamp() == EPOCH
    assert event.resources == (problem.resources if problem else ())


ORIGIN = {"account": "123456789012", "region": "eu-west-1", "source": "aws.cloudwatch", "rule": "cloudwatch-alarm"}


@pytest.mark.parametrize(
    ("key", "origin"),
    [
        (dedup_key(*ORIGIN.values(), "errors"), ORIGIN),
        (dedup_key("group", *ORIGIN.values(), "team"), ORIGIN),
        (dedup_key("incidents", "a caller", "a key", "x", "y"), dict.fromkeys(ORIGIN)),
        ("adopted: known by its hash only", dict.fromkeys(ORIGIN)),
        ("7", dict.fromkeys(ORIGIN)),
        ("[1, 2, 3, 4, 5]", dict.fromkeys(ORIGIN)),
        ("", dict.fromkeys(ORIGIN)),
    ],
)
def test_a_dedup_key_names_where_the_event_came_from(key: str, origin: dict[str, str | None]) -> None:
    """Where a rule made it; a caller's request and what was adopted tell nothing."""
    assert origin_of(key) == origin


@pytest.mark.parametrize("left_out", sorted(SAMPLE["detail"]))
def test_every_part_of_it_is_required(left_out: str) -> None:
    """Whoever takes these events may rely on all of it."""
    with pytest.raises(ValidationError):
        SCHEMA.validate({name: value for name, value in SAMPLE["detail"].items() if name != left_out})
