"""What is uploaded to Lambda: small, complete, and without what Lambda brings itself."""

import json
import subprocess
import sys
import zipfile
from pathlib import Path

import pytest

from tests.runtime.conftest import FUNCTIONS

MEGABYTE = 1_000_000

each_function = pytest.mark.parametrize("function", FUNCTIONS.values())


def files(folder: Path) -> list[Path]:
    """Return the files of a package, without the byte code that running it leaves behind."""
    return [path for path in folder.rglob("*") if path.is_file() and "__pycache__" not in path.parts]


@each_function
def test_the_package_is_small(package: Path, function: str, tmp_path: Path) -> None:
    """Every cold start loads it; with the SDK in it, it would be five times as large. Half of it is pydantic."""
    archive = tmp_path / "package.zip"
    with zipfile.ZipFile(archive, "w", zipfile.ZIP_DEFLATED) as written:
        for path in files(package / function):
            written.write(path, path.relative_to(package / function))

    assert archive.stat().st_size < 5 * MEGABYTE


@each_function
def test_the_sdk_is_not_in_the_package(package: Path, function: str) -> None:
    """Lambda brings boto3, and keeps it up to date."""
    names = {path.name for path in (package / function).iterdir()}

    assert {"common", "handlers", "rules", "aws_lambda_powertools", "urllib3", "jmespath"} <= names
    assert not names & {"boto3", "botocore", "s3transfer"}


@pytest.mark.parametrize("handler", FUNCTIONS)
def test_a_handler_needs_nothing_but_the_package_and_what_lambda_brings(
    package: Path, runtime: Path, environment: dict[str, str], handler: str
) -> None:
    """Nothing of a developer's machine is missed there: each module comes from one of the two places."""
    task_root = package / FUNCTIONS[handler]
    names = ["boto3", "urllib3", "aws_lambda_powertools", "jmespath"]
    script = (
        f"import importlib, json, sys; importlib.import_module('handlers.{handler}');"
        f"print(json.dumps([sys.modules[name].__file__ for name in {names!r}]))"
    )
    result = subprocess.run(
        [sys.executable, "-S", "-c", script],
        env=environment | {"PYTHONPATH": f"{task_root}:{runtime}"},
        capture_output=True,
        text=True,
        check=True,
        timeout=60,
    )

    boto3, *others = (Path(file) for file in json.loads(result.stdout))

    assert boto3.is_relative_to(runtime)
    assert all(file.is_relative_to(task_root) for file in others)
