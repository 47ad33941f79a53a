"""Three made-up stories of alarms, drawn with a seed: spikes that heal, flapping around a threshold, a zone's outage.

A CloudWatch alarm judges whole periods, of a minute here, so that every state lasts for whole minutes.
"""

import math
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace
from random import Random

MINUTE, HOUR, DAY = 60.0, 3600.0, 86_400.0

HOLD, SETTLE = 180.0, 600.0
"""Seconds that the rules of this simulation let a new problem, and a recovery, wait."""


@dataclass(frozen=True, slots=True)
class Episode:
    """One time that an alarm fires, from `begins` to `ends`, in seconds since the story began, and what causes it."""

    alarm: str
    kind: str
    begins: float
    ends: float
    region: str = "eu-west-1"
    cause: str = ""


@dataclass(frozen=True, slots=True)
class Trace:
    """A story: its episodes, how long it is in seconds, and what the rules say beside `hold` and `settle`."""

    name: str
    title: str
    episodes: Sequence[Episode]
    seconds: float
    rules: str = ""

    @property
    def problems(self) -> Sequence[Episode]:
        """What a person has to know of: what fires for longer than `HOLD`, until it has been over for `SETTLE`."""
        found: list[Episode] = []
        last: dict[str, Episode] = {}
        for episode in sorted(self.episodes, key=lambda each: each.begins):
            before = last.get(episode.alarm)
            returns = before is not None and episode.begins - before.ends <= SETTLE
            if before is not None and returns:
                last[episode.alarm] = replace(before, ends=episode.ends)
            elif episode.ends - episode.begins > HOLD:
                last[episode.alarm] = episode
            else:
                continue
            if before is not None and not returns:
                found.append(before)
        return sorted([*found, *last.values()], key=lambda each: each.begins)

    def changes(self) -> Iterator[tuple[float, Episode, bool]]:
        """Return each change of a state in the order of time: when, of which episode, and whether it fires now."""
        told = [change for each in self.episodes for change in ((each.begins, each, True), (each.ends, each, False))]
        return iter(sorted(told, key=lambda change: (change[0], change[2])))


def spikes(seed: int) -> Trace:
    """Return a week of 40 alarms, each of which spikes three times a day, and is broken once in ten days.

    Times between them are exponential. Spikes last log-normally, half of them for less than 45 s (sigma 0.8); what is
    broken is so log-normally, half of it for less than 45 minutes (sigma 1), and for 5 at least.
    """
    dice = Random(seed)  # noqa: S311 (a story that can be told again, no secrets)
    episodes: list[Episode] = []
    for number in range(40):
        alarm = f"alarm-{number:02}"
        found = [
            *((at, 45.0 * math.exp(0.8 * dice.gauss(0, 1))) for at in _arrivals(dice, 3 / DAY, 7 * DAY)),
            *((at, max(300.0, 2700.0 * math.exp(dice.gauss(0, 1)))) for at in _arrivals(dice, 0.1 / DAY, 7 * DAY)),
        ]
        episodes += _whole_minutes(alarm, f"kind-{number % 8}", found)
    return Trace("spikes", "A week of spikes that heal", episodes, 7 * DAY)


def flapping(seed: int) -> Trace:
    """Return a week of ten alarms whose metric wanders around its threshold for six hours of each night.

    The metric is an Ornstein-Uhlenbeck process with a memory of three minutes, read once a minute; at night its mean is
    the threshold itself, by day three standard deviations below it.
    """
    dice = Random(seed)  # noqa: S311 (the same)
    keeps = math.exp(-1 / 3)
    episodes: list[Episode] = []
    for number in range(10):
        value, fired_at = 0.0, None
        for minute in range(int(7 * DAY / MINUTE)):
            at = minute * MINUTE
            value = keeps * value + math.sqrt(1 - keeps**2) * dice.gauss(0, 1)
            fires = value > (0.0 if 1 * HOUR <= at % DAY < 7 * HOUR else 3.0)
            if fires and fired_at is None:
                fired_at = at
            elif not fires and fired_at is not None:
                episodes.append(Episode(f"alarm-{number:02}", f"kind-{number % 4}", fired_at, at))
                fired_at = None
    return Trace("flapping", "A week of metrics around their threshold", episodes, 7 * DAY)


def outage(seed: int) -> Trace:
    """Return a day on which 500 alarms of five kinds fire because a zone fails, and three in another Region do not.

    The first fires after a minute, the others exponentially later, by two minutes on average; all recover between 40
    and 60 minutes after the outage began.
    """
    dice = Random(seed)  # noqa: S311 (the same)
    episodes: list[Episode] = []
    for number in range(500):
        begins = HOUR + MINUTE + dice.expovariate(1 / 120)
        ends = HOUR + dice.uniform(40 * MINUTE, 60 * MINUTE)
        [episode] = _whole_minutes(f"service-{number:03}", f"kind-{number % 5}", [(begins, ends - begins)])
        episodes.append(replace(episode, cause="the zone"))
    for number in range(3):
        found = [(HOUR + dice.uniform(0, HOUR), dice.uniform(600, HOUR))]
        episodes += _whole_minutes(f"elsewhere-{number}", "kind-9", found, region="us-east-1")
    rules = 'storm = { more_than = 20, within = "10m", by = ["account", "region"] }\n'
    return Trace("outage", "A zone fails, and 500 alarms with it", episodes, 4 * HOUR, rules)


def _arrivals(dice: Random, rate: float, until: float) -> Iterator[float]:
    at = dice.expovariate(rate)
    while at < until:
        yield at
        at += dice.expovariate(rate)


def _whole_minutes(
    alarm: str, kind: str, found: Sequence[tuple[float, float]], *, region: str = "eu-west-1"
) -> list[Episode]:
    """Return episodes of one alarm from beginnings and durations; what overlaps or touches is one."""
    episodes: list[Episode] = []
    for at, lasts in sorted(found):
        begins = math.ceil(at / MINUTE) * MINUTE
        ends = begins + max(1, math.ceil(lasts / MINUTE)) * MINUTE
        if episodes and begins <= episodes[-1].ends:
            last = episodes.pop()
            begins, ends = last.begins, max(ends, last.ends)
        episodes.append(Episode(alarm, kind, begins, ends, region))
    return episodes
