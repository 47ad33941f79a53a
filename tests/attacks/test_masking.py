"""What must not be read in a log: secrets and people that stood in somebody's text."""

import json

import pytest
from hypothesis import given
from hypothesis import strategies as st

from common.clock import Deadline
from common.masking import FILE, Masking, masking
from common.servicenow.shadow import ShadowRecords
from tests.support.clock import FakeClock
from tests.support.telemetry import readable_telemetry

pytestmark = pytest.mark.attack

PERSONAL = [
    "AKIA" + "IOSFODNN7EXAMPLE",
    "gh" + "p_" + "a1B2" * 9,
    "eyJhbGciOiJIUzI1NiJ9" + ".eyJzdWIiOiIxMjM0In0.c2lnbmF0dXJl",
    "password=" + "hunter22",
    "Bearer " + "abcdefghijklmnop1234",
    "4111 1111 1111 1111",
    "378282246310005",
    "078-05-1120",
    "DE89 3704 0044 0532 0130 00",
    "jane.doe@example.com",
    "https://console.example.com/alarms/of%20jane.doe%40example.com",
]
# Parts of what is found, and what hints are made of; \u017f and \u212a are an s and a K to patterns without case.
PIECES = [
    *(part for text in PERSONAL for part in (text, text[:5], text[5:])),
    *(
        "pa\u017fsword",
        "pas\u017fwd",
        "api_\u212aey",
        "secret: ",
        "access-token=",
        "-----BEGIN PRIVATE KEY-----",
        "@",
        " ",
        "=",
    ),
]
WITHOUT_HINTS = Masking.parse("\n".join(line for line in FILE.read_text().splitlines() if "hints = " not in line))
HARMLESS = [
    "arn:aws:iam::123456789012:role/billing",
    "4111 1111 1111 1112",
    "1795777417097",
    "0123456789abcdef0123456789abcdef",
    "INC0010001",
    "2026-11-27 11:03:37,094+0000",
    "AB12 CDEF GHIJ KLMN",
    "the password is wrong",
    "i-0123456789abcdef0",
    "300 MB of 4096 used @ 12:00",
]


@pytest.mark.parametrize("text", PERSONAL)
def test_what_is_personal_or_secret_is_masked_in_the_log(text: str) -> None:
    """In a message, in a fact, and behind a line end, which JSON spells with a letter."""
    telemetry, log = readable_telemetry()
    telemetry.log.warning("It says %s.", text, fact=f"first line\n{text}\nlast line")
    assert text.rsplit("=", maxsplit=1)[-1].removeprefix("Bearer ") not in log.getvalue()
    line = json.loads(log.getvalue())
    assert "last line" in line["fact"]


@given(st.lists(st.sampled_from([*PIECES, *map(str.upper, PIECES)]) | st.text(max_size=3), max_size=12).map("".join))
def test_a_hint_never_hides_what_its_pattern_finds(text: str) -> None:
    """Whatever the case of a word, and with letters that Python takes for one of another case."""
    assert masking().text(text) == WITHOUT_HINTS.text(text)


@pytest.mark.parametrize("text", HARMLESS)
def test_what_an_operator_needs_is_left(text: str) -> None:
    """Numbers of accounts, records and times are what a log is read for; a wrong check digit is no card."""
    assert masking().text(f"It says {text}.") == f"It says {text}."
    telemetry, log = readable_telemetry()
    telemetry.log.warning(text)
    assert json.loads(log.getvalue())["message"] == text


def test_shadow_mode_logs_no_people() -> None:
    """Whole records are logged there, and staging starts in it."""
    telemetry, log = readable_telemetry()
    fields = {"caller_id": "Jane Doe", "assigned_to": "", "description": "of jane.doe@example.com", "impact": "1"}
    ShadowRecords(telemetry).create("incident", fields, Deadline.after(FakeClock(), 60))
    logged = json.loads(log.getvalue().splitlines()[0])["fields"]
    assert logged == {
        "caller_id": "[masked]",
        "assigned_to": "",
        "description": "of [mail address]",
        "impact": "1",
    }


def test_own_patterns_and_fields_are_data() -> None:
    """Added to the file, they count."""
    own = FILE.read_text().replace("fields = [", 'fields = ["u_patient",')
    made = Masking.parse(own + "\n[[pattern]]\nname = \"case\"\npattern = 'CASE-[0-9]+'\n")
    assert made.record({"u_patient": "x", "description": "CASE-12"}) == {
        "u_patient": "[masked]",
        "description": "[case]",
    }


@pytest.mark.parametrize("character", ["a", "1", "A1", "-", "a.", "1 ", "=", "AA11"])
def test_no_text_makes_a_pattern_slow(character: str) -> None:
    """A line of a megabyte of anything takes less than some seconds, and stays a line."""
    text = character * (100_000 // len(character))
    assert len(masking().text(text)) <= len(text)
