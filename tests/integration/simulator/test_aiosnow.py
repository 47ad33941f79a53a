"""aiosnow, a public client, unchanged: asyncio and basic authentication."""

import asyncio
import ssl
from typing import Any

import aiosnow
import pytest
from aiohttp import ClientSession, TCPConnector
from aiosnow.models.table.declared import IncidentModel

from local.simulator import Simulator
from tests.integration.simulator.caller import PASSWORD, USER

# The client takes its session's class from the caller; there is no other way to hand it a certificate authority.
pytestmark = pytest.mark.filterwarnings("ignore::DeprecationWarning")


def connected(simulator: Simulator) -> aiosnow.Client:
    """Return a client that trusts the simulator's authority alone."""

    class Session(ClientSession):
        def __init__(self, **options: Any) -> None:  # noqa: ANN401 -- those of aiohttp
            options.pop("connector")._close()
            context = ssl.create_default_context(cadata=simulator.ca_pem)
            super().__init__(**options, connector=TCPConnector(ssl=context))

    return aiosnow.Client(simulator.host, basic_auth=(USER, PASSWORD), session_cls=Session)


def test_create_query_update_delete(simulator: Simulator) -> None:
    """A record goes through its whole life, with choices as numbers and labels."""

    async def life() -> tuple[Any, list[Any]]:
        async with IncidentModel(connected(simulator), table_name="incident") as incidents:
            created = await incidents.create({"short_description": "Disk is full", "impact": 1, "urgency": 1})
            number = created["number"]
            found = list(await incidents.get(IncidentModel.number == number, limit=5))
            await incidents.update(IncidentModel.number == number, {"state": 2})
            changed = simulator.records("incident")
            await incidents.delete(IncidentModel.number == number)
            return found[0], changed

    found, changed = asyncio.run(life())
    assert (found["priority"].key, found["priority"].value) == (1, "1 - Critical")
    assert [row["state"] for row in changed] == ["2"]
    assert simulator.records("incident") == []


def test_a_query_with_an_order_and_a_limit(simulator: Simulator) -> None:
    """Conditions and order arrive as an encoded query."""
    for impact in ("3", "1", "2", "1"):
        simulator.insert("incident", {"impact": impact})

    async def found() -> list[str]:
        async with IncidentModel(connected(simulator), table_name="incident") as incidents:
            query = aiosnow.select(IncidentModel.impact <= 2).order_desc(IncidentModel.number)
            return [row["number"] for row in await incidents.get(query, limit=2)]

    assert asyncio.run(found()) == ["INC0010004", "INC0010003"]
