"""The doctor function against moto and the simulator: how it goes through its steps. For the causes: test_causes.py."""

import json
import socket
import threading
from datetime import UTC, datetime, timedelta

import boto3
import pytest

from common.checkup import account, causes, walk
from common.checkup.follow_ups import trials
from common.context.request import Place
from common.incidents.item import deployment_prefix
from local.certificates import issue_client
from local.simulator import Fault, Simulator
from tests.integration.doctor.world import SECRET, Doctor, World, causes_of, steps
from tests.support.deployment import Deployment
from tests.support.raw_server import authority


def test_a_set_up_that_works_is_healthy(doctor: Doctor) -> None:
    """Every step is taken; whether a record can be created is not observable without writing."""
    report = doctor()

    assert report["healthy"]
    assert steps(report).pop("create incident") == "not observable"
    assert {outcome for name, outcome in steps(report).items() if name != "create incident"} == {"ok"}
    assert "token endpoint" in report["text"]


def test_the_doctor_writes_only_when_told_to(doctor: Doctor, servicenow: Simulator) -> None:
    """With `write` it opens one marked incident and resolves it, as the bridge does: closing takes another role."""
    doctor()
    assert len(servicenow.records("incident")) == 1

    report = doctor({"write": True})

    assert steps(report)["create incident"] == "ok"
    marked = [row for row in servicenow.records("incident") if "check-up" in row["short_description"]]
    assert [row["state"] for row in marked] == ["6"]


def test_a_client_that_shows_a_certificate_is_let_in(world: World, doctor: Doctor) -> None:
    """Token request and API calls alike, and the doctor says how the client authenticates and until when."""
    soon = datetime.now(UTC) + timedelta(days=20)
    world.another_instance(client_authority=authority())
    world.show(issue_client(authority(), valid_until=soon))

    report = doctor()

    assert report["healthy"], report["text"]
    assert "authenticates by client secret; client certificate" in report["text"]
    assert f"ends on {soon.date().isoformat()}: replace it now" in report["text"]


def test_a_registry_that_can_be_read_is_enough_for_the_doctor(world: World, doctor: Doctor) -> None:
    """It changes no secret to see whether it could."""
    world.set(SECRET_ROTATION_DAYS="30")
    roles = {row["name"]: row["sys_id"] for row in world.servicenow.records("sys_user_role")}
    world.servicenow.insert("sys_user_has_role", {"user": world.user, "role": roles["oauth_admin"]})

    report = doctor()

    assert steps(report)["secret rotation"] == "ok"
    assert "every 30 days" in report["text"]


def test_a_secret_that_is_not_filled_in_is_named(doctor: Doctor, stack: Deployment) -> None:
    """What needs the secret is skipped, what does not is still looked at."""
    stack.put_credentials("", "")

    found = steps(doctor())

    assert found["secret"] == "failed"
    assert found["token endpoint"] == "skipped"
    assert found["ledger"] == "ok"


@pytest.mark.parametrize(
    ("accepted", "outcome", "words"),
    [
        (SECRET, "not observable", "refused: ServiceNow does not know it yet"),
        ("the next one", "ok", "current is refused and next in use: promote it"),
        ("both", "ok", "accepted"),
    ],
)
def test_a_rotation_under_way_is_healthy_and_told(
    world: World, doctor: Doctor, accepted: str, outcome: str, words: str
) -> None:
    """Whether next is taken already can be seen before current is taken away."""
    pair = {"client_id": "bridge", "client_secret": SECRET}
    value = json.dumps({**pair, "next": {**pair, "client_secret": "the next one"}})
    world.stack.clients["secretsmanager"].put_secret_value(SecretId=world.stack.secret_id, SecretString=value)
    if accepted == "both":
        world.servicenow.add_secret("the next one")
    else:
        world.servicenow.rotate_secret(accepted)

    report = doctor()

    assert report["healthy"]
    assert steps(report)["next secret"] == outcome
    assert words in report["text"]


def test_an_empty_answer_proves_nothing(doctor: Doctor, servicenow: Simulator) -> None:
    """A read without rights answers with an empty list, like a table without rows."""
    servicenow.reset()

    assert steps(doctor())["read incident"] == "not observable"


