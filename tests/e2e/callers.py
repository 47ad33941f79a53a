"""Callers of the deployed API: whoever signs with a key of the local AWS, and whoever does not sign."""

import json
import ssl
from dataclasses import dataclass
from typing import Any
from urllib.parse import urlsplit

import urllib3
from botocore.auth import SigV4Auth
from botocore.awsrequest import AWSRequest
from botocore.credentials import Credentials

from local.clients import Identity
from local.stack import LocalStack


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


class Caller:
    """Sends requests to the API, signed with an identity where there is one."""

    def __init__(self, stack: LocalStack, identity: Identity | None) -> None:
        """Call the API of `stack`."""
        url = urlsplit(stack.api_url)
        # The name is told the server; not every system resolves names below localhost.
        self._host = url.netloc
        self._stage = url.path
        self._identity = identity
        self._region = stack.emulator.endpoint.region
        context = ssl.create_default_context(cafile=str(stack.emulator.endpoint.authority_file))
        self._pool = urllib3.HTTPSConnectionPool("127.0.0.1", url.port, ssl_context=context, maxsize=20)

    def call(
        self,
        method: str,
        path: str,
        body: object = None,
        *,
        key: str | None = None,
        content_type: str = "application/json",
    ) -> Reply:
        """Send one request; a body that is no bytes becomes JSON."""
        data = body if isinstance(body, bytes | None) else json.dumps(body).encode()
        headers = {"Host": self._host, "Content-Type": content_type}
        headers |= {} if key is None else {"Idempotency-Key": key}
        request = AWSRequest(method, f"https://{self._host}{self._stage}{path}", headers, data)
        if self._identity is not None:
            credentials = Credentials(
                self._identity.access_key_id, self._identity.secret_access_key, self._identity.session_token
            )
            SigV4Auth(credentials, "execute-api", self._region).add_auth(request)
        answer = self._pool.request(
            method, f"{self._stage}{path}", body=data, headers=dict(request.headers), timeout=40, retries=False
        )
        return Reply(answer.status, answer.headers, answer.data.decode())
