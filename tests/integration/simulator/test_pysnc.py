"""PySNC, a public client, unchanged: client credentials over TLS."""

from collections.abc import Iterator

import pytest
from pysnc import ServiceNowClient
from pysnc.auth import ServiceNowClientCredentialsFlow
from pysnc.exceptions import AuthenticationException

from local.simulator import Simulator
from tests.integration.simulator.caller import CLIENT_ID, CLIENT_SECRET


@pytest.fixture
def client(trusted: Simulator) -> Iterator[ServiceNowClient]:
    """Return a client with a token."""
    flow = ServiceNowClientCredentialsFlow(CLIENT_ID, CLIENT_SECRET)
    client = ServiceNowClient(f"https://{trusted.host}", flow)
    yield client
    client.session.close()


def test_insert_get_update_delete(simulator: Simulator, client: ServiceNowClient) -> None:
    """A record goes through its whole life."""
    record = client.GlideRecord("incident")
    record.initialize()
    record.short_description = "Disk is full"
    record.impact, record.urgency = "1", "2"
    sys_id = record.insert()
    read = client.GlideRecord("incident")
    assert read.get(sys_id)
    assert (read.get_value("number"), read.get_display_value("priority")) == ("INC0010001", "2 - High")
    read.short_description = "Disk is fuller"
    read.work_notes = "looked at"
    assert read.update() == sys_id
    assert simulator.records("incident")[0]["short_description"] == "Disk is fuller"
    assert simulator.journal(sys_id, "work_notes") == ["looked at"]
    assert read.delete()
    assert simulator.records("incident") == []


def test_a_query_goes_through_all_pages(simulator: Simulator, client: ServiceNowClient) -> None:
    """Paging by offset and total count ends after the last record."""
    for number in range(25):
        simulator.insert("incident", {"short_description": f"number {number:02}", "impact": "1" if number else "2"})
    record = client.GlideRecord("incident", batch_size=10)
    record.add_query("impact", "1")
    record.order_by("short_description")
    record.query()
    assert record.get_row_count() == 24
    assert [row.get_value("short_description") for row in record] == [f"number {n:02}" for n in range(1, 25)]
    assert simulator.api_calls == 3


def test_references_show_their_names(simulator: Simulator, client: ServiceNowClient) -> None:
    """Display values and dot-walked fields arrive."""
    sys_id = simulator.insert("incident", {"assignment_group": "Network"})
    record = client.GlideRecord("incident")
    record.fields = ["assignment_group", "assignment_group.name"]
    assert record.get(sys_id)
    assert record.get_display_value("assignment_group") == "Network"
    assert record.assignment_group.name == "Network"


def test_several_records_in_one_batch(simulator: Simulator, client: ServiceNowClient) -> None:
    """The batch API updates and deletes what a query found, in a call each."""
    for number in range(5):
        simulator.insert("incident", {"short_description": f"number {number}"})
    record = client.GlideRecord("incident")
    record.query()
    for row in record:
        row.short_description = "done"
    assert record.update_multiple()
    assert {row["short_description"] for row in simulator.records("incident")} == {"done"}
    assert sum(call.path.endswith("/batch") for call in simulator.calls) == 1
    again = client.GlideRecord("incident")
    again.query()
    again.delete_multiple()
    assert simulator.records("incident") == []


def test_an_attachment_comes_back(simulator: Simulator, client: ServiceNowClient) -> None:
    """A file is attached, listed and read."""
    sys_id = simulator.insert("incident", {"short_description": "see file"})
    record = client.GlideRecord("incident")
    assert record.get(sys_id)
    record.add_attachment("log.txt", b"a line", content_type="text/plain")
    attachments = record.get_attachments()
    assert [(found.file_name, found.read()) for found in attachments] == [("log.txt", b"a line")]


def test_a_wrong_secret_is_an_authentication_error(trusted: Simulator) -> None:
    """The client shows the endpoint's words."""
    flow = ServiceNowClientCredentialsFlow(CLIENT_ID, "wrong")
    with pytest.raises(AuthenticationException, match="401 Unauthorized - access_denied"):
        ServiceNowClient(f"https://{trusted.host}", flow)
