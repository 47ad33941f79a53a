"""What callers of the API tried against it, and against each other."""

import base64
import json
from typing import Any

import pytest

from common.api.admission import parse_json
from common.api.allow_list import AllowList
from common.api.callers import caller_of
from common.api.files import file_of
from common.api.problems import ProblemError
from common.errors import ConfigurationError
from common.settings import read_api_settings, read_settings
from local.simulator import Simulator
from tests.integration.api.gateway import Gateway
from tests.template.test_environment import accepts
from tests.unit.test_settings import COMPLETE

pytestmark = pytest.mark.attack

OPEN = {"short_description": "The disk is full"}
FORGED = ("state", "incident_state", "active", "resolved_by", "closed_at", "correlation_id", "number", "sys_id")


@pytest.mark.parametrize("field", FORGED)
def test_no_list_makes_a_transition_writable(field: str) -> None:
    """Neither that of incidents nor that of a table: the parameter would let callers close what is open."""
    allowed = AllowList(frozenset({field}), tables={"problem": (field,)})
    with pytest.raises(ProblemError):
        allowed.for_incident({field: "6"})
    with pytest.raises(ProblemError):
        allowed.for_table("problem", {field: "6"})


@pytest.mark.parametrize("tables", ["incident:number", "task:state", "problem:number;incident:state"])
@pytest.mark.parametrize("parameter", ["ApiTables", "ApiSensitiveTables"])
def test_no_table_opens_what_another_setting_closes(template: dict[str, Any], parameter: str, tables: str) -> None:
    """CloudFormation refuses it, and so does a function whose environment somebody edits."""
    assert not accepts(template, parameter, tables)
    with pytest.raises(ConfigurationError, match="use the routes of incidents"):
        read_api_settings({**COMPLETE, {"ApiTables": "API_TABLES"}.get(parameter, "API_SENSITIVE_TABLES"): tables})


@pytest.mark.parametrize(
    "table",
    [
        "sys_user_has_role",
        "sys_script",
        "sys_script_include",
        "sys_properties",
        "sys_user",
        "oauth_entity",
        "oauth_credential",
        "ecc_queue",
        "discovery_credentials",
        "basic_auth_credentials",
        "sys_certificate",
    ],
)
def test_a_table_that_decides_about_rights_needs_a_parameter_of_its_own(template: dict[str, Any], table: str) -> None:
    """Whoever may write one is administrator of the instance a moment later; rules never write one."""
    listed = f"cmdb_ci:name;{table}:name"
    assert not accepts(template, "ApiTables", listed)
    assert not accepts(template, "AllowedTables", f"problem,{table}")
    with pytest.raises(ConfigurationError, match=table):
        read_api_settings({**COMPLETE, "API_TABLES": listed})
    with pytest.raises(ConfigurationError, match=table):
        read_settings({**COMPLETE, "ALLOWED_TABLES": table})
    assert accepts(template, "ApiSensitiveTables", listed)
    assert table in read_api_settings({**COMPLETE, "API_SENSITIVE_TABLES": listed}).tables


@pytest.mark.parametrize("table", ["incident_task", "task_ci", "sc_task", "em_event", "sysapproval_approver", "system"])
def test_tables_of_similar_names_stay_open(template: dict[str, Any], table: str) -> None:
    """The refusal is for what is dangerous alone."""
    assert accepts(template, "ApiTables", f"{table}:name")
    assert accepts(template, "AllowedTables", table)


def test_a_change_of_an_unknown_record_tells_nothing_about_names(api: Gateway, servicenow: Simulator) -> None:
    """A name that exists and one that does not get the same answer."""
    replies = [
        api.call("PATCH", "/incidents/INC9999999", {"assignment_group": name}) for name in ("Network", "No such group")
    ]
    assert [reply.status for reply in replies] == [404, 404]
    assert len({reply.json["detail"] for reply in replies}) == 1
    assert servicenow.api_calls == 2, "one look for each record, none for a group"


@pytest.mark.parametrize("body", ['{"a": 1, "a": 2}', '{"x": {"state": "1", "state": "6"}}', r'{"a": 1, "\u0061": 2}'])
def test_a_member_that_is_named_twice_is_refused(body: str) -> None:
    """A proxy that checks the first and a function that takes the last do not check what is done."""
    with pytest.raises(ProblemError, match="twice"):
        parse_json(body)


