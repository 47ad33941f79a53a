"""One request, one record: repeated, at once, with lost answers, under other callers' keys."""

import json
import threading
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from types import ModuleType

import pytest

from common.api import creation
from common.api.requests import Sender
from common.clock import Deadline
from common.incidents.item import problem_of
from common.servicenow import client
from local.simulator import Fault, Simulator
from tests.integration.api.gateway import ALICE, BOB, DISK, Gateway, Reply, create
from tests.support.deployment import ACCOUNT, Deployment

CALLERS = 50


@pytest.fixture
def hurried(monkeypatch: pytest.MonkeyPatch) -> None:
    """Let calls to ServiceNow end after half a second, and nobody look for a lost record again and again."""
    monkeypatch.setattr(client, "CALL_SECONDS", 0.5)
    monkeypatch.setattr(creation, "LEAST_SECONDS", 30.0)


def test_a_repeated_request_gets_the_same_incident_without_a_call(api: Gateway, servicenow: Simulator) -> None:
    """The second answer is the first one, and says that it is a repetition."""
    first = create(api)
    calls = servicenow.api_calls

    again = create(api)

    assert (again.status, again.json) == (201, first.json)
    assert "idempotency-replayed" not in first.headers
    assert again.headers["idempotency-replayed"] == "true"
    assert servicenow.api_calls == calls


def test_a_body_that_is_only_written_differently_is_the_same_body(api: Gateway) -> None:
    """Order and white space of JSON mean nothing."""
    first = api.call("POST", "/incidents", '{"impact":"1","short_description":"x"}', key="k")
    again = api.call("POST", "/incidents", '{ "short_description" : "x", "impact" : "1" }', key="k")

    assert (first.status, again.status) == (201, 201)
    assert again.json == first.json


def test_93_the_same_key_with_another_body_is_refused(api: Gateway, servicenow: Simulator) -> None:
    """Nothing is written, and the first request can still be repeated."""
    first = create(api)

    other = create(api, short_description="Another disk is full")

    assert other.problem == (422, "idempotency-key-reused")
    assert create(api).json == first.json
    assert len(servicenow.records("incident")) == 1


def test_101_another_callers_key_is_another_request(api: Gateway, servicenow: Simulator) -> None:
    """Keys carry their caller; all sessions of a role are one caller."""
    role = f"arn:aws:sts::{ACCOUNT}:assumed-role/billing/"
    numbers = [
        create(api, caller=caller).json["number"]
        for caller in (ALICE, BOB, f"{role}i-1", f"{role}i-2", f"arn:aws:sts::{ACCOUNT}:assumed-role/sales/i-1")
    ]

    assert numbers[2] == numbers[3]
    assert len(set(numbers)) == 4
    assert len(servicenow.records("incident")) == 4


def test_a_key_names_a_request_on_its_own_route_only(api: Gateway, servicenow: Simulator) -> None:
    """Clients that number their requests may use the same number for an incident and for a comment on it."""
    number = create(api, "1").json["number"]

    assert api.call("POST", f"/incidents/{number}/comments", {"text": "x"}, key="1").json == {"repeated": False}
    assert api.call("POST", "/tables/problem/records", DISK, key="1").status == 201
    assert len(servicenow.records("problem")) == 1


# What follows calls the operations in threads of one environment. Powertools' resolver, as Lambda does, takes one
# request at a time; environments share nothing but the ledger and ServiceNow, and neither do these threads.


def at_once[Result](call: Callable[[int], Result]) -> list[Result]:
    """Return what 50 calls at once give."""
    barrier = threading.Barrier(CALLERS)

    def wait_and_call(number: int) -> Result:
        barrier.wait()
        return call(number)

    with ThreadPoolExecutor(CALLERS) as pool:
        return list(pool.map(wait_and_call, range(CALLERS)))


