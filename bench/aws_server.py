"""The calls to AWS that getting a stored token takes, and those of an empty ledger and of a queue, answered at once.

Run as `python -m bench.aws_server <secret>`.
"""

import json
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any, override

from bench.servers import Exchange, serve, served_by


@contextmanager
def aws_server(secret: str) -> Iterator[str]:
    """Run the server with one secret and one parameter, which is empty at first; yield its address."""
    with served_by("bench.aws_server", secret) as port:
        yield f"http://127.0.0.1:{port}"


class _Exchange(Exchange):
    secret = ""
    parameter: dict[str, Any] | None = None

    @override
    def answer(self, body: bytes) -> None:
        operation = self.headers["X-Amz-Target"].rpartition(".")[2]
        answer = self._answer(operation, json.loads(body))
        self.send(json.dumps(answer).encode(), "application/x-amz-json-1.1")

    def _answer(self, operation: str, request: dict[str, Any]) -> dict[str, Any]:
        if operation == "GetSecretValue":
            return {"Name": request["SecretId"], "VersionId": "1" * 32, "SecretString": self.secret}
        if operation == "PutParameter":
            type(self).parameter = {"Version": 1, **request}
            return {"Version": 1, "Tier": "Standard"}
        if operation in ("GetItem", "PutItem"):
            return {}
        if operation == "SendMessageBatch":
            return {"Successful": [{"Id": entry["Id"], "MessageId": "1"} for entry in request["Entries"]], "Failed": []}
        return {"Parameter": self.parameter}


if __name__ == "__main__":
    _Exchange.secret = sys.argv[1]
    serve(_Exchange)
