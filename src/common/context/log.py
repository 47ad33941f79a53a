"""The newest lines of a log that say what went wrong, as a work note."""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any

from common.clock import Clock, Deadline
from common.context.additions import Note
from common.context.aws import Services
from common.context.executions import Executions
from common.context.log_groups import LogGroups, LogSource
from common.context.outside import Outside
from common.context.queries import lines_of
from common.context.request import Request
from common.errors import PermanentError, TransientError

MOST_LINES = 20
"""Of one log."""

LONGEST_LINE = 1_000
"""Characters of one line."""

BEFORE = 15 * 60_000
"""Milliseconds before the firing from which on lines count."""

AFTER = 5 * 60_000
"""Milliseconds after it until which they do."""

MOST_BYTES = 1_000_000_000
"""Bytes that a query may look at before it is stopped; CloudWatch charges for each gigabyte."""

_MOST_PAGES = 10
_MOST_OF_A_NOTE = 3_600
_LOOKS = 8
_LOOK_EVERY = 1.0


@dataclass(frozen=True, slots=True)
class Line:
    """A line of a log; `at` is in milliseconds since the epoch, None where that is not known."""

    at: int | None
    text: str


class Log:
    """Looks into the log of what an event is about."""

    def __init__(self, services: Services, outside: Outside, clock: Clock) -> None:
        """Mask what is found with `outside`."""
        self._services = services
        self._outside = outside
        self._clock = clock
        self._groups = LogGroups(services)
        self._executions = Executions(services)

    def __call__(self, request: Request, deadline: Deadline) -> Sequence[Note]:
        """Return one note for each log that has something to say. Raises what `Services.ask` raises.

        Where one of several logs can't be read, the others are told all the same.
        """
        notes = [Note(self._masked("\n".join(found), _MOST_OF_A_NOTE)) for found in self._executions.of(request)]
        if query := request.configuration.get("queryString"):
            return [*notes, *self._of_query(request, str(query), deadline)]
        trouble: Exception | None = None
        for source in self._groups.of(request):
            try:
                lines = self._newest(request, source)
            except (PermanentError, TransientError) as error:
                trouble = error
                continue
            notes += self._told(f"Log group {source.group}", lines)
        if trouble is not None and not notes:
            raise trouble
        return notes

    def _span(self, request: Request) -> tuple[int, int]:
        now = int(self._clock.now() * 1000)
        return request.began - BEFORE, max(request.began, min(now, request.began + AFTER))

    def _newest(self, request: Request, source: LogSource) -> list[Line]:
        """Return the newest lines that match. A page may be empty although there are more: so many are read at most."""
        start, end = self._span(request)
        asked: dict[str, Any] = {
            "logGroupName": source.group,
            "startTime": start,
            "endTime": end,
            "startFromHead": False,
            "limit": MOST_LINES,
            **({"filterPattern": source.pattern} if source.pattern else {}),
            **({"logStreamNamePrefix": source.stream_prefix} if source.stream_prefix else {}),
        }
        found: list[Line] = []
        for _ in range(_MOST_PAGES):
            answer = self._services.ask("logs", request.place, "filter_log_events", **asked)
            found += [Line(event.get("timestamp"), event.get("message", "")) for event in answer.get("events", [])]
            if len(found) >= MOST_LINES or not answer.get("nextToken"):
                break
            asked["nextToken"] = answer["nextToken"]
        return sorted(found, key=lambda line: line.at or 0)[-MOST_LINES:]

    def _of_query(self, request: Request, query: str, deadline: Deadline) -> Iterator[Note]:
        groups = request.configuration.get("logGroupIdentifiers")
        asked = lines_of(query, MOST_LINES)
        if asked is None or not isinstance(groups, list) or not groups:
            return
        start, end = self._span(request)
        started = self._services.ask(
            "logs",
            request.place,
            "start_query",
            logGroupIdentifiers=[str(group) for group in groups[:10]],
            startTime=start // 1000,
            endTime=end // 1000 + 1,
            queryString=asked,
            limit=MOST_LINES,
        )
        lines = list(self._results(request, started["queryId"], deadline))
        yield from self._told(f"Log groups {', '.join(map(str, groups[:10]))}", lines)

    def _results(self, request: Request, query_id: str, deadline: Deadline) -> Iterator[Line]:
        """Yield what a query found, the oldest first. One that takes too long, or too much, is stopped."""
        for _ in range(_LOOKS):
            self._clock.sleep(_LOOK_EVERY)
            answer = self._services.ask("logs", request.place, "get_query_results", queryId=query_id)
            status = answer.get("status")
            if status == "Complete":
                yield from reversed([_line(row) for row in answer.get("results", [])])
                return
            if status not in ("Scheduled", "Running"):
                raise PermanentError(f"The query of the log ended as {status}.", action="Nothing is to be done.")
            if answer.get("statistics", {}).get("bytesScanned", 0) > MOST_BYTES or deadline.remaining() <= _LOOK_EVERY:
                break
        self._services.ask("logs", request.place, "stop_query", queryId=query_id)
        raise PermanentError(
            "The query of the log took too long, or looked at more than a gigabyte, and was stopped.",
            action="Nothing is to be done; a query of fewer log groups would be faster.",
            code="query_stopped",
        )

    def _told(self, where: str, lines: Sequence[Line]) -> Iterator[Note]:
        """Yield a note of lines, the newest last; where they are too many for one, the oldest are left out."""
        if not lines:
            return
        head = self._masked(f"{where}, the newest lines around the alarm (UTC):", 300)
        told: list[str] = []
        room = _MOST_OF_A_NOTE - len(head)
        masked = self._outside.lines([line.text for line in lines], LONGEST_LINE)
        for line, shown in zip(reversed(lines), reversed(masked), strict=True):
            text = f"{_time(line.at)}{shown}"
            if len(text) + 1 > room:
                break
            room -= len(text) + 1
            told.append(text)
        yield Note("\n".join([head, *reversed(told)]))

    def _masked(self, text: str, longest: int) -> str:
        return self._outside.text(text, longest)


def _line(row: Sequence[Mapping[str, str]]) -> Line:
    values = {field.get("field", ""): field.get("value", "") for field in row}
    return Line(None, f"{values.get('@timestamp', '')} {values.get('@message', '')}".strip())


def _time(at: int | None) -> str:
    return "" if at is None else f"{datetime.fromtimestamp(at / 1000, UTC):%H:%M:%S} "
