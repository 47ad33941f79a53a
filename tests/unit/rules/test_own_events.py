"""The two types of events that are the bridge's own, and the schemas that describe them."""

import json
from copy import deepcopy
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st
from jsonschema import Draft202012Validator

from common.errors import PermanentError
from common.incidents.alert import Status, dedup_key
from common.incidents.rules import load_rules
from common.incidents.rules.names import is_column
from tests.support.rules import alert_of, said

PROJECT = Path(__file__).resolve().parents[3]
RULES = load_rules(PROJECT / "src/rules", ("u_request",))
ALERT, REQUEST = "ServiceNow Alert", "ServiceNow Record Request"
SCHEMAS = {
    ALERT: json.loads((PROJECT / "docs/schemas/alert.schema.json").read_text()),
    REQUEST: json.loads((PROJECT / "docs/schemas/record-request.schema.json").read_text()),
}
SAMPLES = {path.stem: json.loads(path.read_text()) for path in sorted((PROJECT / "events").glob("servicenow-*.json"))}
del SAMPLES["servicenow-record-changed"]  # which the bridge sends, and does not take
FULL: dict[str, dict[str, Any]] = {
    ALERT: {
        "dedup_key": "k",
        "status": "firing",
        "summary": "S",
        "severity": "high",
        "description": "D",
        "note": "N",
        "url": "https://example.com",
        "occurred_at": "2026-11-23T09:15:31.5+01:00",
        "group": "g",
        "fields": {"category": "software"},
    },
    REQUEST: {"key": "k", "table": "incident", "fields": {"short_description": "S"}},
}

# Values that are right for one field or another, and those that are right for none.
VALUES = st.sampled_from(
    [
        None, True, 0, 7, 1.5, [], {}, "", " ", "k", "x" * 255, "x" * 256, "firing", "resolved", "FIRING", "critical",
        "incident", "Incident", "u_request", "2026-11-23T09:15:31Z", "2026-11-23 09:15:31", "2026-11-23T09:15:31+0100",
        {"category": "x"}, {"category": None}, {"category": ["x"]}, {"impact": 2}, {"Category": "x"}, {"sys_id": "x"},
        {"correlation_id": "x"}, {"correlation_ids": "x"}, {"": "x"}, {"u_flag": False}, ["firing"],
    ]
)  # fmt: skip
NAMES = st.sampled_from(sorted({*FULL[ALERT], *FULL[REQUEST], "colour", "origin", "Status"}))


def event(detail_type: str, detail: object, source: str = "my.app") -> dict[str, Any]:
    """Return an event of an application."""
    return {
        **deepcopy(SAMPLES["servicenow-alert-firing"]),
        "detail-type": detail_type,
        "detail": detail,
        "source": source,
    }


def is_taken(detail_type: str, detail: object) -> bool:
    """Return whether the rules take an event."""
    try:
        return RULES.match(event(detail_type, detail)) is not None
    except PermanentError:
        return False


def test_the_schemas_are_schemas() -> None:
    """Of the draft that they name."""
    for schema in SCHEMAS.values():
        Draft202012Validator.check_schema(schema)


@pytest.mark.parametrize("name", SAMPLES)
def test_a_sample_keeps_to_its_schema_and_becomes_a_record(name: str) -> None:
    """What the documentation links to works."""
    sample = SAMPLES[name]
    Draft202012Validator(SCHEMAS[sample["detail-type"]]).validate(sample["detail"])
    assert said(sample, RULES) is not None


@pytest.mark.parametrize("detail_type", SCHEMAS)
@given(changes=st.dictionaries(NAMES, VALUES, max_size=3), without=st.sets(NAMES, max_size=2))
def test_the_engine_takes_exactly_what_the_schema_allows(
    detail_type: str, changes: dict[str, object], without: set[str]
) -> None:
    """Nobody is refused who kept to it, and nobody gets used to what it forbids."""
    detail = {name: value for name, value in (FULL[detail_type] | changes).items() if name not in without}
    assert is_taken(detail_type, detail) is Draft202012Validator(SCHEMAS[detail_type]).is_valid(detail)


