import time

import pytest

from local.simulator import Fault, Simulator
from tests.integration.simulator.caller import Caller, basic, refusal

TABLE = "/api/now/table/incident"
STATS = "/api/now/stats/incident"
NOT_AUTHENTICATED = (401, "User Not Authenticated", "Required to provide Auth information")


@pytest.mark.parametrize("headers", [{}, {"Authorization": "Bearer nonsense"}, basic("admin", "wrong"), basic("x", "")])
def test_missing_and_wrong_credentials_look_alike(caller: Caller, headers: dict[str, str]) -> None:
    """One 401 for all, with the realm, and the connection ends."""
    answer = caller.send("GET", TABLE, None, headers)
    assert refusal(answer) == NOT_AUTHENTICATED
    assert answer.headers["WWW-Authenticate"] == 'BASIC realm="Service-now"'
    assert (answer.headers["Connection"], answer.headers["X-Is-Logged-In"]) == ("close", "false")


def test_expired_and_revoked_tokens_look_alike_too(simulator: Simulator, caller: Caller) -> None:
    """Neither the end of life nor a revocation says so."""
    assert caller.api("GET", TABLE).status == 200
    simulator.clock_offset = 1800.0
    assert refusal(caller.api("GET", TABLE)) == NOT_AUTHENTICATED
    simulator.clock_offset = 0.0
    simulator.revoke_tokens()
    simulator.configure(authenticate_scheme="BEARER")
    answer = caller.api("GET", TABLE)
    assert refusal(answer) == NOT_AUTHENTICATED
    assert answer.headers["WWW-Authenticate"].startswith("BEARER ")


def test_basic_authentication(caller: Caller) -> None:
    """A configured user and password open the API."""
    assert caller.send("GET", TABLE, None, basic()).status == 200


def test_basic_authentication_is_off_without_a_password() -> None:
    """An empty password opens nothing."""
    with Simulator(client_secret="s") as simulator:
        caller = Caller(simulator)
        assert caller.send("GET", TABLE, None, basic("admin", "")).status == 401
        caller.pool.clear()


def test_the_apis_own_rule_refuses_everything(simulator: Simulator, caller: Caller) -> None:
    """403 for every call."""
    simulator.configure(api_denied=True)
    assert refusal(caller.api("GET", TABLE)) == (403, "User Not Authorized", "Failed API level ACL Validation")


def test_a_scope_opens_one_method_of_one_api(simulator: Simulator, caller: Caller) -> None:
    """Scopes are read when a call comes; `useraccount` opens what is tied to another one."""
    simulator.configure(
        token_scope="incident_read", api_scopes=["table GET incident_read", "table POST incident_write"]
    )
    assert caller.api("GET", TABLE).status == 200
    detail = "Missing required api access scope: incident_write"
    assert refusal(caller.api("POST", TABLE, {})) == (403, "User Not Authorized", detail)
    simulator.configure(token_scope="incident_read incident_write")
    assert caller.api("POST", TABLE, {}).status == 201
    simulator.configure(token_scope="useraccount")
    assert caller.api("POST", TABLE, {}).status == 201


def test_a_securely_scoped_client_reaches_no_api_without_a_scope(simulator: Simulator, caller: Caller) -> None:
    """By method too; a property lifts the limit."""
    simulator.configure(token_scope="table_read", api_scopes=["table GET table_read"], securely_scoped=True)
    unscoped = (403, "User Not Authorized", "Access to unscoped api is not allowed")
    assert caller.api("GET", TABLE).status == 200
    assert refusal(caller.api("POST", TABLE, {})) == unscoped
    assert refusal(caller.api("GET", "/api/now/stats/incident")) == unscoped
    simulator.configure(unscoped_clients_allowed=True)
    assert caller.api("POST", TABLE, {}).status == 201


@pytest.mark.parametrize(("operation", "method"), [("insert", "POST"), ("update", "PATCH"), ("delete", "DELETE")])
def test_table_rules_refuse_writes(simulator: Simulator, caller: Caller, operation: str, method: str) -> None:
    """403 names the operation, and nothing is written."""
    sys_id = caller.create(short_description="kept")["sys_id"]
    simulator.configure(denied_operations=[f"incident.{operation}"])
    path = TABLE if method == "POST" else f"{TABLE}/{sys_id}"
    detail = f"ACL Exception {operation.capitalize()} Failed due to security constraints"
    answer = caller.api(method, path, {"short_description": "new"})
    assert refusal(answer) == (403, "Operation Failed", detail)
    assert [row["short_description"] for row in simulator.records("incident")] == ["kept"]