def test_fifty_callers_at_once_with_one_key_get_one_incident(function: ModuleType, servicenow: Simulator) -> None:
    """Whoever comes second waits for the first and gets the same record."""
    bridge = function.bridge

    made = at_once(lambda _: bridge.incidents.create(Sender(ALICE, "k"), DISK, Deadline.after(bridge.clock, 27)))

    [row] = servicenow.records("incident")
    assert {created.record.sys_id for created in made} == {row["sys_id"]}
    assert sum(not created.repeated for created in made) == 1


def test_fifty_callers_at_once_with_their_own_keys_get_fifty_incidents(
    function: ModuleType, servicenow: Simulator
) -> None:
    """Nobody waits for anybody else's request."""
    bridge = function.bridge

    made = at_once(lambda n: bridge.incidents.create(Sender(ALICE, f"k{n}"), DISK, Deadline.after(bridge.clock, 27)))

    assert len({created.record.sys_id for created in made}) == CALLERS
    assert len(servicenow.records("incident")) == CALLERS
    assert not any(created.repeated for created in made)


def test_fifty_comments_at_once_with_one_key_append_once(
    api: Gateway, function: ModuleType, servicenow: Simulator
) -> None:
    """One of them did it, and all others know."""
    made, bridge = create(api).json, function.bridge

    def comment(_: int) -> bool:
        deadline = Deadline.after(bridge.clock, 27)
        done: bool = bridge.incidents.write_note(Sender(ALICE, "k"), made["number"], "comments", "hello", deadline)
        return done

    assert sum(at_once(comment)) == 1
    assert servicenow.journal(made["sys_id"], "comments") == ["hello"]


@pytest.mark.usefixtures("hurried")
@pytest.mark.parametrize("connection", ["hang", "close", "abort"])
def test_94_an_answer_that_is_lost_after_the_commit_is_found_by_the_repetition(
    api: Gateway, servicenow: Simulator, connection: str
) -> None:
    """504 names the key, and the same request gets the incident that was created, long before the lock ends."""
    servicenow.add_fault(Fault(method="POST", table="incident", connection=connection, commit=True))  # type: ignore[arg-type]

    lost = create(api, "lost-key")
    again = create(api, "lost-key")

    assert lost.problem == (504, "no-answer")
    assert lost.json["idempotency_key"] == "lost-key"
    assert 1 <= int(lost.headers["retry-after"]) <= 30
    [row] = servicenow.records("incident")
    assert (again.status, again.json["sys_id"]) == (201, row["sys_id"])
    assert again.headers["idempotency-replayed"] == "true"


def test_94_a_lost_answer_is_found_in_the_same_request_where_there_is_time(api: Gateway, servicenow: Simulator) -> None:
    """The caller never hears of it."""
    servicenow.add_fault(Fault(method="POST", table="incident", connection="close", commit=True))

    made = create(api)

    [row] = servicenow.records("incident")
    assert (made.status, made.json["sys_id"]) == (201, row["sys_id"])
    assert "idempotency-replayed" not in made.headers


@pytest.mark.usefixtures("hurried")
def test_94_a_request_that_may_still_arrive_is_not_sent_again(api: Gateway, servicenow: Simulator) -> None:
    """ServiceNow commits 45 s later: until then every repetition is told to come back, then it gets that incident."""
    servicenow.add_fault(Fault(method="POST", table="incident", connection="hang", commit_after=45))

    replies = [create(api) for _ in range(3)]
    posts = [call for call in servicenow.calls if call.method == "POST" and "incident" in call.path]
    servicenow.clock_offset = 46

    again = create(api)

    assert [reply.problem for reply in replies] == [(504, "no-answer")] * 3
    assert len(posts) == 1
    [row] = servicenow.records("incident")
    assert (again.status, again.json["sys_id"]) == (201, row["sys_id"])


