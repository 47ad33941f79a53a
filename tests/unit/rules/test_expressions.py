import json
import sys
import time
from typing import Any

import jmespath
import pytest
from hypothesis import given
from hypothesis import strategies as st

from common.incidents.expressions import Expression, Template, milliseconds

EVENT: dict[str, Any] = {
    "detail-type": "CloudWatch Alarm State Change",
    "region": "eu-west-1",
    "detail": {
        "name": "a b/ü&{{ region }}",
        "count": 0,
        "ratio": 0.5,
        "yes": True,
        "no": False,
        "nothing": None,
        "empty": {"text": "", "list": [], "object": {}},
        "reason": '{"threshold": 5.0, "list": [1]}',
        "items": [{"key": "a", "value": 1}, {"key": "b"}],
        "tags": ["odd", {"Key": "team", "Value": "shop"}, {"key": "owner", "value": "me"}, {"Key": "half"}, None],
    },
}

JSON = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(),
    lambda children: st.lists(children, max_size=4) | st.dictionaries(st.text(), children, max_size=4),
    max_leaves=20,
)


def value(source: str, event: dict[str, Any] = EVENT) -> Any:  # noqa: ANN401 (any JSON value)
    """Return what an expression finds."""
    return Expression.parse(source).value(event)


@pytest.mark.parametrize(
    ("source", "found"),
    [
        ('"detail-type"', "CloudWatch Alarm State Change"),
        ("detail.items[?key == 'b'].key | [0]", "b"),
        ("detail.absent.deeper", None),
        ("detail.name.deeper", None),
        ("join(', ', detail.items[].key)", "a, b"),
        ("join(', ', detail.items[].value)", None),
        ("length(detail.count)", None),
        ("detail.nothing.x", None),
    ],
)
def test_an_expression_finds_what_it_names(source: str, found: object) -> None:
    """And nothing where the event lacks it, or holds another type."""
    assert value(source) == found


@pytest.mark.parametrize(
    ("source", "found"),
    [
        ("url_encode(detail.name)", "a%20b%2F%C3%BC%26%7B%7B%20region%20%7D%7D"),
        ("url_encode(detail.count)", "0"),
        ("url_encode(detail.nothing)", None),
        ("url_encode(detail.yes)", None),
        ("url_encode('\ud83d')", "%3F"),
        ("from_json(detail.reason).threshold", 5.0),
        ("from_json(detail.name)", None),
        ("from_json(detail.nothing)", None),
        ("from_json(detail.empty.text)", None),
        ("from_json(detail.count)", None),
        ("split('a/b/c', '/')[2]", "c"),
        ("split(detail.nothing, '/')", None),
        ("split(detail.empty.text, '/')", None),
        ("split(region, '')", None),
        ("tag({team: 'shop'}, 'team')", "shop"),
        ("tag({team: 'shop'}, 'owner')", None),
        ("tag(detail.tags, 'team')", "shop"),
        ("tag(detail.tags, 'owner')", "me"),
        ("tag(detail.tags, 'absent')", None),
        ("tag(detail.nothing, 'team')", None),
        ("tag(detail.name, 'team')", None),
        ("console(region)", "https://eu-west-1.console.aws.amazon.com"),
        ("console('cn-north-1')", "https://cn-north-1.console.amazonaws.cn"),
        ("console('us-gov-west-1')", "https://us-gov-west-1.console.amazonaws-us-gov.com"),
        ("console('evil.example/')", None),
        ("console('x')", None),
        ("console(detail.nothing)", None),
        ("console('')", None),
    ],
)
def test_functions_beyond_the_standard_ones(source: str, found: object) -> None:
    """Each gives null where its input makes no sense."""
    assert value(source) == found


def test_json_too_deep_to_read_is_null() -> None:
    """A text inside an event may hold anything."""
    assert value("from_json(text)", {"text": "[" * 200_000}) is None


@pytest.mark.parametrize(
    ("source", "text"),
    [
        ("detail.name", EVENT["detail"]["name"]),
        ("detail.count", "0"),
        ("detail.ratio", "0.5"),
        ("detail.yes", "true"),
        ("detail.no", "false"),
        ("detail.nothing", ""),
        ("detail.absent", ""),
        ("detail.items[0]", '{"key": "a", "value": 1}'),
        ("{b: detail.name, a: `1`}", '{"a": 1, "b": "a b/ü&{{ region }}"}'),
    ],
)
def test_a_value_reads_as_text(source: str, text: str) -> None:
    """Text as it is, everything else as JSON."""
    assert Expression.parse(source).text(EVENT) == text


