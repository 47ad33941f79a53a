"""Nothing secret leaves AWS in a text of somebody else."""

import json

import pytest

from common.context.outside import Outside
from tests.support.planted import SECRETS, lines_with

MASK = Outside()


@pytest.mark.attack
@pytest.mark.parametrize("line", lines_with(), ids=lambda line: line[:40])
def test_what_is_planted_is_not_found(line: str) -> None:
    """Plain, as JSON, as JSON in JSON, in an address, in a header."""
    for text in (line, json.dumps({"message": line}), json.dumps(json.dumps({"log": line}))):
        shown = MASK.text(text, 4_000)
        assert [secret for secret in SECRETS if secret in shown] == []


@pytest.mark.attack
@pytest.mark.parametrize("length", range(940, 1_060, 7))
def test_a_cut_leaves_no_half_of_a_secret(length: int) -> None:
    """The text is masked before it is cut."""
    shown = MASK.text("x" * length + " token=" + SECRETS[1], 1_000)

    assert SECRETS[1][:8] not in shown


@pytest.mark.attack
@pytest.mark.parametrize("secret", [SECRETS[0], SECRETS[1]])
def test_what_is_too_long_to_be_looked_at_ends_before_it_is_cut(secret: str) -> None:
    """A secret may stand just where a text stops being looked at."""
    for length in range(3_930, 4_001, 5):
        shown = MASK.text("x " * (length // 2) + secret + " y" * 5_000, 4_000)
        assert secret[:12] not in shown


def test_what_people_need_to_read_stays() -> None:
    """Paths, names, numbers of requests, hashes of commits, times."""
    line = (
        "2026-11-23T09:15:31.118Z 4b3c1c9e-7d5b-4f7e-9f0c-1c9a2b3d4e5f ERROR payments.refund failed for order 4711 at "
        "/var/task/payments/refund.py:118, commit 9f86d081884c7d659a2feaa0c55ad015a3bf4f1b: KeyError('amount')"
    )

    assert MASK.text(line, 1_000) == line


def test_a_deployments_own_pattern_counts_too() -> None:
    """Numbers of customers, for example."""
    shown = Outside(r"CUST-\d{6}|\bKdNr \d+").text("refund for CUST-123456 (KdNr 77)", 1_000)

    assert shown == "refund for [masked] ([masked])"


def test_a_long_line_takes_no_time() -> None:
    """Whoever writes a log line chooses its length and its form."""
    for line in ("a." * 500_000, "token" * 200_000, '"' * 100_000, "password=" * 100_000):
        assert len(MASK.text(line, 1_000)) <= 1_000
