"""What all runs of a campaign share: moto for AWS, the simulator over TLS, one clock, and ears for everything said."""

import contextlib
import importlib
import io
import logging
import os
import sys
import threading
from collections.abc import Callable, Iterator
from email.utils import formatdate
from functools import cache
from types import ModuleType, SimpleNamespace
from typing import Any, Self
from unittest.mock import patch

import boto3
from aws_lambda_powertools.shared import user_agent
from botocore import UNSIGNED
from botocore.config import Config
from botocore.endpoint import Endpoint

import common.bridge.access
import common.bridge.actions
import common.bridge.events
import common.incidents.rules
from campaign.queue import SERVER_AHEAD
from common.bridge.clients import USER_AGENT
from common.errors import BridgeError
from common.incidents.rules import Rules, rules_to_run
from local.simulator import Simulator
from tests.support.clock import FakeClock
from tests.support.moto import mock_aws
from tests.support.table import breaker_on

REGION = "eu-west-1"
CLIENT_ID = "bridge"

type AwsFault = Callable[[str, dict[str, Any]], dict[str, Any] | None]
"""Given `service.Operation` and the arguments: what the service answers instead, None where it answers itself."""


class Stage:
    """A context manager. Inside it every client of AWS is moto's, and every environment goes by `clock`."""

    def __init__(self) -> None:
        """Prepare; nothing is replaced yet."""
        self.clock = FakeClock()
        self.output = io.StringIO()
        self.errors: list[BridgeError] = []
        self.aws_faults: list[AwsFault] = []
        self.stand_ins: dict[str, Any] = {}
        self.numbers = iter(range(1, sys.maxsize))
        self._inside = contextlib.ExitStack()
        self._log = io.StringIO()
        self._listens = True

    def __enter__(self) -> Self:
        """Replace AWS, time and standard output, and start the simulator."""
        enter = self._inside.enter_context
        # Reading the system's authorities takes each environment as long as a whole run; only the simulator's counts.
        trusted = {"SSL_CERT_FILE": os.devnull, "SSL_CERT_DIR": os.devnull}
        enter(patch.dict(os.environ, {"AWS_DEFAULT_REGION": REGION, "AWS_REGION": REGION, **trusted}))
        self._aws = enter(mock_aws())
        self.simulator = enter(
            Simulator(client_id=CLIENT_ID, client_secret="to be replaced", seed=1, now=self.server_time)
        )
        self._make_client = boto3.client
        self.client = cache(self._new_client)
        enter(patch.object(boto3, "client", lambda service, **_: self.stand_ins.get(service) or self.client(service)))
        # The same clients serve every environment: a header that each adds to all calls makes calls ever longer.
        once = cache(user_agent.register_feature_to_client)
        enter(patch.object(user_agent, "register_feature_to_client", once))
        enter(_one_at_a_time())
        for bridge in (common.bridge.access, common.bridge.actions):
            enter(patch.object(bridge, "SystemClock", lambda: self.clock))
        read_once = _once(rules_to_run)
        for users in (common.bridge.events, common.bridge.actions, common.incidents.rules):
            enter(patch.object(users, "rules_to_run", read_once))
        enter(breaker_on(self.function_time))
        enter(patch.object(BridgeError, "__init__", _heard(BridgeError.__init__, self.errors)))
        return self

    def __exit__(self, *_: object) -> None:
        """Put everything back."""
        self._inside.close()

    def server_time(self) -> float:
        """Return the time of ServiceNow and AWS, which does not jump with the wall clock of a function."""
        return self.clock.monotonic() + SERVER_AHEAD

    def function_time(self) -> float:
        """Return the wall clock of the functions, which may jump."""
        return self.clock.now()

    def begin(self) -> None:
        """Forget the run before: AWS, simulator, clock, faults, everything said."""
        self._aws.reset()
        self.simulator.reset()
        self.clock = FakeClock()
        self.aws_faults.clear()
        self.stand_ins.clear()
        self.key_id = str(self.client("kms").create_key()["KeyMetadata"]["Arn"])
        for library in _TALKATIVE:
            logging.getLogger(library).setLevel(logging.NOTSET)
        self.said()
        self.errors.clear()

    def said(self) -> str:
        """Return what was written to standard output and to any logger since the last call."""
        texts = []
        for stream in (self.output, self._log):
            texts.append(stream.getvalue())
            stream.seek(0)
            stream.truncate()
        return "\n".join(texts)

    @contextlib.contextmanager
    def listening(self) -> Iterator[None]:
        """Hear everything that is written to standard output or to any logger, at any level."""
        root = logging.getLogger()
        handler = logging.StreamHandler(self._log)
        handler.addFilter(lambda _: self._listens)
        handlers, level = root.handlers, root.level
        root.handlers = [handler]
        root.setLevel(logging.DEBUG)
        try:
            with patch.object(sys, "stdout", self.output):
                yield
        finally:
            root.handlers = handlers
            root.setLevel(level)

    @contextlib.contextmanager
    def deaf(self) -> Iterator[None]:
        """Do not listen: inside, it is the campaign that talks to AWS, with secrets in its hands."""
        before, self._listens = self._listens, False
        try:
            yield
        finally:
            self._listens = before

    def function(self, name: str, environment: dict[str, str]) -> ModuleType:
        """Return the module of a function as a new environment imports it, with these variables and no others."""
        module = f"handlers.{name}"
        sys.modules.pop(module, None)
        with patch.dict(os.environ, environment):
            try:
                return importlib.import_module(module)
            finally:
                sys.modules.pop(module, None)

    def _new_client(self, service: str) -> Any:  # noqa: ANN401 (boto3 makes its clients at run time)
        made: Any = self._make_client(  # type: ignore[call-overload] # the service is a variable
            service,
            region_name=REGION,
            config=_CALLS,
        )
        made.meta.events.register("provide-client-params", _remember)
        made.meta.events.register("before-call", self._before_call)
        made.meta.events.register("after-call", self._after_call)
        return made

    def _before_call(self, model: Any, context: dict[str, Any], **_: object) -> object:  # noqa: ANN401 (botocore's)
        operation = f"{model.service_model.service_name}.{model.name}"
        for fault in list(self.aws_faults):
            answer = fault(operation, context.get(_ARGUMENTS, {}))
            if answer is not None:
                status = answer.get("ResponseMetadata", {}).get("HTTPStatusCode", 200)
                self._after_call(answer)
                return SimpleNamespace(status_code=status), answer
        return None

    def _after_call(self, parsed: dict[str, Any], **_: object) -> None:
        headers = parsed.setdefault("ResponseMetadata", {}).setdefault("HTTPHeaders", {})
        headers["date"] = formatdate(self.server_time(), usegmt=True)


