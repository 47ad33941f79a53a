import re

import pytest

from local.simulator import Simulator
from tests.integration.simulator.caller import Caller, refusal

TABLE = "/api/now/table/incident"
NO_RECORD = (404, "No Record found", "Record doesn't exist or ACL restricts the record retrieval")


def test_an_insert_answers_the_whole_record_and_its_address(simulator: Simulator, caller: Caller) -> None:
    """201 with every field as text, and an absolute Location."""
    answer = caller.api("POST", TABLE, {"short_description": "Disk is full", "impact": 1})
    record = answer.json()["result"]
    assert answer.status == 201
    assert answer.headers["Location"] == f"https://{simulator.host}{TABLE}/{record['sys_id']}"
    assert re.fullmatch(r"[0-9a-f]{32}", record["sys_id"])
    assert (record["number"], record["impact"], record["active"]) == ("INC0010001", "1", "true")
    assert re.fullmatch(r"\d{4}-\d\d-\d\d \d\d:\d\d:\d\d", record["opened_at"])


@pytest.mark.parametrize("method", ["PUT", "PATCH"])
def test_put_and_patch_change_some_fields_and_never_create(caller: Caller, method: str) -> None:
    """Both are partial updates; an unknown sys_id is 404."""
    record = caller.create(short_description="before", description="kept")
    answer = caller.api(method, f"{TABLE}/{record['sys_id']}", {"short_description": "after"})
    changed = answer.json()["result"]
    assert (answer.status, changed["short_description"], changed["description"]) == (200, "after", "kept")
    assert changed["sys_mod_count"] == "1"
    assert refusal(caller.api(method, f"{TABLE}/{'0' * 32}", {})) == NO_RECORD


def test_delete_answers_nothing_and_then_404(caller: Caller) -> None:
    """A deleted record is gone for every verb."""
    path = f"{TABLE}/{caller.create()['sys_id']}"
    answer = caller.api("DELETE", path)
    assert (answer.status, answer.data) == (204, b"")
    assert refusal(caller.api("DELETE", path)) == NO_RECORD
    assert refusal(caller.api("GET", path)) == NO_RECORD


def test_an_empty_list_is_404_in_v1_alone(caller: Caller) -> None:
    """v2 and no version answer an empty result."""
    assert caller.api("GET", "/api/now/v1/table/incident").status == 404
    for path in ("/api/now/v2/table/incident", TABLE):
        assert caller.api("GET", path).json() == {"result": []}


def test_an_unknown_table_is_invalid_until_it_is_declared(simulator: Simulator, caller: Caller) -> None:
    """Tables can be added."""
    assert refusal(caller.api("GET", "/api/now/table/u_alarm")) == (400, "Invalid table u_alarm", None)
    simulator.declare_table("u_alarm", {"u_name": "string", "u_owner": "reference:sys_user"})
    assert caller.api("POST", "/api/now/table/u_alarm", {"u_name": "a"}).status == 201
    assert simulator.records("u_alarm")[0]["u_name"] == "a"


def test_a_parent_table_shows_the_records_of_its_children(caller: Caller) -> None:
    """Incidents are tasks."""
    record = caller.create(short_description="a task")
    (task,) = caller.found("short_description=a task", "task")
    assert (task["sys_id"], task["sys_class_name"]) == (record["sys_id"], "incident")


def test_references_in_the_three_display_modes(simulator: Simulator, caller: Caller) -> None:
    """Values with links, names with links, or both; links repeat the version that was asked for."""
    sys_id = simulator.insert("incident", {"assignment_group": "Network", "state": "2"})
    group = next(row["sys_id"] for row in simulator.records("sys_user_group") if row["name"] == "Network")
    link = f"https://{simulator.host}/api/now/v2/table/sys_user_group/{group}"
    path = f"/api/now/v2/table/incident/{sys_id}"
    fields = {"sysparm_fields": "assignment_group,assigned_to,state"}

    def read(**parameters: str) -> object:
        return caller.api("GET", path, **fields, **parameters).json()["result"]

    assert read() == {"assignment_group": {"link": link, "value": group}, "assigned_to": "", "state": "2"}
    assert read(sysparm_exclude_reference_link="true") == {
        "assignment_group": group,
        "assigned_to": "",
        "state": "2",
    }
    assert read(sysparm_display_value="true") == {
        "assignment_group": {"display_value": "Network", "link": link},
        "assigned_to": "",
        "state": "In Progress",
    }
    assert read(sysparm_display_value="all") == {
        "assignment_group": {"display_value": "Network", "link": link, "value": group},
        "assigned_to": {"display_value": "", "value": ""},
        "state": {"display_value": "In Progress", "value": "2"},
    }


