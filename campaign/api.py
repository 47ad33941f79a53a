"""Faults 86 to 96: what callers of the API can send, and what it can meet."""

from collections.abc import Mapping
from typing import Any

from campaign.catalogue import fault
from campaign.environment import Environment
from campaign.stage import refusal
from campaign.world import World
from tests.integration.api.gateway import ALICE, Reply, reply_of, request_event

API_SECONDS = 28.0
FIELDS = "short_description,description,impact,urgency,category,subcategory,assignment_group,cmdb_ci"
TABLES = "cmdb_ci:name,sys_class_name,operational_status;problem:number,short_description,state"
_BODY = {"short_description": "The disk is full"}


def api_of(world: World) -> Environment:
    """Return a new environment of the API function."""
    return world.environment("api", API_INCIDENT_FIELDS=FIELDS, API_TABLES=TABLES)


def call(  # noqa: PLR0913 (what a request consists of)
    world: World,
    api: Environment,
    method: str,
    path: str,
    body: object = None,
    *,
    key: str | None = None,
    caller: str | None = ALICE,
    headers: Mapping[str, str] | None = None,
    changes: Mapping[str, object] | None = None,
) -> Reply:
    """Send one request as API Gateway hands it over, and note its answer."""
    sent = {} if body is None else {"Content-Type": "application/json"}
    sent |= {} if key is None else {"Idempotency-Key": key}
    event = request_event(method, path, body, sent | dict(headers or {}), {}, caller) | dict(changes or {})
    reply = reply_of(api.call(event, API_SECONDS))
    world.sinks.add("API answers", reply.text, repr(dict(reply.headers)))
    world.listen()
    return reply


def refused(world: World, reply: Reply, *statuses: int) -> None:
    """Expect a refusal that says what to do, before anything was asked of ServiceNow."""
    world.expect(reply.status in statuses, f"it answers {reply.status}: {reply.text[:150]}")
    world.expect(reply.headers["content-type"] == "application/problem+json", "the refusal is no problem document")
    world.expect(world.api_calls() == 0, "ServiceNow was called")


@fault(86, "broken JSON", "400", seeds=6)
def broken_json(world: World) -> None:
    """Cut off, too deep, no object, not even text."""
    body = world.pick(
        "{", '{"short_description": "x"', "[]", "null", "{" * 5000, '{"a":' * 40 + "1" + "}" * 40, b"\xff\xfe"
    )
    refused(world, call(world, api_of(world), "POST", "/incidents", body, key="k"), 400)


@fault(87, "bad base64", "400", seeds=4)
def bad_base64(world: World) -> None:
    """As a gateway would never send it."""
    body = world.pick("%%%", "YQ=", "\u00e9\u00e9", "YQ==YQ==!")
    reply = call(world, api_of(world), "POST", "/incidents", _BODY, key="k", changes={"body": body})
    refused(world, reply, 400)


@fault(88, "too large", "413", seeds=4)
def too_large(world: World) -> None:
    """Judged before it is decoded."""
    size = world.pick(256 * 1024 + 1, 5_000_000)
    refused(world, call(world, api_of(world), "POST", "/incidents", {"short_description": "x" * size}, key="k"), 413)


@fault(89, "content type", "415", seeds=4)
def content_type(world: World) -> None:
    """Not declared as JSON."""
    kind = world.pick("text/plain", "application/xml", "", "application/json; charset=latin-1")
    headers = {"Content-Type": kind}
    refused(world, call(world, api_of(world), "POST", "/incidents", _BODY, key="k", headers=headers), 415)


@fault(90, "table or field that is not allowed", "403 or 400", seeds=8)
def not_allowed(world: World) -> None:
    """What is not listed does not exist for callers."""
    path, body, status = world.pick(
        ("/tables/sys_user/records", {"user_name": "x"}, 403),
        ("/tables/incident/records", _BODY, 403),
        ("/tables/problem/records", {"sys_id": "0" * 32}, 400),
        ("/incidents", _BODY | {"correlation_id": "x"}, 400),
        ("/incidents", _BODY | {"sys_id": "0" * 32}, 400),
        ("/incidents", _BODY | {"work_notes": "x"}, 400),
    )
    refused(world, call(world, api_of(world), "POST", path, body, key="k"), status)


