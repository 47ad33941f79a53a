import pytest
from hypothesis import given
from hypothesis import strategies as st

from common.errors import PermanentError
from common.servicenow.query import all_of, any_of, equals, newest_first, term
from local.simulator.query import Condition, Query, parse


@pytest.mark.parametrize(
    ("field", "operator", "value", "expected"),
    [
        ("number", "=", "INC0010001", "number=INC0010001"),
        ("caller_id.name", "STARTSWITH", "O'Neil & Söhne", "caller_id.nameSTARTSWITHO'Neil & Söhne"),
        ("state", "IN", "1,2,3", "stateIN1,2,3"),
        ("sys_created_on", ">=", "2026-11-23 00:00:00", "sys_created_on>=2026-11-23 00:00:00"),
        ("sys_created_on", "<", "2026-11-23", "sys_created_on<2026-11-23"),
        ("short_description", "=", "emoji 🔥 and עברית", "short_description=emoji 🔥 and עברית"),
        ("short_description", "!=", "a=b", "short_description!=a=b"),
        ("short_description", "=", "x" * 255, "short_description=" + "x" * 255),
    ],
)
def test_a_term_is_field_operator_and_value(field: str, operator: str, value: str, expected: str) -> None:
    """Printable text of any language is a value like any other."""
    assert term(field, operator, value) == expected


@pytest.mark.parametrize(
    "value",
    [
        pytest.param("", id="nothing"),
        pytest.param("x" * 256, id="too long"),
        pytest.param("a^active=true", id="another condition"),
        pytest.param("a^ORactive=true", id="an alternative"),
        pytest.param("a^NQactive=true", id="a new query"),
        pytest.param("^", id="the separator alone"),
        pytest.param("a\nb", id="line feed"),
        pytest.param("a\r\nb", id="CRLF"),
        pytest.param("a\tb", id="tab"),
        pytest.param("a\x00b", id="NUL"),
        pytest.param("a\x7f", id="delete"),
        pytest.param("a\u2028b", id="line separator"),
        pytest.param("a\u202eb", id="right-to-left override"),
        pytest.param("a\u200bb", id="zero width"),
        pytest.param("a\ufeff", id="byte order mark"),
        pytest.param("a\ud83d", id="half a surrogate pair"),
        pytest.param("a\u00a0b", id="no-break space"),
        pytest.param("javascript:gs.getUserID()", id="script"),
        pytest.param("JavaScript:1", id="script in capitals"),
        pytest.param("  javascript:1", id="script behind blanks"),
        pytest.param("a@javascript:1", id="script as an upper bound"),
        pytest.param("1,javascript:1", id="script in a list"),
    ],
)
def test_what_would_be_more_than_a_value_is_refused(value: str) -> None:
    """ServiceNow documents no escape, so nothing can be made harmless; it is not sent at all."""
    with pytest.raises(PermanentError, match="number") as caught:
        equals("number", value)
    assert len(value) < 2 or value not in str(caught.value)


@pytest.mark.parametrize(("operator", "value"), [(">", "=5"), ("<", "=5"), ("IN", "STANCEOFcmdb_ci")])
def test_a_value_cannot_change_the_operator(operator: str, value: str) -> None:
    """`>` and `=5` would be read as `>=` and `5`."""
    with pytest.raises(PermanentError, match="would change the operator"):
        term("sys_class_name", operator, value)


@pytest.mark.parametrize("operator", ["NOT LIKE", "ISEMPTY", "", "==", "in", "^OR", "=javascript:"])
def test_other_operators_are_refused(operator: str) -> None:
    """Only those that the bridge needs."""
    with pytest.raises(PermanentError, match="not supported"):
        term("number", operator, "x")


FIELDS = ["", "Number", "a b", "number^active", "1st", "a..b", ".a", "a.b.c.d.e", "a" * 81, "nümber", "a-b", "a\n"]


@pytest.mark.parametrize("field", FIELDS)
def test_what_is_no_field_name_is_refused(field: str) -> None:
    """ServiceNow drops a condition on a field that it does not know, and answers with the whole table."""
    with pytest.raises(PermanentError, match="is no field name"):
        equals(field, "x")
    with pytest.raises(PermanentError, match="is no field name"):
        all_of([equals("number", "x")], order_by=field)


def test_terms_are_joined_and_sorted() -> None:
    """All of them must hold."""
    terms = (equals("active", "true"), term("state", "IN", "1,2"))
    assert all_of(terms) == "active=true^stateIN1,2"
    assert all_of(terms, order_by="sys_created_on") == "active=true^stateIN1,2^ORDERBYsys_created_on"


def test_alternatives_stand_beside_other_conditions() -> None:
    """Any of them may hold, and everything else must."""
    query = parse(
        all_of([any_of([equals("number", "1"), equals("number", "2")]), equals("active", "true")]), lambda _: True
    )
    alternatives = [Condition("number", "=", "1"), Condition("number", "=", "2")]
    assert query.groups == [[alternatives, [Condition("active", "=", "true")]]]
    with pytest.raises(PermanentError, match="at least one condition"):
        any_of([])


def test_the_order_of_pages_is_fixed() -> None:
    """Otherwise a row could be on two pages, or on none."""
    query = parse(newest_first(equals("active", "true")), lambda _: True)
    assert query.order == [("sys_created_on", True), ("sys_id", False)]
    assert query.groups == [[[Condition("active", "=", "true")]]]


@pytest.mark.parametrize("order_by", [None, "number"])
def test_a_query_without_condition_is_refused(order_by: str | None) -> None:
    """It would be every record of the table."""
    with pytest.raises(PermanentError, match="at least one condition"):
        all_of([], order_by=order_by)


@given(st.sampled_from(["=", "!=", ">", ">=", "<", "<=", "STARTSWITH", "IN"]), st.text())
def test_a_term_is_read_back_as_the_condition_that_it_was(operator: str, value: str) -> None:
    """Whatever the value is, it is refused, or the instance understands field, operator and value as meant."""
    try:
        encoded = term("short_description", operator, value)
    except PermanentError:
        return
    meant = Condition("short_description", operator, value)
    assert parse(encoded, lambda _: True) == Query(groups=[[[meant]]])
