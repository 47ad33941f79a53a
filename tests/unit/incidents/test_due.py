"""Problems that heal by themselves and recoveries that do not last: who waits for how long; nothing is lost."""

import heapq
from collections.abc import Callable
from copy import replace
from dataclasses import dataclass
from random import Random

import pytest

from common.clock import Deadline
from common.incidents import desk as desk_module
from common.incidents import due as due_module
from common.incidents.alert import Alert, Fold, Policy, Status
from common.incidents.due import NotDueError, due
from common.incidents.item import Item, Operation
from tests.support.clock import EPOCH
from tests.support.office import Office
from tests.support.problems import RECORD, fold, pending, settled
from tests.support.world import KEY

HOLD, SETTLE = 120, 300
POLICY = Policy(hold=HOLD, settle=SETTLE)
DELAY = 5.0  # seconds that a message takes at most
ZERO = int(EPOCH) - 1000  # the second of F0

type Due = Callable[[Item, Fold, int], tuple[Fold | None, float]]


@pytest.mark.parametrize(
    ("item", "text", "at", "counts", "seconds"),
    [
        (settled(), "F0", 119, "", 1),
        (settled(), "F0", 120, "F0", 0),
        (settled(), "F0 F60", 119, "", 1),  # repeating it puts nothing off
        (settled(), "F0 F60", 120, "F0 F60", 0),
        (settled(), "F0 R30", 31, "F0 R30", 0),  # nobody has to be told
        (settled(), "F0 R30 F60", 130, "", 50),
        (settled("R30"), "F0 F60", 130, "", 50),
        (settled("R30"), "F0", 20, "F0", 0),  # the ledger knows better
        (settled("F0 R30", RECORD), "F60", 70, "", 110),  # nor is one opened again
        (settled("F0", RECORD), "F60", 61, "F60", 0),
        (settled("F0", RECORD), "R60", 61, "", 299),
        (settled("F0", RECORD), "R60 R90", 360, "R60 R90", 0),
        (settled("F0", RECORD), "R60 F70", 71, "R60 F70", 0),
        (settled("F80", RECORD), "R60", 81, "R60", 0),
        (settled(), "R60", 61, "R60", 0),
        (settled("F0 R60", RECORD), "R70", 71, "R70", 0),
        (pending(Operation.OPEN, "F0"), "F0", 1, "F0", 0),
        (settled("aF0", RECORD), "bF10", 11, "bF10", 0),  # the record of a group is open
        (settled("aF0", RECORD), "aR10 bF11", 12, "bF11", 298),  # what is due of a group does not wait
        (settled(), "aF0 bF60", 120, "aF0", 60),
    ],
)
def test_what_counts_and_what_waits(item: Item, text: str, at: int, counts: str, seconds: float) -> None:
    """A problem for two minutes before it opens a record, a recovery for five before it resolves one."""
    found, wait = due(item, fold(text, POLICY), (ZERO + at) * 1000)
    assert (found, wait) == (fold(counts, POLICY) if counts else None, seconds)


def test_without_a_word_nothing_waits() -> None:
    """As before."""
    assert due(settled(), fold("F0"), ZERO * 1000) == (fold("F0"), 0.0)


def test_what_is_due_of_a_group_is_done_while_the_rest_waits(office: Office) -> None:
    """Its message comes back with the other's, and does nothing then."""
    now = int(EPOCH) - ZERO
    with pytest.raises(NotDueError) as caught:
        office.apply(f"aF{now - 200} bF{now - 50}", POLICY)
    assert caught.value.retry_after == pytest.approx(HOLD - 50)
    assert office.states() == ["1"]


def test_a_problem_that_healed_is_counted_and_told(office: Office) -> None:
    """So that whoever asks why he was not woken finds it by the problem's key."""
    now = int(EPOCH) - ZERO
    office.refused(f"F{now - 20}", POLICY)
    office.apply(f"R{now - 10}", POLICY)
    office.clock.advance(HOLD)

    office.apply(f"F{now - 20}", POLICY)

    assert office.states() == []
    assert office.reports.counts["ProblemsHealed"] == 1
    [line] = [line for line in office.reports.lines if "was over before" in line["message"]]
    assert line["dedup_key"] == KEY


@pytest.mark.parametrize(
    ("item", "text", "hold", "healed"),
    [
        (settled("R30"), "F0", HOLD, True),
        (settled("R30"), "F0 F40", HOLD, True),
        (settled("R30"), "F0", 0, False),  # it did not wait
        (settled("R30"), "F40", HOLD, False),  # it is there again
        (settled("R30"), "R0", HOLD, False),
        (settled("F0"), "F0", HOLD, False),
        (settled("bR30"), "aF0", HOLD, False),  # another member's
        (settled("F0 R30", RECORD), "F0", HOLD, False),  # somebody was told
        (settled("R30", correlation_id="tried"), "F0", HOLD, False),  # or may have been
        (pending(Operation.OPEN, "F40", "R30"), "F0", HOLD, False),
    ],
)
def test_what_counts_as_healed(item: Item, text: str, hold: int, *, healed: bool) -> None:
    """A problem that was to wait, that is over, and of which no record ever told."""
    assert due_module.healed(item, fold(text, Policy(hold=hold))) is healed