def test_display_times_follow_the_users_zone(simulator: Simulator, caller: Caller) -> None:
    """Stored times are UTC whatever people see."""
    simulator.configure(display_utc_offset=7200)
    record = caller.create(opened_at="2026-01-31 23:30:00")
    (shown,) = caller.found(f"sys_id={record['sys_id']}", sysparm_display_value="all")
    assert shown["opened_at"] == {"display_value": "2026-02-01 01:30:00", "value": "2026-01-31 23:30:00"}


def test_fields_can_be_chosen_and_walked(simulator: Simulator, caller: Caller) -> None:
    """Unknown names are left out, dotted names follow references."""
    simulator.insert("incident", {"assignment_group": "Database"})
    fields = "number,nonsense,assignment_group.name,assignment_group.nonsense,assigned_to.name"
    assert caller.found("", sysparm_fields=fields) == [
        {"number": "INC0010001", "assignment_group.name": "Database", "assigned_to.name": ""}
    ]
    assert set(caller.found("", sysparm_view="mobile")[0]) > {"number", "state"}
    assert len(caller.found("", sysparm_view="mobile")[0]) == 5


def test_pages_are_linked_without_spaces(simulator: Simulator, caller: Caller) -> None:
    """Link names first, prev, next, last; the last page has no next."""
    for _ in range(5):
        simulator.insert("incident", {"category": "network"})
    answer = caller.api("GET", TABLE, sysparm_query="category=network", sysparm_limit="2", sysparm_offset="2")
    assert " " not in answer.headers["Link"]
    names = re.findall(r'rel="(\w+)"', answer.headers["Link"])
    offsets = re.findall(r"sysparm_offset=(\d+)", answer.headers["Link"])
    assert list(zip(names, offsets, strict=True)) == [("first", "0"), ("prev", "0"), ("next", "4"), ("last", "4")]
    assert (len(answer.json()["result"]), answer.headers["X-Total-Count"]) == (2, "5")
    last = caller.api("GET", TABLE, sysparm_limit="2", sysparm_offset="4")
    assert re.findall(r'rel="(\w+)"', last.headers["Link"]) == ["first", "prev", "last"]


def test_count_and_links_can_be_left_out(caller: Caller) -> None:
    """Two parameters suppress the two headers."""
    parameters = {"sysparm_no_count": "true", "sysparm_suppress_pagination_header": "true"}
    headers = caller.api("GET", TABLE, **parameters).headers
    assert "Link" not in headers
    assert "X-Total-Count" not in headers


def test_a_page_is_short_where_access_is_decided_after_the_limit(simulator: Simulator, caller: Caller) -> None:
    """A hidden record leaves a gap in its page, and the total counts it."""
    hidden, *_ = [simulator.insert("incident", {}) for _ in range(4)]
    simulator.configure(hidden_records=[hidden])
    answer = caller.api("GET", TABLE, sysparm_limit="2")
    assert (len(answer.json()["result"]), answer.headers["X-Total-Count"]) == (1, "4")
    assert 'rel="next"' in answer.headers["Link"]
    assert refusal(caller.api("GET", f"{TABLE}/{hidden}")) == NO_RECORD


def test_unknown_fields_choices_and_shapes_are_dropped(caller: Caller) -> None:
    """What a column can't hold is ignored without a word."""
    record = caller.create(
        nonsense="x", category="nonsense", contact_type="Phone", assignment_group="Network", correlation_id="x" * 101
    )
    assert "nonsense" not in record
    assert (record["category"], record["contact_type"], record["assignment_group"]) == ("inquiry", "", "")
    assert record["correlation_id"] == "x" * 100


def test_input_by_display_value(caller: Caller) -> None:
    """References by name and choices by label count with the parameter alone."""
    body = {"assignment_group": "Network", "state": "In Progress"}
    answer = caller.api("POST", TABLE, body, sysparm_input_display_value="true", sysparm_display_value="true")
    record = answer.json()["result"]
    assert (record["assignment_group"]["display_value"], record["state"]) == ("Network", "In Progress")


def test_a_time_by_display_value_is_in_the_zone_of_the_user(simulator: Simulator, caller: Caller) -> None:
    """As it is shown; without the parameter it counts as UTC."""
    simulator.configure(display_utc_offset=7200)
    body = {"due_date": "2026-02-01 01:30:00"}
    for parameters, stored in (
        ({"sysparm_input_display_value": "true"}, "2026-01-31 23:30:00"),
        ({}, body["due_date"]),
    ):
        assert caller.api("POST", TABLE, body, None, **parameters).json()["result"]["due_date"] == stored


