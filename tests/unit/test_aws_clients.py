"""What calls of AWS say of who makes them."""

import boto3
import pytest
from botocore.awsrequest import AWSPreparedRequest
from botocore.config import Config

from common.bridge.access import START_CONFIG, STORE_CONFIG
from common.bridge.clients import AWS_CONFIG, QUICK_CONFIG
from common.bridge.look_ups import LOOK_UP_CONFIG
from common.bridge.services import SERVICES_CONFIG
from tests.support.moto import mock_aws


@pytest.mark.parametrize(
    "config", [AWS_CONFIG, QUICK_CONFIG, START_CONFIG, STORE_CONFIG, LOOK_UP_CONFIG, SERVICES_CONFIG]
)
def test_aws_is_told_who_calls_in_few_words(config: Config) -> None:
    """CloudTrail shows it; the whole description of an SDK and its machine is made twice for each call."""
    told = []

    def note(request: AWSPreparedRequest, **_: object) -> None:
        told.append(str(request.headers["User-Agent"]))

    with mock_aws():
        client = boto3.client("sqs", config=config, region_name="eu-west-1")
        client.meta.events.register_first("before-send", note)
        client.list_queues()

    [agent] = told
    assert agent.split()[0].removeprefix("b'") == "servicenow-bridge"
    assert "os/" not in agent
