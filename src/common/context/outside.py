"""Text of others, such as lines of a log, before it leaves AWS: nothing secret stays in it. Pure.

First what the deployment's own pattern finds, then what is named like a secret or looks like one in texts of any form,
then src/masking.toml, whose patterns are for lines of our own log. Rather too much is masked than too little.
"""

import re

from common.masking import masking
from common.text import printable

_MASKED = "[masked]"
_TELLING = (
    r"(?:password|passwd|passphrase|pwd|secret|token|api[_-]?key|access[_-]?key|private[_-]?key|credential|signature"
    r"|authori[sz]ation|cookie|session[_-]?id|otp|cvv|cvc|pin[_-]?code)"
)
_NAMED = rf"[\w.-]{{0,80}}{_TELLING}[\w.-]{{0,80}}"
_PATTERNS: tuple[tuple[re.Pattern[str], str], ...] = (
    # "password": "…", in JSON, in JSON that stands in JSON, and in Python's and JavaScript's notations.
    (
        re.compile(
            rf"(?i)(\\*[\"']{_NAMED}\\*[\"']\s*[:=]\s*)"
            r"(?:\\*\"(?:\\.|[^\"\\])*\\*\"?|\\*'(?:\\.|[^'\\])*\\*'?|\[[^\]]*\]?|[^\s,}\]]+)"
        ),
        rf"\1{_MASKED}",
    ),
    # password=…, Authorization: Basic …
    (
        re.compile(
            rf"(?i)(\b{_NAMED}\s*[:=]\s*)(?:(?:basic|bearer|digest|negotiate|token)\s+)?"
            r"(?:\"[^\"]*\"?|'[^']*'?|[^\s,;&}\]]+)"
        ),
        rf"\1{_MASKED}",
    ),
    (re.compile(r"(?i)\b(basic|bearer)\s+[A-Za-z0-9._~+/=-]{8,}"), rf"\1 {_MASKED}"),
    # user:password@host in an address
    (re.compile(r"(://)[^/\s@]{1,200}@"), rf"\1{_MASKED}@"),
    # a secret access key of AWS, which nothing but its form tells
    (
        re.compile(
            r"(?<![A-Za-z0-9/+=])(?=[A-Za-z0-9/+]*[A-Z])(?=[A-Za-z0-9/+]*[a-z])(?=[A-Za-z0-9/+]*[0-9])"
            r"[A-Za-z0-9/+]{40}(?![A-Za-z0-9/+=])"
        ),
        _MASKED,
    ),
    # lines of a private key, session tokens, and whatever else is long and random
    (
        re.compile(
            r"(?<![A-Za-z0-9/+_=-])(?=[A-Za-z0-9/+_-]*[A-Z])(?=[A-Za-z0-9/+_-]*[a-z])(?=[A-Za-z0-9/+_-]*[0-9])"
            r"[A-Za-z0-9/+_-]{60,}={0,2}"
        ),
        _MASKED,
    ),
)
_LONGEST = 4_000
_HALF_OF_A_SECRET = 200


class Outside:
    """Masks text of others."""

    def __init__(self, pattern: str = "") -> None:
        """Mask what `pattern` finds too, a regular expression; empty for nothing more."""
        self._own = re.compile(pattern) if pattern else None

    def text(self, text: str, longest: int) -> str:
        """Return a text masked and then cut, so that no half of a secret is left at its end.

        What lies beyond its first 4,000 characters is not looked at, and left out.
        """
        shown = printable(text[:_LONGEST])
        if self._own is not None:
            shown = self._own.sub(_MASKED, shown)
        for pattern, mask in _PATTERNS:
            shown = pattern.sub(mask, shown)
        shown = masking().text(shown)
        if len(text) > _LONGEST:
            shown = f"{shown[:-_HALF_OF_A_SECRET]}…"
        return shown if len(shown) <= longest else f"{shown[: longest - 1]}…"
