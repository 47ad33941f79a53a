import json
from collections.abc import Callable
from typing import Any

import pytest

from common.clock import Deadline
from common.errors import (
    AmbiguousError,
    BridgeError,
    ConfigurationError,
    CredentialsError,
    HeldError,
    TransientError,
)
from common.oauth.token import AccessToken
from common.servicenow.client import Answer, Content, ServiceNowClient
from common.servicenow.refusals import AccessDeniedError, DoubtfulError, RejectedError
from common.transport import NotSentError, Response, UnansweredError
from tests.support.clock import FakeClock
from tests.support.exchanges import ListedTokens, ScriptedSender, answer, refusal
from tests.support.reports import Reports

TARGET = "/api/now/v2/table/incident"
FINE = answer(200, {"result": {"number": "INC0010001"}})
NOT_SENT = NotSentError("No connection could be made.", action="Look at the network.")
UNANSWERED = UnansweredError("No answer came back.", action="Look at the instance.")
SERVERS_WORDS = "at com.glide.db.DBQuery; password=hunter22 <script>"


class Line:
    """A client whose sender follows a script."""

    def __init__(self, *script: Response | BridgeError, tokens: ListedTokens | None = None, takes: float = 0.0) -> None:
        self.clock = FakeClock()
        self.tokens = tokens or ListedTokens()
        self.sender = ScriptedSender(self.clock, *script, takes=takes)
        self.reports = Reports()
        self.client = ServiceNowClient(self.sender, self.tokens, clock=self.clock, telemetry=self.reports.telemetry)

    def call(self, method: str = "GET", *, seconds: float = 60.0, **options: Any) -> Answer:  # noqa: ANN401 (passed on as it comes)
        """Make a call with that much time left; a write has a field."""
        if method in ("POST", "PATCH"):
            options.setdefault("fields", {"state": "6"})
        return self.client.call(method, TARGET, deadline=Deadline.after(self.clock, seconds), **options)

    def failure[Kind: BridgeError](self, kind: type[Kind], method: str = "GET", *, seconds: float = 60.0) -> Kind:
        """Return the error of a call, which is exactly of this kind."""
        with pytest.raises(kind) as caught:
            self.call(method, seconds=seconds)
        assert type(caught.value) is kind
        return caught.value

    @property
    def sent(self) -> list[str]:
        """The tokens with which requests were sent."""
        return [request.token for request in self.sender.requests]


def test_a_call_sends_json_with_a_token() -> None:
    """Accept and Content-Type are those of the REST API, and the fields are the body."""
    line = Line(answer(201, {"result": {"number": "INC1"}}, X_Transaction_ID="0123456789ab"))
    answered = line.call("POST", fields={"short_description": "é \ud83d"})
    (request,) = line.sender.requests
    assert (request.method, request.target) == ("POST", TARGET)
    assert request.headers == {
        "Accept": "application/json",
        "Authorization": "Bearer token-1",
        "Content-Type": "application/json",
    }
    assert request.fields == {"short_description": "é \ud83d"}
    assert request.size_limit == 1024 * 1024
    assert (answered.status, answered.result) == (201, {"number": "INC1"})
    assert answered.headers["x-transaction-id"] == "0123456789ab"
    assert line.reports.counts == {"ServiceNowCalls": 1}


def test_a_read_has_no_body() -> None:
    """And no type of one."""
    line = Line(FINE)
    line.call()
    (request,) = line.sender.requests
    assert request.body is None
    assert "Content-Type" not in request.headers


def test_something_else_than_fields_can_be_sent() -> None:
    """A file goes as it is, under its own type."""
    line = Line(FINE)
    line.call("PUT", content=Content("image/png", b"\x89PNG"))
    (request,) = line.sender.requests
    assert (request.headers["Content-Type"], request.body) == ("image/png", b"\x89PNG")
    assert "PNG" not in repr(Content("image/png", b"\x89PNG"))


def test_an_empty_204_is_a_success_without_result() -> None:
    """So it is documented for a deletion."""
    assert Line(answer(204, b"", content_type="")).call("DELETE").result is None


@pytest.mark.parametrize(
    "content_type", ["application/json", "application/json;charset=UTF-8", "Application/JSON", "text/json"]
)
@pytest.mark.parametrize("result", [[], {}, None, "", 0, [{"sys_id": "x"}]])
def test_any_json_result_is_a_success(content_type: str, result: object) -> None:
    """What the result must look like is for those to say who asked."""
    assert Line(answer(200, {"result": result}, content_type=content_type)).call().result == result


