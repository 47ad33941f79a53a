"""GET /health: shallow for load balancers, and deep with the doctor's checks."""

import pytest

from common.checkup import causes
from common.checkup.report import Cause
from local.simulator import Simulator
from tests.integration.api.conftest import FIELDS, TABLES
from tests.integration.api.gateway import ALICE, Gateway, Reply
from tests.support.deployment import Deployment


@pytest.fixture
def settings() -> dict[str, str]:
    """Return the settings of the API, whose internals Alice may see."""
    return {"API_INCIDENT_FIELDS": FIELDS, "API_TABLES": TABLES, "API_HEALTH_ROLES": ALICE}


def deep(api: Gateway, remaining: int = 28_000) -> Reply:
    """Ask for everything."""
    return api.call("GET", "/health", query={"deep": "true"}, remaining=remaining)


def outcomes(reply: Reply) -> dict[str, str]:
    """Return the outcome of each check."""
    return {check["name"]: check["outcome"] for check in reply.json["checks"]}


def causes_of(reply: Reply, name: str) -> list[Cause]:
    """Return the causes of the check `name`."""
    [check] = [check for check in reply.json["checks"] if check["name"] == name]
    return [Cause(**cause) for cause in check["causes"]]


def test_health_answers_without_asking_anybody(api: Gateway, servicenow: Simulator) -> None:
    """A load balancer may ask every second."""
    reply = api.call("GET", "/health")

    assert (reply.status, reply.json) == (200, {"status": "ok", "checks": []})
    assert servicenow.calls == []


def test_health_in_depth_looks_at_everything_that_the_api_depends_on(api: Gateway, servicenow: Simulator) -> None:
    """Account, way, token, and each table that callers may use."""
    for table in ("incident", "problem"):
        servicenow.insert(table, {"short_description": "one that can be read"})

    reply = deep(api)

    assert (reply.status, reply.json["status"]) == (200, "ok")
    assert list(outcomes(reply)) == [
        *("settings", "secret", "queue", "dead letters", "ledger", "name", "TLS", "token", "token usable"),
        *("read incident", "read cmdb_ci", "read problem", "rate limits"),
    ]
    assert set(outcomes(reply).values()) == {"ok"}


def test_health_in_depth_costs_no_token_and_leaves_no_trace(
    api: Gateway, servicenow: Simulator, stack: Deployment
) -> None:
    """It goes by the token that everybody shares, and only reads."""
    api.call("GET", "/incidents")

    replies = [deep(api), deep(api)]

    assert [reply.status for reply in replies] == [200, 200]
    assert servicenow.token_requests == 1
    assert {call.method for call in servicenow.calls if not call.token_request} == {"GET"}
    assert stack.ledger_items() == []


def test_a_failure_comes_with_its_causes_and_without_servicenows_words(api: Gateway, servicenow: Simulator) -> None:
    """What needs the check that failed is skipped; the log says more than callers get to know."""
    servicenow.configure(api_denied=True)

    reply = deep(api)

    assert (reply.status, reply.kind, reply.headers["retry-after"]) == (503, "unavailable", "60")
    assert causes_of(reply, "token usable") == [causes.MISSING_REST_ROLE, causes.MISSING_ROLE]
    assert outcomes(reply)["read incident"] == "skipped"
    assert "API level ACL" not in reply.text


def test_a_refused_token_request_is_told_apart_from_a_refused_token(
    api: Gateway, servicenow: Simulator, stack: Deployment
) -> None:
    """Whether it was this check or another request that met the refusal."""
    stack.put_credentials("bridge", "wrong")
    api.call("GET", "/incidents")

    reply = deep(api)

    assert causes_of(reply, "token") == [causes.GRANT_IS_OFF, causes.WRONG_SECRET, causes.USER_IS_LOCKED]
    assert servicenow.token_requests == 1


def test_one_failure_does_not_hide_another(api: Gateway, servicenow: Simulator, stack: Deployment) -> None:
    """Everything that does not need what failed is still looked at."""
    stack.clients["dynamodb"].delete_table(TableName="ledger")
    servicenow.configure(denied_operations=("problem.read",), read_denied_status=403)

    reply = deep(api)

    failed = [name for name, outcome in outcomes(reply).items() if outcome == "failed"]
    assert failed == ["ledger", "read problem"]
    assert reply.json["detail"] == "These checks failed: ledger, read problem."


def test_health_in_depth_ends_within_the_functions_time(api: Gateway, servicenow: Simulator) -> None:
    """All checks share it; those for which none is left have failed."""
    reply = deep(api, remaining=1_500)

    assert reply.status == 503
    assert causes_of(reply, "settings") == [causes.NO_TIME]
    assert servicenow.calls == []


class TestWithShares:
    """Where what callers send is counted."""

    @pytest.fixture
    def settings(self) -> dict[str, str]:
        """Return the setting that counts."""
        return {"API_REQUESTS_PER_CALLER": "600", "API_HEALTH_ROLES": ALICE}

    def test_health_in_depth_tries_to_count(self, api: Gateway, stack: Deployment) -> None:
        """By an item that counts for nobody."""
        reply = deep(api)

        assert outcomes(reply)["limit of callers"] == "ok"
        assert {item["pk"]["S"].partition("/")[0] for item in stack.ledger_items()} == {"caller"}