def test_no_write_moves_a_record_or_its_id(simulator: Simulator, caller: Caller) -> None:
    """Table and sys_id stay, by whatever way a change comes."""
    sys_id = caller.create()["sys_id"]
    given = {"sys_class_name": "nowhere", "sys_id": "f" * 32, "short_description": "changed"}
    assert caller.api("PATCH", f"{TABLE}/{sys_id}", given).status == 200
    simulator.update("incident", sys_id, {**given, "impact": "1"})
    [row] = caller.found("")
    assert (row["sys_id"], row["sys_class_name"], row["impact"]) == (sys_id, "incident", "1")


@pytest.mark.parametrize(
    ("path", "status"),
    [
        (f"{TABLE}?sysparm_limit={'9' * 5000}", 200),
        (f"{TABLE}?sysparm_query=reopen_count%3E{'9' * 5000}", 200),
        (f"{TABLE}?sysparm_query=opened_atRELATIVEGE@day@ago@{'9' * 12}", 501),
        (f"{TABLE}?sysparm_query=opened_at>javascript:gs.daysAgo({'9' * 12})", 501),
    ],
)
def test_numbers_beyond_every_column_are_no_defect(caller: Caller, path: str, status: int) -> None:
    """They are text to a comparison, and a time beyond the calendar is one that the simulator does not know."""
    caller.create(reopen_count="9" * 5000)
    assert caller.api("GET", path).status == status


def test_a_client_may_choose_the_sys_id(simulator: Simulator, caller: Caller) -> None:
    """A chosen id is used once; a second insert is refused, or gets another id."""
    chosen = "0123456789abcdef" * 2
    assert caller.create(sys_id=chosen)["sys_id"] == chosen
    status, message, detail = refusal(caller.api("POST", TABLE, {"sys_id": chosen}))
    assert (status, message) == (403, "Operation Failed")
    assert "Unique Key violation" in str(detail)
    simulator.configure(duplicate_sys_id="new")
    assert caller.create(sys_id=chosen)["sys_id"] != chosen
    simulator.configure(accept_client_sys_id=False)
    assert caller.create(sys_id="f" * 32)["sys_id"] != "f" * 32
    assert len(simulator.records("incident")) == 3


def test_headers_suppress_the_body_and_override_the_method(simulator: Simulator, caller: Caller) -> None:
    """X-no-response-body and X-http-method-override."""
    created = caller.api("POST", TABLE, {}, {"X-no-response-body": "true"})
    assert (created.status, created.data) == (201, b"")
    path = created.headers["Location"].removeprefix(f"https://{simulator.host}")
    changed = caller.api("POST", path, {"state": "2"}, {"X-http-method-override": "PATCH"})
    assert (changed.status, changed.json()["result"]["state"]) == (200, "2")


def test_journal_fields_read_empty_but_keep_their_history(simulator: Simulator, caller: Caller) -> None:
    """Every write appends; only display values and sys_journal_field show the text."""
    record = caller.create(work_notes="first")
    path = f"{TABLE}/{record['sys_id']}"
    caller.api("PATCH", path, {"work_notes": "again"})
    changed = caller.api("PATCH", path, {"work_notes": "again"}).json()["result"]
    assert (record["work_notes"], changed["work_notes"]) == ("", "")
    assert simulator.journal(record["sys_id"], "work_notes") == ["first", "again", "again"]
    query = f"element=work_notes^element_id={record['sys_id']}"
    assert [row["value"] for row in caller.found(query, "sys_journal_field")] == ["first", "again", "again"]
    (shown,) = caller.found("", sysparm_display_value="all", sysparm_fields="work_notes")
    assert shown["work_notes"]["value"] == ""
    assert shown["work_notes"]["display_value"].count("(Work notes)") == 3


def test_text_of_every_script_survives(caller: Caller) -> None:
    """Emoji, right-to-left text and markup come back as they were."""
    text = "🔥 مرحبا <script>${jndi:ldap://x}</script>\r\n=1+1"
    assert caller.create(description=text)["description"] == text


