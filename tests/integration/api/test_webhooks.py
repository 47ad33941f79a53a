"""What monitoring tools post: through the door, the queue and the events function to one incident per problem."""

import base64
import hashlib
import hmac
import json
from collections.abc import Callable, Mapping
from datetime import UTC, datetime, timedelta
from types import ModuleType
from typing import Any

import pytest
from botocore.exceptions import ClientError

from local.simulator import Simulator
from tests.integration.api.conftest import FIELDS, Running
from tests.integration.api.gateway import Gateway, Reply, taken
from tests.support.deployment import Deployment
from tests.support.rules import PROJECT

BEARER = "b" * 32
OTHER = "o" * 32
NOW = datetime.now(UTC)
SECRETS: Mapping[str, Mapping[str, str]] = {
    "grafana": {"way": "bearer", "current": BEARER},
    "alertmanager": {"way": "bearer", "current": BEARER},
    "shop": {"way": "bearer", "current": OTHER},
    "google": {"way": "basic", "name": "bridge", "current": BEARER},
    "datadog": {"way": "header", "name": "X-Bridge-Secret", "current": BEARER},
    "pagerduty": {"way": "hmac", "name": "X-PagerDuty-Signature", "prefix": "v1=", "current": BEARER},
    "azure": {"way": "query", "current": BEARER},
}


@pytest.fixture
def settings() -> dict[str, str]:
    """Return the settings of an API that is open for these sources."""
    return {"API_INCIDENT_FIELDS": FIELDS, "WEBHOOK_SOURCES": ",".join(SECRETS)}


@pytest.fixture(autouse=True)
def secrets(running: Running) -> None:
    """Store a secret for each source."""
    running.stack.put_webhook_secrets(**SECRETS)


def post(  # noqa: PLR0913 (what a webhook consists of)
    api: Gateway,
    source: str,
    body: object,
    *,
    secret: str = BEARER,
    headers: Mapping[str, str] | None = None,
    query: Mapping[str, str] | None = None,
) -> Reply:
    """Post a body unsigned, with a bearer token unless `headers` are given."""
    shown = {"Authorization": f"Bearer {secret}"} if headers is None else headers
    return api.call("POST", f"/webhooks/{source}", body, headers=shown, query=query, caller=None)


def sample(name: str, at: datetime = NOW) -> dict[str, Any]:
    """Return the body of a sample, with its times moved so that it begins at `at`."""
    text = (PROJECT / "events" / f"{name}.json").read_text()
    detail = json.loads(text)["detail"]
    for alert in detail.get("alerts", []):
        alert["startsAt"] = at.isoformat()
        if alert["status"] == "resolved":
            alert["endsAt"] = (at + timedelta(seconds=5)).isoformat()
    return dict(detail)


def test_a_webhook_opens_an_incident_and_its_recovery_resolves_it(
    api: Gateway, servicenow: Simulator, stack: Deployment, work: Callable[[], None]
) -> None:
    """Sent again it changes nothing; no signature is asked for."""
    for _ in range(2):
        answer = post(api, "grafana", sample("webhook-grafana-firing"))
        assert (answer.status, answer.json) == (202, taken(1, truncated=3)), answer.text
        work()
    [opened] = servicenow.records("incident")

    assert post(api, "grafana", sample("webhook-grafana-resolved")).json["accepted"] == 1
    work()

    [resolved] = servicenow.records("incident")
    assert (opened["state"], resolved["state"], resolved["number"]) == ("1", "6", opened["number"])
    assert stack.dead_letters() == []


def test_200_alerts_are_accepted_at_once_and_open_an_incident_each(
    api: Gateway, servicenow: Simulator, stack: Deployment, work: Callable[[], None]
) -> None:
    """The tool says that it left out more, which is counted and stands in the ticket."""
    body = sample("webhook-alertmanager-firing") | {"truncatedAlerts": 7}
    [alert] = body["alerts"]
    body["alerts"] = [
        {**alert, "fingerprint": f"{number:016x}", "labels": {**alert["labels"], "instance": f"web-{number}"}}
        for number in range(200)
    ]

    answer = post(api, "alertmanager", body)

    assert (answer.status, answer.json) == (202, taken(200, truncated=7))
    work()
    incidents = servicenow.records("incident")
    assert len(incidents) == 200
    assert "7 more" in incidents[0]["description"]
    assert stack.dead_letters() == []


def signed(body: bytes, secret: str = BEARER) -> str:
    """Return the signature of a body as PagerDuty writes it."""
    return f"v1={hmac.new(secret.encode(), body, hashlib.sha256).hexdigest()}"


