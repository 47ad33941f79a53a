"""Where the faults of tokens happen; no test leaves before all sinks were searched for secrets."""

import logging
from collections.abc import Iterator

import pytest

from tests.support.token_world import TokenWorld, token_world


@pytest.fixture
def world(caplog: pytest.LogCaptureFixture, capfd: pytest.CaptureFixture[str]) -> Iterator[TokenWorld]:
    """Return a world in which a token can be had; log everything, and search it for secrets at the end."""
    caplog.set_level(logging.DEBUG)
    with token_world() as world:
        yield world
        world.source.report()
        world.telemetry.flush()
        texts = [*world.sinks(), caplog.text, *capfd.readouterr()]
        assert world.leaks(texts) == []
