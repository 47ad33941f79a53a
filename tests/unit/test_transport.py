"""What the transport decides, without a socket: tests/integration/transport shows the same over TLS."""

import socket
import ssl
from http.client import BadStatusLine

import pytest
from urllib3.exceptions import ProtocolError

from common.connection import SHORTEST_TIMEOUT
from common.errors import BridgeError, CredentialsError, PermanentError
from common.transport import CONNECT_SECONDS, IDLE_SECONDS, NotSentError, Transport, UnansweredError
from tests.support.connections import Answer, Network, Plan

BROKEN_PIPE = BrokenPipeError()


@pytest.fixture
def network(monkeypatch: pytest.MonkeyPatch) -> Network:
    """Provide what stands in the place of connections, TLS contexts and time."""
    return Network(monkeypatch)


def _busy_at_once(network: Network, number: int, transport: Transport | None = None) -> None:
    """Have that many requests under way at the same time, so that each needs a connection of its own."""
    for _ in range(number - 1):
        network.plans.append(Plan(while_sending=lambda: network.send(transport)))
    network.send(transport)


class TestRequest:
    """What leaves, and where to."""

    def test_it_leaves_as_it_was_given(self, network: Network) -> None:
        """With the name of the program, and nothing else of urllib3's own."""
        network.send(headers={"Accept": "text/plain"})
        assert network.made[0].requests == [
            ("POST", "/api?x=1", b"body", {"User-Agent": "servicenow-bridge", "Accept": "text/plain"})
        ]

    @pytest.mark.parametrize(("body", "announced"), [(b"body", True), (b"", False), (None, False)])
    def test_a_body_is_announced_so_that_it_leaves_with_the_headers(
        self, network: Network, body: bytes | None, *, announced: bool
    ) -> None:
        """Where there is one."""
        network.send(body=body)
        assert network.made[0].announced_bodies == [announced]

    @pytest.mark.parametrize(
        ("host", "address"),
        [("example.com", ("example.com", 443)), ("example.com:8443", ("example.com", 8443))],
    )
    def test_the_port_is_that_of_https_or_the_one_that_is_named(
        self, network: Network, host: str, address: tuple[str, int]
    ) -> None:
        """Both are taken from one setting."""
        network.send(network.transport(host))
        assert network.made[0].arguments == address
        assert network.made[0].tunnel is None

    def test_every_connection_trusts_what_the_settings_say(self, network: Network) -> None:
        """One context is made and shared."""
        transport = network.transport(certificate_authorities="PEM")
        _busy_at_once(network, 2, transport)
        assert network.contexts == ["PEM"]
        network.transport()
        assert network.contexts == ["PEM", ""]
        assert [each.options["ssl_context"] for each in network.made] == ["trusts PEM"] * 2

    @pytest.mark.parametrize("scheme", ["http", "https"])
    def test_a_proxy_is_asked_for_a_tunnel_to_the_host(self, network: Network, scheme: str) -> None:
        """TLS through it trusts the same authorities, and nothing is sent to it in the clear."""
        transport = network.transport(
            "example.com:8443", certificate_authorities="PEM", proxy_url=f"{scheme}://px:3128"
        )
        network.send(transport, budget=3.0)
        made = network.made[0]
        context, *others = made.options["proxy_config"]
        assert made.arguments == ("px", 3128)
        assert made.tunnel == ("example.com", 8443, scheme)
        assert made.options["proxy"].scheme == scheme
        assert made.options["ssl_context"] == context == "trusts PEM"
        assert others == [False, None, None]
        assert made.timeouts[0] == 3.0


class TestTime:
    """One budget for everything."""

    @pytest.mark.parametrize("budget", [0.0, -1.0])
    def test_without_time_nobody_is_called(self, network: Network, budget: float) -> None:
        """Which means that nothing was sent."""
        with pytest.raises(NotSentError, match="no time left"):
            network.send(budget=budget)
        assert network.made == []

    def test_little_time_is_used(self, network: Network) -> None:
        """A kept connection needs no more than a moment."""
        assert network.send(budget=0.1).status == 200

    @pytest.mark.parametrize(("budget", "limit"), [(3.0, 3.0), (30.0, CONNECT_SECONDS)])
    def test_connecting_leaves_time_for_another_try(self, network: Network, budget: float, limit: float) -> None:
        """It gets a few seconds at most, and never more than there are."""
        network.send(budget=budget)
        assert network.made[0].timeouts[0] == limit

    def test_each_step_gets_what_the_earlier_ones_left(self, network: Network) -> None:
        """Connecting took two seconds of ten, and sending three."""
        network.plans.append(Plan(connecting_takes=2.0, sending_takes=3.0))
        network.send(budget=10.0)
        assert network.made[0].timeouts == [CONNECT_SECONDS, 8.0, 5.0]

    def test_a_step_that_is_late_still_gets_a_moment(self, network: Network) -> None:
        """A limit of zero would mean none to a socket."""
        network.plans.append(Plan(connecting_takes=11.0))
        network.send(budget=10.0)
        assert network.made[0].timeouts == [CONNECT_SECONDS, SHORTEST_TIMEOUT, SHORTEST_TIMEOUT]


