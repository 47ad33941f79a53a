import datetime as dt
import socket
import time
from collections.abc import Iterator
from email.utils import format_datetime
from typing import Any

import pytest

from common.clock import Deadline
from common.errors import AmbiguousError, BridgeError, ConfigurationError, HeldError, TransientError
from common.servicenow.client import ServiceNowClient
from common.servicenow.query import equals
from common.servicenow.records import Records
from common.servicenow.refusals import AccessDeniedError, RejectedError
from common.transport import NotSentError, Transport
from local.certificates import create_authority, issue, issue_self_signed
from local.simulator import Fault, Simulator
from tests.integration.servicenow.line import FIELDS, SECRET, TABLE, Line
from tests.support.clock import FakeClock
from tests.support.exchanges import ListedTokens
from tests.support.reports import Reports


def post(**fault: Any) -> Fault:  # noqa: ANN401 (the fields of a Fault)
    """Return a fault that every insert meets."""
    return Fault(**{"method": "POST", "table": TABLE, "times": None, **fault})


@pytest.fixture
def known(line: Line) -> str:
    """Provide the sys_id of an incident."""
    return line.create(short_description="known").sys_id


@pytest.mark.parametrize(
    ("switches", "method"),
    [
        ({"api_denied": True}, "create"),
        ({"api_denied": True}, "update"),
        ({"api_denied": True}, "read"),
        ({"token_scope": "", "api_scopes": ("table POST incident_write",)}, "create"),
        ({"denied_operations": ("incident.insert",)}, "create"),
        ({"denied_operations": ("incident.read",), "read_denied_status": 403}, "find"),
        ({"unreadable_fields": ("incident.correlation_id",)}, "find"),
    ],
)
def test_what_the_user_may_not_do_at_all_is_held(line: Line, known: str, switches: dict[str, Any], method: str) -> None:
    """Fault 40: a role or a scope is missing, which concerns every message."""
    line.simulator.configure(**switches)
    calls = line.api_calls()
    with pytest.raises(AccessDeniedError) as caught:
        attempt(line, method, known)
    assert isinstance(caught.value, HeldError)
    assert line.api_calls() - calls == 1


def attempt(line: Line, method: str, sys_id: str) -> object:
    """Do one thing with an incident."""
    match method:
        case "create":
            return line.create()
        case "update":
            return line.update(sys_id, state="2")
        case "read":
            return line.read(sys_id)
        case _:
            return line.find(equals("correlation_id", "x"))


def test_a_record_that_may_not_be_changed_is_refused(line: Line, known: str) -> None:
    """Fault 40: of this one record only."""
    line.simulator.configure(denied_operations=("incident.update",))
    with pytest.raises(RejectedError) as caught:
        line.update(known, state="2")
    assert caught.value.status == 403


def test_a_table_without_rights_looks_empty(line: Line, known: str) -> None:
    """ServiceNow answers 200 with nothing, which cannot be told from "there is none"."""
    line.simulator.configure(denied_operations=("incident.read",))
    assert line.find(equals("sys_id", known)) == []
    assert line.read(known) is None


@pytest.mark.parametrize("status", [400, 404, 409])
def test_a_refusal_is_final(line: Line, status: int) -> None:
    """Faults 41 to 43."""
    line.simulator.add_fault(post(status=status))
    with pytest.raises(RejectedError) as caught:
        line.create()
    assert (caught.value.status, line.api_calls("POST"), line.incidents()) == (status, 1, [])


def test_a_short_rate_limit_is_waited_for(line: Line) -> None:
    """Fault 44."""
    line.simulator.add_fault(post(status=429, times=1, headers={"Retry-After": "1"}))
    line.create()
    assert line.clock.slept == [1.0]
    assert len(line.incidents()) == 1


def test_the_hourly_rate_limit_is_the_queues(line: Line) -> None:
    """Fault 45: the seconds until the hour is over are handed on."""
    line.simulator.configure(rate_limit=1)
    line.create()
    with pytest.raises(TransientError) as caught:
        line.create()
    assert caught.value.retry_after is not None
    assert 2.0 < caught.value.retry_after <= 3600.0 or line.clock.slept
    assert len(line.incidents()) == 1


def test_a_rate_limit_with_a_date_is_understood(line: Line) -> None:
    """Fault 46."""
    until = dt.datetime.fromtimestamp(line.clock.now() + 600, dt.UTC)
    line.simulator.add_fault(post(status=429, headers={"Retry-After": format_datetime(until, usegmt=True)}))
    with pytest.raises(TransientError) as caught:
        line.create()
    assert caught.value.retry_after == 600.0


