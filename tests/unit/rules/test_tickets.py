"""`make tickets`: what the page about monitoring tools says of each."""

import re

import pytest

from common.doors.proof import Way
from local.tickets import BEGIN, PAGE, command, tickets
from tools.webhook import HABITS

BEFORE, _, AFTER = PAGE.read_text(encoding="utf-8").partition(BEGIN)
TABLE = re.findall(
    r"^\| `([a-z]+)`[^|]* \| ([^|]+) \| ([^|]+) \| ([^|]+) \|$", BEFORE.partition("## SNS topics")[0], re.MULTILINE
)
PASTED = BEFORE.partition("## What to paste")[2]


def test_the_page_about_sources_shows_what_comes_out() -> None:
    """`make tickets` writes it from the samples."""
    assert AFTER.strip() == tickets().strip()


def test_the_table_has_every_tool_that_has_a_ticket() -> None:
    """And none besides."""
    assert sorted(source for source, *_ in TABLE) == re.findall(r"^### (\w+)$", AFTER, re.MULTILINE)


@pytest.mark.parametrize(("source", "click", "secret", "body"), TABLE, ids=[source for source, *_ in TABLE])
def test_a_tool_has_what_to_click_what_to_paste_and_a_command(source: str, click: str, secret: str, body: str) -> None:
    """What the table calls `below` is there; the command posts a sample to the tool's own address."""
    assert click.strip()
    assert secret.strip()
    if "below" in (body.strip(), secret.strip()):
        said = {"elastic": "Kibana", "plain": "Any other"}.get(source, source.capitalize())
        assert re.search(rf"^{said}[^\n]*:\n\n```", PASTED, re.MULTILINE)
    section = AFTER.partition(f"### {source}\n")[2].partition("\n### ")[0]
    assert f"```sh\n{command(source, f'webhook-{source}-firing.json')}\n```" in section
    assert f'"$API/webhooks/{source}' in section


@pytest.mark.parametrize("source", sorted(HABITS))
def test_a_command_shows_the_secret_as_the_tool_would(source: str) -> None:
    """In the address, as a password or as a signature, and never in two ways."""
    shown = {
        Way.QUERY: f"?{HABITS[source].name}=$TOKEN",
        Way.BASIC: f'--user "{HABITS[source].name}:$TOKEN"',
        Way.HMAC: f'--header "{HABITS[source].name}: {HABITS[source].prefix}$SIGNATURE"',
    }
    text = command(source, "sample.json")
    assert [way for way, words in shown.items() if words in text] == [HABITS[source].way]
    assert "Bearer" not in text
