"""What the deployed roles may do, tried with them: a table of calls, and of the roles that may make them.

These are the roles of a stack as it is by default. Those of the watch and of the actions function, and what ChangeGate
adds to the others, are tried in test_watch.py and test_change_gate.py, which switch them on.

The account's own key, which is never refused, only sets up what the calls are about and proves that each of them is a
proper one. Two things are not in the table, because MiniStack can't tell them: it does not know the `:*` at the end of
a log group's ARN, so nobody may write logs; nor `dynamodb:LeadingKeys`, which keeps UpdateItem to the items that count,
and the doctor to an item of its own.
"""

from collections.abc import Callable, Iterator
from dataclasses import dataclass

import pytest
from botocore.exceptions import ClientError

from local.alarms import alarm_event, put_event
from local.clients import Clients, Identity
from local.emulator import ACCOUNT, REGION
from local.stack import STACK_NAME, TOPIC, LocalStack
from tests.e2e.identities import clients_of_role, new_user

_DENIED = {"AccessDenied", "AccessDeniedException", "AuthorizationError"}
_ITEM = {"pk": {"S": "permissions"}}


@dataclass(frozen=True)
class Names:
    """The resources of the stack, and others of the same account that are none of its business."""

    secret: str
    webhooks: str
    token: str
    stored: str
    key: str
    ledger: str
    queue: str
    dead_letters: str
    role: str
    function: str
    logs: str
    other_secret: str = "payroll"
    other_parameter: str = "/payroll/token"
    other_table: str = "payroll"
    other_queue: str = ""
    other_logs: str = "/aws/lambda/payroll"


type Call = Callable[[Clients, Names], object]

CALLS: dict[str, Call] = {
    "read the client credentials": lambda aws, of: aws.secrets.get_secret_value(SecretId=of.secret),
    "write the shared token": lambda aws, of: aws.parameters.put_parameter(
        Name=of.token, Value="x", Type="SecureString", KeyId=of.key, Overwrite=True
    ),
    "read the shared token": lambda aws, of: aws.parameters.get_parameter(Name=of.token, WithDecryption=True),
    "read the stored settings": lambda aws, of: aws.parameters.get_parameters(Names=[of.stored]),
    "write the ledger": lambda aws, of: aws.dynamodb.put_item(TableName=of.ledger, Item=_ITEM),
    "read the ledger": lambda aws, of: aws.dynamodb.get_item(TableName=of.ledger, Key=_ITEM),
    "take events": lambda aws, of: aws.queues.receive_message(QueueUrl=of.queue),
    "see the state of the event queue": lambda aws, of: aws.queues.get_queue_attributes(QueueUrl=of.queue),
    "see the state of the dead-letter queue": lambda aws, of: aws.queues.get_queue_attributes(QueueUrl=of.dead_letters),
    "refuse an event": lambda aws, of: aws.queues.send_message(QueueUrl=of.dead_letters, MessageBody="x"),
    "read another secret": lambda aws, of: aws.secrets.get_secret_value(SecretId=of.other_secret),
    "change the client credentials": lambda aws, of: aws.secrets.put_secret_value(
        SecretId=of.secret, SecretString='{"client_id": "", "client_secret": ""}'
    ),
    "read the secrets of webhooks": lambda aws, of: aws.secrets.get_secret_value(SecretId=of.webhooks),
    "see who is subscribed to a listed topic": lambda aws, _: aws.client("sns").list_subscriptions_by_topic(
        TopicArn=TOPIC
    ),
    "publish to a listed topic": lambda aws, _: aws.client("sns").publish(TopicArn=TOPIC, Message="{}"),
    "list secrets": lambda aws, _: aws.secrets.list_secrets(),
    "read former tokens": lambda aws, of: aws.parameters.get_parameter_history(Name=of.token),
    "read another parameter": lambda aws, of: aws.parameters.get_parameter(Name=of.other_parameter),
    "read parameters by their path": lambda aws, _: aws.parameters.get_parameters_by_path(Path="/"),
    "read another parameter with the stored settings": lambda aws, of: aws.parameters.get_parameters(
        Names=[of.stored, of.other_parameter]
    ),
    "write another parameter": lambda aws, of: aws.parameters.put_parameter(
        Name=of.other_parameter, Value="x", Type="String", Overwrite=True
    ),
    "delete the shared token": lambda aws, of: aws.parameters.delete_parameter(Name=of.token),
    "delete from the ledger": lambda aws, of: aws.dynamodb.delete_item(TableName=of.ledger, Key=_ITEM),
    "scan the ledger": lambda aws, of: aws.dynamodb.scan(TableName=of.ledger),
    "read another table": lambda aws, of: aws.dynamodb.get_item(TableName=of.other_table, Key=_ITEM),
    "put an event past the bus": lambda aws, of: aws.queues.send_message(QueueUrl=of.queue, MessageBody="{}"),
    "read the dead-letter queue": lambda aws, of: aws.queues.receive_message(QueueUrl=of.dead_letters),
    "purge the event queue": lambda aws, of: aws.queues.purge_queue(QueueUrl=of.queue),
    "write into another queue": lambda aws, of: aws.queues.send_message(QueueUrl=of.other_queue, MessageBody="x"),
    "encrypt with the key by itself": lambda aws, of: aws.kms.encrypt(KeyId=of.key, Plaintext=b"x"),
    "make data keys by itself": lambda aws, of: aws.kms.generate_data_key(KeyId=of.key, KeySpec="AES_256"),
    "describe the key": lambda aws, of: aws.kms.describe_key(KeyId=of.key),
    "put events": lambda aws, _: put_event(aws, alarm_event("INSUFFICIENT_DATA")),
    "call a function": lambda aws, of: aws.functions.invoke(FunctionName=of.function, Payload=b'{"Records": []}'),
    "see the configuration of a function": lambda aws, of: aws.functions.get_function(FunctionName=of.function),
    "write another log": lambda aws, of: aws.logs.create_log_stream(
        logGroupName=of.other_logs, logStreamName="permissions"
    ),
    "read a log": lambda aws, of: aws.logs.filter_log_events(logGroupName=of.logs),
    "see a role": lambda aws, of: aws.iam.get_role(RoleName=of.role),
    "see the account's quotas": lambda aws, _: aws.functions.get_account_settings(),
    "see the stack": lambda aws, _: aws.cloudformation.describe_stacks(),
}

