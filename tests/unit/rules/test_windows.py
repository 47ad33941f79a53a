"""Maintenance windows in rule files: how they are written, what is wrong with them, what events get of them."""

import json
import tomllib
from datetime import datetime
from pathlib import Path
from typing import Any

import pytest

from common.context.door import Context
from common.errors import ConfigurationError
from common.incidents.alert import Alert, Status
from common.incidents.judging import Judge
from common.incidents.rules import load_rules
from common.incidents.rules.checked import CHECKED
from common.incidents.windows import Quiet
from tests.support.own_rules import EVENT, TAPE, detail, load
from tests.support.reports import Reports

NIGHT = """
[[window]]
name = "night"
days = ["mon", "Tuesday"]
start = "08:00"
end = "11:00"
zone = "Europe/Berlin"
"""
DATES = """
[[window]]
name = "move"
from = 2026-11-23T08:00:00+01:00
until = 2026-11-23T11:00:00+01:00
"""
EVENING = '[[window]]\nname = "x"\ndays = "friday"\nstart = "22:00"\nzone = "UTC"\n'


def at(text: str) -> int:
    """Return an ISO 8601 time in milliseconds since the epoch."""
    return round(datetime.fromisoformat(text).timestamp() * 1000)


def judged(directory: Path, *own: str, event: dict[str, Any] | None = None) -> tuple[Alert | None, Reports]:
    """Return what becomes of the event, of 09:15:31 UTC on a Monday, and what is told of it."""
    reports = Reports()
    rules = load(directory, *own)
    judge = Judge(Context(rules).judged, telemetry=reports.telemetry, windows=lambda: rules.windows)
    return judge.alert(EVENT if event is None else event), reports


@pytest.mark.parametrize(
    "own",
    [
        NIGHT,
        DATES,
        DATES.replace("+01:00", "") + 'zone = "Europe/Berlin"\n',
        DATES.replace("2026-11-23T08:00:00+01:00", '"2026-11-23T08:00+01:00"'),
        NIGHT.replace('end = "11:00"', 'for = "180m"'),
        NIGHT.replace('end = "11:00"', 'for = "10800s"'),
        NIGHT + "rules = [\"disk-*\"]\nmatch = \"severity == 'low' && detail.disk == 'a' && rule == 'disk-full'\"\n",
    ],
)
def test_a_problem_that_begins_inside_is_held_until_the_end(tmp_path: Path, own: str) -> None:
    """Whichever way the window is written."""
    alert, _ = judged(tmp_path, own)
    assert alert is not None
    assert alert.quiet_until == at("2026-11-23T10:00:00Z")
    assert alert.quiet_note == f"Began inside the maintenance window {alert.quiet_by} (until 2026-11-23 10:00 UTC)."


@pytest.mark.parametrize(
    ("own", "event"),
    [
        (NIGHT, EVENT | {"time": "2026-11-23T10:00:00Z"}),
        (NIGHT, EVENT | {"time": "2026-11-25T09:15:31Z"}),
        (NIGHT + 'rules = "tape-*"\n', EVENT),
        (NIGHT + "match = \"account == '1'\"\n", EVENT),
        (NIGHT, detail(state="fine")),
    ],
)
def test_nothing_else_is_held(tmp_path: Path, own: str, event: dict[str, Any]) -> None:
    """Neither outside of it, nor of other rules, nor a recovery."""
    alert, _ = judged(tmp_path, own, event=event)
    assert alert is not None
    assert (alert.quiet_until, alert.quiet_by) == (0, "")


def test_a_window_that_drops_says_so_under_the_problems_key(tmp_path: Path) -> None:
    """So that whoever asks why nobody was woken finds it. A recovery is not dropped."""
    kept, _ = judged(tmp_path, event=EVENT)
    alert, reports = judged(tmp_path, NIGHT + 'quiet = "drop"\n')
    assert alert is None
    assert reports.counts == {"EventsQuietDropped": 1}
    assert kept is not None
    [line] = reports.lines
    assert (line["not_opened"], line["because_of"], line["dedup_key"]) == ("window", "night", kept.key)
    recovery, _ = judged(tmp_path, NIGHT + 'quiet = "drop"\n', event=detail(state="fine"))
    assert recovery is not None
    assert recovery.status is Status.RESOLVED