def test_trying_the_methods_leaves_no_trace(doctor: Doctor, servicenow: Simulator) -> None:
    """POST and PATCH are tried on what can't exist: nothing is made or changed."""
    before = servicenow.records("incident")

    report = doctor()

    assert {steps(report)[f"method {method}"] for method in ("POST", "PATCH")} == {"ok"}
    assert [
        call.committed for call in servicenow.calls if call.method in {"POST", "PATCH"} and "table" in call.path
    ] == [
        False,
        False,
    ]
    assert servicenow.records("incident") == before


def test_a_language_that_is_not_set_is_no_failure(world: World, doctor: Doctor) -> None:
    """The instance's own language counts then, which the user can't see."""
    world.servicenow.update("sys_user", world.user, {"preferred_language": ""})

    report = doctor()

    assert steps(report)["language"] == "not observable"
    assert report["healthy"]


def test_malformed_settings_are_all_that_is_reported(doctor: Doctor, monkeypatch: pytest.MonkeyPatch) -> None:
    """Nothing can be examined without settings; each wrong one is named."""
    monkeypatch.setenv("SERVICENOW_INSTANCE_HOST", "https://example.service-now.com/")

    report = doctor()

    assert steps(report) == {"settings": "failed"}
    assert "SERVICENOW_INSTANCE_HOST" in report["text"]


def test_a_clock_that_is_off_is_reported(doctor: Doctor, servicenow: Simulator) -> None:
    """The bridge lives with it, a person who compares times should know."""
    servicenow.add_fault(Fault(on="any", path="^/$", times=None, headers={"Date": "Wed, 01 Jan 2020 00:00:00 GMT"}))

    assert steps(doctor())["clock"] == "failed"


def test_rate_limits_are_shown(doctor: Doctor, servicenow: Simulator) -> None:
    """The rule and its limit come from ServiceNow's own headers."""
    servicenow.configure(rate_limit=100)

    assert "100 requests an hour" in doctor()["text"]


def test_no_secret_is_in_the_report(doctor: Doctor, stack: Deployment) -> None:
    """Neither the client secret nor the token, whatever the outcome."""
    report = str(doctor())
    stored = stack.clients["ssm"].get_parameter(Name=stack.environment["TOKEN_PARAMETER"], WithDecryption=True)

    assert SECRET not in report
    assert stored["Parameter"]["Value"] not in report