@pytest.mark.parametrize(
    "document",
    [
        ["2026-01-31", 0, None],
        ["2026-01-01 00:00:00^NQactive=true", 0, None],
        ["javascript:gs.now()", 0, None],
        ["9" * 150, 0, None],
        [0, 0, None],
        ["2026-01-01 00:00:00", -1, None],
        ["2026-01-01 00:00:00", True, None],
        ["2026-01-01 00:00:00", 0],
        [[[]]],
    ],
)
def test_a_forged_cursor_is_the_callers_mistake(api: Gateway, document: list[object]) -> None:
    """400, whatever it holds; it never becomes part of a query."""
    bound = json.loads(base64.urlsafe_b64decode(_cursor(api) + "=="))[2]
    forged = json.dumps([bound if part is None else part for part in document])
    cursor = base64.urlsafe_b64encode(forged.encode()).decode().rstrip("=")
    assert api.call("GET", "/incidents", query={"cursor": cursor}).status == 400


def _cursor(api: Gateway) -> str:
    for key in ("a", "b"):
        assert api.call("POST", "/incidents", OPEN, key=key).status == 201
    return str(api.call("GET", "/incidents", query={"limit": "1"}).json["next_cursor"])


@pytest.mark.parametrize("authorizer", [{"claims": "text"}, {"claims": ["x"]}, "text", ["x"], {"claims": {"iss": "x"}}])
def test_a_context_of_another_shape_is_no_crash(authorizer: object) -> None:
    """A Lambda authoriser chooses its own members; who is not named by one is nobody."""
    with pytest.raises(ProblemError) as refused:
        caller_of({"path": "/incidents", "httpMethod": "GET", "requestContext": {"authorizer": authorizer}})
    assert refused.value.kind.status == 403


def test_a_context_with_a_text_for_claims_still_names_its_principal() -> None:
    """It got 502 for every call."""
    context = {"authorizer": {"claims": "text", "principalId": "billing"}}
    assert caller_of({"path": "/x", "httpMethod": "GET", "requestContext": context}) == "principal:billing"


def test_an_issuer_and_a_subject_can_not_be_cut_in_another_place() -> None:
    """`https://a#b` and `c` are not `https://a` and `b#c`."""
    callers = {
        caller_of({"path": "/x", "requestContext": {"authorizer": {"claims": {"iss": iss, "sub": sub}}}})
        for iss, sub in (("https://a#b", "c"), ("https://a", "b#c"))
    }
    assert len(callers) == 2


PAGE = b"<html><script>alert(1)</script>"
DRAWING = b'<?xml version="1.0"?><svg xmlns="http://www.w3.org/2000/svg" onload="alert(1)"/>'


@pytest.mark.parametrize(
    ("name", "media_type", "data"),
    [
        ("page.html", "text/plain", PAGE),
        ("page.html", "application/octet-stream", b"x"),
        ("page.txt", "text/plain", PAGE),
        ("page.txt", "text/plain", b" \n\xef\xbb\xbf"[:2] + PAGE),
        ("page", "application/octet-stream", b"\xef\xbb\xbf" + PAGE),
        ("page.txt", "text/plain", PAGE.decode().encode("utf-16")),
        ("drawing.svg", "image/png", DRAWING),
        ("drawing.png", "image/png", DRAWING),
        ("drawing.png", "application/octet-stream", DRAWING),
        ("graph.png", "text/plain", b"\x89PNG\r\n\x1a\n"),
        ("graph.png", "application/octet-stream", b"MZ\x90"),
        ("report.pdf", "application/pdf", b"MZ\x90"),
        ("report.pdf.exe", "application/octet-stream", b"MZ\x90"),
        ("page.html. .", "application/octet-stream", b"x"),
        ("table.csv", "application/json", b"{}"),
    ],
)
def test_a_file_that_is_not_what_it_says_is_refused(name: str, media_type: str, data: bytes) -> None:
    """Name, declared type and first bytes agree, or nobody gets to open it in a browser of ServiceNow."""
    with pytest.raises(ProblemError) as refused:
        file_of(name, media_type, data)
    assert refused.value.kind.status == 415


@pytest.mark.parametrize(
    ("name", "media_type", "data"),
    [
        ("graph.png", "image/png", b"\x89PNG\r\n\x1a\n..."),
        ("Photo.JPG", "image/jpeg", b"\xff\xd8\xff\xe0"),
        ("app.log", "text/plain; charset=utf-8", b"<3 is no tag"),
        ("table.csv", "text/csv", b"=1+1"),
        ("core.dump", "application/octet-stream", b"\x7fELF"),
        ("a.tar.gz", "application/gzip", b"\x1f\x8b\x08"),
    ],
)
def test_a_file_that_is_what_it_says_is_taken(name: str, media_type: str, data: bytes) -> None:
    """Also a formula: the guide says why."""
    assert file_of(name, media_type, data).content.data == data