BODY = json.dumps({"dedup_key": "disk", "status": "firing", "summary": "The disk is full"}).encode()
WAYS: Mapping[str, tuple[Mapping[str, str], Mapping[str, str]]] = {
    "shop": ({"Authorization": f"Bearer {OTHER}"}, {}),
    "google": ({"Authorization": "Basic " + base64.b64encode(f"bridge:{BEARER}".encode()).decode()}, {}),
    "datadog": ({"x-bridge-secret": BEARER}, {}),
    "pagerduty": ({"X-PagerDuty-Signature": f"v1={'0' * 64},{signed(BODY)}"}, {}),
    "azure": ({}, {"token": BEARER}),
}


def test_each_tool_shows_its_secret_in_its_own_way(api: Gateway) -> None:
    """Bearer token, basic authentication, a header, a signature over the body, or a token in the query."""
    for source, (headers, query) in WAYS.items():
        assert post(api, source, BODY, headers=headers, query=query).status == 202, source


BEARING = {"Authorization": f"Bearer {BEARER}"}
UNPROVEN: tuple[tuple[str, Mapping[str, str], Mapping[str, str]], ...] = (
    ("grafana", {}, {}),
    ("grafana", {"Authorization": "Bearer "}, {}),
    ("grafana", {"Authorization": f"Bearer {OTHER}"}, {}),
    ("grafana", {"Authorization": f"Basic {BEARER}"}, {}),
    ("grafana", {}, {"token": BEARER}),
    ("pagerduty", {"X-PagerDuty-Signature": signed(BODY + b" ")}, {}),
    ("pagerduty", {"X-PagerDuty-Signature": signed(BODY, OTHER)}, {}),
    ("pagerduty", BEARING, {}),
    ("unknown", BEARING, {}),
    ("GRAFANA", BEARING, {}),
    ("graf%61na", BEARING, {}),
    ("grafana%2f", BEARING, {}),
    ("grafana;x", BEARING, {}),
)


@pytest.mark.attack
def test_what_proves_nothing_gets_one_answer_and_leaves_no_line(
    api: Gateway, stack: Deployment, capsys: pytest.CaptureFixture[str], caplog: pytest.LogCaptureFixture
) -> None:
    """Wrong, missing and foreign secrets and unknown sources can't be told apart; each is counted."""
    stranger = post(api, "nobody", BODY, headers={})
    for source, headers, query in UNPROVEN:
        capsys.readouterr()

        answer = post(api, source, BODY, headers=headers, query=query)

        assert answer.problem == (403, "forbidden"), source
        assert {**answer.json, "request_id": ""} == {**stranger.json, "request_id": ""}
        assert answer.headers == stranger.headers
        logged = capsys.readouterr().out
        assert '"CallersRefused":[1.0]' in logged
    assert stack.queued() == []
    assert caplog.records == []


@pytest.mark.attack
@pytest.mark.parametrize("path", ["/incidents", "/alerts", "/health", "/webhooks", "/webhooks/grafana/x"])
def test_the_secret_of_a_source_opens_no_other_route(api: Gateway, path: str) -> None:
    """Whoever has one sends webhooks and reads nothing."""
    for method in ("GET", "POST"):
        answer = api.call(method, path, headers={"Authorization": f"Bearer {BEARER}"}, caller=None)
        assert answer.status in (403, 404), answer.text


@pytest.mark.attack
def test_many_sources_do_not_make_the_log_forget_other_secrets(
    api: Gateway, stack: Deployment, function: ModuleType
) -> None:
    """Only what a source that sends may show is remembered beside the client's own."""
    function.bridge.telemetry.protect("secret-of-the-client")
    others = {f"source-{number}": {"way": "bearer", "current": f"{number}" * 32} for number in range(300)}
    stack.put_webhook_secrets(**others, grafana=SECRETS["grafana"])
    assert post(api, "grafana", BODY).status == 202
    assert "secret-of-the-client" not in function.bridge.telemetry.redactor.redact("secret-of-the-client")
    assert BEARER not in function.bridge.telemetry.redactor.redact(BEARER)


@pytest.mark.attack
def test_an_odd_source_that_no_route_takes_leaves_no_line_either(
    api: Gateway, caplog: pytest.LogCaptureFixture
) -> None:
    """Anybody may ask for one, as often as he likes."""
    assert post(api, "grafana?x", BODY).status in (403, 404)
    assert caplog.records == []


