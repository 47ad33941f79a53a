"""What a run comes to: everything that was put on the bus beside everything that is there at the end."""

import json
from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from functools import cache
from itertools import pairwise
from pathlib import Path
from typing import Any

from campaign.history import Evidence, Sent, judge
from campaign.load.drive import Course
from campaign.load.memory import MOST_GROWTH, growth
from campaign.load.traffic import identity
from common.incidents.alert import Alert, Status
from common.incidents.circuit import CIRCUIT_KEY
from common.incidents.item import problem_of
from common.incidents.rules import Rules, load_rules
from local.simulator.calls import Call
from local.stack import DEPLOYMENT, LocalStack

_RULES = Path(__file__).resolve().parents[2] / "src" / "rules"
_LEAST_SHARE, _LARGEST_SHARE = 0.4, 0.6


@dataclass(frozen=True, slots=True)
class Found:
    """What is there at the end; see `campaign.history.Evidence`.

    `still_there` is the number of messages in the event queue, `undelivered` of those that the bus could not put there.
    """

    dead_letters: Sequence[Mapping[str, str]]
    items: Mapping[str, Mapping[str, Any]]
    incidents: Sequence[Mapping[str, str]]
    notes: Mapping[str, Sequence[str]]
    still_there: int = 0
    undelivered: int = 0


@dataclass(frozen=True, slots=True)
class Account:
    """What became of the deliveries. What still waits at the end is not counted as lost, but is not applied either.

    `unexpected` are records that delivery in order would not have made, `wrong` problems that are in another state
    than their newest event asks for.
    """

    lost: int
    duplicates: int
    notes_twice: int
    unexpected: int
    wrong: int
    dead_letters: int
    still_there: int
    undelivered: int
    records: int
    problems: int
    details: Sequence[str]


@dataclass(frozen=True, slots=True)
class Bound:
    """A number that has to lie within bounds, both included."""

    name: str
    value: float
    least: float
    most: float

    @property
    def is_kept(self) -> bool:
        """Tell whether it does."""
        return self.least <= self.value <= self.most

    @property
    def demand(self) -> str:
        """Return the bounds as they are written."""
        if self.least == self.most:
            return f"= {self.most:g}"
        return f"≤ {self.most:g}" if self.least == 0 else f"{self.least:g} to {self.most:g}"


def found(stack: LocalStack, *, of: str | tuple[str, ...] = "", takes_dead_letters: bool = True) -> Found:
    """Look at queues, ledger and ServiceNow.

    Only incidents whose short description begins with `of`, or with one of them, are looked at; the dead letters are
    taken out of their queue, or left alone.
    """
    tables = stack.root.dynamodb.get_paginator("scan").paginate(TableName=stack.outputs["LedgerTableName"])
    items = [item for page in tables for item in page["Items"] if not item["pk"]["S"].startswith(CIRCUIT_KEY)]
    simulator = stack.simulator
    incidents = [row for row in simulator.records("incident") if row["short_description"].startswith(of)]
    letters = stack.dead_letters() if takes_dead_letters else []
    return Found(
        dead_letters=[{"body": letter.body, "Reason": letter.reason} for letter in letters],
        items={item["pk"]["S"]: item for item in items},
        incidents=incidents,
        notes={row["sys_id"]: simulator.journal(row["sys_id"], "work_notes") for row in incidents},
        still_there=stack.unfinished_messages(),
        undelivered=stack.undelivered_messages(),
    )


def account(deliveries: Sequence[Mapping[str, Any]], end: Found) -> Account:
    """Judge the end by what was delivered: the whole history, and each problem by its newest event."""
    rules = _rules()
    bodies = {identity(event): json.dumps(event) for event in deliveries}
    refused = [
        {"body": bodies[identity(json.loads(letter["body"]))], "Reason": letter["Reason"]}
        for letter in end.dead_letters
    ]
    evidence = Evidence(
        sent=[Sent(str(number), bodies[identity(event)]) for number, event in enumerate(deliveries)],
        waiting=frozenset(),
        dead_letters=refused,
        items=end.items,
        incidents=end.incidents,
        notes=end.notes,
        deployment=DEPLOYMENT,
    )
    judgement = judge(rules, evidence)
    given_up = {letter["body"] for letter in refused}
    problems: dict[str, list[Alert]] = {}
    for event in {identity(event): event for event in deliveries}.values():
        rule = rules.match(event)
        alert = rule.alert(event) if rule else None
        if alert is not None and bodies[identity(event)] not in given_up:
            problems.setdefault(problem_of(DEPLOYMENT, alert.key), []).append(alert)
    notes_twice = [each for each in judgement.duplicates if each.startswith("a note")]
    duplicates = [each for each in judgement.duplicates if not each.startswith("a note")]
    unexpected = _unexpected(problems, end)
    wrong = [*judgement.wrong, *_not_newest(problems, end)]
    details = Counter([*judgement.lost, *judgement.duplicates, *unexpected, *wrong])
    details.update(f"dead letter: {letter['Reason'] or 'without a reason'}" for letter in refused)
    return Account(
        lost=max(0, len(judgement.lost) - end.still_there),
        duplicates=len(duplicates),
        notes_twice=len(notes_twice),
        unexpected=len(unexpected),
        wrong=len(wrong),
        dead_letters=len(refused),
        still_there=end.still_there,
        undelivered=end.undelivered,
        records=len(end.incidents),
        problems=len(problems),
        details=[f"{text} ({number} times)" if number > 1 else text for text, number in details.most_common()],
    )


