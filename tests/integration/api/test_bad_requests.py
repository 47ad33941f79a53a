"""Faults 83, 84, 86 to 92: what is wrong with a request is answered clearly, and nothing is called."""

import json
from collections.abc import Iterator
from itertools import count

import pytest

from common.api.admission import FILE_LIMIT, JSON_LIMIT
from local.simulator import Simulator
from tests.integration.api.conftest import FIELDS, TABLES, Running, running_api
from tests.integration.api.gateway import Gateway, Reply

BODY = {"short_description": "The disk is full"}
FILES = "/incidents/INC0010001/attachments"
NAMED = {"file_name": "a.txt"}
_numbers = count(1)


@pytest.fixture(scope="module")
def shared() -> Iterator[Running]:
    """Provide one environment for all tests of this file: what is refused leaves nothing behind."""
    with running_api({"API_INCIDENT_FIELDS": FIELDS, "API_TABLES": TABLES}) as running:
        yield running


@pytest.fixture
def running(shared: Running) -> Running:
    """Provide it to each test."""
    return shared


@pytest.fixture
def _uncalled(servicenow: Simulator) -> Iterator[None]:
    """Make sure that a test makes no call to ServiceNow."""
    calls = len(servicenow.calls)
    yield
    assert len(servicenow.calls) == calls


def refused(reply: Reply, status: int, kind: str, *words: str) -> None:
    """Check that a request is refused in these words."""
    assert reply.problem == (status, kind)
    assert all(word in reply.text for word in words)


def create(api: Gateway, body: object, **changes: object) -> Reply:
    """Create an incident, with a key of its own."""
    return api.call("POST", "/incidents", body, key=f"k{next(_numbers)}", **changes)  # type: ignore[arg-type]


@pytest.mark.usefixtures("_uncalled")
@pytest.mark.parametrize(
    "body",
    [
        *("", "{", "nonsense", '"text"', "[]", "null", '{"short_description": NaN}'),
        *('[{"short_description": "in a list"}]', '{"short_description": "x"} trailing', b"\xff\xfe{}"),
        *("[" * 100_000, '{"a":' * 30 + "1" + "}" * 30, '{"short_description": "\\ud83d"}'),
    ],
    ids=lambda body: repr(body[:40]),
)
def test_86_a_body_that_is_no_json_object_is_refused(api: Gateway, body: str | bytes) -> None:
    """400, whatever is wrong with it, and no call. Fault 83: no text can hold half a surrogate pair."""
    refused(create(api, body), 400, "invalid-request")


@pytest.mark.usefixtures("_uncalled")
@pytest.mark.parametrize(("path", "media_type"), [("/incidents", "application/json"), (FILES, "text/plain")])
@pytest.mark.parametrize("body", ["@@@@", "YWJj=", "YW Jj", "ü", "YWJ"])
def test_87_bad_base64_is_refused(api: Gateway, path: str, media_type: str, body: str) -> None:
    """400 for JSON and for files."""
    changes = {"body": body, "isBase64Encoded": True}
    query = NAMED if path == FILES else {}
    reply = api.call("POST", path, "", key="k", headers={"Content-Type": media_type}, query=query, changes=changes)

    refused(reply, 400, "invalid-request", "base64")


@pytest.mark.usefixtures("_uncalled")
@pytest.mark.parametrize("encoded", [True, False])
def test_88_a_body_that_is_too_large_is_refused(api: Gateway, *, encoded: bool) -> None:
    """413, with the limit, before it is parsed."""
    text = json.dumps(BODY | {"description": "x" * JSON_LIMIT})

    reply = create(api, text) if encoded else create(api, text, changes={"body": text, "isBase64Encoded": False})

    refused(reply, 413, "too-large", str(JSON_LIMIT))


