import unicodedata

import pytest
from hypothesis import given
from hypothesis import strategies as st

from common.incidents.fields import LENGTHS, inert_fields, inert_note, shorten, with_footer

HEBREW = "תקלה בשרת"


def described(text: str) -> str:
    """Return what becomes of a text in the description; empty where the field is left out."""
    return inert_fields({"description": text}).get("description", "")


@pytest.mark.parametrize(
    "text",
    [
        "Checkout is slow 🔥👨‍👩‍👧",
        HEBREW,
        "mixed עברית and العربية",
        "line one\nline two\n\n\tindented",
        "<script>alert(1)</script>",
        "${jndi:ldap://evil/x}",
        "a^ORactive=true^NQ",
        "=cmd|' /C calc'!A0",
        "{{ region }}",
        "' OR 1=1 --",
        "[link](https://example.org) [codec] [/codex]",
        "café ﬁ Å",
    ],
)
def test_what_is_only_text_stays_as_it_is(text: str) -> None:
    """Faults 83 and 84: ServiceNow stores these without doing anything, so nobody's words are changed."""
    assert described(text) == text


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("nul\x00 bell\x07 escape\x1b[31m delete\x7f", "nul bell escape[31m delete"),
        ("next line\x85 and more\x9f", "next line and more"),
        ("half\ud83d a pair\udc00", "half a pair"),
        ("not\ufdd0 characters\ufffe\uffff", "not characters"),
        ("file\u202egnp.exe \u2066isolated\u2069 \u202aembedded\u202c", "filegnp.exe isolated embedded"),
        ("one\r\ntwo\rthree", "one\ntwo\nthree"),
        ("  around \n", "around"),
        ("\x00 \x1b", ""),
    ],
)
def test_what_is_no_text_is_taken_out(text: str, expected: str) -> None:
    """Faults 83 and 84: control characters, halves of pairs, and marks that turn other people's text around."""
    assert described(text) == expected


@pytest.mark.parametrize(
    "text", ["[code]<b>x</b>[/code]", "[CODE]x[/Code]", "[\x00code]x[/\u202ecode]", "[code][code]x[/code]"]
)
@pytest.mark.parametrize("field", ["work_notes", "comments", "description", "short_description", "category"])
def test_no_text_opens_a_code_block(field: str, text: str) -> None:
    """Fault 84: what stands between [code] tags in a journal is rendered as HTML."""
    cleaned = inert_fields({field: text})[field]
    assert "[code]" not in cleaned.lower()
    assert "[/code]" not in cleaned.lower()
    assert "[ code]" in cleaned.lower()


@pytest.mark.parametrize(
    "text", ["javascript:gs.log('x')", "JavaScript:1", "  javascript:1", "java\x00script:1", "\u202ejavascript:1"]
)
def test_no_value_begins_as_a_script(text: str) -> None:
    """Fault 84: such values are evaluated in some places of the platform."""
    for field in ("description", "short_description", "category"):
        assert inert_fields({field: text})[field].startswith("'")


def test_a_single_line_stays_a_single_line() -> None:
    """Fields that are shown in lists hold no line ends and no runs of blanks."""
    fields = inert_fields({"short_description": " a\r\nb\tc\u2028d  e ", "category": "x\ny", "description": "x\ny"})
    assert fields == {"short_description": "a b c d e", "category": "x y", "description": "x\ny"}


def test_empty_fields_are_left_out() -> None:
    """Sending them would empty what the instance fills by itself."""
    assert inert_fields({"description": "", "category": " \n", "urgency": "2"}) == {"urgency": "2"}


@pytest.mark.parametrize(
    ("field", "longest"),
    [("short_description", 160), ("description", 4000), ("work_notes", 4000), ("close_notes", 4000), ("category", 255)],
)
def test_fields_are_cut_to_the_length_of_their_column(field: str, longest: int) -> None:
    """With an ellipsis, so that a reader sees it."""
    assert inert_fields({field: "x" * longest})[field] == "x" * longest
    assert inert_fields({field: "x" * (longest + 1)})[field] == "x" * (longest - 1) + "…"
    assert len(inert_fields({field: "[code]" * longest})[field]) == longest


def test_a_note_is_made_inert_too() -> None:
    """It goes into a journal."""
    assert inert_note("[code]\x00x\r\ny") == "[ code]x\ny"
    assert len(inert_note("x" * 9000)) == 4000
    assert inert_note("") == ""


def test_a_footer_stays_whatever_has_to_be_cut_before_it() -> None:
    """The rule of a composite alarm alone may have 10,240 characters; account and Region must still be there."""
    footer = "Account: 1\nRegion: eu-west-1"
    text = with_footer("ALARM(x) OR " * 1000, footer)
    assert len(text) == 4000
    assert text.endswith(f"…\n\n{footer}")
    assert with_footer("short", footer) == f"short\n\n{footer}"


def test_a_footer_alone_and_a_text_alone_stand_without_a_gap() -> None:
    """Nothing is joined with nothing."""
    assert with_footer("", "footer") == "footer"
    assert with_footer("text", "") == "text"
    assert with_footer("", "") == ""


@pytest.mark.parametrize("length", [3996, 3997, 3998, 3999, 4000, 4001, 300_000])
def test_a_footer_of_any_length_fits(length: int) -> None:
    """A resource of an event may be as long as the event."""
    text = with_footer("body " * 10, "f" * length)
    assert len(text) <= 4000
    assert text.rstrip("…").endswith("f" * min(length, 3000))


def test_shortening_leaves_short_text_alone() -> None:
    """The ellipsis counts."""
    assert [shorten("abcd", longest) for longest in (5, 4, 3, 1)] == ["abcd", "abcd", "ab…", "…"]


@given(st.dictionaries(st.sampled_from([*LENGTHS, "category"]), st.text(st.characters(exclude_categories=()))))
def test_every_text_becomes_inert(fields: dict[str, str]) -> None:
    """What any text becomes can be stored, fits, and stays the same when it is made inert again."""
    cleaned = inert_fields(fields)
    for name, text in cleaned.items():
        assert 0 < len(text) <= LENGTHS.get(name, 255)
        assert text.encode()
        assert not {unicodedata.category(char) for char in text} & {"Cs"}
        assert all(char in "\n\t" or unicodedata.category(char) != "Cc" for char in text)
        assert not text.lower().startswith("javascript:")
    assert inert_fields(cleaned) == cleaned


@given(st.text(), st.text())
def test_every_description_with_its_footer_fits(text: str, footer: str) -> None:
    """And is as inert as any other."""
    described = with_footer(text, footer)
    assert len(described) <= 4000
    assert inert_fields({"description": described}).get("description", "") == described.strip()
