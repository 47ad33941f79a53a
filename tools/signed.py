"""Calls of a deployed API, signed with the credentials of whoever calls."""

import json
from dataclasses import dataclass
from typing import Any
from urllib.parse import urlsplit
from urllib.request import getproxies, proxy_bypass

import urllib3
from botocore.auth import SigV4Auth
from botocore.awsrequest import AWSRequest
from botocore.credentials import Credentials

_SECONDS = 40.0  # API Gateway itself gives up after 29


@dataclass(frozen=True)
class Reply:
    """What a caller gets."""

    status: int
    headers: urllib3.HTTPHeaderDict
    text: str

    @property
    def json(self) -> Any:  # noqa: ANN401 (any JSON value)
        """The body."""
        return json.loads(self.text)


class SignedCaller:
    """Sends requests to the API at `url`, signed with SigV4 where there are credentials."""

    def __init__(self, url: str, credentials: Credentials | None, region: str) -> None:
        """Call nothing yet."""
        parts = urlsplit(url)
        self._host = parts.netloc
        self._stage = parts.path
        self._credentials = credentials
        self._region = region

    def call(
        self,
        method: str,
        path: str,
        body: object = None,
        *,
        key: str | None = None,
        content_type: str = "application/json",
    ) -> Reply:
        """Send one request; a body that is no bytes becomes JSON. Raises urllib3's HTTPError where nobody answers."""
        data = body if isinstance(body, bytes | None) else json.dumps(body).encode()
        headers = {"Host": self._host, "Content-Type": content_type}
        headers |= {} if key is None else {"Idempotency-Key": key}
        request = AWSRequest(method, f"https://{self._host}{self._stage}{path}", headers, data)
        if self._credentials is not None:
            SigV4Auth(self._credentials, "execute-api", self._region).add_auth(request)
        answer = self.send(method, f"{self._stage}{path}", data, dict(request.headers))
        return Reply(answer.status, answer.headers, answer.data.decode())

    def send(self, method: str, target: str, data: bytes | None, headers: dict[str, str]) -> urllib3.BaseHTTPResponse:
        """Send what is signed already, through the proxy that the environment names."""
        proxy = getproxies().get("https")
        through = proxy is not None and not proxy_bypass(self._host)
        with urllib3.ProxyManager(proxy) if through and proxy else urllib3.PoolManager() as pool:
            url = f"https://{self._host}{target}"
            return pool.request(method, url, body=data, headers=headers, timeout=_SECONDS, retries=False)
