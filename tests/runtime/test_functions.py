"""The built functions under Lambda's own runtime client, with AWS and ServiceNow on the loopback."""

import base64
import json
from concurrent.futures import ThreadPoolExecutor
from typing import Any
from urllib.parse import quote

from local.simulator import Fault, Simulator
from tests.runtime.conftest import SECRET, Start
from tests.support.deployment import Deployment, alarm, sqs_event

SCHEDULED = {"source": "aws.events", "detail-type": "Scheduled Event", "detail": {}}


def stored_token(stack: Deployment) -> dict[str, Any]:
    """Return what is stored for all environments, and check that it is encrypted."""
    parameter = stack.clients["ssm"].get_parameter(Name=stack.environment["TOKEN_PARAMETER"], WithDecryption=True)
    assert parameter["Parameter"]["Type"] == "SecureString"
    stored: dict[str, Any] = json.loads(parameter["Parameter"]["Value"])
    return stored


def forms(secret: str) -> set[str]:
    """Return the forms in which a secret usually leaks."""
    return {secret, quote(secret, safe=""), base64.b64encode(secret.encode()).decode(), json.dumps(secret)[1:-1]}


def test_an_alarm_in_a_batch_opens_an_incident(start: Start, servicenow: Simulator, stack: Deployment) -> None:
    """The answer is a partial batch response without failures, and the token is there for other environments."""
    found = start("events").invoke(sqs_event([alarm("errors", "ALARM")]))

    assert found.answer == {"batchItemFailures": []}
    assert [incident["state"] for incident in servicenow.records("incident")] == ["1"]
    assert stored_token(stack)["token"]


def test_a_token_that_was_refreshed_is_used_by_the_events_function(start: Start, servicenow: Simulator) -> None:
    """Two functions, three environments, one token request."""
    refreshed = start("token_refresh").invoke(SCHEDULED)
    for name in ("first", "second"):
        start("events").invoke(sqs_event([alarm(name, "ALARM")]))

    assert (refreshed.failed, refreshed.answer) == (False, None)
    assert len(servicenow.records("incident")) == 2
    assert servicenow.token_requests == 1


def test_the_schedule_leaves_a_young_token_alone(start: Start, servicenow: Simulator) -> None:
    """However often it is called: the token is renewed from a third of its life on."""
    function = start("token_refresh")
    for _ in range(3):
        assert not function.invoke(SCHEDULED).failed

    assert servicenow.token_requests == 1


def test_the_schedule_fails_loudly_where_the_credentials_are_wrong(
    start: Start, stack: Deployment, servicenow: Simulator
) -> None:
    """Lambda counts an error, which the alarm watches; the message says what to check in ServiceNow."""
    stack.put_credentials("bridge", "wrong+secret~[#,value")
    function = start("token_refresh")

    found = function.invoke(SCHEDULED)

    assert found.failed
    assert found.answer["errorType"] == "CredentialsError"
    assert "OAuth Application User" in found.answer["errorMessage"]
    assert servicenow.token_requests == 1
    assert '"TokenRefusals"' in function.log()
    for form in forms("wrong+secret~[#,value"):
        assert form not in function.log() + json.dumps(found.answer)


def test_no_secret_and_no_token_is_in_the_log(start: Start, stack: Deployment, servicenow: Simulator) -> None:
    """At the level DEBUG, with metrics, and with a token that ServiceNow has revoked in between."""
    refresher, events = start("token_refresh"), start("events")
    refresher.invoke(SCHEDULED)
    first = stored_token(stack)["token"]
    servicenow.revoke_tokens()
    events.invoke(sqs_event([alarm("errors", "ALARM")]))
    second = stored_token(stack)["token"]
    written = refresher.log() + events.log()

    assert first != second
    assert '"TokenRequests"' in written
    assert '"TokensRejected"' in written
    for secret in (SECRET, first, second):
        assert not [form for form in forms(secret) if form in written]


def test_the_answer_comes_in_time_while_servicenow_hangs(start: Start, servicenow: Simulator) -> None:
    """A second or more before the timeout, so that the function is not killed and the message goes back as wanted."""
    servicenow.add_fault(Fault(on="any", connection="hang", times=None))
    event = sqs_event([alarm("errors", "ALARM")])

    refresher, events = start("token_refresh"), start("events")
    with ThreadPoolExecutor() as both:
        refreshing = both.submit(refresher.invoke, SCHEDULED, timeout=13)
        applied = events.invoke(event, timeout=17)
        refreshed = refreshing.result()

    assert refreshed.answer["errorType"] == "PassingError"
    assert refreshed.seconds_left > 1
    assert applied.answer == {"batchItemFailures": [{"itemIdentifier": event["Records"][0]["messageId"]}]}
    assert applied.seconds_left > 1
    assert servicenow.records("incident") == []


def test_a_batch_that_comes_too_late_goes_back_untouched(start: Start, servicenow: Simulator) -> None:
    """With 3 s left nothing is begun that could not be finished."""
    event = sqs_event([alarm("errors", "ALARM")])

    found = start("events").invoke(event, timeout=3)

    assert found.answer == {"batchItemFailures": [{"itemIdentifier": event["Records"][0]["messageId"]}]}
    assert servicenow.calls == []