@dataclass(frozen=True, slots=True)
class Statement:
    """What is said at a second about the one problem."""

    second: float
    status: Status

    def alert(self) -> Alert:
        """Return it as an alert."""
        fields = {"short_description": "it fires"} if self.status is Status.FIRING else {}
        return Alert(KEY, self.status, int((EPOCH + self.second) * 1000), fields, policy=POLICY)


def story(chance: Random) -> list[Statement]:
    """Return how a problem comes and goes, each state told once or more, some briefly and some for long."""
    statements: list[Statement] = []
    second, firing = 0.0, True
    for _ in range(chance.randint(1, 7)):
        lasts = chance.choice((20, 60, 115, 130, 200, 299, 301, 700)) + chance.random()
        times = [second, *(second + chance.random() * lasts for _ in range(chance.choice((0, 1, 3, 40))))]
        status = Status.FIRING if firing else Status.RESOLVED
        statements += [Statement(time, status) for time in sorted(times)]
        second, firing = second + lasts, not firing
    return statements


def faults(seed: int) -> list[str]:
    """Play a story through a queue that delays, repeats, folds and reorders, and return what went wrong."""
    chance = Random(seed)  # noqa: S311 (a test that can be repeated)
    statements = story(chance)
    office = Office()
    opened_at = played(office, statements, chance)
    spans = runs(statements)
    fired = [(begin, end) for status, begin, end in spans if status is Status.FIRING]
    lasting = [begin for begin, end in fired if end is None or end - begin > HOLD + DELAY]
    healed = all(end is not None and end - begin < HOLD - DELAY for begin, end in fired)
    states = office.states()
    return [
        what
        for what, happened in {
            "a problem that lasted was never opened": lasting and opened_at is None,
            "a problem was opened too late": lasting and (opened_at or 0) > lasting[0] + HOLD + DELAY + 1,
            "a record was opened for problems that healed": healed and states,
            "two records": len(states) > 1,
            "not in the state that was told last": states and (states[-1] == "6") is (spans[-1][0] is Status.FIRING),
        }.items()
        if happened
    ]


def played(office: Office, statements: list[Statement], chance: Random) -> float | None:
    """Bring statements to the desk by a queue, some twice, and return the second at which a record was opened first."""
    again = chance.sample(statements, len(statements) // 3)
    queue = [(each.second + chance.random() * DELAY, number, each) for number, each in enumerate(statements + again)]
    heapq.heapify(queue)
    opened_at = None
    while queue:
        at = queue[0][0]
        together = [heapq.heappop(queue)]
        while queue and queue[0][0] - at < 1 and chance.random() < 0.5:
            together.append(heapq.heappop(queue))
        office.clock.advance(max(0.0, EPOCH + at - office.clock.now()))
        try:
            office.desk.apply(Fold.of(each.alert() for _, _, each in together), Deadline.after(office.clock, 60))
        except NotDueError as error:
            back = at + (error.retry_after or 0.0) + 0.001
            for _, number, each in together:
                heapq.heappush(queue, (back, number, each))
        if opened_at is None and office.states():
            opened_at = at
    return opened_at


def runs(statements: list[Statement]) -> list[tuple[Status, float, float | None]]:
    """Return each state with its beginning and its end, None for the last one."""
    starts = [
        each
        for before, each in zip([None, *statements], statements, strict=False)
        if before is None or before.status is not each.status
    ]
    ends = [each.second for each in starts[1:]]
    return [(each.status, each.second, end) for each, end in zip(starts, [*ends, None], strict=True)]


def test_whatever_the_queue_does_nothing_is_missed_late_or_left_open() -> None:
    """A hundred stories, each with delays, repetitions, folds and another order."""
    assert {seed: found for seed in range(100) if (found := faults(seed))} == {}


def forgetful(item: Item, alerts: Fold, now: int) -> tuple[Fold | None, float]:
    """Count the hour anew with every repetition."""
    newest = Fold.of(alerts.alerts[-1:])
    _, seconds = due(item, newest, now)
    return (None, seconds) if seconds else (alerts, 0.0)


def hasty(item: Item, alerts: Fold, now: int) -> tuple[Fold | None, float]:
    """Let recoveries wait although nobody knows of the problem, so that it opens."""
    open_item = replace(item, orders={"-": 1}) if alerts.newest.status is Status.RESOLVED else item
    return due(open_item, alerts, now)


def deaf(item: Item, alerts: Fold, now: int) -> tuple[Fold | None, float]:
    """Let what waits count once its hour has come, whatever was said since."""
    found, seconds = due(item._replace(orders={}) if not item.fires else item, alerts, now)
    return (Fold.of(replace(each, occurred_at=now) for each in found.alerts) if found else None), seconds


def never(item: Item, alerts: Fold, now: int) -> tuple[Fold | None, float]:
    """Wait for nothing."""
    del item, now
    return alerts, 0.0


@pytest.mark.parametrize("careless", [forgetful, hasty, deaf, never])
def test_a_careless_wait_is_noticed(monkeypatch: pytest.MonkeyPatch, careless: Due) -> None:
    """Each of these would lose a problem, open one that healed, or leave one open."""
    monkeypatch.setattr(desk_module, "due", careless)
    assert any(faults(seed) for seed in range(100))


def test_the_words_of_waiting_say_that_nothing_is_to_be_done() -> None:
    """It is no fault."""
    assert "Nothing is to be done" in NotDueError(3).action
