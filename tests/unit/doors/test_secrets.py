"""The secret of all webhooks: which entries count, and what is wrong with the others."""

import json

import pytest

from common.doors.proof import SourceSecret, Way
from common.doors.secrets import parse_secrets

LONG = "s" * 16


def test_an_entry_says_how_its_source_proves_itself() -> None:
    """With two secrets while one is rotated."""
    entry = {"way": "hmac", "current": LONG, "next": LONG[::-1], "name": "X-Signature", "prefix": "v1="}
    secrets, mistakes = parse_secrets(json.dumps({"pagerduty": entry}))
    assert mistakes == []
    assert secrets == {
        "pagerduty": SourceSecret(way=Way.HMAC, current=LONG, next=LONG[::-1], name="X-Signature", prefix="v1=")
    }


@pytest.mark.parametrize("text", ["", "  ", "{}"])
def test_a_secret_that_was_never_filled_in_opens_nothing(text: str) -> None:
    """As it is after the deployment."""
    assert parse_secrets(text) == ({}, [])


@pytest.mark.parametrize("text", ["[]", "nothing", "[" * 100_000])
def test_what_is_no_object_is_named(text: str) -> None:
    """Without its text."""
    assert parse_secrets(text) == ({}, ["is not a JSON object"])


@pytest.mark.parametrize(
    ("source", "entry", "why"),
    [
        ("Grafana", {"way": "bearer", "current": LONG}, "is no name of a source"),
        ("grafana", "secret", "is no object of texts"),
        ("grafana", {"way": "bearer", "current": 1}, "is no object of texts"),
        ("grafana", {"current": LONG}, "has a way that is none of"),
        ("grafana", {"way": "telepathy", "current": LONG}, "has a way that is none of"),
        ("grafana", {"way": "bearer"}, "shorter than 16"),
        ("grafana", {"way": "bearer", "current": LONG[1:]}, "shorter than 16"),
        ("grafana", {"way": "bearer", "current": LONG, "next": LONG[1:]}, "shorter than 16"),
        ("grafana", {"way": "hmac", "current": LONG}, "does not name the header"),
        ("grafana", {"way": "header", "current": LONG, "name": "a b"}, "does not name the header"),
        ("grafana", {"way": "basic", "current": LONG}, "does not name the user"),
        ("grafana", {"way": "basic", "current": LONG, "name": "a:b"}, "without a colon"),
        ("grafana", {"way": "bearer", "current": LONG + "\n"}, "as pasting makes them"),
        ("grafana", {"way": "hmac", "current": LONG + " ", "name": "X-S"}, "as pasting makes them"),
        ("grafana", {"way": "hmac", "current": LONG + "\ud800", "name": "X-S"}, "another control character"),
        ("grafana", {"way": "query", "current": LONG, "next": "\t" + LONG}, "as pasting makes them"),
        ("grafana", {"way": "bearer", "current": LONG + "é"}, "no header can hold"),
        ("grafana", {"way": "header", "name": "X-S", "current": LONG, "next": LONG + "ß"}, "no header can hold"),
    ],
)
def test_an_entry_with_a_mistake_is_named_and_takes_no_other_along(source: str, entry: object, why: str) -> None:
    """And no part of a secret stands in what is said."""
    secrets, [mistake] = parse_secrets(json.dumps({source: entry, "shop": {"way": "bearer", "current": LONG}}))
    assert list(secrets) == ["shop"]
    assert mistake.startswith(f"holds an entry '{source}' that ")
    assert why in mistake
    assert "sss" not in mistake
