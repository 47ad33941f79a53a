"""Idempotency keys: what makes two requests the same request."""

from collections.abc import Mapping
from dataclasses import dataclass
from itertools import chain

from common.incidents.alert import dedup_key, digest


@dataclass(frozen=True, slots=True)
class Sender:
    """Who sends a request, and the Idempotency-Key that came with it, if any."""

    caller: str
    key: str | None = None


@dataclass(frozen=True, slots=True)
class RequestKey:
    """One request of one caller, however often it is sent.

    `dedup_key` names it in the ledger. It begins with the caller, so that nobody meets another's requests, nor the
    problems of AWS events, whose keys begin with an account. `fingerprint` is a hash of what it asks for.
    """

    dedup_key: str
    fingerprint: str

    @classmethod
    def of(cls, sender: Sender, operation: str, content: Mapping[str, str]) -> "RequestKey":
        """Return the key of a request: sender and `operation` name it, `content` is what may not change."""
        fingerprint = digest(*chain.from_iterable(sorted(content.items())))
        return cls(dedup_key(sender.caller, operation, sender.key or ""), fingerprint)
