from urllib.parse import parse_qs

import pytest

from common.clock import Deadline
from common.errors import BridgeError, ConfigurationError, TransientError
from common.oauth.credentials import ClientCredentials
from common.oauth.endpoint import ANSWER_LIMIT, TRY_SECONDS, TokenEndpoint
from common.transport import NotSentError, Response, UnansweredError
from tests.support.aws import kms_signer
from tests.support.clock import EPOCH, FakeClock
from tests.support.exchanges import ScriptedSender
from tests.support.telemetry import readable_telemetry

CLIENT = ClientCredentials("bridge", "s+~[#, äcret&=%", "1")
GRANTED = Response(
    200,
    {"Content-Type": "application/json"},
    b'{"access_token":"a-token","scope":"","token_type":"Bearer","expires_in":1799}',
)
LATE = UnansweredError("No answer.", action="Wait.")
LOST = NotSentError("Not sent.", action="Wait.", code="unreachable")


class Bench:
    """An endpoint whose sender follows a script."""

    def __init__(self, *answers: Response | BridgeError, scope: str = "", takes: float = 0.0) -> None:
        """Put an endpoint together."""
        self.clock = FakeClock()
        self.sender = ScriptedSender(self.clock, *answers, takes=takes)
        self.telemetry, _ = readable_telemetry()
        scopes = {"scope": scope} if scope else {}
        self.endpoint = TokenEndpoint(
            self.sender,
            signer=kms_signer(),
            clock=self.clock,
            telemetry=self.telemetry,
            path="/oauth_token.do",
            **scopes,
        )

    def request(self, seconds: float = 20.0) -> str:
        """Ask for a token and return its value."""
        return self.endpoint.request(CLIENT, Deadline.after(self.clock, seconds)).value

    def failure[Kind: BridgeError](self, kind: type[Kind], seconds: float = 20.0) -> Kind:
        """Ask for a token and return the error of that kind that comes instead."""
        with pytest.raises(kind) as caught:
            self.request(seconds)
        return caught.value

    @property
    def form(self) -> dict[str, list[str]]:
        """What the first request sent as a form."""
        body = self.sender.requests[0].body
        assert body is not None
        assert body.isascii()
        return parse_qs(body.decode(), strict_parsing=True)

    @property
    def tries(self) -> int:
        """How often the endpoint was asked."""
        return len(self.sender.requests)


def refused(status: int, **headers: str) -> Response:
    """Return an answer without a token."""
    return Response(status, headers, b"")


def test_it_sends_the_form_of_rfc_6749_with_every_character_encoded() -> None:
    """ServiceNow's generated secrets hold characters that a form must not."""
    bench = Bench(GRANTED)
    assert bench.request() == "a-token"
    (request,) = bench.sender.requests
    assert (request.method, request.target, request.size_limit) == ("POST", "/oauth_token.do", ANSWER_LIMIT)
    assert request.headers == {
        "Accept": "application/json",
        "Content-Type": "application/x-www-form-urlencoded",
    }
    assert bench.form == {
        "grant_type": ["client_credentials"],
        "client_id": ["bridge"],
        "client_secret": ["s+~[#, äcret&=%"],
    }


def test_a_scope_is_sent_where_one_is_set() -> None:
    """Separated by blanks, as the standard has it."""
    bench = Bench(GRANTED, scope="incident_read incident_write")
    bench.request()
    assert bench.form["scope"] == ["incident_read incident_write"]


def test_the_life_begins_before_the_request() -> None:
    """A slow answer must not make the token look younger."""
    bench = Bench(GRANTED, takes=4.0)
    token = bench.endpoint.request(CLIENT, Deadline.after(bench.clock, 20))
    assert (token.issued, token.expires) == (EPOCH, EPOCH + 1799)


@pytest.mark.parametrize("trouble", [refused(503), refused(500), refused(429), LATE, LOST])
def test_short_trouble_is_over_within_the_same_call(trouble: Response | BridgeError) -> None:
    """After a short pause with jitter; every request is counted."""
    bench = Bench(trouble, trouble, GRANTED)
    assert bench.request() == "a-token"
    assert bench.telemetry.counts()["TokenRequests"] == 3
    assert len(bench.clock.slept) == 2
    assert sum(bench.clock.slept) <= 2.0


def test_the_third_trouble_in_a_row_is_reported() -> None:
    """As something that can pass, with nothing done."""
    bench = Bench(LATE, refused(502), LOST)
    error = bench.failure(TransientError)
    assert bench.tries == 3
    assert (error.message, error.code) == (LOST.message, LOST.code)


def test_a_short_wait_that_the_server_asks_for_is_kept() -> None:
    """To the second."""
    bench = Bench(refused(429, **{"Retry-After": "2"}), GRANTED)
    bench.request()
    assert bench.clock.slept == [2.0]


def test_a_long_wait_that_the_server_asks_for_is_the_queues_business() -> None:
    """The function does not sleep; the error says for how long."""
    bench = Bench(refused(429, **{"Retry-After": "3600"}))
    error = bench.failure(TransientError)
    assert error.retry_after == 3600.0
    assert bench.clock.slept == []


def test_no_try_begins_that_could_not_end_in_time() -> None:
    """The deadline is the caller's, not ours."""
    bench = Bench(refused(503), takes=1.0)
    bench.failure(TransientError, 1.2)
    assert bench.tries == 1


def test_a_try_that_just_fits_begins() -> None:
    """Half a second is enough for one."""
    trouble = refused(503, **{"Retry-After": "2"})
    bench = Bench(trouble, GRANTED)
    assert bench.request(2.5) == "a-token"
    bench = Bench(trouble)
    bench.failure(TransientError, 2.4)


def test_one_try_does_not_use_up_the_whole_time() -> None:
    """So that a lost packet does not cost the call."""
    bench = Bench(LATE, GRANTED, takes=TRY_SECONDS)
    bench.request()
    assert [request.seconds for request in bench.sender.requests] == [TRY_SECONDS, TRY_SECONDS]


def test_what_a_person_has_to_mend_is_not_tried_again() -> None:
    """Nor are the credentials sent any further."""
    bench = Bench(refused(307))
    bench.failure(ConfigurationError)
    assert bench.tries == 1
