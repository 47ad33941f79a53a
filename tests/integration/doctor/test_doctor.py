"""The doctor function against moto and the simulator: every cause that the simulator can show."""

import importlib
import sys
from collections.abc import Callable, Iterator
from typing import Any

import pytest

from common.checkup import causes
from common.checkup.report import Cause
from local.simulator import Fault, Simulator
from tests.support.deployment import Context, Deployment, deployment

SECRET = "s3cr3t+~[#,value"

type Doctor = Callable[..., dict[str, Any]]


@pytest.fixture
def servicenow() -> Iterator[Simulator]:
    """Provide an instance that knows the client."""
    with Simulator(client_secret=SECRET, seed=1) as simulator:
        simulator.insert("incident", {"short_description": "one that can be read"})
        yield simulator


@pytest.fixture
def stack(servicenow: Simulator, monkeypatch: pytest.MonkeyPatch) -> Iterator[Deployment]:
    """Provide a stack whose secret is filled in."""
    monkeypatch.setenv("AWS_DEFAULT_REGION", "eu-west-1")
    with deployment(servicenow.host, servicenow.ca_pem) as stack:
        stack.put_credentials("bridge", SECRET)
        for name, value in stack.environment.items():
            monkeypatch.setenv(name, value)
        yield stack


@pytest.fixture
def doctor(stack: Deployment) -> Doctor:  # noqa: ARG001 (its environment is read)
    """Provide the function."""
    sys.modules.pop("handlers.doctor", None)
    module = importlib.import_module("handlers.doctor")
    return lambda event=None: module.handler(event or {}, Context())


def _steps(report: dict[str, Any]) -> dict[str, str]:
    return {step["name"]: step["outcome"] for step in report["steps"]}


def _causes(report: dict[str, Any], name: str) -> list[Cause]:
    [step] = [step for step in report["steps"] if step["name"] == name]
    return [Cause(**cause) for cause in step["causes"]]


def test_a_set_up_that_works_is_healthy(doctor: Doctor) -> None:
    """Every step is taken; whether a record can be created is not observable without writing."""
    report = doctor()

    assert report["healthy"]
    assert _steps(report).pop("create incident") == "not observable"
    assert {outcome for name, outcome in _steps(report).items() if name != "create incident"} == {"ok"}
    assert "token endpoint" in report["text"]


def test_the_doctor_writes_only_when_told_to(doctor: Doctor, servicenow: Simulator) -> None:
    """With `write` it opens one marked incident and closes it."""
    doctor()
    assert len(servicenow.records("incident")) == 1

    report = doctor({"write": True})

    assert _steps(report)["create incident"] == "ok"
    marked = [row for row in servicenow.records("incident") if "check-up" in row["short_description"]]
    assert [row["state"] for row in marked] == ["7"]


@pytest.mark.parametrize(
    ("switches", "expected"),
    [
        ({"property_enabled": False}, [causes.GRANT_IS_OFF, causes.WRONG_SECRET, causes.USER_IS_LOCKED]),
        ({"user_locked": True}, [causes.GRANT_IS_OFF, causes.WRONG_SECRET, causes.USER_IS_LOCKED]),
        ({"user_configured": False}, [causes.NO_APPLICATION_USER]),
        ({"hibernating": True}, [causes.HIBERNATING, causes.WRONG_HOST]),
    ],
    ids=lambda value: next(iter(value)) if isinstance(value, dict) else "",
)
def test_a_refused_token_request_shows_every_cause_that_fits(
    doctor: Doctor, servicenow: Simulator, switches: dict[str, Any], expected: list[Cause]
) -> None:
    """One answer may have several causes; the most likely comes first, and later steps are skipped."""
    servicenow.configure(**switches)

    report = doctor()

    assert _causes(report, "token endpoint") == expected
    assert _steps(report)["token usable"] == "skipped"
    assert not report["healthy"]


def test_a_wrong_secret_fits_the_same_answer(doctor: Doctor, stack: Deployment) -> None:
    """ServiceNow does not tell it from a property that is off."""
    stack.put_credentials("bridge", "wrong-secret")

    assert causes.WRONG_SECRET in _causes(doctor(), "token endpoint")


def test_a_guest_token_is_recognised(doctor: Doctor, servicenow: Simulator) -> None:
    """An old instance issues a token that no API accepts."""
    servicenow.configure(guest=True)

    report = doctor()

    assert _steps(report)["token endpoint"] == "ok"
    assert _causes(report, "token usable")[0] == causes.GUEST_TOKEN


def test_a_secret_that_is_not_filled_in_is_named(doctor: Doctor, stack: Deployment) -> None:
    """What needs the secret is skipped, what does not is still looked at."""
    stack.put_credentials("", "")

    steps = _steps(doctor())

    assert steps["secret"] == "failed"
    assert steps["token endpoint"] == "skipped"
    assert steps["ledger"] == "ok"


def test_a_missing_role_is_told_apart(doctor: Doctor, servicenow: Simulator) -> None:
    """A 403 of the table names the roles."""
    servicenow.add_fault(
        Fault(
            table="incident",
            times=None,
            status=403,
            body={
                "error": {"message": "User Not Authorized", "detail": "Failed API level ACL Validation"},
                "status": "failure",
            },
        )
    )

    report = doctor()

    assert _causes(report, "read incident")[0] == causes.MISSING_ROLE


def test_an_empty_answer_proves_nothing(doctor: Doctor, servicenow: Simulator) -> None:
    """A read without rights answers with an empty list, like a table without rows."""
    servicenow.reset()

    assert _steps(doctor())["read incident"] == "not observable"


def test_a_certificate_that_is_not_trusted_is_told_apart(
    doctor: Doctor, stack: Deployment, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Without the authority's certificate no credential leaves."""
    assert stack.environment["CERTIFICATE_AUTHORITIES"]
    monkeypatch.setenv("CERTIFICATE_AUTHORITIES", "")

    report = doctor()

    assert _causes(report, "TLS")[0] == causes.INSPECTED_TLS
    assert _steps(report)["token endpoint"] == "skipped"


def test_a_host_that_does_not_exist_is_told_apart(doctor: Doctor, monkeypatch: pytest.MonkeyPatch) -> None:
    """The name is looked up before anything is sent."""
    monkeypatch.setenv("SERVICENOW_INSTANCE_HOST", "nowhere.invalid")

    report = doctor()

    assert _causes(report, "name") == [causes.WRONG_HOST, causes.NETWORK]


def test_malformed_settings_are_all_that_is_reported(doctor: Doctor, monkeypatch: pytest.MonkeyPatch) -> None:
    """Nothing can be examined without settings; each wrong one is named."""
    monkeypatch.setenv("SERVICENOW_INSTANCE_HOST", "https://example.service-now.com/")

    report = doctor()

    assert _steps(report) == {"settings": "failed"}
    assert "SERVICENOW_INSTANCE_HOST" in report["text"]


def test_a_clock_that_is_off_is_reported(doctor: Doctor, servicenow: Simulator) -> None:
    """The bridge lives with it, a person who compares times should know."""
    servicenow.add_fault(Fault(on="any", path="^/$", times=None, headers={"Date": "Wed, 01 Jan 2020 00:00:00 GMT"}))

    assert _steps(doctor())["clock"] == "failed"


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
