"""A plain HTTP caller for the tests: one pool over TLS, one token, nothing clever."""

import base64
import json
import ssl
from collections.abc import Mapping
from typing import Any
from urllib.parse import urlencode

import urllib3

from local.simulator import Simulator

CLIENT_ID = "bridge"
CLIENT_SECRET = "s+~[#,&=% 1"
USER = "admin"
PASSWORD = "p:w"
FORM = {"Content-Type": "application/x-www-form-urlencoded"}


class Caller:
    """Sends requests to a simulator and verifies its certificate."""

    def __init__(self, simulator: Simulator) -> None:
        """Trust the simulator's own authority and nothing else."""
        self.host = simulator.host
        context = ssl.create_default_context(cadata=simulator.ca_pem)
        self.pool = urllib3.PoolManager(ssl_context=context, retries=False, timeout=5.0)
        self._token = ""

    def send(
        self,
        method: str,
        path: str,
        body: Any = None,  # noqa: ANN401 -- whatever JSON can hold, or bytes
        headers: Mapping[str, str] | None = None,
        /,
        **parameters: str,
    ) -> urllib3.BaseHTTPResponse:
        """Send a request as it stands; a body that is no bytes goes as JSON, parameters go into the query."""
        url = f"https://{self.host}{path}"
        url += f"?{urlencode(parameters)}" if parameters else ""
        sent = dict(headers or {})
        if body is not None and not isinstance(body, bytes):
            body = json.dumps(body).encode()
            sent.setdefault("Content-Type", "application/json")
        return self.pool.request(method, url, body=body, headers=sent, redirect=False)

    def gives_up_after(self, seconds: float) -> None:
        """Wait no longer for an answer from here on."""
        self.pool.connection_pool_kw["timeout"] = urllib3.Timeout(read=seconds)
        self.pool.clear()

    def ask_for_token(self, secret: str = CLIENT_SECRET, **changes: str) -> urllib3.BaseHTTPResponse:
        """Send a token request as a form."""
        form = {"grant_type": "client_credentials", "client_id": CLIENT_ID, "client_secret": secret, **changes}
        return self.send("POST", "/oauth_token.do", urlencode(form).encode(), FORM)

    def api(
        self,
        method: str,
        path: str,
        body: Any = None,  # noqa: ANN401 -- whatever JSON can hold, or bytes
        headers: Mapping[str, str] | None = None,
        /,
        **parameters: str,
    ) -> urllib3.BaseHTTPResponse:
        """Send an API request with a bearer token, which is asked for once."""
        self._token = self._token or str(self.ask_for_token().json()["access_token"])
        authorization = {"Authorization": f"Bearer {self._token}"}
        return self.send(method, path, body, authorization | dict(headers or {}), **parameters)

    def create(self, **values: object) -> dict[str, Any]:
        """Create an incident and return it."""
        created: dict[str, Any] = self.api("POST", "/api/now/table/incident", values).json()["result"]
        return created

    def found(self, query: str, table: str = "incident", /, **parameters: str) -> list[dict[str, Any]]:
        """Return the records that match an encoded query."""
        answer = self.api("GET", f"/api/now/table/{table}", sysparm_query=query, **parameters)
        result: list[dict[str, Any]] = answer.json()["result"]
        return result


def basic(user: str = USER, password: str = PASSWORD) -> dict[str, str]:
    """Return the header of basic authentication."""
    return {"Authorization": "Basic " + base64.b64encode(f"{user}:{password}".encode()).decode()}


def refusal(answer: urllib3.BaseHTTPResponse) -> tuple[int, str, str | None]:
    """Return status, message and detail of an error answer."""
    content = answer.json()
    assert content["status"] == "failure"
    return answer.status, content["error"]["message"], content["error"]["detail"]
