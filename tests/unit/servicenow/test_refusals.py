"""What ServiceNow's refusals mean."""

import pytest

from common.errors import ConfigurationError, PermanentError, TransientError
from common.servicenow.refusals import AccessDeniedError, DoubtfulError, RejectedError, refusal

RULE = (
    "Operation against file 'incident' was aborted by Business Rule 'Check caller^0f3a5b'. "
    "Business Rule Stack:Check caller"
)


def test_a_business_rule_is_named() -> None:
    """So that an operator finds it; the sys_id and the stack behind its name tell nobody anything."""
    error = refusal("POST", 403, {"message": "Operation Failed", "detail": RULE})

    assert isinstance(error, RejectedError)
    assert not isinstance(error, DoubtfulError)
    assert error.code == "business_rule"
    assert error.message == "A business rule of ServiceNow aborts the write: Check caller (403)."
    assert "Business Rules" in error.action


def test_mandatory_fields_are_named() -> None:
    """By the labels that the form shows."""
    detail = "Data Policy Exception: \n\tThe following fields are mandatory: Resolution code, Close notes"

    error = refusal("PATCH", 403, {"message": "Operation Failed", "detail": detail})

    assert error.code == "data_policy"
    assert ": Resolution code, Close notes (403)" in error.message


@pytest.mark.parametrize("name", ["\x1b[31mred\r\n{forged: line}", "x" * 5000, "\u202eevil", "\ud800"])
def test_names_are_made_inert_and_cut_short(name: str) -> None:
    """They may hold anything."""
    detail = f"Data Policy Exception: The following fields are mandatory: {name}"

    message = refusal("POST", 403, {"message": "Operation Failed", "detail": detail}).message

    assert message.isprintable()
    assert len(message) < 250
    message.encode()


@pytest.mark.parametrize("detail", ["was aborted by Business Rule", "was aborted by Business Rule ''"])
def test_a_business_rule_without_a_name_is_one_all_the_same(detail: str) -> None:
    """As some answers have it."""
    error = refusal("POST", 403, {"message": "Operation Failed", "detail": detail})

    assert error.message == "A business rule of ServiceNow aborts the write (403)."


def test_a_number_that_is_taken_is_tried_again() -> None:
    """Two inserts drew the same number; the next one draws another."""
    detail = "Unique Key violation detected by database (Duplicate entry 'INC0010001' for key 'task_number')"

    error = refusal("POST", 403, {"message": "Operation Failed", "detail": detail})

    assert isinstance(error, TransientError)


@pytest.mark.parametrize("status", [400, 404])
@pytest.mark.parametrize("message", ["Invalid table incident", "Requested URI does not represent any resource"])
def test_a_table_or_an_address_that_is_not_there_concerns_everybody(status: int, message: str) -> None:
    """Neither says that a record is gone."""
    error = refusal("PATCH", status, {"message": message, "detail": None})

    assert isinstance(error, ConfigurationError)
    assert error.status == status


def test_a_record_that_is_not_there_is_a_matter_of_this_request() -> None:
    """The only 404 that may mean "deleted"."""
    error = refusal("PATCH", 404, {"message": "No Record found", "detail": "Record doesn't exist or ACL restricts"})

    assert isinstance(error, RejectedError)
    assert not isinstance(error, DoubtfulError)


@pytest.mark.parametrize("status", [400, 403, 404])
def test_unknown_words_are_in_doubt(status: int) -> None:
    """Another language, or a rule that nobody has seen: the error can be turned into one that holds everything."""
    error = refusal("POST", status, {"message": "Vorgang fehlgeschlagen", "detail": "Einfügen fehlgeschlagen"})

    assert isinstance(error, DoubtfulError)
    assert isinstance(error, PermanentError)
    assert error.method == "POST"
    held = error.for_everybody()
    assert isinstance(held, AccessDeniedError)
    assert held.status == status
    assert "English" in held.action