@pytest.mark.parametrize("source", ["detail.yes", "detail.name", "detail.count", "detail.ratio", "detail.items", "`0`"])
def test_what_holds(source: str) -> None:
    """Everything but what JMESPath calls false: zero too is true."""
    assert Expression.parse(source).holds(EVENT)


@pytest.mark.parametrize("source", ["detail.no", "detail.nothing", "detail.absent", "detail.items[?key == 'z']"])
@pytest.mark.parametrize(
    "wrapper", ["{}", "{} || detail.empty.text", "{} || detail.empty.list", "{} || detail.empty.object"]
)
def test_what_does_not_hold(source: str, wrapper: str) -> None:
    """False, null and everything empty."""
    assert not Expression.parse(wrapper.format(source)).holds(EVENT)


@pytest.mark.parametrize(
    "source",
    [
        "", " ", "detail.", "detail..name", "detail[", "'open", "`open", '"\\x"', "detail.name ||", "a b", "@@",
        "a\nb", "\x00", "[" + "9" * 5_000 + "]", "(" * 100_000, "!" * 100_000,
    ],
)  # fmt: skip
def test_what_is_no_expression_is_named(source: str) -> None:
    """On reading the rules, not when an event comes."""
    with pytest.raises(ValueError, match=r"is no JMESPath expression: .+"):
        Expression.parse(source)


@pytest.mark.parametrize(
    ("source", "problem"),
    [
        ("url_encod(detail.name)", r"there is no function url_encod\(\)"),
        ("detail.items[?starts_with(key, foo(@))]", r"there is no function foo\(\)"),
        ("{a: [nope(@)]}", r"there is no function nope\(\)"),
        ("console()", r"console\(\) does not take 0 arguments"),
        ("console(region, region)", r"console\(\) does not take 2 arguments"),
        ("not_null()", r"not_null\(\) does not take 0 arguments"),
        ("map(&length(@, @), detail.items)", r"length\(\) does not take 2 arguments"),
    ],
)
def test_a_call_that_could_never_succeed_is_named(source: str, problem: str) -> None:
    """JMESPath itself would notice only at the first event, and the rule would never fire."""
    with pytest.raises(ValueError, match=problem):
        Expression.parse(source)


@pytest.mark.parametrize(
    "source", ["not_null(detail.absent, region)", "merge(@, @, @)", "detail.items[1:2]", "max_by(detail.items, &key)"]
)
def test_calls_with_any_number_of_arguments_and_slices_are_fine(source: str) -> None:
    """The check refuses nothing that works."""
    assert value(source) is not None


ODD = [
    "ceil(@.a)", "floor(@.a)", "sum(@.a)", "avg(@.a)", "abs(@.a)", "max(@.a)", "sort(@.a)", "sort_by(@.a, &b)",
    "max_by(@.a, &b)", "map(&ceil(@), @.a)", "to_number(@.a)", "to_string(@)", "to_array(@.a)", "reverse(@.a)",
    "contains(@.a, @.b)", "join(',', @.a)", "keys(@.a)", "values(@)", "@.a[::0]", "@.a < @.b", "@.a == @.b", "@.*.b",
    "@.a[].b", "merge(@, @)", "type(@.a)", "length(@.a)", "url_encode(@.a)", "from_json(@.a)", "console(@.a)",
    "tag(@.a, 'x')", "split(@.a, '/')", "starts_with(@.a, @.b)",
]  # fmt: skip


@given(st.sampled_from(ODD), st.dictionaries(st.sampled_from("ab"), JSON))
def test_no_event_whatever_makes_an_expression_raise(source: str, event: dict[str, Any]) -> None:
    """Fault 81: rules meet whatever is on the bus."""
    expression = Expression.parse(source)
    assert isinstance(expression.text(event), str)
    assert expression.holds(event) in (True, False)


@given(
    st.sampled_from(["a", "a.b", "a.b.a", "a.*", "a[0]", "a.b || b", "@.a.b"]),
    st.dictionaries(st.sampled_from("ab"), JSON),
)
def test_an_expression_finds_what_jmespath_itself_finds(source: str, event: dict[str, Any]) -> None:
    """Also where it only names a place, for which no engine is asked."""
    # In lists, because not-a-number is no number that equals itself.
    assert [Expression.parse(source).value(event)] == [jmespath.search(source, event)]