def test_a_window_that_notes_opens_at_once(tmp_path: Path) -> None:
    """With a low severity."""
    alert, reports = judged(tmp_path, NIGHT + 'quiet = "note"\n', event=detail(rank="critical"))
    assert alert is not None
    assert (alert.fields["impact"], alert.fields["urgency"], alert.quiet_until) == ("2", "3", 0)
    assert reports.counts == {"EventsQuietNoted": 1}


def test_what_an_override_drops_is_told_as_well(tmp_path: Path) -> None:
    """Only where it fires."""
    override = '[[override]]\nname = "sandbox"\ndrop = true\n'
    _, reports = judged(tmp_path, override)
    [line] = reports.lines
    assert (line["not_opened"], line["because_of"]) == ("override", "sandbox")
    assert judged(tmp_path, override, event=detail(state="odd"))[1].lines == []


def test_an_event_of_which_several_windows_speak(tmp_path: Path) -> None:
    """The later one counts, own files after each other by name."""
    drop = NIGHT.replace("night", "drop").replace("11:00", "10:30") + "quiet = 'drop'\nrules = 'disk-*'\n"
    only_a = DATES + "match = \"detail.disk == 'a'\"\n"
    assert judged(tmp_path, drop, only_a)[0] is not None
    assert judged(tmp_path, only_a, drop)[0] is None


def mistakes(directory: Path, *own: str) -> str:
    """Return what is wrong with files of one's own."""
    with pytest.raises(ConfigurationError) as caught:
        load(directory, *own)
    return caught.value.message