@pytest.mark.parametrize("value", ["-1", "soon", "9" * 5000, None])
def test_an_odd_rate_limit_is_survived(line: Line, value: str | None) -> None:
    """Fault 47; the node's semaphores answer without any header."""
    line.simulator.add_fault(post(status=429, headers={} if value is None else {"Retry-After": value}))
    with pytest.raises(TransientError) as caught:
        line.create()
    assert caught.value.retry_after in (None, 3600.0)
    assert line.incidents() == []


def test_a_full_node_is_tried_again(line: Line) -> None:
    """The semaphores of a node know no hour."""
    line.simulator.configure(semaphore_full=True)
    with pytest.raises(TransientError):
        line.create()
    assert line.api_calls() == 3
    assert len(line.clock.slept) == 2


@pytest.mark.parametrize("commit", [False, True], ids=["before the commit", "after the commit"])
@pytest.mark.parametrize("status", [500, 502, 503, 504])
def test_a_failing_write_is_left_to_whoever_ordered_it(line: Line, status: int, *, commit: bool) -> None:
    """Faults 48 to 50: one request, and nobody can tell from outside which of the two it was."""
    line.simulator.add_fault(post(status=status, commit=commit))
    with pytest.raises(AmbiguousError):
        line.create()
    assert line.api_calls("POST") == 1
    assert len(line.incidents()) == commit


@pytest.mark.parametrize("status", [500, 502, 503, 504])
def test_a_failing_read_is_repeated(line: Line, known: str, status: int) -> None:
    """It does no harm."""
    line.simulator.add_fault(Fault(method="GET", status=status, times=2))
    assert line.read(known) is not None
    assert line.api_calls("GET") == 3


@pytest.mark.parametrize("commit", [False, True], ids=["before the commit", "after the commit"])
@pytest.mark.parametrize("connection", ["close", "abort"])
def test_a_connection_that_ends_without_an_answer_is_unclear(line: Line, connection: Any, *, commit: bool) -> None:  # noqa: ANN401 (a Literal)
    """Faults 51 to 53: on a new connection and on a kept one."""
    line.simulator.add_fault(post(connection=connection, commit=commit))
    for sent in (1, 2):
        with pytest.raises(AmbiguousError):
            line.create()
        assert line.api_calls("POST") == sent
        assert len(line.incidents()) == sent * commit


def test_a_write_that_commits_long_after_the_time_out_is_one_record(line: Line) -> None:
    """Fault 54: the call ends in time, the record appears later."""
    line.simulator.add_fault(post(connection="hang", commit_after=45.0))
    started = time.monotonic()
    with pytest.raises(AmbiguousError):
        line.create(seconds=2.3)
    assert time.monotonic() - started < 1.5
    assert line.incidents() == []
    line.simulator.clock_offset = 46.0
    assert len(line.incidents()) == 1


def test_a_read_without_an_answer_ends_in_time(line: Line, known: str) -> None:
    """Fault 54 for a read: transient, and within the deadline."""
    line.simulator.add_fault(Fault(method="GET", connection="hang", times=None))
    with pytest.raises(TransientError):
        line.read(known, seconds=2.2)


NO_SUCCESS: dict[str, dict[str, Any]] = {
    "hibernation page": {"content": "hibernating"},
    "maintenance page": {"content": "maintenance"},
    "wrong content type": {"content_type": "text/plain", "commit": True},
    "error in a success": {"content": "error_in_success"},
    "without result": {"content": "without_result"},
    "quota cancelled": {"content": "quota_cancel"},
    "quota cancelled, malformed": {"content": "quota_cancel_malformed"},
    "dropped": {"content": "empty"},
    "status failure": {"merge": {"status": "failure"}},
    "no result any more": {"remove": ("result",)},
    "huge": {"content": "huge", "size": 5_000_000},
    "gzip bomb": {"content": "gzip_bomb", "size": 50_000_000},
    "truncated": {"truncate": 20},
    "not UTF-8": {"content": "not_utf8"},
    "deep": {"content": "deep_json", "size": 100_000},
    "other bytes": {"body": b"\x00\x01\x02"},
}


