"""One caller that sends as much as it can, against the others of the same API."""

import threading
from collections.abc import Mapping
from concurrent.futures import ThreadPoolExecutor
from copy import replace
from typing import Any

import pytest

from common.api.caller_limit import MOST_MINUTES, CallerLimit
from common.api.problems import ProblemError
from common.clock import Deadline
from common.errors import ConfigurationError
from common.incidents.ledger import Ledger
from local.simulator import Simulator
from tests.integration.api.gateway import ALICE, BOB, Gateway
from tests.support.clock import FakeClock
from tests.support.deployment import ACCOUNT, Deployment
from tests.support.ledger import metadata, refusal

pytestmark = pytest.mark.attack

SHARE = 5
DISK = {"short_description": "The disk is full"}
ROLE = f"arn:aws:sts::{ACCOUNT}:assumed-role/billing"
FOREIGN = "arn:aws:sts::999999999999:assumed-role/billing/i-1"


class _Timed:
    """Moto's DynamoDB, whose answers carry the time of a test's clock. `failure` is raised instead of an answer."""

    def __init__(self, dynamodb: Any, clock: FakeClock) -> None:  # noqa: ANN401 (boto3's client)
        self._dynamodb = dynamodb
        self._clock = clock
        self.calls = 0
        self.failure: Exception | None = None

    def update_item(self, **arguments: Any) -> Mapping[str, Any]:  # noqa: ANN401 (DynamoDB's own)
        """Make the call, and date what comes of it."""
        self.calls += 1
        if self.failure is not None:
            raise self.failure
        try:
            answer: dict[str, Any] = self._dynamodb.update_item(**arguments)
        except self._dynamodb.exceptions.ConditionalCheckFailedException as lost:
            lost.response["ResponseMetadata"] = metadata(self._clock.now())
            raise
        return answer | {"ResponseMetadata": metadata(self._clock.now())}


class Limited:
    """The API with a share of five requests a minute, on a clock that moves by hand."""

    def __init__(self, api: Gateway, function: Any, stack: Deployment) -> None:  # noqa: ANN401 (the function's module)
        """Begin with a minute."""
        self.api = api
        self.stack = stack
        self.clock = FakeClock(now=1_900_000_020.0)
        self.table = _Timed(stack.clients["dynamodb"], self.clock)
        self.telemetry = function.bridge.telemetry
        self.counted: dict[str, int] = {}
        self.telemetry.count = self._note
        function.bridge = replace(function.bridge, limit=self.environment())

    def environment(self) -> CallerLimit:
        """Return the limit as another environment of the function has it."""
        ledger = Ledger(self.table, "ledger", clock=self.clock)  # type: ignore[arg-type] # the one call that counts
        return CallerLimit(ledger, share=SHARE, deployment="test", telemetry=self.telemetry)

    def look(self, caller: str = ALICE) -> int:
        """Send one request and return its status."""
        return self.api.call("GET", "/health", caller=caller).status

    def webhook(self, alerts: int, caller: str = ALICE) -> int:
        """Send some alerts in one request and return its status."""
        firing = [{"status": "firing", "labels": {"alertname": f"{number}"}} for number in range(alerts)]
        return self.api.call("POST", "/alerts", {"alerts": firing}, caller=caller).status

    def items(self) -> list[dict[str, Any]]:
        """Return the ledger's items of callers."""
        return [item for item in self.stack.ledger_items() if item["pk"]["S"].startswith("caller/")]

    def _note(self, name: str, amount: int = 1) -> None:
        self.counted[name] = self.counted.get(name, 0) + amount


@pytest.fixture
def limited(api: Gateway, function: Any, stack: Deployment) -> Limited:  # noqa: ANN401 (the same)
    """Provide it."""
    return Limited(api, function, stack)


def test_one_caller_does_not_starve_another(limited: Limited, servicenow: Simulator) -> None:
    """What it sends too much never reaches ServiceNow, and everybody else is served, in every minute."""
    for _ in range(2):
        before = servicenow.api_calls
        replies = [limited.api.call("GET", "/incidents", caller=ALICE) for _ in range(20)]
        assert [reply.status for reply in replies] == [200] * SHARE + [429] * 15
        assert servicenow.api_calls == before + SHARE
        assert replies[-1].kind == "too-many-requests"
        assert replies[-1].headers["retry-after"] == "60"
        assert f"{SHARE} requests a minute" in replies[-1].json["detail"]
        assert [limited.look(BOB) for _ in range(SHARE)] == [200] * SHARE
        limited.clock.advance(60)


def test_a_flood_costs_no_call_of_dynamodb(limited: Limited) -> None:
    """Nor can it slow the item down so much that requests pass uncounted."""
    for _ in range(SHARE + 1):
        limited.look()
    before = limited.table.calls
    assert {limited.look() for _ in range(50)} == {429}
    assert limited.table.calls == before


def test_the_share_is_that_of_all_environments(limited: Limited, function: Any) -> None:  # noqa: ANN401 (the same)
    """More environments, which a flood starts by itself, are not more requests."""
    statuses = []
    for _ in range(10):
        function.bridge = replace(function.bridge, limit=limited.environment())
        statuses.append(limited.look())
    assert statuses == [200] * SHARE + [429] * SHARE


def test_another_name_of_a_session_is_no_other_caller(limited: Limited) -> None:
    """Whoever may assume a role chooses it. A role of the same name elsewhere is another."""
    assert [limited.look(f"{ROLE}/{number}") for number in range(7)] == [200] * SHARE + [429] * 2
    assert limited.look(FOREIGN) == 200


