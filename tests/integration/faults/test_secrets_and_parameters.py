"""Faults 18 to 37: what Secrets Manager and Parameter Store can do to the bridge."""

import json
import socket
import time
from typing import Any

import pytest
from botocore.config import Config

from common.clock import Deadline
from common.errors import CredentialsError, TransientError
from common.oauth.token import AccessToken
from local.simulator import Fault
from tests.support.aws import client
from tests.support.raw_server import RawServer
from tests.support.token_world import (
    CLIENT_ID,
    PARAMETER,
    ROTATED,
    SECRET,
    SECRET_ID,
    TokenWorld,
    failing,
)

HIDDEN = "a-made-up-hidden-value"


def hanging(service: str, server: RawServer) -> Any:  # noqa: ANN401 (a boto3 client)
    """Return a client whose service accepts connections and never answers."""
    quick = Config(connect_timeout=0.2, read_timeout=0.2, retries={"total_max_attempts": 1})
    return client(service, endpoint_url=f"http://{server.host}", config=quick)


def never(connection: socket.socket) -> None:
    """Read until the other side gives up."""
    while connection.recv(65_536):
        pass


@pytest.mark.parametrize(
    ("value", "named"),
    [
        pytest.param(f"client_secret={HIDDEN}", "JSON object", id="fault 18"),
        pytest.param(json.dumps({"client_id": CLIENT_ID, "secret": HIDDEN}), "client_secret", id="fault 19"),
        pytest.param(HIDDEN.encode(), "binary", id="fault 20"),
    ],
)
def test_fault_18_19_20_a_malformed_secret_is_held_by_the_name_of_the_key_alone(
    world: TokenWorld, value: str | bytes, named: str
) -> None:
    """And the same call succeeds once it is mended."""
    key = "SecretString" if isinstance(value, str) else "SecretBinary"
    world.secrets.put_secret_value(SecretId=SECRET_ID, **{key: value})
    outcome = world.attempt()
    assert isinstance(outcome, CredentialsError)
    assert named in outcome.message
    assert HIDDEN not in " ".join(world.sinks())
    assert world.simulator.token_requests == 0
    world.put_secret(SECRET)
    world.token()


def test_fault_21_white_space_around_the_values_is_trimmed(world: TokenWorld) -> None:
    """People paste secrets with a newline at the end."""
    world.secrets.put_secret_value(
        SecretId=SECRET_ID,
        SecretString=json.dumps({"client_id": f"\t{CLIENT_ID} ", "client_secret": f" {SECRET}\n"}),
    )
    world.token()


def test_fault_22_a_rotation_in_mid_flight_is_healed_by_the_call_that_meets_it(world: TokenWorld) -> None:
    """Two token requests, no sleep, no error."""
    world.token()
    world.put_secret(ROTATED)
    world.simulator.rotate_secret(ROTATED)
    world.simulator.revoke_tokens()
    world.clock.advance(1799)
    world.token()
    assert world.simulator.token_requests == 1 + 2
    assert world.clock.slept == []


def test_fault_22_a_secret_changed_in_servicenow_first_is_held_until_it_is_changed_here(world: TokenWorld) -> None:
    """The refusal is remembered for thirty seconds."""
    world.simulator.rotate_secret(ROTATED)
    assert isinstance(world.attempt(), CredentialsError)
    world.put_secret(ROTATED)
    assert isinstance(world.attempt(), CredentialsError)
    world.clock.advance(30)
    world.token()
    assert world.simulator.token_requests == 3


def test_two_secrets_leave_no_moment_in_which_the_wrong_one_is_stored(world: TokenWorld) -> None:
    """The next one lies ready before ServiceNow changes: one refusal, no error, and nothing of either is told."""
    pair = {"client_id": CLIENT_ID, "client_secret": SECRET}
    value = json.dumps({**pair, "next": {**pair, "client_secret": ROTATED}})
    world.secrets.put_secret_value(SecretId=SECRET_ID, SecretString=value)
    world.token()
    world.simulator.rotate_secret(ROTATED)
    for _ in range(2):
        world.clock.advance(1799)
        world.token()
    assert world.simulator.token_requests == 1 + 2 + 1
    assert world.telemetry.counts()["NextSecretInUse"] == 2
    assert not world.leaks(list(world.sinks()))


