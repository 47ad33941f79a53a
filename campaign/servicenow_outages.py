"""Faults 63 to 68: ServiceNow behind a certificate that is not in order, out of reach, down, or half down."""

import contextlib
import datetime as dt
from collections.abc import Iterator
from functools import cache
from itertools import pairwise
from typing import Any
from unittest.mock import patch

from campaign.catalogue import fault
from campaign.world import World
from common import intake
from common.doors.message import read_event
from common.incidents.rules import Rule, Rules
from common.retry import MOST_REPETITIONS
from local.certificates import create_authority, issue, issue_self_signed
from local.simulator import Fault
from tests.support.raw_server import RawServer, tls_context


def _untrusted(world: World, kind: str) -> None:
    """Let the instance's place be taken by a server with a certificate that is not in order."""
    authority = create_authority()
    yesterday = dt.datetime.now(dt.UTC) - dt.timedelta(days=1)
    if kind == "expired":
        certificate = issue(authority, valid_until=yesterday)
    else:
        certificate = issue(authority, names=["other.example"]) if kind == "wrong host" else issue_self_signed()
    received: list[bytes] = []

    def talk(connection: Any) -> None:  # noqa: ANN401 (a socket)
        received.append(connection.recv(65_536))

    with RawServer(talk, tls=tls_context(certificate)) as server:
        host = server.host if kind != "wrong host" else f"localhost:{server.port}"
        environment = world.environment(
            SERVICENOW_INSTANCE_HOST=host, CERTIFICATE_AUTHORITIES=authority.certificate_pem
        )
        world.expect_outcome(world.fire(), "later")
        world.expect(not any(received), "a byte was sent")
        world.expect(environment.requests > 0, "nothing was tried")
    world.environment()
    world.settle()


@fault(63, "TLS certificate expired", "no credential byte, Q", seeds=3)
def expired_certificate(world: World) -> None:
    """The handshake fails before anything is said."""
    _untrusted(world, "expired")


@fault(64, "TLS certificate of another host", "no credential byte, Q", seeds=3)
def other_certificate(world: World) -> None:
    """The same, and for one that nobody signed."""
    _untrusted(world, world.pick("wrong host", "self-signed"))


@fault(65, "name not found", "Q")
def no_name(world: World) -> None:
    """Until it is."""
    world.environment(SERVICENOW_INSTANCE_HOST="no-such-host.invalid")
    world.expect_outcome(world.fire(), "later")
    world.environment()
    world.settle()


@fault(66, "connection refused", "Q")
def refused(world: World) -> None:
    """Nobody listens there."""
    world.environment(SERVICENOW_INSTANCE_HOST="localhost:9")
    world.expect_outcome(world.fire(), "later")
    world.environment()
    world.settle()


LONG_OUTAGE_MESSAGES = 10_000
_GATHER = 20.0
_GATHER_AFTERWARDS = 3.0


_PROBE_EVERY = 30.0
_BREAKER_ROUNDS = 1.0
_OPENED_BY = 5


@fault(67, "down for 4 h and for 24 h, 10 000 queued", "all delivered, none given up, only probes meanwhile", seeds=2)
def long_outage(world: World) -> None:
    """The virtual clock makes hours of seconds."""
    hours, number = world.in_turn(4, 24), LONG_OUTAGE_MESSAGES
    world.in_memory()
    with _read_once():
        _outlast(world, hours, number)


@contextlib.contextmanager
def _read_once() -> Iterator[None]:
    """Let an event be read once and not each time that its message comes back: nothing but time depends on it."""
    with contextlib.ExitStack() as once:
        once.enter_context(patch.object(intake, "read_event", cache(read_event)))
        for owner, name in ((intake, "split"), (Rules, "match"), (Rule, "alert")):
            once.enter_context(_once_an_event(owner, name))
        yield


def _once_an_event(owner: object, name: str) -> contextlib.AbstractContextManager[object]:
    """Let something be asked once about each event; events are the same objects, since each is parsed once."""
    original, answers = getattr(owner, name), dict[int, Any]()

    def answer(*arguments: object) -> Any:  # noqa: ANN401 (that of the original)
        [event] = (id(each) for each in arguments if isinstance(each, dict))
        if event not in answers:
            answers[event] = original(*arguments)
        return answers[event]

    return patch.object(owner, name, answer)


def _outlast(world: World, hours: int, number: int) -> None:
    world.simulator.add_fault(Fault(on="api", times=None, status=503))
    world.environment()
    world.send(*(world.alarm(f"outage-{index}", "ALARM", minutes=index / 1000) for index in range(number)))
    until = world.clock.monotonic() + hours * 3600
    while world.queue.wait(gather=_GATHER) and world.clock.monotonic() < until:
        while world.invoke().received:
            pass
    calls = [call.started for call in world.simulator.calls if call.path.startswith("/api/")]
    probes = hours * 3600 / _PROBE_EVERY
    world.expect(hours < len(calls) <= probes, f"{len(calls)} calls while it was down; {probes:.0f} would be probes")
    soon = sum(later - earlier < _PROBE_EVERY - _BREAKER_ROUNDS for earlier, later in pairwise(calls[_OPENED_BY:]))
    world.expect(soon <= MOST_REPETITIONS, f"{soon} calls were made before the time for a probe had come")
    world.expect(not world.dead_letters(), "a message was given up")
    world.mend()
    world.settle(gather=_GATHER_AFTERWARDS)
    world.expect(not world.dead_letters(), "a message was given up afterwards")
    world.expect(len(world.incidents()) == number, f"{len(world.incidents())} incidents of {number}")


@fault(68, "half of all answers fail", "at most 1.2 tries an operation beyond the failures", seeds=6)
def half_fail(world: World) -> None:
    """No storm of repetitions makes it worse.

    Where the request was carried out all the same, a look-up finds its record. Where it was not, that look-up finds
    nothing, and it is one more operation: no insert may be sent again without it.
    """
    number, carried_out = 40, world.in_turn("carried out", "not carried out") == "carried out"
    world.environment()
    status = world.pick(500, 502, 503)
    world.simulator.add_fault(Fault(on="api", times=None, probability=0.5, status=status, commit=carried_out))
    world.send(*(world.alarm(f"half-{index}", "ALARM", minutes=index / 10) for index in range(number)))
    world.settle(hours=72)
    calls = [call for call in world.simulator.calls if call.path.startswith("/api/")]
    failures = sum(call.fault for call in calls)
    not_done = 0 if carried_out else sum(call.fault and call.method == "POST" for call in calls)
    tries = len(calls) - failures
    world.expect(failures > number / 4, f"only {failures} failures")
    world.expect(
        tries <= 1.2 * number + not_done,
        f"{tries} tries beyond the failures for {number} operations and {not_done} that had to be begun anew",
    )
    world.expect(len(world.incidents()) == number, f"{len(world.incidents())} incidents of {number}")
