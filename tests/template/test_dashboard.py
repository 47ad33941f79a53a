"""What an operator looks at: the dashboard and the saved queries."""

import json
import re
from collections.abc import Iterator
from typing import Any

import pytest

from common.telemetry import NAMESPACE
from tests.support.metrics import SOURCE, reported_metrics
from tests.template.reading import Resources, of_type

CONDITIONS = (
    "AddsFollowUps",
    "HasOwnEventSources",
    "OpensChanges",
    "RefreshesToken",
    "RotatesSecret",
    "TakesActions",
    "WatchesRecords",
    "WatchesTrail",
)

type Widget = dict[str, Any]

# Fields of a log line that Powertools, Lambda or CloudWatch writes.
WRITTEN_BY_OTHERS = {"level", "message", "errorMessage", "type"}
WORDS = re.compile(r"\b[a-z][A-Za-z_.]*")
OF_THE_LANGUAGE = re.compile(
    r"#.*|'[^']*'|@\w+|\bas \w+|bin\(\w+\)"
    r"|\b(?:fields|filter|sort|stats|limit|by|in|like|and|or|asc|desc|ispresent|count|max|latest|pct)\b"
)


@pytest.fixture(params=[True, False], ids=["with refresher, watch and trail", "without"])
def dashboard(resources: Resources, request: pytest.FixtureRequest) -> dict[str, Any]:
    """Return the dashboard as CloudWatch gets it; each reference is shown as its own name."""
    text, variables = of_type(resources, "AWS::CloudWatch::Dashboard")["Dashboard"]["DashboardBody"]["Fn::Sub"]
    for name, choice in variables.items():
        condition, given, otherwise = choice["Fn::If"]
        assert condition in CONDITIONS
        text = text.replace(f"${{{name}}}", given["Fn::Sub"] if request.param else otherwise)
    body: dict[str, Any] = json.loads(re.sub(r"\$\{([^}]+)\}", r"<\1>", text))
    return body


def of_kind(dashboard: dict[str, Any], kind: str) -> list[Widget]:
    """Return the properties of the widgets of one kind."""
    return [widget["properties"] for widget in dashboard["widgets"] if widget["type"] == kind]


def metrics(widget: Widget) -> Iterator[list[str]]:
    """Yield the metrics of a widget with each abbreviation written out."""
    before: list[str] = []
    for row in widget["metrics"]:
        parts = [part for part in row if isinstance(part, str)]
        before = [before[index] if part == "." else part for index, part in enumerate(parts)]
        yield before


def test_the_dashboard_answers_three_questions_from_top_to_bottom(dashboard: dict[str, Any]) -> None:
    """Each has its heading."""
    headings = [text["markdown"].partition("\n")[0] for text in of_kind(dashboard, "text")]

    assert headings == ["# Is it working?", "# How late are we?", "# Who is the culprit?"]


def test_no_widget_lies_upon_another_or_beside_the_page(dashboard: dict[str, Any]) -> None:
    """The page is 24 units wide; what does not fit, CloudWatch moves somewhere."""
    taken: set[tuple[int, int]] = set()
    for widget in dashboard["widgets"]:
        across = range(widget["x"], widget["x"] + widget["width"])
        down = range(widget["y"], widget["y"] + widget["height"])
        cells = {(x, y) for x in across for y in down}
        assert across.stop <= 24
        assert not cells & taken
        taken |= cells


def test_the_metrics_are_those_that_the_bridge_reports(dashboard: dict[str, Any]) -> None:
    """A misspelt name would be an empty line that looks like good news."""
    own = [row for widget in of_kind(dashboard, "metric") for row in metrics(widget) if row[0] == NAMESPACE]

    assert len(own) > 20
    assert {row[1] for row in own} <= reported_metrics()
    assert {tuple(row[2:]) for row in own} == {("service", "<AWS::StackName>")}


