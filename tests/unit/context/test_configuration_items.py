"""The item of a resource is found by its ARN, asked for once an hour by all, and never guessed among several."""

from typing import Any
from urllib.parse import parse_qs, urlsplit

import pytest

from common.clock import Deadline
from common.context.configuration_items import (
    ITEM_FIELDS,
    KEPT_SECONDS,
    ConfigurationItems,
    class_of,
    matching,
    resource_id,
)
from common.context.shared import Shared
from common.context.subjects import Arn
from common.errors import BridgeError, TransientError
from common.incidents.ledger import Ledger
from common.servicenow.client import ServiceNowClient
from common.servicenow.names import NAME_FIELDS, Names
from common.servicenow.records import Record, Records
from common.transport import Response
from tests.support.clock import FakeClock
from tests.support.exchanges import ListedTokens, ScriptedSender, answer, refusal
from tests.support.ledger import InMemoryDynamoDB
from tests.support.reports import Reports

HERE = "eu-west-1:123456789012"
INSTANCE = f"arn:aws:ec2:{HERE}:instance/i-0abc1234"
FUNCTION = f"arn:aws:lambda:{HERE}:function:pay:live"
ONE, TWO = "1" * 32, "2" * 32
DOWN = TransientError("Down.", action="Wait.")


def arn(text: str) -> Arn:
    """Return an ARN in its parts."""
    found = Arn.parse(text)
    assert found is not None
    return found


def found(*rows: dict[str, str]) -> Response:
    """Return the answer to a look-up."""
    return answer(200, {"result": list(rows)})


class Given:
    """An instance that answers as its script says, and environments that share a ledger."""

    def __init__(self, *script: Response | BridgeError) -> None:
        self.clock = FakeClock()
        self.dynamodb: Any = InMemoryDynamoDB(self.clock.now)
        self.reports = Reports()
        self.sender = ScriptedSender(self.clock, *script)
        self.client = ServiceNowClient(self.sender, ListedTokens(), clock=self.clock, telemetry=self.reports.telemetry)

    def environment(self) -> Names:
        """Return what resolves names in a new environment."""
        shared = Shared(Ledger(self.dynamodb, "ledger", clock=self.clock), deployment="one")
        items = ConfigurationItems(Records(self.client, ITEM_FIELDS), shared, telemetry=self.reports.telemetry)
        records = Records(self.client, NAME_FIELDS)
        return Names(records, clock=self.clock, telemetry=self.reports.telemetry, items=items)

    def item(self, value: str = INSTANCE, names: Names | None = None) -> str | None:
        """Return what becomes of an ARN in cmdb_ci."""
        names = names or self.environment()
        return names.resolved({"cmdb_ci": value}, Deadline.after(self.clock, 60.0)).get("cmdb_ci")

    @property
    def queries(self) -> list[tuple[str, str]]:
        """The table and the query of each look-up."""
        targets = [urlsplit(request.target) for request in self.sender.requests]
        return [(target.path.rpartition("/")[2], parse_qs(target.query)["sysparm_query"][0]) for target in targets]


@pytest.mark.parametrize(
    ("text", "table", "name"),
    [
        (INSTANCE, "cmdb_ci_vm_instance", "i-0abc1234"),
        (f"arn:aws:ec2:{HERE}:volume/vol-1", "cmdb_ci_storage_volume", "vol-1"),
        (FUNCTION, "cmdb_ci_cloud_function", "pay"),
        (f"arn:aws:rds:{HERE}:db:orders", "cmdb_ci_cloud_database", "orders"),
        (f"arn:aws:dynamodb:{HERE}:table/t", "cmdb_ci_dynamodb_table", "t"),
        ("arn:aws:s3:::bucket", "cmdb_ci_cloud_object_storage", "bucket"),
        (f"arn:aws:ecs:{HERE}:service/c/s", "cmdb_ci_cloud_ecs_service", "s"),
        (
            f"arn:aws:elasticloadbalancing:{HERE}:loadbalancer/app/web/50dc6c495c0c9188",
            "cmdb_ci_cloud_load_balancer",
            "web",
        ),
        (f"arn:aws:elasticloadbalancing:{HERE}:loadbalancer/old", "cmdb_ci_cloud_load_balancer", "old"),
        (f"arn:aws:states:{HERE}:stateMachine:pay", "cmdb_ci_cloud_function", "pay"),
        (
            f"arn:aws:autoscaling:{HERE}:autoScalingGroup:1d3f5a7b:autoScalingGroupName/web",
            "cmdb_ci_instance_scale_set",
            "web",
        ),
        ("arn:aws:apigateway:eu-west-1::/restapis/a1b2", "cmdb_ci_cloud_gateway", "a1b2"),
        (f"arn:aws:ecs:{HERE}:task/c/1d3f5a7b", None, "1d3f5a7b"),
        (f"arn:aws:sqs:{HERE}:orders", None, "orders"),
    ],
)
def test_a_kind_of_resource_has_a_class(text: str, table: str | None, name: str) -> None:
    """What comes and goes, such as a task, has none: nobody has to ask for each."""
    assert (class_of(arn(text)), resource_id(arn(text))) == (table, name)