@pytest.mark.parametrize("number", [float("inf"), float("-inf"), float("nan"), 10**400, -(10**400)])
@pytest.mark.parametrize("source", ["ceil(x)", "floor(x)", "sum([x, `1.5`])", "avg([x, `1.5`])", "map(&ceil(@), [x])"])
def test_numbers_that_json_should_not_hold_do_no_harm(source: str, number: float) -> None:
    """Python reads `Infinity`, and integers of any size."""
    assert isinstance(Expression.parse(source).text({"x": number}), str)


@pytest.mark.parametrize("depth", [100, 1_000, 5_000, 9_000])
def test_events_of_any_depth_that_can_be_read_can_be_handled(depth: int) -> None:
    """What JSON's reader takes, the expressions survive."""
    event = json.loads('{"x":' + "[" * depth + "]" * depth + "}")
    for source in ("x", "to_string(x)", "x == x", "x[]", "length(x)"):
        assert isinstance(Expression.parse(source).text(event), str)


# Templates


def rendered(source: str, event: dict[str, Any] = EVENT) -> str:
    """Return what a template says about an event."""
    return Template.parse(source).render(event)


TEXTS = {
    "placeholders are filled, any number in a line, with or without blanks": (
        "In {{region}} and {{ region }}: {{ detail.ratio }}.",
        "In eu-west-1 and eu-west-1: 0.5.",
    ),
    "lines and empty lines are kept, those around the text are not": ("\n\nOne\n\n  Two  \n\n", "One\n\n  Two"),
    "a line of which a placeholder finds nothing is left out: an optional field needs no condition": (
        "Name: {{ region }}\nOwner: {{ detail.absent }}\nBoth: {{ region }} {{ detail.nothing }}\nEnd",
        "Name: eu-west-1\nEnd",
    ),
    "zero and false are something": ("{{ detail.count }} {{ detail.no }}", "0 false"),
    "an expression may have braces: JMESPath has objects too": ("{{ {a: region} }}", '{"a": "eu-west-1"}'),
    "fault 84, a value is no template: whoever names an alarm writes no rules": (
        "{{ detail.name }}",
        "a b/ü&{{ region }}",
    ),
}


@pytest.mark.parametrize(("source", "text"), TEXTS.values(), ids=TEXTS)
def test_what_a_template_says(source: str, text: str) -> None:
    """About one event."""
    assert rendered(source) == text


@pytest.mark.parametrize(
    "source",
    [
        "{{ region", "region }}", "a {{ region }} {{ b", "{{ a\n}}", "{{}}", "{{ region }} }}", "{{{region}}}",
        "x {{ {a: b}}}",
    ],
)  # fmt: skip
def test_braces_without_counterpart_are_named(source: str) -> None:
    """Otherwise they would stand in every incident."""
    with pytest.raises(ValueError, match=r"counterpart|no JMESPath expression"):
        Template.parse(source)


@pytest.mark.parametrize("source", ["{{ }}", "{{ detail. }}", "ok {{ region }}\nbad {{ nope(@) }}"])
def test_a_wrong_expression_in_a_template_is_named(source: str) -> None:
    """With the expression, so that it can be found."""
    with pytest.raises(ValueError, match=r"is no JMESPath expression|there is no function nope"):
        Template.parse(source)


@given(st.text())
def test_every_text_is_a_template_or_a_named_mistake(source: str) -> None:
    """Nothing else is raised."""
    try:
        template = Template.parse(source)
    except ValueError:
        return
    assert isinstance(template.render(EVENT), str)


@given(JSON)
def test_no_value_whatever_makes_a_template_raise(found: object) -> None:
    """Fault 81."""
    assert isinstance(rendered("a {{ x }} b {{ x.y }}\n{{ x[0] }}", {"x": found}), str)


# Times


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("2026-11-23T09:15:31.122+0000", 1_795_425_331_122),
        ("2026-11-23T09:15:31.122Z", 1_795_425_331_122),
        ("2026-11-23T10:15:31.122+01:00", 1_795_425_331_122),
        ("2026-11-23T09:15:31.122", 1_795_425_331_122),
        ("2026-11-23T09:15:31.122999999Z", 1_795_425_331_123),
        (" 2026-11-23T09:15:31Z\n", 1_795_425_331_000),
        ("2026-11-23", 1_795_392_000_000),
        ("1970-01-01T00:00:00Z", 0),
        ("0001-01-01T00:00:00Z", -62_135_596_800_000),
        ("9999-12-31T23:59:59-23:59", 253_402_387_139_000),
    ],
)
def test_iso_times_become_milliseconds(text: str, expected: int) -> None:
    """With and without colon in the zone, any number of digits, UTC where no zone is given."""
    assert milliseconds(text) == expected


