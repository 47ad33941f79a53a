from collections.abc import Callable
from urllib.parse import parse_qs, urlsplit

import pytest

from common.clock import Deadline
from common.errors import AmbiguousError, BridgeError, PermanentError, TransientError
from common.servicenow.client import Content, ServiceNowClient
from common.servicenow.query import equals
from common.servicenow.records import Record, Records
from common.servicenow.refusals import RejectedError
from common.transport import Response
from tests.support.clock import FakeClock
from tests.support.exchanges import ListedTokens, Request, ScriptedSender, answer, refusal
from tests.support.reports import Reports

ID = "0123456789abcdef0123456789abcdef"
OTHER = "f" * 32
ROW = {"sys_id": ID, "number": "INC0010001", "state": "1"}
FIELDS = ("sys_id", "number", "state")


class Line:
    """Records behind a script of answers."""

    def __init__(self, *script: Response | BridgeError) -> None:
        clock = FakeClock()
        self.sender = ScriptedSender(clock, *script)
        client = ServiceNowClient(self.sender, ListedTokens(), clock=clock, telemetry=Reports().telemetry)
        self.records = Records(client, FIELDS)
        self.deadline = Deadline.after(clock, 60.0)

    @property
    def request(self) -> Request:
        """The only request that was sent."""
        (request,) = self.sender.requests
        return request

    def parameters(self) -> dict[str, list[str]]:
        """Return the parameters of that request."""
        return parse_qs(urlsplit(self.request.target).query, strict_parsing=True)


SHOWN = {"sysparm_exclude_reference_link": ["true"], "sysparm_fields": ["sys_id,number,state"]}


def test_a_row_is_created_and_returned() -> None:
    """With the fields that were asked for, and the transaction for whoever looks into ServiceNow's log."""
    line = Line(answer(201, {"result": ROW}, X_Transaction_ID="0123456789ab"))
    record = line.records.create("incident", {"state": "1"}, line.deadline)
    assert record == Record(ID, ROW, "0123456789ab")
    assert (line.request.method, line.request.fields) == ("POST", {"state": "1"})
    assert urlsplit(line.request.target).path == "/api/now/v2/table/incident"
    assert line.parameters() == SHOWN


def test_a_row_is_read() -> None:
    """By its sys_id."""
    line = Line(answer(200, {"result": ROW}))
    assert line.records.read("incident", ID, line.deadline) == Record(ID, ROW)
    assert (line.request.method, line.request.body) == ("GET", None)
    assert urlsplit(line.request.target).path == f"/api/now/v2/table/incident/{ID}"
    assert line.parameters() == SHOWN


def test_a_row_is_changed() -> None:
    """Only the given fields are sent."""
    line = Line(answer(200, {"result": ROW}))
    assert line.records.update("incident", ID, {"state": "6"}, line.deadline).fields["state"] == "1"
    assert (line.request.method, line.request.fields) == ("PATCH", {"state": "6"})
    assert urlsplit(line.request.target).path == f"/api/now/v2/table/incident/{ID}"


def test_rows_are_found() -> None:
    """With the query as it is, and no more rows than needed."""
    line = Line(answer(200, {"result": [ROW, {**ROW, "sys_id": OTHER}]}))
    found = line.records.find("incident", equals("number", "a&b=c+d #%"), line.deadline)
    assert [record.sys_id for record in found] == [ID, OTHER]
    assert line.parameters() == {**SHOWN, "sysparm_query": ["number=a&b=c+d #%"], "sysparm_limit": ["2"]}


def test_no_row_may_be_found() -> None:
    """An empty list is an answer."""
    line = Line(answer(200, {"result": []}))
    assert line.records.find("incident", equals("number", "x"), line.deadline, limit=7) == []
    assert line.parameters()["sysparm_limit"] == ["7"]


@pytest.mark.parametrize(
    ("link", "more"),
    [
        (None, False),
        ('<https://x/api?sysparm_offset=0>;rel="first",<https://x/api?sysparm_offset=2>;rel="next"', True),
        ('<https://x/api?sysparm_offset=0>;rel="first",<https://x/api?sysparm_offset=4>;rel="last"', False),
    ],
)
@pytest.mark.parametrize("rows", [[], [ROW]])
def test_a_page_says_whether_there_are_more_rows(rows: list[dict[str, str]], link: str | None, *, more: bool) -> None:
    """The header decides: access controls make pages short, even empty, in the middle of a list."""
    headers = {} if link is None else {"Link": link}
    line = Line(answer(200, {"result": rows}, **headers))
    page = line.records.page("incident", equals("active", "true"), line.deadline, limit=2, offset=4)
    assert (len(page.records), page.more) == (len(rows), more)
    assert line.parameters()["sysparm_offset"] == ["4"]


def test_a_file_is_attached() -> None:
    """To a row, under its own name and type."""
    line = Line(answer(201, {"result": {"sys_id": OTHER, "file_name": "a b.png"}}))
    file = Content("image/png", b"\x89PNG")
    assert line.records.attach("incident", ID, "a b&c.png", file, line.deadline).sys_id == OTHER
    assert urlsplit(line.request.target).path == "/api/now/attachment/file"
    assert line.parameters() == {"table_name": ["incident"], "table_sys_id": [ID], "file_name": ["a b&c.png"]}
    assert (line.request.headers["Content-Type"], line.request.body) == ("image/png", b"\x89PNG")


