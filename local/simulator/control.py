"""The control plane: what `Operations` offers, for other processes on this machine, as JSON.

It is only there when it was asked for, and answers only callers on the loopback interface that name a local
host, so that no page in a browser can reach it through a foreign name.
"""

import ipaddress
import json
from collections.abc import Awaitable, Callable, Mapping
from dataclasses import asdict
from typing import Any, get_type_hints

from aiohttp import web

from .faults import Fault
from .messages import ApiError
from .operations import Operations
from .switches import Switches

_CENTURY = 100 * 366 * 86_400.0
_LOCAL_NAMES = frozenset({"localhost", "127.0.0.1"})

type _Handler = Callable[[web.Request], Awaitable[web.StreamResponse]]


def control_application(operations: Operations) -> web.Application:
    """Return the routes under `/_simulator`.

    GET `/state`, `/calls`, `/records/{table}`, `/journal/{sys_id}/{element}`; POST `/faults` (a `Fault` as
    JSON), `/configure`, `/revoke`, `/reset`, `/rotate` (`client_secret`), `/clock` (`offset` in seconds),
    `/records/{table}`; PATCH `/records/{table}/{sys_id}`; DELETE `/faults`. A mistake answers 400 with
    `error`.
    """
    plane = _ControlPlane(operations)
    application = web.Application(middlewares=[_guard])
    application.add_routes(
        [
            web.get("/state", plane.state),
            web.get("/calls", plane.calls),
            web.get("/records/{table}", plane.records),
            web.get("/journal/{sys_id}/{element}", plane.journal),
            web.post("/faults", plane.add_fault),
            web.delete("/faults", plane.clear_faults),
            web.post("/configure", plane.configure),
            web.post("/revoke", plane.revoke),
            web.post("/reset", plane.reset),
            web.post("/rotate", plane.rotate),
            web.post("/clock", plane.clock),
            web.post("/records/{table}", plane.insert),
            web.patch("/records/{table}/{sys_id}", plane.update),
        ]
    )
    return application


@web.middleware
async def _guard(request: web.Request, handler: _Handler) -> web.StreamResponse:
    local = request.remote is not None and ipaddress.ip_address(request.remote).is_loopback
    if not local or request.url.host not in _LOCAL_NAMES or "Origin" in request.headers:
        return web.json_response({"error": "only for callers on this machine"}, status=403)
    try:
        return await handler(request)
    except (ApiError, KeyError, TypeError, ValueError) as error:
        return web.json_response({"error": f"{type(error).__name__}: {error}"}, status=400)


class _ControlPlane:
    def __init__(self, operations: Operations) -> None:
        self._operations = operations

    async def state(self, _request: web.Request) -> web.Response:
        operations = self._operations
        counts = {"token_requests": operations.token_requests, "api_calls": operations.api_calls}
        records = operations.record_counts()
        return web.json_response({**counts, "records": records, "clock_offset": operations.clock_offset})

    async def calls(self, _request: web.Request) -> web.Response:
        return web.json_response({"calls": [asdict(call) for call in self._operations.calls]})

    async def records(self, request: web.Request) -> web.Response:
        return web.json_response({"records": self._operations.records(request.match_info["table"])})

    async def journal(self, request: web.Request) -> web.Response:
        entries = self._operations.journal(request.match_info["sys_id"], request.match_info["element"])
        return web.json_response({"entries": entries})

    async def add_fault(self, request: web.Request) -> web.Response:
        self._operations.add_fault(Fault(**_checked(Fault, await _object(request))))
        return web.json_response({})

    async def clear_faults(self, _request: web.Request) -> web.Response:
        self._operations.clear_faults()
        return web.json_response({})

    async def configure(self, request: web.Request) -> web.Response:
        self._operations.configure(**_checked(Switches, await _object(request)))
        return web.json_response({})

    async def revoke(self, _request: web.Request) -> web.Response:
        self._operations.revoke_tokens()
        return web.json_response({})

    async def reset(self, _request: web.Request) -> web.Response:
        self._operations.reset()
        return web.json_response({})

    async def rotate(self, request: web.Request) -> web.Response:
        self._operations.rotate_secret(str((await _object(request))["client_secret"]))
        return web.json_response({})

    async def clock(self, request: web.Request) -> web.Response:
        offset = float((await _object(request))["offset"])
        if not -_CENTURY < offset < _CENTURY:
            message = "offset: more than a hundred years"
            raise ValueError(message)
        self._operations.clock_offset = offset
        return web.json_response({"clock_offset": self._operations.clock_offset})

    async def insert(self, request: web.Request) -> web.Response:
        sys_id = self._operations.insert(request.match_info["table"], await _object(request))
        return web.json_response({"sys_id": sys_id}, status=201)

    async def update(self, request: web.Request) -> web.Response:
        names = request.match_info
        self._operations.update(names["table"], names["sys_id"], await _object(request))
        return web.json_response({})


def _checked(kind: type[Fault] | type[Switches], values: Mapping[str, Any]) -> dict[str, Any]:
    """Return values as the fields of a data class hold them. Raises TypeError or ValueError for a wrong one."""
    from pydantic import TypeAdapter  # noqa: PLC0415 (takes a tenth of a second, which few simulators need)

    hints = get_type_hints(kind)
    if unknown := ", ".join(sorted(values.keys() - hints.keys())):
        message = f"unknown: {unknown}"
        raise TypeError(message)
    return {name: TypeAdapter(hints[name]).validate_python(value) for name, value in values.items()}


async def _object(request: web.Request) -> dict[str, Any]:
    content = json.loads(await request.text() or "{}")
    if not isinstance(content, dict):
        message = "the body must be a JSON object"
        raise TypeError(message)
    return content