@pytest.mark.parametrize("fault", NO_SUCCESS.values(), ids=list(NO_SUCCESS))
def test_an_answer_that_is_no_proper_success_is_none(line: Line, known: str, fault: dict[str, Any]) -> None:
    """Faults 55 to 61: unclear for a write, which is sent once; a read goes on and then gives up for now."""
    line.simulator.add_fault(post(**fault))
    with pytest.raises(AmbiguousError):
        line.create()
    assert line.api_calls("POST") == 2
    line.simulator.clear_faults()
    line.simulator.add_fault(Fault(**{"method": "GET", "times": 1, **fault}))
    assert line.read(known) is not None
    line.simulator.add_fault(Fault(**{"method": "GET", "times": None, **fault}))
    with pytest.raises(TransientError):
        line.read(known)


def test_a_hibernating_instance_loses_nothing(line: Line) -> None:
    """Fault 55: every address answers with the page, the token endpoint too."""
    line.create()
    line.simulator.configure(hibernating=True)
    with pytest.raises(AmbiguousError):
        line.create()
    new_environment = Line(line.simulator)
    with pytest.raises(TransientError):
        new_environment.create()
    new_environment.transport.close()
    line.simulator.configure(hibernating=False)
    line.create()
    assert len(line.incidents()) == 2


def test_an_answer_of_another_record_is_not_trusted(line: Line, known: str) -> None:
    """Fault 62: not for a read, and not for a change."""
    other = line.create().sys_id
    line.simulator.add_fault(Fault(times=None, body={"result": {"sys_id": other, "state": "1"}}))
    with pytest.raises(TransientError):
        line.read(known)
    with pytest.raises(AmbiguousError):
        line.update(known, state="2")


@pytest.fixture
def stranger() -> Iterator[Simulator]:
    """Provide another instance, which nobody should ever talk to."""
    with Simulator(client_secret=SECRET) as stranger:
        yield stranger


@pytest.mark.parametrize("status", [301, 302, 303, 307, 308])
def test_no_byte_follows_a_redirect(line: Line, stranger: Simulator, status: int) -> None:
    """The token stays with the instance of the deployment."""
    line.simulator.add_fault(
        Fault(times=None, status=status, redirect=f"https://{stranger.host}/api/now/v2/table/incident")
    )
    with pytest.raises(ConfigurationError) as caught:
        line.create()
    assert "InstanceHost" in caught.value.action
    assert stranger.calls == []


def client_for(host: str, ca_pem: str) -> Records:
    """Return records of a host, called with a token that is in hand already."""
    clock = FakeClock()
    transport = Transport(host, clock=clock, certificate_authorities=ca_pem)
    return Records(ServiceNowClient(transport, ListedTokens(), clock=clock, telemetry=Reports().telemetry), FIELDS)


def refused(records: Records) -> BridgeError:
    """Return the error of an insert that never left."""
    with pytest.raises(NotSentError) as caught:
        records.create(TABLE, {"short_description": "x"}, Deadline.after(FakeClock(), 20.0))
    assert "token-1" not in str(caught.value)
    return caught.value


def test_no_byte_goes_to_a_host_whose_certificate_is_not_in_order() -> None:
    """Faults 63 and 64: expired, for another name, signed by nobody; the message says what to look at."""
    authority = create_authority()
    yesterday = dt.datetime.now(dt.UTC) - dt.timedelta(days=1)
    for certificate in (
        issue(authority, valid_until=yesterday),
        issue(authority, names=["other.example"]),
        issue_self_signed(),
    ):
        with Simulator(client_secret=SECRET, authority=authority, certificate=certificate) as simulator:
            error = refused(client_for(simulator.host, simulator.ca_pem))
            assert "certificate" in error.message
            assert simulator.calls == []


def test_a_name_that_is_not_found_and_a_port_that_refuses_come_back_later() -> None:
    """Faults 65 and 66."""
    with socket.create_server(("127.0.0.1", 0)) as server:
        port = server.getsockname()[1]
    authority = create_authority().certificate_pem
    assert "could be made" in refused(client_for(f"localhost:{port}", authority)).message
    assert "could not be resolved" in refused(client_for("no-such-host.invalid", authority)).message


def test_nothing_that_the_instance_says_is_repeated(line: Line) -> None:
    """Fault 95: neither in the error nor in the log."""
    words = "glide.script.Evaluator hunter22"
    line.simulator.add_fault(post(status=400, body={"error": {"message": words, "detail": words}, "status": "failure"}))
    with pytest.raises(RejectedError) as caught:
        line.create()
    shown = f"{caught.value!r} {caught.value} {line.reports.stream.getvalue()}"
    assert "glide" not in shown
    assert "hunter22" not in shown
