"""The ledger against moto's DynamoDB, whose `Date` headers are those of this machine."""

import time
from collections.abc import Callable
from copy import replace
from typing import Any, cast

import pytest
from mypy_boto3_dynamodb.client import DynamoDBClient

from common.errors import BridgeError, ConfigurationError, TransientError
from common.incidents.item import Item, Operation, Pending
from common.incidents.ledger import KEPT_AFTER_RECOVERY, Ledger
from tests.integration.incidents.counter import TABLE, OneAtATime
from tests.support.aws import client, stubbed
from tests.support.clock import FakeClock
from tests.support.problems import PROBLEM, RECORD, orders, pending, settled
from tests.support.threads import in_threads
from tests.support.world import KEY

NEW = Item(PROBLEM, KEY, "incident")


@pytest.fixture
def ledger(dynamodb: DynamoDBClient) -> Ledger:
    """Provide the ledger of an environment whose own clock is wherever the fake one stands."""
    return Ledger(dynamodb, TABLE, clock=FakeClock())


def read(ledger: Ledger) -> Item:
    """Read the one problem."""
    return ledger.read(PROBLEM, dedup_key=KEY, table="incident")


def stored(dynamodb: DynamoDBClient) -> dict[str, Any]:
    """Return the attributes of the one problem as DynamoDB holds them."""
    return dynamodb.get_item(TableName=TABLE, Key={"pk": {"S": PROBLEM}})["Item"]


@pytest.mark.parametrize(
    "item",
    [
        NEW,
        settled("F1", RECORD, version=0),
        settled("aF1 bR2", version=0, correlation_id="0-1"),
        replace(pending(Operation.OPEN, "aF1 bF2", "aR0"), version=0),
        replace(pending(Operation.RESOLVE, "R2", "F1"), version=0, fingerprint="0" * 32),
        Item(PROBLEM, '["☂","ß^OR"]', "incident"),
    ],
)
def test_an_item_is_read_as_it_was_written(ledger: Ledger, item: Item) -> None:
    """With its new version."""
    written = ledger.write(item)

    assert written == replace(item, version=1)
    assert read(ledger) == written


def test_who_read_before_anothers_write_loses(ledger: Ledger) -> None:
    """The first writer of a version wins."""
    assert ledger.write(replace(NEW, orders=orders("F1"))) is not None
    assert ledger.write(replace(NEW, orders=orders("R2"))) is None
    seen = read(ledger)
    assert ledger.write(replace(seen, orders=orders("F3"))) is not None
    assert ledger.write(replace(seen, orders=orders("R2"))) is None

    assert read(ledger).orders == orders("F3")


def test_a_write_to_an_item_that_is_gone_loses(ledger: Ledger, dynamodb: DynamoDBClient) -> None:
    """It is not made anew from what was read before."""
    seen = ledger.write(NEW)
    assert seen is not None
    dynamodb.delete_item(TableName=TABLE, Key={"pk": {"S": PROBLEM}})

    assert ledger.write(seen) is None


def test_a_write_that_is_repeated_counts_as_done(ledger: Ledger) -> None:
    """As the AWS SDK repeats it after a lost answer; the condition fails, and the stored item is one's own."""
    claim = replace(NEW, pending=Pending(Operation.OPEN, orders("F1"), 1, "me"))

    assert ledger.write(claim) == ledger.write(claim) == replace(claim, version=1)
    assert ledger.write(replace(claim, pending=Pending(Operation.OPEN, orders("F1"), 1, "another"))) is None


def test_of_many_claims_at_once_one_wins(dynamodb: DynamoDBClient) -> None:
    """Each thread has a ledger of its own; moto stands behind one lock."""
    shared = cast("DynamoDBClient", OneAtATime(dynamodb))
    owners = iter(range(8))

    def claim() -> Item | None:
        owner = f"worker {next(owners)}"
        ledger = Ledger(shared, TABLE, clock=FakeClock())
        return ledger.write(replace(NEW, pending=Pending(Operation.OPEN, orders("F1"), 1, owner)))

    outcomes = in_threads(8, claim)

    winners = [outcome for outcome in outcomes if isinstance(outcome, Item)]
    assert len(outcomes) == 8
    assert len(winners) == 1
    assert stored(dynamodb)["owner"] == {"S": winners[0].pending_write.owner}


@pytest.mark.parametrize("offset", [-3600.0, 3600.0])
@pytest.mark.parametrize("call", [read, lambda ledger: ledger.write(NEW)], ids=["read", "write"])
def test_the_time_is_that_of_dynamodbs_answers(
    dynamodb: DynamoDBClient, offset: float, call: Callable[[Ledger], object]
) -> None:
    """The local clock is an hour off; the header has a grain of a second and is never ahead."""
    ledger = Ledger(dynamodb, TABLE, clock=FakeClock(now=time.time() + offset))
    before = time.time()
    call(ledger)

    assert (before - 1) * 1000 <= ledger.now() <= time.time() * 1000


@pytest.mark.parametrize(
    ("item", "expires"),
    [
        (settled("R1", RECORD, version=0), True),
        (settled("F1", RECORD, version=0), False),
        (replace(pending(Operation.RESOLVE, "R2", "F1"), version=0), False),
    ],
    ids=["over", "firing", "pending"],
)
def test_only_what_is_over_expires(ledger: Ledger, dynamodb: DynamoDBClient, item: Item, *, expires: bool) -> None:
    """60 days after its last write, in the seconds since the epoch that DynamoDB expects."""
    read(ledger)
    ledger.write(item)

    assert ("expires_at" in stored(dynamodb)) is expires
    if expires:
        assert abs(int(stored(dynamodb)["expires_at"]["N"]) - time.time() - KEPT_AFTER_RECOVERY) < 60


@pytest.mark.parametrize(
    ("code", "error"),
    [
        ("ProvisionedThroughputExceededException", TransientError),
        ("ThrottlingException", TransientError),
        ("InternalServerError", TransientError),
        ("AccessDeniedException", ConfigurationError),
        ("ResourceNotFoundException", ConfigurationError),
    ],
)
def test_what_dynamodb_refuses_becomes_one_of_our_errors(code: str, error: type[BridgeError]) -> None:
    """As botocore parses it: transient, or for a person to mend."""
    made, stubber = stubbed("dynamodb")
    ledger = Ledger(made, TABLE, clock=FakeClock())
    stubber.add_client_error("get_item", code, http_status_code=400)
    stubber.add_client_error("put_item", code, http_status_code=400)

    with pytest.raises(error, match=code):
        read(ledger)
    with pytest.raises(error, match=code):
        ledger.write(NEW)


def test_a_table_that_does_not_exist_is_for_a_person(dynamodb: DynamoDBClient) -> None:
    """Moto answers as DynamoDB does."""
    with pytest.raises(ConfigurationError, match="ResourceNotFoundException"):
        read(Ledger(dynamodb, "another", clock=FakeClock()))


def test_a_dynamodb_that_cannot_be_reached_is_transient() -> None:
    """Nothing listens there."""
    nowhere: DynamoDBClient = client("dynamodb", endpoint_url="http://127.0.0.1:9")

    with pytest.raises(TransientError, match="EndpointConnectionError"):
        read(Ledger(nowhere, TABLE, clock=FakeClock()))
