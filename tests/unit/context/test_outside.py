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


@pytest.mark.attack
@pytest.mark.parametrize(
    "secret",
    [
        "AIza" + "aB3-_" * 7,
        "sk_live_" + "aB3" * 8,
        "npm_" + "aB3" * 12,
        "SG." + "aB3-_x" * 3 + "." + "aB3-_x" * 6,
        "github_pat_" + "aB3_" * 10,
        "jane.doe@b\u00fccher.example",
    ],
)
def test_what_its_form_alone_tells_is_not_found(secret: str) -> None:
    """Tokens of others have beginnings of their own, and mail addresses letters of all alphabets."""
    assert MASK.text(f"sent {secret} again", 1_000) == "sent [masked] again"


@pytest.mark.attack
def test_no_line_of_a_private_key_is_left_whatever_stands_between() -> None:
    """A log has an event for each line, and other streams' lines among them; the last line is short."""
    lines = [
        "-----BEGIN RSA PRIVATE KEY-----",
        "MIIEpAIBAAKCAQEA7bq0" * 3,
        "ERROR other",
        "c2hvcnQ=\n",
        "-----END RSA PRIVATE KEY-----",
    ]
    shown = MASK.lines(lines, 1_000)

    assert shown[2] == "ERROR other"
    assert [line for line in shown if "MII" in line or "c2h" in line or "BEGIN" in line] == []


def test_what_people_need_to_read_stays() -> None:
    """Paths, names, numbers of requests, hashes of commits, times."""
    line = (
        "2026-11-23T09:15:31.118Z 4b3c1c9e-7d5b-4f7e-9f0c-1c9a2b3d4e5f ERROR payments.refund failed for order 4711 at "
        "/var/task/payments/refund.py:118, commit 9f86d081884c7d659a2feaa0c55ad015a3bf4f1b: KeyError('amount')"
    )

    assert MASK.text(line, 1_000) == line


@pytest.mark.parametrize(
    "line",
    [
        'FATAL: password authentication failed for user "app" from 10.0.3.4:5432',
        "invalid password for user jane at line 33",
        "12 tests pass, 3 fail; bypass enabled",
        "com.shop.Order@1b2c3d4e: token expired at 12:03",
        'File "/var/task/app.py", line 7, in charge: café ✓ 你好',
    ],
)
def test_words_of_errors_stay(line: str) -> None:
    """What is about passwords is none."""
    assert MASK.text(line, 1_000) == line


def test_a_deployments_own_pattern_counts_too() -> None:
    """Numbers of customers, for example."""
    shown = Outside(r"CUST-\d{6}|\bKdNr \d+").text("refund for CUST-123456 (KdNr 77)", 1_000)

    assert shown == "refund for [masked] ([masked])"


def test_a_long_line_takes_no_time() -> None:
    """Whoever writes a log line chooses its length and its form."""
    for line in (
        "a." * 500_000,
        "é" * 500_000,
        "\\u003d" * 100_000,
        "a@" * 100_000,
        "<password " * 100_000,
        "mysql -p" * 100_000,
        "token" * 200_000,
        '"' * 100_000,
        "password=" * 100_000,
    ):
        assert len(MASK.text(line, 1_000)) <= 1_000