@pytest.mark.usefixtures("hurried")
def test_a_request_that_never_arrived_is_sent_again_once_it_is_certain(
    api: Gateway, servicenow: Simulator, function: ModuleType, monkeypatch: pytest.MonkeyPatch
) -> None:
    """After the lock has ended, what ServiceNow does not show was never carried out."""
    servicenow.add_fault(Fault(method="POST", table="incident", connection="hang", commit=False))
    assert create(api).status == 504
    ledger = function.bridge.incidents._creation.ledger
    now = ledger.now
    monkeypatch.setattr(type(ledger), "now", lambda _: now() + 100_000)  # milliseconds

    again = create(api)

    assert again.status == 201
    assert len(servicenow.records("incident")) == 1


@pytest.mark.usefixtures("hurried")
def test_a_comment_whose_answer_was_lost_is_never_sent_again(api: Gateway, servicenow: Simulator) -> None:
    """ServiceNow shows nothing by which it could be found, so the caller is asked to look."""
    made = create(api).json
    servicenow.add_fault(Fault(method="PATCH", table="incident", connection="hang", commit=True))
    path = f"/incidents/{made['number']}/comments"

    lost = api.call("POST", path, {"text": "hello"}, key="k")
    again = api.call("POST", path, {"text": "hello"}, key="k")

    assert (lost.status, lost.kind, lost.json["idempotency_key"]) == (504, "no-answer", "k")
    assert again.problem == (409, "outcome-unknown")
    assert servicenow.journal(made["sys_id"], "comments") == ["hello"]


def test_a_comment_that_was_provably_not_written_can_be_repeated(api: Gateway, servicenow: Simulator) -> None:
    """The key is free again."""
    made = create(api).json
    servicenow.add_fault(Fault(method="PATCH", table="incident", status=429, headers={"Retry-After": "60"}, times=1))
    path = f"/incidents/{made['number']}/comments"

    limited = api.call("POST", path, {"text": "hello"}, key="k")
    again = api.call("POST", path, {"text": "hello"}, key="k")

    assert (limited.status, limited.headers["retry-after"]) == (429, "60")
    assert again.json == {"repeated": False}
    assert servicenow.journal(made["sys_id"], "comments") == ["hello"]


@pytest.mark.usefixtures("hurried")
@pytest.mark.parametrize("how", ["patch", "resolve", "record"])
def test_a_change_whose_answer_was_lost_may_simply_be_repeated(api: Gateway, servicenow: Simulator, how: str) -> None:
    """Setting fields twice is setting them once."""
    number = create(api).json["number"]
    problem = api.call("POST", "/tables/problem/records", DISK, key="k").json["sys_id"]
    servicenow.add_fault(Fault(method="PATCH", connection="hang", commit=True))

    def change() -> Reply:
        if how == "record":
            return api.call("PATCH", f"/tables/problem/records/{problem}", {"short_description": "y"})
        if how == "patch":
            return api.call("PATCH", f"/incidents/{number}", {"category": "network"})
        return api.call("POST", f"/incidents/{number}/resolve", {"close_notes": "over"})

    lost, again = change(), change()

    assert lost.problem == (504, "no-answer")
    assert "harmless" in lost.json["action"]
    assert again.status == 200


@pytest.mark.usefixtures("hurried")
def test_96_without_the_ledger_nothing_is_created(api: Gateway, servicenow: Simulator, stack: Deployment) -> None:
    """Never an unguarded POST: a ledger that is gone is a matter of configuration, and held."""
    stack.clients["dynamodb"].delete_table(TableName="ledger")

    reply = create(api)

    assert reply.problem == (503, "held")
    assert servicenow.records("incident") == []


def test_101_a_key_never_meets_the_problem_of_an_aws_event(
    api: Gateway, servicenow: Simulator, stack: Deployment
) -> None:
    """Not even where a caller sends the dedup key of an alarm as its own: keys begin with their origin."""
    alarm_key = f'["{ACCOUNT}","eu-west-1","aws.cloudwatch","cloudwatch-alarm","errors"]'

    assert create(api, alarm_key).status == 201

    [item] = stack.ledger_items()
    assert json.loads(item["dedup_key"]["S"]) == [ALICE, "POST /incidents", alarm_key]
    assert item["pk"]["S"] != problem_of("test", alarm_key)
    assert len(servicenow.records("incident")) == 1
