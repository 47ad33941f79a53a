"""Faults 38 to 62: what ServiceNow's API can do. X final at once, C reconciled to exactly one record."""

from email.utils import formatdate
from typing import Any

from campaign.catalogue import fault
from campaign.world import MOST_MEMORY, Round, World
from common.clock import Deadline


def act(world: World, method: str = "", **what: Any) -> Round:  # noqa: ANN401 (those of Fault)
    """Let a write meet a fault: an insert, or the change that resolves an incident. Return what becomes of it.

    Which of the two is left to the dice unless `method` says.
    """
    method = method or world.pick("POST", "PATCH")
    name = f"acted-{len(world.sent)}"
    if method == "PATCH":
        world.send(world.alarm(name, "ALARM", minutes=1))
        world.expect_outcome(world.invoke(), "done")
    world.fault(**{"method": method, "table": "incident", **what})
    world.send(world.alarm(name, "ALARM" if method == "POST" else "OK", minutes=2))
    return world.invoke()


def reconciled(world: World, found: Round, *outcomes: str) -> None:
    """Expect that nothing is given up, and that once the fault is over there is exactly one record each."""
    world.expect_outcome(found, *(outcomes or ("later", "done")))
    world.mend()
    world.settle()
    world.expect(not world.dead_letters(), "a message was given up")


def refusal_of(message: str, detail: str = "") -> dict[str, Any]:
    """Return an error in the envelope of ServiceNow's API."""
    return {"error": {"message": message, "detail": detail}, "status": "failure"}


@fault(38, "401: token revoked", "one refresh, R")
def revoked(world: World) -> None:
    """The caller does not notice."""
    world.expect_outcome(world.fire(), "done")
    tokens, deadline = world.warm.parts.tokens, Deadline.after(world.clock, 3000.0)
    old = tokens.token(deadline)
    world.simulator.revoke_tokens()
    world.clock.advance(world.random.uniform(1, 1000))
    world.expect_outcome(world.fire(), "done")
    # Others met the same 401, and report it late.
    current = {tokens.rejected(old, deadline).value for _ in range(5)}
    world.expect(len(current) == 1, "a good token was thrown away")
    world.expect(world.simulator.token_requests == 2, f"{world.simulator.token_requests} token requests")


@fault(39, "401 for ever", "H after one replay")
def guest(world: World) -> None:
    """Vancouver and older issue tokens of guest."""
    world.simulator.configure(guest=True, token_behaviour=world.pick("sliding", "fixed", "fresh"))
    world.expect_outcome(world.fire(number=1), "held")
    calls = (world.simulator.token_requests, world.api_calls())
    world.expect(calls in {(2, 2), (3, 3)}, f"{calls[0]} token requests and {calls[1]} calls")
    world.simulator.configure(guest=False)
    world.clock.advance(60)
    world.settle()


def held_until_mended(world: World, found: Round) -> None:
    """Expect that everything is held, and that it is done once the fault is over."""
    world.expect_outcome(found, "held")
    world.mend()
    world.clock.advance(60)
    world.settle()
    world.expect(not world.dead_letters(), "a message was given up")


_ALL = (
    refusal_of("User Not Authorized", "Failed API level ACL Validation"),
    refusal_of("User Not Authorized", "Missing required api access scope: incident_write"),
    refusal_of("Operation Failed", "ACL Exception Insert Failed due to security constraints"),
)
_ONE = (
    refusal_of("Operation Failed", "Data Policy Exception: \n\tThe following fields are mandatory: Resolution code"),
    refusal_of("Operation Failed", "Operation against file 'incident' was aborted by Business Rule"),
)


@fault(40, "403 of the whole API or table, or of this record", "H, or X")
def forbidden(world: World) -> None:
    """Only what concerns this one message is given up."""
    everything = world.toss()
    found = act(world, "POST", status=403, body=world.pick(*(_ALL if everything else _ONE)), times=None)
    world.expect_outcome(found, "held" if everything else "dead")
    world.mend()
    world.clock.advance(60)
    world.settle()


