"""Text from outside, wherever it is shown: nothing in it acts on a terminal, hides, or turns other text around."""

import re
from urllib.parse import urlsplit

# What draws nothing and does something, or only hides: control characters, halves of surrogate pairs, characters that
# Unicode excludes, marks of direction, and those that Unicode calls default-ignorable (UAX 44) or annotations. The
# joiners U+200C and U+200D and the variation selectors up to U+FE0F stay: Persian, Indic scripts and emoji need them.
_UNSEEN = (
    r"\x00-\x08\x0b-\x1f\x7f-\x9f\xad\u034f\u061c\u115f\u1160\u17b4\u17b5\u180b-\u180f\u200b\u200e\u200f\u202a-\u202e"
    r"\u2060-\u206f\u3164\ud800-\udfff\ufdd0-\ufdef\ufeff\uffa0\ufff0-\ufffb\ufffe\uffff"
    r"\U0001bca0-\U0001bca3\U0001d173-\U0001d17a\U000e0000-\U000e0fff"
)
_REMOVED = re.compile(f"[{_UNSEEN}]")
_LINE_ENDS = re.compile(r"\r\n?|[\u2028\u2029]")
_JOINERS = r"\u200c\u200d\ufe00-\ufe0f"
_LONGEST_HOST = 255
_HOST = re.compile(r"(?=[a-z0-9])[a-z0-9.-]+|\[[0-9a-f:.]+\]", re.IGNORECASE | re.ASCII)
_AWS_CONSOLES = (".console.aws.amazon.com", ".console.amazonaws.cn", ".console.amazonaws-us-gov.com")


def printable(text: str) -> str:
    """Return `text` with every line end as a line feed, and without the characters that a reader can't see."""
    # Most texts hold nothing of all this, and finding that out is much cheaper than replacing.
    if text.isascii() and text.isprintable():
        return text
    return _REMOVED.sub("", _LINE_ENDS.sub("\n", text))


def one_line(text: str) -> str:
    """Return `text` as `printable` does, on one line."""
    return " ".join(printable(text).split())


def escaped(line: str) -> str:
    """Return a line of JSON in which what `printable` takes out is spelt as an escape, which means the same."""
    # Of ASCII, JSON escapes all others itself.
    if line.isascii() and "\x7f" not in line:
        return line
    return _REMOVED.sub(lambda found: _as_escape(found[0]), line)


def _as_escape(character: str) -> str:
    data = character.encode("utf-16-be", "surrogatepass")
    return "".join(f"\\u{data[at : at + 2].hex()}" for at in range(0, len(data), 2))


def seen_through(word: str, passed_over: str = "") -> str:
    """Return a pattern that finds `word` whatever joiners, which stay, and characters of `passed_over` it holds."""
    return "".join(f"[{_JOINERS}{passed_over}]*{re.escape(character)}" for character in word)


def link_line(url: str, name: str = "Link") -> str:
    """Return the line of a record that shows an address of an alert, empty where it has none; `name` says which.

    Anybody who may send an alert chooses its link, so only https stays one, and the host that it leads to stands
    before it. A reader of `https://console.aws.amazon.com@example.org` would look for it in the wrong place.
    """
    url = one_line(url)
    if not url:
        return ""
    host = _host(url)
    if host is None:
        return f"{name} left out: it is no https address."
    if not url.lower().startswith("https://"):
        return f"{name} left out, because it is not https: {host}"
    if f".{host}".endswith(_AWS_CONSOLES):
        return f"Console: {url}"
    return f"{name} to {host}: {url}" if name == "Link" else f"{name} at {host}: {url}"


def _host(url: str) -> str | None:
    """Return the host and port that a browser would go to; None where it would not, or where a reader is misled."""
    try:
        parts = urlsplit(url)
        port = parts.port
    except ValueError:
        return None
    host = parts.hostname or ""
    shown = f"[{host}]" if ":" in host else host
    # A browser reads \ as /, and a blank ends what a reader takes for the address.
    odd = "@" in parts.netloc or "\\" in url or " " in url
    if odd or parts.scheme not in ("https", "http") or len(shown) > _LONGEST_HOST or not _HOST.fullmatch(shown):
        return None
    return shown if port is None else f"{shown}:{port}"
