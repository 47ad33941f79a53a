"""Text of others, such as lines of a log, before it leaves AWS: nothing secret stays in it. Pure.

First what the deployment's own pattern finds, then what is named like a secret or looks like one in texts of any form,
then src/masking.toml, whose patterns are for lines of our own log. Rather too much is masked than too little.
"""

import re
from collections.abc import Sequence
from unicodedata import normalize

from common.masking import masking
from common.text import printable

_MASKED = "[masked]"
_TELLING = (
    r"(?:password|passwd|passphrase|passcode|pass(?![a-z])|pwd|secret|token|credential|signature|authori[sz]ation|cookie"
    r"|(?:api|access|private|account|shared|signing|encryption|license)[_-]?key|session[_-]?id|otp|cvv|cvc|pin[_-]?code)"
)
_NAMED = rf"[\w.-]{{0,80}}{_TELLING}[\w.-]{{0,80}}"
_QUOTED = r"\\*\"(?:\\.|[^\"\\])*\\*\"?|\\*'(?:\\.|[^'\\])*\\*'?"
_PATTERNS: tuple[tuple[re.Pattern[str], str], ...] = (
    # {"name": "DB_PASSWORD", "value": "…"}, <add key="dbPassword" value="…"/>
    (
        re.compile(
            rf"(?i)(\b(?:key|name|field|header|parameter|variable)\\*[\"']?\s*[:=]\s*\\*[\"']{_NAMED}\\*[\"']\s*,?\s*"
            rf"\\*[\"']?value\\*[\"']?\s*[:=]\s*)(?:{_QUOTED}|[^\s,}}\]]+)"
        ),
        rf"\1{_MASKED}",
    ),
    # "password": "…", in JSON, in JSON that stands in JSON, and in Python's and JavaScript's notations.
    (
        re.compile(rf"(?i)(\\*[\"']{_NAMED}\\*[\"']\s*[:=]\s*)(?:{_QUOTED}|\[[^\]]*\]?|[^\s,}}\]]+)"),
        rf"\1{_MASKED}",
    ),
    # <password>…</password>
    (re.compile(rf"(?i)(<{_NAMED}(?:\s[^<>]{{0,200}})?>)[^<]+"), rf"\1{_MASKED}"),
    # password=…, Authorization: Basic …
    (
        re.compile(
            rf"(?i)(\b{_NAMED}\s*(?:[:=]|%3[ad])\s*)(?:(?:basic|bearer|digest|negotiate|token)\s+)?"
            r"(?:\"[^\"]*\"?|'[^']*'?|[^\s,;&}\]]+)"
        ),
        rf"\1{_MASKED}",
    ),
    # --password …, and what follows the word alone where it does not look like one
    (re.compile(rf"(?i)((?:^|\s)--?{_NAMED}\s+)(?!-)\S+"), rf"\1{_MASKED}"),
    (
        re.compile(
            r"(?i)((?:password|passwd|passphrase|passcode|pwd|(?:session|access|refresh)[_-]?token)\s+(?:(?:is|was)\s+)?)"
            r"(?=[^\s\d]*\d)\S{6,}"
        ),
        rf"\1{_MASKED}",
    ),
    # curl -u name:…, mysql -p…
    (re.compile(r"(\s(?:-u|--user|--proxy-user)[ =]?[^\s:]{1,80}:)\S+"), rf"\1{_MASKED}"),
    (re.compile(r"(\bmysql\w*\b[^\n]{0,200}?\s-p)\S+"), rf"\1{_MASKED}"),
    # tokens that their beginning tells: Google's, Stripe's, npm's, SendGrid's, GitHub's, OpenAI's, Shopify's and others
    (
        re.compile(
            r"(?<![A-Za-z0-9])(?:AIza[\w-]{35}|ya29\.[\w-]{20,}|(?:[sr]k|pk)_(?:live|test)_\w{10,}|whsec_\w{16,}|npm_\w{30,}"
            r"|SG\.[\w-]{16,}\.[\w-]{16,}|github_pat_\w{20,}|sk-[\w-]{20,}|shp(?:at|ss|ca)_\w{20,}|pypi-[\w-]{16,}|hf_\w{30,})"
        ),
        _MASKED,
    ),
    # addresses that whoever knows them may post to
    (
        re.compile(r"(hooks\.slack\.com/(?:services|workflows)/|discord(?:app)?\.com/api/webhooks/)[^\s\"']+"),
        rf"\1{_MASKED}",
    ),
    # a mail address in other letters than ASCII's
    (re.compile(r"[\w.%+-]{1,64}@[\w-]{1,63}(?:\.[\w-]{1,63}){1,7}"), _MASKED),
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
_PEM = re.compile(r"-----(?:BEGIN|END) [A-Z ]{0,30}PRIVATE KEY-----")
_OF_A_PEM = re.compile(r"\s*[A-Za-z0-9+/=]{4,76}\s*")
_JOINED = re.compile(r"(?<=[!-~])[\u200c\u200d\ufe00-\ufe0f]+(?=[!-~])")
_ESCAPED = re.compile(r"\\+u([0-9a-fA-F]{4})")
_LONGEST = 4_000
_HALF_OF_A_SECRET = 200


class Outside:
    """Masks text of others."""

    def __init__(self, pattern: str = "") -> None:
        """Mask what `pattern` finds too, a regular expression; empty for nothing more."""
        self._own = re.compile(pattern) if pattern else None

    def lines(self, texts: Sequence[str], longest: int) -> list[str]:
        """Return texts masked and cut, each as `text` does; beside the marks of a private key no line of it stays."""
        has_key = any(_PEM.search(text) for text in texts)
        return [
            _MASKED if has_key and _OF_A_PEM.fullmatch(text) else self.text(text.strip(), longest) for text in texts
        ]

    def text(self, text: str, longest: int) -> str:
        """Return a text masked and then cut, so that no half of a secret is left at its end.

        What lies beyond its first 4,000 characters is not looked at, and left out.
        """
        shown = _plain(text[:_LONGEST])
        if self._own is not None:
            shown = self._own.sub(_MASKED, shown)
        for pattern, mask in _PATTERNS:
            shown = pattern.sub(mask, shown)
        shown = masking().text(shown)
        if len(text) > _LONGEST:
            shown = f"{shown[:-_HALF_OF_A_SECRET]}…"
        return shown if len(shown) <= longest else f"{shown[: longest - 1]}…"


def _plain(text: str) -> str:
    """Return a text as it is read, without what would hide a word: escapes of JSON, other forms of letters, joiners."""
    text = printable(_ESCAPED.sub(_unescaped, text) if "\\u" in text else text)
    return text if text.isascii() else _JOINED.sub("", normalize("NFKC", text))


def _unescaped(found: re.Match[str]) -> str:
    character = chr(int(found[1], 16))
    # Quotes and bars have a meaning in JSON, line ends in a log; halves of a pair are no character.
    return found[0] if character in '"\\' or character < " " or "\ud800" <= character <= "\udfff" else character
