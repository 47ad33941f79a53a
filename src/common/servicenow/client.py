"""One call to ServiceNow with a token, and what its answer means.

Answers are as ServiceNow documents and as captured (docs/servicenow-facts.toml). Its own words are never repeated in
an error, because they may hold anything; what a refusal means stands in `refusals.py`.
"""

import json
from collections.abc import Mapping
from dataclasses import dataclass, field
from http import HTTPStatus
from typing import Any, Protocol

from common.clock import Clock, Deadline
from common.errors import AmbiguousError, BridgeError, ConfigurationError, TransientError
from common.oauth.answer import unusable_token
from common.oauth.token import AccessToken
from common.retry import LONGEST_PAUSE, RetryBudget, full_jitter, retry_after
from common.servicenow.refusals import refusal
from common.telemetry import Telemetry
from common.transport import NotSentError, Response, Sender, UnansweredError

CALL_SECONDS = 10.0
"""The longest that one request may take."""

RESERVE_SECONDS = 2.0
"""What a call leaves of its deadline, so that its outcome can still be written down."""

_ANSWER_LIMIT = 1024 * 1024
_TRIES = 3
_FEWEST_SECONDS_FOR_A_TRY = 1.0
_MOST_REPLAYS = 2
_CLIENT_CLOSED_REQUEST = 499
_READS = frozenset({"GET", "HEAD"})
_LATER = "Nothing is to be done unless it stays; then look at the state of the ServiceNow instance."


class Tokens(Protocol):
    """Where the access token comes from."""

    def token(self, deadline: Deadline) -> AccessToken:
        """Return a token that is good now."""
        ...

    def rejected(self, token: AccessToken, deadline: Deadline) -> AccessToken:
        """Return a token to use instead of one that ServiceNow refused. Raises where that one was just issued."""
        ...


@dataclass(frozen=True, slots=True)
class Content:
    """A request's body, such as a file."""

    media_type: str
    data: bytes = field(repr=False)


@dataclass(frozen=True, slots=True)
class Answer:
    """A success: the JSON value under `result` (None for an empty 204), the status and the headers."""

    status: int
    result: Any
    headers: Mapping[str, str]


