import pytest

from common.errors import ConfigurationError, PermanentError
from common.servicenow.client import Content
from common.servicenow.query import all_of, equals, newest_first, term
from common.servicenow.refusals import RejectedError
from local.simulator import Simulator
from tests.integration.servicenow.line import FIELDS, Line


def test_a_record_is_created_read_changed_and_found(line: Line) -> None:
    """One token request, one call each, and each answer is the record as it is now."""
    created = line.create(short_description="Checkout is slow 🔥 עברית", correlation_id="a-1")
    assert created.fields["number"].startswith("INC")
    assert set(created.fields) == set(FIELDS)
    assert created.transaction_id
    read = line.read(created.sys_id)
    assert read is not None
    assert read.fields == created.fields
    read = line.read(created.sys_id)
    assert read is not None
    assert read.fields == created.fields
    assert line.update(created.sys_id, state="2").fields["state"] == "2"
    (found,) = line.find(equals("correlation_id", "a-1"))
    assert (found.sys_id, found.fields["state"]) == (created.sys_id, "2")
    assert found.fields["short_description"] == "Checkout is slow 🔥 עברית"
    assert line.simulator.token_requests == 1


def test_references_come_as_sys_ids(line: Line) -> None:
    """Not as objects with a link."""
    caller = line.simulator.records("sys_user")[0]["sys_id"]
    assert line.create(caller_id=caller).fields["caller_id"] == caller


def test_a_record_that_is_not_there_is_none(line: Line) -> None:
    """The other one remains."""
    created = line.create()
    assert line.read("0" * 32) is None
    assert line.read(created.sys_id) is not None


def test_nothing_found_is_an_empty_list(line: Line) -> None:
    """Version 2 answers so; version 1 would have answered 404."""
    assert line.find(equals("correlation_id", "none")) == []


def test_only_as_many_rows_as_asked_for_come_back(line: Line) -> None:
    """Two are enough to see that there are several."""
    for _ in range(3):
        line.create(correlation_id="same")
    assert len(line.find(equals("correlation_id", "same"))) == 2
    assert len(line.find(equals("correlation_id", "same"), limit=10)) == 3


def test_pages_follow_each_other(line: Line, simulator: Simulator) -> None:
    """Each row once, although one page comes short because a row is hidden."""
    ids = [line.create(correlation_id=f"page-{number}").sys_id for number in range(5)]
    simulator.configure(hidden_records=(ids[2],))
    query = newest_first(term("correlation_id", "STARTSWITH", "page-"))
    seen: list[str] = []
    for offset in (0, 2, 4):
        page = line.records.page("incident", query, line.deadline(), limit=2, offset=offset)
        seen += [record.sys_id for record in page.records]
        assert page.more is (offset < 4)
    assert sorted(seen) == sorted(set(ids) - {ids[2]})


def test_a_file_is_attached(line: Line, simulator: Simulator) -> None:
    """To the record that it belongs to."""
    created = line.create()
    attached = line.records.attach(
        "incident", created.sys_id, "a b&c.png", Content("image/png", b"\x89PNG"), line.deadline()
    )
    (row,) = simulator.records("sys_attachment")
    assert (row["sys_id"], row["table_sys_id"], row["file_name"]) == (attached.sys_id, created.sys_id, "a b&c.png")


def test_a_condition_that_the_instance_does_not_know_brings_other_rows(line: Line) -> None:
    """Fault 62: it is dropped without a word, which is why the desk compares each row's own key."""
    line.create(correlation_id="mine")
    line.create(correlation_id="foreign")
    found = line.find(equals("u_no_such_field", "mine"))
    assert [record.fields["correlation_id"] for record in found] == ["mine", "foreign"]


@pytest.mark.parametrize("value", ["x^ORcorrelation_id=secret", "javascript:gs.getUserID()", "x\nactive=true"])
def test_no_value_reaches_beyond_its_condition(line: Line, value: str) -> None:
    """What could is refused before it is sent."""
    line.create(correlation_id="secret")
    calls = line.api_calls()
    with pytest.raises(PermanentError):
        line.find(equals("correlation_id", value))
    assert line.api_calls() == calls


@pytest.mark.parametrize(
    "value", ["a=b", "a!=b", "a>=b", "aLIKEb", "ISEMPTY", "a@b", "a&b", "a+b %41", "ORx", "NQx", "a,b", "é", "🔥"]
)
def test_every_other_value_is_found_as_it_is(line: Line, value: str) -> None:
    """Words that mean something elsewhere in a query are only text here."""
    line.create(correlation_id="another")
    mine = line.create(correlation_id=value)
    found = line.find(all_of([equals("correlation_id", value), equals("active", "true")]))
    assert [record.sys_id for record in found] == [mine.sys_id]


def test_a_table_that_the_instance_does_not_know_is_held(line: Line) -> None:
    """Fault 42."""
    with pytest.raises(ConfigurationError) as caught:
        line.records.create("incidnt", {"short_description": "x"}, line.deadline())
    assert caught.value.status == 400


def test_a_resolution_without_a_close_code_is_refused(line: Line) -> None:
    """The data policy's answer is recognised, and the advice names the setting."""
    created = line.create()
    with pytest.raises(RejectedError, match="data policy") as caught:
        line.update(created.sys_id, state="6")
    assert "CloseCode" in caught.value.action
    line.update(created.sys_id, state="6", close_code="Solution provided", close_notes="over")


def test_a_change_of_a_record_that_is_gone_is_refused(line: Line) -> None:
    """Fault 41: whoever changes it has to know."""
    with pytest.raises(RejectedError) as caught:
        line.update("0" * 32, state="2")
    assert caught.value.status == 404
