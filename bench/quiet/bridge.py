"""Plays a story through the real events function, against the simulated instance, on a clock that is moved on."""

import contextlib
import json
import os
import re
import tempfile
from datetime import UTC, datetime
from pathlib import Path
from typing import Any
from unittest.mock import patch

from bench.quiet.outcome import Told
from bench.quiet.traces import HOLD, SETTLE, Episode, Trace
from common.incidents.alert import Fold, Status
from common.incidents.item import Item
from common.incidents.storms import Storms
from common.incidents.work import Applied
from local.simulator import Simulator
from tests.support.clock import FakeClock
from tests.support.deployment import ACCOUNT
from tests.support.function import Account, account

_SECRET = "s3cr3t+~[#,value"  # noqa: S105 (made up)
_RULE = """
[[rule]]
name = "alarm"
source = "my.alarms"
detail_type = "Alarm"
key = ["detail.alarm"]
firing = "detail.state == 'broken'"
resolved = "detail.state == 'sound'"
fields = { short_description = "{{ detail.alarm }}" }
"""
_QUIET = f"""
[[override]]
name = "quiet"
hold = "{HOLD:.0f}s"
settle = "{SETTLE:.0f}s"
"""
_OVER = ("6", "7")
_ALARM = re.compile(r"\b(?:alarm|service|elsewhere)-\d+\b")


def as_it_is(trace: Trace) -> list[Told]:
    """Return what the bridge tells where no rule lets anything wait."""
    return _played(trace, _RULE)


def quiet(trace: Trace) -> list[Told]:
    """Return what it tells with `hold`, `settle`, and what the story's own rules say."""
    return _played(trace, _RULE + _QUIET + trace.rules)


def _played(trace: Trace, rules: str) -> list[Told]:
    clock = FakeClock()
    began = clock.now()
    with (
        tempfile.TemporaryDirectory() as folder,
        Path(os.devnull).open("w", encoding="ascii") as nowhere,
        contextlib.redirect_stdout(nowhere),
        Simulator(client_secret=_SECRET, seed=1, now=clock.now) as servicenow,
        patch("common.bridge.events.RULES", Path(folder)),
        account(clock, servicenow, _SECRET) as stack,
    ):
        Path(folder, "alarms.toml").write_text(rules, encoding="utf-8")
        joined = _play(trace, stack, clock)
        return sorted([*_told(servicenow, began), *joined], key=lambda each: each.at)


def _play(trace: Trace, stack: Account, clock: FakeClock) -> list[Told]:
    """Send each event at its moment, and return who joined a storm, which is only noted of some.

    Raises RuntimeError where an event is given up, which would flatter the bridge.
    """
    began = clock.now()
    joined: list[Told] = []
    tell = Storms.tell

    def noted(self: Storms, item: Item, gathering: Item, fold: Fold, *others: Any) -> Applied:  # noqa: ANN401 (the rest)
        applied = tell(self, item, gathering, fold, *others)
        alarm, none = frozenset(_ALARM.findall(fold.key)), frozenset[str]()
        shows, hides = (alarm, none) if fold.newest.status is Status.FIRING else (none, alarm)
        joined.append(Told(clock.now() - began, wakes=False, is_silent=True, shows=shows, hides=hides))
        return applied

    with patch.object(Storms, "tell", noted):
        function = stack.environment()
        for at, episode, fires in trace.changes():
            stack.poll_until(function, began + at, seconds_each=0.05)
            stack.put(json.dumps(_event(episode, began + at, fires=fires)))
        stack.poll_until(function)
    if len(stack.dead_letters) or stack.queue.expired:
        raise RuntimeError("the bridge gave an event up")
    return joined


def _event(episode: Episode, at: float, *, fires: bool) -> dict[str, Any]:
    moment = datetime.fromtimestamp(at, UTC).isoformat()
    return {
        "source": "my.alarms",
        "detail-type": "Alarm",
        "account": ACCOUNT,
        "region": episode.region,
        "time": moment,
        "id": f"{episode.alarm} {moment}",
        "detail": {"alarm": episode.alarm, "state": "broken" if fires else "sound"},
    }


def _told(servicenow: Simulator, began: float) -> list[Told]:
    """Read in ServiceNow's own log of calls what became of records, in the order of time."""
    made = iter(sorted(servicenow.records("incident"), key=lambda record: record["number"]))
    titles: dict[str, str] = {}
    open_records: set[str] = set()
    told: list[Told] = []
    for call in servicenow.calls:
        if not call.committed or call.table != "incident" or call.body is None:
            continue
        is_new = call.method == "POST"
        sys_id = next(made)["sys_id"] if is_new else call.path.rpartition("/")[2]
        title = titles.setdefault(sys_id, call.body.get("short_description", ""))
        was_open = sys_id in open_records
        if call.body.get("state", "1") in _OVER:
            open_records.discard(sys_id)
        elif is_new or "state" in call.body:
            open_records.add(sys_id)
        texts = (title, *(call.body.get(name, "") for name in ("description", "work_notes")))
        named = frozenset(_ALARM.findall(" ".join(texts)))
        is_open = sys_id in open_records
        told.append(
            Told(
                call.started - began,
                wakes=is_open and not was_open,
                shows=named if is_open else frozenset(),
                hides=frozenset() if is_open else named,
                is_storm=title.startswith("Storm"),
            )
        )
    return told