_TOKEN = {
    "read the client credentials",
    "write the shared token",
    "read the shared token",
    "read the stored settings",
}
MAY: dict[str, set[str]] = {
    "EventsFunctionRole": {
        *_TOKEN,
        "write the ledger",
        "read the ledger",
        "take events",
        "see the state of the event queue",
        "refuse an event",
    },
    "ApiFunctionRole": {
        *_TOKEN,
        "write the ledger",
        "read the ledger",
        "put an event past the bus",  # alerts of its callers
        "refuse an event",  # an alert of a webhook that nobody understands
        "see the state of the event queue",  # deep health
        "see the state of the dead-letter queue",
        "read the secrets of webhooks",
    },
    "TokenRefreshFunctionRole": _TOKEN,
    "DoctorFunctionRole": {
        *_TOKEN,
        "write the ledger",
        "read the ledger",
        "see the state of the event queue",
        "see the state of the dead-letter queue",
        "see the account's quotas",
        "read the secrets of webhooks",
        "see who is subscribed to a listed topic",
    },
}
"""Which calls a role may make, by the role's name in the template; all others are denied."""


def refused(call: Call, clients: Clients, names: Names) -> bool:
    """Tell whether a call is refused for lack of permission. Any other failure is raised."""
    try:
        call(clients, names)
    except ClientError as error:
        if error.response["Error"]["Code"] in _DENIED:
            return True
        raise
    return False


@pytest.fixture(scope="module")
def names(deployed: LocalStack) -> Names:
    """The names of the deployed resources, and some others in the same account."""
    outputs, root = deployed.outputs, deployed.root
    names = Names(
        secret=outputs["SecretArn"],
        webhooks=outputs["WebhookSecretArn"],
        token=outputs["TokenParameterName"],
        stored=outputs["TokenParameterName"].replace("/access-token", "/settings/certificate-authorities"),
        key=outputs["KeyArn"],
        ledger=outputs["LedgerTableName"],
        queue=outputs["QueueUrl"],
        dead_letters=outputs["DeadLetterQueueUrl"],
        role=outputs["EventsFunctionRoleArn"].rpartition("/")[2],
        function=outputs["EventsFunctionName"],
        logs=outputs["EventsLogGroupName"],
        other_queue=root.queues.create_queue(QueueName="payroll")["QueueUrl"],
    )
    root.secrets.create_secret(Name=names.other_secret, SecretString="x")
    root.parameters.put_parameter(Name=names.other_parameter, Value="x", Type="String")
    root.logs.create_log_group(logGroupName=names.other_logs)
    root.dynamodb.create_table(
        TableName=names.other_table,
        BillingMode="PAY_PER_REQUEST",
        AttributeDefinitions=[{"AttributeName": "pk", "AttributeType": "S"}],
        KeySchema=[{"AttributeName": "pk", "KeyType": "HASH"}],
    )
    return names


