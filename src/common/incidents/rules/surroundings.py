"""What texts say beside the event: names of accounts, and the time where the readers are."""

import re
from collections.abc import Mapping
from datetime import tzinfo
from typing import Any, NamedTuple

from common.incidents.local_times import with_local_times

ACCOUNTS = "accounts"
"""The heading under which a rule file names AWS accounts."""

LONGEST_NAME = 40
"""Characters of an account's name: it stands in short descriptions, which end at 160."""

_ABOUT = ("accountId", "awsAccountId", "affectedAccount")
_NUMBER = re.compile(r"[0-9]{12}")


class Surroundings(NamedTuple):
    """`zone` is where the readers are, None for UTC alone; `accounts` holds names by account number."""

    zone: tzinfo | None = None
    accounts: Mapping[str, str] = {}

    def around(self, event: Mapping[str, Any]) -> Mapping[str, Any]:
        """Return an event with `account_name`, of the account that it is about, and `place`, both for texts.

        The number stands for a name that is not known.
        """
        number = _account_of(event)
        name = self.accounts.get(number, number)
        return {**event, "account_name": name, "place": f"{name}, {event['region']}"}

    def account(self, event: Mapping[str, Any]) -> str:
        """Return an event's account for a reader who has to find it: name and number."""
        number: str = event["account"]
        return f"{self.accounts[number]} ({number})" if number in self.accounts else number

    def told(self, text: str) -> str:
        """Return a text with local times."""
        return with_local_times(text, self.zone)


def _account_of(event: Mapping[str, Any]) -> str:
    """Return the account that an event is about: findings of an organization come from the one that collects them."""
    detail = event["detail"]
    named = (detail.get(name) for name in _ABOUT)
    number: str = next((each for each in named if isinstance(each, str) and _NUMBER.fullmatch(each)), event["account"])
    return number


NOTHING_AROUND = Surroundings()
"""Where texts tell of the event alone, in UTC."""


def account_mistakes(accounts: object) -> list[tuple[str, str]]:
    """Return what is wrong with a file's table of accounts: the entry, and why."""
    if not isinstance(accounts, dict):
        return [(ACCOUNTS, "is no table: write [accounts], and lines such as 123456789012 = 'payments'")]
    return [
        (f"{ACCOUNTS}.{number}", why) for number, name in accounts.items() for why in [_mistake(number, name)] if why
    ]


def _mistake(number: str, name: object) -> str:
    if not _NUMBER.fullmatch(number):
        return "is no account number of 12 digits"
    if not isinstance(name, str) or not name.strip() or not name.isprintable() or len(name) > LONGEST_NAME:
        return f"is no name of 1 to {LONGEST_NAME} printable characters"
    return ""
