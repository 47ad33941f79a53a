"""The doctor function against moto and the simulator: how it goes through its steps. For the causes: test_causes.py."""

import json
import socket
import threading
from collections.abc import Callable
from datetime import UTC, datetime, timedelta

import boto3
import pytest

from common.checkup import account, causes, walk
from common.checkup.follow_ups import trials
from common.checkup.report import Cause
from common.context.request import Place
from common.incidents.item import deployment_prefix
from local.certificates import issue_client
from local.simulator import Simulator
from tests.integration.doctor.world import SECRET, STORED_TABLES, Doctor, World, answer_aws, causes_of, detail_of, steps
from tests.support.deployment import Deployment
from tests.support.raw_server import authority

NEXT = "the next one"


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


def rotating(world: World, *accepted: str) -> None:
    """Prepare another client secret, of which and of the current one ServiceNow knows those that are `accepted`."""
    pair = {"client_id": "bridge", "client_secret": SECRET}
    world.store(json.dumps({**pair, "next": {**pair, "client_secret": NEXT}}))
    world.servicenow.rotate_secret(accepted[0])
    for secret in accepted[1:]:
        world.servicenow.add_secret(secret)


def watching(world: World, *, ours: bool = True, hidden: str = "incident.x") -> None:
    """Switch the watch on, with a record of the bridge or without."""
    world.set(SWITCHED_ON="access-logs,watch")
    marked = f"{deployment_prefix('test')}{'0' * 24}-{'0' * 16}"
    world.servicenow.insert("incident", {"short_description": "ours", "correlation_id": marked if ours else ""})
    world.hide(hidden)


def gated(world: World, role: str = "", hidden: str = "incident.x") -> None:
    """Switch the change gate on, for a user with a role."""
    world.set(SWITCHED_ON="gate")
    world.servicenow.insert("change_request", {"short_description": "x"})
    if role:
        world.grant(role)
    world.hide(hidden)


def quieted_by_changes(world: World, hidden: str = "incident.x") -> None:
    """Let changes make events quiet."""
    world.set(SWITCHED_ON="changes")
    world.hide(hidden)


def readable_registry(world: World) -> None:
    """Let the client secret be rotated, and the integration user see the record."""
    world.set(SECRET_ROTATION_DAYS="30")
    world.grant("oauth_admin")


def unreadable_events(world: World) -> None:
    """Let rules send events that can't be read back."""
    world.set(ALLOWED_TABLES="em_event")
    world.configure(denied_operations=("em_event.read",), read_denied_status=403)


def off_by_years(world: World) -> None:
    """Let ServiceNow's clock show another year."""
    world.answer(on="any", path="^/$", headers={"Date": "Wed, 01 Jan 2020 00:00:00 GMT"})


def tried(world: World, on: str, refused: str = "") -> None:
    """Switch follow-ups on, with one call that AWS refuses."""
    world.set(SWITCHED_ON=on)
    for kind in ("graph", "log", "events"):
        for trial in trials(kind, Place("123456789012", "eu-west-1"), "aws"):
            name = "".join(part.capitalize() for part in trial.operation.split("_"))
            world.refuse_aws(name, "AccessDeniedException" if name == refused else "ResourceNotFoundException")


SEEN: dict[str, tuple[Callable[[World], object], str, str, str]] = {
    "a rotation whose next secret is not known yet": (
        lambda w: rotating(w, SECRET), "next secret", "not observable", "refused: ServiceNow does not know it yet",
    ),
    "a rotation after the current secret's end": (
        lambda w: rotating(w, NEXT), "next secret", "ok", "current is refused and next in use: promote it",
    ),
    "a rotation while both count": (lambda w: rotating(w, SECRET, NEXT), "next secret", "ok", "accepted"),
    "a registry that can be read, which is enough": (readable_registry, "secret rotation", "ok", "every 30 days"),
    "an empty answer, which proves nothing": (
        lambda w: w.servicenow.reset(), "read incident", "not observable", "no record came back",
    ),
    "a language that is not set, so that the instance's own counts": (
        lambda w: w.servicenow.update("sys_user", w.user, {"preferred_language": ""}), "language", "not observable", "",
    ),
    "a clock that is off, for a person who compares times": (off_by_years, "clock", "failed", ""),
    "a rate limit, by ServiceNow's own headers": (
        lambda w: w.configure(rate_limit=100), "rate limits", "ok", "100 requests an hour",
    ),
    "events that are sent without being read": (unreadable_events, "read em_event", "not observable", ""),
    "no stored setting": (lambda _: None, "stored settings", "ok", "there are none"),
    "a stored setting": (World.store_tables, "stored settings", "ok", "read: api-tables"),
    "no source of webhooks": (lambda _: None, "webhooks", "ok", "closed: WebhookSources lists no source"),
    "no topic": (lambda _: None, "topics", "ok", "closed: SnsTopics lists no topic"),
    "changes that make nothing quiet": (lambda _: None, "change requests", "ok", "off: ChangeWindows is false"),
    "changes of which none is implemented": (quieted_by_changes, "change requests", "not observable", ""),
    "changes whose state can't be read": (
        lambda w: quieted_by_changes(w, "change_request.state"), "change requests", "failed", "",
    ),
    "a watch that has nothing to see": (lambda w: watching(w, ours=False), "changes of records", "not observable", ""),
    "a watch that sees a record": (watching, "changes of records", "ok", ""),
    "a watch without the count of updates": (
        lambda w: watching(w, hidden="incident.sys_mod_count"), "changes of records", "failed", "",
    ),
    "a gate without the role to read": (gated, "change gate", "failed", "sn_change_read"),
    "a gate without the role to write": (
        lambda w: gated(w, "sn_change_read"), "change gate", "failed", "itil or change_manager",
    ),
    "a gate with both": (lambda w: gated(w, "itil"), "change gate", "ok", ""),
    "a gate that can't see what people decide": (
        lambda w: gated(w, "itil", "change_request.approval"), "change gate", "failed", "field approval",
    ),
    "no follow-up": (lambda w: tried(w, ""), "follow-ups", "ok", "off: FollowUps is empty"),
    "follow-ups": (
        lambda w: tried(w, "graph,log,events"), "follow-ups", "ok", "every call for events, graph, log is allowed",
    ),
    "a graph that AWS refuses": (
        lambda w: tried(w, "graph,log,events", "GetMetricWidgetImage"),
        *("follow-ups", "failed", "cloudwatch:GetMetricWidgetImage"),
    ),
    "lines of a log that AWS refuses": (
        lambda w: tried(w, "log", "FilterLogEvents"), "follow-ups", "failed", "logs:FilterLogEvents",
    ),
    "events that AWS refuses": (
        lambda w: tried(w, "events", "LookupEvents"), "follow-ups", "failed", "cloudtrail:LookupEvents",
    ),
}  # fmt: skip


