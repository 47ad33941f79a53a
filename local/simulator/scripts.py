"""Values of a query that are computed when it runs: `javascript:gs.…` and `@minute@ago@5`."""

import re

from .context import Context
from .messages import not_simulated
from .query import RELATIVE
from .times import written

_AGO = re.compile(r"gs\.(minutes|hours|days)Ago(?:Start|End)?\((\d+)\)")
_SECONDS = {"minutes": 60, "hours": 3600, "days": 86400}
_GENERATED = re.compile(r"gs\.dateGenerate\('([^']+)',\s*'([^']+)'\)")
_DAY = re.compile(r"gs\.(beginning|end)Of(Today|Yesterday)\(\)")
_CLOCKS = {"beginning": "00:00:00", "start": "00:00:00", "end": "23:59:59"}
_RELATIVE = re.compile(r"@(minute|hour|day)@(ago|ahead)@(\d+)", re.IGNORECASE)


def evaluated(context: Context, script: str) -> str:
    """Return what a script or a relative time comes to. Raises ApiError 501 for one that is not known here."""
    if script.startswith(RELATIVE):
        return _moment(context.now, script.removeprefix(RELATIVE))
    text = script.removeprefix("javascript:").strip().rstrip(";")
    named = _named(context).get(text) or _computed(context.now, text)
    if named is None:
        raise not_simulated(f"The script {script} of a query")
    return named


def _named(context: Context) -> dict[str, str]:
    now = written(context.now)
    who = {"gs.getUserID()": context.actor_id, "gs.user_id()": context.actor_id, "gs.getUserName()": context.actor}
    return who | {"gs.nowDateTime()": now, "gs.now()": now[:10]}


def _computed(now: float, text: str) -> str | None:
    if day := _DAY.fullmatch(text):
        moved = 0 if day[2] == "Today" else -_SECONDS["days"]
        return f"{written(now + moved)[:10]} {_CLOCKS[day[1]]}"
    if ago := _AGO.fullmatch(text):
        return _written(now - int(ago[2]) * _SECONDS[ago[1]])
    if generated := _GENERATED.fullmatch(text):
        return f"{generated[1]} {_CLOCKS.get(generated[2], generated[2])}"
    return None


def _written(seconds: float) -> str:
    try:
        return written(seconds)
    except (OSError, OverflowError, ValueError) as error:
        raise not_simulated("A time of a query beyond the years 1 to 9999") from error


def _moment(now: float, operand: str) -> str:
    """Return the time that `@minute@ago@5` stands for."""
    found = _RELATIVE.fullmatch(operand)
    if found is None:
        raise not_simulated(f"The relative time {operand} of a query")
    seconds = int(found[3]) * _SECONDS[f"{found[1].lower()}s"]
    return _written(now - seconds if found[2].lower() == "ago" else now + seconds)
