"""The access token, and until when it is fresh, and usable. Pure; times are seconds since the epoch, UTC."""

import re
from dataclasses import dataclass, field, replace
from enum import Enum
from typing import Final

EARLIEST_REFRESH: Final = 0.50
LATEST_REFRESH: Final = 0.83
"""Between these shares of its life a token turns stale; each environment draws its own."""

LONGEST_LIFE: Final = 86_400.0
"""Seconds beyond which no lifetime is believed."""

_SAFETY_SECONDS = 60.0
_SAFETY_SHARE = 0.10
_FEWEST_SECONDS_BETWEEN_REQUESTS = 60.0
_SHARE_BETWEEN_REQUESTS = 0.10

# What may follow "Bearer " in a header: visible ASCII, no blank (RFC 6749, appendix A.12), of a length that
# servers accept.
LONGEST_VALUE: Final = 8192
"""Characters of the longest token that is sent: no server takes a longer header."""

_TOKEN = re.compile(rf"[\x21-\x7e]{{1,{LONGEST_VALUE}}}")


class Miss(Enum):
    """What the store answers instead of a token."""

    ABSENT = "absent"
    """There is none that this client can use."""
    BUSY = "busy"
    """The store refused to look just now: another look in a moment is worth it."""


@dataclass(frozen=True, slots=True)
class AccessToken:
    """A bearer token. All times are seconds since the epoch, UTC.

    `issued` is when it was asked for, or, where the server keeps handing out the same token with less and
    less time left, when it was first seen. `asked` is when the endpoint was last asked. `renewable` is False
    once the endpoint answered with this very token and no more time: asking before its end is of no use then.
    """

    value: str = field(repr=False)
    issued: float
    expires: float
    asked: float
    renewable: bool = True

    @property
    def life(self) -> float:
        """Seconds from issue to expiry."""
        return self.expires - self.issued

    @property
    def usable_until(self) -> float:
        """When to stop using it: a little early, except where an early request would bring the same token."""
        if not self.renewable:
            return self.expires
        return self.expires - min(_SAFETY_SECONDS, _SAFETY_SHARE * self.life)

    @property
    def least_interval(self) -> float:
        """Seconds between two requests for a newer token, whoever makes them."""
        return min(_FEWEST_SECONDS_BETWEEN_REQUESTS, _SHARE_BETWEEN_REQUESTS * self.life)

    def fresh_until(self, share: float) -> float:
        """Return when it turns stale, for an environment that drew `share` of the life."""
        return self.issued + share * self.life if self.renewable else self.usable_until

    def is_newer_than(self, other: "AccessToken") -> bool:
        """Tell whether this one was issued later, or is the same one as the endpoint was asked later.

        Of one and the same token several environments may have noted different times of issue.
        """
        if self.value != other.value:
            return (self.issued, self.asked) > (other.issued, other.asked)
        return self.asked > other.asked and self.expires > other.expires - other.least_interval

    def after(self, previous: "AccessToken | None") -> "AccessToken":
        """Return this token in the light of the one that was known before.

        ServiceNow may answer with the current token: its life is then renewed, or it goes on ageing.
        """
        if previous is None or previous.value != self.value or self.issued <= previous.issued:
            return self
        gained = self.expires - previous.expires
        if gained >= (self.issued - previous.issued) / 2:
            return self
        return replace(self, issued=previous.issued, renewable=False)


def is_bearer_value(value: object) -> bool:
    """Tell whether `value` is text that can follow `Bearer` in a header."""
    return isinstance(value, str) and _TOKEN.fullmatch(value) is not None
