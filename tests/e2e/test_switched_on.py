"""What is off by default, deployed: shares of callers, masked records, internals for one role, the trail."""

import time
from collections.abc import Iterator

import pytest

from common.incidents.windows import FRESH_SECONDS
from local.emulator import ACCOUNT
from local.stack import LocalStack
from tests.e2e.callers import Caller
from tests.e2e.deployments import deployed_with
from tests.e2e.identities import new_user
from tests.e2e.incidents import RESOLVED
from tests.support.filter_pattern import matches

SHARE = 6
TRAIL = "trail"


@pytest.fixture(scope="module")
def switched_on(deployed: LocalStack) -> Iterator[LocalStack]:
    """The stack with all of it; the defaults again for the tests that come after."""
    deployed.root.logs.create_log_group(logGroupName=TRAIL)
    with deployed_with(
        deployed,
        ApiRequestsPerCaller=str(SHARE),
        ApiHealthRoles=f"arn:aws:iam::{ACCOUNT}:user/health-reader",
        ApiWindows="account",
        MaskRecords="true",
        TrailLogGroupName=TRAIL,
    ):
        yield deployed


def caller(stack: LocalStack, name: str) -> Caller:
    """Return a user who may call every route."""
    allowed = {"Effect": "Allow", "Action": "execute-api:Invoke", "Resource": f"{stack.outputs['ApiArn']}/*"}
    return Caller(stack, new_user(stack, name, allowed))


def test_a_caller_gets_its_share_and_no_more(switched_on: LocalStack) -> None:
    """Counted by the role's own right, in the ledger's table, however many environments there are."""
    greedy, modest = caller(switched_on, "greedy"), caller(switched_on, "modest")

    replies = [greedy.call("GET", "/health") for _ in range(3 * SHARE)]

    refused = [reply for reply in replies if reply.status == 429]
    assert len(refused) >= SHARE, "at most two minutes were begun"
    assert 1 <= int(refused[-1].headers["Retry-After"]) <= 60
    assert modest.call("GET", "/health").status == 200
    items = switched_on.root.dynamodb.scan(TableName=switched_on.outputs["LedgerTableName"])["Items"]
    assert len([item for item in items if item["pk"]["S"].startswith("caller/")]) == 2


def test_what_is_masked_is_resolved_all_the_same(switched_on: LocalStack) -> None:
    """The problem is known by its hash, in which no address can be read."""
    switched_on.put_alarm("ALARM", name="mail of jane.doe@example.com")
    switched_on.wait_until_handled()
    switched_on.put_alarm("OK", name="mail of jane.doe@example.com")
    switched_on.wait_until_handled()

    [incident] = [row for row in switched_on.simulator.records("incident") if "mail of" in row["short_description"]]
    assert "mail of [mail address]" in incident["short_description"]
    assert "jane.doe" not in str(incident)
    assert incident["state"] == RESOLVED


def test_what_begins_while_somebody_deploys_opens_when_the_window_ends(switched_on: LocalStack) -> None:
    """It ends by itself, and the record says where its problem began; what recovers inside opens nothing."""
    pipeline = caller(switched_on, "kiosk-pipeline")
    began = int(time.time() * 1000)
    opened = pipeline.call("PUT", "/windows/deploy", {"match": "starts_with(detail.alarmName, 'kiosk ')", "for": "45s"})
    assert opened.status == 200, opened
    # A function that looked for windows just before it was opened believes for so long that there is none.
    seen_at = time.monotonic() + FRESH_SECONDS + 1
    switched_on.wait_until(lambda: time.monotonic() > seen_at, "time stands still")
    for name in ("kiosk down", "kiosk slow"):
        switched_on.put_alarm("ALARM", name=name)
    switched_on.put_alarm("OK", name="kiosk slow")

    def waiting() -> bool:
        group = switched_on.outputs["EventsLogGroupName"]
        lines = switched_on.root.logs.filter_log_events(logGroupName=group, startTime=began)["events"]
        told = any("An event waits for its hour." in line["message"] for line in lines)
        return told and switched_on.queue_depth().waiting == 0

    switched_on.wait_until(waiting, "nothing waits for the window")
    assert [row for row in switched_on.simulator.records("incident") if "kiosk" in row["short_description"]] == []
    switched_on.wait_until_handled(60.0)

    [incident] = [row for row in switched_on.simulator.records("incident") if "kiosk" in row["short_description"]]
    assert "kiosk down" in incident["short_description"]
    [note] = switched_on.simulator.journal(incident["sys_id"], "work_notes")
    assert note.startswith("Began inside the maintenance window deploy (until ")


def test_one_role_sees_what_deep_health_found(switched_on: LocalStack) -> None:
    """The others see that all is well."""
    reader, other = caller(switched_on, "health-reader"), caller(switched_on, "other")
    names = [check["name"] for check in reader.call("GET", "/health?deep=true").json["checks"]]
    assert "limit of callers" in names
    assert other.call("GET", "/health?deep=true").json == {"status": "ok", "checks": []}


def test_the_filters_lie_on_the_trail(switched_on: LocalStack) -> None:
    """With the names that this stack's secret and token really have."""
    found = switched_on.root.logs.describe_metric_filters(logGroupName=TRAIL)["metricFilters"]
    secret, token = switched_on.outputs["SecretArn"], switched_on.outputs["TokenParameterName"]
    reads = [("GetSecretValue", secret), ("GetSecretValue", secret[:-7]), ("GetParameter", f"arn:x:parameter{token}")]

    assert len(found) == 3
    for name, resource in reads:
        event = {"eventName": name, "errorCode": "AccessDenied", "errorMessage": f"... on resource: {resource} because"}
        assert any(matches(one["filterPattern"], event) for one in found), resource
