"""Maintenance windows that callers of the API open: one item of the ledger's table, read by all environments.

An item a deployment holds all of them, so that one read shows what is quiet now. A window that is over is kept for as
long as what it held may still wait: by it a record can say that its problem began inside.
"""

import json
from collections.abc import Callable, Iterable, Sequence
from copy import replace
from dataclasses import asdict, dataclass

from common.clock import Clock
from common.errors import BridgeError, ConfigurationError, TransientError
from common.incidents.expressions import Expression
from common.incidents.ledger import Ledger, LostRaceError
from common.incidents.schedule import Dates
from common.incidents.windows import FRESH_SECONDS, LONGEST_WINDOW, Quiet, Window
from common.telemetry import Telemetry

WINDOWS_KEY = "windows/"
"""What the key of the item begins with; a problem's key is a hash without a slash."""

MOST_OPEN = 100
"""Windows that one deployment may have open at once."""

MOST_OF_ONE = 20
"""Windows that one caller may have open at once, so that nobody takes all of them."""

_MOST_KEPT = 300
_LARGEST = 300_000  # bytes of all: an item of DynamoDB holds 409,600
_MOST_TRIES = 5


@dataclass(frozen=True, slots=True, kw_only=True)
class CallersWindow:
    """One window as its caller asked for it. `begin` and `end` are in milliseconds since the epoch.

    `account` is that of the events that it concerns, empty for all. `caller` may change it, and others may not.
    """

    name: str
    caller: str
    begin: int
    end: int
    quiet: str
    rules: Sequence[str]
    match: str
    account: str

    def window(self) -> Window:
        """Return it in the terms of `windows.py`. Raises ValueError where its match is no expression."""
        return Window(
            name=self.name,
            place="opened by a caller of the API",
            schedule=Dates(self.begin, self.end),
            quiet=Quiet(self.quiet),
            patterns=tuple(self.rules) or ("*",),
            condition=Expression.parse(self.match) if self.match else None,
            account=self.account,
        )


class TooManyWindowsError(Exception):
    """So many are open that one more would not be looked through; its text says how many of what."""


def opened(windows: Iterable[CallersWindow], window: CallersWindow, now: int) -> tuple[CallersWindow, ...]:
    """Return the windows at `now` with one more, which is the last. Raises TooManyWindowsError.

    One of the same name that is still open ends now, or goes on where it is for the same.
    """
    windows = tuple(windows)
    open_now = next((each for each in windows if each.name == window.name and each.end > now), None)
    if open_now is not None and replace(open_now, begin=window.begin, end=window.end) == window:
        window = replace(window, begin=open_now.begin)
        windows = tuple(each for each in windows if each is not open_now)
    kept = ended(windows, window.name, now, now)
    still = [each for each in kept if each.end > now]
    if sum(each.caller == window.caller for each in still) >= MOST_OF_ONE:
        raise TooManyWindowsError(f"{MOST_OF_ONE} windows of this caller")
    if len(still) >= MOST_OPEN or len(_text((*still, window))) > _LARGEST:
        raise TooManyWindowsError(f"{len(still)} windows")
    return (*_newest_over(kept, _LARGEST - len(_text((*still, window))), now), *still, window)


def _newest_over(windows: Sequence[CallersWindow], room: int, now: int) -> Sequence[CallersWindow]:
    """Return those that are over, the ones that are remembered last, as many as fit into `room` bytes."""
    over = [each for each in windows if each.end <= now][-_MOST_KEPT:]
    while over and len(_text(over)) > room:
        del over[: len(over) // 2 + 1]
    return over


def ended(windows: Iterable[CallersWindow], name: str, at: int, now: int) -> tuple[CallersWindow, ...]:
    """Return the windows without what is long over, and with the end of the one of that name at `at`, if it is open."""
    kept = []
    for each in windows:
        end = min(each.end, at) if each.name == name else each.end
        if end > max(each.begin, now - LONGEST_WINDOW):
            kept.append(replace(each, end=end))
    return tuple(kept)


def _text(windows: Iterable[CallersWindow]) -> str:
    return json.dumps([asdict(each) for each in windows])


class OpenWindows:
    """Reads and changes the item."""

    def __init__(self, ledger: Ledger, *, deployment: str, clock: Clock, telemetry: Telemetry) -> None:
        """Use the ledger's table."""
        self._ledger = ledger
        self._key = f"{WINDOWS_KEY}{deployment}"
        self._clock = clock
        self._telemetry = telemetry
        self._read_at: float | None = None
        self._seen: tuple[Window, ...] = ()

    def seen(self) -> tuple[Window, ...]:
        """Return the windows as they were at most 15 seconds ago. Raises nothing.

        Where the table does not answer, what was read last counts on: who has nothing yet opens what comes.
        """
        now = self._clock.monotonic()
        if self._read_at is None or now - self._read_at >= FRESH_SECONDS:
            self._read_at = now
            try:
                self._seen = tuple(each.window() for each in self.stored()[0])
            except (BridgeError, ValueError) as error:
                self._telemetry.count("WindowsUnread")
                self._telemetry.log.warning("The windows that callers opened can't be read.", reason=str(error))
        return self._seen

    def stored(self) -> tuple[tuple[CallersWindow, ...], int]:
        """Return what is stored, and its version. Raises as `Ledger.call`; ConfigurationError where it is no list."""
        item = self._ledger.stored(self._key)
        if not item:
            return (), 0
        try:
            found = tuple(
                CallersWindow(**{**each, "rules": tuple(each["rules"])}) for each in json.loads(item["windows"]["S"])
            )
            return found, int(item["version"]["N"])
        except (KeyError, TypeError, ValueError):
            raise ConfigurationError(
                "The item of the windows in the ledger's table can't be understood.",
                action=f"Delete the item {self._key} of the ledger's table, and open the windows again.",
            ) from None

    def change(self, change: Callable[[tuple[CallersWindow, ...]], Sequence[CallersWindow]]) -> Sequence[CallersWindow]:
        """Store and return what `change` makes of the windows. Raises what it raises, and as `Ledger.call`."""
        for _ in range(_MOST_TRIES):
            windows, version = self.stored()
            changed = change(windows)
            last = max((each.end for each in changed), default=0) + LONGEST_WINDOW
            attributes = {"windows": {"S": _text(changed)}, "expires_at": {"N": str(last // 1000)}}
            try:
                self._ledger.put(self._key, attributes, seen=version)
            except LostRaceError:
                continue
            return changed
        raise TransientError(
            "Others changed windows at the same time.", action="Send the request again.", retry_after=1.0
        )
