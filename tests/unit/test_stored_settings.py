"""Settings that are read from Parameter Store when a function starts."""

from typing import Any

import pytest
from botocore.exceptions import ClientError, ConnectTimeoutError

from common.environment import stored_names
from common.errors import BridgeError, ConfigurationError, TransientError
from common.stored_settings import with_stored_settings

FOLDER = "/servicenow-bridge/test/settings/"
ENVIRONMENT = {
    "TOKEN_PARAMETER": "/servicenow-bridge/test/access-token",
    "STORED_SETTINGS": "api-tables,certificate-authorities",
    "API_TABLES": "",
}
STORED = {f"{FOLDER}api-tables": "problem:number", f"{FOLDER}certificate-authorities": "-----BEGIN"}


class ParameterStore:
    """Parameter Store as far as it is used; `calls` are the names that each call asked for."""

    def __init__(self, stored: dict[str, str], error: Exception | None = None) -> None:
        self.stored = stored
        self.error = error
        self.calls: list[list[str]] = []

    def get_parameters(self, *, Names: list[str]) -> dict[str, Any]:  # noqa: N803 (boto3's own)
        """Answer as it does: what is missing stands in another list."""
        self.calls.append(Names)
        if self.error:
            raise self.error
        found = [{"Name": name, "Value": self.stored[name]} for name in reversed(Names) if name in self.stored]
        return {"Parameters": found, "InvalidParameters": [name for name in Names if name not in self.stored]}


def complete(store: Any, **changes: str) -> dict[str, str]:  # noqa: ANN401 (stands for a boto3 client)
    """Return the environment with what `store` holds."""
    return dict(with_stored_settings({**ENVIRONMENT, **changes}, lambda: store))


def failure(store: Any) -> BridgeError:  # noqa: ANN401 (the same)
    """Return what reading from `store` raises."""
    with pytest.raises(BridgeError) as raised:
        complete(store)
    return raised.value


def test_what_is_stored_takes_the_place_of_variables() -> None:
    """By one call with the exact names, in whatever order Parameter Store answers."""
    store = ParameterStore(STORED)

    found = complete(store)

    assert store.calls == [list(STORED)]
    assert found == ENVIRONMENT | {"API_TABLES": "problem:number", "CERTIFICATE_AUTHORITIES": "-----BEGIN"}


@pytest.mark.parametrize("environment", [{}, {"STORED_SETTINGS": ""}])
def test_a_start_without_any_does_not_even_make_a_client(environment: dict[str, str]) -> None:
    """Nobody pays for what nobody asked for."""

    def connect() -> Any:  # noqa: ANN401 (never returns)
        pytest.fail("nothing is to be read")

    assert with_stored_settings(environment, connect) is environment
    assert stored_names(environment) == ()


def test_what_was_deleted_is_named_with_what_brings_it_back() -> None:
    """To deploy again with the same values changes nothing, so it does not restore it either."""
    error = failure(ParameterStore({f"{FOLDER}api-tables": "problem:number"}))

    assert isinstance(error, ConfigurationError)
    assert error.code == "aws_absent"
    assert f"missing: {FOLDER}certificate-authorities." in error.message
    assert "put-parameter" in error.action


@pytest.mark.parametrize(
    ("error", "kind", "code", "advice"),
    [
        ("AccessDeniedException", ConfigurationError, "aws_denied", "may call ssm:GetParameters"),
        ("UnrecognizedClientException", ConfigurationError, "aws_denied", "Deploy the stack again"),
        ("ThrottlingException", TransientError, "aws_failed", "higher throughput"),
        ("InternalServerError", TransientError, "aws_failed", "unless it goes on"),
        ("", TransientError, "aws_unreachable", "the way to Parameter Store"),
    ],
)
def test_a_failure_says_what_a_person_does(error: str, kind: type[BridgeError], code: str, advice: str) -> None:
    """With AWS's own code, and without its text."""
    text = "User: arn:aws:sts::123456789012:assumed-role/x is not authorized"
    raised = (
        ClientError({"Error": {"Code": error, "Message": text}}, "GetParameters")
        if error
        else ConnectTimeoutError(endpoint_url="https://ssm.invalid")
    )

    found = failure(ParameterStore(STORED, raised))

    assert type(found) is kind
    assert found.code == code
    assert advice in found.action
    assert f"{FOLDER}api-tables" in found.message
    assert (error or "ConnectTimeoutError") in found.message
    assert "assumed-role" not in str(found)
