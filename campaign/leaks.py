"""Secrets and tokens, in every form in which one leaks, and where they are searched for."""

import base64
import json
from collections.abc import Iterable, Iterator
from dataclasses import dataclass, field
from functools import cache
from random import Random
from string import ascii_letters, digits
from urllib.parse import quote, quote_plus

from common.errors import BridgeError

_RECOGNISABLE = 8
"""So many characters at the beginning of a secret are enough to be a leak."""

_SECRET_CHARACTERS = ascii_letters + digits + "+~[#,=&%/ "


def canary(random: Random) -> str:
    """Return a client secret that occurs nowhere else, with characters that get encoded on their way."""
    body = "".join(random.choice(_SECRET_CHARACTERS) for _ in range(24))
    return "".join(random.choice(ascii_letters) for _ in range(9)) + "+" + body + "~["


@cache
def forms_of(secret: str) -> frozenset[str]:
    """Return `secret` raw, JSON-escaped, URL-encoded, in base64 at any offset, and its first eight characters."""
    raw = secret.encode()
    quoted = {quote(secret), quote(secret, safe=""), quote_plus(secret)}
    forms = {secret, json.dumps(secret)[1:-1], repr(secret)[1:-1], *quoted, *(text.lower() for text in quoted)}
    return frozenset({*forms, secret[:_RECOGNISABLE], *_base64_forms(raw)})


@cache
def _searched(secret: str) -> tuple[str, ...]:
    """Return the forms that are enough to find all of them: none of these is a part of another."""
    forms = forms_of(secret)
    return tuple(form for form in sorted(forms) if not any(other in form for other in forms if other != form))


def _base64_forms(raw: bytes) -> Iterator[str]:
    for offset in range(3):
        first, end = -(-8 * offset // 6), 8 * (offset + len(raw)) // 6
        inside = base64.b64encode(bytes(offset) + raw).decode()[first:end]
        yield inside
        yield inside.translate(str.maketrans("+/", "-_"))


@dataclass(slots=True)
class Sinks:
    """Every text that left the functions in one run, by the name of where it went."""

    texts: dict[str, list[str]] = field(default_factory=dict)

    def add(self, sink: str, *texts: str) -> None:
        """Note what went into a sink."""
        self.texts.setdefault(sink, []).extend(texts)

    def add_errors(self, errors: Iterable[BaseException]) -> None:
        """Note what exceptions say, and all their causes."""
        for error in errors:
            self.add("exceptions", *_texts_of(error))

    def leaks(self, secrets: Iterable[str]) -> list[str]:
        """Return which secret was found in which sink; the secret itself is not repeated."""
        found = []
        for number, secret in enumerate(secrets):
            for sink, texts in self.texts.items():
                if any(form in text for text in texts for form in _searched(secret)):
                    found.append(f"secret {number} in {sink}")
        return found


def _texts_of(error: BaseException) -> Iterator[str]:
    seen: set[int] = set()
    following: BaseException | None = error
    while following is not None and id(following) not in seen:
        seen.add(id(following))
        yield f"{following} {following!r} {following.args!r}"
        if isinstance(following, BridgeError):
            yield f"{following.message} {following.action}"
        following = following.__cause__ or following.__context__
