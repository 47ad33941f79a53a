"""A fleet: environments that call ServiceNow, the scheduled refresher, and outages of the token endpoint."""

import math
from contextlib import suppress
from dataclasses import dataclass
from random import Random
from unittest.mock import patch

from bench.fleet.engine import Simulation
from bench.fleet.policies import POLICIES, Place, SharedAndEarly
from bench.fleet.services import LIFE, ParameterStore, ServiceNow
from common.clock import Deadline
from common.errors import BridgeError
from common.queue import pause_before_return
from local.simulator.switches import TokenBehaviour

OUTAGE = 600.0
"""Seconds for which the token endpoint is away."""

_SEED = 7
_SECONDS_BETWEEN_CALLS = 1.0
# Slowly enough for Parameter Store: the beginning is left out anyway.
_NEW_ENVIRONMENTS_PER_SECOND = 30.0
_ENVIRONMENT_LIVES = 2 * 3600.0
_SCHEDULE = 300.0
_SCHEDULE_LATE = 1.0
_CALL_MAY_TAKE = 20.0
_REFRESH_MAY_TAKE = 50.0
_WARM_UP = 2.0 * LIFE
# No multiple of anything in it, so that every outage finds the token at another age.
_BETWEEN_OUTAGES = 1.37 * LIFE


@dataclass(frozen=True, slots=True)
class Setting:
    """What is simulated: the server's behaviour, how many environments, and how they get their tokens.

    With `cold_starts` Lambda replaces environments every other hour, else they stay. `token_length` is 0 for opaque
    tokens, else the characters of a signed one.
    """

    policy: str
    size: int
    behaviour: TokenBehaviour
    cold_starts: bool = True
    token_length: int = 0


@dataclass(frozen=True, slots=True)
class Figures:
    """What came of it, the beginning left out."""

    lifetimes: float
    requests: int
    failed_calls: int

    @property
    def requests_per_lifetime(self) -> float:
        """Return the token requests in the time that one token lives."""
        return self.requests / self.lifetimes


class Fleet:
    """One fleet in simulated time."""

    def __init__(self, setting: Setting) -> None:
        """Prepare the environments and, where the policy is this project's, the refresher."""
        self._dice = Random(f"{_SEED} {setting}")  # noqa: S311 (no secret)
        self._simulation = Simulation()
        parameter_store = ParameterStore(self._simulation, self._dice)
        self._servicenow = ServiceNow(
            self._simulation, self._dice, setting.behaviour, token_length=setting.token_length
        )
        self._place = Place(self._simulation, parameter_store, self._servicenow, self._dice)
        self._policy = POLICIES[setting.policy]
        self._cold_starts = setting.cold_starts
        self._failed_calls = 0
        for number in range(setting.size):
            self._simulation.start(self._environment, after=number / _NEW_ENVIRONMENTS_PER_SECOND)
        if self._policy is SharedAndEarly:
            self._simulation.start(self._refresher, after=self._dice.uniform(0.0, _SCHEDULE))

    def in_steady_state(self, lifetimes: float) -> Figures:
        """Return the figures of that many lifetimes. The fleet has ended then."""
        return self._measure(lifetimes * LIFE)

    def through_outages(self, outages: int) -> Figures:
        """Return the figures of a time in which the token endpoint is away that often, `OUTAGE` seconds each.

        The fleet has ended then.
        """
        self._simulation.start(self._outages, after=_WARM_UP)
        return self._measure(outages * _BETWEEN_OUTAGES)

    def _measure(self, seconds: float) -> Figures:
        with patch("common.retry._random", self._dice):
            self._simulation.run(_WARM_UP)
            requests, failed = self._counts()
            self._simulation.run(seconds)
        requests_after, failed_after = self._counts()
        self._simulation.close()
        return Figures(seconds / LIFE, requests_after - requests, failed_after - failed)

    def _counts(self) -> tuple[int, int]:
        return self._servicenow.requests, self._failed_calls

    def _environment(self) -> None:
        """Call at random moments, for ever; Lambda may replace the environment by a new one now and then."""
        simulation, dice = self._simulation, self._dice
        while True:
            caller = self._policy(self._place)
            lives = dice.expovariate(1 / _ENVIRONMENT_LIVES) if self._cold_starts else math.inf
            ends = simulation.monotonic() + lives
            failures = 0
            while simulation.monotonic() < ends:
                try:
                    caller.token(Deadline.after(simulation, _CALL_MAY_TAKE))
                except BridgeError as error:
                    failures += 1
                    # What failed goes back to the queue, whose own policy says when it comes again.
                    quiet = pause_before_return(failures, error, held=False, sample=dice.random())
                else:
                    failures = 0
                    quiet = max(caller.answers_from_memory_until() - simulation.now(), 0.0)
                self._failed_calls += bool(failures)
                # Calls come as a Poisson process, which has no memory: the first one that matters is as far from
                # the moment at which it begins to matter as any call is from the one before.
                left = max(ends - simulation.monotonic(), 0.0)
                simulation.sleep(min(quiet, left) + dice.expovariate(1 / _SECONDS_BETWEEN_CALLS))

    def _refresher(self) -> None:
        """Run on the schedule; that a run fails is nobody's call."""
        refresher = SharedAndEarly(self._place)
        scheduled = self._simulation.monotonic()
        while True:
            with suppress(BridgeError):
                refresher.source.refresh(Deadline.after(self._simulation, _REFRESH_MAY_TAKE))
            scheduled += _SCHEDULE
            self._simulation.sleep(scheduled + self._dice.uniform(0.0, _SCHEDULE_LATE) - self._simulation.monotonic())

    def _outages(self) -> None:
        while True:
            self._servicenow.is_away = True
            self._simulation.sleep(OUTAGE)
            self._servicenow.is_away = False
            self._simulation.sleep(_BETWEEN_OUTAGES - OUTAGE)