@pytest.mark.attack
def test_a_write_by_webhook_is_told_and_no_secret_reaches_a_log(
    api: Gateway, capfd: pytest.CaptureFixture[str], caplog: pytest.LogCaptureFixture
) -> None:
    """Neither one in the query nor one that a body repeats."""
    post(
        api, "azure", {"dedup_key": BEARER, "status": "firing", "summary": BEARER}, headers={}, query={"token": BEARER}
    )
    [line] = [vars(record) for record in caplog.records]
    assert (line["caller"], line["route"], line["outcome"]) == ("webhook:azure", "POST /webhooks/azure", "done")
    assert BEARER not in str(line) + "".join(capfd.readouterr())


def test_while_a_secret_is_rotated_both_open_the_door(
    api: Gateway, stack: Deployment, monkeypatch: pytest.MonkeyPatch, function: ModuleType
) -> None:
    """A new one counts as soon as somebody shows it, without a wait for what is kept to end; the old one then ends."""
    clock = [0.0]
    monkeypatch.setattr(function.bridge.webhooks._secrets, "_clock", _Clock(clock))
    assert post(api, "shop", BODY, secret=OTHER).status == 202

    stack.put_webhook_secrets(shop={"way": "bearer", "current": OTHER, "next": BEARER})
    assert post(api, "shop", BODY, secret=BEARER).status == 403  # it was read a moment ago
    clock[0] += 11
    assert [post(api, "shop", BODY, secret=each).status for each in (BEARER, OTHER)] == [202, 202]

    stack.put_webhook_secrets(shop={"way": "bearer", "current": BEARER})
    clock[0] += 301
    assert [post(api, "shop", BODY, secret=each).status for each in (BEARER, OTHER)] == [202, 403]


class _Clock:
    def __init__(self, at: list[float]) -> None:
        self._at = at

    def now(self) -> float:
        return self._at[0]


def test_a_secret_that_cannot_be_read_is_the_bridges_trouble(
    api: Gateway, stack: Deployment, capsys: pytest.CaptureFixture[str], caplog: pytest.LogCaptureFixture
) -> None:
    """The tool sends again after a 503, and a person is told."""
    stack.clients["secretsmanager"].delete_secret(SecretId=stack.webhook_secret_id, ForceDeleteWithoutRecovery=True)
    answer = post(api, "grafana", sample("webhook-grafana-firing"))
    assert answer.problem == (503, "held")
    assert "The secret of webhooks can't be read (ResourceNotFoundException)." in caplog.text
    assert '"Held":[1.0]' in capsys.readouterr().out


def test_what_is_known_counts_on_while_secrets_manager_is_away(
    api: Gateway, monkeypatch: pytest.MonkeyPatch, function: ModuleType
) -> None:
    """Few tools send again what could not be delivered; after an hour they have to."""
    clock = [0.0]
    known = function.bridge.webhooks._secrets
    monkeypatch.setattr(known, "_clock", _Clock(clock))
    assert post(api, "grafana", BODY).status == 202

    asked = []

    def throttled(**_: str) -> None:
        asked.append(clock[0])
        raise ClientError({"Error": {"Code": "ThrottlingException", "Message": ""}}, "GetSecretValue")

    monkeypatch.setattr(known._secrets_manager, "get_secret_value", throttled)
    for seconds, status in ((301, 202), (3599, 202), (3601, 503)):
        clock[0] = seconds
        assert post(api, "grafana", BODY).status == status
    assert asked == [301, 3599]  # nobody is asked again within seconds


def test_an_entry_with_a_mistake_closes_the_door_of_its_source_alone(
    api: Gateway, stack: Deployment, caplog: pytest.LogCaptureFixture
) -> None:
    """The log says what is wrong and what mends it."""
    stack.put_webhook_secrets(grafana={"way": "telepathy", "current": BEARER}, shop=SECRETS["shop"])
    assert post(api, "grafana", BODY).status == 403
    assert post(api, "shop", BODY, secret=OTHER).status == 202
    [line] = [vars(record) for record in caplog.records if record.levelname == "ERROR"]
    assert "'grafana' that has a way that is none of bearer" in line["mistake"]
    assert "make secret" in line["action"]


UNREADABLE: tuple[tuple[bytes, Mapping[str, str], str], ...] = (
    (b"\xff\xfe{", {"Content-Type": "application/json"}, "is not UTF-8"),
    (b"{not json", {"Content-Type": "application/json"}, "declared as JSON and is none"),
    (b"", {}, "is empty"),
    (b"[" * 20_000, {"Content-Type": "application/json"}, "nested more than 64 levels"),
)


