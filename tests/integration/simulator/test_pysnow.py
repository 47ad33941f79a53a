"""pysnow, a public client, unchanged: basic authentication."""

from collections.abc import Iterator
from pathlib import Path

import pysnow
import pytest
from pysnow.exceptions import NoResults, ResponseError
from requests import HTTPError

from local.simulator import Fault, Simulator
from tests.integration.simulator.caller import PASSWORD, USER


@pytest.fixture
def client(trusted: Simulator) -> Iterator[pysnow.Client]:
    """Return a client with user and password."""
    with pysnow.Client(host=trusted.host, user=USER, password=PASSWORD) as client:
        yield client


def test_create_query_update_delete(simulator: Simulator, client: pysnow.Client) -> None:
    """A record goes through its whole life."""
    incidents = client.resource(api_path="/table/incident")
    created = incidents.create({"short_description": "Disk is full"}).one()
    found = incidents.get(query={"number": created["number"]}).one()
    assert found["sys_id"] == created["sys_id"]
    updated = incidents.update({"number": created["number"]}, {"state": "2"}).one()
    assert updated["state"] == "2"
    assert incidents.delete({"number": created["number"]}) == {"status": "record deleted"}
    assert simulator.records("incident") == []


def test_a_built_query_is_streamed(simulator: Simulator, client: pysnow.Client) -> None:
    """The query builder's text and the stream parser work."""
    for state in ("1", "2", "2"):
        simulator.insert("incident", {"state": state})
    query = pysnow.QueryBuilder().field("state").equals("2").AND().field("number").order_descending()
    rows = client.resource(api_path="/table/incident").get(query=query, stream=True, fields=["number"]).all()
    assert list(rows) == [{"number": "INC0010003"}, {"number": "INC0010002"}]


def test_nothing_found_is_no_result(client: pysnow.Client) -> None:
    """An empty list is told apart from an error."""
    with pytest.raises(NoResults):
        client.resource(api_path="/table/incident").get(query={"number": "INC0"}).one()


def test_an_error_has_a_detail(simulator: Simulator, client: pysnow.Client) -> None:
    """A streamed error inside a 200 shows message and detail, any other raises by its status."""
    sys_id = simulator.insert("incident", {"short_description": "open"})
    incidents = client.resource(api_path="/table/incident")
    with pytest.raises(HTTPError, match="403"):
        incidents.update({"sys_id": sys_id}, {"state": "6"}).one()
    simulator.add_fault(Fault(content="error_in_success"))
    with pytest.raises(ResponseError) as caught:
        incidents.get(query={}, stream=True).first()
    assert (caught.value.message, caught.value.detail) == ("Operation Failed", "<empty>")


# pysnow leaves the file that it uploads to the garbage collector.
@pytest.mark.filterwarnings("ignore::pytest.PytestUnraisableExceptionWarning")
def test_an_attachment_is_uploaded(simulator: Simulator, client: pysnow.Client, tmp_path: Path) -> None:
    """A file is attached to a record."""
    sys_id = simulator.insert("incident", {"short_description": "see file"})
    file = tmp_path / "log.txt"
    file.write_text("a line", encoding="ascii")
    client.resource(api_path="/table/incident").attachments.upload(sys_id=sys_id, file_path=str(file))
    assert [row["file_name"] for row in simulator.records("sys_attachment")] == ["log.txt"]
