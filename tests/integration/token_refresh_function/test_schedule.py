"""The token refresh function on its schedule, with moto for AWS and the simulator over TLS."""

import importlib
import sys
from collections.abc import Callable, Iterator

import pytest

from common.errors import CredentialsError, TransientError
from local.simulator import Fault, Simulator
from tests.support.deployment import SECRET, Context, Deployment, deployment

type Function = Callable[[], None]


@pytest.fixture
def stack(servicenow: Simulator, monkeypatch: pytest.MonkeyPatch) -> Iterator[Deployment]:
    """Provide a stack whose secret is filled in, and a function that is told nothing of queue and ledger."""
    with deployment(servicenow.host, servicenow.ca_pem) as stack:
        stack.put_credentials("bridge", SECRET)
        monkeypatch.setenv("AWS_DEFAULT_REGION", "eu-west-1")
        for name, value in stack.environment.items():
            if not name.endswith(("TABLE", "QUEUE_URL", "DEPLOYMENT")):
                monkeypatch.setenv(name, value)
        yield stack


@pytest.fixture
def function(stack: Deployment) -> Iterator[Function]:
    """Provide the handler of a new environment."""
    assert stack.environment
    sys.modules.pop("handlers.token_refresh", None)
    module = importlib.import_module("handlers.token_refresh")
    yield lambda: module.handler({}, Context())
    module.access.transport.close()
    sys.modules.pop("handlers.token_refresh", None)


def test_the_first_run_stores_a_token_and_the_next_ones_leave_it_alone(
    function: Function, servicenow: Simulator, stack: Deployment
) -> None:
    """One token request until a third of the token's life is over; the parameter is encrypted."""
    for _ in range(3):
        function()
    name = stack.environment["TOKEN_PARAMETER"]

    assert servicenow.token_requests == 1
    assert stack.clients["ssm"].get_parameter(Name=name)["Parameter"]["Type"] == "SecureString"


def test_a_run_counts_its_token_request_and_tells_the_age_of_the_token(
    function: Function, capsys: pytest.CaptureFixture[str]
) -> None:
    """The metrics leave at the end of the invocation."""
    function()
    written = capsys.readouterr().out

    assert '"TokenRequests"' in written
    assert '"TokenAge"' in written


def test_a_run_fails_where_the_credentials_are_refused_and_says_so_in_a_metric(
    function: Function, stack: Deployment, capsys: pytest.CaptureFixture[str]
) -> None:
    """The exception is what Lambda counts as an error."""
    stack.put_credentials("bridge", "wrong")

    with pytest.raises(CredentialsError, match="OAuth Application User"):
        function()

    assert '"TokenRefusals"' in capsys.readouterr().out


def test_a_run_fails_while_servicenow_is_away_and_the_next_one_succeeds(
    function: Function, servicenow: Simulator
) -> None:
    """Nothing is remembered that would keep the next run from asking."""
    servicenow.add_fault(Fault(on="token", status=503, times=None))
    with pytest.raises(TransientError):
        function()
    servicenow.clear_faults()

    function()
