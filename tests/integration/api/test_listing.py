"""Pages of incidents: filters, cursors, and what ServiceNow may do to a query."""

from collections.abc import Callable
from datetime import UTC, datetime, timedelta

import pytest

from local.simulator import Simulator
from local.simulator.tables import seed_id
from tests.integration.api.gateway import Gateway


def create(api: Gateway, key: str, **fields: str) -> str:
    """Create an incident and return its number."""
    reply = api.call("POST", "/incidents", {"short_description": key, **fields}, key=key)
    assert reply.status == 201
    return str(reply.json["number"])


def listed(api: Gateway, **query: str) -> list[str]:
    """Return the numbers of all pages, in order."""
    numbers: list[str] = []
    cursor = None
    for _ in range(100):
        reply = api.call("GET", "/incidents", query=query | ({"cursor": cursor} if cursor else {}))
        assert reply.status == 200, reply.text
        numbers += [record["number"] for record in reply.json["records"]]
        cursor = reply.json["next_cursor"]
        if cursor is None:
            return numbers
    pytest.fail("there is no end")


def test_only_what_the_bridge_opened_is_listed_newest_first(api: Gateway, servicenow: Simulator) -> None:
    """Each with its short fields; long texts are for reading one."""
    servicenow.insert("incident", {"short_description": "somebody else's"})
    first = create(api, "first", description="long")
    servicenow.clock_offset = 10
    second = create(api, "second")

    assert listed(api) == [second, first]
    [record, _] = api.call("GET", "/incidents").json["records"]
    assert record["short_description"] == "second"
    assert not {"description", "correlation_id", "assignment_group.name"} & record.keys()


@pytest.mark.parametrize("limit", [1, 2, 3, 7, 100])
def test_pages_hold_every_incident_once(api: Gateway, servicenow: Simulator, limit: int) -> None:
    """Although several were created within one second, and more than a page of them."""
    numbers = set()
    for moment in range(3):
        servicenow.clock_offset = moment * 10
        numbers |= {create(api, f"{moment}-{number}") for number in range(3)}

    found = listed(api, limit=str(limit))

    assert sorted(found) == sorted(numbers)


def test_incidents_that_come_meanwhile_move_nothing(api: Gateway, servicenow: Simulator) -> None:
    """The next page goes on where the last one ended."""
    old = []
    for number in range(4):
        servicenow.clock_offset = number * 10
        old.append(create(api, f"old {number}".replace(" ", "-")))
    page = api.call("GET", "/incidents", query={"limit": "2"}).json
    servicenow.clock_offset = 100
    create(api, "new")

    following = api.call("GET", "/incidents", query={"limit": "2", "cursor": page["next_cursor"]}).json

    assert [record["number"] for record in page["records"] + following["records"]] == old[::-1]


def test_pages_that_access_rules_empty_are_passed_over(api: Gateway, servicenow: Simulator) -> None:
    """ServiceNow takes hidden records out of a page after it counted them."""
    for number in range(6):
        servicenow.clock_offset = number * 10
        create(api, str(number))
    rows = servicenow.records("incident")
    servicenow.configure(hidden_records=tuple(row["sys_id"] for row in rows[2:5]))

    assert listed(api, limit="2") == [rows[index]["number"] for index in (5, 1, 0)]


def test_incidents_are_filtered_by_state(api: Gateway, servicenow: Simulator) -> None:
    """`open` is every state in which the incident is active."""
    new, busy, over = (create(api, key) for key in ("new", "busy", "over"))
    by_number = {row["number"]: row["sys_id"] for row in servicenow.records("incident")}
    servicenow.update("incident", by_number[busy], {"state": "2"})
    closing = {"state": "7", "close_code": "Duplicate", "close_notes": "x"}
    servicenow.update("incident", by_number[over], closing)

    assert listed(api, state="new") == [new]
    assert listed(api, state="in_progress") == [busy]
    assert listed(api, state="closed") == [over]
    assert sorted(listed(api, state="open")) == sorted([new, busy])


def test_incidents_are_filtered_by_group_and_time(api: Gateway, servicenow: Simulator) -> None:
    """A group is named or given by its sys_id; times carry their zone."""
    group = seed_id("sys_user_group", "Cloud Operations")
    mine = create(api, "mine", assignment_group=group)
    servicenow.clock_offset = 3600
    later = create(api, "later")
    hour = datetime.now(UTC) + timedelta(minutes=30)

    assert listed(api, group=group) == [mine]
    assert listed(api, group="cloud operations") == [mine]
    assert listed(api, opened_since=hour.isoformat()) == [later]
    assert listed(api, opened_since=hour.isoformat(), state="closed") == []


def test_a_cursor_belongs_to_its_filters(api: Gateway) -> None:
    """With others it would skip records."""
    for number in range(3):
        create(api, str(number))
    cursor = api.call("GET", "/incidents", query={"limit": "1"}).json["next_cursor"]

    assert api.call("GET", "/incidents", query={"limit": "1", "cursor": cursor, "state": "new"}).status == 400


REFUSED: dict[str, tuple[str, ...]] = {
    "state": ("1", ""),
    "group": ("a^ORactive=true", "javascript:gs.log()", ""),
    "opened_since": ("0001-01-01T00:00:00+14:00", "1700000000", "2026-01-31T08:00"),
    "cursor": ("nonsense", "W10", "é", "bnVsbA", "WyIyMDI2IiwtMSwieCJd"),
    "limit": ("0", "101", "-1", "x", "1.5", ""),
}


@pytest.mark.parametrize(("name", "value"), [(name, value) for name, values in REFUSED.items() for value in values])
def test_a_filter_that_is_none_is_refused(api: Gateway, servicenow: Simulator, name: str, value: str) -> None:
    """Nothing in it reaches a query unchecked: a cursor was given by the API, and a page holds 1 to 100 incidents."""
    refused = api.call("GET", "/incidents", query={name: value})
    assert refused.problem == (400, "invalid-request")
    assert servicenow.records("incident") == []


def unread_column(servicenow: Simulator) -> None:
    """Let the integration user not read the column by which is filtered."""
    servicenow.configure(unreadable_fields=("incident.correlation_id",))


def no_such_column(servicenow: Simulator) -> None:
    """Let the instance have no such column."""
    servicenow.declare_table("incident", {"short_description": "string", "number": "string", "state": "string"})


@pytest.mark.parametrize("hide", [unread_column, no_such_column])
def test_a_query_that_servicenow_ignores_shows_nothing(
    api: Gateway, servicenow: Simulator, hide: Callable[[Simulator], None]
) -> None:
    """It drops terms whose field it does not know and answers with the whole table: that must not be passed on."""
    hide(servicenow)
    servicenow.insert("incident", {"short_description": "private"})

    reply = api.call("GET", "/incidents")

    assert reply.problem == (503, "held")
    assert "private" not in reply.text
