"""The watch, deployed, and what follows it: with permissions of their own, and a rule of somebody's on the bus.

The emulator has no Security Hub: that findings follow is tried in tests/integration/watch_function/test_both_ways.py.
"""

import json
from collections.abc import Iterator

import pytest
from botocore.exceptions import ClientError

from local.stack import SOURCE, STACK_NAME, LocalStack
from local.watching import heard, listen
from tests.e2e.deployments import NEVER, deployed_with
from tests.e2e.identities import clients_of_role


@pytest.fixture(scope="module")
def watching(deployed: LocalStack) -> Iterator[LocalStack]:
    """The stack with the watch, and a queue that a rule fills; without both for the tests that come after."""
    with deployed_with(deployed, WatchSchedule=NEVER, RecordActions="securityhub"):
        listen(deployed.root, SOURCE)
        yield deployed


def test_what_a_person_does_is_told_on_the_bus_and_comes_back_to_nobody(watching: LocalStack) -> None:
    """The bridge opens, a person takes, the bridge resolves. No event of these reaches the stack's own queue."""
    watching.store_credentials()
    watching.look()
    heard(watching.root)
    watching.put_alarm("ALARM", name="watched")
    watching.wait_until_handled()
    watching.look()
    [opened] = heard(watching.root)
    watching.simulator.update("incident", opened["detail"]["sys_id"], {"state": "In Progress"})
    watching.look()
    [taken] = heard(watching.root)
    watching.put_alarm("OK", name="watched")
    watching.wait_until_handled()
    watching.look()
    [resolved] = heard(watching.root)
    watching.look()

    details = [event["detail"] for event in (opened, taken, resolved)]
    assert [detail["by"] for detail in details] == ["bridge", "person", "bridge"]
    assert [detail["changes"]["state"] for detail in details] == [
        {"old": None, "new": "1"},
        {"old": "1", "new": "2"},
        {"old": "2", "new": "6"},
    ]
    assert heard(watching.root) == []
    assert watching.unfinished_messages() == 0
    assert watching.undelivered_messages() == 0


def test_its_role_speaks_in_one_name_on_one_bus(watching: LocalStack) -> None:
    """Not in AWS's, not in that of another application, and not of alerts."""
    resources = watching.root.cloudformation.describe_stack_resources(StackName=STACK_NAME)["StackResources"]
    (role,) = [one["PhysicalResourceId"] for one in resources if one["LogicalResourceId"] == "WatchFunctionRole"]
    events = clients_of_role(watching, role).client("events")
    entry = {"Source": SOURCE, "DetailType": "ServiceNow Record Changed", "Detail": "{}"}

    assert events.put_events(Entries=[entry])["FailedEntryCount"] == 0
    for other in ({"Source": "shop.checkout"}, {"DetailType": "ServiceNow Alert"}):
        with pytest.raises(ClientError, match="AccessDenied"):
            events.put_events(Entries=[entry | other])
    heard(watching.root)


def test_a_change_reaches_the_function_that_lets_aws_follow(watching: LocalStack) -> None:
    """By the rule and its queue; what it can't understand it sends to the dead-letter queue, by its own role."""
    change = {
        "Source": SOURCE,
        "DetailType": "ServiceNow Record Changed",
        "Detail": json.dumps({"deployment": watching.outputs["DeploymentName"], "number": "INC0099999"}),
    }
    elsewhere = change | {"Detail": json.dumps({"deployment": "another", "number": "INC0099998"})}
    watching.dead_letters()

    watching.root.client("events").put_events(Entries=[change, elsewhere])

    letters: list[object] = []

    def refused() -> bool:
        letters.extend(watching.dead_letters())
        return bool(letters)

    watching.wait_until(refused, "Nothing was refused", 60)
    heard(watching.root)
    [letter] = letters
    assert "tells of no change" in str(letter)
    assert "INC0099999" in str(letter)
