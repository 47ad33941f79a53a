"""`sam build` and `sam deploy` against the local AWS."""

import fcntl
import json
import os
import platform
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path

from local.clients import Endpoint, Identity
from local.processes import Process

BUCKET = "deployments"
"""The bucket that `deploy` uploads to; it must exist."""

_PROJECT = Path(__file__).resolve().parent.parent
_SAM = _PROJECT / ".venv-sam" / "bin" / "python", _PROJECT / "local" / "sam_launcher.py"
# Not where `sam deploy` looks by default: a package for this machine must not go to a real account.
_BUILD_DIRECTORY = _PROJECT / ".aws-sam" / "local"

PACKAGE = _BUILD_DIRECTORY / "package"
"""Where `start_build` puts template and functions."""

TEMPLATE = PACKAGE / "template.yaml"
"""The template of what was built last."""

_DEPLOY_TIMEOUT = 120.0
_LEFT_OUT = ("AWS_", "SAM_")
"""Prefixes of variables of the user's own AWS set-up: no real account must be reached from here."""


def this_architecture() -> str:
    """Return the processor of this machine in Lambda's terms."""
    return "arm64" if platform.machine().lower() in ("arm64", "aarch64") else "x86_64"


@contextmanager
def exclusive_build_directory() -> Iterator[None]:
    """Keep other local stacks of this project from building until the package is deployed."""
    _BUILD_DIRECTORY.mkdir(parents=True, exist_ok=True)
    with (_BUILD_DIRECTORY / "lock").open("w") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        yield


def start_build(logs: Path) -> Process:
    """Start `sam build` for this machine; where nothing changed, the package made last is used."""
    return Process(
        [
            *(*_SAM, "build", "--parallel", "--build-dir", PACKAGE),
            *("--config-file", _empty_configuration(logs)),
            *("--parameter-overrides", f"Architecture={this_architecture()}"),
        ],
        environment=_environment(),
        log=logs / "sam-build.log",
        directory=_PROJECT,
    )


def deploy(  # noqa: PLR0913 (what, where, as whom)
    logs: Path,
    endpoint: Endpoint,
    identity: Identity,
    *,
    stack_name: str,
    parameters: Mapping[str, str],
    template: Path = TEMPLATE,
) -> None:
    """Run `sam deploy` of a template that was built, by way of BUCKET.

    Raises LocalStackError with the end of its output if it fails or takes too long.
    """
    environment = _environment() | {
        "AWS_ACCESS_KEY_ID": identity.access_key_id,
        "AWS_SECRET_ACCESS_KEY": identity.secret_access_key,
        "AWS_CA_BUNDLE": str(endpoint.authority_file),
        "AWS_ENDPOINT_URL": endpoint.url,
        "AWS_REGION": endpoint.region,
        "SAM_CLI_POLL_DELAY": "0.1",
    }
    parameters_file = logs / "parameters.yaml"  # JSON is YAML too
    parameters_file.write_text(json.dumps(dict(parameters)), encoding="ascii")
    command: list[str | Path] = [
        *(*_SAM, "deploy", "--template-file", template),
        *("--stack-name", stack_name, "--s3-bucket", BUCKET, "--s3-prefix", stack_name),
        *("--capabilities", "CAPABILITY_IAM"),
        *("--config-file", _empty_configuration(logs), "--no-confirm-changeset", "--no-progressbar"),
        *("--parameter-overrides", f"file://{parameters_file}"),
    ]
    with Process(command, environment=environment, log=logs / "sam-deploy.log", directory=_PROJECT) as process:
        process.finish(_DEPLOY_TIMEOUT)


def _empty_configuration(logs: Path) -> Path:
    """Return a configuration that sets nothing: samconfig.toml is about real accounts."""
    path = logs / "samconfig.toml"
    path.write_text("version = 0.1\n", encoding="ascii")
    return path


def _environment() -> dict[str, str]:
    kept = {name: value for name, value in os.environ.items() if not name.startswith(_LEFT_OUT)}
    no_proxy = ",".join(filter(None, (kept.get("NO_PROXY") or kept.get("no_proxy"), "localhost,127.0.0.1")))
    return kept | {
        "AWS_CONFIG_FILE": os.devnull,
        "AWS_SHARED_CREDENTIALS_FILE": os.devnull,
        "AWS_EC2_METADATA_DISABLED": "true",
        "AWS_DEFAULT_REGION": "eu-west-1",
        "NO_PROXY": no_proxy,
        "no_proxy": no_proxy,
        "SAM_CLI_TELEMETRY": "0",
        "__SAM_CLI_APP_DIR": str(_BUILD_DIRECTORY / "sam"),
    }
