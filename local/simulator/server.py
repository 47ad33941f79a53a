"""The HTTP server: aiohttp outside, the instance inside, faults in between."""

import asyncio
import ssl
from dataclasses import dataclass
from typing import Any, cast
from urllib.parse import unquote

from aiohttp import web

from .calls import Call
from .faults import Fault, reply
from .instance import Instance
from .messages import Answer, ApiError, Request, error_answer
from .wire import WireAnswer, on_the_wire

_LARGEST_PAYLOAD = 10_485_760
_LARGEST_BODY = 64 * 1024 * 1024
_LONGEST_LINE = 128 * 1024
_KEEP_ALIVE = 20.0
_CHECK_EVERY = 0.05
_DRIPS_PER_SECOND = 20


@dataclass(frozen=True, slots=True)
class _Exchange:
    http: web.Request
    request: Request
    call: Call
    epoch: int


class Server:
    """Serves one instance over TLS on the loopback interface.

    All methods run in the server's own event loop.
    """

    def __init__(self, instance: Instance, tls: ssl.SSLContext, control: web.Application | None = None) -> None:
        """Prepare; nothing listens yet. `control` is mounted under `/_simulator`."""
        self._instance = instance
        self._tls = tls
        self._stopping = asyncio.Event()
        self._listener: asyncio.Server | None = None
        application = web.Application(client_max_size=_LARGEST_BODY)
        if control is not None:
            application.add_subapp("/_simulator", control)
        application.router.add_route("*", "/{path:.*}", self._handle)
        self._runner = web.AppRunner(
            application,
            access_log=None,
            keepalive_timeout=_KEEP_ALIVE,
            shutdown_timeout=0.1,
            max_line_size=_LONGEST_LINE,
            max_field_size=_LONGEST_LINE,
        )

    async def start(self, port: int) -> int:
        """Listen on 127.0.0.1 and return the port; 0 lets the system choose."""
        await self._runner.setup()
        loop = asyncio.get_running_loop()
        self._listener = await loop.create_server(
            cast("Any", self._runner.server), "127.0.0.1", port, ssl=self._tls, backlog=128
        )
        address: tuple[str, int] = self._listener.sockets[0].getsockname()
        return address[1]

    async def stop(self) -> None:
        """Close every connection and stop listening."""
        self._stopping.set()
        if self._listener is not None:
            self._listener.close()
        await self._runner.cleanup()
        if self._listener is not None:
            # TLS would wait for the other side's handshake or farewell, and by then the loop is closed.
            self._listener.abort_clients()
            await asyncio.sleep(0)  # their ends are told in the next round of the loop

    async def _handle(self, http: web.Request) -> web.StreamResponse:
        oversized = (http.content_length or 0) > _LARGEST_PAYLOAD
        request = await _read(http, with_body=not oversized)
        size = http.content_length or len(request.body)
        call, fault = self._instance.begin(request)
        exchange = _Exchange(http, request, call, self._instance.epoch)
        self._instance.running += 1
        try:
            if size > _LARGEST_PAYLOAD:
                return self._respond(exchange, _too_large(size))
            if fault is not None:
                return await self._play(exchange, fault)
            return self._respond(exchange, self._instance.carry_out(request, call))
        finally:
            self._instance.running -= 1
            if call.ended is None:
                self._instance.finish(call, None)

    async def _play(self, exchange: _Exchange, fault: Fault) -> web.StreamResponse:
        if fault.delay:
            await asyncio.sleep(fault.delay)
        if exchange.epoch != self._instance.epoch:
            return await self._leave(exchange.http, Fault(connection="abort"))
        true_answer = None
        if fault.commits:
            true_answer = self._instance.carry_out(exchange.request, exchange.call)
        elif fault.commit_after is not None:
            self._instance.put_off(exchange.request, exchange.call, fault.commit_after)
        if fault.connection != "keep":
            return await self._leave(exchange.http, fault)
        answer = reply(fault, true_answer)
        if not fault.raw:
            return self._respond(exchange, answer)
        return await self._write_raw(exchange, on_the_wire(exchange.request, answer, self._instance.now()), fault)

    def _respond(self, exchange: _Exchange, answer: Answer) -> web.Response:
        wire = on_the_wire(exchange.request, answer, self._instance.now())
        response = web.Response(status=wire.status, body=wire.body)
        response.headers.clear()
        for name, value in wire.headers:
            response.headers.add(name, value)
        if response.headers.get("Connection") == "close":
            response.force_close()
        self._instance.finish(exchange.call, wire.status)
        return response

    async def _leave(self, http: web.Request, fault: Fault) -> web.Response:
        transport = http.transport
        if fault.connection == "hang":
            # A transport has no event that could be awaited for its end.
            while transport is not None and not transport.is_closing() and not self._stopping.is_set():  # noqa: ASYNC110
                await asyncio.sleep(_CHECK_EVERY)
        elif transport is not None and fault.connection == "close":
            transport.close()
        if transport is not None and fault.connection != "close":
            transport.abort()
        return web.Response()

    async def _write_raw(self, exchange: _Exchange, wire: WireAnswer, fault: Fault) -> web.Response:
        transport = exchange.http.transport
        body = wire.body if fault.truncate is None else wire.body[: fault.truncate]
        head = wire.head([("Content-Length", str(len(wire.body))), ("Connection", "close")])
        self._instance.finish(exchange.call, wire.status)
        if transport is not None:
            await self._drip(transport, head, fault.drip_headers)
            await self._drip(transport, body, fault.drip_body)
            transport.close()
        return web.Response()

    async def _drip(self, transport: asyncio.Transport, content: bytes, per_second: float | None) -> None:
        if per_second is None:
            transport.write(content)
            return
        size = max(1, int(per_second / _DRIPS_PER_SECOND))
        for start in range(0, len(content), size):
            if transport.is_closing() or self._stopping.is_set():
                return
            transport.write(content[start : start + size])
            await asyncio.sleep(size / per_second)


async def _read(http: web.Request, *, with_body: bool) -> Request:
    return Request(
        method=http.method,
        path=unquote(http.rel_url.raw_path),
        query=tuple(http.rel_url.query.items()),
        headers={name.lower(): value for name, value in http.headers.items()},
        body=await http.read() if with_body else b"",
        host=http.host,
        target_length=len(http.raw_path),
    )


def _too_large(length: int) -> Answer:
    detail = f"Rejected large REST payload with content-length = {length} bytes. Max allowed: {_LARGEST_PAYLOAD} bytes."
    return error_answer(ApiError(400, "Exception while reading request", detail, {"Connection": "close"}))
