"""The secret rotation function, step by step: Secrets Manager in moto, and a simulator whose registry is written."""

import importlib
import json
import sys
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from typing import Any

import pytest
from botocore.client import BaseClient

from common.bridge.access import build_access, client_of
from common.bridge.rotation import Rotation
from common.clock import Deadline
from common.errors import AmbiguousError, BridgeError, ConfigurationError, CredentialsError
from common.oauth.credentials import ClientCredentials
from local.simulator import Fault, Simulator
from local.simulator.tables import seed_id
from tests.support.deployment import Context, Deployment, deployment

SECRET = "s3cr3t+~[#,value"
STEPS = ("createSecret", "setSecret", "testSecret", "finishSecret")
VERSION = "00000000-0000-4000-8000-000000000001"
ANOTHER_VERSION = "00000000-0000-4000-8000-000000000002"


@dataclass
class World:
    """The instance, the stack's resources, and the function."""

    servicenow: Simulator
    stack: Deployment
    handler: Callable[[dict[str, Any], Context], None]
    rotation: Rotation

    @property
    def secrets(self) -> Any:  # noqa: ANN401 (a boto3 client)
        """Secrets Manager."""
        return self.stack.clients["secretsmanager"]

    def step(self, name: str, version: str = VERSION) -> None:
        """Call the function as Secrets Manager does."""
        event = {"Step": name, "SecretId": self.stack.secret_id, "ClientRequestToken": version}
        self.handler(event, Context(120_000))

    def fails(self, name: str, version: str = VERSION) -> BridgeError:
        """Return the error with which a step ends."""
        with pytest.raises(BridgeError) as caught:
            self.step(name, version)
        return caught.value

    def content(self, stage: str = "AWSCURRENT") -> dict[str, Any]:
        """Return what a version of the secret holds."""
        answer = self.secrets.get_secret_value(SecretId=self.stack.secret_id, VersionStage=stage)
        found: dict[str, Any] = json.loads(answer["SecretString"])
        return found

    def put(self, content: dict[str, Any]) -> None:
        """Do what a person does with `make secret`."""
        self.secrets.put_secret_value(SecretId=self.stack.secret_id, SecretString=json.dumps(content))

    def new_environment_works(self) -> bool:
        """Tell whether a function that starts now, and finds no token, gets one and may use it."""
        self.servicenow.revoke_tokens()
        access = build_access(self.stack.environment)
        deadline = Deadline.after(access.clock, 30.0)
        try:
            client_of(access).call("GET", "/api/now/table/sys_user?sysparm_limit=1", deadline=deadline)
        finally:
            access.transport.close()
        return True

    def grant(self) -> None:
        """Let the integration user write the registry."""
        held = {"user": seed_id("sys_user", "aws.bridge"), "role": seed_id("sys_user_role", "oauth_admin")}
        self.servicenow.insert("sys_user_has_role", held)


@pytest.fixture(scope="module")
def instance() -> Iterator[Simulator]:
    """Provide an instance that knows the client."""
    with Simulator(client_secret=SECRET, seed=1) as simulator:
        yield simulator


@pytest.fixture
def world(instance: Simulator, monkeypatch: pytest.MonkeyPatch) -> Iterator[World]:
    """Provide a stack whose secret is filled in, and an instance that lets its registry be written."""
    instance.reset()
    with deployment(instance.host, instance.ca_pem) as stack:
        stack.put_credentials("bridge", SECRET)
        monkeypatch.setenv("AWS_DEFAULT_REGION", "eu-west-1")
        for name, value in stack.environment.items():
            monkeypatch.setenv(name, value)
        sys.modules.pop("handlers.secret_rotation", None)
        module = importlib.import_module("handlers.secret_rotation")
        world = World(instance, stack, module.handler, module.rotation)
        world.grant()
        yield world
        module.rotation.access.transport.close()
        sys.modules.pop("handlers.secret_rotation", None)


def test_four_steps_replace_the_secret_in_both_places(world: World) -> None:
    """What else the secret holds stays; nothing of the old one does."""
    world.put({"client_id": "bridge", "client_secret": SECRET, "note": "kept"})
    for step in STEPS:
        world.step(step)
    content = world.content()
    assert content.keys() == {"client_id", "client_secret", "note"}
    assert content["client_secret"] != SECRET
    assert len(content["client_secret"]) >= 43
    assert world.new_environment_works()
    deadline = Deadline.after(world.rotation.access.clock, 10.0)
    with pytest.raises(CredentialsError):
        world.rotation.endpoint.request(ClientCredentials("bridge", SECRET, "1"), deadline)


@pytest.mark.parametrize("shape", ["plain", "under current"])
def test_wherever_it_is_broken_off_functions_go_on(world: World, shape: str) -> None:
    """After each step, and after each step once more, a function that starts without a token gets one."""
    pair = {"client_id": "bridge", "client_secret": SECRET}
    world.put(pair if shape == "plain" else {"current": pair})
    for step in STEPS:
        for _ in range(2):
            world.step(step)
            assert world.new_environment_works()
    assert "next" not in world.content()