@pytest.mark.parametrize(("arrange", "step", "outcome", "says"), SEEN.values(), ids=SEEN.keys())
def test_the_doctor_sees(  # noqa: PLR0913, PLR0917 (of a table)
    world: World, doctor: Doctor, arrange: Callable[[World], object], step: str, outcome: str, says: str
) -> None:
    """What is off, in order or not to be seen, in its own step and its own words; nothing else fails of it."""
    arrange(world)

    report = doctor()

    assert steps(report)[step] == outcome
    assert says in report["text"]
    assert [name for name, found in steps(report).items() if found == "failed"] == [step] * (outcome == "failed")


def test_a_secret_that_is_not_filled_in_is_named(doctor: Doctor, stack: Deployment) -> None:
    """What needs the secret is skipped, what does not is still looked at."""
    stack.put_credentials("", "")

    found = steps(doctor())

    assert found["secret"] == "failed"
    assert found["token endpoint"] == "skipped"
    assert found["ledger"] == "ok"


def test_trying_the_methods_leaves_no_trace(doctor: Doctor, servicenow: Simulator) -> None:
    """POST and PATCH are tried on what can't exist: nothing is made or changed."""
    before = servicenow.records("incident")

    report = doctor()

    assert {steps(report)[f"method {method}"] for method in ("POST", "PATCH")} == {"ok"}
    tries = [call for call in servicenow.calls if call.method in {"POST", "PATCH"} and "table" in call.path]
    assert [call.committed for call in tries] == [False, False]
    assert servicenow.records("incident") == before


def lost_tables(world: World) -> None:
    """Let the stored setting be gone."""
    world.store_tables()
    world.stack.clients["ssm"].delete_parameter(Name=STORED_TABLES)


def denied_tables(world: World) -> None:
    """Let the role not read it."""
    world.store_tables()
    world.refuse_aws("GetParameters", "AccessDeniedException")


@pytest.mark.parametrize(
    ("arrange", "step", "cause", "says"),
    [
        (
            lambda w: w.set(SERVICENOW_INSTANCE_HOST="https://example.service-now.com/"),
            *("settings", None, "SERVICENOW_INSTANCE_HOST"),
        ),
        (lost_tables, "stored settings", causes.RESOURCE_IS_GONE, STORED_TABLES),
        (denied_tables, "stored settings", causes.ROLE_IS_REFUSED, ""),
    ],
    ids=["malformed", "lost", "refused"],
)
def test_settings_that_cannot_be_used_are_all_that_is_reported(  # noqa: PLR0913, PLR0917 (of a table)
    world: World, doctor: Doctor, arrange: Callable[[World], object], step: str, cause: Cause | None, says: str
) -> None:
    """Nothing can be examined without them; each wrong one is named."""
    arrange(world)

    report = doctor()

    assert steps(report) == {step: "failed"}
    assert cause in (None, causes_of(report, step)[0])
    assert says in report["text"]


def test_no_secret_is_in_the_report(doctor: Doctor, stack: Deployment) -> None:
    """Neither the client secret nor the token, whatever the outcome."""
    report = str(doctor())
    stored = stack.clients["ssm"].get_parameter(Name=stack.environment["TOKEN_PARAMETER"], WithDecryption=True)

    assert SECRET not in report
    assert stored["Parameter"]["Value"] not in report


def test_a_record_that_could_not_be_resolved_is_named(doctor: Doctor, monkeypatch: pytest.MonkeyPatch) -> None:
    """Somebody has to resolve it by hand."""
    monkeypatch.setenv("CLOSE_CODE", "Solved (Permanently)")

    report = doctor({"write": True})

    assert "INC0010002 was opened but not resolved" in detail_of(report, "create incident")


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
    queue = f"arn:aws:sqs:eu-west-1:123456789012:{stack.queue_url.rpartition('/')[2]}"
    sns.subscribe(TopicArn=topic, Protocol="sqs", Endpoint=queue)
    assert steps(doctor())["topics"] == "ok"

    waiting = {"Endpoint": queue, "SubscriptionArn": "PendingConfirmation"}
    answer_aws(monkeypatch, "ListSubscriptionsByTopic", {"Subscriptions": [waiting]})
    assert steps(doctor())["topics"] == "failed"


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

    assert (
        detail_of(doctor(), "change requests") == "of 2 changes in the state Implement 1 say what is changed, and when"
    )