def test_88_a_file_may_be_as_large_as_documented_and_no_larger(api: Gateway, servicenow: Simulator) -> None:
    """4 MB pass, one byte more does not."""
    number = create(api, BODY).json["number"]

    def attach(size: int) -> Reply:
        headers, query = {"Content-Type": "application/octet-stream"}, {"file_name": "dump"}
        return api.call("POST", f"/incidents/{number}/attachments", b"x" * size, headers=headers, query=query)

    assert attach(FILE_LIMIT).status == 200
    assert (attach(FILE_LIMIT + 1).status, attach(FILE_LIMIT * 2).kind) == (413, "too-large")
    assert [row["size_bytes"] for row in servicenow.records("sys_attachment")] == [str(FILE_LIMIT)]


@pytest.mark.usefixtures("_uncalled")
@pytest.mark.parametrize(
    "media_type", ["", "text/plain", "application/x-www-form-urlencoded", "multipart/form-data", "application/jsonx"]
)
def test_89_another_content_type_is_refused(api: Gateway, media_type: str) -> None:
    """415, and what to send instead."""
    reply = create(api, json.dumps(BODY), headers={"Content-Type": media_type})

    refused(reply, 415, "unsupported-media-type", "application/json")


@pytest.mark.usefixtures("_uncalled")
@pytest.mark.parametrize("media_type", ["text/html", "image/svg+xml", "application/x-msdownload", ""])
def test_89_files_that_a_browser_or_a_machine_would_run_are_refused(api: Gateway, media_type: str) -> None:
    """415, with the list of what may be attached."""
    reply = api.call("POST", FILES, b"<script>", headers={"Content-Type": media_type}, query={"file_name": "a.png"})

    refused(reply, 415, "unsupported-media-type", "image/png")


@pytest.mark.usefixtures("_uncalled")
@pytest.mark.parametrize("name", ["../etc/passwd", "a\\b", "a\nb", "", "x" * 101, "...", "nul\x00"])
def test_a_file_name_with_a_path_is_refused(api: Gateway, name: str) -> None:
    """400, and nothing is attached."""
    reply = api.call("POST", FILES, b"x", headers={"Content-Type": "text/plain"}, query={"file_name": name})

    refused(reply, 400, "invalid-request")


@pytest.mark.usefixtures("_uncalled")
@pytest.mark.parametrize(
    "path",
    [
        *("/incidents/../tables/sys_user/records", "/incidents/..%2f..%2fapi", "/incidents/%2e%2e/x"),
        *("/incidents//INC0010001", "/incidents/..\\x", "/incidents/INC0010001%00"),
        *("/incidents/INC1^ORactive=true", "/incidents/inc0010001", f"/incidents/{'x' * 32}"),
        *("/incidents/javascript:gs.log()", "/incidents/INC"),
    ],
)
def test_91_a_path_that_climbs_or_names_no_record_reaches_no_query(api: Gateway, path: str) -> None:
    """400, written plainly or encoded."""
    refused(api.call("GET", path), 400, "invalid-request")


@pytest.mark.usefixtures("_uncalled")
@pytest.mark.parametrize("path", ["/incidents", "/health", "/tables/cmdb_ci/records"])
def test_92_a_request_that_nobody_signed_is_refused_even_behind_the_gateway(api: Gateway, path: str) -> None:
    """403: a gateway without an authoriser would let it through, the function does not."""
    refused(api.call("GET", path, caller=None), 403, "forbidden")


@pytest.mark.usefixtures("_uncalled")
@pytest.mark.parametrize(("path", "body"), [("/incidents", BODY), ("/tables/cmdb_ci/records", {"name": "x"})])
def test_a_create_without_a_key_is_refused(api: Gateway, path: str, body: dict[str, str]) -> None:
    """400 that names the header, for incidents and for records of tables; a key is 1 to 255 visible characters."""
    reply = api.call("POST", path, body)

    refused(reply, 400, "invalid-request")
    assert reply.json["errors"] == [{"location": "header/idempotency-key", "reason": "missing"}]
    for key in ("", "x" * 256, "two words", "tab\t", "ü"):
        refused(api.call("POST", path, body, key=key), 400, "invalid-request", "idempotency-key")


