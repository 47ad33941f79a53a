"""What must hold at the end, whatever happened on the way: every event accounted for, one record for each problem."""

from collections import Counter, defaultdict
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

from common.doors.message import read_event
from common.errors import PermanentError
from common.incidents.alert import Alert, Status, is_firing
from common.incidents.item import problem_of
from common.incidents.rules import Rules

_CLOSED = "7"
OPEN_STATES = frozenset({"1", "2", "3"})

type Row = Mapping[str, str]
"""A record of ServiceNow."""


@dataclass(frozen=True, slots=True)
class Sent:
    """A message that was put into the queue."""

    message_id: str
    body: str


@dataclass(frozen=True, slots=True)
class Evidence:
    """All there is to see at the end: messages, queue, dead letters, ledger and ServiceNow."""

    sent: Sequence[Sent]
    waiting: frozenset[str]
    dead_letters: Sequence[Mapping[str, str]]
    items: Mapping[str, Mapping[str, Any]]
    incidents: Sequence[Row]
    notes: Mapping[str, Sequence[str]]
    deployment: str


@dataclass(slots=True)
class Judgement:
    """What is wrong: events that are nowhere, records and notes that are there twice, and everything else."""

    lost: list[str] = field(default_factory=list)
    duplicates: list[str] = field(default_factory=list)
    wrong: list[str] = field(default_factory=list)


def judge(rules: Rules, evidence: Evidence) -> Judgement:
    """Check the whole history.

    Every message is applied, superseded, among the dead letters with its reason, or still in the queue. Each problem
    has one record at most, and is in the condition that the newest event that got through says.
    """
    judgement = Judgement()
    without_reason = sum(not letter.get("Reason") for letter in evidence.dead_letters)
    judgement.wrong += ["a dead letter without a reason"] * without_reason
    records = _by_problem(evidence)
    for problem, alerts in _through(rules, evidence, judgement).items():
        item = evidence.items.get(problem, {})
        if "joined" in item and "is_child" not in item:
            _judge_joined(judgement, item, records, evidence)
        else:
            _judge_problem(judgement, item, alerts, records[problem], evidence)
    _judge_strangers(judgement, evidence)
    return judgement


def _through(rules: Rules, evidence: Evidence, judgement: Judgement) -> dict[str, list[Alert]]:
    """Return the alerts that got through, by problem, and note the events that are nowhere."""
    problems: dict[str, list[Alert]] = {}
    dead = Counter(letter["body"] for letter in evidence.dead_letters)
    for message in evidence.sent:
        alert = _alert(rules, message.body)
        if message.message_id in evidence.waiting:
            continue
        body = message.body or " "
        if dead[body]:
            dead[body] -= 1
            continue
        if isinstance(alert, str):
            judgement.lost.append(f"{message.message_id} {alert}, and is not among the dead letters")
        elif alert is not None:
            problem = problem_of(evidence.deployment, alert.key)
            problems.setdefault(problem, []).append(alert)
            if _applied(evidence.items.get(problem, {})).get(alert.member, -1) < alert.order:
                judgement.lost.append(f"{message.message_id} is neither applied nor superseded")
    return problems


def _by_problem(evidence: Evidence) -> Mapping[str, Sequence[Row]]:
    """Return the records of each problem: a correlation id begins with its hash and a dash."""
    records: defaultdict[str, list[Row]] = defaultdict(list)
    for row in evidence.incidents:
        problem, dash, _ = row["correlation_id"].partition("-")
        if dash:
            records[problem].append(row)
    return records


def _judge_problem(
    judgement: Judgement, item: Mapping[str, Any], alerts: Sequence[Alert], own: Sequence[Row], evidence: Evidence
) -> None:
    still_open = [row for row in own if row["state"] in OPEN_STATES]
    # What somebody closed is replaced; the bridge itself closes nothing.
    if sum(row["state"] != _CLOSED for row in own) > 1:
        judgement.duplicates.append(f"{len(own)} records, {len(still_open)} of them open, for one problem")
    if "operation" in item and not evidence.waiting:
        judgement.wrong.append("the ledger waits for a write that nobody will finish")
        return
    fires = any(is_firing(order) for order in _applied(item).values())
    if fires and not still_open:
        judgement.wrong.append("no record is open although the problem is there")
    if not fires and still_open:
        judgement.wrong.append("a record is open although the problem is over")
    firing = [alert for alert in alerts if alert.status is Status.FIRING]
    titles = {alert.fields.get("short_description", "") for alert in firing}
    if titles:
        strange = sum(row["short_description"] not in titles for row in own)
        judgement.wrong += ["a record does not say what it is about"] * strange
    _judge_notes(judgement, own, evidence)


def _judge_notes(judgement: Judgement, rows: Sequence[Row], evidence: Evidence) -> None:
    notes = (evidence.notes.get(row["sys_id"], ()) for row in rows)
    judgement.duplicates += ["a note is there twice"] * sum(len(set(each)) < len(each) for each in notes)


def _judge_joined(
    judgement: Judgement, item: Mapping[str, Any], records: Mapping[str, Sequence[Row]], evidence: Evidence
) -> None:
    """Check a problem that is told in the record of a storm, and that record."""
    storm = problem_of(evidence.deployment, item["joined"]["S"])
    gathering = records[storm]
    still_open = [row for row in gathering if row["state"] in OPEN_STATES]
    if len(still_open) > 1:
        judgement.duplicates.append(f"{len(still_open)} records are open for one storm")
    if any(is_firing(order) for order in _applied(item).values()) and not still_open:
        judgement.wrong.append("no record is open although a problem that has joined a storm is there")
    all_over = not any(map(is_firing, _applied(evidence.items.get(storm, {})).values()))
    if all_over and still_open and not evidence.waiting:
        judgement.wrong.append("the record of a storm is open although all in it is over")
    _judge_notes(judgement, gathering, evidence)


def _judge_strangers(judgement: Judgement, evidence: Evidence) -> None:
    """A record of this deployment whose problem the ledger does not know is one that nobody will ever resolve."""
    prefix = problem_of(evidence.deployment, "")[:8]
    for row in evidence.incidents:
        problem = row["correlation_id"].partition("-")[0]
        if problem.startswith(prefix) and problem not in evidence.items:
            judgement.wrong.append("a record that the ledger does not know")


def _alert(rules: Rules, body: str) -> Alert | str | None:
    """Return what an event says, None where nothing is to be done, and a text where it is refused."""
    try:
        event = read_event(body)
        rule = rules.match(event)
        return None if rule is None else rule.alert(event)
    except PermanentError as error:
        return f"is refused ({error.message[:60]})"


def _applied(item: Mapping[str, Any]) -> dict[str, int]:
    orders = item.get("orders", {}).get("M", {})
    return {member: int(order["N"]) for member, order in orders.items()}
