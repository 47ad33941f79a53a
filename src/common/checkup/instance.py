"""What is looked at in ServiceNow: the way to the instance, and what the integration user may do there."""

import re
import socket
import threading
from collections.abc import Callable, Iterable, Mapping
from email.utils import parsedate_to_datetime
from http import HTTPStatus
from queue import Empty, SimpleQueue
from typing import Any

from common.checkup.report import Finding
from common.clock import Clock, Deadline
from common.errors import BridgeError, ConfigurationError, TransientError
from common.servicenow.client import Answer, ServiceNowClient
from common.servicenow.event_management import EVENT_TABLE
from common.servicenow.kept import ignored
from common.servicenow.records import SYS_ID
from common.servicenow.refusals import RejectedError
from common.transport import Transport

_TOLERABLE_SKEW = 60.0
_HTTPS = 443
_PAGE_LIMIT = 4 * 1024 * 1024
_MARK = "servicenow-bridge check-up"
_RESOLVED = "6"  # closing takes a role that the bridge should not have
_NO_RECORD = "0" * 32
_NO_TABLE = "servicenow_bridge_no_such_table"
_NUMBER = re.compile(r"[A-Z0-9]{1,40}")
_LIMIT = re.compile(r"[0-9]{1,12}")
_LANGUAGE = re.compile(r"[A-Za-z_-]{2,10}")
_ENGLISH = "en"

type RulesOn = Callable[[str, Iterable[str], Deadline], str]


class Instance:
    """The checks that ask the instance, and what they learn from one another."""

    def __init__(self, host: str, transport: Transport, client: ServiceNowClient, *, clock: Clock) -> None:
        """Look at `host` (with `:port` where it is not 443) through `transport`, and with a token through `client`."""
        self._host, _, port = host.partition(":")
        self._port = int(port or _HTTPS)
        self._transport = transport
        self._client = client
        self._clock = clock
        self._date = ""
        self._headers: Mapping[str, str] = {}

    def name(self, deadline: Deadline) -> Finding:
        """Look up the host's name."""
        addresses = _addresses(self._host, self._port, deadline.remaining())
        return Finding(f"{self._host} is {', '.join(addresses[:4])}")

    def tls(self, deadline: Deadline) -> Finding:
        """Ask for the first page, whatever it is."""
        response = self._transport.send(
            "GET", "/", headers={"Accept": "text/html"}, body=None, deadline=deadline, size_limit=_PAGE_LIMIT
        )
        self._date = response.headers.get("Date", "")
        return Finding(f"{self._host} answers with a certificate that is trusted")

    def skew(self, _: Deadline) -> Finding:
        """Compare the clocks by the date of that page."""
        try:
            skew = parsedate_to_datetime(self._date).timestamp() - self._clock.now()
        except ValueError:
            return Finding("ServiceNow's answer has no date", observed=False)
        if abs(skew) > _TOLERABLE_SKEW:
            raise ConfigurationError(
                f"ServiceNow's clock and the function's differ by {skew:.0f} s.",
                action="The bridge works all the same; compare both with a time server before you trust times in logs.",
            )
        return Finding(f"differs by {abs(skew):.0f} s at most")

    def use(self, deadline: Deadline) -> Finding:
        """Make the smallest call with the token."""
        self._get("sys_user", deadline)
        return Finding("ServiceNow accepts the token")

    def reader(self, table: str) -> Callable[[Deadline], Finding]:
        """Return the check that reads one record of `table`."""

        def read(deadline: Deadline) -> Finding:
            try:
                found = self._get(table, deadline).result
            except ConfigurationError as error:
                if table == EVENT_TABLE and error.code == "read_denied":
                    return Finding("the user may not read it; events are sent all the same", observed=False)
                raise
            if found:
                return Finding("a record can be read")
            return Finding("no record came back: the table is empty or hidden from the user", observed=False)

        return read

    def method(self, method: str) -> Callable[[Deadline], Finding]:
        """Return the check that the Table API takes `method`, POST or PATCH, which leaves no trace.

        Scopes are set for each method and looked at before the request is: what names a table or a record that can't
        exist is then refused as such.
        """
        target, fields = {
            "POST": (f"/api/now/v2/table/{_NO_TABLE}", {"short_description": _MARK}),
            "PATCH": (f"/api/now/v2/table/incident/{_NO_RECORD}", {"correlation_display": _MARK}),
        }[method]

        def attempt(deadline: Deadline) -> Finding:
            try:
                self._client.call(method, target, fields=fields, deadline=deadline)
            except ConfigurationError as error:
                if error.code != "no_table":
                    raise
            except RejectedError as error:
                if error.status not in {HTTPStatus.BAD_REQUEST, HTTPStatus.NOT_FOUND}:
                    return Finding(f"refused for another reason ({error.status})", observed=False)
            return Finding(f"the Table API takes {method}")

        return attempt

    def language(self, deadline: Deadline) -> Finding:
        """Look up the language of the user that the token stands for. Refusals are known by their English words."""
        target = (
            "/api/now/v2/table/sys_user?sysparm_query=sys_id%3Djavascript%3Ags.getUserID()"
            "&sysparm_limit=1&sysparm_fields=preferred_language"
        )
        found = self._client.call("GET", target, deadline=deadline).result
        language = found[0].get("preferred_language") if found else None
        if not language:
            return Finding("not shown or not set, so that the instance's own counts; set it to English", observed=False)
        if language != _ENGLISH:
            raise ConfigurationError(
                f"The integration user's language is {_plain(_LANGUAGE, language)}.",
                action="Set it to English.",
                code="other_language",
            )
        return Finding("the integration user's language is English")

    def rate_limits(self, _: Deadline) -> Finding:
        """Tell which rate limit rule the last answer named."""
        limit = self._headers.get("X-RateLimit-Limit", "")
        if not limit:
            return Finding("no rate limit rule applies to the integration user")
        rule = _plain(SYS_ID, self._headers.get("X-RateLimit-Rule", ""))
        return Finding(f"{_plain(_LIMIT, limit)} requests an hour, by the rule {rule}")

    def creator(self, close_code: str, rules_on: RulesOn) -> Callable[[Deadline], Finding]:
        """Return the check that opens a marked incident and resolves it with `close_code`.

        `rules_on` says which rules of ServiceNow keep fields from being written, as far as it can be seen.
        """

        def create(deadline: Deadline) -> Finding:
            marks = {"correlation_id": _MARK, "correlation_display": _MARK}
            fields = {"short_description": f"{_MARK}, please ignore", "impact": "3", "urgency": "3", **marks}
            target = f"/api/now/v2/table/incident?sysparm_fields=sys_id,number,{','.join(fields)}"
            created = self._client.call("POST", target, fields=fields, deadline=deadline).result
            number = _plain(_NUMBER, created.get("number"))
            lost = ignored(fields, created)
            lost += self._resolve(created["sys_id"], number, close_code, rules_on, deadline)
            if lost:
                raise ConfigurationError(
                    f"{number} was opened and resolved, but {_not_kept(lost, rules_on, deadline)}",
                    action="Let the integration user write it.",
                    code="fields_discarded",
                )
            return Finding(f"{number} was opened and resolved")

        return create

    def _resolve(
        self, sys_id: str, number: str, close_code: str, rules_on: RulesOn, deadline: Deadline
    ) -> tuple[str, ...]:
        """Resolve, and return which other fields than the state were not kept."""
        fields = {"state": _RESOLVED, "close_code": close_code, "close_notes": _MARK}
        target = f"/api/now/v2/table/incident/{sys_id}?sysparm_fields={','.join(fields)}"
        try:
            shown = self._client.call("PATCH", target, fields=fields, deadline=deadline).result
        except BridgeError as error:
            message, action, code = error.message, error.action, error.code
        else:
            lost = ignored(fields, shown)
            if "state" not in lost:
                return lost
            message = _not_kept(lost, rules_on, deadline)
            action, code = "", "fields_discarded"
        raise ConfigurationError(
            f"{number} was opened but not resolved: resolve it by hand. {message}", action=action, code=code
        )

    def _get(self, table: str, deadline: Deadline) -> Answer:
        target = f"/api/now/v2/table/{table}?sysparm_limit=1&sysparm_fields=sys_id"
        answer = self._client.call("GET", target, deadline=deadline)
        self._headers = answer.headers
        return answer