# The budget


def test_a_request_may_take_ten_seconds_and_leaves_a_reserve() -> None:
    """The outcome of a call has to be written down before the function's time is over."""
    line = Line(FINE)
    line.call(seconds=60.0)
    line.call(seconds=7.0)
    assert [request.seconds for request in line.sender.requests] == [10.0, 5.0]
    assert line.tokens.seconds == [58.0, 5.0]


@pytest.mark.parametrize("seconds", [60.0, 30.0, 12.0, 5.0, 3.0, 2.0])
@pytest.mark.parametrize("takes", [0.0, 3.0, 5.0, 10.0])
def test_a_call_never_outlasts_its_deadline(seconds: float, takes: float) -> None:
    """Faults 5 and 66: tries and pauses together leave the reserve, wherever the time was lost."""
    line = Line(NOT_SENT, takes=takes)
    line.failure(NotSentError, "POST", seconds=seconds)
    assert line.clock.monotonic() - 1_000.0 <= seconds - 2.0
    assert all(request.seconds >= 1.0 for request in line.sender.requests[1:])


# What is repeated


@pytest.mark.parametrize("method", ["GET", "POST", "PATCH"])
def test_what_was_not_sent_is_repeated(method: str) -> None:
    """Faults 51, 65 and 66: three tries with growing pauses, whatever the method."""
    line = Line(NOT_SENT, NOT_SENT, FINE)
    assert line.call(method).status == 200
    assert line.sent == ["token-1"] * 3
    assert len(line.clock.slept) == 2
    assert all(0 <= pause <= 0.8 for pause in line.clock.slept)
    assert line.reports.counts == {"ServiceNowCalls": 3, "ServiceNowUnreachable": 2}


@pytest.mark.parametrize("method", ["GET", "POST", "PATCH"])
def test_after_three_tries_it_is_for_the_queue(method: str) -> None:
    """A function that waits costs money."""
    line = Line(NOT_SENT)
    line.failure(NotSentError, method)
    assert len(line.sent) == 3


def test_while_nothing_succeeds_a_call_is_tried_once() -> None:
    """Faults 67 and 68: a server that is down is not asked three times as often."""
    line = Line(NOT_SENT)
    for _ in range(20):
        line.failure(NotSentError)
    assert len(line.sent) == 20 + 10


def test_with_each_success_one_more_repetition_may_be_spent() -> None:
    """Up to ten again; a refusal or another failure gives nothing back."""
    line = Line(*(NOT_SENT,) * 30, FINE, NOT_SENT, FINE, NOT_SENT, answer(503), NOT_SENT)
    for _ in range(20):
        line.failure(NotSentError)
    sent = len(line.sent)
    line.call()
    line.call()
    line.failure(TransientError)
    assert len(line.sent) - sent == 1 + 2 + 2
    line.failure(NotSentError)
    assert len(line.sent) - sent == 1 + 2 + 2 + 1


@pytest.mark.parametrize("method", ["POST", "PATCH", "PUT", "DELETE"])
def test_a_write_that_may_have_been_carried_out_is_never_repeated(method: str) -> None:
    """Faults 52 to 54: whoever ordered it has to look first."""
    line = Line(UNANSWERED)
    line.failure(UnansweredError, method)
    assert len(line.sent) == 1
    assert line.reports.counts == {"ServiceNowCalls": 1, "ServiceNowUnanswered": 1}


def test_a_read_without_an_answer_is_repeated() -> None:
    """It does no harm."""
    line = Line(UNANSWERED, FINE)
    assert line.call().status == 200
    assert len(line.sent) == 2


def test_a_read_that_is_never_answered_is_transient() -> None:
    """Nothing was changed, so nobody has to look."""
    error = Line(UNANSWERED).failure(TransientError)
    assert error.message == "ServiceNow did not answer a read in time."
    assert error.__cause__ is None


@pytest.mark.parametrize("status", [499, 500, 502, 503, 504, 599])
@pytest.mark.parametrize("body", [b"", b"<html>down</html>", json.dumps({"result": {}}).encode()])
def test_a_server_error_is_repeated_for_a_read_and_unclear_for_a_write(status: int, body: bytes) -> None:
    """Faults 48 to 50: it may have come before the commit or after it."""
    read = Line(answer(status, body), FINE)
    assert read.call().status == 200
    write = Line(answer(status, body))
    error = write.failure(AmbiguousError, "POST")
    assert str(status) in error.message
    assert len(write.sent) == 1
    assert write.reports.counts == {"ServiceNowCalls": 1, "ServiceNowFailures": 1}