@pytest.mark.parametrize("operation", ["PutSecretValue", "UpdateSecretVersionStage"])
def test_a_step_that_dies_at_a_write_is_repeated(world: World, monkeypatch: pytest.MonkeyPatch, operation: str) -> None:
    """Whether the write was carried out or not."""
    call = BaseClient._make_api_call  # type: ignore[attr-defined]
    deaths = {"before": 2, "after": 2}

    def dying(client: BaseClient, name: str, arguments: dict[str, Any]) -> object:
        if name == operation and deaths["before"]:
            deaths["before"] -= 1
            raise TimeoutError
        answer = call(client, name, arguments)
        if name == operation and deaths["after"]:
            deaths["after"] -= 1
            raise TimeoutError
        return answer

    monkeypatch.setattr(BaseClient, "_make_api_call", dying)
    for step in STEPS:
        for _ in range(5):
            try:
                world.step(step)
            except TimeoutError:
                assert world.new_environment_works()
            else:
                break
    assert "next" not in world.content()
    assert world.content()["client_secret"] != SECRET
    assert world.new_environment_works()


@pytest.mark.parametrize("committed", [True, False])
def test_an_answer_that_is_lost_leaves_nothing_open(world: World, *, committed: bool) -> None:
    """ServiceNow may know the new secret already: both are tried, and the step is repeated."""
    world.step("createSecret")
    fault = Fault(on="api", method="PATCH", table="oauth_entity", commit=committed, connection="close")
    world.servicenow.add_fault(fault)
    with pytest.raises(AmbiguousError):
        world.step("setSecret")
    assert world.new_environment_works()
    for step in STEPS[1:]:
        world.step(step)
    assert world.new_environment_works()


def test_a_registry_that_may_not_be_written_changes_nothing(world: World) -> None:
    """The old secret stays the one that counts."""
    world.servicenow.reset()
    world.step("createSecret")
    error = world.fails("setSecret")
    assert "oauth_entity" in error.action
    assert world.content()["client_secret"] == SECRET
    assert world.new_environment_works()


def test_a_write_that_the_instance_discards_is_seen_before_the_end(world: World) -> None:
    """Then the new secret is refused, and never becomes the current one."""
    world.servicenow.configure(denied_fields=("oauth_entity.client_secret",))
    for step in STEPS[:2]:
        world.step(step)
    assert isinstance(world.fails("testSecret"), CredentialsError)
    assert world.content()["client_secret"] == SECRET
    assert world.new_environment_works()


def test_a_rotation_that_was_given_up_after_servicenow_knew_is_no_loss(world: World) -> None:
    """The next one begins with what ServiceNow takes by then."""
    for step in STEPS[:2]:
        world.step(step)
    pending = world.content()["next"]
    world.secrets.update_secret_version_stage(
        SecretId=world.stack.secret_id, VersionStage="AWSPENDING", RemoveFromVersionId=VERSION
    )
    for step in STEPS:
        world.step(step, ANOTHER_VERSION)
        assert world.new_environment_works()
    assert world.content()["client_secret"] not in (SECRET, pending["client_secret"])


def test_what_a_person_prepares_is_not_overwritten(world: World) -> None:
    """Neither before a rotation nor within one."""
    prepared = {"client_id": "another", "client_secret": "prepared by a person"}
    own = {"client_id": "bridge", "client_secret": SECRET}
    world.put({**own, "next": prepared})
    assert world.fails("createSecret").code == "next_is_prepared"
    world.put(own)
    world.step("createSecret")
    world.put({**own, "next": prepared})
    assert world.fails("setSecret").code == "next_is_prepared"
    assert world.content()["next"] == prepared


def test_a_secret_that_was_changed_meanwhile_is_not_thrown_away(world: World) -> None:
    """A certificate that was stored between two steps would be lost with the version that was made before."""
    for step in STEPS[:3]:
        world.step(step)
    world.put({**world.content(), "note": "stored meanwhile"})
    error = world.fails("finishSecret")
    assert isinstance(error, ConfigurationError)
    assert "--promote" in error.action
    assert world.content()["note"] == "stored meanwhile"
    assert world.new_environment_works()


def test_a_client_that_signs_has_nothing_to_rotate(world: World) -> None:
    """Its key is changed by a second verifier map."""
    key = "arn:aws:kms:eu-west-1:123456789012:key/1d3f5a7b-0000-4000-8000-000000000001"
    world.put({"client_id": "bridge", "signing_key": key, "key_id": "kid", "subject": "aws.bridge@example.com"})
    assert world.fails("createSecret").code == "nothing_to_rotate"


@pytest.mark.parametrize(
    "event",
    [
        {"Step": "createSecret", "SecretId": "another", "ClientRequestToken": VERSION},
        {"Step": "dropSecret"},
        {"Step": "finishSecret"},
        {},
    ],
)
def test_nothing_else_is_done_for_whoever_calls(world: World, event: dict[str, str]) -> None:
    """Another secret, a step that is none, and a version that is not pending."""
    given = {"SecretId": world.stack.secret_id, "ClientRequestToken": VERSION} if event else {}
    with pytest.raises(ConfigurationError):
        world.handler({**given, **event}, Context(120_000))
    assert world.content() == {"client_id": "bridge", "client_secret": SECRET}


def test_no_secret_is_logged(world: World, caplog: pytest.LogCaptureFixture) -> None:
    """Neither the old nor the new one."""
    for step in STEPS:
        world.step(step)
    lines = [str(vars(record)) for record in caplog.records]
    new = world.content()["client_secret"]
    assert [step for step in STEPS if any(step in line for line in lines)] == list(STEPS)
    assert not [line for line in lines if SECRET in line or new in line]
