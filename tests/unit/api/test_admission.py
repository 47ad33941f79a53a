"""What is checked of a request before anything reads it."""

import base64
import json
from contextlib import suppress
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from common.api.admission import DEEPEST, FILE_LIMIT, JSON_LIMIT, Admitted, admit, content_type, parse_json
from common.api.problems import Kind, ProblemError

USER = "arn:aws:iam::123456789012:user/alice"


def event(body: str | None = "{}", **changes: Any) -> dict[str, Any]:  # noqa: ANN401
    """Return the event of a request that can be admitted."""
    return {
        "path": "/incidents",
        "httpMethod": "POST",
        "headers": {"content-type": "application/json"},
        "body": body,
        "isBase64Encoded": False,
        **changes,
    }


def taken(sent: dict[str, Any]) -> Admitted:
    """Return the request of somebody who may send it."""
    return admit(sent, USER)


def kind_of(changed: dict[str, Any]) -> Kind:
    """Return why a request is not admitted."""
    with pytest.raises(ProblemError) as caught:
        taken(changed)
    return caught.value.kind


def test_a_request_arrives_decoded_and_the_event_is_left_alone() -> None:
    """Base64 is the gateway's business; whoever reads the body gets text."""
    given = event(base64.b64encode(b'{"a": "\xc3\xa4"}').decode(), isBase64Encoded=True)
    before = dict(given)

    admitted = taken(given)

    assert (admitted.event["body"], admitted.event["isBase64Encoded"]) == ('{"a": "ä"}', False)
    assert given == before


@pytest.mark.parametrize("method", ["GET", "DELETE", "HEAD"])
def test_a_body_that_no_operation_reads_is_dropped(method: str) -> None:
    """Whatever it holds, and however it is declared."""
    admitted = taken(event("x" * (FILE_LIMIT + 1), httpMethod=method, headers=None))

    assert admitted.event["body"] is None


@pytest.mark.parametrize("path", ["/incidents/INC0010001/attachments", "/incidents/INC0010001/attachments/"])
def test_a_file_is_kept_as_bytes(path: str) -> None:
    """It is no text, and has a limit of its own."""
    admitted = taken(event(base64.b64encode(b"\xff" * (JSON_LIMIT + 1)).decode(), path=path, isBase64Encoded=True))

    assert admitted.file == b"\xff" * (JSON_LIMIT + 1)
    assert admitted.event["body"] is None


@pytest.mark.parametrize("extra", [0, 1])
def test_a_limit_is_the_largest_size_that_is_taken(extra: int) -> None:
    """Plain or in base64, to the byte."""
    text = " " * (JSON_LIMIT + extra)
    for sent in (event(text), event(base64.b64encode(text.encode()).decode(), isBase64Encoded=True)):
        if extra:
            assert kind_of(sent) is Kind.TOO_LARGE
        else:
            assert taken(sent).event["body"] == text


def test_characters_count_as_the_bytes_that_they_are() -> None:
    """A limit of characters would let four times as much in."""
    assert kind_of(event("🔥" * (JSON_LIMIT // 4 + 1))) is Kind.TOO_LARGE


@pytest.mark.parametrize(
    ("declared", "is_taken"),
    [
        ("application/json", True),
        ("application/json; charset=utf-8", True),
        ('Application/JSON;charset="UTF-8"', True),
        ("application/json; charset=latin-1", False),
        ("application/jsonp", False),
        ("text/json", False),
        ("", False),
    ],
)
def test_json_has_to_be_declared_as_json(declared: str, *, is_taken: bool) -> None:
    """In any case of letters, in UTF-8."""
    given = event(headers={"CONTENT-TYPE": declared})
    if is_taken:
        assert taken(given).event["body"] == "{}"
    else:
        assert kind_of(given) is Kind.MEDIA_TYPE


def test_a_request_without_headers_has_no_content_type() -> None:
    """API Gateway sends null instead of nothing."""
    assert content_type({"headers": None}) == ""
    assert kind_of(event(headers=None)) is Kind.MEDIA_TYPE


@pytest.mark.parametrize("path", ["/a/../b", "/%2e%2e/b", "/a//b", "/a\\b", "/a\x00b", "/a%00b", "/a%5cb", "/a%0d%0ab"])
def test_91_a_path_that_climbs_is_not_admitted(path: str) -> None:
    """Nor one with characters that no path of this API has, written plainly or encoded."""
    assert kind_of(event(path=path)) is Kind.INVALID_REQUEST


@pytest.mark.parametrize("levels", [DEEPEST, DEEPEST + 1])
def test_json_may_be_as_deep_as_documented(levels: int) -> None:
    """Counted through objects and lists alike."""
    text = '{"a":[' * (levels // 2) + "{" * (levels % 2) + "}" * (levels % 2) + "]}" * (levels // 2)
    if levels > DEEPEST:
        with pytest.raises(ProblemError):
            parse_json(text)
    else:
        assert parse_json(text)


@given(st.recursive(st.none() | st.booleans() | st.integers() | st.text(), lambda inner: st.lists(inner, max_size=3)))
def test_whatever_is_sent_is_an_object_or_a_problem(value: object) -> None:
    """Nothing else comes out of parsing, and no other error."""
    with pytest.raises(ProblemError):
        parse_json(json.dumps(value))
    assert parse_json(json.dumps({"a": value}))["a"] == value


@given(st.text())
def test_text_that_is_no_json_is_a_problem(text: str) -> None:
    """Never a crash."""
    with suppress(ProblemError):
        assert isinstance(parse_json(text), dict)