@pytest.mark.parametrize("method", ["GET", "POST"])
def test_what_a_failing_server_asks_for_is_passed_on(method: str) -> None:
    """The queue honours it, so the function does not wait for it."""
    line = Line(answer(503, b"", Retry_After="600"))
    with pytest.raises((TransientError, AmbiguousError)) as caught:
        line.call(method)
    assert caught.value.retry_after == 600.0
    assert (len(line.sent), line.clock.slept) == (1, [])


# Rate limits


@pytest.mark.parametrize("method", ["GET", "POST"])
@pytest.mark.parametrize("value", ["0", "1", "2"])
def test_a_short_wait_is_waited_for(method: str, value: str) -> None:
    """Fault 44: a 429 was not carried out, so a write may be repeated too."""
    line = Line(refusal(429, "Rate limit exceeded", Retry_After=value), FINE)
    assert line.call(method).status == 200
    assert line.clock.slept == [float(value)]
    assert line.reports.counts == {"ServiceNowCalls": 2, "ServiceNowRateLimited": 1}


@pytest.mark.parametrize(
    ("value", "seconds"),
    [("3", 3.0), ("3600", 3600.0), ("9" * 5000, 3600.0), ("Fri, 31 Dec 9999 23:59:59 GMT", 3600.0)],
)
def test_a_longer_wait_is_the_queues(value: str, seconds: float) -> None:
    """Faults 45 to 47: nothing sleeps inside the function for that long."""
    line = Line(refusal(429, Retry_After=value))
    error = line.failure(TransientError, "POST")
    assert (error.retry_after, error.status, line.clock.slept) == (seconds, 429, [])
    assert len(line.sent) == 1


@pytest.mark.parametrize("value", ["-1", "soon", "", None])
def test_without_a_sensible_wait_our_own_pauses_count(value: str | None) -> None:
    """Fault 47; the semaphores of a node answer 429 without any header."""
    headers = {} if value is None else {"Retry_After": value}
    line = Line(refusal(429, **headers))
    error = line.failure(TransientError, "POST")
    assert error.retry_after is None
    assert len(line.sent) == 3
    assert all(pause <= 2.0 for pause in line.clock.slept)


def test_a_wait_beyond_the_deadline_is_not_begun() -> None:
    """Two seconds are short, but not if only three are left."""
    line = Line(refusal(429, Retry_After="2"))
    line.failure(TransientError, seconds=4.5)
    assert line.clock.slept == []


# Tokens


@pytest.mark.parametrize("method", ["GET", "POST", "PATCH"])
def test_a_revoked_token_is_replaced_once_and_the_call_repeated(method: str) -> None:
    """Fault 38: a 401 was not carried out, so a write may be repeated too."""
    line = Line(refusal(401, "User Not Authenticated"), FINE)
    assert line.call(method).status == 200
    assert line.sent == ["token-1", "token-2"]
    assert line.tokens.refused == ["token-1"]
    assert line.clock.slept == []
    assert line.reports.counts == {"ServiceNowCalls": 2, "TokensRejected": 1}


def test_a_token_that_others_had_stored_may_be_revoked_too() -> None:
    """All tokens were revoked: the stored one is newer, but no better; the third is new."""
    line = Line(refusal(401), refusal(401), FINE)
    assert line.call("POST").status == 200
    assert line.sent == ["token-1", "token-2", "token-3"]


def test_refusals_for_ever_are_a_matter_of_the_credentials() -> None:
    """Fault 39: with a source that never gives up, the client does."""
    line = Line(refusal(401))
    error = line.failure(CredentialsError)
    assert line.sent == ["token-1", "token-2", "token-3"]
    assert "OAuth Application User" in error.action


def test_a_refusal_of_a_token_that_was_just_issued_ends_the_call() -> None:
    """Fault 39: the source says so, after one replay."""
    just_issued = CredentialsError("It was just issued.", action="Look at the user.")

    class Source(ListedTokens):
        def rejected(self, token: AccessToken, deadline: Deadline) -> AccessToken:
            if token.value == "token-2":
                raise just_issued
            return super().rejected(token, deadline)

    line = Line(refusal(401), tokens=Source())
    assert line.failure(CredentialsError) is just_issued
    assert line.sent == ["token-1", "token-2"]