def test_requests_that_are_refused_count(limited: Limited) -> None:
    """Or they would be the ones to flood with."""
    statuses = [limited.api.call("POST", "/incidents", "no json", key="k").status for _ in range(7)]
    assert statuses == [400] * SHARE + [429] * 2


def test_alerts_count_by_their_number(limited: Limited) -> None:
    """What goes beyond the share in one request, because that can't be cut, is paid off before the next one."""
    assert [limited.webhook(3), limited.webhook(14), limited.webhook(1)] == [202, 202, 429]
    assert limited.stack.waiting() == 17
    limited.clock.advance(120)
    assert [limited.look(), limited.look(BOB)] == [429, 200]
    limited.clock.advance(60)
    assert limited.look() == 200, "17 of 5 a minute are paid off after three"


def test_of_webhooks_at_once_one_goes_beyond_the_share(limited: Limited) -> None:
    """Each was let in with the last of it."""
    limit = limited.environment()
    for _ in range(SHARE):
        limit.take(ALICE, ACCOUNT)
    limit.take_more(ALICE, ACCOUNT, 100)
    with pytest.raises(Exception, match="each alert counted as one"):
        limited.environment().take_more(ALICE, ACCOUNT, 100)


def test_the_last_of_a_share_is_enough_for_a_webhook(limited: Limited) -> None:
    """However small the share is, none of them is refused for ever."""
    for _ in range(SHARE - 1):
        limited.look()
    assert limited.webhook(40) == 202


def test_nobody_owes_more_than_an_hour(limited: Limited) -> None:
    """A mistake of one program does not close the API to its whole role for days."""
    assert limited.webhook(SHARE * MOST_MINUTES + 200) == 202
    reply = limited.api.call("GET", "/health")
    assert 60 * (MOST_MINUTES - 1) <= int(reply.headers["retry-after"]) <= 60 * (MOST_MINUTES + 1)


def test_the_table_holds_one_item_for_a_caller_and_no_name(limited: Limited) -> None:
    """It is bounded by the number of callers, goes by itself, and tells whoever reads it nobody's name."""
    for _ in range(3):
        limited.webhook(2)
        limited.look(BOB)
        limited.clock.advance(60)
    items = limited.items()
    assert len(items) == 2
    assert "alice" not in str(items)
    assert all(7000 < int(item["expires_at"]["N"]) - limited.clock.now() < 7300 for item in items)


def test_many_at_once_are_no_more_than_one_after_the_other(limited: Limited) -> None:
    """Each in an environment of its own, all of them at the beginning of a minute."""
    start = threading.Barrier(12)

    def take(limit: CallerLimit) -> bool:
        start.wait(10)
        try:
            limit.take(ALICE, ACCOUNT)
        except ProblemError:
            return False
        return True

    with ThreadPoolExecutor(12) as callers:
        passed = list(callers.map(take, [limited.environment() for _ in range(12)]))
    assert sum(passed) == SHARE
    assert "CallersUncounted" not in limited.counted


@pytest.mark.parametrize(
    ("code", "uncounted"),
    [("ThrottlingException", 0), ("AccessDeniedException", 1), ("ConditionalCheckFailedException", 0)],
)
def test_where_the_table_fails_requests_pass_and_it_is_told(limited: Limited, code: str, uncounted: int) -> None:
    """The limit is there for the other callers; an outage that it made would stop them too."""
    limited.table.failure = refusal(code, "UpdateItem", limited.clock.now())
    assert {limited.look() for _ in range(10)} == {200}
    assert limited.counted["CallersUncounted"] == 10
    assert limited.counted.get("AccessRefusals", 0) == 10 * uncounted


def test_classes_of_callers_are_counted(limited: Limited) -> None:
    """Four, whatever the callers are called: a metric of each name could be made by whoever makes names."""
    for caller in (ALICE, f"{ROLE}/i-1", FOREIGN):
        limited.look(caller)
    limited.webhook(3, caller=ALICE)
    other = {"authorizer": {"principalId": "x"}, "identity": {}, "accountId": ACCOUNT}
    limited.api.call("GET", "/health", changes={"requestContext": other})
    calls = {name: amount for name, amount in limited.counted.items() if name.startswith("CallsOf")}
    assert calls == {"CallsOfUsers": 4, "CallsOfRoles": 1, "CallsOfOtherAccounts": 1, "CallsOfAuthorizers": 1}


def test_who_is_refused_is_told_once(limited: Limited, caplog: pytest.LogCaptureFixture) -> None:
    """With the caller's name, whatever the level of the log is; a line for each request would be a flood of its own."""
    limited.telemetry.log.setLevel("CRITICAL")
    for _ in range(20):
        limited.look()
    told = [line for line in caplog.records if line.message == "A caller of the API sends more than its share."]
    assert [line.__dict__["caller"] for line in told] == [ALICE]
    assert limited.counted["CallersLimited"] == 15


def test_health_in_depth_tries_to_count(limited: Limited, function: Any) -> None:  # noqa: ANN401 (the same)
    """Whether the role may is seen before somebody floods."""
    limited.table.failure = refusal("AccessDeniedException", "UpdateItem", limited.clock.now())
    with pytest.raises(ConfigurationError, match="refuses update_item"):
        function.bridge.limit.prove(Deadline.after(limited.clock, 60))


def test_nobody_is_counted_by_default(api: Gateway, stack: Deployment) -> None:
    """Neither written nor measured."""
    assert {api.call("GET", "/health").status for _ in range(20)} == {200}
    assert stack.ledger_items() == []
