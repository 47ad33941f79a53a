"""The instance that is probed: requests as they stand, through the bridge's own transport, and cleaning up."""

import base64
import json
import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import Any
from urllib.parse import urlencode
from uuid import uuid4

from common.clock import Deadline, SystemClock
from common.servicenow.client import ServiceNowClient
from common.telemetry import Telemetry
from common.transport import Response, Transport
from tests.contract.verdict import NotObservableError, expect

TOKEN_PATH = "/oauth_token.do"
FORM = {"Content-Type": "application/x-www-form-urlencoded"}
JSON = {"Content-Type": "application/json", "Accept": "application/json"}
INCIDENTS = "/api/now/table/incident"
TITLE = "servicenow-bridge contract test, may be deleted"

_SECONDS = 30.0
_LARGEST_ANSWER = 8 * 1024 * 1024
_TOO_MANY = 429


@dataclass(frozen=True, slots=True)
class Target:
    """Which instance, and what may be done to it. `pause` lets seconds pass on the instance's clock."""

    host: str
    client_id: str
    client_secret: str = field(repr=False)
    certificate_authorities: str = field(default="", repr=False)
    may_write: bool = False
    pause: Callable[[float], None] = time.sleep


@dataclass(slots=True)
class Instance:
    """Sends requests to a target and remembers what it has made there. `left_behind` could not be removed again."""

    target: Target
    left_behind: list[str] = field(default_factory=list)
    _made: list[tuple[str, str]] = field(default_factory=list)
    _token: str = field(default="", repr=False)
    _transport: Transport = field(init=False, repr=False)

    def __post_init__(self) -> None:
        """Prepare the transport; nothing is connected yet."""
        self._transport = Transport(
            self.target.host, clock=SystemClock(), certificate_authorities=self.target.certificate_authorities
        )

    def send(
        self, method: str, path: str, body: bytes | None = None, headers: Mapping[str, str] | None = None
    ) -> Response:
        """Send one request as it stands. Raises NotObservableError where the instance limits the rate of calls."""
        response = self._transport.send(
            method,
            path,
            headers=headers or {},
            body=body,
            deadline=Deadline.after(SystemClock(), _SECONDS),
            size_limit=_LARGEST_ANSWER,
        )
        if response.status == _TOO_MANY:
            raise NotObservableError("the instance limits the rate of calls just now")
        return response

    def ask_for_token(self, *, basic: bool = False, without: str = "", **changes: str) -> Response:
        """Send a token request as a form; `changes` replace parts of it, `basic` moves the client into a header."""
        client = {"client_id": self.target.client_id, "client_secret": self.target.client_secret}
        form = {"grant_type": "client_credentials", **client, **changes}
        headers = dict(FORM)
        if basic:
            pair = f"{form.pop('client_id')}:{form.pop('client_secret')}"
            headers["Authorization"] = "Basic " + base64.b64encode(pair.encode()).decode()
        form.pop(without, None)
        return self.send("POST", TOKEN_PATH, urlencode(form).encode(), headers)

    @property
    def token(self) -> str:
        """An access token, asked for once."""
        if not self._token:
            self._token = str(content_of(self.ask_for_token(), 200)["access_token"])
        return self._token

    def forget_token(self) -> None:
        """Ask for another one next time."""
        self._token = ""

    def api(
        self,
        method: str,
        path: str,
        fields: object = None,
        headers: Mapping[str, str] | None = None,
        /,
        **parameters: str,
    ) -> Response:
        """Send an API request with the token; `fields` becomes JSON, `parameters` go into the query."""
        target = f"{path}?{urlencode(parameters)}" if parameters else path
        body = None if fields is None else json.dumps(fields).encode()
        own = {"Authorization": f"Bearer {self.token}", "Accept": "application/json"}
        own |= {} if body is None else JSON
        return self.send(method, target, body, own | dict(headers or {}))

    def verdict(self, method: str, response: Response) -> str:
        """Return how the bridge's own client judges an answer: `Answer`, or the name of the error that it raises."""
        client = ServiceNowClient(
            self._transport, _NoTokens(), clock=SystemClock(), telemetry=Telemetry("servicenow-contract")
        )
        try:
            return type(client._judge(method, response)).__name__
        except Exception as error:  # noqa: BLE001 (its name is what is asked for)
            return type(error).__name__

    def pause(self, seconds: float) -> None:
        """Let seconds pass on the instance's clock."""
        self.target.pause(seconds)

    # Records

    def some(self, table: str, fields: str = "", **parameters: str) -> list[dict[str, Any]]:
        """Return a few rows of a table. Raises NotObservableError where there are none to be seen."""
        asked = {"sysparm_limit": "5"} | ({"sysparm_fields": fields} if fields else {}) | parameters
        response = self.api("GET", f"/api/now/table/{table}", **asked)
        if response.status in {400, 403}:
            raise NotObservableError(f"the user may not read {table}, or it does not exist")
        rows: list[dict[str, Any]] = content_of(response, 200)["result"]
        if not rows:
            raise NotObservableError(f"no row of {table} is visible to this user")
        return rows

    def create(self, table: str = "incident", **fields: object) -> dict[str, Any]:
        """Insert a row that is removed again at the end of the probe; return it as the instance answers it."""
        marks = {"short_description": TITLE, "correlation_id": f"contract-{uuid4().hex}"}
        made = self.insert(table, marks | fields)
        result: dict[str, Any] = content_of(made, 201)["result"]
        return result

    def insert(self, table: str, fields: Mapping[str, object], **parameters: str) -> Response:
        """Try to insert a row; where that works it is removed again at the end of the probe."""
        response = self.api("POST", f"/api/now/table/{table}", fields, **parameters)
        if response.status == 403 and self.verdict("POST", response) == "AccessDeniedError":
            raise NotObservableError(f"the user may not insert into {table}")
        if response.status == 201:
            self.made(table, str(json.loads(response.body)["result"]["sys_id"]))
        return response

    def made(self, table: str, sys_id: str) -> None:
        """Remember that a row has to be removed again."""
        self._made.append((table, sys_id))

    def change(self, sys_id: str, fields: Mapping[str, object], method: str = "PATCH") -> Response:
        """Change an incident."""
        return self.api(method, f"{INCIDENTS}/{sys_id}", fields)

    def incident(self, sys_id: str, **parameters: str) -> dict[str, Any]:
        """Read an incident."""
        shown = {"sysparm_exclude_reference_link": "true"} | parameters
        result: dict[str, Any] = content_of(self.api("GET", f"{INCIDENTS}/{sys_id}", **shown), 200)["result"]
        return result

    def clean_up(self) -> None:
        """Remove what was made, else resolve and, where allowed, close it; what is still there is remembered."""
        while self._made:
            table, sys_id = self._made.pop()
            path = f"/api/now/table/{table}/{sys_id}"
            if self.api("DELETE", path).status in {204, 404}:
                continue
            for state in ("6", "7"):
                self.api("PATCH", path, {"state": state, "close_code": "Solution provided", "close_notes": TITLE})
            self.left_behind.append(f"{table} {sys_id}")

    def close(self) -> None:
        """Close the connections."""
        self._transport.close()


def content_of(response: Response, status: int) -> dict[str, Any]:
    """Return the JSON object of an answer with that status; anything else refutes what the probe is about."""
    expect(response.status == status, f"status {response.status} instead of {status}")
    expect("json" in response.headers.get("Content-Type", ""), "the answer is not declared as JSON")
    content = json.loads(response.body)
    expect(isinstance(content, dict), "the answer is no JSON object")
    return dict(content)


class _NoTokens:
    """Stands where tokens come from: judging an answer needs none."""

    def token(self, deadline: Deadline) -> Any:  # noqa: ANN401 (never returns)
        raise NotImplementedError(deadline)

    def rejected(self, token: object, deadline: Deadline) -> Any:  # noqa: ANN401 (never returns)
        raise NotImplementedError(token, deadline)
