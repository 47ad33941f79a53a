"""A ServiceNow instance on this machine, for tests and demonstrations, driven from Python."""

import asyncio
import ssl
import tempfile
import threading
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any, Self

from local.certificates import Certificate, create_authority, issue

from .control import control_application
from .instance import Instance
from .operations import Operations
from .server import Server
from .switches import Switches
from .tables import seed_id
from .token_api import OAuthRecord

_START_TIMEOUT = 10.0


class Simulator(Operations):
    """A context manager: inside `with` an instance answers on `https://{simulator.host}`.

    It runs in a thread of its own, on the loopback interface. Keyword arguments that are not listed are
    switches (see `Switches`); `reset()` goes back to those.
    """

    def __init__(  # noqa: PLR0913 -- keyword arguments with defaults
        self,
        *,
        client_id: str = "bridge",
        client_secret: str,
        user: str = "admin",
        password: str = "",
        seed: int | None = None,
        port: int = 0,
        now: Callable[[], float] = time.time,
        authority: Certificate | None = None,
        certificate: Certificate | None = None,
        client_authority: Certificate | None = None,
        control: bool = False,
        **switches: Any,  # noqa: ANN401 -- the types are those of Switches
    ) -> None:
        """Prepare an instance; it starts on `with` or `start`.

        `user` and `password` are those of basic authentication, which is off without a password. `now` gives
        epoch seconds. `authority` signs the server's certificate instead of a new one; `certificate` replaces
        the server's. Nobody gets in without a certificate of `client_authority`, where there is one. `control`
        adds the control plane under `/_simulator`, for other processes of this machine.
        """
        record = OAuthRecord(client_id, client_secret, seed_id("oauth_entity", client_id))
        super().__init__(Instance(record, (user, password), Switches(**switches), now, seed))
        self._authority = authority or create_authority("ServiceNow simulator")
        self._certificate = certificate or issue(self._authority)
        self._client_authority = client_authority
        self._requested_port = port
        self._control = control
        self._thread: threading.Thread | None = None
        self._loop: asyncio.AbstractEventLoop | None = None
        self._server: Server | None = None
        self.port = 0

    def __enter__(self) -> Self:
        """Start."""
        self.start()
        return self

    def __exit__(self, *_: object) -> None:
        """Stop and close every connection."""
        self.stop()

    @property
    def host(self) -> str:
        """Host and port, as a setting names the instance."""
        return f"localhost:{self.port}"

    @property
    def ca_pem(self) -> str:
        """The certificate of the authority that signed the server's certificate, PEM."""
        return self._authority.certificate_pem

    def start(self) -> None:
        """Start listening. Raises OSError if the port is taken."""
        loop = asyncio.new_event_loop()
        self._loop = loop
        self._thread = threading.Thread(target=loop.run_forever, name="servicenow-simulator", daemon=True)
        self._thread.start()
        try:
            self.port = asyncio.run_coroutine_threadsafe(self._serve(), loop).result(_START_TIMEOUT)
        except BaseException:
            self.stop()
            raise

    def stop(self) -> None:
        """Stop listening; a second call does nothing."""
        if self._thread is None or self._loop is None:
            return
        if self._server is not None:
            asyncio.run_coroutine_threadsafe(self._server.stop(), self._loop).result(_START_TIMEOUT)
        self._loop.call_soon_threadsafe(self._loop.stop)
        self._thread.join()
        self._loop.close()
        self._thread = self._loop = self._server = None

    async def _serve(self) -> int:
        control = control_application(self) if self._control else None
        self._server = Server(self._instance, _tls(self._certificate, self._client_authority), control)
        return await self._server.start(self._requested_port)


class _OutspokenTLS(ssl.SSLObject):
    """Tells a client that it is refused, as servers do: asyncio drops the alert where a handshake fails at once."""

    _failure: ssl.SSLError | None = None

    def do_handshake(self) -> None:
        """Let what was written leave before a failure is told."""
        if self._failure is not None:
            raise self._failure
        try:
            super().do_handshake()
        except ssl.SSLWantReadError:
            raise
        except ssl.SSLError as error:
            self._failure = error
            raise ssl.SSLWantReadError from error


def _tls(certificate: Certificate, client_authority: Certificate | None) -> ssl.SSLContext:
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.minimum_version = ssl.TLSVersion.TLSv1_2
    with tempfile.TemporaryDirectory(prefix="simulator-") as directory:
        context.load_cert_chain(*certificate.write(Path(directory), "server"))
    if client_authority is not None:
        context.verify_mode = ssl.CERT_REQUIRED
        context.sslobject_class = _OutspokenTLS
        context.load_verify_locations(cadata=client_authority.certificate_pem)
    return context
