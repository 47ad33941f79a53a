"""snowloader, a public client that reads whole tables, unchanged: client credentials over TLS."""

import socket
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from snowloader import ChangeLoader, CMDBLoader, IncidentLoader, ProblemLoader, SnowConnection

from local.certificates import create_authority, issue
from local.simulator import Simulator
from tests.integration.simulator.caller import CLIENT_ID, CLIENT_SECRET

NAME = "instance.example.com"
"""It wants a name of an instance with a domain; the tests let this one be the loopback interface."""


@pytest.fixture
def named(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Simulator]:
    """Provide a simulator that answers under a name with a domain."""
    authority = create_authority("simulator under a name")
    bundle = tmp_path / "authority.pem"
    bundle.write_text(authority.certificate_pem, encoding="ascii")
    monkeypatch.setenv("REQUESTS_CA_BUNDLE", str(bundle))
    resolve = socket.getaddrinfo

    def resolved(host: Any, *rest: Any, **options: Any) -> Any:  # noqa: ANN401 -- as of getaddrinfo
        return resolve("127.0.0.1" if host == NAME else host, *rest, **options)

    monkeypatch.setattr(socket, "getaddrinfo", resolved)
    certificate = issue(authority, (NAME,))
    with Simulator(
        client_id=CLIENT_ID, client_secret=CLIENT_SECRET, seed=1, authority=authority, certificate=certificate
    ) as simulator:
        yield simulator


@pytest.fixture
def connection(named: Simulator) -> Iterator[SnowConnection]:
    """Provide a connection with small pages."""
    with SnowConnection(
        f"https://{NAME}:{named.port}", client_id=CLIENT_ID, client_secret=CLIENT_SECRET, page_size=3
    ) as connection:
        yield connection


def test_a_table_is_read_page_by_page(named: Simulator, connection: SnowConnection) -> None:
    """Every record once, whatever the size of a page."""
    for number in range(8):
        named.insert("incident", {"short_description": f"number {number}", "assignment_group": "Network"})
    documents = IncidentLoader(connection).load()
    assert len({document.metadata["sys_id"] for document in documents}) == 8
    assert all("Network" in document.page_content for document in documents)
    assert connection.get_count("incident") == 8


def test_problems_changes_and_items_become_documents(named: Simulator, connection: SnowConnection) -> None:
    """With the labels of their states."""
    named.insert("problem", {"short_description": "Disks fill up"})
    named.insert("change_request", {"short_description": "Larger disks"})
    [problem] = ProblemLoader(connection).load()
    [change] = ChangeLoader(connection).load()
    assert ("Disks fill up" in problem.page_content, "Larger disks" in change.page_content) == (True, True)
    names = {document.page_content for document in CMDBLoader(connection, ci_class="cmdb_ci_server").load()}
    assert any("orders-db" in text for text in names)


def test_the_tables_below_a_table_are_found(connection: SnowConnection) -> None:
    """By `sys_db_object`."""
    assert {"incident", "problem", "change_request", "sc_req_item"} <= set(connection.get_table_descendants("task"))
