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

_NUMBER = re.compile(r"[0-9]{12}")


class Surroundings(NamedTuple):
    """`zone` is where the readers are, None for UTC alone; `accounts` holds names by account number."""

    zone: tzinfo | None = None
    accounts: Mapping[str, str] = {}

    def around(self, event: Mapping[str, Any]) -> Mapping[str, Any]:
        """Return an event with its account's name, for texts; the number where none is known."""
        return {**event, "account_name": self.accounts.get(event["account"], event["account"])}

    def account(self, event: Mapping[str, Any]) -> str:
        """Return an event's account for a reader who has to find it: name and number."""
        number: str = event["account"]
        return f"{self.accounts[number]} ({number})" if number in self.accounts else number

    def told(self, text: str) -> str:
        """Return a text with local times."""
        return with_local_times(text, self.zone)


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