def test_only_texts_become_fields() -> None:
    """A reference that came back as an object, a null and a number are left out instead of misread."""
    row = {**ROW, "caller_id": {"link": "https://x", "value": OTHER}, "x": None, "y": 7, "z": True, "w": ["a"]}
    line = Line(answer(200, {"result": row}))
    record = line.records.read("incident", ID, line.deadline)
    assert record == Record(ID, ROW)


def test_a_row_that_is_not_there_is_none() -> None:
    """Or one that access controls hide: ServiceNow does not tell them apart."""
    line = Line(refusal(404, "No Record found", "Record doesn't exist or ACL restricts the record retrieval"))
    assert line.records.read("incident", ID, line.deadline) is None


@pytest.mark.parametrize("status", [400, 403])
def test_any_other_refusal_of_a_read_is_raised(status: int) -> None:
    """It is not the same as "there is none"."""
    line = Line(refusal(status))
    with pytest.raises(RejectedError):
        line.records.read("incident", ID, line.deadline)


def test_a_404_for_a_change_or_a_query_is_raised() -> None:
    """Whoever changes a row has to know that it is gone."""
    line = Line(refusal(404))
    with pytest.raises(RejectedError) as caught:
        line.records.update("incident", ID, {}, line.deadline)
    assert caught.value.status == 404
    with pytest.raises(RejectedError):
        line.records.find("incident", equals("number", "x"), line.deadline)


NO_ROW = {
    "null": None,
    "a text": "INC1",
    "a list": [ROW],
    "no sys_id": {"number": "INC1"},
    "an empty sys_id": {"sys_id": ""},
    "a sys_id in capitals": {"sys_id": ID.upper()},
    "a sys_id with more behind it": {"sys_id": f"{ID}/x"},
    "a sys_id with a line end": {"sys_id": f"{ID}\n"},
    "a sys_id as an object": {"sys_id": {"value": ID}},
    "display values": {"sys_id": {"display_value": ID, "value": ID}},
}


@pytest.mark.parametrize("result", NO_ROW.values(), ids=list(NO_ROW))
def test_what_is_no_row_is_unclear_for_a_write_and_transient_for_a_read(result: object) -> None:
    """A success without a proper record is not taken for one; a write may have been carried out nevertheless."""
    line = Line(answer(200, {"result": result}))
    with pytest.raises(AmbiguousError):
        line.records.create("incident", {}, line.deadline)
    with pytest.raises(AmbiguousError):
        line.records.update("incident", ID, {}, line.deadline)
    with pytest.raises(TransientError):
        line.records.read("incident", ID, line.deadline)
    if not isinstance(result, list):
        with pytest.raises(TransientError):
            line.records.find("incident", equals("number", "x"), line.deadline)


def test_a_list_with_one_row_that_is_none_is_not_trusted() -> None:
    """Half an answer would look like "there is no such record"."""
    line = Line(answer(200, {"result": [ROW, {"number": "INC2"}]}))
    with pytest.raises(TransientError):
        line.records.find("incident", equals("number", "x"), line.deadline)


def test_an_answer_about_another_row_is_not_trusted() -> None:
    """Fault 62: what was asked for is what counts."""
    line = Line(answer(200, {"result": {**ROW, "sys_id": OTHER}}))
    with pytest.raises(TransientError):
        line.records.read("incident", ID, line.deadline)
    with pytest.raises(AmbiguousError):
        line.records.update("incident", ID, {}, line.deadline)


def test_an_empty_204_says_nothing_about_the_row() -> None:
    """It was asked to answer with the record."""
    line = Line(answer(204, b""))
    with pytest.raises(AmbiguousError):
        line.records.update("incident", ID, {}, line.deadline)


@pytest.mark.parametrize(
    "table", ["", "Incident", "in cident", "incident/..", "../sys_user", "incident?x=1", "incident\n", "1st", "a" * 81]
)
def test_what_is_no_table_name_is_never_sent(table: str) -> None:
    """Fault 91: a name from outside cannot leave its place in the address."""
    line = Line(answer(200, {"result": ROW}))
    query = equals("number", "x")
    attempts: list[Callable[[], object]] = [
        lambda: line.records.create(table, {}, line.deadline),
        lambda: line.records.read(table, ID, line.deadline),
        lambda: line.records.update(table, ID, {}, line.deadline),
        lambda: line.records.find(table, query, line.deadline),
        lambda: line.records.attach(table, ID, "x", Content("text/plain", b""), line.deadline),
    ]
    for attempt in attempts:
        with pytest.raises(PermanentError, match="is no table name") as caught:
            attempt()
        assert caught.value.status == 400
    assert line.sender.requests == []


@pytest.mark.parametrize(
    "sys_id", ["", "INC0010001", ID.upper(), ID[:-1], f"{ID}0", "../../sys_user", f"{ID}\n", "é" * 32]
)
def test_what_is_no_sys_id_is_never_sent(sys_id: str) -> None:
    """Fault 91: the same."""
    line = Line(answer(200, {"result": ROW}))
    attempts: list[Callable[[], object]] = [
        lambda: line.records.read("incident", sys_id, line.deadline),
        lambda: line.records.update("incident", sys_id, {}, line.deadline),
        lambda: line.records.attach("incident", sys_id, "x", Content("text/plain", b""), line.deadline),
    ]
    for attempt in attempts:
        with pytest.raises(PermanentError, match="is no sys_id") as caught:
            attempt()
        assert caught.value.status == 400
    assert line.sender.requests == []
