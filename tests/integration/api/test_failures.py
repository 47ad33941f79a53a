"""What ServiceNow, the credentials or the bridge itself may do wrong, and what a caller gets to hear of it."""

import base64
import json
from types import ModuleType
from urllib.parse import quote_plus

import pytest

from common.api import creation
from local.simulator import Fault, Simulator
from tests.integration.api.conftest import SECRET
from tests.integration.api.gateway import DISK, Gateway, create
from tests.support.deployment import Deployment

TRACE = "com.glide.script.RhinoEcmaError: java.lang.NullPointerException at org.mozilla.javascript.Context(x.java:42)"


@pytest.mark.parametrize("status", [400, 403, 404, 409, 500])
def test_95_servicenows_words_are_never_echoed(
    api: Gateway, servicenow: Simulator, monkeypatch: pytest.MonkeyPatch, status: int
) -> None:
    """A stack trace, a script or a table name of the instance is nobody's business."""
    monkeypatch.setattr(creation, "LEAST_SECONDS", 30.0)  # nobody looks again and again for what was not created
    body = json.dumps({"error": {"message": TRACE, "detail": TRACE}, "status": "failure"})
    servicenow.add_fault(Fault(on="api", status=status, body=body, times=None))

    for reply in (create(api), api.call("GET", "/incidents/INC0010001"), api.call("GET", "/incidents")):
        assert reply.status >= 400
        assert not [word for word in ("Rhino", "java") if word in reply.text]
        assert reply.json["request_id"].startswith("request-")


@pytest.mark.parametrize(
    ("fault", "status", "kind"),
    [
        (Fault(status=404), 404, "not-found"),
        (Fault(status=503), 503, "unavailable"),
        (Fault(status=429, headers={"Retry-After": "120"}), 429, "rate-limited"),
        (Fault(content="hibernating"), 503, "unavailable"),
        (Fault(content="without_result"), 503, "unavailable"),
        (Fault(connection="close"), 503, "unavailable"),
    ],
    ids=["404", "503", "429", "hibernating", "no result", "closed"],
)
def test_a_read_that_fails_says_what_to_do(
    api: Gateway, servicenow: Simulator, fault: Fault, status: int, kind: str
) -> None:
    """What may work later carries Retry-After."""
    sys_id = create(api).json["sys_id"]
    for _ in range(3):
        servicenow.add_fault(fault)

    reply = api.call("GET", f"/incidents/{sys_id}")

    assert reply.problem == (status, kind)
    assert ("retry-after" in reply.headers) == (status in (429, 503))


def test_45_a_rate_limit_is_passed_on(api: Gateway, servicenow: Simulator) -> None:
    """429 with ServiceNow's own Retry-After; nothing was created, and the same request works afterwards."""
    servicenow.add_fault(Fault(method="POST", table="incident", status=429, headers={"Retry-After": "3600"}))

    limited = create(api)

    assert (limited.status, limited.kind, limited.headers["retry-after"]) == (429, "rate-limited", "3600")
    assert servicenow.records("incident") == []
    assert create(api).status == 201


def test_40_a_role_that_is_missing_holds_the_api(
    api: Gateway, servicenow: Simulator, capsys: pytest.CaptureFixture[str], caplog: pytest.LogCaptureFixture
) -> None:
    """503 for the caller, an alarm and the exact advice for the operators."""
    servicenow.configure(denied_operations=("incident.insert",))

    reply = create(api)

    assert reply.problem == (503, "held")
    assert int(reply.headers["retry-after"]) >= 60
    assert "sn_incident_write" not in reply.text
    assert '"Held"' in capsys.readouterr().out
    assert "sn_incident_write" in str([vars(record) for record in caplog.records])


