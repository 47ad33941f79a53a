"""An account whose alarms, resources and accounts have tags: stands where boto3's clients stand."""

import threading
from collections.abc import Callable, Mapping
from concurrent.futures import Executor, Future
from dataclasses import dataclass, field
from functools import partial
from typing import Any

from botocore.exceptions import BotoCoreError, ClientError
from botocore.model import OperationModel

from common.context.tags import Makers
from tests.support.aws import client as made_up_client

type Tags = dict[str, str]


@dataclass
class TaggedAccounts:
    """`tags` holds tags by ARN or account; `troubles` what a service raises, `reached` the accounts that let one in.

    Requests are held against botocore's models before they are answered, and noted in `asked`.
    """

    tags: dict[str, Tags] = field(default_factory=dict)
    troubles: dict[str, Exception] = field(default_factory=dict)
    asked: list[tuple[str, str]] = field(default_factory=list)
    places: list[tuple[str, str | None, str | None]] = field(default_factory=list)
    blocked: threading.Event | None = None

    def client(self, name: str, make: Callable[..., Any], account: str | None = None, region: str | None = None) -> Any:  # noqa: ANN401 (boto3 makes its clients at run time)
        """Do what `common.accounts.Accounts` does."""
        self.places.append((name, account, region))
        if account in self.troubles:
            raise self.troubles[account]
        return make()

    @property
    def makers(self) -> Makers:
        """What makes the clients."""
        services = ("cloudwatch", "resourcegroupstaggingapi", "organizations")
        return Makers(*(partial(self._make, service) for service in services))

    def _make(self, service: str, **_: Any) -> Any:  # noqa: ANN401 (the same)
        client = made_up_client(service)
        client.meta.events.register("before-call", lambda model, params, **_: self._answer(service, model, params))
        return client

    def _answer(self, service: str, model: OperationModel, params: Mapping[str, Any]) -> tuple[object, dict[str, Any]]:
        sent = params["body"]
        text = sent.decode() if isinstance(sent, bytes) else str(sent)
        name = next((name for name in self.tags if name in text.replace("%3A", ":").replace("%2F", "/")), "")
        self.asked.append((service, name))
        if self.blocked is not None:
            self.blocked.wait(10)
        if service in self.troubles:
            raise self.troubles[service]
        tags = [{"Key": key, "Value": value} for key, value in self.tags.get(name, {}).items()]
        listed = [{"ResourceARN": name, "Tags": tags}] if tags else []
        answer = {"ResourceTagMappingList": listed} if service == "resourcegroupstaggingapi" else {"Tags": tags}
        assert model.name in ("GetResources", "ListTagsForResource")
        return _Ok(), answer


class _Ok:
    status_code = 200


class Directly(Executor):
    """Does at once what a thread would do."""

    def submit(self, work: Any, /, *arguments: Any, **options: Any) -> Future[Any]:  # noqa: ANN401 (any work)
        """Return what is done already."""
        future: Future[Any] = Future()
        try:
            future.set_result(work(*arguments, **options))
        except (BotoCoreError, ClientError, AssertionError, KeyError) as error:
            future.set_exception(error)
        return future


def refused(code: str, operation: str = "ListTagsForResource") -> ClientError:
    """Return what botocore raises for an answer with this code."""
    return ClientError({"Error": {"Code": code, "Message": "No."}}, operation)
