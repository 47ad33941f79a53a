"""What stands beside the bridge: Alertmanager with its defaults, and somebody who knows how the story goes on."""

from collections.abc import Sequence

from bench.quiet.outcome import Told
from bench.quiet.traces import Episode, Trace

GROUP_WAIT, GROUP_INTERVAL, REPEAT_INTERVAL = 30.0, 300.0, 4 * 3600.0
"""Seconds: Alertmanager's defaults (https://prometheus.io/docs/alerting/latest/configuration/#route)."""


def alertmanager(trace: Trace) -> list[Told]:
    """Return what Alertmanager would notify of, grouped by the kind of alarm, as its example does by `alertname`.

    A group notifies `GROUP_WAIT` after its first alert, and then looks every `GROUP_INTERVAL`: what is new or over is
    notified of, and what stays the same again after `REPEAT_INTERVAL`. A group whose alerts are all over, and told as
    such, is forgotten. A receiver opens an incident for a group, and resolves it with the group.
    """
    groups: dict[tuple[str, str], list[Episode]] = {}
    for episode in trace.episodes:
        groups.setdefault((episode.kind, episode.region), []).append(episode)
    told = [each for episodes in groups.values() for each in _of_a_group(sorted(episodes, key=_begins), trace.seconds)]
    return sorted(told, key=lambda each: each.at)


def _of_a_group(episodes: Sequence[Episode], until: float) -> list[Told]:
    told: list[Told] = []
    coming = list(episodes)
    while coming:
        at = coming[0].begins + GROUP_WAIT
        notified: frozenset[str] = frozenset()
        # What has begun and was not notified of as over.
        active: list[Episode] = []
        last = float("-inf")
        is_open = False
        while at <= until:
            while coming and coming[0].begins <= at:
                active.append(coming.pop(0))
            firing = frozenset(each.alarm for each in active if each.ends > at)
            over = frozenset(each.alarm for each in active if each.ends <= at) - firing
            active = [each for each in active if each.ends > at]
            if firing - notified or notified & over or (firing and at - last >= REPEAT_INTERVAL):
                told.append(
                    Told(at, wakes=bool(firing) and not is_open, shows=firing - notified, hides=notified & over)
                )
                is_open, notified, last = bool(firing), firing, at
            if not active:
                break
            at += GROUP_INTERVAL
        else:
            break
    return told


def ideal(trace: Trace) -> list[Told]:
    """Return what somebody would tell who knows what lasts and why: each problem as it begins, each cause once."""
    told: list[Told] = []
    known: set[str] = set()
    for problem in trace.problems:
        told.append(Told(problem.begins, wakes=problem.cause not in known, shows=frozenset({problem.alarm})))
        known |= {problem.cause} - {""}
    return told


def _begins(episode: Episode) -> float:
    return episode.begins
