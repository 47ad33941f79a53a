"""MiniStack, an emulator of AWS, as a child process: on the loopback, IAM enforced, over TLS."""

import socket
import ssl
import time
import urllib.error
import urllib.request
from functools import cached_property
from http import HTTPStatus
from pathlib import Path
from typing import Self

from local.certificates import LOCAL_NAMES, create_authority, issue
from local.clients import Clients, Endpoint, Identity
from local.processes import LocalStackError, Process

ACCOUNT = "123456789012"
REGION = "eu-west-1"

_PROJECT = Path(__file__).resolve().parent.parent
_PYTHON = _PROJECT / ".venv-emulator" / "bin" / "python"
_START_TIMEOUT = 60.0
_POLL_INTERVAL = 0.05
_ATTEMPTS = 3
_NAMES = (*LOCAL_NAMES, "*.execute-api.localhost")


class Emulator:
    """A context manager: inside `with`, an empty AWS account answers on `endpoint.url`.

    Functions run as child processes of the emulator, with the roles they are given. `root` is the account
    itself, which is never refused anything: use it to set things up, not to test permissions.
    """

    def __init__(self, directory: Path) -> None:
        """Keep everything that is written in `directory`, which only its owner may read."""
        self._directory = directory
        self._process: Process | None = None
        self._clients: list[Clients] = []
        self._authority_file = directory / "aws-authority.pem"
        self._environment = self._write_certificates() | {
            # Exactly this: MiniStack hands its own environment on to the functions.
            "AUTH": "true",
            "BIND_HOST": "127.0.0.1",
            "HOME": str(directory),
            "IOT_MTLS_ENABLED": "0",
            "LOG_LEVEL": "WARNING",
            "MINISTACK_ACCOUNT_ID": ACCOUNT,
            "MINISTACK_REGION": REGION,
            "PATH": "/usr/local/bin:/usr/bin:/bin",
            "SFTP_ENABLED": "0",
            "TMPDIR": str(directory),
            "USE_SSL": "1",
        }
        self.endpoint = Endpoint("", self._authority_file, REGION)

    def __enter__(self) -> Self:
        """Start."""
        self.start()
        return self

    def __exit__(self, *_: object) -> None:
        """Stop; nothing is kept."""
        self.stop()

    @cached_property
    def root(self) -> Clients:
        """Clients of the account itself, which may do everything."""
        return self.clients(self.root_identity)

    @property
    def root_identity(self) -> Identity:
        """The account's own key. MiniStack takes its account number for it and does not check the secret."""
        return Identity(ACCOUNT, "unused")

    @property
    def pid(self) -> int:
        """The emulator's process id. Raises LocalStackError unless it runs."""
        if self._process is None:
            raise LocalStackError("The AWS emulator does not run.")
        return self._process.pid

    @property
    def authority_pem(self) -> str:
        """The certificate of the authority that signed the emulator's, PEM."""
        return self._authority_file.read_text(encoding="ascii")

    def clients(self, identity: Identity) -> Clients:
        """Return clients that act as `identity`."""
        clients = Clients(self.endpoint, identity)
        self._clients.append(clients)
        return clients

    def start(self) -> None:
        """Start on a free port. Raises LocalStackError with the emulator's last words if that fails."""
        for attempt in range(_ATTEMPTS):
            port = _free_port()
            self.endpoint = Endpoint(f"https://localhost:{port}", self._authority_file, REGION)
            self._process = Process(
                [_PYTHON, "-u", _PROJECT / "local" / "emulator_launcher.py"],
                environment=self._environment | {"GATEWAY_PORT": str(port)},
                log=self._directory / "emulator.log",
                directory=self._directory,
            )
            if self._answers(self._process):
                return
            # Between looking for a free port and taking it, somebody else may have taken it.
            taken = "already in use" in self.log_tail()
            self.stop()
            if not taken or attempt == _ATTEMPTS - 1:
                break
        raise LocalStackError("The AWS emulator does not start.", self.log_tail())

    def stop(self) -> None:
        """End the emulator and the functions that it runs."""
        # An open connection would keep it from ending for as long as the client likes.
        for clients in self._clients:
            clients.close()
        if self._process is not None:
            self._process.stop()

    def log_tail(self) -> str:
        """Return the last lines that the emulator wrote."""
        return self._process.tail() if self._process else ""

    def _answers(self, process: Process) -> bool:
        context = ssl.create_default_context(cafile=str(self._authority_file))
        opener = urllib.request.build_opener(
            urllib.request.ProxyHandler({}), urllib.request.HTTPSHandler(context=context)
        )
        deadline = time.monotonic() + _START_TIMEOUT
        while process.running and time.monotonic() < deadline:
            try:
                with opener.open(f"{self.endpoint.url}/_ministack/ready", timeout=2) as answer:
                    return bool(answer.status == HTTPStatus.OK)
            except (urllib.error.URLError, OSError):
                time.sleep(_POLL_INTERVAL)
        return False

    def _write_certificates(self) -> dict[str, str]:
        authority = create_authority("Local AWS")
        certificate = issue(authority, _NAMES)
        _, key_file = certificate.write(self._directory, "aws")
        chain_file = self._directory / "aws-chain.pem"
        chain_file.write_text(certificate.certificate_pem + authority.certificate_pem, encoding="ascii")
        self._authority_file.write_text(authority.certificate_pem, encoding="ascii")
        return {"MINISTACK_SSL_CERT": str(chain_file), "MINISTACK_SSL_KEY": str(key_file)}


def _free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])
