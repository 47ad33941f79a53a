"""Faults 63 to 68: ServiceNow behind a certificate that is not in order, out of reach, down, or half down."""

import datetime as dt
from typing import Any

from campaign.catalogue import fault
from campaign.world import World
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


_GATHER = 20.0


@fault(67, "down for 4 h and for 24 h, many queued", "all delivered, none given up, only probes meanwhile", seeds=2)
def long_outage(world: World) -> None:
    """The virtual clock makes hours of seconds."""
    hours, number = world.pick((4, 600), (24, 200))
    world.simulator.add_fault(Fault(on="api", times=None, status=503))
    world.environment()
    world.send(*(world.alarm(f"outage-{index}", "ALARM", minutes=index / 100) for index in range(number)))
    until = world.clock.monotonic() + hours * 3600
    while world.queue.wait(gather=_GATHER) and world.clock.monotonic() < until:
        while world.invoke().received:
            pass
    calls = world.api_calls()
    probes = hours * 3600 / 30
    # A probe that is a look-up is tried three times.
    world.expect(calls < 3 * probes + 20, f"{calls} calls were made while it was down")
    world.expect(not world.dead_letters(), "a message was given up")
    world.mend()
    world.settle()
    world.expect(len(world.incidents()) == number, f"{len(world.incidents())} incidents of {number}")


@fault(68, "half of all answers fail", "at most 1.2 tries an operation beyond the failures", seeds=5)
def half_fail(world: World) -> None:
    """No storm of repetitions makes it worse."""
    number = 40
    world.environment()
    world.simulator.add_fault(Fault(on="api", times=None, probability=0.5, status=world.pick(500, 502, 503)))
    world.send(*(world.alarm(f"half-{index}", "ALARM", minutes=index / 10) for index in range(number)))
    world.settle(hours=72)
    calls = [call for call in world.simulator.calls if call.path.startswith("/api/")]
    failures = sum(call.fault for call in calls)
    tries = (len(calls) - failures) / number
    # A write of unknown outcome takes a look-up beside it.
    world.expect(tries <= 1.2 + failures / number, f"{tries:.2f} successful calls an operation")
    world.expect(len(world.incidents()) == number, f"{len(world.incidents())} incidents of {number}")
