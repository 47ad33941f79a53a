"""Faults 18 to 37: what Secrets Manager and Parameter Store can do. B bypassed: the work succeeds all the same."""

import json
from typing import Any
from unittest.mock import patch

from campaign.catalogue import fault
from campaign.stage import CLIENT_ID, refusal
from campaign.token_endpoint import goes_on, is_held
from campaign.world import World
from local.simulator import tokens

_READ_SECRET, _READ, _WRITE = "secretsmanager.GetSecretValue", "ssm.GetParameter", "ssm.PutParameter"


def _secret_is(world: World, **value: str | bytes) -> None:
    world.aws("secretsmanager").put_secret_value(SecretId=world.secret_id, **value)


def _held_by_name(world: World, named: str) -> None:
    is_held(world)
    said = "\n".join(world.sinks.texts["log and metrics"])
    world.expect(named in said, f"nobody is told about {named}")
    world.expect(world.simulator.token_requests == 0, "the endpoint was asked")
    world.rotate()
    goes_on(world)


@fault(18, "secret that is no JSON", "H, naming what is wrong")
def no_json(world: World) -> None:
    """The secret itself is not shown."""
    _secret_is(world, SecretString=f"client_secret={world.secret}")
    _held_by_name(world, "JSON object")


@fault(19, "secret without a key", "H, naming only the key")
def no_key(world: World) -> None:
    """Either of the two."""
    missing = world.pick("client_id", "client_secret")
    content = {"client_id": CLIENT_ID, "client_secret": world.secret, "other": world.secret}
    del content[missing]
    _secret_is(world, SecretString=json.dumps(content))
    _held_by_name(world, missing)


@fault(20, "binary secret", "H")
def binary(world: World) -> None:
    """Whatever it holds."""
    _secret_is(world, SecretBinary=world.secret.encode())
    _held_by_name(world, "binary")


@fault(21, "white space around the values", "trimmed")
def white_space(world: World) -> None:
    """People paste secrets with line ends."""
    space = world.pick(" ", "\n", "\t", "\r\n ")
    content = {"client_id": f"{space}{CLIENT_ID}{space}", "client_secret": f"{world.secret.strip()}{space}"}
    world.simulator.rotate_secret(world.secret.strip())
    _secret_is(world, SecretString=json.dumps(content))
    world.expect_outcome(world.fire(), "done")


@fault(22, "secret rotated in mid-flight", "healed in the same invocation, two token requests at most")
def rotated(world: World) -> None:
    """The old token has ended just now, too."""
    world.expect_outcome(world.fire(), "done")
    before = world.simulator.token_requests
    world.rotate()
    world.simulator.revoke_tokens()
    world.clock.advance(world.pick(1.0, 1799.0, 4000.0))
    world.send(world.alarm("alarm-0", "OK", minutes=30))
    world.expect_outcome(world.invoke(), "done")
    requests = world.simulator.token_requests - before
    world.expect(requests <= 2, f"{requests} token requests")


@fault(23, "AWSPENDING is present", "AWSCURRENT is used")
def pending(world: World) -> None:
    """ServiceNow does not know the pending one."""
    world.put_secret("pending " + world.secret[::-1], stages=("AWSPENDING",))
    world.expect_outcome(world.fire(), "done")
    world.expect(world.simulator.token_requests == 1, "another one was tried")


@fault(24, "Secrets Manager throttles", "Q")
def throttled(world: World) -> None:
    """The endpoint is not asked with nothing."""
    world.aws_fault(_READ_SECRET, refusal(world.pick("ThrottlingException", "InternalServiceError"), 400))
    world.expect_outcome(world.fire(), "later")
    world.mend()
    world.settle()


@fault(25, "access to the secret denied", "H")
def denied(world: World) -> None:
    """The role lacks a right, and nobody mends it for a while."""
    world.aws_fault(_READ_SECRET, refusal("AccessDeniedException"))
    is_held(world)
    for _ in range(30):
        world.queue.wait()
        world.expect_outcome(world.invoke(), "held", "later")
    world.expect(not world.dead_letters(), "a message was given up")
    goes_on(world)


@fault(26, "key of the secret disabled", "H")
def key_disabled(world: World) -> None:
    """KMS says it in several ways."""
    world.aws_fault(_READ_SECRET, refusal(world.pick("DecryptionFailure", "KMSInvalidStateException")))
    is_held(world)
    goes_on(world)


@fault(27, "Secrets Manager hangs", "Q")
def hangs(world: World) -> None:
    """Until boto3 gives up."""
    world.aws_fault(_READ_SECRET, None)
    world.expect_outcome(world.fire(), "later")
    world.mend()
    world.settle()


def _bypassed(world: World) -> None:
    world.environment()
    world.expect_outcome(world.fire(), "done")
    world.expect(world.simulator.token_requests <= 2, "more than one token request an environment")


def _store(world: World, value: str) -> None:
    world.aws("ssm").put_parameter(
        Name=world.parameter, Value=value, Type="SecureString", KeyId=world.stage.key_id, Overwrite=True
    )


