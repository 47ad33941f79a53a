"""Callers of the deployed API: whoever signs with a key of the local AWS, and whoever does not sign."""

import ssl
from typing import override
from urllib.parse import urlsplit

import urllib3
from botocore.credentials import Credentials

from local.clients import Identity
from local.stack import LocalStack
from tools.signed import SignedCaller


class Caller(SignedCaller):
    """Sends requests to the API of the local stack, signed with an identity where there is one."""

    def __init__(self, stack: LocalStack, identity: Identity | None) -> None:
        """Call the API of `stack`."""
        credentials = (
            Credentials(identity.access_key_id, identity.secret_access_key, identity.session_token)
            if identity is not None
            else None
        )
        super().__init__(stack.api_url, credentials, stack.emulator.endpoint.region)
        context = ssl.create_default_context(cafile=str(stack.emulator.endpoint.authority_file))
        # The name is told the server; not every system resolves names below localhost.
        self._pool = urllib3.HTTPSConnectionPool(
            "127.0.0.1", urlsplit(stack.api_url).port, ssl_context=context, maxsize=20
        )

    @override
    def send(self, method: str, target: str, data: bytes | None, headers: dict[str, str]) -> urllib3.BaseHTTPResponse:
        return self._pool.request(method, target, body=data, headers=headers, timeout=40, retries=False)
