"""`PUT /windows/{name}`: a pipeline that deploys says what is to be quiet meanwhile, and for whom it may say so."""

from collections.abc import Sequence
from copy import replace
from datetime import UTC, datetime
from typing import Any

from common.api.callers import as_caller, own_account
from common.api.problems import Kind, ProblemError, invalid
from common.api.wanted_window import Wanted
from common.incidents.open_windows import CallersWindow, OpenWindows, TooManyWindowsError, ended, opened
from common.incidents.plain_expressions import parse_plain

_SECOND = 1000
_OFF = "This deployment takes no windows."
_ON = "Ask its operators to set the parameter ApiWindows."


class Windows:
    """Opens, shows and ends windows of callers, where the deployment takes any."""

    def __init__(self, windows: OpenWindows, *, reach: str, hours: int, wide: frozenset[str]) -> None:
        """Let callers quiet events of their `account`, of `all` accounts, or none (`off`), for that many hours.

        The roles and users of `wide`, ARNs of IAM, may change the windows of others.
        """
        self._windows = windows
        self._reach = reach
        self._hours = hours
        self._wide = frozenset(map(as_caller, wide))

    def put(self, caller: str, account: str, name: str, wanted: Wanted, now: datetime) -> dict[str, Any]:
        """Open a window, or set an open one anew, and return it. Raises ProblemError. `account` is that of the API.

        One that goes on for the same counts from when it was opened, however often its end is moved, and stays its
        opener's whoever moves it.
        """
        self._check_on()
        if not wanted.match and not wanted.rules:
            raise invalid("Neither match nor rules say what is to be quiet.", "Name as little as will do.")
        if wanted.match:
            try:
                parse_plain(wanted.match)
            except ValueError as error:
                raise invalid(f"match is wrong: {error}") from None
        asked = CallersWindow(
            name=name,
            caller=caller,
            begin=_whole_second(now),
            end=_milliseconds(_end(wanted, now)),
            quiet=wanted.quiet,
            rules=tuple(wanted.rules),
            match=wanted.match,
            account="" if self._reach == "all" else own_account(caller, account),
        )

        def change(windows: Sequence[CallersWindow]) -> Sequence[CallersWindow]:
            before = _open(windows, name, now)
            self._check_owner(before, caller)
            window = asked
            if before is not None and before.caller != caller:
                window = replace(asked, caller=before.caller, account=before.account)
            try:
                changed = opened(windows, window, _milliseconds(now))
            except TooManyWindowsError as error:
                raise ProblemError(
                    Kind.CONFLICT, f"{error} are open already.", action="End those that are not needed any more."
                ) from None
            self._check_length(changed[-1])
            return changed

        return _shown(self._windows.change(change)[-1])

    def end(self, caller: str, name: str, now: datetime) -> dict[str, Any]:
        """End a window now and return it. Raises ProblemError where none is open."""
        self._check_on()
        at = _whole_second(now)
        found: list[CallersWindow] = []

        def change(windows: Sequence[CallersWindow]) -> Sequence[CallersWindow]:
            window = _one(windows, name, now)
            self._check_owner(window, caller)
            found.append(window)
            return ended(windows, name, at, at)

        self._windows.change(change)
        return _shown(found[-1]) | {"until": _text(at)}

    def read(self, name: str, now: datetime) -> dict[str, Any]:
        """Return an open window. Raises ProblemError where there is none."""
        self._check_on()
        return _shown(_one(self._windows.stored()[0], name, now))

    def all_open(self, now: datetime) -> list[dict[str, Any]]:
        """Return all that are open."""
        self._check_on()
        return [_shown(each) for each in self._windows.stored()[0] if each.end > _milliseconds(now)]

    def _check_on(self) -> None:
        if self._reach == "off":
            raise ProblemError(Kind.NOT_FOUND, _OFF, action=_ON)

    def _check_length(self, window: CallersWindow) -> None:
        # A second more, because it begins on a whole one.
        if window.end - window.begin >= self._hours * 3_600_000 + _SECOND:
            raise invalid(
                f"The window lasts longer than {self._hours} hours, counted from {_text(window.begin)}.",
                "Send an earlier end, or ask the operators about ApiWindowHours.",
            )

    def _check_owner(self, window: CallersWindow | None, caller: str) -> None:
        if window is not None and caller not in (window.caller, *self._wide):
            raise ProblemError(
                Kind.FORBIDDEN,
                "Another caller opened a window of this name.",
                action="Use another name, or ask the operators to add your role to the parameter ApiWideRoles.",
            )


def _end(wanted: Wanted, now: datetime) -> datetime:
    if (wanted.until is None) is not bool(wanted.lasts):
        raise invalid("Either for or until says when the window ends.")
    end = wanted.end(now)
    if end <= now:
        raise invalid("The window's end is not ahead.")
    return end


def _one(windows: Sequence[CallersWindow], name: str, now: datetime) -> CallersWindow:
    found = _open(windows, name, now)
    if found is None:
        raise ProblemError(Kind.NOT_FOUND, "No window of this name is open.")
    return found


def _open(windows: Sequence[CallersWindow], name: str, now: datetime) -> CallersWindow | None:
    at = _milliseconds(now)
    return next((each for each in reversed(windows) if each.name == name and each.end > at), None)


def _milliseconds(moment: datetime) -> int:
    return round(moment.timestamp() * 1000)


def _whole_second(moment: datetime) -> int:
    """Return it as events tell their time, so that what begins in this second is inside."""
    return _milliseconds(moment) // _SECOND * _SECOND


def _text(milliseconds: int) -> str:
    return datetime.fromtimestamp(milliseconds / 1000, UTC).strftime("%Y-%m-%dT%H:%M:%SZ")


def _shown(window: CallersWindow) -> dict[str, Any]:
    return {
        "name": window.name,
        "quiet": window.quiet,
        "match": window.match,
        "rules": list(window.rules),
        "account": window.account,
        "from": _text(window.begin),
        "until": _text(window.end),
        "opened_by": window.caller,
    }