@pytest.mark.parametrize(
    ("own", "mistake"),
    [
        ("\n# a comment\n[[window]]\n", "own/0.toml:3, window 1: name is missing"),
        (
            f"{NIGHT}[[ window ]]\nname = 'b'\n",
            "own/0.toml:8, window b: days is one of two ways: either from and until",
        ),
        (NIGHT + "colour = 1\n", "own/0.toml:2, window night: colour is not known; the fields are"),
        (NIGHT + 'quiet = "loud"\n', "quiet is none of drop, hold, note."),
        (NIGHT + "match = 'a b'\n", "match is wrong: 'a b' is no JMESPath expression"),
        (NIGHT + "rules = 'nope'\n", "rules names no rule that there is: disk-full, tape-torn."),
        (NIGHT.replace("Europe/Berlin", "Europe/Berln"), "zone is 'Europe/Berln', which is no time zone"),
        (NIGHT.replace("Europe/Berlin", "../etc/passwd"), "zone is '../etc/passwd', which is no time zone"),
        (NIGHT.replace('zone = "Europe/Berlin"\n', ""), "zone is missing: say in which zone the clock stands"),
        (NIGHT.replace("Tuesday", "Tuseday"), "days has 'tuseday', which is none of monday, tuesday"),
        (NIGHT.replace('days = ["mon", "Tuesday"]\n', ""), "days is missing: name some of monday"),
        (NIGHT.replace("08:00", "8"), 'start is no time of day such as "22:00".'),
        (NIGHT.replace("11:00", "25:00"), 'end is no time of day such as "22:00".'),
        (NIGHT + "for = '1h'\n", "end or for is needed, and not both"),
        (NIGHT.replace('end = "11:00"\n', ""), "end or for is needed, and not both"),
        (NIGHT.replace('end = "11:00"', 'for = "soon"'), 'for is no time such as "90m" or "6h".'),
        (NIGHT + "from = 2026-11-23T08:00:00Z\n", "from is one of two ways"),
        (DATES.replace("until", "#"), "until is missing: without an end it would be quiet for ever."),
        (DATES.replace("from", "#"), "from is missing: say when it begins."),
        (DATES.replace("11:00:00+01:00", "11:00:00+12:00"), "until is not after from."),
        (DATES.replace("2026-11-23T11:00:00+01:00", "2026-11-23"), "until is no date with a time, such as"),
        (DATES.replace("2026-11-23T11:00:00+01:00", "'2026-11-23'"), "until is no date with a time, such as"),
        (DATES.replace("2026-11-23T11:00:00+01:00", "'soon'"), "until is no date with a time, such as"),
        (DATES.replace("+01:00", ""), "zone is missing: from has no offset, so say in which zone it is meant"),
        (
            DATES.replace("until = 2026-11-23", "until = 2026-11-28"),
            "until makes it quiet for more than 4 days without a break: the queue can't keep what waits for longer.",
        ),
        (
            DATES.replace("until = 2026", "until = 9999") + "quiet = 'drop'\n",
            "until makes it quiet for more than 31 days without a break: use an override for that.",
        ),
        (
            DATES.replace(
                "until = 2026-11-23T11:00:00+01:00", "until = 9999-12-31T23:59:59\nzone = 'America/New_York'"
            ),
            "until makes it quiet for more than 4 days without a break",
        ),
        (EVENING + 'for = "97h"\n', "days makes it quiet for more than 4 days without a break"),
        (
            EVENING.replace('"friday"', '["mon","tue","wed","thu","fri","sat","sun"]') + "for = '24h'\nquiet = 'drop'",
            "days leaves no gap: the window would never end; use an override for what is always so.",
        ),
        (NIGHT + NIGHT, "own/0.toml:9, window night: name is taken: own/0.toml:2, window night has the same name."),
        (
            NIGHT + DATES,
            "own/0.toml:9, window move: from overlaps own/0.toml:2, window night at 2026-11-23 07:00 UTC, for the same",
        ),
        (
            DATES + NIGHT.replace("night", "n") + "rules = 'tape-*'\n",
            "own/0.toml:7, window n: days overlaps own/0.toml:2, window move at",
        ),
        ("window = 7\n", "own/0.toml: window is no list of tables; every window begins with [[window]]."),
        ("windows = 7\n", "windows is not known: begin with [[rule]], [[override]], [[window]] or [accounts]."),
    ],
)
def test_a_mistake_is_named(tmp_path: Path, own: str, mistake: str) -> None:
    """With file, line, window, field, and what is wrong with it."""
    assert mistake in mistakes(tmp_path, own)


@pytest.mark.parametrize(
    "own",
    [
        NIGHT + DATES + "rules = 'tape-*'\nmatch = 'account'\n",
        NIGHT + "rules = 'disk-*'\n" + DATES + "rules = 'tape-*'\n",
        NIGHT + DATES.replace("11-23", "11-24").replace("T08", "T12").replace("T11", "T13"),
        DATES.replace("until = 2026-11-23", "until = 2026-11-29") + "quiet = 'note'\n",
    ],
)
def test_what_is_no_mistake(tmp_path: Path, own: str) -> None:
    """Windows for other events, or at other times; and one that need not wait may last."""
    assert load(tmp_path, own).windows


@pytest.mark.parametrize("own", [NIGHT, DATES, DATES.replace("+01:00", "") + 'zone = "Europe/Berlin"\n'])
def test_windows_count_in_the_package_as_they_do_in_their_files(tmp_path: Path, own: str) -> None:
    """The build lays rules together as JSON, which has no dates."""
    rules = load(tmp_path, own)
    files = {"disks.toml": tmp_path / "disks.toml", "own/0.toml": tmp_path / "own/0.toml"}
    together = {name: tomllib.loads(path.read_text()) for name, path in files.items()}
    (tmp_path / CHECKED).write_text(json.dumps(together, default=str))
    assert [window.schedule for window in load_rules(tmp_path).windows] == [each.schedule for each in rules.windows]


def test_rules_without_windows_have_none(tmp_path: Path) -> None:
    """And every event is judged as before."""
    assert load(tmp_path).windows == ()
    assert judged(tmp_path, event=TAPE)[0] is not None
    assert Quiet.HOLD in Quiet
