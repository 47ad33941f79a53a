"""The command `make accept` as a person calls it, against moto: what it prints, what it writes, and how it ends."""

import io
import json
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import boto3
import pytest
from botocore.client import BaseClient

from tests.support.moto import mock_aws
from tools import doctor
from tools.accept import contract
from tools.accept.__main__ import main
from tools.accept.account import Account, Described
from tools.accept.front_door import SOURCE
from tools.accept.metrics import Metrics
from tools.accept.sheet import Sheet
from tools.accept.steps import Acceptance
from tools.deployed import DeployedStack

ACCOUNT, REGION, STACK = "123456789012", "eu-west-1", "acme-bridge"
HOST, SECRET = "acme.service-now.com", "s3cr3t-of-acme"
PRIVATE = (ACCOUNT, "acme", HOST, SECRET, "Payments", "INC00")
REPORT: dict[str, Any] = {
    "healthy": False,
    "text": "the report",
    "steps": [
        {"name": "name", "outcome": "ok", "detail": f"{HOST} is 192.0.2.1"},
        {"name": "read u_acme_orders", "outcome": "ok", "detail": "a record can be read"},
        {"name": "groups of rules", "outcome": "failed", "detail": f"no active group 'Payments' {SECRET}"},
        {"name": "create incident", "outcome": "not observable", "detail": "INC0010001"},
    ],
}
OUTPUTS = {
    "DoctorFunctionName": f"{STACK}-doctor",
    "EventsFunctionName": f"{STACK}-events",
    "ApiFunctionName": f"{STACK}-api",
    "EventsLogGroupName": f"/aws/lambda/{STACK}/events",
    "ApiUrl": "https://127.0.0.1:9/v1",
    "EventRuleArn": f"arn:aws:events:{REGION}:{ACCOUNT}:rule/{STACK}-rule",
    "DeploymentName": f"{ACCOUNT}/{REGION}/{STACK}",
    "TokenParameterName": f"/servicenow-bridge/{STACK}/access-token",
    "LedgerTableName": "ledger",
    "QueueUrl": f"https://sqs.{REGION}.amazonaws.com/{ACCOUNT}/events",
    "DeadLetterQueueUrl": f"https://sqs.{REGION}.amazonaws.com/{ACCOUNT}/dead",
    "EventDeadLetterQueueUrl": f"https://sqs.{REGION}.amazonaws.com/{ACCOUNT}/undelivered",
}
PARAMETERS = {
    "OwnEventSources": "servicenow-bridge.accept",
    "LogLevel": "INFO",
    "ApiAccessLogging": "false",
    "ApiSwaggerUi": "false",
}


def _template() -> dict[str, Any]:
    queues = {
        name: {"Type": "AWS::SQS::Queue", "Properties": {"QueueName": name}}
        for name in ("events", "dead", "undelivered")
    }
    return {
        "Parameters": {name: {"Type": "String", "Default": value} for name, value in PARAMETERS.items()},
        "Resources": queues,
        "Outputs": {name: {"Value": value} for name, value in OUTPUTS.items()},
    }


@pytest.fixture
def deployed(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> Iterator[None]:
    """Provide a stack that nothing runs in, a doctor's report, and a folder to write to."""
    call = BaseClient._make_api_call  # type: ignore[attr-defined]  # every call goes through it

    def answered(client: BaseClient, name: str, arguments: object) -> object:
        if name == "Invoke":
            return {"Payload": io.BytesIO(json.dumps(REPORT).encode())}
        return call(client, name, arguments)

    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("AWS_DEFAULT_REGION", REGION)
    with mock_aws():
        monkeypatch.setattr(BaseClient, "_make_api_call", answered)
        boto3.client("dynamodb").create_table(
            TableName="ledger",
            KeySchema=[{"AttributeName": "pk", "KeyType": "HASH"}],
            AttributeDefinitions=[{"AttributeName": "pk", "AttributeType": "S"}],
            BillingMode="PAY_PER_REQUEST",
        )
        boto3.client("cloudformation").create_stack(
            StackName=STACK,
            TemplateBody=json.dumps(_template()),
            Parameters=[{"ParameterKey": name, "ParameterValue": value} for name, value in PARAMETERS.items()],
        )
        yield


def _ask_the_doctor(monkeypatch: pytest.MonkeyPatch, *options: str) -> object:
    words = ["doctor", "--stack", STACK, "--region", REGION, "--bus", "--patience", "0", *options]
    monkeypatch.setattr("sys.argv", words)
    with pytest.raises(SystemExit) as ended:
        doctor.main()
    return ended.value.code


@pytest.mark.usefixtures("deployed")
@pytest.mark.parametrize(
    ("sources", "verdict", "why"),
    [
        (SOURCE, "failed", "no record was opened within 0 s"),
        ("shop.checkout", "skipped", f"add {SOURCE} to the parameter OwnEventSources and deploy"),
    ],
)
def test_a_doctor_whose_alert_does_not_arrive_ends_with_an_error(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str], sources: str, verdict: str, why: str
) -> None:
    """Whether nothing came of it or no rule takes it; the report says which, and what to set."""
    monkeypatch.setitem(REPORT, "healthy", not REPORT["healthy"])
    boto3.client("cloudformation").update_stack(
        StackName=STACK,
        UsePreviousTemplate=True,
        Parameters=[{"ParameterKey": "OwnEventSources", "ParameterValue": sources}],
    )

    assert _ask_the_doctor(monkeypatch, "--json") == 1

    arrived, _ = json.loads(capsys.readouterr().out)["bus"]["steps"]
    assert (arrived["step"], arrived["verdict"], arrived["why"]) == ("alert on the bus", verdict, why)