@pytest.mark.parametrize("kind", [TransientError, CredentialsError])
def test_where_no_new_token_can_be_had_that_is_what_the_call_ends_with(kind: type[BridgeError]) -> None:
    """The old token is not tried again: its second 401 would look like wrong credentials."""
    trouble = kind("The token endpoint is away.", action="Wait.")
    line = Line(refusal(401), tokens=ListedTokens(trouble))
    assert line.failure(kind) is trouble
    assert line.sent == ["token-1"]


def test_a_refused_token_and_a_failing_server_may_come_together() -> None:
    """Each has its own remedy."""
    line = Line(NOT_SENT, refusal(401), answer(503), FINE)
    assert line.call().status == 200
    assert line.sent == ["token-1", "token-1", "token-2", "token-2"]


def test_a_401_that_is_no_json_counts_too() -> None:
    """Whatever the page says, the token was refused."""
    line = Line(answer(401, b"<html></html>", content_type="text/html"), FINE)
    assert line.call().status == 200


# Refusals


@pytest.mark.parametrize(
    ("message", "detail"),
    [
        ("Insufficient rights to query records", "Field(s) present in the query do not have permission to be read"),
        ("User Not Authorized", "Failed API level ACL Validation"),
        ("User Not Authorized", "Missing required api access scope: incident_write"),
        ("Operation Failed", "ACL Exception Insert Failed due to security constraints"),
        ("Operation Failed", "ACL Exception Query Failed due to security constraints"),
    ],
)
def test_a_403_of_the_whole_api_or_table_holds_everything(message: str, detail: str) -> None:
    """Fault 40: it concerns every message, so none is given up."""
    for method in ("GET", "POST", "PATCH"):
        error = Line(refusal(403, message, detail)).failure(AccessDeniedError, method)
        assert isinstance(error, HeldError)
        assert error.status == 403
        assert "sn_incident_write" in error.action


@pytest.mark.parametrize(
    ("message", "detail", "words"),
    [
        (
            "Operation Failed",
            "Data Policy Exception: \n\tThe following fields are mandatory: Resolution code, Close notes",
            "CloseCode",
        ),
        ("Operation against file 'incident' was aborted by Business Rule", None, "Business Rules"),
    ],
)
def test_a_403_of_one_record_is_final(message: str, detail: str | None, words: str) -> None:
    """Fault 40: only this message is refused, with advice that fits."""
    line = Line(refusal(403, message, detail))
    error = line.failure(RejectedError, "PATCH")
    assert error.status == 403
    assert words in error.action
    assert len(line.sent) == 1


@pytest.mark.parametrize("detail", ["ACL Exception Update Failed due to security constraints", "Verboten", None])
def test_a_403_that_does_not_say_whom_it_concerns_is_in_doubt(detail: str | None) -> None:
    """This record, or every one."""
    line = Line(refusal(403, "Operation Failed", detail))
    error = line.failure(DoubtfulError, "PATCH")
    assert "access controls" in error.action
    assert len(line.sent) == 1


@pytest.mark.parametrize("status", [402, 409, 410, 413, 414, 422, 451])
@pytest.mark.parametrize("method", ["GET", "POST"])
def test_any_other_refusal_is_final(status: int, method: str) -> None:
    """Faults 41 to 43: repeating it cannot help, and it says what to look at."""
    line = Line(refusal(status, "Invalid table incidnt"))
    error = line.failure(RejectedError, method)
    assert error.status == status
    assert f"({status})" in error.message
    assert error.action
    assert len(line.sent) == 1


@pytest.mark.parametrize(
    "body",
    [
        b"",
        b"<html><title>Not Found</title></html>",
        b'{"message":"Missing Authentication Token"}',
        b'{"error":"not_found"}',
        b'{"error":null,"status":"failure"}',
        b'["error"]',
    ],
)
@pytest.mark.parametrize("status", [400, 404, 408, 409, 421])
def test_a_refusal_that_is_not_servicenows_own_gives_nothing_up(status: int, body: bytes) -> None:
    """A page of a gateway does not say that a record is gone: nothing is dead-lettered and nothing opened anew."""
    read = Line(answer(status, body)).failure(TransientError)
    write = Line(answer(status, body)).failure(AmbiguousError, "PATCH")
    assert read.status is None
    assert write.status is None


@pytest.mark.parametrize("content_type", ["text/html", "application/json"])
@pytest.mark.parametrize("method", ["GET", "POST"])
def test_a_403_that_is_not_servicenows_own_holds_everything(method: str, content_type: str) -> None:
    """Access by IP address and firewalls refuse every request, and a person has to open them."""
    line = Line(answer(403, b"<html>Access restricted</html>", content_type=content_type))
    error = line.failure(ConfigurationError, method)
    assert "IP address" in error.action
    assert error.status is None


