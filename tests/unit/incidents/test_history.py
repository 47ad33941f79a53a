"""What a record tells of the past: how long it lasted, how often it came back, and that it flaps."""

from copy import replace

import pytest

from common.incidents.alert import OnRecovery, OnRepeat, OnReturn, Policy
from common.incidents.due import NotDueError
from common.incidents.episodes import MOST_BEGINNINGS, Past
from common.incidents.history import duration, past_of
from common.incidents.item import Item, Operation, Pending
from tests.support.office import Office
from tests.support.problems import RECORD, order, orders, settled
from tests.support.world import KEY

NOW = 1000
"""The second of now, as alerts in tests count them."""


@pytest.mark.parametrize(
    ("seconds", "words"),
    [
        (-1, "0 seconds"),
        (0, "0 seconds"),
        (1, "1 second"),
        (59, "59 seconds"),
        (60, "1 minute"),
        (725, "12 minutes"),
        (3600, "1 hour"),
        (3660, "1 hour 1 minute"),
        (7500, "2 hours 5 minutes"),
        (86_400, "1 day"),
        (100 * 3600, "4 days 4 hours"),
        (86_400 + 59 * 60, "1 day"),
    ],
)
def test_a_time_is_told_in_two_units_at_most(seconds: int, words: str) -> None:
    """The seconds of a time of minutes help nobody."""
    assert duration(seconds) == words


def told(operation: Operation, applying: str, applied: str = "", past: Past | None = None) -> str:
    """Return what a pending write tells of the past."""
    item: Item = replace(settled(applied, RECORD), past=past or Past())
    return past_of(replace(item, pending=Pending(operation, orders(applying), 0, "me")))


def keys(text: str) -> tuple[int, ...]:
    """Return the order keys of alerts such as `F1 R2`."""
    return tuple(order(word) for word in text.split())


def test_a_recovery_says_how_long_it_lasted() -> None:
    """From when the problem began, however often it was repeated or came back; nothing where that is not known."""
    assert told(Operation.RESOLVE, "R720", "F300", Past(since=order("F0"))) == "It lasted 12 minutes."
    assert told(Operation.RECOVERY_NOTE, "R720", "F300", Past(since=order("F0"))) == "It lasted 12 minutes."
    assert told(Operation.RESOLVE, "R720", "F300") == ""
    flapped = Past(turns=keys("F0 R10 F20 R30 F40"), since=order("F0"))
    expected = "It lasted 12 minutes, and came back 2 times in that time."
    assert told(Operation.RESOLVE, "R720", "F40", flapped) == expected


def test_a_first_record_tells_of_no_past() -> None:
    """There is none."""
    assert told(Operation.OPEN, "F1") == ""
    assert told(Operation.NOTE, "F3", "F1", Past(keys("F1"), order("F1"))) == ""


def test_a_return_says_after_how_long_and_how_often_it_was_there() -> None:
    """In the last 30 days, and as far as is remembered."""
    past = Past(keys("F0 R60"), former=(("INC0000007", order("R60")),))
    assert told(Operation.REOPEN, "F3660", "R60", past) == (
        "It is back after 1 hour.\nIt began 2 times in the last 30 days, this one included.\n"
        "Records before this one: INC0000007."
    )
    assert told(Operation.OPEN, "F3660", "R60", past).startswith("It began 2 times")
    late = 31 * 86_400
    assert told(Operation.REOPEN, f"F{late}", "R60", past) == "It is back after 30 days 23 hours."
    many = tuple(key for second in range(40) for key in keys(f"F{2 * second} R{2 * second + 1}"))[
        -2 * MOST_BEGINNINGS :
    ]
    assert "It began 20 or more times in" in told(Operation.REOPEN, "F3660", "R79", Past(many))


def test_a_resolution_and_a_return_are_told_in_the_record(office: Office) -> None:
    """As a person reads them."""
    office.apply(f"F{NOW - 800}")
    office.apply(f"R{NOW - 80}")
    assert office.records.sent[-1]["close_notes"] == f"note of R{NOW - 80}\nIt lasted 12 minutes."
    office.apply(f"F{NOW - 20}")
    assert office.records.sent[-1]["work_notes"].split("\n")[1:] == [
        "It is back after 1 minute.",
        "It began 2 times in the last 30 days, this one included.",
    ]


def test_words_of_a_policy_are_left_alone(office: Office) -> None:
    """Whoever chooses close notes means them."""
    policy = Policy(close_notes="By itself.")
    office.apply(f"F{NOW - 800} ", policy)
    office.apply(f"R{NOW - 80}", policy)
    assert office.records.sent[-1]["close_notes"] == "By itself."


def test_a_new_record_names_the_one_before(office: Office) -> None:
    """Where a problem that is back gets another."""
    policy = Policy(on_return=OnReturn.REPLACE)
    for text in (f"F{NOW - 90}", f"R{NOW - 60}", f"F{NOW - 30}"):
        office.apply(text, policy)
    assert office.records.sent[-1]["work_notes"] == (
        "It began 2 times in the last 30 days, this one included.\nRecords before this one: INC0000001."
    )


FLAPS = [word for second in range(0, 80, 10) for word in (f"F{NOW - 100 + second}", f"R{NOW - 95 + second}")]