@fault(41, "404", "C where the record is ours, else X")
def not_found(world: World) -> None:
    """An insert is refused; a record that somebody deleted needs no resolution."""
    if world.toss():
        world.expect_outcome(act(world, "POST", status=404, body=refusal_of("No Record found")), "dead")
        return
    world.send(world.alarm("gone", "ALARM", minutes=1))
    world.expect_outcome(world.invoke(), "done")
    instance = world.simulator._instance
    with instance.lock:
        for row in list(instance.store.rows("incident")):
            instance.store.delete(row)
    world.send(world.alarm("gone", "OK", minutes=2))
    world.expect_outcome(world.invoke(), "done")


@fault(42, "400", "X, or H where the table is not there")
def bad_request(world: World) -> None:
    """At once, with a reason; a table that is missing is so for everybody."""
    if world.toss():
        body = refusal_of("Exception while reading request", "The payload is not valid JSON.")
        world.expect_outcome(act(world, "POST", status=400, body=body), "dead")
        return
    held_until_mended(world, act(world, status=400, body=refusal_of("Invalid table incident"), times=None))


@fault(43, "409", "X")
def conflict(world: World) -> None:
    """At once, with a reason."""
    world.expect_outcome(act(world, "POST", status=409, body=refusal_of("Conflict")), "dead")


def _limited(world: World, outcome: str, **headers: str) -> None:
    named = {name.replace("_", "-"): value for name, value in headers.items()}
    found = act(world, status=429, headers=named)
    world.expect_outcome(found, outcome)
    world.settle()


@fault(44, "429 with Retry-After 1", "R")
def limited_shortly(world: World) -> None:
    """Waited for within the call."""
    _limited(world, "done", Retry_After="1")


@fault(45, "429 with Retry-After 3600", "Q")
def limited_long(world: World) -> None:
    """And nobody asks meanwhile."""
    found = act(world, "POST", status=429, headers={"Retry-After": "3600"})
    world.expect_outcome(found, "later")
    calls, before = world.api_calls(), world.clock.monotonic()
    world.expect(world.queue.wait() and world.clock.monotonic() - before > 2700, "the message comes back too early")
    world.expect(world.api_calls() == calls, "ServiceNow was called meanwhile")
    world.settle()


@fault(46, "429 with an HTTP date", "R")
def limited_to_a_date(world: World) -> None:
    """A second from now."""
    _limited(world, "done", Retry_After=formatdate(world.clock.now() + 1.5, usegmt=True))


@fault(47, "429 with Retry-After huge, negative, garbage, absent", "back-off")
def limited_oddly(world: World) -> None:
    """Never longer than an hour, never shorter than nothing."""
    value = world.pick("99999999999999", "-1", "soon", "", "1e9", "\u00b2", "Fri, 99 Foo 2030 99:99:99 GMT", None)
    found = act(world, status=429, headers={} if value is None else {"Retry-After": value.encode().decode("latin-1")})
    world.expect_outcome(found, "done", "later")
    world.settle(hours=2)


@fault(48, "500 before the commit", "C")
def failed_before(world: World) -> None:
    """Looked up after the lock, then sent again."""
    reconciled(world, act(world, status=500, commit=False), "later")


@fault(49, "500 after the commit", "C")
def failed_after(world: World) -> None:
    """Looked up after the lock, and found."""
    reconciled(world, act(world, status=500, commit=True), "later")


@fault(50, "502, 503, 504 before or after the commit", "C")
def gateway(world: World) -> None:
    """The answer does not tell which."""
    reconciled(world, act(world, status=world.pick(502, 503, 504), commit=world.toss()), "later")


@fault(51, "connection reset before the commit", "R or C")
def reset_before(world: World) -> None:
    """Something of the request had left."""
    reconciled(world, act(world, connection="abort", commit=False))