@pytest.mark.parametrize(
    ("rows", "expected"),
    [
        ([{"object_id": "i-0abc1234", "name": "web"}], [ONE]),
        ([{"object_id": "", "correlation_id": INSTANCE.upper()}], [ONE]),
        ([{"name": "i-0abc1234"}], [ONE]),
        ([{"name": "i-0abc1234"}, {"correlation_id": INSTANCE}], [TWO]),
        ([{"object_id": "i-0abc1234"}, {"object_id": "i-0abc1234"}], [ONE, TWO]),
        ([{"object_id": "i-0abc1234", "install_status": "7"}, {"object_id": "i-0abc1234"}], [TWO]),
        ([{"name": "i-0abc1234", "object_id": INSTANCE.replace("1234567", "7654321")}], []),
        ([{"name": "other", "object_id": "i-9"}], []),
        ([], []),
    ],
)
def test_what_tells_most_counts(rows: list[dict[str, str]], expected: list[str]) -> None:
    """The ARN, then the id, then the name; what is retired, or is of another ARN, never."""
    records = [Record(sys_id, fields) for sys_id, fields in zip((ONE, TWO), rows, strict=False)]
    assert [record.sys_id for record in matching(arn(INSTANCE), records)] == expected


def test_one_query_in_the_class_finds_the_item() -> None:
    """By everything that discovery and imports fill."""
    given = Given(found({"sys_id": ONE, "object_id": "i-0abc1234"}))
    assert given.item() == ONE
    terms = (f"object_id={INSTANCE}", f"correlation_id={INSTANCE}", "object_id=i-0abc1234")
    query = "^OR".join((*terms, "correlation_id=i-0abc1234", "name=i-0abc1234"))
    assert given.queries == [("cmdb_ci_vm_instance", query)]


@pytest.mark.parametrize(("rows", "expected"), [([{"sys_id": ONE, "name": "i-0abc1234"}], ONE), ([], None)])
def test_an_answer_counts_for_an_hour_in_every_environment(rows: list[dict[str, str]], expected: str | None) -> None:
    """Also that there is none: a new event then costs no second call."""
    given = Given(found(*rows))
    for _ in range(3):
        given.clock.advance(KEPT_SECONDS / 4)
        assert given.item() == expected
    assert len(given.queries) == 1
    given.clock.advance(KEPT_SECONDS)
    given.item()
    assert len(given.queries) == 2


def test_an_item_that_is_not_there_is_no_mistake_of_a_rule() -> None:
    """Most resources of most companies have none."""
    given = Given(found())
    assert given.item() is None
    assert given.reports.counts["ItemsUnknown"] == 1
    assert "NamesUnknown" not in given.reports.counts
    assert given.reports.lines == []


def test_of_several_none_is_taken() -> None:
    """And a person is told what to do about it."""
    rows = [{"sys_id": sys_id, "object_id": "i-0abc1234"} for sys_id in (ONE, TWO)]
    given = Given(found(*rows))
    assert given.item() is None
    assert given.reports.counts["ItemsAmbiguous"] == 1
    assert given.reports.lines[0]["arn"] == INSTANCE


@pytest.mark.parametrize("status", [400, 403])
def test_a_class_that_may_not_be_read_is_left_alone(status: int) -> None:
    """It is refused once, not once for each resource: many instances lack some of these tables."""
    given = Given(refusal(status))
    for number in range(3):
        assert given.item(f"arn:aws:ec2:{HERE}:instance/i-0abc123{number}") is None
    assert len(given.queries) == 1
    assert given.reports.counts["ItemTablesRefused"] == 1


def test_an_instance_that_is_down_says_nothing_about_items() -> None:
    """The record waits with it: it could not be written either."""
    given = Given(DOWN)
    with pytest.raises(TransientError):
        given.item()
    assert given.dynamodb.items == {}


def test_a_rule_may_ask_for_any_resource() -> None:
    """In the table of all items, where nothing is known of its class."""
    queue = f"arn:aws:sqs:{HERE}:orders"
    given = Given(found({"sys_id": ONE, "correlation_id": queue}))
    assert given.item(queue) == ONE
    assert given.queries[0][0] == "cmdb_ci"


def test_other_names_of_items_are_looked_up_as_ever() -> None:
    """A rule may name an item by its name."""
    given = Given(found({"sys_id": ONE, "name": "payments-api"}))
    assert given.item("payments-api") == ONE
    assert given.queries == [("cmdb_ci", "name=payments-api^ORcorrelation_id=payments-api")]