class TestKeptConnections:
    """A handshake saved, unless the other side may have hung up."""

    def test_one_serves_requests_that_follow_each_other(self, network: Network) -> None:
        """As long as no pause is too long."""
        for _ in range(3):
            network.send()
            network.clock.advance(IDLE_SECONDS - 0.001)
        assert len(network.made) == 1
        assert len(network.made[0].requests) == 3

    @pytest.mark.parametrize("pause", ["both clocks", "a frozen monotonic clock", "a wall clock set back"])
    def test_one_that_was_idle_for_too_long_by_either_clock_is_closed(self, network: Network, pause: str) -> None:
        """A function that is frozen may see no monotonic time pass, and somebody may set the wall clock."""
        network.send()
        if pause == "a frozen monotonic clock":
            network.clock.jump(IDLE_SECONDS)
        else:
            network.clock.advance(IDLE_SECONDS)
        if pause == "a wall clock set back":
            network.clock.jump(-3600.0)
        network.send()
        assert [each.is_closed for each in network.made] == [True, False]

    def test_one_that_the_server_has_ended_is_closed(self, network: Network) -> None:
        """However short the pause was."""
        network.send()
        network.made[0].is_connected = False
        network.send()
        assert [each.is_closed for each in network.made] == [True, False]

    @pytest.mark.parametrize(
        "plan",
        [
            Plan(answers=(Answer(closed=False),)),
            Plan(ends_after_answer=True),
            Plan(says_more=True),
            Plan(answers=(Answer(headers={"Content-Length": "2", "Transfer-Encoding": "chunked"}),)),
        ],
        ids=["not read to its end", "the last one", "something waits behind it", "it has two ends"],
    )
    def test_one_whose_answer_leaves_it_unusable_is_not_kept(self, network: Network, plan: Plan) -> None:
        """What is left of an answer would be taken for the next; of two ends a proxy may have taken the other one."""
        network.plans.append(plan)
        network.send()
        network.send()
        assert len(network.made) == 2
        assert network.made[0].is_closed

    @pytest.mark.parametrize("header", [{"Content-Length": "2"}, {"Transfer-Encoding": "chunked"}], ids=str)
    def test_one_whose_answer_has_one_end_is_kept(self, network: Network, header: dict[str, str]) -> None:
        """Whichever tells of it."""
        network.plans.append(Plan(answers=(Answer(headers=header),)))
        network.send()
        network.send()
        assert len(network.made) == 1

    def test_the_one_used_last_is_used_first(self, network: Network) -> None:
        """So that those which are not needed grow old."""
        _busy_at_once(network, 2)
        network.send()
        assert [len(each.requests) for each in network.made] == [2, 1]

    def test_an_old_one_below_is_passed_over_too(self, network: Network) -> None:
        """Every one that is too old is closed before a new one is made."""
        _busy_at_once(network, 2)
        network.clock.advance(IDLE_SECONDS)
        network.send()
        assert [each.is_closed for each in network.made] == [True, True, False]

    @pytest.mark.parametrize(("options", "limit"), [({"pool_size": 2}, 2), ({}, 10)], ids=["two", "the default"])
    def test_no_more_are_kept_than_the_pool_holds(self, network: Network, options: dict[str, int], limit: int) -> None:
        """The one that has been idle for longest goes first: here that of the innermost request."""
        transport = network.transport(**options)
        _busy_at_once(network, limit + 1, transport)
        assert [each.is_closed for each in network.made] == [False] * limit + [True]

    def test_closing_ends_those_that_are_idle(self, network: Network) -> None:
        """And the next request finds a new one."""
        _busy_at_once(network, 2)
        network.usual.close()
        assert all(each.is_closed for each in network.made)
        assert network.send().status == 200


