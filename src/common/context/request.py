"""What is asked to be added to one record, and how that travels through the queue. Pure."""

import json
import re
from collections.abc import Collection, Mapping
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

from common.errors import PermanentError
from common.incidents.alert import Alert, Fold, FollowUp, Status, is_firing
from common.incidents.item import Item, Operation
from common.servicenow.event_management import EVENT_TABLE

if TYPE_CHECKING:
    from common.incidents.work import Applied

LONGEST_MESSAGE = 24_000
"""Bytes of one message: ten of them fit into one call of SQS."""

_OPENS = frozenset({Operation.OPEN, Operation.REOPEN})
_OF_THE_EVENT = ("id", "source", "detail-type", "account", "region", "time", "resources")
_MOST_RESOURCES = 10
_LONGEST_PART = 6_000
_LATEST = 253_402_300_799_999 - 86_400_000
"""The last day of the year 9999, in milliseconds since the epoch: no clock shows later times."""
_PROBLEM = re.compile(r"[0-9a-f]{32}")
_ACCOUNT = re.compile(r"[0-9]{12}")
_REGION = re.compile(r"[a-z]{2}(?:-[a-z]+)+-[0-9]{1,2}")


@dataclass(frozen=True, slots=True)
class Place:
    """Where something of AWS is."""

    account: str
    region: str


@dataclass(frozen=True, slots=True)
class Request:
    """What is to be added to the record `sys_id` of `table`, which stands for `problem`.

    `order` is the order key of the alert that asks: it tells one episode of the problem from the next, and its begin
    from its end. `began` and `ended` are milliseconds since the epoch; `ended` is None while the problem is there.
    """

    table: str
    sys_id: str
    number: str
    problem: str
    kinds: tuple[FollowUp, ...]
    order: int
    began: int
    ended: int | None
    event: Mapping[str, Any] = field(repr=False)

    @property
    def place(self) -> Place:
        """Where the event comes from."""
        return Place(str(self.event.get("account", "")), str(self.event.get("region", "")))

    @property
    def detail(self) -> Mapping[str, Any]:
        """What the event says."""
        detail = self.event.get("detail")
        return detail if isinstance(detail, dict) else {}

    @property
    def configuration(self) -> Mapping[str, Any]:
        """How the alarm of an event is set up; empty where it tells of no alarm."""
        configuration = self.detail.get("configuration")
        return configuration if isinstance(configuration, dict) else {}

    def body(self) -> str:
        """Return the message for the queue."""
        return json.dumps(
            {
                "table": self.table,
                "sys_id": self.sys_id,
                "number": self.number,
                "problem": self.problem,
                "with": list(self.kinds),
                "order": self.order,
                "began": self.began,
                "ended": self.ended,
                "event": self.event,
            },
            separators=(",", ":"),
        )

    @classmethod
    def read(cls, body: str) -> "Request":
        """Return what a message asks for. Raises PermanentError for anything else than what `body` makes."""
        try:
            told = json.loads(body)
            request = cls(
                table=str(told["table"]),
                sys_id=str(told["sys_id"]),
                number=str(told["number"]),
                problem=str(told["problem"]),
                kinds=tuple(dict.fromkeys(FollowUp(kind) for kind in told["with"])),
                order=int(told["order"]),
                began=int(told["began"]),
                ended=None if told["ended"] is None else int(told["ended"]),
                event=dict(told["event"]),
            )
            request.check()
        except (ValueError, KeyError, TypeError, RecursionError, OverflowError):
            raise PermanentError(
                "A message of the queue of follow-ups is none that the events function sends.",
                action="Nothing was lost but what would have been added. Look who else may write to this queue.",
            ) from None
        return request

    def check(self) -> None:
        """Raise ValueError where it names a problem, an account, a Region or a time that can't be one.

        The name of an account becomes part of a role's, that of a Region part of a host's, and that of a problem is
        what a record is known by: an empty one would be every record's.
        """
        is_whole = (
            all(0 <= moment <= _LATEST for moment in (self.began, self.ended or 0))
            and _PROBLEM.fullmatch(self.problem)
            and _ACCOUNT.fullmatch(self.place.account)
            and _REGION.fullmatch(self.place.region)
        )
        if not is_whole:
            raise ValueError


def request_of(item: Item, fold: Fold, applied: "Applied", allowed: Collection[str]) -> Request | None:
    """Return what is to be added to a record that was just opened, or just resolved; None where nothing is.

    `item` is the problem as it was before. A recovery asks for the graph of the whole episode and nothing else.
    """
    alert, record = fold.newest, applied.record
    kinds = tuple(kind for kind in alert.follow_ups if kind in allowed)
    if not kinds or record is None or item.table == EVENT_TABLE or not alert.event:
        return None
    if alert.status is Status.FIRING and _begins(item, alert, applied):
        began, ended = alert.occurred_at, None
    elif alert.status is Status.RESOLVED and _ends(applied) and FollowUp.GRAPH in kinds:
        kinds = (FollowUp.GRAPH,)
        began, ended = _began(item, alert), alert.occurred_at
    else:
        return None
    return Request(
        table=item.table,
        sys_id=record.sys_id,
        number=record.number,
        problem=item.problem,
        kinds=kinds,
        order=alert.order,
        began=began,
        ended=ended,
        event=_needed(alert.event),
    )


def _begins(item: Item, alert: Alert, applied: "Applied") -> bool:
    """Tell whether an episode began, its record found by another worker than the one that opened it included."""
    found = item.pending is not None and item.pending.operation in _OPENS and alert.member in item.pending.orders
    return bool(_OPENS & set(applied.operations)) or (found or (bool(applied.operations) and not item.fires))


def _ends(applied: "Applied") -> bool:
    return bool({Operation.RESOLVE, Operation.RECOVERY_NOTE} & set(applied.operations))


def _began(item: Item, alert: Alert) -> int:
    fired = [order // 10 for order in item.orders.values() if is_firing(order)]
    return min(fired, default=alert.occurred_at)


def _needed(event: Mapping[str, Any]) -> dict[str, Any]:
    """Return an event without what is too long for a message; texts and lists that are left out are just missing."""
    needed = {name: event[name] for name in _OF_THE_EVENT if name in event}
    if isinstance(needed.get("resources"), list):
        needed["resources"] = needed["resources"][:_MOST_RESOURCES]
    detail = event.get("detail")
    kept: dict[str, Any] = {}
    room = LONGEST_MESSAGE - len(json.dumps(needed)) - 1_000
    for name, value in detail.items() if isinstance(detail, dict) else ():
        size = len(json.dumps(value)) + len(name) + 8
        if size <= min(room, _LONGEST_PART):
            kept[name] = value
            room -= size
    return {**needed, "detail": kept}
