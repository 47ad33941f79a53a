"""A `[[window]]` of a rule file: reads it and finds what is wrong with it, alone and beside the others."""

import re
from collections.abc import Collection, Iterator, Mapping, Sequence
from datetime import UTC, datetime, time, tzinfo
from itertools import combinations
from typing import Any

from common.clock import DAY, seconds_in
from common.incidents.rules.names import ANY
from common.incidents.rules.rule import Rule
from common.incidents.rules.table import Mistake, RuleTable
from common.incidents.schedule import Dates, Schedule, Weekly, longest_run, meet
from common.incidents.windows import LONGEST_WINDOW, Quiet, Window, utc

LONGEST_QUIET = 31 * DAY
"""Milliseconds for which a window may drop or note what begins in it; for more there is an override."""

_DAYS = ("monday", "tuesday", "wednesday", "thursday", "friday", "saturday", "sunday")
_DAY_OF = {name: day for day, full in enumerate(_DAYS) for name in (full, full[:3])}

_TEXTS = ("name", "match", "quiet", "zone", "start", "end", "for")
_FIELDS = (*_TEXTS, "rules", "from", "until", "days")
_CLOCK = re.compile(r"([01][0-9]|2[0-3]):([0-5][0-9])")


def zone_of(name: str) -> tzinfo | None:
    """Return a time zone of the IANA database; None where there is none of that name."""
    from zoneinfo import ZoneInfo, ZoneInfoNotFoundError  # noqa: PLC0415 (most deployments have no window)

    try:
        return ZoneInfo(name)
    except (ZoneInfoNotFoundError, ValueError, OSError):
        return None


def read_window(place: str, content: Mapping[str, Any], tables: Collection[str]) -> tuple[Window | None, list[Mistake]]:
    """Return the window that `content` describes, or None and what is wrong with it."""
    table = _WindowTable(place, content, tables)
    table.check_names(_FIELDS, _TEXTS)
    if not content.get("name"):
        table.wrong("name", "is missing: records and logs say it")
    if table.mistakes:
        return None, table.mistakes
    schedule = table.schedule()
    window = Window(
        name=content["name"],
        place=place,
        schedule=schedule or Dates(0, 0),
        quiet=table.quiet(),
        patterns=table.names("rules") or (ANY,),
        condition=table.expression_without_tags("match"),
    )
    if schedule is not None:
        table.check_length(schedule, window.quiet)
    return (None if table.mistakes else window), table.mistakes


class _WindowTable(RuleTable):
    """A `[[window]]`."""

    def quiet(self) -> Quiet:
        value = self.content.get("quiet", Quiet.HOLD)
        if value in list(Quiet):
            return Quiet(value)
        self.wrong("quiet", f"is none of {', '.join(Quiet)}")
        return Quiet.HOLD

    def schedule(self) -> Schedule | None:
        dated = bool({"from", "until"} & self.content.keys())
        if dated == bool({"days", "start", "end", "for"} & self.content.keys()):
            self.wrong("from" if dated else "days", "is one of two ways: either from and until, or days and start")
            return None
        return self._dates() if dated else self._weekly()

    def _zone(self, why: str) -> tzinfo | None:
        if "zone" not in self.content:
            self.wrong("zone", f"is missing: {why}, such as Europe/Berlin")
            return None
        zone = zone_of(self.content["zone"])
        if zone is None:
            self.wrong("zone", f"is {self.content['zone']!r}, which is no time zone: use a name such as Europe/Berlin")
        return zone

    def _dates(self) -> Dates | None:
        for name, why in (("from", "say when it begins"), ("until", "without an end it would be quiet for ever")):
            if name not in self.content:
                self.wrong(name, f"is missing: {why}")
        moments = {name: self._moment(name) for name in ("from", "until") if name in self.content}
        if self.mistakes:
            return None
        begin, end = (round(moments[name].timestamp() * 1000) for name in ("from", "until"))
        if end <= begin:
            self.wrong("until", "is not after from")
            return None
        return Dates(begin, end)

    def _moment(self, name: str) -> datetime:
        value = self.content[name]
        try:
            moment = datetime.fromisoformat(value) if isinstance(value, str) else value
        except ValueError:
            moment = None
        if not isinstance(moment, datetime) or (isinstance(value, str) and len(value) < len("2026-01-31T22:00")):
            self.wrong(name, "is no date with a time, such as 2026-01-31T22:00:00")
        elif moment.tzinfo is not None:
            return moment
        elif (zone := self._zone(f"{name} has no offset, so say in which zone it is meant")) is not None:
            return moment.replace(tzinfo=zone)
        return datetime.fromtimestamp(0, UTC)

    def _weekly(self) -> Weekly | None:
        names = [name.lower() for name in self.names("days")]
        if not names:
            self.wrong("days", f"is missing: name some of {', '.join(_DAYS)}")
        elif unknown := [name for name in names if name not in _DAY_OF]:
            self.wrong("days", f"has {unknown[0]!r}, which is none of {', '.join(_DAYS)}")
        start = self._clock("start")
        if ("end" in self.content) == ("for" in self.content):
            self.wrong("end", 'or for is needed, and not both: end = "04:00" or for = "6h"')
        end = self._clock("end") if "end" in self.content else None
        seconds = seconds_in(self.content.get("for", "1m"))
        if not seconds:
            self.wrong("for", 'is no time such as "90m" or "6h"')
        zone = self._zone("say in which zone the clock stands")
        if self.mistakes or start is None or zone is None or not seconds:
            return None
        return Weekly(frozenset(_DAY_OF[name] for name in names), start, zone, end, seconds)

    def _clock(self, name: str) -> time | None:
        found = _CLOCK.fullmatch(self.content.get(name, ""))
        if found is None:
            self.wrong(name, 'is no time of day such as "22:00"')
            return None
        return time(int(found[1]), int(found[2]))

    def check_length(self, schedule: Schedule, quiet: Quiet) -> None:
        length, longest = longest_run(schedule), LONGEST_WINDOW if quiet is Quiet.HOLD else LONGEST_QUIET
        field = "until" if isinstance(schedule, Dates) else "days"
        if isinstance(schedule, Weekly) and length >= 7 * DAY:
            self.wrong(field, "leaves no gap: the window would never end; use an override for what is always so")
        elif length > longest:
            why = "the queue can't keep what waits for longer" if quiet is Quiet.HOLD else "use an override for that"
            self.wrong(field, f"makes it quiet for more than {longest // DAY} days without a break: {why}")


def check_windows(windows: Sequence[Window], rules: Collection[Rule]) -> Iterator[Mistake]:
    """Yield what is wrong with windows in the light of the rules, and of each other."""
    concerned = [frozenset(rule.name for rule in rules if window.matches(rule.name)) for window in windows]
    for window, names in zip(windows, concerned, strict=True):
        if not names:
            known = ", ".join(sorted(rule.name for rule in rules))
            yield Mistake(window.place, "rules", f"names no rule that there is: {known}")
    for (one, mine), (other, theirs) in combinations(zip(windows, concerned, strict=True), 2):
        if one.name == other.name:
            yield Mistake(other.place, "name", f"is taken: {one.place} has the same name")
        elif mine & theirs and _asks(one) == _asks(other) and (both := meet(one.schedule, other.schedule)) is not None:
            field = "days" if isinstance(other.schedule, Weekly) else "from"
            yield Mistake(
                other.place,
                field,
                f"overlaps {one.place} at {utc(both)}, for the same events: make one window of both, or tell them "
                "apart by match or rules",
            )


def _asks(window: Window) -> str:
    return "" if window.condition is None else window.condition.source