class TestBreaking:
    """Can the server have acted on the request?"""

    def test_a_kept_one_that_breaks_before_anything_left_is_replaced(self, network: Network) -> None:
        """The time that it cost is not given back."""
        network.send()
        network.made[0].sent = False
        network.made[0].plan = Plan(sending=BROKEN_PIPE, something_left=False, sending_takes=7.0)
        assert network.send(budget=10.0).status == 200
        assert [each.is_closed for each in network.made] == [True, False]
        assert network.made[1].timeouts == [3.0, 3.0, 3.0]

    def test_a_new_one_that_breaks_before_anything_left_is_an_error(self, network: Network) -> None:
        """Another would break as well."""
        network.plans.append(Plan(sending=BROKEN_PIPE, something_left=False))
        with pytest.raises(NotSentError, match="BrokenPipeError"):
            network.send()
        assert [each.is_closed for each in network.made] == [True]

    @pytest.mark.parametrize("something_left", [True, False])
    def test_a_server_that_refused_the_client_has_done_nothing(self, network: Network, *, something_left: bool) -> None:
        """By TLS 1.3 it may be gone before the request is out, and what it said last still waits to be read."""
        refusal = ssl.SSLError(1, "[SSL: TLSV13_ALERT_CERTIFICATE_REQUIRED] made up")
        refusal.reason = "TLSV13_ALERT_CERTIFICATE_REQUIRED"
        plan = Plan(sending=BROKEN_PIPE, something_left=something_left, last_word=refusal)
        network.plans.append(plan)
        with pytest.raises(CredentialsError) as caught:
            network.send()
        assert caught.value.code == "client_certificate_missing"

    @pytest.mark.parametrize("kept", [True, False])
    def test_one_that_breaks_when_something_left_may_have_done_it(self, network: Network, *, kept: bool) -> None:
        """So the request is not sent again."""
        if kept:
            network.send()
            network.made[0].plan = Plan(sending=BROKEN_PIPE)
        else:
            network.plans.append(Plan(sending=BROKEN_PIPE))
        with pytest.raises(UnansweredError, match="BrokenPipeError"):
            network.send()
        assert [each.is_closed for each in network.made] == [True]

    def test_what_an_earlier_request_sent_does_not_count(self, network: Network) -> None:
        """Each request begins with nothing sent."""
        network.send()
        assert network.made[0].sent
        network.send()
        assert len(network.made[0].requests) == 2

    def test_a_request_that_is_no_http_is_wrong_in_itself(self, network: Network) -> None:
        """The library's exception, which may quote a secret, is neither its cause nor its context."""
        network.plans.append(Plan(sending=ValueError("Bearer secret"), something_left=False))
        with pytest.raises(PermanentError) as caught:
            network.send()
        assert caught.value.__cause__ is None
        assert caught.value.__context__ is None
        assert "secret" not in str(caught.value)
        assert network.made[0].is_closed

    @pytest.mark.parametrize(
        ("plan", "words"),
        [
            (Plan(answering=TimeoutError()), "no whole answer came back (TimeoutError)"),
            (Plan(answering=BadStatusLine("secret")), "no whole answer came back (BadStatusLine)"),
            (Plan(answers=(Answer(fails=ProtocolError("secret")),)), "no whole answer came back (ProtocolError)"),
            (Plan(answers=(Answer(status=103),)), "status 103"),
            (Plan(answers=(Answer(status=199),)), "status 199"),
            (Plan(answers=(Answer(body=b"x" * 101),)), "larger than 100 bytes"),
        ],
        ids=["silence", "no HTTP", "half an answer", "interim", "the last interim status", "too large"],
    )
    def test_what_is_no_whole_answer_may_have_been_done(self, network: Network, plan: Plan, words: str) -> None:
        """The connection is closed, with what else may come over it."""
        network.plans.append(plan)
        with pytest.raises(UnansweredError) as caught:
            network.send(size_limit=100)
        assert words in caught.value.message
        assert "secret" not in str(caught.value)
        assert network.made[0].is_closed
        assert all(answer.given_up for answer in network.made[0].received)
        network.send()
        assert len(network.made) == 2

    def test_a_body_of_just_the_limit_is_whole(self, network: Network) -> None:
        """So is an answer with the lowest status that is final."""
        network.plans.append(Plan(answers=(Answer(status=200, body=b"x" * 100, headers={"A": "b"}),)))
        response = network.send(size_limit=100)
        assert (response.status, response.body, response.headers) == (200, b"x" * 100, {"A": "b"})

    def test_no_more_is_read_than_shows_that_it_is_too_large(self, network: Network) -> None:
        """A few compressed bytes may stand for gigabytes."""
        network.plans.append(Plan(answers=(Answer(body=b"x" * 1000),)))
        with pytest.raises(UnansweredError, match="larger than 100 bytes"):
            network.send(size_limit=100)
        assert network.made[0].received[0].wanted == 101


def untrusted() -> ssl.SSLCertVerificationError:
    """Return the error for a certificate that no known authority signed."""
    error = ssl.SSLCertVerificationError()
    error.verify_code = 20
    return error


class TestConnecting:
    """Nothing was sent, and the error says where to look."""

    @pytest.mark.parametrize(
        ("error", "message", "action", "code"),
        [
            (socket.gaierror(), "could not be resolved (gaierror)", "DNS", "not_found"),
            (UnicodeError(), "could not be resolved (UnicodeError)", "DNS", "not_found"),
            (ssl.SSLError(), "No TLS connection to ServiceNow could be made (SSLError)", "TLS 1.2", "tls_refused"),
            (ConnectionRefusedError(), "could be made (ConnectionRefusedError)", "security group", "unreachable"),
            (TimeoutError(), "could be made (TimeoutError)", "security group", "unreachable"),
            (untrusted(), "is not trusted (OpenSSL code 20)", "CertificateAuthorities", "untrusted"),
        ],
    )
    def test_what_stood_in_the_way_is_told(
        self, network: Network, error: Exception, message: str, action: str, code: str
    ) -> None:
        """In words, and without the exception's own, which may quote an answer; `code` tells causes apart."""
        network.plans.append(Plan(connecting=error))
        with pytest.raises(NotSentError) as caught:
            network.send()
        told: BridgeError = caught.value
        assert message in told.message
        assert action in told.action
        assert told.code == code
        assert told.__context__ is None
        assert network.made[0].is_closed