@pytest.mark.parametrize(
    ("method", "path", "content", "status"),
    [
        ("POST", f"{TABLE}/{'0' * 32}", (b"{}", {"Content-Type": "application/json"}), 405),
        ("DELETE", TABLE, (None, {}), 405),
        ("GET", TABLE, (None, {"Accept": "text/csv"}), 406),
        ("POST", TABLE, (b"a=b", {"Content-Type": "application/x-www-form-urlencoded"}), 415),
        ("POST", TABLE, (b"{}", {}), 400),
        ("POST", TABLE, (b"<request/>", {"Content-Type": "application/xml"}), 501),
        ("GET", TABLE, (None, {"Accept": "application/xml"}), 501),
        ("POST", "/api/now/tinyurl", ({}, {}), 501),
        ("POST", TABLE, (b"{", {"Content-Type": "application/json"}), 400),
        ("POST", TABLE, (b"[]", {"Content-Type": "application/json"}), 400),
        ("GET", TABLE + "?sysparm_query=" + "x" * 8200, (None, {}), 414),
        ("GET", "/api/now/incident", (None, {}), 400),
        ("POST", "/api/now/incident", (b"{}", {"Content-Type": "application/json"}), 400),
        ("GET", "/api/now/v3/table/incident", (None, {}), 400),
    ],
)
def test_what_the_api_refuses(
    caller: Caller, method: str, path: str, content: tuple[bytes | None, dict[str, str]], status: int
) -> None:
    """Verb, media types, payload and path each have a status of their own."""
    assert refusal(caller.api(method, path, *content))[0] == status


def test_a_large_payload_is_rejected(simulator: Simulator, caller: Caller) -> None:
    """More than 10 MiB is refused by its length, and nothing is written."""
    status, message, detail = refusal(caller.api("POST", TABLE, b" " * 10_485_761))
    assert (status, message) == (400, "Exception while reading request")
    assert detail == "Rejected large REST payload with content-length = 10485761 bytes. Max allowed: 10485760 bytes."
    assert simulator.records("incident") == []


def test_headers_cookies_and_compression(caller: Caller) -> None:
    """Answers carry what was captured from instances; a caller without cookies gets new ones each time."""
    answer = caller.api("GET", TABLE, None, {"Accept-Encoding": "gzip"}, sysparm_limit="1")
    assert re.fullmatch(r"[0-9a-f]{12}", answer.headers["X-Transaction-ID"])
    assert (answer.headers["Server"], answer.headers["X-Is-Logged-In"]) == ("ServiceNow", "true")
    assert answer.headers["Keep-Alive"] == "timeout=20"
    cookies = answer.headers.getlist("Set-Cookie")
    assert {cookie.partition("=")[0] for cookie in cookies} >= {"JSESSIONID", "glide_user_route"}
    caller.create()
    packed = caller.api("GET", TABLE, None, {"Accept-Encoding": "gzip"})
    assert packed.headers["Content-Encoding"] == "gzip"
    plain = caller.api("GET", TABLE, None, {"Cookie": "JSESSIONID=1"})
    assert "Content-Encoding" not in plain.headers
    assert "Set-Cookie" not in plain.headers


def test_connections_are_kept(caller: Caller) -> None:
    """Calls of one caller share one connection."""
    for _ in range(3):
        caller.api("GET", TABLE)
    (pool,) = [caller.pool.pools[key] for key in caller.pool.pools.keys()]  # noqa: SIM118 -- no plain mapping
    assert pool.num_connections == 1


def test_errors_come_in_any_key_order(caller: Caller) -> None:
    """No client may rely on the order."""
    raw = {caller.api("GET", "/api/now/table/nonsense").data for _ in range(4)}
    assert len(raw) > 1


def test_head_answers_as_get_without_a_body(caller: Caller) -> None:
    """With the same headers."""
    caller.create()
    answer = caller.api("HEAD", TABLE)
    assert (answer.status, answer.data, answer.headers["X-Total-Count"]) == (200, b"", "1")


def test_the_first_record_of_a_list_is_inserted(simulator: Simulator, caller: Caller) -> None:
    """The others are not."""
    answer = caller.api("POST", TABLE, [{"short_description": "a"}, {"short_description": "b"}])
    assert (answer.status, answer.json()["result"]["short_description"]) == (201, "a")
    assert len(simulator.records("incident")) == 1
    assert caller.api("POST", TABLE, []).status == 400


def test_a_choice_is_not_cleared_by_an_empty_value(caller: Caller) -> None:
    """Other columns are."""
    record = caller.create(category="network", description="text")
    changed = caller.api("PATCH", f"{TABLE}/{record['sys_id']}", {"category": "", "description": ""}).json()["result"]
    assert (changed["category"], changed["description"]) == ("network", "")
