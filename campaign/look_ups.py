"""Faults 112 to 115: tags that nobody can look up when a record opens. It opens without, and is put right once."""

from collections.abc import Mapping
from typing import Any

from campaign.catalogue import fault
from campaign.stage import REGION, refusal
from campaign.storms import having
from campaign.world import World
from local.simulator.tables import seed_id
from tests.support.deployment import ACCOUNT

_OTHER = "444455556666"
_LOOK_UPS = ("cloudwatch.ListTagsForResource", "resourcegroupstaggingapi.GetResources")


def _opens_without(world: World, account: str = ACCOUNT) -> dict[str, Any]:
    """Send a tagged alarm of an account, and return the record that opens although nobody can look its tags up."""
    name = f"owned-{world.random.randint(1, 1_000_000)}"
    world.stage.client("cloudwatch").put_metric_alarm(
        AlarmName=name,
        ComparisonOperator="GreaterThanThreshold",
        EvaluationPeriods=1,
        MetricName="any",
        Namespace="Shop",
        Period=60,
        Statistic="Sum",
        Threshold=1.0,
        Tags=[{"Key": "team", "Value": "Network"}],
    )
    with having(fields={"assignment_group": "{{ tags.team }}"}):
        world.environment(LOOK_UPS="resources,false", MEMBER_ROLE_NAME="member", AWS_REGION=REGION)
    arn = f"arn:aws:cloudwatch:{REGION}:{account}:alarm:{name}"
    world.send(world.alarm(name, "ALARM", minutes=1, resources=[arn], account=account))
    world.expect_outcome(world.invoke(), "later")
    [row] = world.incidents()
    world.expect(row["assignment_group"] == "", "the record has an owner that nobody could know")
    return row


def _is_put_right(world: World, before: Mapping[str, Any]) -> None:
    world.mend()
    world.settle()
    [row] = world.incidents()
    world.expect(row["assignment_group"] == seed_id("sys_user_group", "Network"), "the owner is missing")
    world.expect(int(row["sys_mod_count"]) == int(before["sys_mod_count"]) + 1, "it took more than one change")
    world.expect(not world.dead_letters(), "a message was given up")


@fault(112, "tags throttled, or their service failing", "C without them, put right by one change")
def tags_throttled(world: World) -> None:
    """Both look-ups, for as long as the record takes to open."""
    code = world.pick("ThrottlingException", "Throttling", "InternalServiceFault", "ServiceUnavailable")
    for operation in _LOOK_UPS:
        world.aws_fault(operation, refusal(code, world.pick(400, 500, 503)))
    _is_put_right(world, _opens_without(world))


@fault(113, "tags denied", "C without them, put right by one change once the permission is there", seeds=6)
def tags_denied(world: World) -> None:
    """A person needs some minutes to give it."""
    for operation in _LOOK_UPS:
        world.aws_fault(operation, refusal("AccessDeniedException", 403))
    before = _opens_without(world)
    for _ in range(world.random.randint(0, 3)):
        world.queue.wait()
        world.expect_outcome(world.invoke(), "later")
    _is_put_right(world, before)


@fault(114, "tags that take longer than a second", "C without them, put right by one change", seeds=6)
def tags_slow(world: World) -> None:
    """The client gives up."""
    for operation in _LOOK_UPS:
        world.aws_fault(operation, None)
    _is_put_right(world, _opens_without(world))


@fault(115, "the role of another account missing", "C without its tags", seeds=6)
def role_missing(world: World) -> None:
    """Whether it is ever made or not, the record stays one, and the message ends."""
    world.aws_fault("sts.AssumeRole", refusal("AccessDenied", 403))
    before = _opens_without(world, account=_OTHER)
    if world.toss():
        world.mend()
    world.settle()
    [row] = world.incidents()
    world.expect(row["sys_mod_count"] == before["sys_mod_count"], "the record was changed without a reason")
    world.expect(not world.dead_letters(), "a message was given up")
