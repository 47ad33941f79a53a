"""Events about changes become alerts: a request opens one, its result and the end of an execution close it. Pure.

Facts: https://docs.aws.amazon.com/step-functions/latest/dg/eventbridge-integration.html,
https://docs.aws.amazon.com/codepipeline/latest/userguide/detect-state-changes-cloudwatch-events.html,
https://docs.aws.amazon.com/codepipeline/latest/userguide/approvals-json-format.html (what an approval is named by)
"""

import re
from collections.abc import Callable, Iterator, Mapping, Sequence
from itertools import chain
from typing import Any

from common.errors import PermanentError
from common.incidents.alert import Alert, OnRecovery, OnRepeat, OnReturn, Policy, Status, dedup_key, digest
from common.incidents.expressions import milliseconds
from common.incidents.fields import inert_fields, inert_note
from common.incidents.own_events import CHANGE_REQUEST, CHANGE_RESULT
from common.incidents.waiting import Waiting
from common.servicenow.change_requests import CLOSE_CODES, CLOSED, TABLE, TEMPLATE, UNSUCCESSFUL
from common.servicenow.records import SYS_ID

FIELDS = (
    "short_description",
    "description",
    "justification",
    "implementation_plan",
    "backout_plan",
    "test_plan",
    "assignment_group",
    "assigned_to",
    "cmdb_ci",
    "business_service",
    "risk",
    "start_date",
    "end_date",
)
"""The fields of a change that a request may set."""

SUCCESSFUL = CLOSE_CODES[0]
LONGEST_TOKEN = 2048
"""The longest token of a task of Step Functions."""

_LONGEST_KEY = 400
_EXECUTION = "execution"
# Milliseconds: EventBridge counts whole seconds, and what ends within one has begun before.
_LATER = 999
_VISIBLE = re.compile(r"\S")
_APPROVAL = ("pipeline", "stage", "action", "token")
_ENDED: Mapping[str, Mapping[str, str]] = {
    "Step Functions Execution Status Change": {
        "SUCCEEDED": SUCCESSFUL,
        "FAILED": UNSUCCESSFUL,
        "TIMED_OUT": UNSUCCESSFUL,
        "ABORTED": UNSUCCESSFUL,
    },
    "CodePipeline Pipeline Execution State Change": {
        "SUCCEEDED": SUCCESSFUL,
        "FAILED": UNSUCCESSFUL,
        "STOPPED": UNSUCCESSFUL,
        "CANCELED": UNSUCCESSFUL,
        "SUPERSEDED": UNSUCCESSFUL,
    },
}
"""How a change ends with the execution that it was requested for, by the type of AWS's own event and its state."""


def alerts_of(event: Mapping[str, Any]) -> Sequence[Alert]:
    """Return what an event says about a change: nothing, or one alert.

    Raises PermanentError that names the field where an event of the two types does not keep to its schema.
    """
    if event["detail-type"] == CHANGE_REQUEST:
        return [_request(event)]
    if event["detail-type"] == CHANGE_RESULT:
        _check(event, _RESULT)
        detail = event["detail"]
        return [_end(event, _key(event), detail["result"], detail.get("close_notes", ""))]
    ended = _execution_that_ended(event)
    if ended is None:
        return []
    execution, result, state = ended
    notes = f"AWS reports {state} for {execution}."
    return [_end(event, _key_of_execution(event, execution), result, notes)]


def _waiting_of(named: Mapping[str, Any]) -> Waiting | None:
    """Return who waits, of a request that keeps to its schema."""
    if "task_token" in named:
        return Waiting(named["task_token"])
    approval = named.get("approval")
    return None if approval is None else Waiting(approval["token"], *(approval[name] for name in _APPROVAL[:3]))


def _request(event: Mapping[str, Any]) -> Alert:
    _check(event, _REQUEST)
    detail = event["detail"]
    if ("task_token" in detail) and ("approval" in detail):
        raise _malformed(event, "task_token and approval are there both; one of them can wait")
    fields = {name: str(detail[name]) for name in FIELDS if name in detail}
    if "template" in detail:
        fields[TEMPLATE] = detail["template"]
    fields = inert_fields(fields)
    return Alert(
        key=_key(event),
        status=Status.FIRING,
        occurred_at=_time(event),
        fields=fields,
        table=TABLE,
        policy=_POLICY,
        fingerprint=digest(*chain.from_iterable(sorted(fields.items()))),
        event_id=str(event.get("id", ""))[:64],
        waiting=_waiting_of(detail),
    )


_POLICY = Policy(on_repeat=OnRepeat.IGNORE, on_recovery=OnRecovery.RESOLVE, on_return=OnReturn.REPLACE)