@pytest.fixture(scope="module")
def roles(deployed: LocalStack) -> dict[str, Clients]:
    """What each role sees of AWS."""
    resources = deployed.root.cloudformation.describe_stack_resources(StackName=STACK_NAME)["StackResources"]
    deployed_roles = {
        resource["LogicalResourceId"]: resource["PhysicalResourceId"]
        for resource in resources
        if resource["ResourceType"] == "AWS::IAM::Role"
    }
    assert deployed_roles.keys() == MAY.keys()
    return {name: clients_of_role(deployed, role) for name, role in deployed_roles.items()}


@pytest.fixture(scope="module")
def nobody(deployed: LocalStack) -> Clients:
    """What a user of the account sees who was given nothing."""
    return deployed.emulator.clients(new_user(deployed, "nobody"))


@pytest.fixture(scope="module", autouse=True)
def _tidy(deployed: LocalStack) -> Iterator[None]:
    """Leave the deployment as it was: credentials in place, no token that is none, nothing in the queues."""
    yield
    deployed.store_credentials()
    deployed.wait_until_handled()
    deployed.dead_letters()


@pytest.mark.parametrize("title", CALLS)
def test_every_call_of_the_table_is_a_proper_one(title: str, names: Names, deployed: LocalStack) -> None:
    """The account itself may make it: where it is denied below, nothing lacks but the permission."""
    assert not refused(CALLS[title], deployed.root, names)


@pytest.mark.parametrize(("role", "title"), [(role, title) for role in MAY for title in CALLS if title in MAY[role]])
def test_a_role_may(role: str, title: str, roles: dict[str, Clients], names: Names) -> None:
    """These are the calls that its function makes."""
    assert not refused(CALLS[title], roles[role], names)


@pytest.mark.parametrize(
    ("role", "title"), [(role, title) for role in MAY for title in CALLS if title not in MAY[role]]
)
def test_a_role_may_not(role: str, title: str, roles: dict[str, Clients], names: Names) -> None:
    """Its function needs none of these."""
    assert refused(CALLS[title], roles[role], names)


@pytest.mark.parametrize("title", CALLS)
def test_a_user_without_a_policy_may_nothing(title: str, nobody: Clients, names: Names) -> None:
    """No resource of the stack lets in whom nobody let in."""
    assert refused(CALLS[title], nobody, names)


def test_a_user_who_may_put_events_gets_an_incident_and_nothing_else(deployed: LocalStack, names: Names) -> None:
    """The way in is the bus; it leads no further."""
    bus = f"arn:aws:events:{REGION}:{ACCOUNT}:event-bus/default"
    user = new_user(deployed, "reporter", {"Effect": "Allow", "Action": "events:PutEvents", "Resource": bus})
    clients = deployed.emulator.clients(user)
    deployed.store_credentials()  # the account changed them when it tried the table

    put_event(clients, alarm_event("ALARM", name="by a user"))
    deployed.wait_until_handled()

    assert any("by a user" in record["short_description"] for record in deployed.simulator.records("incident"))
    for title, call in CALLS.items():
        if title != "put events":
            assert refused(call, clients, names), title


def test_nobody_but_lambda_assumes_a_role(deployed: LocalStack) -> None:
    """A policy that allows it to a user is not enough: the role itself trusts the service alone."""
    role_arn = deployed.outputs["EventsFunctionRoleArn"]
    user = new_user(deployed, "climber", {"Effect": "Allow", "Action": "sts:AssumeRole", "Resource": "*"})

    with pytest.raises(ClientError, match="AccessDenied"):
        deployed.emulator.clients(user).sts.assume_role(RoleArn=role_arn, RoleSessionName="climbing")


def test_a_wrong_secret_key_is_refused(deployed: LocalStack) -> None:
    """Signatures are checked, or the table above would prove nothing."""
    user = new_user(deployed, "impostor", {"Effect": "Allow", "Action": "*", "Resource": "*"})
    impostor = deployed.emulator.clients(Identity(user.access_key_id, "not-the-secret-key"))

    with pytest.raises(ClientError, match="SignatureDoesNotMatch"):
        impostor.queues.list_queues()
