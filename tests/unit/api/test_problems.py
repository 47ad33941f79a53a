"""Which problem an error becomes, and what it says."""

import json

import pytest

from common.api.problems import Kind, ProblemError, problem_of
from common.errors import (
    AmbiguousError,
    BridgeError,
    ChangedRequestError,
    ConfigurationError,
    CredentialsError,
    NotYetError,
    PermanentError,
    TransientError,
)

ADVICE = "Do this."


@pytest.mark.parametrize(
    ("error", "kind", "retry_after"),
    [
        (TransientError("x", action=ADVICE), Kind.UNAVAILABLE, "5"),
        (TransientError("x", action=ADVICE, retry_after=0.2), Kind.UNAVAILABLE, "1"),
        (TransientError("x", action=ADVICE, retry_after=1.2), Kind.UNAVAILABLE, "2"),
        (TransientError("x", action=ADVICE, status=429, retry_after=3600), Kind.RATE_LIMITED, "3600"),
        (NotYetError("x", action=ADVICE), Kind.UNAVAILABLE, "5"),
        (ConfigurationError("x", action=ADVICE), Kind.HELD, "300"),
        (CredentialsError("x", action=ADVICE), Kind.HELD, "300"),
        (AmbiguousError("x", action=ADVICE), Kind.NO_ANSWER, None),
        (ChangedRequestError("x", action=ADVICE), Kind.KEY_REUSED, None),
        (PermanentError("x", action=ADVICE), Kind.CONFLICT, None),
        (PermanentError("x", action=ADVICE, status=400), Kind.INVALID_REQUEST, None),
        (PermanentError("x", action=ADVICE, status=403), Kind.REFUSED, None),
        (PermanentError("x", action=ADVICE, status=404), Kind.NOT_FOUND, None),
        (PermanentError("x", action=ADVICE, status=409), Kind.CONFLICT, None),
        (PermanentError("x", action=ADVICE, status=413), Kind.TOO_LARGE, None),
        (PermanentError("x", action=ADVICE, status=418), Kind.CONFLICT, None),
        (PermanentError("x", action=ADVICE, status=499), Kind.CONFLICT, None),
    ],
)
def test_an_error_becomes_a_problem(error: BridgeError, kind: Kind, retry_after: str | None) -> None:
    """With Retry-After where waiting helps, in whole seconds."""
    problem = problem_of(error)

    assert problem.kind is kind
    assert problem.answer("r").headers.get("Retry-After") == retry_after
    assert problem.action


def test_credentials_and_settings_are_nobodys_business() -> None:
    """What is wrong with them stands in the log, not in the answer."""
    answer = problem_of(ConfigurationError("LEDGER_TABLE is wrong.", action="Look at arn:aws:x.")).answer("r")

    assert "LEDGER_TABLE" not in answer.body
    assert "arn:" not in answer.body


@pytest.mark.parametrize(("asked", "retry_after"), [(None, "5"), (3.0, "3"), (75.0, "30")])
def test_a_lost_answer_names_the_key_and_may_be_asked_for_soon(asked: float | None, retry_after: str) -> None:
    """Repeating costs little: whoever asks early gets the record as soon as it shows."""
    answer = problem_of(AmbiguousError("x", action=ADVICE, retry_after=asked), idempotency_key="k").answer("r")

    assert json.loads(answer.body)["idempotency_key"] == "k"
    assert answer.headers["Retry-After"] == retry_after


def test_a_problem_is_what_rfc_9457_says() -> None:
    """Type, title, status and detail, the request's id, and what the problem adds."""
    answer = ProblemError(Kind.CONFLICT, "It is closed.", action="Nothing.", errors=[1]).answer("request-1")

    assert (answer.status, answer.media_type) == (409, "application/problem+json")
    assert json.loads(answer.body) == {
        "type": "urn:servicenow-bridge:problem:conflict",
        "title": "The record does not allow this.",
        "status": 409,
        "detail": "It is closed.",
        "request_id": "request-1",
        "action": "Nothing.",
        "errors": [1],
    }


def test_types_are_never_renamed() -> None:
    """Callers compare them: whoever changes one breaks a program that is not here."""
    assert {kind.type.rpartition(":")[2]: int(kind.status) for kind in Kind} == {
        "invalid-request": 400,
        "forbidden": 403,
        "refused-by-servicenow": 403,
        "not-found": 404,
        "conflict": 409,
        "in-progress": 409,
        "outcome-unknown": 409,
        "token-used-up": 409,
        "too-large": 413,
        "unsupported-media-type": 415,
        "idempotency-key-reused": 422,
        "rate-limited": 429,
        "too-many-requests": 429,
        "internal-error": 500,
        "unavailable": 503,
        "held": 503,
        "no-answer": 504,
    }
