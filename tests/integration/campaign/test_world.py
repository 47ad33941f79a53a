"""What a run has of its own: nothing of it reaches the next one, and nothing that happens in it goes unseen."""

import os
from collections.abc import Iterator
from random import Random

import pytest

from campaign.environment import Environment, KilledError
from campaign.stage import Stage
from campaign.world import UnexpectedError, World


@pytest.fixture
def world(stage: Stage) -> Iterator[World]:
    """Provide a run."""
    with stage.listening():
        world = World(stage, Random(1))  # noqa: S311 (repeatable dice)
        yield world
        world.end()


def actions_of(world: World) -> Environment:
    """Return an environment of the actions function."""
    return world.environment("actions", RECORD_ACTIONS="securityhub", OWN_PLACE="aws/123456789012/eu-west-1")


def test_what_one_environment_was_given_no_other_one_gets(world: World) -> None:
    """Otherwise what happens would depend on what happened before it."""
    before = dict(os.environ)
    world.environment(API_WINDOWS="account")
    assert dict(os.environ) == before


def test_every_function_goes_by_the_campaigns_clock(world: World) -> None:
    """Also the one that talks to AWS alone: its pauses take no real time."""
    environments = [world.environment(), actions_of(world)]
    assert [environment.parts.clock for environment in environments] == [world.clock] * 2


@pytest.mark.parametrize("function", ["events", "actions"])
def test_an_answer_that_comes_too_late_is_over_the_budget(
    world: World, monkeypatch: pytest.MonkeyPatch, function: str
) -> None:
    """Of whichever function: a second of its time has to be left."""
    environment = world.environment() if function == "events" else actions_of(world)
    monkeypatch.setattr(environment.function, "handler", lambda *_: world.clock.advance(59.5))
    environment.call({}, 60.0)
    assert world.over_budget() == ["0.50 s were left of 60 s"]


def test_a_killed_environment_is_used_no_more_and_looked_at_all_the_same(
    world: World, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A token that it alone has sent is searched for in all sinks."""
    killed = world.environment()
    killed.kill = ("before", "POST")
    world.send(world.alarm("killed", "ALARM", minutes=1))
    assert world.invoke().outcome == "killed"
    assert world.warm is not killed
    killed.tokens.add("of the one that was killed")
    world.sinks.add("log", "it sent: of the one that was killed")
    assert len(world.leaks()) == 1
    monkeypatch.setattr(killed, "_overrun", 0.6)
    assert world.over_budget() == ["a call took 0.60 s more than it may"]


def test_work_that_fails_in_a_thread_fails_the_run(world: World) -> None:
    """Whatever ends it, and however many others went well."""

    def work(number: int) -> None:
        if number == 1:
            raise KilledError

    with pytest.raises(UnexpectedError, match="KilledError"):
        world.at_once(work, 3)


def test_work_that_needs_more_memory_than_it_may_fails_the_run(world: World) -> None:
    """And what was done within it is returned."""
    assert world.within_memory(lambda: len(bytes(1000)), 100_000) == 1000
    with pytest.raises(UnexpectedError, match="MB were needed"):
        world.within_memory(lambda: bytes(200_000), 100_000)