@pytest.mark.parametrize("trouble", ["not filled in", "wrong", "not JSON"])
def test_credentials_that_are_wrong_hold_the_api_until_they_are_mended(
    api: Gateway, servicenow: Simulator, stack: Deployment, trouble: str
) -> None:
    """Every operation says the same, and the first request after the mending works."""
    if trouble == "not JSON":
        stack.clients["secretsmanager"].put_secret_value(SecretId=stack.secret_id, SecretString=SECRET)
    else:
        stack.put_credentials("bridge", "" if trouble == "not filled in" else "another secret")

    for reply in (create(api), api.call("GET", "/incidents"), api.call("GET", "/incidents/INC0010001")):
        assert reply.problem == (503, "held")
        assert SECRET not in reply.text
    assert servicenow.records("incident") == []

    # A refused secret is remembered for 30 s, a malformed one is not.
    if trouble != "wrong":
        stack.put_credentials("bridge", SECRET)
        assert create(api).status == 201


def test_no_secret_and_no_token_leaves_the_function(
    api: Gateway, servicenow: Simulator, capsys: pytest.CaptureFixture[str], caplog: pytest.LogCaptureFixture
) -> None:
    """Neither in answers nor in logs, in whatever form, while things go well and while they fail."""
    replies = [create(api)]
    servicenow.revoke_tokens()
    replies.append(api.call("GET", "/incidents"))
    servicenow.add_fault(Fault(on="any", status=500, body=TRACE, times=6))
    replies += [api.call("GET", "/incidents"), api.call("GET", "/health", query={"deep": "true"})]

    written = capsys.readouterr().out + caplog.text + "".join(f"{reply.headers}{reply.text}" for reply in replies)

    assert replies[0].status == 201
    forms = [SECRET, quote_plus(SECRET), base64.b64encode(SECRET.encode()).decode().rstrip("=")]
    assert not [form for form in forms if form in written]
    assert "Bearer" not in written


def test_a_defect_is_a_problem_too(
    api: Gateway,
    function: ModuleType,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
    caplog: pytest.LogCaptureFixture,
) -> None:
    """500 without a trace for the caller; the log has it, and the metric an alarm watches is counted."""

    def break_down(*_: object, **__: object) -> None:
        raise ZeroDivisionError(SECRET)

    monkeypatch.setattr(type(function.bridge.incidents), "read", break_down)

    reply = api.call("GET", "/incidents/INC0010001")

    assert reply.problem == (500, "internal-error")
    assert "ZeroDivision" not in reply.text
    assert "ZeroDivisionError" in caplog.text
    assert '"Defects"' in capsys.readouterr().out


def test_too_little_time_begins_nothing(api: Gateway, servicenow: Simulator) -> None:
    """A claim that could not be settled is not made: 503, and nothing was written."""
    reply = api.call("POST", "/incidents", DISK, key="k", remaining=5_000)

    assert (reply.status, reply.kind) in {(503, "unavailable"), (504, "no-answer")}
    assert servicenow.records("incident") == []


class TestShadow:
    """A deployment that only watches."""

    @pytest.fixture
    def settings(self) -> dict[str, str]:
        """Return the settings of such a deployment."""
        return {"API_INCIDENT_FIELDS": "short_description", "SHADOW_MODE": "true"}

    def test_nothing_is_written_and_requests_are_still_remembered(self, api: Gateway, servicenow: Simulator) -> None:
        """What would have been created is logged; nothing of it can be read."""
        first, again = create(api), create(api)

        assert first.status == 201
        assert again.json == first.json
        assert servicenow.calls == []
        assert api.call("GET", f"/incidents/{first.json['sys_id']}").status == 404
        assert api.call("GET", "/incidents").json["records"] == []


class TestSwagger:
    """A deployment that shows a page about its API."""

    @pytest.fixture
    def settings(self) -> dict[str, str]:
        """Return the settings of such a deployment."""
        return {"API_SWAGGER_UI": "true"}

    def test_the_page_is_shown_to_anybody_and_needs_nothing_from_elsewhere(self, api: Gateway) -> None:
        """The document and the program that shows it are in the page."""
        reply = api.call("GET", "/swagger", caller=None)

        assert (reply.status, reply.headers["content-type"]) == (200, "text/html")
        assert "createIncident" in reply.text
        assert '"/v1"' in reply.text
        assert "<script src=" not in reply.text


def test_without_the_parameter_there_is_no_page(api: Gateway) -> None:
    """404, signed or not."""
    assert {api.call("GET", "/swagger", caller=caller).status for caller in (None, "arn:aws:iam::1:user/a")} == {404}
