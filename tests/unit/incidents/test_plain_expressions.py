"""What callers may ask of events: nothing that takes more time or memory than the event is long."""

import pytest

from common.incidents.plain_expressions import parse_plain

EVENT = {"detail": {"name": "shop-1", "states": [{"value": "ALARM"}]}, "account": "1"}


@pytest.mark.parametrize(
    "source",
    [
        "account",
        "starts_with(detail.name, 'shop-') && contains(['1', '2'], account)",
        "detail.states[?value == 'ALARM'].value | [0]",
        "!(length(detail.states[*].value) > `3`) || not_null(tag(detail.tags, 'team'))",
    ],
)
def test_what_pipelines_ask_for_is_understood(source: str) -> None:
    """As in a rule."""
    assert parse_plain(source).holds(EVENT)


@pytest.mark.attack
@pytest.mark.parametrize(
    ("source", "said"),
    [
        ("[@,@]" + "|[@,@][]" * 100, "it builds values"),
        ("{a: @, b: @} | {a: @, b: @}", "it builds values"),
        ("map(&to_string(@), detail.states)", "map() can't be called here"),
        ("detail.states[?join(@.value, ['a'])]", "join() can't be called here"),
        ("contains(['a', [@, @]], account)", "it builds values"),
        ("sort_by(detail.states, &value)", "sort_by() can't be called here"),
        ("&detail", "it builds values"),
        ("tags.team == 'web'", "tags can't be asked for"),
        (" || ".join(["account == 'x'"] * 30), "it has more than 100 parts"),
        ("a b", "is no JMESPath expression"),
    ],
)
def test_what_fills_a_functions_memory_is_refused(source: str, said: str) -> None:
    """An expression of a thousand characters could double what it holds a hundred times."""
    with pytest.raises(ValueError, match=r".+") as error:
        parse_plain(source)
    assert said in str(error.value)