def _end(event: Mapping[str, Any], key: str, result: str, notes: str) -> Alert:
    note = inert_note(notes) or f"Closed as {result} by {event['source']}."
    policy = Policy(
        on_repeat=OnRepeat.IGNORE,
        on_recovery=OnRecovery.RESOLVE,
        on_return=OnReturn.REPLACE,
        close_code=result,
        close_notes=note,
        resolved_state=CLOSED,
    )
    return Alert(
        key=key,
        status=Status.RESOLVED,
        occurred_at=_time(event) + _LATER,
        note=note,
        table=TABLE,
        policy=policy,
        event_id=str(event.get("id", ""))[:64],
    )


def _execution_that_ended(event: Mapping[str, Any]) -> tuple[str, str, str] | None:
    """Return an execution of AWS that ended, with the result of its change and its own state."""
    results, detail = _ENDED.get(event["detail-type"]), event["detail"]
    if results is None or event["source"] not in ("aws.states", "aws.codepipeline"):
        return None
    state = str(detail.get("status") or detail.get("state"))
    execution = detail.get("executionArn") or f"{detail.get('pipeline')}/{detail.get('execution-id')}"
    if state not in results or detail.get("redriveStatus") == "REDRIVABLE_BY_MAP_RUN":
        return None
    return str(execution), results[state], state


def _key(event: Mapping[str, Any]) -> str:
    """Return the dedup key of an event of the two types: nobody closes another's change."""
    detail = event["detail"]
    if _EXECUTION in detail:
        return _key_of_execution(event, detail[_EXECUTION])
    if "key" not in detail:
        raise _malformed(event, "key is missing, and execution too; one of them names the change")
    return dedup_key(event["account"], event["region"], event["source"], CHANGE_REQUEST, detail["key"])


def _key_of_execution(event: Mapping[str, Any], execution: str) -> str:
    return dedup_key(event["account"], event["region"], _EXECUTION, CHANGE_REQUEST, execution)


def _time(event: Mapping[str, Any]) -> int:
    sent = milliseconds(str(event["time"]))
    if sent is None or sent <= 0:
        raise PermanentError(
            "The event's time is no ISO 8601 timestamp.", action="Correct what sends the event and send it again."
        )
    return sent


type _Check = Callable[[object], str | None]


def _text(longest: int) -> _Check:
    def check(value: object) -> str | None:
        if isinstance(value, str) and len(value) <= longest and _VISIBLE.search(value):
            return None
        return f"is no text of 1 to {longest} characters"

    return check


def _approval(value: object) -> str | None:
    if not isinstance(value, dict) or set(value) != set(_APPROVAL):
        return f"is no object with {', '.join(_APPROVAL)} and nothing else"
    return None if all(_text(100)(text) is None for text in value.values()) else "holds what is no text"


def _template(value: object) -> str | None:
    return None if isinstance(value, str) and SYS_ID.fullmatch(value) else "is no sys_id"


def _result(value: object) -> str | None:
    return None if value in CLOSE_CODES else f"is none of {', '.join(CLOSE_CODES)}"


_NAMING: Mapping[str, _Check] = {"key": _text(_LONGEST_KEY), _EXECUTION: _text(_LONGEST_KEY)}
_REQUEST: Mapping[str, _Check] = {
    **_NAMING,
    **dict.fromkeys(FIELDS, _text(4000)),
    "template": _template,
    "task_token": _text(LONGEST_TOKEN),
    "approval": _approval,
}
_RESULT: Mapping[str, _Check] = {**_NAMING, "result": _result, "close_notes": _text(4000)}


def _check(event: Mapping[str, Any], fields: Mapping[str, _Check]) -> None:
    problem = next(_problems(event["detail"], fields), None)
    if problem is not None:
        raise _malformed(event, problem)


def _problems(detail: Mapping[str, Any], fields: Mapping[str, _Check]) -> Iterator[str]:
    required = ("result",) if "result" in fields else () if "template" in detail else ("short_description",)
    yield from (f"{name} is missing" for name in required if name not in detail)
    for name, value in detail.items():
        if name not in fields:
            yield f"{name[:80]} is not known; the fields are {', '.join(fields)}"
        elif (problem := fields[name](value)) is not None:
            yield f"{name} {problem}"


def _malformed(event: Mapping[str, Any], problem: str) -> PermanentError:
    return PermanentError(
        f"The event {event['detail-type']!r} is malformed: detail.{problem}.",
        action="Correct what sends it; docs/changes.md and docs/schemas/ say what is expected.",
    )