def test_every_other_metric_is_one_of_this_stack(resources: Resources, dashboard: dict[str, Any]) -> None:
    """The dimension names a queue, a function or the API of the template."""
    rows = [row for widget in of_kind(dashboard, "metric") for row in metrics(widget) if row[0] != NAMESPACE]
    (api,) = of_type(resources, "AWS::ApiGateway::RestApi").values()
    of_the_stack = {
        "QueueName": {f"<{name}.QueueName>" for name in of_type(resources, "AWS::SQS::Queue")},
        "FunctionName": {f"<{name}>" for name in of_type(resources, "AWS::Lambda::Function")},
        "ApiName": {f"<{api['Name']['Ref']}>"},
    }

    for _, _, dimension, value in rows:
        assert value in of_the_stack[dimension]


def test_every_alarm_is_shown(resources: Resources, dashboard: dict[str, Any]) -> None:
    """None is forgotten, and those of the refresher, the watch and the trail are left out with them."""
    (shown,) = [widget["alarms"] for widget in of_kind(dashboard, "alarm")]
    alarms = {name for name, found in resources.items() if found["Type"] == "AWS::CloudWatch::Alarm"}
    optional = {name for name in alarms if "Condition" in resources[name]}
    everything = "<TokenRefreshErrorsAlarm.Arn>" in shown

    assert sorted(shown) == sorted(f"<{name}.Arn>" for name in (alarms if everything else alarms - optional))
    assert optional == {
        "ChangeTokensUsedUpAlarm",
        "OwnDeliveryFailuresAlarm",
        "OwnDeliveryLossesAlarm",
        "TokenRefreshErrorsAlarm",
        "SecretRotationErrorsAlarm",
        "FollowUpsRefusedAlarm",
        "WatchErrorsAlarm",
        "ActionDeliveryFailuresAlarm",
        "ActionDeliveryLossesAlarm",
        "ActionsNotFetchedAlarm",
        "ActionsHeldAlarm",
        "DeniedReadsAlarm",
    }


def test_the_queries_of_the_dashboard_ask_logs_of_this_stack(resources: Resources, dashboard: dict[str, Any]) -> None:
    """Each source is a log group of the template."""
    groups = {f"<{name}>" for name in of_type(resources, "AWS::Logs::LogGroup")}
    asked = [re.findall("SOURCE '([^']+)'", widget["query"]) for widget in of_kind(dashboard, "log")]

    assert len(asked) == 2
    assert all(sources and set(sources) <= groups for sources in asked)


def test_saved_queries_ask_logs_of_this_stack(resources: Resources) -> None:
    """They stand in a folder with the name of the stack, and no two share a name."""
    queries = of_type(resources, "AWS::Logs::QueryDefinition")
    names = [query["Name"]["Fn::Sub"] for query in queries.values()]
    groups = of_type(resources, "AWS::Logs::LogGroup")

    assert len(set(names)) == len(queries) == 12
    assert all(name.startswith("${AWS::StackName}/") for name in names)
    for query in queries.values():
        for group in query["LogGroupNames"]:
            assert group.get("Ref", group.get("Fn::If", ["", {}])[1].get("Ref")) in groups


def test_queries_ask_for_fields_that_are_logged(resources: Resources, dashboard: dict[str, Any]) -> None:
    """A field that nobody writes would be an empty column."""
    asked = [query["QueryString"] for query in of_type(resources, "AWS::Logs::QueryDefinition").values()]
    asked += [re.sub("SOURCE '[^']+'", "", widget["query"]) for widget in of_kind(dashboard, "log")]
    code = "".join(path.read_text() for path in SOURCE.rglob("*.py"))
    (stage,) = of_type(resources, "AWS::ApiGateway::Stage").values()
    of_access_log = set(json.loads(stage["AccessLogSetting"]["Fn::If"][1]["Format"]))
    logged = WRITTEN_BY_OTHERS | of_access_log | set(re.findall(r"[(\s\"]([a-z_]+)(?:=|\": )", code))

    for query in asked:
        made = set(re.findall(r"\bas (\w+)", query))
        fields = set(WORDS.findall(OF_THE_LANGUAGE.sub("", query))) - made
        assert fields
        assert {field for field in fields if not field.startswith("record.metrics.")} <= logged, query
