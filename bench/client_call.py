"""A warm call to ServiceNow: what the client adds to the HTTP library that it stands on."""

import io
import json
import ssl
from http import HTTPStatus

import urllib3

from bench.fixed_server import fixed_server
from bench.parts import token_source
from bench.result import Result
from bench.timing import seconds_per_call
from common.clock import Deadline, SystemClock
from common.oauth.token import AccessToken
from common.servicenow.client import ServiceNowClient
from common.telemetry import Telemetry
from common.transport import Transport

_ROUNDS = 301
_CALLS = 20
_TARGET = "/api/now/table/incident?sysparm_fields=sys_id%2Cnumber%2Cstate"
_FIELDS = {
    "short_description": "errors (123456789012, eu-west-1)",
    "description": "Threshold crossed: 1 datapoint was greater than the threshold (0.0). " * 4,
    "impact": "2",
    "urgency": "2",
    "correlation_id": "0123456789abcdef0123456789abcdef-0123456789abcdef",
}


def measure() -> list[Result]:
    """Compare a call that opens a record with a bare POST of the same bytes, each on its own kept connection."""
    clock = SystemClock()
    telemetry = Telemetry("bench", stream=io.StringIO())
    token = AccessToken("t" * 86, issued=clock.now(), expires=clock.now() + 1800, asked=clock.now())
    body = json.dumps(_FIELDS).encode()
    headers = {
        "Accept": "application/json",
        "Authorization": f"Bearer {token.value}",
        "Content-Type": "application/json",
    }
    with fixed_server() as (host, authorities):
        transport = Transport(host, clock=clock, certificate_authorities=authorities)
        tokens = token_source(host, authorities, clock, stored=token)
        client = ServiceNowClient(transport, tokens, clock=clock, telemetry=telemetry)
        context = ssl.create_default_context(cadata=authorities)
        pool = urllib3.HTTPSConnectionPool("localhost", int(host.rpartition(":")[2]), ssl_context=context)

        def call() -> None:
            client.call("POST", _TARGET, deadline=Deadline.after(clock, 30.0), fields=_FIELDS)

        def raw() -> None:
            answer = pool.urlopen("POST", _TARGET, body, headers, retries=False, redirect=False)
            if answer.status != HTTPStatus.CREATED or not answer.data:
                raise RuntimeError("no answer")

        measured = seconds_per_call({"here": call, "raw": raw}, rounds=_ROUNDS, calls=_CALLS, warm_up=30)
        if pool.num_connections != 1:
            raise RuntimeError("the connection was not kept")
        transport.close()
        pool.close()
    ours, yardstick = measured["here"], measured["raw"]
    return [
        Result(
            "client_call_vs_raw",
            ours / yardstick,
            1.3,
            f"{ours * 1e6:.0f} µs",
            f"urllib3's bare POST {yardstick * 1e6:.0f} µs",
        )
    ]
