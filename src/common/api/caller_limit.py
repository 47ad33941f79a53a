"""A cap per caller: who sends too much is told to wait, and costs neither ServiceNow nor the other callers anything.

One item of the ledger's table for each caller says how much of its share is used, so that all environments share it.
A minute pays one share off; what one request of many alerts takes beyond it is paid off in the minutes that follow.
"""

from dataclasses import dataclass
from typing import Any

from common.api.callers import class_of
from common.api.problems import Kind, ProblemError
from common.clock import Deadline
from common.errors import BridgeError, HeldError, TransientError
from common.incidents.alert import digest
from common.incidents.ledger import Ledger, LostRaceError
from common.telemetry import Telemetry

CALLER_KEY = "caller/"
"""What the keys of these items begin with; a problem's key is a hash without a slash."""

MOST_MINUTES = 60
"""How many minutes of its share one request can take at most, however many alerts it brings."""

_MINUTE = 60
# Longer than what can be owed: an item that DynamoDB has deleted means that nothing is.
_KEPT_SECONDS = 2 * MOST_MINUTES * _MINUTE
_MOST_TRIES = 4
_UNCOUNTED = "Nothing is to be done: the request passes uncounted."
_MOST_REMEMBERED = 1000
_COUNTERS = {
    "role": "CallsOfRoles",
    "user": "CallsOfUsers",
    "other account": "CallsOfOtherAccounts",
    "authoriser": "CallsOfAuthorizers",
    "webhook": "CallsOfWebhooks",
}