# Nobody checks signatures; without one, moto learns the Region of a queue from who calls.
_CALLS = Config(
    retries={"total_max_attempts": 1}, signature_version=UNSIGNED, user_agent=f"{USER_AGENT} region/{REGION}"
)
_ARGUMENTS = "campaign"
# They log whole requests and answers, secrets included, wherever nobody forbids it.
_TALKATIVE = ("botocore", "boto3", "urllib3")


def _remember(params: dict[str, Any], context: dict[str, Any], **_: object) -> None:
    context[_ARGUMENTS] = params


def refusal(code: str, status: int = 400) -> dict[str, Any]:
    """Return how an AWS service refuses a call."""
    metadata = {"HTTPStatusCode": status}
    return {"Error": {"Code": code, "Message": "words of AWS"}, "ResponseMetadata": metadata}


@contextlib.contextmanager
def _one_at_a_time() -> Iterator[None]:
    """Put one lock around everything that botocore sends: moto's conditional writes are not thread-safe."""
    lock = threading.Lock()
    send = Endpoint.make_request

    def send_alone(self: Endpoint, *arguments: Any, **options: Any) -> Any:  # noqa: ANN401 (passed on)
        with lock:
            return send(self, *arguments, **options)

    with patch.object(Endpoint, "make_request", send_alone):
        yield


def _heard(original: Callable[..., None], errors: list[BridgeError]) -> Callable[..., None]:
    def init(self: BridgeError, *arguments: Any, **options: Any) -> None:  # noqa: ANN401 (passed on)
        original(self, *arguments, **options)
        errors.append(self)

    return init


def _once(load: Callable[..., Rules]) -> Callable[..., Rules]:
    """Return `load`, which reads the same rules once only."""
    known: dict[str, Rules] = {}

    def loaded(*arguments: Any) -> Rules:  # noqa: ANN401 (those of `load`)
        key = repr(arguments)
        if key not in known:
            known[key] = load(*arguments)
        return known[key]

    return loaded