class ServiceNowClient:
    """Calls ServiceNow's REST APIs. Repeats only what is safe to repeat, within the deadline."""

    def __init__(self, transport: Sender, tokens: Tokens, *, clock: Clock, telemetry: Telemetry) -> None:
        """Send through `transport` with tokens from `tokens`."""
        self._transport = transport
        self._tokens = tokens
        self._clock = clock
        self._telemetry = telemetry
        self._retries = RetryBudget()

    def call(
        self,
        method: str,
        target: str,
        *,
        deadline: Deadline,
        fields: Mapping[str, Any] | None = None,
        content: Content | None = None,
    ) -> Answer:
        """Make one call; `fields` is the JSON object to send, or `content` something else.

        A read is repeated after any transient trouble, a write only where it was provably not carried out, and
        neither once repetitions have failed for a while (see RetryBudget). A 401 is answered by a repetition with
        another token: the one that others share by now, then a new one.
        Raises TransientError (not done), AmbiguousError (a write that may have been carried out), RejectedError (this
        request is wrong), CredentialsError or ConfigurationError (every request is).
        """
        body = content if fields is None else Content("application/json", json.dumps(fields).encode())
        end = Deadline(deadline.clock, deadline.at - RESERVE_SECONDS)
        token = self._tokens.token(end)
        replays = attempt = 0
        while True:
            try:
                response = self._send(method, target, body, token, end)
                if response.status != HTTPStatus.UNAUTHORIZED:
                    answer = self._judge(method, response)
                    self._retries.refund()
                    return answer
            except TransientError as error:
                pause = error.retry_after
                if pause is None:
                    pause = full_jitter(attempt, base=0.2, cap=LONGEST_PAUSE)
                attempt += 1
                too_late = end.remaining() < pause + _FEWEST_SECONDS_FOR_A_TRY
                if attempt == _TRIES or pause > LONGEST_PAUSE or too_late or not self._retries.spend():
                    raise
                self._clock.sleep(pause)
                continue
            self._telemetry.count("TokensRejected")
            if replays == _MOST_REPLAYS:
                raise unusable_token(by_policy=response.headers.get("WWW-Authenticate", "").startswith("BEARER"))
            token = self._tokens.rejected(token, end)
            replays += 1

    def _send(self, method: str, target: str, body: Content | None, token: AccessToken, deadline: Deadline) -> Response:
        headers = {"Accept": "application/json", "Authorization": f"Bearer {token.value}"}
        if body is not None:
            headers["Content-Type"] = body.media_type
        self._telemetry.count("ServiceNowCalls")
        try:
            return self._transport.send(
                method,
                target,
                headers=headers,
                body=None if body is None else body.data,
                deadline=deadline.within(CALL_SECONDS),
                size_limit=_ANSWER_LIMIT,
            )
        except NotSentError:
            self._telemetry.count("ServiceNowUnreachable")
            raise
        except UnansweredError:
            self._telemetry.count("ServiceNowUnanswered")
            if method in _READS:
                raise TransientError(
                    "ServiceNow did not answer a read in time.", action=_LATER, code="unanswered"
                ) from None
            raise

    def _judge(self, method: str, response: Response) -> Answer:
        status = response.status
        document = response.json_object()
        if status == HTTPStatus.NO_CONTENT:
            return Answer(status, None, response.headers)
        if HTTPStatus.OK <= status < HTTPStatus.MULTIPLE_CHOICES:
            if document is not None and _is_success(document) and status != HTTPStatus.ACCEPTED:
                return Answer(status, document["result"], response.headers)
            if method in _READS and _says_xml(response):
                raise ConfigurationError(
                    "ServiceNow answers XML although JSON was asked for.",
                    action="Let whatever is between the function and the instance pass the Accept header on as it is.",
                    code="xml",
                )
            code = "no_result" if response.says_json else "no_json"
            raise _unclear(method, f"ServiceNow answered {status} without a proper result.", code=code)
        if status == HTTPStatus.TOO_MANY_REQUESTS:
            self._telemetry.count("ServiceNowRateLimited")
            raise TransientError(
                "ServiceNow limits the rate of calls (429).",
                action="If this stays, raise the integration user's rate limit rule in ServiceNow.",
                status=status,
                retry_after=retry_after(response.headers, self._clock.now()),
                code="rate_limited" if "X-RateLimit-Limit" in response.headers else "node_busy",
            )
        if status >= HTTPStatus.INTERNAL_SERVER_ERROR or status == _CLIENT_CLOSED_REQUEST:
            self._telemetry.count("ServiceNowFailures")
            wait = retry_after(response.headers, self._clock.now())
            raise _unclear(method, f"ServiceNow answered {status}.", wait, code="server_failure")
        if HTTPStatus.MULTIPLE_CHOICES <= status < HTTPStatus.BAD_REQUEST:
            raise ConfigurationError(
                f"The instance answers with a redirect ({status}), which is never followed.",
                action="Set the parameter InstanceHost to the instance's own host name and deploy again.",
                code="redirected",
            )
        error = None if document is None else document.get("error")
        raise refusal(method, status, error) if isinstance(error, dict) else _foreign_refusal(method, status)


def _says_xml(response: Response) -> bool:
    media_type = response.headers.get("Content-Type", "").partition(";")[0].strip().lower()
    return media_type in {"application/xml", "text/xml"}


def _is_success(document: Mapping[str, Any]) -> bool:
    return "result" in document and not document.get("error") and document.get("status") != "failure"


def _unclear(method: str, message: str, wait: float | None = None, *, code: str = "") -> BridgeError:
    if method in _READS:
        return TransientError(message, action=_LATER, retry_after=wait, code=code)
    return AmbiguousError(
        message, action="The bridge looks whether the write was carried out. " + _LATER, retry_after=wait, code=code
    )


def _foreign_refusal(method: str, status: int) -> BridgeError:
    """Return what a refusal means that is not the API's own: a page of the platform, or of something in between."""
    if status == HTTPStatus.FORBIDDEN:
        return ConfigurationError(
            "Something in front of ServiceNow's API refuses the function (403).",
            action="Check the instance's IP address access control, and the proxies and firewalls on the way.",
            code="blocked",
        )
    return _unclear(method, f"The instance answered {status} without ServiceNow's own error.", code="foreign")
