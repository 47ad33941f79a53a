"""A stack that may write three tables besides incidents, and its events function with a rule file of one's own."""

import importlib
import shutil
import sys
from collections.abc import Callable, Iterator, Mapping
from pathlib import Path
from typing import Any

import pytest

from common.bridge import events as wiring
from common.bridge.clients import RULES as SHIPPED
from local.simulator import Simulator
from tests.support.deployment import Context, Deployment, sqs_event, told

type Function = Callable[..., list[str]]
type Start = Callable[..., Function]


@pytest.fixture
def stack(servicenow: Simulator, monkeypatch: pytest.MonkeyPatch) -> Iterator[Deployment]:
    """Provide a stack whose secret is filled in."""
    tables = {"ALLOWED_TABLES": "problem,em_event,u_request", "API_TABLES": "u_request:u_what,u_count,state"}
    with told(servicenow, monkeypatch, **tables) as stack:
        yield stack


@pytest.fixture
def start(stack: Deployment, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Start]:  # noqa: ARG001
    """Provide what deploys the function with a rule file of one's own, and returns its handler.

    The handler returns the ids of the messages that stay in the queue.
    """
    modules = []

    def deploy(own: str = "") -> Function:
        rules = tmp_path / "rules"
        shutil.copytree(SHIPPED, rules, dirs_exist_ok=True)
        (rules / "own").mkdir(exist_ok=True)
        (rules / "own/own.toml").write_text(own)
        monkeypatch.setattr(wiring, "RULES", rules)
        sys.modules.pop("handlers.events", None)
        modules.append(importlib.import_module("handlers.events"))

        def call(*bodies: Mapping[str, Any]) -> list[str]:
            answer = modules[-1].handler(sqs_event(bodies), Context())
            return [failure["itemIdentifier"] for failure in answer["batchItemFailures"]]

        return call

    yield deploy
    for module in modules:
        module.bridge.transport.close()
    sys.modules.pop("handlers.events", None)