def test_events_may_be_sent_without_being_read(
    doctor: Doctor, servicenow: Simulator, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The role evt_mgmt_integration sends events; whether they can be read back says nothing about that."""
    monkeypatch.setenv("ALLOWED_TABLES", "em_event")
    servicenow.configure(denied_operations=("em_event.read",), read_denied_status=403)

    report = doctor()

    assert steps(report)["read em_event"] == "not observable"
    assert report["healthy"]


def test_a_record_that_could_not_be_resolved_is_named(doctor: Doctor, monkeypatch: pytest.MonkeyPatch) -> None:
    """Somebody has to resolve it by hand."""
    monkeypatch.setenv("CLOSE_CODE", "Solved (Permanently)")

    [step] = [step for step in doctor({"write": True})["steps"] if step["name"] == "create incident"]

    assert "INC0010002 was opened but not resolved" in step["detail"]


def test_what_there_is_no_time_for_has_failed(doctor: Doctor, servicenow: Simulator) -> None:
    """Nothing is begun that could not be ended, and nothing that was not looked at counts as healthy."""
    report = doctor(remaining=2_500)

    assert set(steps(report).values()) == {"failed", "skipped"}
    assert causes_of(report, "secret") == [causes.NO_TIME]
    assert servicenow.calls == []


def test_a_defect_ends_its_step_and_no_other(doctor: Doctor, monkeypatch: pytest.MonkeyPatch) -> None:
    """Whatever it is, the other steps are still worth taking."""

    def break_down(*_: object) -> None:
        raise ZeroDivisionError(SECRET)

    monkeypatch.setattr(account.Account, "ledger_is_written", break_down)

    report = doctor()

    assert causes_of(report, "ledger") == [causes.DEFECT]
    assert steps(report)["read incident"] == "ok"
    assert SECRET not in str(report)


def test_a_name_server_that_hangs_keeps_nobody_for_ever(world: World, doctor: Doctor) -> None:
    """The system's resolver knows no time limit; the step has one."""
    released = threading.Event()

    def hang(*_: object, **__: object) -> list[object]:
        released.wait(60)
        return []

    world.patch.setattr(socket, "getaddrinfo", hang)
    world.patch.setattr(walk, "STEP_SECONDS", 0.05)

    report = doctor()
    released.set()

    assert causes_of(report, "name")[0] == causes.NO_NAME_SERVER


def store_tables(world: World, *, lost: bool = False) -> None:
    """Let the function read its tables from Parameter Store, where they stand unless they are lost."""
    world.set(STORED_SETTINGS="api-tables")
    name, ssm = "/servicenow-bridge/test/settings/api-tables", world.stack.clients["ssm"]
    ssm.put_parameter(Name=name, Value="problem:number", Type="String", Overwrite=True)
    if lost:
        ssm.delete_parameter(Name=name)


def test_stored_settings_are_read_and_named(world: World, doctor: Doctor) -> None:
    """Without any the step says so."""
    assert "there are none" in doctor()["text"]
    store_tables(world)

    report = doctor()

    assert report["healthy"]
    assert "read: api-tables" in report["text"]


def test_stored_settings_that_are_lost_are_all_that_is_reported(world: World, doctor: Doctor) -> None:
    """Nothing can be examined without them."""
    store_tables(world, lost=True)

    report = doctor()

    assert steps(report) == {"stored settings": "failed"}
    assert causes_of(report, "stored settings") == [causes.RESOURCE_IS_GONE]
    assert "/servicenow-bridge/test/settings/api-tables" in report["text"]


def test_stored_settings_that_may_not_be_read_are_all_that_is_reported(world: World, doctor: Doctor) -> None:
    """The role, its boundary or a policy of the organization is in the way."""
    store_tables(world)
    world.refuse_aws("GetParameters", "AccessDeniedException")

    report = doctor()

    assert steps(report) == {"stored settings": "failed"}
    assert causes_of(report, "stored settings")[0] == causes.ROLE_IS_REFUSED


def test_the_doors_are_closed_where_nothing_is_listed(doctor: Doctor) -> None:
    """Which is no failure."""
    report = doctor()

    assert (steps(report)["webhooks"], steps(report)["topics"]) == ("ok", "ok")
    assert "closed: WebhookSources lists no source" in report["text"]


def test_each_source_of_webhooks_needs_a_secret(
    doctor: Doctor, stack: Deployment, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The command that makes it is named."""
    monkeypatch.setenv("WEBHOOK_SOURCES", "datadog,grafana")
    stack.put_webhook_secrets(grafana={"way": "bearer", "current": "s" * 32})

    report = doctor()
    stack.put_webhook_secrets(**{name: {"way": "bearer", "current": "s" * 32} for name in ("datadog", "grafana")})

    assert steps(report)["webhooks"] == "failed"
    assert "have no usable secret, so their webhooks are refused: datadog." in report["text"]
    assert "make secret STACK=… WEBHOOK=datadog" in report["text"]
    assert steps(doctor())["webhooks"] == "ok"


def test_each_topic_has_the_queue_among_its_subscriptions(
    doctor: Doctor, stack: Deployment, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A subscription that waits to be confirmed delivers nothing; one that can't be read proves nothing."""
    topic = "arn:aws:sns:eu-west-1:123456789012:budgets"
    monkeypatch.setenv("SNS_TOPICS", topic)
    assert steps(doctor())["topics"] == "not observable"  # there is no such topic

    sns = boto3.client("sns", region_name="eu-west-1")
    sns.create_topic(Name="budgets")
    assert steps(doctor())["topics"] == "failed"
    queue = stack.queue_url.rpartition("/")[2]
    sns.subscribe(TopicArn=topic, Protocol="sqs", Endpoint=f"arn:aws:sqs:eu-west-1:123456789012:{queue}")

    assert steps(doctor())["topics"] == "ok"


@pytest.mark.parametrize(("unreadable", "outcome"), [("", "not observable"), ("change_request.state", "failed")])
def test_the_question_about_changes_is_tried_where_it_is_on(
    world: World, doctor: Doctor, unreadable: str, outcome: str
) -> None:
    """Without the right to read them nothing would ever be quiet."""
    assert steps(doctor())["change requests"] == "ok"
    world.set(SWITCHED_ON="changes")
    world.configure(unreadable_fields=(unreadable,) if unreadable else ())

    assert steps(doctor())["change requests"] == outcome


def test_a_change_that_is_being_implemented_shows_what_it_concerns_and_when(world: World, doctor: Doctor) -> None:
    """Walked there through the states of its model, as a person does; one without dates makes nothing quiet."""
    dates = {"start_date": "2026-11-23 08:00:00", "end_date": "2026-11-23 10:00:00"}
    world.servicenow.insert("cmdb_ci", {"name": "db-1"})
    for planned in ({}, dates):
        sys_id = world.servicenow.insert(
            "change_request", {"type": "emergency", "assignment_group": "Network", "cmdb_ci": "db-1", **planned}
        )
        for state in ("-3", "-2", "-1"):
            world.servicenow.update("change_request", sys_id, {"state": state})
    world.set(SWITCHED_ON="changes")

    [step] = [each for each in doctor()["steps"] if each["name"] == "change requests"]
    assert step["detail"] == "of 2 changes in the state Implement 1 say what is changed, and when"


@pytest.mark.parametrize(
    ("ours", "unreadable", "outcome"),
    [(False, "", "not observable"), (True, "", "ok"), (True, "incident.sys_mod_count", "failed")],
)
def test_the_question_of_the_watch_is_tried_where_it_is_on(
    world: World, doctor: Doctor, *, ours: bool, unreadable: str, outcome: str
) -> None:
    """An answer without the count of updates would tell nobody anything."""
    world.set(SWITCHED_ON="access-logs,watch")
    if ours:
        marked = f"{deployment_prefix('test')}{'0' * 24}-{'0' * 16}"
        world.servicenow.insert("incident", {"short_description": "ours", "correlation_id": marked})
    world.configure(unreadable_fields=(unreadable,) if unreadable else ())

    assert steps(doctor())["changes of records"] == outcome


@pytest.mark.parametrize(
    ("role", "unreadable", "named"),
    [
        ("", "", "sn_change_read"),
        ("sn_change_read", "", "itil or change_manager"),
        ("itil", "", ""),
        ("itil", "change_request.approval", "field approval"),
    ],
)
def test_the_change_gate_names_what_is_missing(
    world: World, doctor: Doctor, role: str, unreadable: str, named: str
) -> None:
    """The role to read, the role to write, and the field that says whether people agreed."""
    world.set(SWITCHED_ON="gate")
    world.servicenow.insert("change_request", {"short_description": "x"})
    if role:
        world.servicenow.insert("sys_user_has_role", {"user": "AWS Bridge", "role": role})
    world.configure(unreadable_fields=(unreadable,) if unreadable else ())

    report = doctor()
    assert steps(report)["change gate"] == ("failed" if named else "ok")
    assert named in report["text"]


@pytest.mark.parametrize(
    ("on", "refused", "says"),
    [
        ("", "", "off: FollowUps is empty"),
        ("graph,log,events", "", "every call for events, graph, log is allowed"),
        ("graph,log,events", "GetMetricWidgetImage", "cloudwatch:GetMetricWidgetImage"),
        ("log", "FilterLogEvents", "logs:FilterLogEvents"),
        ("events", "LookupEvents", "cloudtrail:LookupEvents"),
    ],
)
def test_each_call_behind_follow_ups_is_made_and_what_is_missing_named(
    world: World, doctor: Doctor, on: str, refused: str, says: str
) -> None:
    """For things that are not there: the permission is all that is asked about."""
    world.set(SWITCHED_ON=on)
    for kind in ("graph", "log", "events"):
        for trial in trials(kind, Place("123456789012", "eu-west-1"), "aws"):
            name = "".join(part.capitalize() for part in trial.operation.split("_"))
            code = "AccessDeniedException" if name == refused else "ResourceNotFoundException"
            world.refuse_aws(name, code)

    report = doctor()

    assert steps(report)["follow-ups"] == ("failed" if refused else "ok")
    assert says in report["text"]
