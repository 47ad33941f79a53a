"""What a test of the doctor can put out of order, and how it reads the report."""

import json
from collections.abc import Callable
from contextlib import ExitStack
from dataclasses import dataclass, field
from typing import Any, Self

import pytest
from botocore.client import BaseClient
from botocore.exceptions import ClientError, ConnectTimeoutError

from common.checkup.report import Cause
from local.certificates import Certificate
from local.simulator import Fault, Simulator
from tests.support.deployment import Deployment
from tests.support.raw_server import RawServer, authority

SECRET = "s3cr3t+~[#,value"
STORED_TABLES = "/servicenow-bridge/test/settings/api-tables"

type Doctor = Callable[..., dict[str, Any]]


@dataclass
class World:
    """The instance, the stack's resources and the environment of the function."""

    servicenow: Simulator
    stack: Deployment
    patch: pytest.MonkeyPatch
    _open: ExitStack = field(default_factory=ExitStack)

    def __enter__(self) -> Self:
        """Start."""
        return self

    def __exit__(self, *_: object) -> None:
        """Stop the servers that were started."""
        self._open.close()

    @property
    def user(self) -> str:
        """The sys_id of the user whom the token stands for."""
        users = self.servicenow.records("sys_user")
        return next(row["sys_id"] for row in users if row["user_name"] == "aws.bridge")

    def set(self, **variables: str) -> None:
        """Change the environment of the function."""
        for name, value in variables.items():
            self.patch.setenv(name, value)

    def configure(self, **switches: Any) -> None:  # noqa: ANN401 (the types are those of Switches)
        """Change the instance."""
        self.servicenow.configure(**switches)

    def answer(self, **fault: Any) -> None:  # noqa: ANN401 (the types are those of Fault)
        """Let the instance answer the requests that a fault names with what it says, from now on."""
        self.servicenow.add_fault(Fault(**{"times": None, **fault}))

    def refuse(self, status: int, message: str, detail: str | None, **fault: Any) -> None:  # noqa: ANN401 (the same)
        """Let the API answer with an error of its own."""
        body = {"error": {"message": message, "detail": detail}, "status": "failure"}
        self.answer(status=status, body=body, **fault)

    def another_instance(
        self, certificate: Certificate | None = None, *, client_authority: Certificate | None = None
    ) -> None:
        """Point the function to an instance that shows `certificate`, and asks for one of `client_authority`."""
        another = Simulator(
            client_secret=SECRET, authority=authority(), certificate=certificate, client_authority=client_authority
        )
        self._open.enter_context(another)
        self.set(SERVICENOW_INSTANCE_HOST=another.host, CERTIFICATE_AUTHORITIES=authority().certificate_pem)

    def another_server(self, server: RawServer) -> None:
        """Point the function to a server that is no instance."""
        self._open.enter_context(server)
        self.set(SERVICENOW_INSTANCE_HOST=server.host)

    def show(self, certificate: Certificate) -> None:
        """Put a client certificate into the secret."""
        shown = {"certificate": certificate.certificate_pem, "private_key": certificate.key_pem}
        content = {"client_id": "bridge", "client_secret": SECRET, **shown}
        self.store(json.dumps(content))

    def store(self, secret: str) -> None:
        """Put a text into the secret."""
        self.stack.clients["secretsmanager"].put_secret_value(SecretId=self.stack.secret_id, SecretString=secret)

    def store_tables(self) -> None:
        """Let the function read its tables from Parameter Store."""
        self.set(STORED_SETTINGS="api-tables")
        self.stack.clients["ssm"].put_parameter(
            Name=STORED_TABLES, Value="problem:number", Type="String", Overwrite=True
        )

    def grant(self, role: str) -> None:
        """Give the integration user a role."""
        self.servicenow.insert("sys_user_has_role", {"user": "AWS Bridge", "role": role})

    def hide(self, *fields: str) -> None:
        """Let the integration user read no such field, as `table.field`."""
        self.configure(unreadable_fields=fields)

    def refuse_aws(self, operation: str, code: str, message: str = "") -> None:
        """Let AWS refuse an operation, such as `GetParameter`."""
        self._break_aws(operation, ClientError({"Error": {"Code": code, "Message": message}}, operation))

    def cut_off_aws(self, operation: str) -> None:
        """Let no call of an operation reach AWS."""
        self._break_aws(operation, ConnectTimeoutError(endpoint_url="https://aws.invalid"))

    def limit(self, functions: int) -> None:
        """Let the account run so many functions at once."""
        answer_aws(self.patch, "GetAccountSettings", quota(functions))

    def _break_aws(self, operation: str, error: Exception) -> None:
        call = BaseClient._make_api_call  # type: ignore[attr-defined]  # every call goes through it

        def broken(client: BaseClient, name: str, arguments: object) -> object:
            if name == operation:
                raise error
            return call(client, name, arguments)

        self.patch.setattr(BaseClient, "_make_api_call", broken)


def quota(functions: int) -> dict[str, Any]:
    """Return what Lambda says of an account that runs so many functions at once, none of them reserved."""
    return {"AccountLimit": {"ConcurrentExecutions": functions, "UnreservedConcurrentExecutions": functions}}


def answer_aws(patch: pytest.MonkeyPatch, operation: str, answer: dict[str, Any]) -> None:
    """Let AWS answer an operation that moto does not know."""
    call = BaseClient._make_api_call  # type: ignore[attr-defined]  # every call goes through it

    def answered(client: BaseClient, name: str, arguments: object) -> object:
        return answer if name == operation else call(client, name, arguments)

    patch.setattr(BaseClient, "_make_api_call", answered)


def steps(report: dict[str, Any]) -> dict[str, str]:
    """Return the outcome of each step."""
    return {step["name"]: step["outcome"] for step in report["steps"]}


def detail_of(report: dict[str, Any], name: str) -> str:
    """Return what the step `name` says."""
    [detail] = [step["detail"] for step in report["steps"] if step["name"] == name]
    return str(detail)


def causes_of(report: dict[str, Any], name: str) -> list[Cause]:
    """Return the causes of the step `name`."""
    [step] = [step for step in report["steps"] if step["name"] == name]
    return [Cause(**cause) for cause in step["causes"]]
