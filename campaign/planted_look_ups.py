"""Defects of what looks tags up (faults 112 to 115), planted into the running code."""

from collections.abc import Mapping
from typing import Any

from botocore.exceptions import BotoCoreError

from campaign.plants import Patch, caught_by
from common import accounts
from common.context import corrections, tags
from common.errors import BridgeError, ConfigurationError

_REPETITIONS = 60


@caught_by(112, "wrong")
def throttle_taken_for_untagged(patch: Patch) -> None:
    """A look-up that was throttled or failed is taken for one that found no tags."""
    busy = {"ThrottlingException", "Throttling", "InternalServiceFault", "ServiceUnavailable"}
    patch.setattr(tags, "ABSENT", tags.ABSENT | busy)


@caught_by(112, "wrong")
def opened_without_and_forgotten(patch: Patch) -> None:
    """Nobody writes down which record was opened without its tags."""
    patch.setattr(corrections.Corrections, "expect", lambda *_: None)


@caught_by(113, "wrong")
def record_waits_for_tags(patch: Patch) -> None:
    """A missing right for tags holds the record back."""

    def fail(*_: object, **__: object) -> None:
        raise ConfigurationError("Tags are denied.", action="Allow them.")

    patch.setattr(tags.TagLookup, "_fail", fail)


@caught_by(114, "over_budget")
def slow_look_up_repeated(patch: Patch) -> None:
    """A look-up without an answer is repeated as if the function had all the time there is."""
    ask = tags.TagLookup.ask

    def asking(self: tags.TagLookup, subject: tags.Subject) -> Mapping[str, str]:
        for _ in range(_REPETITIONS):
            try:
                return ask(self, subject)
            except BotoCoreError:
                continue
        return ask(self, subject)

    patch.setattr(tags.TagLookup, "ask", asking)


@caught_by(115, "wrong")
def own_account_asked_instead(patch: Patch) -> None:
    """Where the role of another account is missing, the function's own account is asked."""
    client = accounts.Accounts.client

    def own(self: accounts.Accounts, name: str, make: Any, *place: Any) -> Any:  # noqa: ANN401 (as of the accounts)
        try:
            return client(self, name, make, *place)
        except BridgeError:
            return client(self, name, make)

    patch.setattr(accounts.Accounts, "client", own)


@caught_by(115, "wrong")
def never_given_up(patch: Patch) -> None:
    """A message waits for tags for as long as the queue keeps it."""
    patch.setattr(corrections, "GIVEN_UP_AFTER", float("inf"))
