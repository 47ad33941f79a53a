"""`make tickets`: what the page about monitoring tools says of each."""

import re

import pytest

from common.doors.proof import Way
from common.incidents.rules import Rule
from common.incidents.rules.surroundings import NOTHING_AROUND
from local import shipped_tickets
from local.simulator.choices import CATEGORIES
from local.tickets import PAGE, command, tickets
from local.written_parts import BY_TICKETS, with_part
from tests.support.rules import SHIPPED
from tools.webhook import HABITS

EMPTY = {"account": "111122223333", "region": "eu-west-1", "detail": {}}

BEFORE, _, AFTER = PAGE.read_text(encoding="utf-8").partition(BY_TICKETS)
TABLE = re.findall(
    r"^\| `([a-z]+)`[^|]* \| ([^|]+) \| ([^|]+) \| ([^|]+) \|$", BEFORE.partition("## SNS topics")[0], re.MULTILINE
)
PASTED = BEFORE.partition("## What to paste")[2]


def test_the_page_about_sources_shows_what_comes_out() -> None:
    """`make tickets` writes it from the samples."""
    assert AFTER.strip() == tickets().strip()


def test_the_page_about_tickets_shows_one_of_each_rule() -> None:
    """With a category of a new instance, short description, description, and what its resolution says."""
    text = shipped_tickets.PAGE.read_text(encoding="utf-8")
    assert with_part(text, BY_TICKETS, shipped_tickets.page()) == text
    assert re.findall(r"^## (.+)$", text, re.MULTILINE) == sorted(rule.name for rule in SHIPPED)


@pytest.mark.parametrize("rule", list(SHIPPED), ids=[rule.name for rule in SHIPPED])
def test_a_rule_has_a_category_of_a_new_instance(rule: Rule) -> None:
    """ServiceNow's default is Inquiry / Help, which is wrong for nearly all; a record request says it itself."""
    if rule.fields_from is None or rule.name == "servicenow-alert":
        assert "category" in rule.fields, f"the rule's fields say none of {', '.join(sorted(CATEGORIES))}"
        text = rule.fields["category"].render(NOTHING_AROUND.around(EMPTY))
        assert text in CATEGORIES


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
