"""What every command of an operator does before it begins, and how it says what is missing."""

import io
import json
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

import boto3
import pytest
from botocore.client import BaseClient
from botocore.exceptions import EndpointConnectionError

from tests.support.aws_service import refused
from tools import adopt, doctor, replay, secret, signing_certificate, webhook, why
from tools.accept import __main__ as accept
from tools.deployed import DeployedStack, ToolError, run

COMMANDS = [accept, adopt, doctor, replay, secret, webhook, why]
MORE: Mapping[object, tuple[str, ...]] = {webhook: ("--source", "datadog"), why: ("--problem", "errors")}


@pytest.fixture(autouse=True)
def profile(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> Path:
    """Return the file of a profile that names credentials and no Region."""
    file = tmp_path / "config"
    file.write_text("[default]\naws_access_key_id = none\naws_secret_access_key = none\n")
    monkeypatch.setenv("AWS_CONFIG_FILE", str(file))
    monkeypatch.delenv("AWS_DEFAULT_REGION", raising=False)
    monkeypatch.setattr(boto3, "DEFAULT_SESSION", None)
    return file


def ended(command: Any, monkeypatch: pytest.MonkeyPatch, *options: str) -> object:  # noqa: ANN401 (a module)
    """Call a command as a person does, and return its status, or what it says as it ends with status 1."""
    monkeypatch.setattr("sys.argv", ["command", *options])
    with pytest.raises(SystemExit) as end:
        command.main()
    return end.value.code


def refuse(monkeypatch: pytest.MonkeyPatch, error: BaseException) -> None:
    """Let each call of AWS end with `error`."""

    def refused_call(*_: object) -> object:
        raise error

    monkeypatch.setattr(BaseClient, "_make_api_call", refused_call)


@pytest.mark.parametrize("command", COMMANDS, ids=lambda module: module.__name__)
def test_a_command_without_a_stack_names_the_variable(
    command: object, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    """`make` passes an empty name then; nothing is asked of AWS."""
    assert ended(command, monkeypatch, "--stack", "", *MORE.get(command, ())) == 2
    assert "say STACK=…" in capsys.readouterr().err


@pytest.mark.parametrize("command", COMMANDS, ids=lambda module: module.__name__)
def test_a_stack_that_is_not_there_is_told_with_its_region(command: object, monkeypatch: pytest.MonkeyPatch) -> None:
    """Mostly it is in another one."""
    refuse(monkeypatch, refused("ValidationError", "DescribeStacks"))
    told = ended(command, monkeypatch, "--stack", "bridge", "--region", "eu-north-1", *MORE.get(command, ()))
    assert told == "error: Your account has no stack 'bridge' in eu-north-1. In another Region: OPTIONS=--region=…"


@pytest.mark.parametrize("command", COMMANDS, ids=lambda module: module.__name__)
def test_without_a_region_the_ways_to_name_one_are_told(command: object, monkeypatch: pytest.MonkeyPatch) -> None:
    """By the environment, the profile, or an option."""
    told = ended(command, monkeypatch, "--stack", "bridge", *MORE.get(command, ()))
    assert told == "error: Neither AWS_DEFAULT_REGION nor your profile names a Region: OPTIONS=--region=…"


@pytest.mark.parametrize("error", [KeyboardInterrupt(), EOFError()], ids=["Ctrl-C", "Ctrl-D"])
def test_a_command_that_is_interrupted_ends_without_a_trace(
    error: BaseException, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Whether it waits for AWS or for what is typed."""
    refuse(monkeypatch, error)
    assert ended(doctor, monkeypatch, "--stack", "bridge", "--region", "eu-west-1") == "\nerror: interrupted"


def test_a_network_that_is_away_is_told(monkeypatch: pytest.MonkeyPatch) -> None:
    """With the address, which has the Region in it."""
    refuse(monkeypatch, EndpointConnectionError(endpoint_url="https://cloudformation.nowhere.amazonaws.com/"))
    told = ended(doctor, monkeypatch, "--stack", "bridge", "--region", "nowhere")
    assert "cloudformation.nowhere" in str(told)


@pytest.mark.parametrize("options", [("--key", ""), ("--key", "k", "--days", "0"), ("--key", "k", "--days", "x")])
def test_a_certificate_needs_a_key_and_days(
    options: tuple[str, ...], monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    """Nothing is asked of AWS."""
    assert ended(signing_certificate, monkeypatch, *options) == 2
    assert ("say KEY=…" if "" in options else "no number of days from 1 to 3650") in capsys.readouterr().err


def test_a_profile_that_is_not_there_is_told_by_the_certificate_too(monkeypatch: pytest.MonkeyPatch) -> None:
    """It is the one command without a stack."""
    monkeypatch.setenv("AWS_PROFILE", "absent")
    assert "(absent) could not be found" in str(ended(signing_certificate, monkeypatch, "--key", "k"))


@pytest.mark.parametrize("hours", ["nan", "inf", "-1", "0", "a day"])
def test_no_time_begins_before_all_times(
    hours: str, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    """Nothing is asked of AWS."""
    assert ended(why, monkeypatch, "--stack", "bridge", "--problem", "errors", "--hours", hours) == 2
    assert "is no number of hours" in capsys.readouterr().err


def lambda_of(answer: dict[str, Any]) -> Callable[..., object]:
    """Return what Lambda answers."""
    return lambda *_: {**answer, "Payload": io.BytesIO(json.dumps({"errorMessage": "no memory"}).encode())}


def test_a_function_that_fails_is_told_by_its_name(monkeypatch: pytest.MonkeyPatch) -> None:
    """With what it says itself; where it does not fail, that is its answer."""
    stack = DeployedStack({"DoctorFunctionName": "d"}, boto3.Session(region_name="eu-west-1"))
    monkeypatch.setattr(BaseClient, "_make_api_call", lambda_of({}))
    assert stack.call("DoctorFunctionName", {}) == {"errorMessage": "no memory"}

    monkeypatch.setattr(BaseClient, "_make_api_call", lambda_of({"FunctionError": "Unhandled"}))
    with pytest.raises(ToolError, match="The doctor function failed: no memory"):
        stack.call("DoctorFunctionName", {})


def test_an_output_that_is_missing_is_told_by_its_name() -> None:
    """The name may be that of another application's stack."""

    def command() -> None:
        DeployedStack({}, boto3.Session()).output("QueueUrl")

    with pytest.raises(SystemExit, match="no output QueueUrl: it is another application's, or of an older version"):
        run(command)