@pytest.mark.parametrize(
    "text",
    [
        "", "now", "23 Nov 2026", "170000000", "17000000000", "1700000000.", "2026-13-01", "2026-11-23T25:00:00Z",
        "2026-11-23T09:15:31+99:99", "x" * 10_000, "\ud83d", "٢٠٢٦-11-23",
    ],
)  # fmt: skip
def test_what_is_no_time_is_none(text: str) -> None:
    """The caller then takes another."""
    assert milliseconds(text) is None


@given(st.text() | st.datetimes().map(str))
def test_no_text_whatever_raises(text: str) -> None:
    """Times come from outside too."""
    moment = milliseconds(text)
    assert moment is None or abs(moment) < sys.maxsize


def test_a_time_without_a_zone_is_utc_wherever_the_function_runs(monkeypatch: pytest.MonkeyPatch) -> None:
    """As in the events of AWS."""
    with monkeypatch.context() as patch:
        patch.setenv("TZ", "America/New_York")
        time.tzset()
        found = milliseconds("2026-11-23T09:15:31")
    time.tzset()
    assert found == milliseconds("2026-11-23T09:15:31Z")


@pytest.mark.parametrize("text", ["1700000000", "1700000000.0", "1700000000000"])
def test_a_time_may_be_a_number_since_the_epoch(text: str) -> None:
    """Of seconds or milliseconds, as New Relic, Datadog and Google write them."""
    assert milliseconds(text) == 1_700_000_000_000


@pytest.mark.parametrize(
    ("source", "found"),
    [
        ("lower(name)", "web 1"),
        ("lower(absent)", None),
        ("lines(labels)", "a: 1\nb: x"),
        ("words(labels)", "a 1, b x"),
        ("words(empty)", None),
        ("words(absent)", None),
        ("words(name)", None),
        ("words(without(labels, common))", "b x"),
        ("without(labels, ['b', 'c'])", {"a": 1}),
        ("without(labels, absent)", {"a": 1, "b": "x", "c": None}),
        ("without(absent, labels)", None),
        ("link('Runbook', url)", "Runbook at wiki.example.org: https://wiki.example.org/a"),
        ("link('Runbook', absent)", None),
        ("link('Runbook', name)", "Runbook left out: it is no https address."),
    ],
)
def test_labels_and_links_can_be_shown(source: str, found: object) -> None:
    """A line or a word for each label, only those that tell an alert apart, and where an address leads to."""
    event = {
        "name": "Web 1",
        "labels": {"b": "x", "a": 1, "c": None},
        "common": {"a": 1, "c": None},
        "empty": {},
        "url": "https://wiki.example.org/a",
    }
    assert Expression.parse(source).value(event) == found


@pytest.mark.parametrize(
    ("source", "found"),
    [
        ("rounded(`90.0`)", "90"),
        ("rounded(`97.34567`)", "97.35"),
        ("rounded(`1.874`)", "1.874"),
        ("rounded(`90210.6`)", "90211"),
        ("rounded(`-1234.4`)", "-1234"),
        ("rounded(`0`)", "0"),
        ("rounded(`0.00001234`)", "1.234e-05"),
        ("rounded(`1e300`)", f"{1e300:.0f}"),
        ("rounded('61.0')", "61"),
        ("rounded('Breaching')", None),
        ("rounded('nan')", None),
        ("rounded('inf')", None),
        ("rounded(`true`)", None),
        ("rounded(`{}`)", None),
        ("rounded(absent)", None),
    ],
)
def test_a_number_is_told_as_people_write_it(source: str, found: str | None) -> None:
    """With four digits that count, and none after the point of what is a thousand or more."""
    assert Expression.parse(source).value({}) == found


def test_many_labels_are_bounded() -> None:
    """A sender may have thousands, and long ones."""
    text = Expression.parse("lines(@)").value({f"{number:03}": "x" * 1000 for number in range(100)})
    assert [len(line) for line in text.split("\n")] == [305] * 50
