"""What a maintenance window makes of a problem that begins inside it."""

from collections.abc import Mapping
from copy import replace
from datetime import UTC, time

import pytest

from common.clock import DAY
from common.incidents.alert import Alert, Status
from common.incidents.due import due, healed, hour_of
from common.incidents.expressions import Expression
from common.incidents.schedule import Dates, Weekly
from common.incidents.windows import LONGEST_WINDOW, Quiet, Quieting, Window, quieted, quieting_of
from tests.support.problems import RECORD, fold, settled
from tests.support.world import KEY

HOUR = 3_600_000
ABOUT = {"account": "111122223333", "rule": "disk-full", "severity": "high", "detail": {"disk": "a"}}
PROBLEM = Alert(
    KEY, Status.FIRING, 10 * HOUR, {"short_description": "it fires", "cmdb_ci": "Payments-API"}, note="again"
)


def window(name: str = "w", begin: int = 9, end: int = 11, quiet: Quiet = Quiet.HOLD, **others: object) -> Window:
    """Return a window from one hour to another."""
    return Window(name=name, place="here", schedule=Dates(begin * HOUR, end * HOUR), quiet=quiet, **others)  # type: ignore[arg-type] # tested


def says(*windows: Window, alert: Alert = PROBLEM, about: Mapping[str, object] = ABOUT) -> tuple[str, str, int] | None:
    """Return name, kind and last hour of what windows say to the problem of the tenth hour."""
    found = quieting_of(alert, "disk-full", about, windows)
    return None if found is None else (found.window, found.quiet.value, found.until // HOUR)


@pytest.mark.parametrize(
    ("windows", "expected"),
    [
        ((), None),
        ((window(),), ("w", "hold", 11)),
        ((window(begin=10),), ("w", "hold", 11)),
        ((window(end=10),), None),
        ((window(begin=11, end=12),), None),
        ((window(patterns=("disk-*",)),), ("w", "hold", 11)),
        ((window(patterns=("tape-*",)),), None),
        ((window(condition=Expression.parse("detail.disk == 'a' && severity == 'high'")),), ("w", "hold", 11)),
        ((window(condition=Expression.parse("detail.disk == 'b'")),), None),
        ((window(condition=Expression.parse("abs(detail.disk)")),), None),  # what can't be judged quiets nothing
        ((window(account="111122223333"),), ("w", "hold", 11)),
        ((window(account="999999999999"),), None),
        ((window(items=frozenset({"payments-api"})),), ("w", "hold", 11)),
        ((window(items=frozenset({"orders-api"})),), None),
        ((window(items=frozenset()),), None),
        # The last one counts; one that holds does so until all that hold are over.
        ((window("a", quiet=Quiet.DROP), window("b", quiet=Quiet.NOTE)), ("b", "note", 11)),
        ((window("a"), window("b", quiet=Quiet.DROP)), ("b", "drop", 11)),
        ((window("a", end=14), window("b", end=12)), ("b", "hold", 14)),
        ((window("a", begin=11, end=14), window("b", end=11)), ("b", "hold", 14)),
        ((window("a", begin=11, end=14, quiet=Quiet.DROP), window("b", end=11)), ("b", "hold", 11)),
        ((window(end=10_000),), ("w", "hold", 10 + LONGEST_WINDOW // HOUR)),
        (tuple(window(str(day), 24 * day, 24 * day + 24) for day in range(40)), ("0", "hold", 10 + 96)),
    ],
)
def test_which_window_counts(windows: tuple[Window, ...], expected: tuple[str, str, int] | None) -> None:
    """By the time of the event, its account, its rule, the condition, and what the record would name."""
    assert says(*windows) == expected


def test_what_is_over_is_not_asked_about_an_event(monkeypatch: pytest.MonkeyPatch) -> None:
    """Hundreds of such windows are remembered; each expression would take its time of every event."""
    asked: list[str] = []

    def holds(self: Expression, _event: object) -> bool:
        asked.append(self.source)
        return True

    monkeypatch.setattr(Expression, "holds", holds)
    over, still = (Expression.parse(f"name == '{name}'") for name in ("over", "still"))
    assert says(window("over", end=10, condition=over), window(condition=still)) == ("w", "hold", 11)
    assert asked == [still.source]


def test_a_recovery_and_a_request_are_never_quieted() -> None:
    """What is open is resolved, and who asks for a record gets one."""
    drop = window(quiet=Quiet.DROP)
    assert says(drop, alert=replace(PROBLEM, status=Status.RESOLVED)) is None
    assert says(drop, alert=replace(PROBLEM, fingerprint="asked")) is None


def test_what_the_sender_itself_mutes_is_held() -> None:
    """Until the end that its event tells, or that of a window if this is later; no longer than the queue can."""
    muted = replace(PROBLEM, quiet_until=12 * HOUR, quiet_by="rule")
    assert says(alert=muted) == ("rule", "hold", 12)
    assert says(window(), alert=muted) == ("w", "hold", 12)
    assert says(window(end=15), alert=muted) == ("w", "hold", 15)
    assert says(window(quiet=Quiet.NOTE), alert=muted) == ("w", "note", 11)
    assert says(alert=replace(muted, quiet_until=PROBLEM.occurred_at)) is None
    assert says(alert=replace(muted, quiet_until=900 * DAY)) == ("rule", "hold", 10 + LONGEST_WINDOW // HOUR)
    for_ever = replace(muted, quiet_until=253_402_300_799_000)  # the last second of 9999
    daily = Window(name="w", place="here", schedule=Weekly(frozenset(range(7)), time(1), UTC, seconds=3600))
    assert says(daily, alert=for_ever) == ("rule", "hold", 10 + LONGEST_WINDOW // HOUR)


SENTENCE = "Began inside the maintenance window w (until 1970-01-01 11:00 UTC)."


def test_what_is_held_says_so_and_waits() -> None:
    """In the work notes of the record that it may open, and of one that it may open again."""
    held = quieted(PROBLEM, Quieting("w", Quiet.HOLD, 11 * HOUR))
    assert (held.fields, held.quiet_note) == (PROBLEM.fields, SENTENCE)
    assert held.note == f"again\n{SENTENCE}"
    assert (held.quiet_by, hour_of(held)) == ("w", 11 * HOUR)


@pytest.mark.parametrize(
    ("levels", "expected"), [(("1", "1"), ("2", "3")), (("2", "3"), ("2", "3")), (("3", "3"), ("3", "3"))]
)
def test_what_is_noted_is_opened_at_once_with_a_low_severity(
    levels: tuple[str, str], expected: tuple[str, str]
) -> None:
    """As the one of an alarm whose actions are suppressed; what is lower stays so."""
    urgent = replace(PROBLEM, fields=dict(zip(("impact", "urgency"), levels, strict=True)))
    noted = quieted(urgent, Quieting("w", Quiet.NOTE, 11 * HOUR))
    assert (noted.fields["impact"], noted.fields["urgency"]) == expected
    assert noted.quiet_note == SENTENCE
    assert hour_of(noted) == 0


def test_an_event_of_event_management_says_so_in_its_description() -> None:
    """It has no work notes, and one severity."""
    event = replace(PROBLEM, table="em_event", fields={"description": "it fires", "severity": "1"})
    noted = quieted(event, Quieting("w", Quiet.NOTE, 11 * HOUR))
    assert noted.fields == {"description": f"it fires\n{SENTENCE}", "severity": "4"}
    assert quieted(event, Quieting("w", Quiet.HOLD, 11 * HOUR)).fields["severity"] == "1"


@pytest.mark.parametrize(
    ("applied", "text", "minute", "counts", "seconds"),
    [
        ("", "F600", 659, "", 60),
        ("", "F600", 660, "F600", 0),
        ("R590", "F600", 659, "", 60),  # nor is one opened again
        ("R650", "F600", 655, "F600", 0),  # it is over; the ledger knows it
        ("F1", "F600", 601, "F600", 0),  # what is open already is kept up
        ("", "F600 R610", 611, "F600 R610", 0),
    ],
)
def test_what_is_held_counts_at_the_end_of_the_window(
    applied: str, text: str, minute: int, counts: str, seconds: float
) -> None:
    """Unless the ledger knows better by then. The digits are minutes; the window is open for eleven hours."""
    held = replace(fold(text), alerts=tuple(replace(alert, quiet_until=ZERO + 660 * 60_000) for alert in minutes(text)))
    item = settled("", RECORD if applied.startswith("F") else None)
    item = item._replace(orders={alert.member: alert.order for alert in minutes(applied)})
    found, wait = due(item, held, ZERO + minute * 60_000)
    assert wait == seconds
    assert (found is not None) is bool(counts)


ZERO = fold("F0").newest.occurred_at


def minutes(text: str) -> list[Alert]:
    """Return alerts whose digits are minutes."""
    return [
        replace(alert, occurred_at=ZERO + (alert.occurred_at - ZERO) * 60)
        for alert in (fold(text).alerts if text else ())
    ]


def test_a_repeat_inside_the_window_puts_off_nothing_that_began_before() -> None:
    """It is due by its first statement."""
    before, inside = minutes("F0 F10")
    both = replace(fold("F0"), alerts=(before, replace(inside, quiet_until=ZERO + HOUR)))
    assert due(settled(), both, ZERO + 660_000) == (both, 0.0)


def test_a_problem_that_healed_inside_its_window_counts_as_healed() -> None:
    """Nobody was told of it."""
    [problem] = minutes("F600")
    held = replace(fold("F600"), alerts=(replace(problem, quiet_until=ZERO + 660 * 60_000),))
    over = settled()._replace(orders={alert.member: alert.order for alert in minutes("R650")})
    assert healed(over, held)
    assert not healed(over, replace(held, alerts=(problem,)))