@cache
def _rules() -> Rules:
    return load_rules(_RULES)


def _unexpected(problems: Mapping[str, Sequence[Alert]], end: Found) -> list[str]:
    """Return the records that stand for no problem that ever fired."""
    fired = {name for name, alerts in problems.items() if any(alert.status is Status.FIRING for alert in alerts)}
    return [
        f"{row['number']} stands for no problem that ever fired"
        for row in end.incidents
        if row["correlation_id"].partition("-")[0] not in fired
    ]


def _not_newest(problems: Mapping[str, Sequence[Alert]], end: Found) -> list[str]:
    """Return the problems whose ledger holds another event than their newest as the last that was applied."""
    told = {name: max(alerts, key=lambda alert: alert.order) for name, alerts in problems.items()}
    return [
        f"{alert.key} did not end with its newest event"
        for name, alert in told.items()
        if end.items.get(name, {}).get("orders", {}).get("M", {}).get(alert.member, {}).get("N") != str(alert.order)
    ]


def bounds(accounted: Account, course: Course, share_failed: float) -> list[Bound]:
    """Return every demand on a run and what it came to."""
    zero = {
        "messages lost": accounted.lost,
        "records twice": accounted.duplicates,
        "notes twice": accounted.notes_twice,
        "records that in-order delivery makes none of": accounted.unexpected,
        "problems not as their newest event asks": accounted.wrong,
        "dead letters": accounted.dead_letters,
        "events that the bus could not deliver": accounted.undelivered,
        "messages still in the queue": accounted.still_there,
    }
    grown = growth(course.readings)
    largest = max((each.ratio for each in grown.values()), default=float("inf"))
    return [
        *(Bound(name, value, 0, 0) for name, value in zero.items()),
        Bound("share of answers that failed", share_failed, _LEAST_SHARE, _LARGEST_SHARE),
        Bound("largest growth of a worker's memory, 30 s to 120 s", largest, 0, MOST_GROWTH),
    ]


def numbers(deliveries: int, events: int, course: Course, calls: Sequence[Call]) -> dict[str, float]:
    """Return how much went through, and what the circuit breaker made of it.

    Rates are per second: of deliveries over the load, of ServiceNow's answers over the load, of messages that were
    left over the drain.
    """
    put = deliveries - course.before
    under_load = [call for call in calls if course.began <= call.started < course.failures_ended]
    failed = [call for call in under_load if call.fault]
    seconds = course.failures_ended - course.began
    looks = [look for look in course.looks if look.second <= seconds]
    states = Counter(look.circuit for look in looks)
    openings = sum(now.circuit == "OPEN" != before.circuit for before, now in pairwise(looks))
    drained = course.drained_in or 0.0
    return {
        "events": events,
        "deliveries": deliveries,
        "deliveries_under_load": put,
        "deliveries_per_second": round(put / seconds, 1),
        "done_under_load": put - course.left,
        "left_at_the_end_of_the_failures": course.left,
        "most_waiting": max((look.waiting for look in looks), default=0),
        "answers_under_load": len(under_load),
        "answers_per_second": round(len(under_load) / seconds, 1),
        "answers_failed": len(failed),
        "answers_failed_after_the_commit": sum(call.committed for call in failed),
        "share_failed": round(len(failed) / len(under_load), 3) if under_load else 0.0,
        "circuit_not_closed_share": round(1 - states["CLOSED"] / len(looks), 2) if looks else 0.0,
        "circuit_openings_seen": openings,
        "drained_in_seconds": round(drained, 1),
        "drained_per_second": round(course.left / drained, 1) if drained else 0.0,
    }