@fault(52, "connection reset after the commit", "C")
def reset_after(world: World) -> None:
    """The answer is lost."""
    reconciled(world, act(world, connection="abort", commit=True), "later")


@fault(53, "connection closed after reading", "C")
def closed(world: World) -> None:
    """With and without a commit."""
    reconciled(world, act(world, connection="close", commit=world.toss()), "later")


@fault(54, "read timeout, commit 45 s later", "C, one record", seeds=6)
def late_commit(world: World) -> None:
    """Nobody looks before it can have happened."""
    found = act(world, connection="hang", commit_after=world.random.uniform(20.0, 64.0))
    reconciled(world, found, "later")


@fault(55, "hibernation page", "Q")
def hibernating(world: World) -> None:
    """Every address answers with it."""
    world.expect_outcome(world.fire(), "done")
    world.simulator.configure(hibernating=True)
    world.expect_outcome(world.fire(), "later")
    world.simulator.configure(hibernating=False)
    world.settle()


@fault(56, "wrong content type", "Q")
def wrong_type(world: World) -> None:
    """A write may have happened all the same."""
    kind = world.pick("text/plain", "text/html", "image/png", "application/xml")
    reconciled(world, act(world, content_type=kind, commit=True), "later")


@fault(57, "200 with an error, without a result, 202 empty", "Q or C")
def no_success(world: World) -> None:
    """None of it is a success."""
    content = world.pick("error_in_success", "without_result", "empty", "quota_cancel", "quota_cancel_malformed")
    reconciled(world, act(world, content=content, commit=world.toss()), "later")


def _bounded(world: World, **what: Any) -> None:  # noqa: ANN401 (those of Fault)
    reconciled(world, act(world, **what), "later")
    # The simulator's own share is in it, as both are one process here.
    allowed = MOST_MEMORY + what.get("size", 0) * 3
    reconciled(world, world.within_memory(lambda: act(world, "POST", **what), allowed), "later")


@fault(58, "50 MB body", "Q or C, memory bounded", seeds=2)
def huge(world: World) -> None:
    """Read up to a limit, then cut off."""
    _bounded(world, content="huge", size=50_000_000, commit=world.toss())


@fault(59, "gzip bomb", "Q or C, memory bounded", seeds=3)
def bomb(world: World) -> None:
    """Unpacked up to a limit."""
    _bounded(world, content="gzip_bomb", commit=world.toss())


@fault(60, "truncated body", "Q or C")
def truncated(world: World) -> None:
    """Cut off anywhere."""
    reconciled(world, act(world, truncate=world.random.randint(0, 60), commit=world.toss()), "later")


@fault(61, "body that is not UTF-8", "Q or C")
def not_utf8(world: World) -> None:
    """No text at all."""
    reconciled(world, act(world, content="not_utf8", commit=world.toss()), "later")


@fault(62, "a look-up returns a wrong record, or several", "nothing is written, an alarm")
def wrong_record(world: World) -> None:
    """ServiceNow drops a term that it does not understand."""
    strangers = [
        world.simulator.insert("incident", {"short_description": "stranger", "correlation_id": f"other-{number}"})
        for number in range(world.random.randint(1, 3))
    ]
    found = act(world, "POST", connection="close", commit=False)
    world.expect_outcome(found, "later")
    calls = world.api_calls("POST") + world.api_calls("PATCH")
    rows = [{"sys_id": sys_id, "number": "INC1", "state": "1", "correlation_id": "other"} for sys_id in strangers]
    world.fault(method="GET", table="incident", times=None, body={"result": rows})
    while world.queue.wait() and not world.dead_letters():
        world.invoke()
    world.expect(world.metrics["RecordConflicts"] >= 1, "nobody is told")
    world.expect(world.api_calls("POST") + world.api_calls("PATCH") == calls, "something was written")