@pytest.mark.usefixtures("_uncalled")
@pytest.mark.parametrize(
    ("change", "location"),
    [
        ({"short_description": ""}, "body/short_description"),
        ({"short_description": "x" * 161}, "body/short_description"),
        ({"short_description": None}, "body/short_description"),
        ({"short_description": ["x"]}, "body/short_description"),
        ({"description": "x" * 4001}, "body/description"),
        ({"impact": "4"}, "body/impact"),
        ({"impact": 1}, "body/impact"),
        ({"category": {"nested": "x"}}, "body/category"),
        ({"category": "x" * 4001}, "body/category"),
    ],
)
def test_81_a_field_of_the_wrong_shape_is_refused(api: Gateway, change: dict[str, object], location: str) -> None:
    """400 that names the place, and never repeats the value."""
    reply = create(api, BODY | change)

    refused(reply, 400, "invalid-request")
    assert [error["location"] for error in reply.json["errors"]] == [location]


def test_a_value_longer_than_its_column_is_refused_instead_of_cut(api: Gateway) -> None:
    """The names of fields that the deployment adds are known to the function alone."""
    refused(create(api, BODY | {"category": "x" * 256}), 400, "invalid-request", "255")


@pytest.mark.parametrize(
    ("text", "stored"),
    [
        *(
            (text, text)
            for text in (
                "emoji 🔥 größe 測試",
                "مرحبا right to left",
                "^ORnumber=INC0000001^NQ",
                "<script>alert(1)</script>",
                "${jndi:ldap://example.com/a}",
                '=cmd|" /C calc"!A0',
                "a\tb",
            )
        ),
        ("NUL \x00 and bell \x07", "NUL  and bell"),
        ("two\r\nlines", "two\nlines"),
        ("[code]<b>bold</b>[/code]", "[ code]<b>bold</b>[/ code]"),
        ("javascript:gs.log('x')", "'javascript:gs.log('x')"),
        ("turned \u202e around", "turned  around"),
    ],
)
def test_83_84_text_is_stored_as_text_and_what_would_do_something_made_inert(
    api: Gateway, servicenow: Simulator, text: str, stored: str
) -> None:
    """A query, a page, a look-up or a formula is kept; control characters, markup and scripts lose their effect."""
    assert create(api, BODY | {"description": text}).status == 201
    row = servicenow.records("incident")[-1]
    assert row["description"] == stored


@pytest.mark.usefixtures("_uncalled")
@pytest.mark.parametrize(
    ("path", "name"),
    [
        ("/incidents", "sysparm_query"),
        ("/incidents", "sate"),
        ("/tables/cmdb_ci/records", "name"),
        ("/health", "depth"),
    ],
)
def test_an_unknown_parameter_is_refused(api: Gateway, path: str, name: str) -> None:
    """A raw query, or a misspelt filter, must not list everything."""
    refused(api.call("GET", path, query={name: "1"}), 400, "invalid-request", name)


@pytest.mark.usefixtures("_uncalled")
def test_a_parameter_that_is_given_twice_is_refused(api: Gateway) -> None:
    """Which of them counts would be anybody's guess."""
    changes = {"multiValueQueryStringParameters": {"state": ["new", "open"]}}
    refused(api.call("GET", "/incidents", query={"state": "new"}, changes=changes), 400, "invalid-request")


@pytest.mark.parametrize(
    ("method", "path"),
    [("GET", "/nothing"), ("DELETE", "/incidents/INC0010001"), ("DELETE", "/"), ("POST", "/changes")],
)
def test_what_does_not_exist_is_not_found(api: Gateway, method: str, path: str) -> None:
    """404, as a problem that says how /changes would be there."""
    refused(api.call(method, path, {} if method == "POST" else None), 404, "not-found", "ChangeGate")


def test_a_form_of_a_change_without_any_field_is_refused(api: Gateway) -> None:
    """There would be nothing to do."""
    number = create(api, BODY).json["number"]

    refused(api.call("PATCH", f"/incidents/{number}", {}), 400, "invalid-request")
    for note in ({"text": ""}, {"text": "\x00\x07"}, {"text": "x", "more": "y"}):
        refused(api.call("POST", f"/incidents/{number}/comments", note), 400, "invalid-request")
