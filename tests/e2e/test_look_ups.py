"""What is looked up before a record opens, deployed: by the functions' roles, and with what is stored for them."""

import json
from collections.abc import Iterator

import pytest

from local.alarms import alarm_event, put_event
from local.simulator.tables import seed_id
from local.stack import LocalStack
from tests.e2e.deployments import deployed_with
from tests.e2e.incidents import incidents_of


@pytest.fixture(scope="module")
def looking(deployed: LocalStack) -> Iterator[LocalStack]:
    """The stack with look-ups; without them for the tests that come after."""
    with deployed_with(deployed, TagLookups="resources", FindConfigurationItems="true", AllowedTables="problem"):
        yield deployed


def test_an_incident_names_the_item_of_the_instance_that_its_alarm_measures(looking: LocalStack) -> None:
    """Found by its id in the class that Discovery fills; a second alarm on it costs one call."""
    calls = 0
    for name in ("item-first", "item-second"):
        event = alarm_event("ALARM", name=name)
        metric = event["detail"]["configuration"]["metrics"][0]["metricStat"]["metric"]
        metric |= {"namespace": "AWS/EC2", "dimensions": {"InstanceId": "i-0fedcba9876543210"}}
        calls = looking.simulator.api_calls
        put_event(looking.root, event)
        looking.wait_until_handled()
        [incident] = incidents_of(looking, name)
        assert incident["cmdb_ci"] == seed_id("cmdb_ci_vm_instance", "web-1")
    assert looking.simulator.api_calls - calls == 1
    assert looking.dead_letters() == []


def test_the_doctor_may_try_each_look_up(looking: LocalStack) -> None:
    """With its own role. MiniStack does not see which alarm is asked about, and so denies the one that names alarms."""
    answer = looking.root.functions.invoke(FunctionName=looking.outputs["DoctorFunctionName"], Payload=b"{}")
    report = json.loads(answer["Payload"].read())
    found = {step["name"]: (step["outcome"], step["detail"]) for step in report["steps"]}

    assert found["tags"][1] == "These look-ups fail: cloudwatch:ListTagsForResource (AccessDeniedException)."
    assert found["configuration items"][0] == "ok", found["configuration items"]