@pytest.mark.parametrize("status", [300, 301, 302, 303, 304, 307, 308])
@pytest.mark.parametrize("method", ["GET", "POST"])
def test_a_redirect_is_not_followed(status: int, method: str) -> None:
    """Only the host of the deployment ever sees a token; where it sends others is a setting to correct."""
    line = Line(answer(status, b"", content_type="text/html", Location="https://evil.example/steal"))
    error = line.failure(ConfigurationError, method)
    assert "InstanceHost" in error.action
    assert "evil" not in str(error)
    assert len(line.sent) == 1


# Successes that are none

NO_SUCCESS: dict[str, Response] = {
    "an error beside the result": answer(
        200, {"result": [], "error": {"message": "Transaction cancelled", "detail": None}, "status": "failure"}
    ),
    "an error beside the result, without status": answer(200, {"result": {}, "error": {"message": "cancelled"}}),
    "an error": answer(200, {"error": {"message": "x"}}),
    "a failure beside a result": answer(201, {"result": {}, "status": "failure"}),
    "no result": answer(200, {"status": "success"}),
    "an empty object": answer(200, {}),
    "a list": answer(200, [{"result": {}}]),
    "null": answer(200, None),
    "a text": answer(200, "result"),
    "malformed JSON": answer(200, b'{"result":[{"number":"INC1"'),
    "two documents": answer(200, b'{"result":[]}{"error":{}}'),
    "a hundred thousand levels": answer(200, b'{"result":' + b"[" * 100_000 + b"]" * 100_000 + b"}"),
    "a number of five thousand digits": answer(200, b'{"result":' + b"9" * 5_000 + b"}"),
    "not UTF-8": answer(200, b'{"result":{"short_description":"\xff\xfe\xc3\x28"}}'),
    "nothing": answer(200, b""),
    "a dropped request": answer(202, b"", content_type=""),
    "a dropped request with a result": answer(202, {"result": {}}),
    "a page": answer(200, b"<html><title>Instance Hibernating page</title></html>", content_type="text/html"),
    "JSON that calls itself a page": answer(200, {"result": {}}, content_type="text/html"),
    "JSON without a type": answer(200, {"result": {}}, content_type=""),
}


@pytest.mark.parametrize("response", NO_SUCCESS.values(), ids=list(NO_SUCCESS))
def test_a_2xx_that_is_no_proper_result_is_repeated_or_unclear(response: Response) -> None:
    """Faults 55 to 57, 60 and 61: a read goes on trying, a write may have been carried out."""
    read = Line(response, FINE)
    assert read.call().result == {"number": "INC0010001"}
    write = Line(response)
    error = write.failure(AmbiguousError, "POST")
    assert error.message.endswith("without a proper result.")
    assert len(write.sent) == 1


@pytest.mark.parametrize("content_type", ["application/xml", "text/xml;charset=UTF-8"])
def test_xml_instead_of_json_is_a_setting_that_is_wrong(content_type: str) -> None:
    """Fault 56: a read holds everything and says why; a write may have been carried out, and its look-up says so."""
    xml = answer(200, b"<response><result/></response>", content_type=content_type)
    error = Line(xml).failure(ConfigurationError)
    assert (error.code, "Accept" in error.action) == ("xml", True)
    assert Line(xml).failure(AmbiguousError, "POST").code == "no_json"


# What is never said


@pytest.mark.parametrize("status", [200, 202, 400, 401, 403, 404, 409, 429, 500, 503])
@pytest.mark.parametrize("method", ["GET", "POST"])
@pytest.mark.parametrize("build", [refusal, answer], ids=["envelope", "page"])
def test_no_error_repeats_what_the_server_said(status: int, method: str, build: Callable[..., Response]) -> None:
    """Fault 95: not in the message, not in its causes, not in the log; nor the token."""
    words = SERVERS_WORDS if build is refusal else SERVERS_WORDS.encode()
    line = Line(build(status, words, Retry_After=SERVERS_WORDS, X_Error=SERVERS_WORDS))
    with pytest.raises(BridgeError) as caught:
        line.call(method)
    error: BaseException | None = caught.value
    shown = line.reports.stream.getvalue()
    while error is not None:
        shown += f"{error} {error!r} {vars(error)}"
        error = error.__cause__ or error.__context__
    for word in ("glide", "hunter22", "script", "token-1"):
        assert word not in shown
