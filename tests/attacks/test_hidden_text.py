"""Text that hides, turns round or acts, sent to a record, a reason, a terminal and a log."""

import json

import pytest

from common.api.files import file_of
from common.api.problems import ProblemError
from common.incidents.fields import inert_fields, inert_note
from common.text import link_line, one_line, printable
from tests.support.hidden_text import HIDDEN
from tests.support.telemetry import readable_telemetry
from tools.replay import reason_of

pytestmark = pytest.mark.attack


@pytest.mark.parametrize("hidden", HIDDEN)
def test_a_mark_that_nobody_sees_is_taken_out_wherever_text_is_shown(hidden: str) -> None:
    """Records, journals, names and terminals get the same text, without it."""
    text = f"invoice{hidden}fdp.exe"
    assert inert_fields({"description": text, "category": text}) == dict.fromkeys(
        ("description", "category"), "invoicefdp.exe"
    )
    assert inert_note(text) == printable(text) == one_line(text) == "invoicefdp.exe"


@pytest.mark.parametrize("hidden", [*HIDDEN, "\u200d", "\u200c", "\ufe0f"])
def test_no_mark_carries_a_script_or_a_code_block_past_the_filter(hidden: str) -> None:
    """Joiners stay, for scripts and emoji need them; the words are found through them all the same."""
    for text in (f"{hidden}javascript:x", f"java{hidden}script:x", f"javascript{hidden}:x"):
        assert inert_fields({"description": text})["description"].startswith("'")
    for text in (f"[co{hidden}de]x", f"[{hidden}code]x", f"[code{hidden}]x", f"[/{hidden}code]x", f"[{hidden}/code]x"):
        assert " " in inert_note(text)[:4]


@pytest.mark.parametrize("text", ["java\nscript:x", "java\tscript:x", "\n javascript\n:x"])
def test_a_script_is_found_across_line_ends(text: str) -> None:
    """Browsers pass over them in the name of a scheme."""
    assert inert_fields({"description": text})["description"].startswith("'")


@pytest.mark.parametrize("hidden", HIDDEN)
def test_a_file_has_no_name_that_reads_as_another(hidden: str) -> None:
    """Such a name is refused, because who sends it can send a better one."""
    with pytest.raises(ProblemError) as refused:
        file_of(f"invoice{hidden}fdp.txt", "text/plain", b"x")
    assert refused.value.kind.status == 400


@pytest.mark.parametrize("hidden", HIDDEN)
def test_a_reason_acts_on_no_terminal(hidden: str) -> None:
    """`make replay` prints what stands in the queue, whoever put it there, on one line."""
    letter = {"MessageAttributes": {"Reason": {"StringValue": f"It is{hidden} refused.\n2  forged"}}}
    assert reason_of(letter) == "It is refused. 2 forged"


@pytest.mark.parametrize("hidden", HIDDEN)
def test_a_log_line_spells_out_what_nobody_sees(hidden: str) -> None:
    """A line turned round in a console would say something else; read as JSON it is what it was."""
    telemetry, log = readable_telemetry()
    telemetry.log.info("It says this.", source=f"a{hidden}b")
    assert hidden not in log.getvalue()
    assert json.loads(log.getvalue())["source"] == f"a{hidden}b"


@pytest.mark.parametrize(
    "url",
    [
        "javascript:alert(1)",
        "data:text/html,<script>alert(1)</script>",
        "java\u200bscript:alert(1)",
        "//example.org",
        "https://console.aws.amazon.com@example.org/",
        "https://console.aws.amazon.com\\@example.org/",
        "https://console.aws.amazon.com https://example.org",
        "https://exаmple.org/",  # noqa: RUF001 (a Cyrillic letter is what the attack is)
        "https://[::1",
        "https://example.org:99999/",
        "https://",
        "https:///path",
    ],
)
def test_a_link_that_leads_elsewhere_is_no_link(url: str) -> None:
    """Nothing of it is written, so that no page of ServiceNow makes it one."""
    assert link_line(url) == "Link left out: it is no https address."


def test_a_link_without_encryption_is_named_and_no_link() -> None:
    """A person can still find the monitoring system by its host."""
    assert link_line("http://prometheus:9090/graph") == "Link left out, because it is not https: prometheus:9090"


@pytest.mark.parametrize(
    ("url", "line"),
    [
        ("https://grafana.example/d/1?x=2", "Link to grafana.example: https://grafana.example/d/1?x=2"),
        ("HTTPS://Grafana.Example:3000/d", "Link to grafana.example:3000: HTTPS://Grafana.Example:3000/d"),
        ("https://console.aws.amazon.com.example.org/", "Link to console.aws.amazon.com.example.org: {}"),
        ("https://eu-west-1.console.aws.amazon.com/x", "Console: {}"),
        ("https://[2001:db8::1]/x", "Link to [2001:db8::1]: {}"),
        ("", ""),
        (" \u200b", ""),
    ],
)
def test_a_link_shows_where_it_leads(url: str, line: str) -> None:
    """The host stands before it; only AWS's own console is called that."""
    assert link_line(url) == line.format(url)