def _not_kept(names: Iterable[str], rules_on: RulesOn, deadline: Deadline) -> str:
    listed = ", ".join(f"incident.{name}" for name in names)
    seen = rules_on("incident", names, deadline)
    return f"ServiceNow did not keep {listed}" + (f": {seen}." if seen else ".")


def _plain(pattern: re.Pattern[str], value: Any) -> str:  # noqa: ANN401 (any JSON value, or a header)
    """Return what ServiceNow sent where it looks as it should: nothing else of it is ever repeated."""
    return value if isinstance(value, str) and pattern.fullmatch(value) else "unknown"


def _addresses(host: str, port: int, seconds: float) -> list[str]:
    """Look up `host`. The system's resolver knows no time limit, so a slow one is left behind in a thread."""
    found: SimpleQueue[list[str] | OSError] = SimpleQueue()

    def look_up() -> None:
        try:
            entries = socket.getaddrinfo(host, port, type=socket.SOCK_STREAM)
        except OSError as error:
            found.put(error)
        else:
            found.put(sorted({str(address[0]) for *_, address in entries}))

    threading.Thread(target=look_up, daemon=True).start()
    try:
        answer = found.get(timeout=max(seconds, 0.0))
    except Empty:
        raise TransientError(
            f"The name {host} could not be looked up in time.",
            action="Check the name servers.",
            code="no_name_server",
        ) from None
    if isinstance(answer, OSError):
        raise ConfigurationError(
            f"The name {host} is not known.",
            action="Check InstanceHost.",
            code="no_name_server" if answer.errno == socket.EAI_AGAIN else "not_found",
        )
    return answer
