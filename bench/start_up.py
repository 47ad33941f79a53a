"""A cold start of the built package: from the start of a process to a token in hand."""

import io
import json
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Mapping
from pathlib import Path
from statistics import median
from unittest.mock import patch

import boto3

from bench.api_start import built_package, runtime_of_lambda
from bench.aws_server import aws_server
from bench.functions import SETTINGS, TOKEN
from bench.parts import CLIENT_ID, CLIENT_SECRET
from bench.result import Result
from common.clock import SystemClock
from common.oauth.store import TokenStore
from common.oauth.token import AccessToken
from common.telemetry import Telemetry

_PROCESSES = 15
_READY = "ready"

HERE = """
from common.clock import Deadline
from handlers.events import bridge

assert bridge.tokens.token(Deadline.after(bridge.clock, 30.0)).value
print("ready", flush=True)
"""
"""A process that gets a token with what the events function imports."""

_LIBRARIES = """
import importlib, json, ssl, sys

libraries, clients, parameter = json.loads(sys.argv[1])
for name in libraries:
    importlib.import_module(name)
import boto3
from botocore.config import Config

config = Config(connect_timeout=1, read_timeout=3, retries={"mode": "standard", "total_max_attempts": 2})
made = {name: boto3.client(name, config=config) for name in clients}
ssl.create_default_context()
assert made["ssm"].get_parameter(Name=parameter, WithDecryption=True)["Parameter"]["Value"]
print("ready", flush=True)
"""

# What the files of this project that were loaded import from elsewhere, and the clients that they make.
_INSPECT = """
import ast, json, sys
import boto3

make, clients = boto3.client, []
boto3.client = lambda name, **options: clients.append(name) or make(name, **options)
import handlers.events

names = []
for module in list(sys.modules.values()):
    if module.__name__.partition(".")[0] in ("common", "handlers"):
        for node in ast.walk(ast.parse(open(module.__file__).read())):
            if isinstance(node, ast.Import):
                names += [alias.name for alias in node.names]
            elif isinstance(node, ast.ImportFrom):
                names += [node.module, *(f"{node.module}.{alias.name}" for alias in node.names)]
own = ("common", "handlers")
libraries = [name for name in dict.fromkeys(names) if name in sys.modules and name.partition(".")[0] not in own]
print(json.dumps([libraries, clients]))
"""


def measure() -> list[Result]:
    """Compare with a process that only imports the same libraries, makes the same clients and reads one parameter."""
    secret = json.dumps({"client_id": CLIENT_ID, "client_secret": CLIENT_SECRET})
    with tempfile.TemporaryDirectory() as directory, aws_server(secret) as address:
        folder = Path(directory)
        environment = environment_of(address, built_package(folder), runtime_of_lambda(folder))
        store_token(environment)
        libraries, clients = json.loads(_run(_INSPECT, environment))
        job = json.dumps([libraries, clients, SETTINGS["TOKEN_PARAMETER"]])
        ours, yardstick = in_turns(
            lambda: seconds_until_ready(HERE, environment),
            lambda: seconds_until_ready(_LIBRARIES, environment, job),
        )
    return [
        Result(
            "start_to_token_vs_libraries",
            ours / yardstick,
            1.25,
            f"{ours * 1e3:.0f} ms",
            f"{yardstick * 1e3:.0f} ms for the libraries and {len(clients)} clients",
        )
    ]


def in_turns(first: Callable[[], float], second: Callable[[], float]) -> tuple[float, float]:
    """Return the medians of both, which take turns."""
    measured: list[tuple[float, float]] = []
    for number in range(_PROCESSES + 1):
        if number % 2:
            measured.append((first(), second()))
        else:
            later = second()
            measured.append((first(), later))
    # The first processes of all read the files from the disk.
    return median(pair[0] for pair in measured[1:]), median(pair[1] for pair in measured[1:])


def environment_of(address: str, package: Path, runtime: Path) -> dict[str, str]:
    """Return the environment of a function, with AWS at an address."""
    return {
        **SETTINGS,
        "AWS_ENDPOINT_URL": address,
        "PYTHONPATH": f"{package}:{runtime}",
        "PYTHONDONTWRITEBYTECODE": "1",
    }


def store_token(environment: Mapping[str, str]) -> None:
    """Put a fresh token where functions share it."""
    clock = SystemClock()
    with patch.dict("os.environ", environment):
        store = TokenStore(
            boto3.client("ssm"),
            parameter=SETTINGS["TOKEN_PARAMETER"],
            key_id="key",
            host=SETTINGS["SERVICENOW_INSTANCE_HOST"],
            scope="",
            clock=clock,
            telemetry=Telemetry("bench", stream=io.StringIO()),
        )
    store.save(AccessToken(TOKEN, clock.now(), clock.now() + 1799, clock.now()), CLIENT_ID)


def _command(script: str, *arguments: str) -> list[str]:
    # -S: nothing but what is on the path, as in Lambda.
    return [sys.executable, "-S", "-c", script, *arguments]


def _run(script: str, environment: Mapping[str, str]) -> str:
    return subprocess.run(  # noqa: S603 (a fixed command)
        _command(script), env=environment, check=True, stdout=subprocess.PIPE, text=True
    ).stdout


def seconds_until_ready(script: str, environment: Mapping[str, str], *arguments: str) -> float:
    """Return the seconds from the start of a process to its being ready."""
    began = time.perf_counter()
    process = subprocess.Popen(  # noqa: S603 (a fixed command)
        _command(script, *arguments), env=environment, stdout=subprocess.PIPE, text=True
    )
    with process:
        line = process.stdout.readline() if process.stdout else ""
        seconds = time.perf_counter() - began
    if line.strip() != _READY:
        raise RuntimeError("the process got no token")
    return seconds
