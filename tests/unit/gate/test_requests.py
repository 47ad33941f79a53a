"""What events ask for keeps to the schemas that describe it, and everything else is refused with a reason."""

import json
from copy import deepcopy
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st
from jsonschema import Draft202012Validator

from common.errors import PermanentError
from common.gate.requests import alerts_of
from common.incidents.alert import Status
from common.incidents.own_events import CHANGE_REQUEST, CHANGE_RESULT

PROJECT = Path(__file__).resolve().parents[3]
SAMPLES = {name: json.loads((PROJECT / f"events/changes/{name}.json").read_text()) for name in ("request", "result")}
SCHEMAS = {
    CHANGE_REQUEST: json.loads((PROJECT / "docs/schemas/change-request.schema.json").read_text()),
    CHANGE_RESULT: json.loads((PROJECT / "docs/schemas/change-result.schema.json").read_text()),
}
FULL: dict[str, dict[str, Any]] = {
    CHANGE_REQUEST: {
        "key": "k",
        "execution": "e",
        "short_description": "S",
        "template": "0" * 32,
        "task_token": "t",
        "approval": {"pipeline": "p", "stage": "s", "action": "a", "token": "t"},
    },
    CHANGE_RESULT: {"key": "k", "execution": "e", "result": "successful", "close_notes": "N"},
}
VALUES: st.SearchStrategy[Any] = st.sampled_from(
    [None, True, 7, [], {}, "", " ", "k", "x" * 400, "x" * 401, "x" * 2049, "0" * 32, "successful", "Successful",
     {"token": "t"}, {"pipeline": "p", "stage": "s", "action": "a", "token": "t"},
     {"pipeline": "p", "stage": "s", "action": "a", "token": " "}]
)  # fmt: skip
NAMES = st.sampled_from(sorted({*FULL[CHANGE_REQUEST], *FULL[CHANGE_RESULT], "description", "state", "colour"}))


def event(detail_type: str, detail: object) -> dict[str, Any]:
    """Return an event of an application."""
    return {**deepcopy(SAMPLES["request"]), "detail-type": detail_type, "detail": detail}


@pytest.mark.parametrize("name", SAMPLES)
def test_the_samples_keep_to_their_schemas(name: str) -> None:
    """And become one alert each."""
    sample = SAMPLES[name]
    Draft202012Validator(SCHEMAS[sample["detail-type"]]).validate(sample["detail"])
    [alert] = alerts_of(sample)
    assert alert.status is (Status.FIRING if name == "request" else Status.RESOLVED)
    assert "AAAAKgAAAAIAAAAAAAAAAexample" not in repr(alert)


@given(
    st.sampled_from([CHANGE_REQUEST, CHANGE_RESULT]),
    st.dictionaries(NAMES, VALUES, max_size=3),
    st.sets(NAMES, max_size=6),
)
def test_code_and_schema_refuse_the_same(detail_type: str, changes: dict[str, Any], without: set[str]) -> None:
    """What one takes the other takes too."""
    detail = {name: value for name, value in (FULL[detail_type] | changes).items() if name not in without}
    is_valid = Draft202012Validator(SCHEMAS[detail_type]).is_valid(detail)
    try:
        alerts_of(event(detail_type, detail))
    except PermanentError:
        assert not is_valid
    else:
        assert is_valid


def test_others_events_say_nothing_about_a_change() -> None:
    """Not even that of another who calls himself like AWS, or of an execution that goes on."""
    detail = {"executionArn": "arn:aws:states:eu-west-1:123456789012:execution:release:42", "status": "SUCCEEDED"}
    ended = event("Step Functions Execution Status Change", detail)
    assert alerts_of(ended) == []
    assert len(alerts_of({**ended, "source": "aws.states"})) == 1
    running = {**ended, "source": "aws.states", "detail": {**detail, "status": "RUNNING"}}
    assert alerts_of(running) == []