def test_a_body_that_cannot_be_read_is_kept_for_a_person(api: Gateway, stack: Deployment) -> None:
    """Its sender will not send it again: it is accepted, counted and never dropped."""
    for body, headers, reason in UNREADABLE:
        answer = post(api, "grafana", body, headers={**BEARING, **headers})
        assert (answer.status, answer.json) == (202, taken(0, refused=1)), reason
    letters = stack.dead_letters()
    for letter, (_, _, reason) in zip(letters, UNREADABLE, strict=True):
        assert reason in letter["Reason"]
        assert "webhook of grafana" in letter["Reason"]
        assert json.loads(letter["body"])["source"] == "webhook.grafana"


def test_a_body_that_no_rule_knows_is_kept_for_a_person(
    api: Gateway, stack: Deployment, servicenow: Simulator, work: Callable[[], None]
) -> None:
    """With the name of its source and the reason."""
    assert post(api, "shop", {"hello": "world"}, secret=OTHER).json == taken(1)
    work()
    assert servicenow.records("incident") == []
    [letter] = stack.dead_letters()
    assert "webhook.shop" in letter["Reason"]


def test_one_problem_that_is_too_large_takes_no_neighbour_along(api: Gateway, stack: Deployment) -> None:
    """What a message can't hold is cut and kept; the others go on."""
    body = sample("webhook-alertmanager-firing")
    [alert] = body["alerts"]
    body["alerts"] = [alert, {**alert, "fingerprint": "f" * 16, "annotations": {"summary": "x" * 300_000}}]
    assert post(api, "alertmanager", body).json == taken(1, refused=1, truncated=body["truncatedAlerts"])
    [letter] = stack.dead_letters()
    assert "larger than the queue takes" in letter["Reason"]


@pytest.mark.attack
def test_a_body_of_empty_problems_fills_no_memory(api: Gateway, stack: Deployment) -> None:
    """A million of them in 4 MB are one dead letter."""
    body = b'{"alerts": [' + b"{}," * 1_300_000 + b"{}]}"
    assert post(api, "alertmanager", body).json == taken(0, refused=1)
    [letter] = stack.dead_letters()
    assert "tells of 1300001 problems, and at most 20000 are taken" in letter["Reason"]


@pytest.mark.attack
@pytest.mark.parametrize("route", ["webhook", "alerts"])
def test_a_count_of_four_hundred_digits_stops_nobody(api: Gateway, route: str) -> None:
    """Nor is a count that is none a reason to refuse the alerts beside it."""
    body = sample("webhook-alertmanager-firing")
    for told, counted in ((10**400, 1_000_000_000), (-1, 0), ("many", 0), (None, 0)):
        sent = body | {"truncatedAlerts": told}
        answer = post(api, "alertmanager", sent) if route == "webhook" else api.call("POST", "/alerts", sent)
        assert (answer.status, answer.json) == (202, taken(1, truncated=counted)), told


@pytest.mark.attack
def test_a_body_of_ten_megabytes_is_refused_before_anything_reads_it(api: Gateway, stack: Deployment) -> None:
    """Proven or not."""
    for secret in (BEARER, OTHER):
        answer = post(api, "grafana", b"x" * 10_000_000, secret=secret)
        assert answer.problem == (413, "too-large")
    assert stack.dead_letters() == []


@pytest.mark.attack
def test_a_signed_body_that_is_sent_again_after_its_end_opens_nothing(
    api: Gateway, servicenow: Simulator, work: Callable[[], None]
) -> None:
    """It says when the problem began, which was before it ended."""
    firing = sample("webhook-grafana-firing", NOW - timedelta(minutes=2))
    for body in (firing, sample("webhook-grafana-resolved", NOW - timedelta(minutes=1)), firing):
        post(api, "grafana", body)
        work()
    assert [row["state"] for row in servicenow.records("incident")] == ["6"]


class TestClosed:
    """A deployment that lists no source."""

    @pytest.fixture
    def settings(self) -> dict[str, str]:
        """Return the settings of an API with a closed door."""
        return {"API_INCIDENT_FIELDS": FIELDS}

    @pytest.mark.attack
    def test_a_closed_door_asks_nobody(self, api: Gateway, stack: Deployment) -> None:
        """The gateway lets nothing through; should it, the answer is the same, and no secret is looked at."""
        stack.clients["secretsmanager"].delete_secret(SecretId=stack.webhook_secret_id, ForceDeleteWithoutRecovery=True)
        answer = post(api, "grafana", BODY)
        assert answer.problem == (403, "forbidden")