def test_a_second_record_takes_over_for_every_environment(world: TokenWorld) -> None:
    """Its client id is another one: the one environment that is refused stores the token that all others find."""
    value = {"client_id": CLIENT_ID, "client_secret": SECRET, "next": {"client_id": "second", "client_secret": ROTATED}}
    world.secrets.put_secret_value(SecretId=SECRET_ID, SecretString=json.dumps(value))
    world.simulator.add_client("second", ROTATED)
    world.simulator.rotate_secret("forgotten")
    first = world.token()
    assert [world.token(world.environment()).value for _ in range(3)] == [first.value] * 3
    assert world.simulator.token_requests == 2


def test_fault_23_the_pending_version_is_not_used(world: TokenWorld) -> None:
    """ServiceNow may not know it yet."""
    world.put_secret(ROTATED, stages=("AWSPENDING",))
    world.token()
    assert world.simulator.token_requests == 1


def test_fault_24_a_throttled_reading_goes_back_to_the_queue(world: TokenWorld) -> None:
    """The endpoint is not asked with nothing."""
    source = world.environment(secrets=failing("secretsmanager", "GetSecretValue", "ThrottlingException"))
    assert isinstance(world.attempt(source), TransientError)
    assert world.simulator.token_requests == 0


@pytest.mark.parametrize(
    ("code", "advice"),
    [
        pytest.param("AccessDeniedException", "kms:Decrypt", id="fault 25"),
        pytest.param("DecryptionFailure", "KMS key is enabled", id="fault 26"),
        pytest.param("KMSInvalidStateException", "KMS key is enabled", id="fault 26, other words"),
    ],
)
def test_fault_25_26_what_the_role_or_the_key_forbids_is_held(world: TokenWorld, code: str, advice: str) -> None:
    """The error says what the role or the key lacks."""
    outcome = world.attempt(world.environment(secrets=failing("secretsmanager", "GetSecretValue", code)))
    assert isinstance(outcome, CredentialsError)
    assert advice in outcome.action


def test_fault_27_a_reading_that_hangs_goes_back_to_the_queue(world: TokenWorld) -> None:
    """As soon as boto3's own time-out is over."""
    with RawServer(never, tls=None) as server:
        started = time.monotonic()
        outcome = world.attempt(world.environment(secrets=hanging("secretsmanager", server)))
        assert time.monotonic() - started < 2.0
    assert isinstance(outcome, TransientError)


def test_fault_28_a_missing_parameter_is_bypassed(world: TokenWorld) -> None:
    """And written."""
    token = world.token()
    assert json.loads(world.stored())["token"] == token.value
    assert world.faults == 0


@pytest.mark.parametrize("value", ["", "{", "[]", "null", "{}", "not set", "[" * 4000, '{"format":1}'])
def test_fault_29_a_corrupt_parameter_is_bypassed_and_mended(world: TokenWorld, value: str) -> None:
    """With a warning."""
    world.store(value or " ")
    token = world.token()
    assert json.loads(world.stored())["token"] == token.value
    assert world.faults == 1


def test_fault_30_an_expired_parameter_is_bypassed_and_replaced(world: TokenWorld) -> None:
    """Nobody ever sees its token."""
    world.simulator.configure(token_behaviour="fresh")
    old = world.token()
    world.clock.advance(1799)
    new = world.token(world.environment())
    assert new.value != old.value
    assert json.loads(world.stored())["token"] == new.value


def test_fault_31_a_parameter_of_another_host_scope_or_client_is_bypassed(world: TokenWorld) -> None:
    """Its token would act for somebody else; the own one takes its place."""
    world.simulator.configure(token_behaviour="fresh", token_scope="useraccount incident_read")
    foreign = world.token(world.environment(host="other.service-now.com"))
    own = world.token()
    assert own.value != foreign.value
    assert world.token(world.environment(scope="incident_read")).value not in (own.value, foreign.value)
    world.secrets.put_secret_value(
        SecretId=SECRET_ID, SecretString=json.dumps({"client_id": "other", "client_secret": SECRET})
    )
    assert isinstance(world.attempt(world.environment()), CredentialsError)
    assert world.faults == 3