@pytest.mark.parametrize(
    ("detail_type", "changes", "reason"),
    [
        (ALERT, {"dedup_key": None}, "detail.dedup_key is no string of 1 to 255 characters"),
        (ALERT, {"status": "FIRING"}, "detail.status is none of firing, resolved"),
        (ALERT, {"summary": " "}, "detail.summary is no string, or an empty one"),
        (ALERT, {"severity": "page"}, "detail.severity is none of critical, high, medium, low, info"),
        (ALERT, {"note": 7}, "detail.note is no string"),
        (ALERT, {"occurred_at": "today"}, "detail.occurred_at is no time such as"),
        (ALERT, {"fields": []}, "detail.fields is no object"),
        (ALERT, {"fields": {"sys_id": "x"}}, "detail.fields has the field 'sys_id', which no event may set"),
        (ALERT, {"fields": {"category": []}}, "detail.fields has the field category, which is neither"),
        (ALERT, {"sumary": "S"}, "detail.sumary is not known; the fields are dedup_key, status, summary"),
        (ALERT, {"origin": "me"}, "detail.origin is not known"),
        (ALERT, {"dedup_key": "x" * 256}, "detail.dedup_key is no string of 1 to 255 characters"),
        (ALERT, {"x" * 90: "S"}, f"detail.{'x' * 80} is not known"),
        (ALERT, {"fields": {"X" * 90: "x"}}, f"detail.fields has the field '{'X' * 80}', which"),
        (REQUEST, {"table": "Incident"}, "detail.table is no name of a table"),
        (REQUEST, {"fields": {}}, "detail.fields has no field"),
    ],
)
def test_a_refusal_names_the_field(detail_type: str, changes: dict[str, object], reason: str) -> None:
    """And says where the schema is."""
    with pytest.raises(PermanentError) as caught:
        RULES.match(event(detail_type, FULL[detail_type] | changes))
    assert f"The event {detail_type!r} is malformed: {reason}" in caught.value.message
    assert "docs/schemas/" in caught.value.action


@pytest.mark.parametrize(
    ("detail_type", "name"),
    [(ALERT, "dedup_key"), (ALERT, "status"), (ALERT, "summary"), *((REQUEST, name) for name in FULL[REQUEST])],
)
def test_what_is_left_out_is_named(detail_type: str, name: str) -> None:
    """A summary is needed as long as the problem is there."""
    detail = {other: value for other, value in FULL[detail_type].items() if other != name}
    with pytest.raises(PermanentError, match=rf"malformed: detail\.{name} is missing"):
        RULES.match(event(detail_type, detail))


def test_a_recovery_needs_no_summary_and_a_key_may_have_255_characters() -> None:
    """The record is there already."""
    assert is_taken(ALERT, {"dedup_key": "x" * 255, "status": "resolved"})


@pytest.mark.parametrize(
    ("name", "settable"),
    [
        ("category", True),
        ("u_sys", True),
        ("sys_domain", False),
        ("sys_id", False),
        ("correlation_id", False),
        ("Category", False),
        ("", False),
        ("x" * 80, True),
        ("x" * 81, False),
    ],
)
def test_no_event_sets_what_the_platform_or_the_bridge_keep_for_themselves(name: str, *, settable: bool) -> None:
    """Nor a name that is none."""
    assert is_column(name) is settable


def test_only_the_api_says_who_its_caller_is() -> None:
    """Its callers' keys are their own; EventBridge delivers nothing in the API's name."""
    detail = {"dedup_key": "k", "status": "resolved", "origin": "arn:aws:iam::111122223333:role/one"}
    alert = alert_of(event(ALERT, detail, "servicenow-bridge.api"), RULES)
    origin = ("111122223333", "eu-central-1", "servicenow-bridge.api", "servicenow-alert")
    assert alert.key == dedup_key(*origin, "arn:aws:iam::111122223333:role/one", "k")
    with pytest.raises(PermanentError, match=r"detail\.colour is not known"):
        RULES.match(event(ALERT, {**detail, "colour": "red"}, "servicenow-bridge.api"))


def test_the_fields_of_an_alert_are_those_of_its_record() -> None:
    """With what the application says, and nothing that it may not say."""
    alert = alert_of(event(ALERT, FULL[ALERT] | {"fields": {"assignment_group": "Network", "urgency": 3}}), RULES)
    assert alert.status is Status.FIRING
    assert alert.occurred_at == 1795421731500
    assert alert.note == "S\nN"
    assert (alert.fields["impact"], alert.fields["urgency"]) == ("1", "3")
    assert alert.fields["assignment_group"] == "Network"
    assert alert.fields["short_description"] == "S"
    assert alert.fields["description"].startswith(
        "D\n\nLink to example.com: https://example.com\n\nAccount: 111122223333"
    )


@pytest.mark.parametrize("field", ["state", "close_code", "short_description", "priority", "u_other"])
def test_an_alert_sets_only_the_fields_that_are_listed(field: str) -> None:
    """The list stands in src/rules/own-alerts.toml."""
    with pytest.raises(PermanentError, match=f"'{field}' may not be set by an event"):
        said(event(ALERT, FULL[ALERT] | {"fields": {field: "x"}}), RULES)
