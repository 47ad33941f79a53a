"""The two services that a fleet shares, as the client's own parts see them: Parameter Store and ServiceNow."""

import json
from collections.abc import Mapping
from email.utils import formatdate
from random import Random
from typing import Any
from urllib.parse import parse_qsl

from botocore.exceptions import ClientError

from bench.fleet.engine import Simulation
from common.clock import Deadline
from common.transport import Response
from local.simulator.switches import Switches, TokenBehaviour
from local.simulator.token_api import REVOKE_PATH
from local.simulator.tokens import TokenDesk

LIFE = 1799
"""Seconds that ServiceNow lets a token live, unless it is set up otherwise."""

# Quotas of an account and Region: https://docs.aws.amazon.com/general/latest/gr/ssm.html
_READS_PER_SECOND = 40.0
_WRITES_PER_SECOND = 3.0
_READ_SECONDS = (0.005, 0.03)
_WRITE_SECONDS = (0.01, 0.06)
# One more than the project's own client makes (STORE_CONFIG): repetitions add to the load that throttles.
_TRIES = 2
_FIRST_PAUSE = 1.0
_TOKEN_SECONDS = (0.1, 0.6)


class _Quota:
    """A bucket that holds what may be used in one second."""

    def __init__(self, rate: float) -> None:
        self._rate = rate
        self._left = rate
        self._since = 0.0

    def take(self, time: float) -> bool:
        self._left = min(self._rate, self._left + (time - self._since) * self._rate)
        self._since = time
        if self._left < 1.0:
            return False
        self._left -= 1.0
        return True


class ParameterStore:
    """A client of SSM with one parameter: the account's quotas, and the SDK's one repetition where it is throttled."""

    def __init__(self, simulation: Simulation, dice: Random) -> None:
        """Start without the parameter."""
        self._simulation = simulation
        self._dice = dice
        self._reads = _Quota(_READS_PER_SECOND)
        self._writes = _Quota(_WRITES_PER_SECOND)
        self._parameter: Mapping[str, Any] | None = None

    def get_parameter(self, **_arguments: Any) -> Mapping[str, Any]:  # noqa: ANN401 (boto3's own)
        """Return the parameter. Raises ClientError where it is not there or reading is throttled."""
        self._admit("GetParameter", self._reads, _READ_SECONDS)
        if self._parameter is None:
            raise _failure("GetParameter", "ParameterNotFound")
        return {"Parameter": self._parameter}

    def put_parameter(self, **parameter: Any) -> None:  # noqa: ANN401 (boto3's own)
        """Write the parameter. Raises ClientError where writing is throttled."""
        self._admit("PutParameter", self._writes, _WRITE_SECONDS)
        self._parameter = parameter

    def _admit(self, operation: str, quota: _Quota, seconds: tuple[float, float]) -> None:
        for attempt in range(_TRIES):
            self._simulation.sleep(self._dice.uniform(*seconds))
            if quota.take(self._simulation.monotonic()):
                return
            if attempt < _TRIES - 1:
                self._simulation.sleep(self._dice.uniform(0.0, _FIRST_PAUSE))
        raise _failure(operation, "ThrottlingException")


class ServiceNow:
    """What carries token requests to an instance (`common.oauth.endpoint.Sender`), and the instance."""

    def __init__(
        self, simulation: Simulation, dice: Random, behaviour: TokenBehaviour, *, token_length: int = 0
    ) -> None:
        """Answer requests inside a token's life as `behaviour` says; a token with a length is a signed one (JWT)."""
        self._simulation = simulation
        self._dice = dice
        self._switches = Switches(
            token_behaviour=behaviour,
            expires_in=LIFE,
            token_format="jwt" if token_length else "opaque",
            token_length=token_length,
        )
        self._desk = TokenDesk()
        self.is_away = False
        self.requests = 0

    def send(self, method: str, target: str, *, body: bytes | None, deadline: Deadline, **_options: object) -> Response:
        """Answer a token request, or one that revokes a token, or with 503 while it is away."""
        if method == "POST" and target.endswith(REVOKE_PATH):
            self._simulation.sleep(min(self._dice.uniform(*_TOKEN_SECONDS), deadline.remaining()))
            self._desk.revoke(dict(parse_qsl((body or b"").decode())).get("token", ""))
            return Response(200, {}, b"")
        self.requests += 1
        self._simulation.sleep(min(self._dice.uniform(*_TOKEN_SECONDS), deadline.remaining()))
        if self.is_away:
            return Response(503, {}, b"")
        token, expires_in = self._desk.issue("bridge", self._simulation.now(), self._switches)
        content = {"access_token": token, "token_type": "Bearer", "expires_in": expires_in}
        headers = {"Content-Type": "application/json", "Date": formatdate(self._simulation.now(), usegmt=True)}
        return Response(200, headers, json.dumps(content).encode())


def _failure(operation: str, code: str) -> ClientError:
    return ClientError({"Error": {"Code": code, "Message": ""}}, operation)
