"""An instance, a ledger table and a counter, new for every test."""

from collections.abc import Iterator

import pytest
from mypy_boto3_dynamodb.client import DynamoDBClient

from local.simulator import Simulator
from tests.integration.incidents.counter import SECRET, TABLE, Counter, telling_time
from tests.support.clock import FakeClock
from tests.support.moto import mock_aws
from tests.support.token_world import kept_client


@pytest.fixture
def clock() -> FakeClock:
    """Provide the clock of everybody."""
    return FakeClock()


@pytest.fixture
def dynamodb() -> Iterator[DynamoDBClient]:
    """Provide a client and an empty table."""
    with mock_aws():
        client: DynamoDBClient = kept_client("dynamodb")
        client.create_table(
            TableName=TABLE,
            KeySchema=[{"AttributeName": "pk", "KeyType": "HASH"}],
            AttributeDefinitions=[{"AttributeName": "pk", "AttributeType": "S"}],
            BillingMode="PAY_PER_REQUEST",
        )
        yield client


@pytest.fixture
def simulator(clock: FakeClock) -> Iterator[Simulator]:
    """Provide an instance that knows the client."""
    with Simulator(client_secret=SECRET, seed=1, now=clock.now) as simulator:
        yield simulator


@pytest.fixture
def counter(simulator: Simulator, dynamodb: DynamoDBClient, clock: FakeClock) -> Iterator[Counter]:
    """Provide a counter whose ledger tells the time of `clock`."""
    with telling_time(dynamodb, clock):
        counter = Counter(simulator, dynamodb, clock)
        yield counter
        counter.transport.close()