@pytest.mark.usefixtures("deployed")
def test_a_doctor_of_a_stack_that_is_not_well_sends_nothing(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    """The alert would only wait with the others."""
    assert _ask_the_doctor(monkeypatch, "--json") == 1
    assert "bus" not in json.loads(capsys.readouterr().out)

    assert _ask_the_doctor(monkeypatch) == 1
    assert "Nothing was put on the bus" in capsys.readouterr().out


def _call(monkeypatch: pytest.MonkeyPatch, *options: str) -> object:
    words = ["accept", "--stack", STACK, "--region", REGION, "--patience", "0", "--metrics-patience", "0", *options]
    monkeypatch.setattr("sys.argv", words)
    with pytest.raises(SystemExit) as ended:
        main()
    return ended.value.code


@pytest.mark.usefixtures("deployed")
def test_a_stack_that_does_nothing_is_not_accepted(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    """Status 1; the screen says what was seen, the files say which steps failed and why."""
    assert _call(monkeypatch) == 1

    written = json.loads(Path("build/accept.json").read_text())
    verdicts = {step["step"]: step["verdict"] for step in written["steps"]}
    assert not written["accepted"]
    assert verdicts["alert on the bus"] == "failed"
    assert verdicts["records of it"] == "skipped"
    assert verdicts["API: create twice with one key"] == "failed"
    assert verdicts["doctor: groups of rules"] == "failed"
    assert verdicts["doctor: read a table of one's own"] == "passed"
    assert verdicts["token"] == "failed"
    assert verdicts["alarms"] == "failed"
    assert "Payments" in capsys.readouterr().out


@pytest.mark.usefixtures("deployed")
def test_an_acceptance_that_is_interrupted_shows_what_it_saw(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    """No file says that this was all: a few steps that passed accept nothing."""

    def broken_off(_: Acceptance, sheet: Sheet) -> None:
        sheet.take("the first step", "well", lambda: "INC0010001")
        raise KeyboardInterrupt

    monkeypatch.setattr(Acceptance, "take", broken_off)

    assert _call(monkeypatch) == "\nerror: interrupted"

    assert "| the first step | well | passed: INC0010001 |" in capsys.readouterr().out
    assert not Path("build").exists()


@pytest.mark.usefixtures("deployed")
def test_what_is_written_can_be_posted(monkeypatch: pytest.MonkeyPatch) -> None:
    """Neither a secret, nor a number of an account or record, nor the name of a company is in it."""
    _call(monkeypatch)

    for name in ("build/accept.json", "build/accept-to-post.md"):
        text = Path(name).read_text().lower()
        assert "doctor: groups of rules" in text
        assert [word for word in PRIVATE if word.lower() in text] == []


@pytest.mark.usefixtures("deployed")
def test_a_contract_without_an_instance_is_skipped(monkeypatch: pytest.MonkeyPatch) -> None:
    """The simulator would confirm nothing."""
    monkeypatch.delenv("SERVICENOW_CONTRACT_HOST", raising=False)
    _call(monkeypatch, "--contract")

    (step,) = [
        each for each in json.loads(Path("build/accept.json").read_text())["steps"] if each["step"] == "contract"
    ]
    assert step["verdict"] == "skipped"
    assert "SERVICENOW_CONTRACT_HOST" in step["why"]


def test_facts_are_lines_of_the_sheet() -> None:
    """A refuted one fails; its reason, which may quote the instance, is not written down."""
    facts = [
        {"id": "one", "finding": "confirmed", "why": ""},
        {"id": "two", "finding": "refuted", "why": HOST},
        {"id": "three", "finding": "not observable", "why": HOST},
    ]
    sheet = Sheet(iter(range(100)).__next__)

    contract.append(sheet, {"SERVICENOW_CONTRACT_HOST": HOST}, lambda: {"facts": facts})

    assert [line.verdict for line in sheet.lines] == ["passed", "passed", "failed", "skipped"]
    assert HOST not in json.dumps(sheet.as_json()) + sheet.to_post()
    assert HOST in sheet.as_text()


def _alarm(name: str, namespace: str, metric: str, dimension: str, value: str) -> None:
    boto3.client("cloudwatch").put_metric_alarm(
        AlarmName=name,
        Namespace=namespace,
        MetricName=metric,
        Dimensions=[{"Name": dimension, "Value": value}],
        Statistic="Sum",
        Period=300,
        EvaluationPeriods=1,
        Threshold=1,
        ComparisonOperator="GreaterThanOrEqualToThreshold",
    )


def _value(namespace: str, metric: str, dimension: str, value: str) -> None:
    datum = {"MetricName": metric, "Dimensions": [{"Name": dimension, "Value": value}], "Value": 1}
    boto3.client("cloudwatch").put_metric_data(Namespace=namespace, MetricData=[datum])


@mock_aws
def test_a_metric_has_arrived_or_the_sheet_says_why_not(monkeypatch: pytest.MonkeyPatch) -> None:
    """What nothing was counted for is no pass; what was used and sends no value at all is a failure."""
    monkeypatch.setenv("AWS_DEFAULT_REGION", REGION)
    _alarm("a", "AWS/SQS", "ApproximateNumberOfMessagesVisible", "QueueName", "events")
    _alarm("b", "ServiceNowBridge", "Held", "service", STACK)
    _alarm("c", "AWS/Lambda", "Errors", "FunctionName", "events")
    _alarm("d", "AWS/Lambda", "Errors", "FunctionName", "api")
    _value("AWS/SQS", "ApproximateNumberOfMessagesVisible", "QueueName", "events")
    _value("ServiceNowBridge", "EventsApplied", "service", STACK)
    _alarm("e", f"ServiceNowBridge/{STACK}", "DeniedReads", "none", "x")
    names = {"QueueAlarm": "a", "HeldAlarm": "b", "EventsAlarm": "c", "ApiAlarm": "d", "TrailAlarm": "e"}
    described = Described({}, names)
    metrics = Metrics(DeployedStack({}, boto3.Session(region_name=REGION)), described, 0.0, {"events", STACK})
    sheet = Sheet(iter(range(100)).__next__)

    metrics.take(sheet)

    assert {line.step: line.verdict for line in sheet.lines} == {
        "alarms": "passed",
        "metric of QueueAlarm": "passed",
        "metric of HeldAlarm": "not possible here",
        "metric of EventsAlarm": "failed",
        "metric of ApiAlarm": "not possible here",
        "metric of TrailAlarm": "not possible here",
    }
    assert [line.why for line in sheet.lines if STACK in line.why] == []


@pytest.mark.parametrize(
    ("line", "verdict"),
    [('{"status":"403","error":"x"}', "passed"), ('{"status":"403","error":""x""}', "failed"), ("{}", "failed")],
)
@mock_aws
def test_the_line_of_an_unsigned_call_is_json(line: str, verdict: str, monkeypatch: pytest.MonkeyPatch) -> None:
    """An access log that a saved query can read."""
    monkeypatch.setenv("AWS_DEFAULT_REGION", REGION)
    logs = boto3.client("logs")
    logs.create_log_group(logGroupName="access")
    logs.create_log_stream(logGroupName="access", logStreamName="one")

    def unsigned() -> str:
        event = {"timestamp": int(time.time() * 1000), "message": line}
        logs.put_log_events(logGroupName="access", logStreamName="one", logEvents=[event])  # type: ignore[list-item]
        return "403"

    described = Described({"ApiAccessLogging": "true"}, {"ApiAccessLogs": "access"})
    account = Account(DeployedStack({}, boto3.Session(region_name=REGION)), described, time.time() - 5, 0.0)
    sheet = Sheet(iter(range(100)).__next__)

    sheet.take("access log", "JSON", lambda: account.access_log(unsigned))

    assert [each.verdict for each in sheet.lines] == [verdict], sheet.lines[0].seen
