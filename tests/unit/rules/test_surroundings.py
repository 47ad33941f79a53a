"""What texts say beside the event: names of accounts, and the time where the readers are."""

from pathlib import Path
from zoneinfo import ZoneInfo

import pytest

from common.incidents.alert import Alert
from common.incidents.rules import load_rules, read_rules
from tests.support.rules import Event, alert_of
from tests.unit.rules.test_checked import laid_together

BERLIN = ZoneInfo("Europe/Berlin")
NO_NAME = "accounts.111122223333 is no name of 1 to 40 printable characters"
ACCOUNTS = """
[accounts]
111122223333 = "payments"
"444455556666" = "data lake"
"""
RULE = """
[[rule]]
name = "mine"
source = "mine"
detail_type = "Broken"
key = ["detail.name"]
firing = "detail.broken"
resolved = "!(detail.broken)"
table = "{table}"
policy = {{ on_recovery = "note" }}

[rule.fields]
short_description = "{{{{ detail.name }}}} is broken ({{{{ account_name }}}})"
description = "Broken since {{{{ detail.since }}}}."

[rule.notes]
firing = "Still broken at {{{{ time }}}}."
"""


def event(account: str = "111122223333") -> Event:
    """Return an event of the rule above."""
    return {
        "source": "mine",
        "detail-type": "Broken",
        "account": account,
        "region": "eu-west-1",
        "id": "1",
        "time": "2026-11-23T09:15:31Z",
        "resources": [],
        "detail": {"name": "disk", "broken": True, "since": "2026-11-23T08:00:00Z"},
    }


def read(tmp_path: Path, text: str, account: str = "111122223333", zone: ZoneInfo | None = None) -> Alert:
    """Return what the event becomes by the rules in `text`."""
    (tmp_path / "mine.toml").write_text(text)
    rules = load_rules(tmp_path, ("em_event",), zone=zone)
    return alert_of(event(account), rules)


def test_an_account_has_its_name_in_texts(tmp_path: Path) -> None:
    """And both where somebody has to find it."""
    alert = read(tmp_path, ACCOUNTS + RULE.format(table="incident"))
    assert alert.fields["short_description"] == "disk is broken (payments)"
    assert "\nAccount: payments (111122223333)\n" in alert.fields["description"]


def test_an_account_without_a_name_is_told_by_its_number(tmp_path: Path) -> None:
    """As all are where no file names any."""
    for text in (RULE.format(table="incident"), ACCOUNTS + RULE.format(table="incident")):
        alert = read(tmp_path, text, "999999999999")
        assert alert.fields["short_description"] == "disk is broken (999999999999)"
        assert "\nAccount: 999999999999\n" in alert.fields["description"]


def test_a_name_changes_no_problem(tmp_path: Path) -> None:
    """Its key holds the number, whatever the account is called."""
    plain, named = (read(tmp_path, text + RULE.format(table="incident")) for text in ("", ACCOUNTS))
    assert plain.key == named.key


def test_an_override_may_ask_for_the_name(tmp_path: Path) -> None:
    """Instead of a number that nobody knows by heart."""
    override = "\n[[override]]\nmatch = \"account_name == 'payments'\"\nfields = { category = 'software' }\n"
    assert read(tmp_path, ACCOUNTS + RULE.format(table="incident") + override).fields["category"] == "software"
    other = read(tmp_path, ACCOUNTS + RULE.format(table="incident") + override, "444455556666")
    assert "category" not in other.fields


@pytest.mark.parametrize("table", ["incident", "em_event"])
def test_times_have_the_local_one_beside_them(tmp_path: Path, table: str) -> None:
    """In descriptions and notes; the short description stays short."""
    alert = read(tmp_path, RULE.format(table=table), zone=BERLIN)
    assert "Broken since 2026-11-23T08:00:00Z (09:00:00 CET)." in alert.fields["description"]
    assert "at 2026-11-23T09:15:31Z (10:15:31 CET), id 1" in alert.fields["description"]
    assert alert.note == "Still broken at 2026-11-23T09:15:31Z (10:15:31 CET)."
    assert alert.occurred_at == read(tmp_path, RULE.format(table=table)).occurred_at


def test_the_package_brings_the_names_along(tmp_path: Path) -> None:
    """With the rules."""
    rules = load_rules(laid_together(tmp_path, ACCOUNTS + RULE.format(table="incident")), zone=BERLIN)
    alert = alert_of(event("444455556666"), rules)
    assert alert.fields["short_description"] == "disk is broken (data lake)"
    assert "(09:00:00 CET)" in alert.fields["description"]


@pytest.mark.parametrize(
    ("accounts", "mistake"),
    [
        ("[[accounts]]", "accounts is no table: write [accounts]"),
        ('[accounts]\n1111 = "x"', "accounts.1111 is no account number of 12 digits"),
        ("[accounts]\n111122223333 = 7", NO_NAME),
        ('[accounts]\n111122223333 = " "', NO_NAME),
        ('[accounts]\n111122223333 = "a\\nb"', NO_NAME),
        (
            f'[accounts]\n111122223333 = "{"x" * 41}"',
            NO_NAME,
        ),
    ],
)
def test_a_mistake_names_file_and_account(tmp_path: Path, accounts: str, mistake: str) -> None:
    """`make rules` lists it, and nothing is built."""
    (tmp_path / "mine.toml").write_text(RULE.format(table="incident") + accounts + "\n")
    _, mistakes = read_rules(tmp_path)
    assert next(str(each) for each in mistakes).startswith(f"mine.toml: {mistake}")