@dataclass(frozen=True, slots=True)
class Used:
    """What a caller has used of its share in one minute (counted from the epoch), with what it still owed."""

    minute: int
    count: int

    def in_minute(self, minute: int, share: int) -> "Used":
        """Return what of it is left at a later minute."""
        passed = minute - self.minute
        return Used(minute, max(0, self.count - passed * share)) if passed > 0 else self

    def frees_at(self, share: int) -> int:
        """Return the second since the epoch at which less than the share is used."""
        return (self.minute + self.count // share) * _MINUTE


class CallerLimit:
    """Counts what callers send, and refuses what is beyond their share.

    Whoever has any of it left may send one more request, whatever that brings: a webhook can't be cut into parts. A
    caller that was refused is remembered until its share frees, so that refusing costs no call of DynamoDB. Where
    DynamoDB fails the request passes uncounted: the limit is there for the others, whom an outage would stop too.
    """

    def __init__(self, ledger: Ledger, *, share: int, deployment: str, telemetry: Telemetry) -> None:
        """Let each caller send `share` requests a minute, any number where that is 0; alerts count one by one."""
        self._ledger = ledger
        self._share = share
        self._deployment = deployment
        self._telemetry = telemetry
        self._refused_until: dict[str, int] = {}

    def take(self, caller: str, account: str) -> None:
        """Count a request of a caller; `account` is the API's own. Raises ProblemError (429) where nothing is left."""
        self._take(caller, account, 1, self._share)

    def take_more(self, caller: str, account: str, amount: int) -> None:
        """Count what a request brings beside itself, which is counted already. Raises as `take`.

        Of several requests at once that would each go beyond the share, one does.
        """
        self._take(caller, account, amount, self._share + 1)

    def _take(self, caller: str, account: str, amount: int, most: int) -> None:
        if not self._share or not caller or amount < 1:
            return
        self._telemetry.count(_COUNTERS[class_of(caller, account)], amount)
        now = self._ledger.now() // 1000
        until = self._refused_until.get(caller, 0)
        if until <= now:
            try:
                until = self._counted(caller, min(amount, MOST_MINUTES * self._share), most)
            except BridgeError as error:
                self._passed(error)
                return
            now = self._ledger.now() // 1000
        if until > now:
            self._refuse(caller, until, now)

    def prove(self, _: Deadline) -> None:
        """Count nothing, for a caller that there is not. Raises what DynamoDB's trouble is in the vocabulary."""
        if self._share:
            self._counted("", 0, self._share)

    def _counted(self, caller: str, amount: int, most: int) -> int:
        """Count where less than `most` is used and return 0, else the second since the epoch at which some is free."""
        key = {"pk": {"S": f"{CALLER_KEY}{digest(self._deployment, caller)}"}}
        for _ in range(_MOST_TRIES):
            minute = self._ledger.now() // 1000 // _MINUTE
            try:
                self._add(key, minute, amount, most)
            except LostRaceError as lost:
                stored = _used(lost.stored)
                used = (stored or Used(minute, 0)).in_minute(minute, self._share)
                if used.count >= most:
                    return used.frees_at(self._share)
                if self._begin(key, stored, Used(used.minute, used.count + amount)):
                    return 0
            else:
                return 0
        raise TransientError("Others were quicker each time that a request was to be counted.", action=_UNCOUNTED)

    def _add(self, key: dict[str, Any], minute: int, amount: int, most: int) -> None:
        """Add to what was used in this minute already. Raises LostRaceError where it is the first, or all is used."""
        self._ledger.call(
            "update_item",
            Key=key,
            UpdateExpression="ADD #used :amount SET #expires = :expires",
            ConditionExpression="#minute >= :minute AND #used < :most",
            ExpressionAttributeNames=_NAMES,
            ExpressionAttributeValues={
                ":amount": _number(amount),
                ":expires": _number(minute * _MINUTE + _KEPT_SECONDS),
                ":minute": _number(minute),
                ":most": _number(most),
            },
            ReturnValuesOnConditionCheckFailure="ALL_OLD",
        )

    def _begin(self, key: dict[str, Any], stored: Used | None, used: Used) -> bool:
        """Write the first use of a minute where the item still is what was seen; return whether it was."""
        values = {
            ":now": _number(used.minute),
            ":used": _number(used.count),
            ":expires": _number(used.minute * _MINUTE + _KEPT_SECONDS),
        }
        condition = "attribute_not_exists(pk)"
        if stored is not None:
            condition = "#minute = :minute AND #used = :seen"
            values |= {":minute": _number(stored.minute), ":seen": _number(stored.count)}
        try:
            self._ledger.call(
                "update_item",
                Key=key,
                UpdateExpression="SET #minute = :now, #used = :used, #expires = :expires",
                ConditionExpression=condition,
                ExpressionAttributeNames=_NAMES,
                ExpressionAttributeValues=values,
            )
        except LostRaceError:
            return False
        return True

    def _passed(self, error: BridgeError) -> None:
        self._telemetry.count("CallersUncounted")
        if isinstance(error, HeldError):
            self._telemetry.count("AccessRefusals")
            self._telemetry.log.error(error.message, action=error.action)
        else:
            self._telemetry.log.warning(error.message, action=_UNCOUNTED)

    def _refuse(self, caller: str, until: int, now: int) -> None:
        self._telemetry.count("CallersLimited")
        if self._refused_until.get(caller) != until:
            self._refused_until.pop(caller, None)
            self._refused_until[caller] = until
            if len(self._refused_until) > _MOST_REMEMBERED:
                del self._refused_until[next(iter(self._refused_until))]
            # Once for each time, not for each request: a flood would fill the log.
            self._telemetry.audit("A caller of the API sends more than its share.", caller=caller, seconds=until - now)
        raise ProblemError(
            Kind.TOO_MANY,
            f"A caller may send {self._share} requests a minute here, each alert counted as one.",
            action="Repeat the request after Retry-After seconds; ask the operators if you need more.",
            retry_after=until - now,
        )


_NAMES = {"#minute": "minute", "#used": "used", "#expires": "expires_at"}


def _number(number: int) -> dict[str, str]:
    return {"N": str(number)}


def _used(stored: dict[str, Any] | None) -> Used | None:
    return Used(int(stored["minute"]["N"]), int(stored["used"]["N"])) if stored else None
