"""What a signed token says about its own end."""

import base64
import json
from email.utils import formatdate

import pytest

from common.oauth.signed import seconds_left

NOW = 1_800_000_000
DATE = {"Date": formatdate(NOW, usegmt=True)}


def jwt(claims: object) -> str:
    """Return a token with these claims and a signature that nobody looks at."""
    parts = [base64.urlsafe_b64encode(json.dumps(part).encode()).rstrip(b"=").decode() for part in ({}, claims)]
    return ".".join([*parts, "c2ln"])


@pytest.mark.parametrize("left", [1799, 1, 0, -600])
def test_it_ends_when_its_exp_says(left: int) -> None:
    """By the clock of the server that issued it."""
    assert seconds_left(jwt({"exp": NOW + left}), DATE) == left


@pytest.mark.parametrize(
    "value",
    [
        "opaque",
        "a.b.c",
        "a.é.c",
        "..",
        jwt([]),
        jwt({}),
        jwt({"exp": "soon"}),
        jwt({"exp": True}),
        jwt({"exp": None}),
        jwt({"exp": float("nan")}),
        jwt({"exp": 10**400}),
        jwt({"exp": NOW, "more": "x" * 9000}),
    ],
)
def test_what_says_nothing_that_makes_sense_is_left_to_the_endpoint(value: str) -> None:
    """Opaque tokens, and whatever only looks like a JWT."""
    assert seconds_left(value, DATE) is None


@pytest.mark.usefixtures("far_from_utc")
def test_a_date_without_a_zone_is_utc_wherever_the_function_runs() -> None:
    """As everywhere in HTTP."""
    date = formatdate(NOW).removesuffix(" -0000")

    assert [seconds_left(jwt({"exp": NOW + 60}), {"Date": text}) for text in (date, f"{date} -0000")] == [60, 60]


@pytest.mark.parametrize(
    "headers", [{}, {"Date": ""}, {"Date": "yesterday"}, {"Date": "Fri, 99 Foo 2030 99:99:99 GMT"}]
)
def test_without_the_servers_clock_nothing_is_said(headers: dict[str, str]) -> None:
    """The function's own may be an hour off."""
    assert seconds_left(jwt({"exp": NOW}), headers) is None
