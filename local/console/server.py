"""The console's HTTP server, in a thread of its own."""

import asyncio
import concurrent.futures
import json
import secrets
import threading
from collections.abc import Callable, Mapping
from pathlib import Path
from string import Template
from typing import Any, Self

from aiohttp import web
from botocore.exceptions import BotoCoreError, ClientError

from local.processes import LocalStackError
from local.simulator.operations import Operations

from .actions import ActionError, Actions
from .cloud import Cloud
from .guard import Guard, set_headers
from .returns import Returns
from .views import Queues, picture, record, snapshot

_STATIC = Path(__file__).parent / "static"
_TYPES = {".css": "text/css", ".js": "text/javascript", ".svg": "image/svg+xml"}
_START_TIMEOUT = 10.0
_LOOK_EVERY = 0.25
_LOOK_AT_QUEUES_EVERY = 1.0
_CLOUD_ERRORS = (BotoCoreError, ClientError, LocalStackError)


class Console:
    """A context manager: inside `with` the page is at `url`.

    It answers on 127.0.0.1 over plain HTTP, so that a browser shows it without asking about a certificate. The
    calls to the AWS side are made one at a time, in a thread beside the server's.
    """

    def __init__(self, operations: Operations, cloud: Cloud, *, port: int = 0) -> None:
        """Prepare a page about this instance and this AWS side; port 0 lets the system choose one."""
        self._operations = operations
        self._cloud = cloud
        self._actions = Actions(operations, cloud)
        self._returns = Returns(cloud)
        self._token = secrets.token_urlsafe(32)
        self._guard = Guard(self._token)
        self._requested_port = port
        self._queues = Queues()
        self._viewers = 0
        self._worker = concurrent.futures.ThreadPoolExecutor(1, "console-cloud")
        self._listening: concurrent.futures.Future[int] = concurrent.futures.Future()
        self._thread = threading.Thread(target=lambda: asyncio.run(self._serve()), name="console", daemon=True)
        self._loop: asyncio.AbstractEventLoop | None = None
        self._stopping = asyncio.Event()

    def __enter__(self) -> Self:
        """Start. Raises OSError if the port is taken."""
        self._thread.start()
        self._guard.port = self._listening.result(_START_TIMEOUT)
        return self

    def __exit__(self, *_: object) -> None:
        """Close every connection and stop listening."""
        if self._loop is not None:
            self._loop.call_soon_threadsafe(self._stopping.set)
        self._thread.join()
        self._worker.shutdown(cancel_futures=True)

    @property
    def url(self) -> str:
        """Where the page is."""
        return f"http://localhost:{self._guard.port}/"

    async def _serve(self) -> None:
        self._loop = asyncio.get_running_loop()
        runner = web.AppRunner(self._application(), access_log=None, shutdown_timeout=0.1)
        try:
            await runner.setup()
            await web.TCPSite(runner, "127.0.0.1", self._requested_port).start()
        except OSError as error:
            self._listening.set_exception(error)
        else:
            self._listening.set_result(runner.addresses[0][1])
            watch = asyncio.create_task(self._watch_queues())
            await self._stopping.wait()
            await watch
        finally:
            await runner.cleanup()

    def _application(self) -> web.Application:
        application = web.Application(middlewares=[self._guard.middleware])
        application.on_response_prepare.append(set_headers)
        application.add_routes(
            [
                web.get("/", self._page),
                web.get("/static/{name}", self._file),
                web.get("/events", self._events),
                web.get("/incidents/{sys_id}", self._incident),
                web.post("/incidents/{sys_id}", self._change_incident),
                web.get("/attachments/{sys_id}", self._attachment),
                web.post("/alarms", self._put_alarms),
                web.post("/findings", self._put_finding),
                web.post("/token/revoke", self._revoke_token),
                web.post("/secret/rotate", self._rotate_secret),
                web.post("/condition", self._set_condition),
            ]
        )
        return application

    async def _page(self, _request: web.Request) -> web.Response:
        page = Template((_STATIC / "index.html").read_text(encoding="utf-8"))
        return web.Response(text=page.substitute(token=self._token), content_type="text/html")

    async def _file(self, request: web.Request) -> web.Response:
        files = {file.name: file for file in _STATIC.iterdir() if file.suffix in _TYPES}
        file = files.get(request.match_info["name"])
        if file is None:
            raise web.HTTPNotFound
        return web.Response(text=file.read_text(encoding="utf-8"), content_type=_TYPES[file.suffix])

    async def _events(self, request: web.Request) -> web.StreamResponse:
        """Send a snapshot whenever something changed, as server-sent events."""
        response = web.StreamResponse(headers={"Content-Type": "text/event-stream"})
        await response.prepare(request)
        self._viewers += 1
        sent = ""
        try:
            while not self._stopping.is_set() and not _is_closed(request):
                text = json.dumps(snapshot(self._operations, self._queues, self._actions.condition))
                if text != sent:
                    await response.write(f"data: {text}\n\n".encode())
                    sent = text
                await self._pause(_LOOK_EVERY)
        except ConnectionError:
            pass  # the page was closed
        finally:
            self._viewers -= 1
        return response

    async def _incident(self, request: web.Request) -> web.Response:
        found = record(self._operations, request.match_info["sys_id"])
        if found is None:
            return web.json_response({"error": "There is no such incident."}, status=404)
        return web.json_response(found)

    async def _attachment(self, request: web.Request) -> web.Response:
        found = picture(self._operations, request.match_info["sys_id"])
        if found is None:
            raise web.HTTPNotFound
        return web.Response(body=found, content_type="image/png")

    async def _change_incident(self, request: web.Request) -> web.Response:
        def change(given: Mapping[str, Any]) -> str:
            texts = {name: str(given.get(name, "")) for name in ("state", "work_note")}
            return self._actions.change_incident(request.match_info["sys_id"], **texts)

        return await self._act(request, change)

    async def _put_alarms(self, request: web.Request) -> web.Response:
        def put(given: Mapping[str, Any]) -> str:
            names, severity = str(given["names"]).splitlines(), str(given.get("severity", ""))
            return self._actions.put_alarms(str(given["state"]), names, severity)

        return await self._act(request, put)

    async def _put_finding(self, request: web.Request) -> web.Response:
        return await self._act(request, lambda _: self._actions.put_finding())

    async def _revoke_token(self, request: web.Request) -> web.Response:
        return await self._act(request, lambda _: self._actions.revoke_token())

    async def _rotate_secret(self, request: web.Request) -> web.Response:
        return await self._act(
            request,
            lambda given: self._actions.rotate_secret(in_secrets_manager=given["in_secrets_manager"] is True),
        )

    async def _set_condition(self, request: web.Request) -> web.Response:
        return await self._act(request, lambda given: self._actions.set_condition(str(given["condition"])))

    async def _act(self, request: web.Request, act: Callable[[Mapping[str, Any]], str]) -> web.Response:
        try:
            given = dict(json.loads(await request.text() or "{}"))
            done = await self._beside(lambda: act(given))
        except ActionError as error:
            return web.json_response({"error": str(error)}, status=400)
        except (KeyError, TypeError, ValueError, RecursionError):
            return web.json_response({"error": "The request is not understood."}, status=400)
        except _CLOUD_ERRORS as error:
            return web.json_response({"error": f"The local AWS did not do it: {error}"}, status=502)
        return web.json_response({"done": done})

    async def _watch_queues(self) -> None:
        while not self._stopping.is_set():
            if self._viewers:
                self._queues = await self._beside(self._look_at_queues)
            await self._pause(_LOOK_AT_QUEUES_EVERY)

    def _look_at_queues(self) -> Queues:
        before = self._queues
        try:
            depth = self._cloud.queue_depth()
            letters = before.letters if depth.dead else ()
            # One that somebody else has in hand is counted and not shown: without any, the next look tries again.
            if depth.dead and (not letters or before.depth is None or before.depth.dead != depth.dead):
                letters = tuple(self._cloud.peek_dead_letters())
            told = self._returns.look()
        except _CLOUD_ERRORS:
            return Queues(told=before.told)
        return Queues(depth, letters, told)

    async def _beside[Result](self, work: Callable[[], Result]) -> Result:
        return await asyncio.get_running_loop().run_in_executor(self._worker, work)

    async def _pause(self, seconds: float) -> None:
        """Wait, but not longer than the server runs."""
        try:
            await asyncio.wait_for(self._stopping.wait(), seconds)
        except TimeoutError:
            return


def _is_closed(request: web.Request) -> bool:
    return request.transport is None or request.transport.is_closing()
