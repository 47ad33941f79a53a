"""What tests look at in the simulated ServiceNow."""

from local.stack import LocalStack

NEW, RESOLVED = "1", "6"


def incidents_of(stack: LocalStack, alarm: str) -> list[dict[str, str]]:
    """Return the incidents of one alarm, oldest first."""
    return [record for record in stack.simulator.records("incident") if alarm in record["short_description"]]
