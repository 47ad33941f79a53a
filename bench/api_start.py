"""A cold start of the API function: the built package under AWS's own runtime client, up to its readiness."""

import compileall
import json
import shutil
import socket
import subprocess
import sys
import tempfile
import time
from collections.abc import Mapping, Sequence
from pathlib import Path
from statistics import median

from bench.result import Result
from local import sam
from tests.support.lambda_runtime import brought_by_lambda
from tools import package

_PROCESSES = 15
_BUILDS_WITHIN = 300.0
_STARTS_WITHIN = 60.0
ENVIRONMENT = package.ENVIRONMENT | {"PYTHONDONTWRITEBYTECODE": "1"}
"""With which a function starts; Lambda's file system takes no byte code."""
_CLIENTS = """
import json
import boto3

make, clients = boto3.client, []
boto3.client = lambda name, **options: clients.append(name) or make(name, **options)
import handlers.api

print(json.dumps(clients))
"""
_BARE = """
import boto3
from aws_lambda_powertools.event_handler import APIGatewayRestResolver
from botocore.config import Config

app = APIGatewayRestResolver(enable_validation=True)
config = Config(connect_timeout=1, read_timeout=3, retries={"mode": "standard", "total_max_attempts": 2})
clients = [boto3.client(name, config=config) for name in CLIENTS]


def handler(event, context):
    return app.resolve(event, context)
"""


def measure() -> list[Result]:
    """Compare with a function of the same package that imports only the resolver and makes the same clients."""
    with tempfile.TemporaryDirectory() as directory:
        folder = Path(directory)
        built, runtime = built_package(folder), runtime_of_lambda(folder)
        made = _clients(built, runtime)
        (built / "bare.py").write_text(f"CLIENTS = {made!r}\n{_BARE}", encoding="ascii")
        handlers = ("handlers.api.handler", "bare.handler")
        measured: dict[str, list[float]] = {name: [] for name in handlers}
        for number in range(_PROCESSES + 1):
            for name in handlers[:: -1 if number % 2 else 1]:
                seconds = _seconds_until_ready(name, built, runtime)
                # The first ones read the files from the disk.
                if number:
                    measured[name].append(seconds)
    ours, yardstick = (median(measured[name]) for name in handlers)
    return [
        Result(
            "api_start_vs_resolver",
            ours / yardstick,
            1.3,
            f"{ours * 1e3:.0f} ms",
            f"Powertools' resolver with validation, and the same {len(made)} clients {yardstick * 1e3:.0f} ms",
        )
    ]


def built_package(folder: Path) -> Path:
    """Build with `sam build` and return a copy of what would be uploaded."""
    with sam.exclusive_build_directory():
        with sam.start_build(folder) as build:
            build.finish(_BUILDS_WITHIN)
        copy = folder / "package"
        shutil.copytree(sam.PACKAGE / "ApiFunction", copy)
    return copy


def runtime_of_lambda(folder: Path) -> Path:
    """Return a folder with what Lambda brings, as byte code."""
    runtime = folder / "runtime"
    runtime.mkdir()
    for original in brought_by_lambda():
        (shutil.copytree if original.is_dir() else shutil.copyfile)(original, runtime / original.name)
    compileall.compile_dir(runtime, quiet=2)
    return runtime


def _clients(package: Path, runtime: Path) -> list[str]:
    """Return the services of which a start of the API function makes clients: a yardstick with more would flatter."""
    command, path = [sys.executable, "-S", "-c", _CLIENTS], {"PYTHONPATH": f"{package}:{runtime}"}
    answer = subprocess.run(command, env=ENVIRONMENT | path, check=True, capture_output=True, text=True)  # noqa: S603
    names: list[str] = json.loads(answer.stdout)
    return names


def _seconds_until_ready(handler: str, task_root: Path, runtime: Path) -> float:
    """Return the seconds from the start of the process to its first question for an event."""
    with socket.create_server(("127.0.0.1", 0)) as api:
        api.settimeout(_STARTS_WITHIN)
        environment = ENVIRONMENT | {
            "AWS_LAMBDA_RUNTIME_API": f"127.0.0.1:{api.getsockname()[1]}",
            "LAMBDA_TASK_ROOT": str(task_root),
            "PYTHONPATH": f"{task_root}:{runtime}",
            "_HANDLER": handler,
        }
        began = time.perf_counter()
        with _process([sys.executable, "-S", "-m", "awslambdaric", handler], task_root, environment) as process:
            connection, _ = api.accept()
            seconds = time.perf_counter() - began
            with connection:
                question = connection.recv(1024)
            process.kill()
    if b"/runtime/invocation/next" not in question:
        raise RuntimeError(f"{handler} did not start: {question!r}")
    return seconds


def _process(command: Sequence[str], directory: Path, environment: Mapping[str, str]) -> "subprocess.Popen[bytes]":
    return subprocess.Popen(  # noqa: S603 (a fixed command)
        command, cwd=directory, env=dict(environment), stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL
    )