def test_fault_32_a_parameter_that_expires_in_the_far_future_is_bypassed(world: TokenWorld) -> None:
    """Somebody's clock was wrong, or somebody has edited it."""
    world.token()
    content = json.loads(world.stored())
    now = world.clock.now()
    for changes in ({"expires": now + 10**9}, {"issued": now + 3600, "asked": now + 3600, "expires": now + 5400}):
        world.store(json.dumps(content | changes))
        assert world.token(world.environment()).expires <= now + 1799
    assert world.faults == 2


@pytest.mark.parametrize("code", ["ThrottlingException", "AccessDeniedException"])
def test_fault_33_a_reading_that_is_throttled_or_denied_is_bypassed(world: TokenWorld, code: str) -> None:
    """The endpoint is asked instead; throttled readings are tried again for a while."""
    token = world.token(world.environment(ssm=failing("ssm", "GetParameter", code)))
    assert world.simulator.token_requests == 1
    assert (world.clock.slept != []) == (code == "ThrottlingException")
    assert json.loads(world.stored())["token"] == token.value


@pytest.mark.parametrize("code", ["ThrottlingException", "AccessDeniedException", "TooManyUpdates"])
def test_fault_34_a_writing_that_is_throttled_or_denied_is_bypassed(world: TokenWorld, code: str) -> None:
    """With a warning; the environment keeps its token in memory."""
    source = world.environment(ssm=failing("ssm", "PutParameter", code))
    for _ in range(5):
        world.token(source)
    assert (world.simulator.token_requests, world.faults) == (1, 1)


def test_fault_34_a_store_that_hangs_costs_one_time_out(world: TokenWorld) -> None:
    """Neither the writing nor the next calls wait again."""
    with RawServer(never, tls=None) as server:
        source = world.environment(ssm=hanging("ssm", server))
        for _ in range(5):
            world.token(source)
        assert server.connections == 1
    assert (world.simulator.token_requests, world.faults) == (1, 1)


def test_fault_35_the_limit_of_versions_is_bypassed_with_a_warning(world: TokenWorld) -> None:
    """It names the parameter."""
    world.token(world.environment(ssm=failing("ssm", "PutParameter", "ParameterMaxVersionLimitExceeded")))
    assert world.faults == 1
    assert PARAMETER in world.log.getvalue()


def test_fault_36_a_token_larger_than_a_parameter_is_bypassed_with_a_warning(world: TokenWorld) -> None:
    """It is used from memory."""
    large = "made-up-and-large-" * 250
    world.simulator.add_fault(Fault(on="token", merge={"access_token": large}, times=None))
    for _ in range(5):
        assert world.token().value == large
    assert (world.simulator.token_requests, world.faults) == (1, 1)


def test_fault_37_an_older_token_written_last_heals_itself(world: TokenWorld) -> None:
    """It is used while it is good, and renewed earlier."""
    world.simulator.configure(token_behaviour="fresh")
    world.token()
    older = world.stored()
    world.clock.advance(1000)
    second = world.environment()
    newer = second.refresh(Deadline.after(world.clock, 10))
    world.store(older)
    third = world.environment()
    world.token(third)
    for _ in range(80):
        assert world.token(third).expires > world.clock.now()
        world.clock.advance(10)
    assert json.loads(world.stored())["issued"] > newer.issued
    assert world.simulator.token_requests <= 4


def test_nothing_of_the_token_is_stored_in_the_clear(world: TokenWorld) -> None:
    """The parameter is a SecureString under the stack's key, and there is only one."""
    token = world.token()
    assert isinstance(token, AccessToken)
    listed = world.ssm.describe_parameters()["Parameters"]
    assert [(each["Name"], each["Type"], each["KeyId"]) for each in listed] == [
        (PARAMETER, "SecureString", world.key_id)
    ]
