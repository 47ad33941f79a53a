"""A stack that may write three tables besides incidents, and its events function with a rule file of one's own."""

import shutil
from collections.abc import Callable, Iterator
from contextlib import ExitStack
from pathlib import Path

import pytest

from common.bridge import events as wiring
from common.bridge.clients import RULES as SHIPPED
from local.simulator import Simulator
from tests.support.deployment import Deployment, Function, new_environment, told

type Start = Callable[..., Function]


@pytest.fixture
def stack(servicenow: Simulator, monkeypatch: pytest.MonkeyPatch) -> Iterator[Deployment]:
    """Provide a stack whose secret is filled in."""
    tables = {"ALLOWED_TABLES": "problem,em_event,u_request", "API_TABLES": "u_request:u_what,u_count,state"}
    with told(servicenow, monkeypatch, **tables) as stack:
        yield stack


@pytest.fixture
def start(stack: Deployment, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Start]:  # noqa: ARG001
    """Provide what deploys the function with a rule file of one's own."""
    with ExitStack() as environments:

        def deploy(own: str = "") -> Function:
            rules = tmp_path / "rules"
            shutil.copytree(SHIPPED, rules, dirs_exist_ok=True)
            (rules / "own").mkdir(exist_ok=True)
            (rules / "own/own.toml").write_text(own)
            monkeypatch.setattr(wiring, "RULES", rules)
            return environments.enter_context(new_environment())

        yield deploy
