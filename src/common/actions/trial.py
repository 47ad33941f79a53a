"""Tries whether AWS would let its objects follow, and changes none: each call is about an object that there is not."""

from collections.abc import Callable, Iterator, Mapping
from contextlib import suppress
from functools import partial
from typing import Any

from common.accounts import Accounts
from common.actions import accessanalyzer, guardduty, opsitem, securityhub
from common.actions.refusals import meaning_of_refusals
from common.errors import BridgeError, PermanentError

_TRIALS: Mapping[str, tuple[str, Callable[[Any, Accounts], Iterator[Callable[[], Any]]]]] = {
    "securityhub": (securityhub.PERMISSION, securityhub.trials),
    "opsitem": (opsitem.PERMISSION, opsitem.trials),
    "guardduty": (guardduty.PERMISSION, guardduty.trials),
    "accessanalyzer": (accessanalyzer.PERMISSION, accessanalyzer.trials),
}


def try_out(accounts: Accounts, makers: Mapping[str, Callable[..., Any]]) -> dict[str, dict[str, str]]:
    """Return for each action of `makers`, which make its client, what keeps it from working in the stack's own place.

    That is empty where nothing does: the service knows no such object, and says so only to those who have the right.
    Other accounts are not tried, as nobody knows which there are.
    """
    found: dict[str, dict[str, str]] = {}
    for kind, make in makers.items():
        permission, trials = _TRIALS[kind]
        try:
            _tried(trials(accounts.client(kind, make), accounts), permission, accounts)
            found[kind] = {}
        except BridgeError as error:
            found[kind] = {"message": error.message, "action": error.action}
    return found


def _tried(calls: Iterator[Callable[[], Any]], permission: str, accounts: Accounts) -> None:
    """Make the calls. Raises what an answer means, unless that is that there is no such object."""
    refusals = partial(meaning_of_refusals, permission=permission, account=accounts.own, region=accounts.region)
    with refusals():  # the first of them may ask for something before it is made
        for call in calls:
            with suppress(PermanentError), refusals():
                call()