def _stored(world: World) -> dict[str, Any]:
    parameter = world.aws("ssm").get_parameter(Name=world.parameter, WithDecryption=True)["Parameter"]
    content: dict[str, Any] = json.loads(parameter["Value"])
    return content


def _begun(world: World) -> dict[str, Any]:
    """Let one environment store a token; return what is stored."""
    world.expect_outcome(world.fire(number=1), "done")
    return _stored(world)


@fault(28, "parameter missing", "B")
def missing(world: World) -> None:
    """It is written."""
    _bypassed(world)
    world.expect(bool(_stored(world)["token"]), "the token was not stored")


@fault(29, "parameter corrupt", "B")
def corrupt(world: World) -> None:
    """Whatever it holds, it is mended."""
    _store(world, world.pick(" ", "{", "[]", "null", "{}", "not set", "[" * 4000, '{"format":1}', "\u0000"))
    _bypassed(world)
    world.expect(bool(_stored(world)["token"]), "the parameter was not mended")


@fault(30, "parameter expired", "B")
def expired(world: World) -> None:
    """Nobody sees its token."""
    world.simulator.configure(token_behaviour="fresh")
    old = _begun(world)
    world.clock.advance(1799)
    _bypassed(world)
    world.expect(_stored(world)["token"] != old["token"], "the old token is still there")


@fault(31, "parameter of another host or client", "B")
def foreign(world: World) -> None:
    """Its token would act for somebody else."""
    world.simulator.configure(token_behaviour="fresh")
    foreign_token = "foreign-" + "".join(world.random.choices("abcdef", k=30))
    world.secrets.append(foreign_token)
    _store(world, json.dumps(_begun(world) | {"token": foreign_token, "bound_to": "0" * 64}))
    environment = world.environment()
    world.expect_outcome(world.fire(), "done")
    world.expect(foreign_token not in environment.tokens, "the foreign token was used")


@fault(32, "parameter that expires in the far future", "B")
def far_future(world: World) -> None:
    """Somebody's clock was wrong, or somebody edited it."""
    content, now = _begun(world), world.clock.now()
    late = {"issued": now + 3600, "asked": now + 3600, "expires": now + 5400}
    _store(world, json.dumps(content | world.pick({"expires": now + 10**9}, late)))
    _bypassed(world)
    world.expect(_stored(world)["expires"] <= now + 2000, "it is still believed")


@fault(33, "reading the parameter throttled or denied", "B")
def read_refused(world: World) -> None:
    """The endpoint is asked instead."""
    world.aws_fault(_READ, refusal(world.pick("ThrottlingException", "AccessDeniedException")))
    _bypassed(world)


@fault(34, "writing the parameter throttled, denied or hanging", "B")
def write_refused(world: World) -> None:
    """The environment keeps its token in memory."""
    codes = ("ThrottlingException", "AccessDeniedException", "TooManyUpdates")
    world.aws_fault(_WRITE, world.pick(None, *(refusal(code) for code in codes)))
    _bypassed(world)
    world.expect(world.metrics["TokenStoreFaults"] >= 1, "nobody is warned")


@fault(35, "limit of the parameter's versions", "B with a warning")
def version_limit(world: World) -> None:
    """It names the parameter."""
    world.aws_fault(_WRITE, refusal("ParameterMaxVersionLimitExceeded"))
    _bypassed(world)
    said = "\n".join(world.sinks.texts["log and metrics"])
    world.expect(world.parameter in said, "the warning does not name the parameter")


@fault(36, "token over 4 kB", "B with a warning")
def large_token(world: World) -> None:
    """It is used from memory."""
    world.simulator.configure(token_format="jwt")
    claims = "x" * world.random.randint(4200, 7000)  # with the rest below 8192, beyond which no token is usable
    short = tokens._new_value
    with patch.object(tokens, "_new_value", lambda now, switches: f"{short(now, switches)}.{claims}"):
        _bypassed(world)
    world.expect(world.metrics["TokenStoreFaults"] >= 1, "nobody is warned")
    world.expect(len(world.simulator._instance.tokens._valid) == 1, "more than one token was needed")


@fault(37, "two writers, the older token last", "heals itself")
def older_last(world: World) -> None:
    """It is used while it is good, and renewed earlier."""
    world.simulator.configure(token_behaviour="fresh")
    older = _begun(world)
    world.clock.advance(world.random.randint(600, 1200))
    world.environment("token_refresh").call({}, 60.0)
    newer = _stored(world)
    world.expect(newer["issued"] > older["issued"], "the refresher did not renew it")
    _store(world, json.dumps(older))
    world.environment()
    for minutes in range(2, 30):
        world.send(world.alarm(f"later-{minutes}", "ALARM", minutes=minutes))
        world.expect_outcome(world.invoke(), "done")
        world.clock.advance(60)
    world.expect(_stored(world)["issued"] > older["issued"], "the older token is still there")
    world.expect(world.simulator.token_requests <= 4, f"{world.simulator.token_requests} token requests")