@pytest.mark.parametrize("on_return", list(OnReturn))
def test_a_problem_that_flaps_says_so_once(office: Office, on_return: OnReturn) -> None:
    """In the short description of its record, with the beginning that is one too many; a new record says it anew."""
    policy = Policy(flapping=3, on_return=on_return)
    for word in FLAPS:
        office.apply(word, policy)
    titles = [sent["short_description"] for sent in office.records.sent if "short_description" in sent]
    flapping = [title for title in titles if title.endswith(" (flapping)")]
    assert flapping[0] == f"opened by F{NOW - 70} (flapping)"
    assert len(flapping) == (1 if on_return is OnReturn.REOPEN else 5)
    notes = [sent.get("work_notes", "") for sent in office.records.sent]
    assert sum("It began 4 times within 24 hours: it flaps." in note for note in notes) == 1
    assert office.item().past.flaps


def test_without_a_word_nothing_is_said_to_flap(office: Office) -> None:
    """As before."""
    for word in FLAPS:
        office.apply(word)
    assert not any("(flapping)" in sent.get("short_description", "") for sent in office.records.sent)


def test_a_write_that_was_not_done_has_not_said_it(office: Office) -> None:
    """The next one does."""
    policy = Policy(flapping=1)
    office.apply(f"F{NOW - 90}", policy)
    office.apply(f"R{NOW - 60}", policy)
    claimed = replace(office.item(), past=replace(office.item().past, flaps=order(f"F{NOW - 30}")))
    pending = replace(claimed, pending=Pending(Operation.REOPEN, orders(f"F{NOW - 30}"), 0, "me"))
    assert pending.reverted().past.flaps == 0
    assert claimed.reverted().past.flaps == order(f"F{NOW - 30}")


NOTES = Policy(on_repeat=OnRepeat.NOTE, settle=300)


def settling(office: Office, policy: Policy) -> None:
    """Let a problem come back twice before its recovery has settled."""
    office.apply(f"F{NOW - 100}", policy)
    for second in (90, 70):
        office.refused(f"R{NOW - second}", policy)
        office.refused(f"R{NOW - second}", policy)
        office.apply(f"F{NOW - second + 10}", policy)


def test_a_return_before_the_recovery_has_settled_is_told_once_at_the_end(office: Office) -> None:
    """One note on how often it went to and fro, instead of a note each; a repeat is still noted."""
    settling(office, NOTES)
    assert len(office.records.sent) == 1
    office.apply(f"F{NOW - 50}", NOTES)
    assert office.records.sent[-1]["work_notes"] == f"note of F{NOW - 50}"
    office.refused(f"R{NOW - 40}", NOTES)
    office.clock.advance(300)
    office.apply(f"R{NOW - 40}", NOTES)
    assert office.records.sent[-1]["close_notes"] == (
        f"note of R{NOW - 40}\nIt lasted 1 minute, and came back 2 times in that time."
    )
    assert office.reports.counts["RecordsOpened"] == office.reports.counts["RecordsResolved"] == 1


def test_what_flaps_within_its_settling_says_so_too(office: Office) -> None:
    """Though nothing else is written."""
    settling(office, Policy(settle=300, flapping=2))
    assert [sent.get("short_description") for sent in office.records.sent] == [
        f"opened by F{NOW - 100}",
        f"opened by F{NOW - 60} (flapping)",
    ]


def test_what_waits_is_written_down_once(office: Office) -> None:
    """However often its message comes back."""
    office.apply(f"F{NOW - 100}", NOTES)
    office.refused(f"R{NOW - 90}", NOTES)
    version = office.item().version
    office.refused(f"R{NOW - 90}", NOTES)
    office.refused(f"R{NOW - 85}", NOTES)
    assert office.item().version == version


def test_a_recovery_that_waits_goes_on_waiting_where_another_worker_is_faster(
    office: Office, monkeypatch: pytest.MonkeyPatch
) -> None:
    """What it could not write down it says again at its hour."""
    office.apply(f"F{NOW - 100}", NOTES)
    monkeypatch.setattr(office.ledger, "write", lambda _item: None)
    assert isinstance(office.refused(f"R{NOW - 90}", NOTES), NotDueError)
    monkeypatch.undo()
    office.clock.advance(300)
    office.apply(f"R{NOW - 90}", NOTES)
    assert office.states() == ["6"]


def test_what_is_held_leaves_nothing_in_the_ledger(office: Office) -> None:
    """A problem that heals writes nothing at all."""
    office.refused(f"F{NOW - 10}", Policy(hold=120))
    assert office.item().version == 0


def test_a_group_that_flaps_keeps_its_count(office: Office) -> None:
    """Both fit into the short description."""
    policy = Policy(on_repeat=OnRepeat.NOTE, flapping=1)
    for text in ("aF1", "aR2", "aF3", "bF4"):
        office.apply(text.replace(text[2:], str(NOW - 100 + int(text[2:]))), policy)
    titles = [sent["short_description"] for sent in office.records.sent if "short_description" in sent]
    assert [title.partition(" (")[2] for title in titles] == [
        "1 firing)",
        "1 firing) (flapping)",
        "2 firing) (flapping)",
    ]


def test_a_recovery_that_left_the_record_open_comes_back_with_its_past(office: Office) -> None:
    """By a note."""
    policy = Policy(on_recovery=OnRecovery.NOTE)
    for text in (f"F{NOW - 90}", f"R{NOW - 60}", f"F{NOW - 30}"):
        office.apply(text, policy)
    assert [sent.get("work_notes", "").split("\n")[1:] for sent in office.records.sent] == [
        [],
        ["It lasted 30 seconds."],
        ["It is back after 30 seconds.", "It began 2 times in the last 30 days, this one included."],
    ]
    assert office.item().dedup_key == KEY