def test_a_read_without_rights_is_an_empty_list(simulator: Simulator, caller: Caller) -> None:
    """Most often 200 with nothing; 404 for one record; 403 where the switch says so; nothing is counted either."""
    sys_id = caller.create()["sys_id"]
    simulator.configure(denied_operations=["incident.read"])
    count = {"sysparm_count": "true"}
    assert caller.api("GET", TABLE).json() == {"result": []}
    assert caller.api("GET", TABLE).headers["X-Total-Count"] == "0"
    assert caller.api("GET", f"{TABLE}/{sys_id}").status == 404
    assert caller.api("GET", STATS, **count).json() == {"result": {"stats": {"count": "0"}}}
    simulator.configure(read_denied_status=403)
    assert caller.api("GET", TABLE).status == 403
    assert caller.api("GET", STATS, **count).status == 403


@pytest.mark.parametrize(
    ("table", "path"),
    [
        ("sys_attachment", "/api/now/attachment"),
        ("change_request", "/api/sn_chg_rest/change"),
        ("cmdb_ci_server", "/api/now/cmdb/instance/cmdb_ci_server"),
    ],
)
def test_a_read_without_rights_shows_nothing_in_any_api(
    simulator: Simulator, caller: Caller, table: str, path: str
) -> None:
    """Neither the list nor the record, as in the Table API."""
    simulator.insert("sys_user_has_role", {"user": "AWS Bridge", "role": "change_manager"})
    sys_id = simulator.insert(table, {})
    assert caller.api("GET", f"{path}/{sys_id}").status == 200
    simulator.configure(denied_operations=[f"{table}.read"])
    assert caller.api("GET", f"{path}/{sys_id}").status == 404
    assert caller.api("GET", path).json() == {"result": []}


def test_denied_fields_are_discarded(simulator: Simulator, caller: Caller) -> None:
    """The answer is a success without the field."""
    simulator.configure(denied_fields=["incident.description"])
    record = caller.create(short_description="kept", description="dropped")
    assert (record["short_description"], record["description"]) == ("kept", "")


def test_rate_limits_are_hourly(simulator: Simulator, caller: Caller) -> None:
    """Allowed answers carry the rule's headers; over the limit Retry-After leads into the next hour."""
    simulator.configure(rate_limit=2)
    allowed = [caller.api("GET", TABLE) for _ in range(2)]
    assert {answer.headers["X-RateLimit-Limit"] for answer in allowed} == {"2"}
    refused = caller.api("GET", TABLE)
    detail = "Rate limit of 2 requests per hour for Table API exceeded"
    assert refusal(refused) == (429, "Rate limit exceeded", detail)
    assert {"X-RateLimit-Limit", "X-RateLimit-Reset", "X-RateLimit-Rule"} <= set(refused.headers)
    simulator.clock_offset = float(refused.headers["Retry-After"])
    assert caller.ask_for_token().status == 200
    caller = Caller(simulator)
    assert caller.api("GET", TABLE).status == 200
    caller.pool.clear()


def test_a_full_semaphore_has_no_rate_limit_headers(simulator: Simulator, caller: Caller) -> None:
    """429 without Retry-After."""
    simulator.configure(semaphore_full=True)
    answer = caller.api("GET", TABLE)
    assert answer.status == 429
    assert not any(name.startswith(("X-RateLimit", "Retry-After")) for name in answer.headers)


def test_calls_under_way_fill_the_semaphore(simulator: Simulator, caller: Caller) -> None:
    """A call that hangs takes a place."""
    caller.api("GET", TABLE)
    simulator.configure(concurrent_calls=1)
    assert caller.api("GET", TABLE).status == 200
    simulator.add_fault(Fault(connection="hang"))
    hanging = Caller(simulator)
    pool = hanging.pool.connection_from_url(f"https://{simulator.host}")
    connection = pool._get_conn()
    connection.request("GET", TABLE)
    deadline = time.monotonic() + 5
    while len(simulator.calls) < 3 and time.monotonic() < deadline:
        time.sleep(0.01)
    assert caller.api("GET", TABLE).status == 429
    connection.close()
    hanging.pool.clear()


def test_a_session_cookie_can_cost_the_request(simulator: Simulator, caller: Caller) -> None:
    """With a full session queue 202 drops what carries a cookie, and nothing else."""
    simulator.configure(session_queue_full=True)
    dropped = caller.api("POST", TABLE, {}, {"Cookie": "JSESSIONID=1"})
    assert (dropped.status, dropped.data) == (202, b"")
    assert simulator.records("incident") == []
    assert caller.api("POST", TABLE, {}).status == 201


def test_an_unknown_switch_is_a_mistake(simulator: Simulator) -> None:
    """Nobody configures something that does not exist."""
    with pytest.raises(TypeError, match="nonsense"):
        simulator.configure(nonsense=True)