@fault(91, "../ in the path", "400", seeds=6)
def path_traversal(world: World) -> None:
    """Encoded or not."""
    path = world.pick(
        "/incidents/../tables",
        "/incidents/%2e%2e/x",
        "/incidents//x",
        "/tables/..%2fsys_user/records",
        "/x\\y",
        "/a\x00",
    )
    refused(world, call(world, api_of(world), "GET", path), 400)


@fault(92, "unsigned", "403", seeds=2)
def unsigned(world: World) -> None:
    """Nobody has signed it."""
    refused(world, call(world, api_of(world), "POST", "/incidents", _BODY, key="k", caller=None), 403)


@fault(93, "the same Idempotency-Key with another body", "422", seeds=3)
def other_body(world: World) -> None:
    """Nothing is written; the first can still be repeated."""
    api = api_of(world)
    first = call(world, api, "POST", "/incidents", _BODY, key="k")
    other = call(world, api, "POST", "/incidents", {"short_description": "another disk"}, key="k")
    again = call(world, api, "POST", "/incidents", _BODY, key="k")
    statuses = (first.status, other.status, again.status)
    world.expect(statuses == (201, 422, 201), f"it answers {statuses}")
    world.expect(first.json["sys_id"] == again.json["sys_id"], "the repetition gets another record")
    world.expect(len(world.incidents()) == 1, f"{len(world.incidents())} incidents")


@fault(94, "ServiceNow slower than the API allows", "504 with the key; the repeat returns the same record", seeds=4)
def slow(world: World) -> None:
    """Whether it commits at once, later or never."""
    api = api_of(world)
    commit: dict[str, Any] = world.pick({"commit": True}, {"commit": False}, {"commit_after": 45.0})
    world.fault(method="POST", table="incident", connection="hang", **commit)
    lost = call(world, api, "POST", "/incidents", _BODY, key="the-key")
    if lost.status == 504:
        world.expect(lost.json.get("idempotency_key") == "the-key", "the answer lacks the key")
    else:
        world.expect(lost.status == 201, f"it answers {lost.status}")
    world.clock.advance(140)
    again = call(world, api, "POST", "/incidents", _BODY, key="the-key")
    world.expect(again.status == 201, f"the repetition answers {again.status}")
    once_more = call(world, api, "POST", "/incidents", _BODY, key="the-key")
    world.expect(once_more.json["sys_id"] == again.json["sys_id"], "the repetition gets another record")
    world.expect(len(world.incidents()) == 1, f"{len(world.incidents())} incidents")


@fault(95, "ServiceNow's stack trace", "not echoed", seeds=4)
def stack_trace(world: World) -> None:
    """Neither to the caller nor into the log."""
    words = "com.glide.script.Evaluator secret-of-the-instance"
    world.secrets.append("secret-of-the-instance")
    body = {"error": {"message": words, "detail": words}, "status": "failure"}
    world.fault(method="POST", status=world.pick(400, 403, 409, 500), body=body, times=None)
    reply = call(world, api_of(world), "POST", "/incidents", _BODY, key="k")
    world.expect(reply.status >= 400, f"it answers {reply.status}")
    world.expect("glide" not in reply.text, "it is echoed")


_PUT, _GET = "dynamodb.PutItem", "dynamodb.GetItem"


@fault(96, "ledger throttled or away", "Q, never an unguarded POST", seeds=8)
def no_ledger(world: World) -> None:
    """For callers and for events."""
    answer = world.pick(None, refusal("ProvisionedThroughputExceededException"), refusal("InternalServerError", 500))
    world.aws_fault(world.pick(_GET, _PUT), answer)
    reply = call(world, api_of(world), "POST", "/incidents", _BODY, key="k")
    world.expect(reply.status in {429, 503, 504}, f"it answers {reply.status}")
    world.environment()
    world.expect_outcome(world.fire(), "later")
    world.expect(world.api_calls("POST") == 0, "a record was inserted without a claim")
    world.mend()
    world.clock.advance(140)
    world.settle()
