"""What counts as a change, what it says, and how far back to look."""

from copy import replace

import pytest

from common.errors import ConfigurationError, TransientError
from common.servicenow.records import Record
from common.watch.decide import By, Known, change_of, checked, event_id, known_of, minutes_back
from tests.support.clock import EPOCH
from tests.support.watch import BRIDGE, PREFIX, row

KNOWN = known_of(row(updates=3, at=EPOCH, priority="2"))


@pytest.mark.parametrize(("elapsed", "minutes"), [(0, 3), (1, 4), (59, 4), (60, 4), (61, 5), (86_400, 1443), (-300, 3)])
def test_it_looks_back_over_all_that_passed_an_overlap_and_one_minute_more(elapsed: float, minutes: int) -> None:
    """What is read later in a run is read by a later "minutes ago"."""
    assert minutes_back(elapsed) == minutes
    assert minutes * 60 >= max(elapsed, 0) + 120 + 60


def test_no_later_look_sees_what_the_first_one_did_not() -> None:
    """Or it would tell of what changed before the watch began. Either look may end a minute later than it began."""
    first = minutes_back(0, is_first=True) * 60 - 60
    assert max(minutes_back(elapsed) * 60 - elapsed for elapsed in range(7200)) <= first


@pytest.mark.parametrize(
    ("updates", "seconds", "is_new"),
    [
        (3, 0, False),
        (4, 0, True),  # within the same second
        (4, -5, True),  # by a node whose clock is behind
        (4, 90, True),
        (2, -1, False),  # what a copy that lags behind shows
        (2, 0, False),
        (2, 60, True),  # restored, and changed since
        (3, 60, True),
    ],
)
def test_the_count_of_updates_says_what_is_new(updates: int, seconds: int, *, is_new: bool) -> None:
    """Time alone does not: it has a grain of one second, and several sources."""
    assert (change_of(row(updates=updates, at=EPOCH + seconds), KNOWN) is not None) is is_new


def test_old_and_new_of_what_changed_are_told_with_names() -> None:
    """References are told by sys_id and by name; a field that is as it was is left out."""
    taken = row(updates=4, at=EPOCH, state="2", priority="2", assigned_to="a" * 32)
    found = change_of(
        replace(taken, fields={**taken.fields, "assigned_to.user_name": "abel.tuter"}),
        KNOWN,
    )

    assert found is not None
    assert found.changes == {
        "state": {"old": "1", "new": "2"},
        "assigned_to": {"old": "", "new": "a" * 32, "old_name": "", "new_name": "abel.tuter"},
    }


def test_of_a_record_that_nobody_knew_the_old_values_are_unknown() -> None:
    """Not empty: nobody can tell."""
    found = change_of(row(updates=0, at=EPOCH), None)

    assert found is not None
    assert found.changes == {"state": {"old": None, "new": "1"}, "active": {"old": None, "new": "true"}}


def test_a_change_of_other_fields_is_one_too() -> None:
    """A comment, for example: nothing to show for it, but somebody did something."""
    found = change_of(row(updates=4, at=EPOCH, priority="2", by="abel.tuter"), KNOWN)

    assert found is not None
    assert found.changes == {}


@pytest.mark.parametrize(
    ("updates", "by", "known", "who"),
    [
        (4, BRIDGE, KNOWN, By.BRIDGE),
        (4, "abel.tuter", KNOWN, By.PERSON),
        (5, BRIDGE, KNOWN, By.SEVERAL),  # the one before may have been a person's
        (5, "abel.tuter", KNOWN, By.PERSON),
        (0, BRIDGE, None, By.BRIDGE),
        (7, BRIDGE, None, By.SEVERAL),
    ],
)
def test_who_did_it_is_known_of_the_last_update_only(updates: int, by: str, known: Known | None, who: By) -> None:
    """Only what surely is the bridge's own counts as that."""
    found = change_of(row(updates=updates, at=EPOCH, by=by), known)

    assert found is not None
    assert found.by is who


def test_one_change_has_one_id_and_another_has_another() -> None:
    """Whoever gets it twice can tell."""
    changes = [change_of(row(number, updates=updates, at=EPOCH), None) for number, updates in ((1, 1), (1, 2), (2, 1))]
    ids = {event_id("test", "incident", change) for change in changes if change}

    assert len(ids) == 3
    assert ids == {event_id("test", "incident", change) for change in changes if change}
    assert not ids & {event_id("other", "incident", change) for change in changes if change}


@pytest.mark.parametrize(
    ("rows", "error", "code"),
    [
        ([row(at=EPOCH, sys_updated_on="")], ConfigurationError, "times_hidden"),
        ([row(at=EPOCH, sys_mod_count="")], ConfigurationError, "times_hidden"),
        ([row(at=EPOCH, sys_mod_count="x")], ConfigurationError, "times_hidden"),
        ([row(at=EPOCH, sys_created_by="")], ConfigurationError, "times_hidden"),
        ([row(at=EPOCH, sys_updated_by="")], ConfigurationError, "times_hidden"),
        ([row(at=EPOCH, correlation_id="another")], ConfigurationError, "condition_dropped"),
        ([row(at=EPOCH - 2 * 86_400)], ConfigurationError, "condition_dropped"),
        ([row(3, at=EPOCH), row(2, at=EPOCH)], TransientError, "order_dropped"),
        ([row(1, at=EPOCH)], TransientError, "order_dropped"),
    ],
)
def test_rows_that_nobody_asked_for_are_an_error(rows: list[Record], error: type[Exception], code: str) -> None:
    """ServiceNow drops what it does not understand, and answers 200 with the whole table."""
    with pytest.raises(error) as raised:
        checked(rows, prefix=PREFIX, after=f"{1:032x}", since=EPOCH)

    assert getattr(raised.value, "code", "") == code


def test_rows_that_were_asked_for_pass() -> None:
    """An instance of any time zone is no reason to doubt them."""
    rows = [row(2, at=EPOCH - 50_000), row(3, at=EPOCH + 50_000)]

    assert checked(rows, prefix=PREFIX, after=f"{1:032x}", since=EPOCH) == rows


@pytest.mark.parametrize(
    ("by", "updates", "whose"),
    [("devops.agent", 4, By.INTEGRATION), ("devops.agent", 5, By.SEVERAL), ("abel.tuter", 4, By.PERSON)],
)
def test_other_integrations_do_not_count_as_people(by: str, updates: int, whose: By) -> None:
    """Those that a parameter lists; where one made the last of several updates, another may be a person's."""
    found = change_of(row(updates=updates, at=EPOCH, by=by, priority="2"), KNOWN, {"devops.agent"})

    assert found is not None
    assert found.by is whose
