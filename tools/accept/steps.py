"""The steps of an acceptance, in their order."""

import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import Any

from botocore.exceptions import ClientError

from tools.accept.account import Account, Described
from tools.accept.api_door import ApiDoor
from tools.accept.follow_ups import FollowUps
from tools.accept.front_door import FrontDoor
from tools.accept.metrics import Metrics
from tools.accept.sheet import ImpossibleError, MissedError, Sheet, SkippedError
from tools.deployed import DeployedStack

_SKIPPED = ("skipped", "not observable")
_OF_ONES_OWN = ("u_", "x_")


@dataclass(frozen=True, slots=True)
class Acceptance:
    """One stack that is accepted. Each wait lasts `patience` seconds at most, that for metrics `metrics_patience`.

    `emulated` names what can't be looked at because no AWS answers, and why: of `metrics`, `gateway role` and
    `follow-ups`.
    """

    stack: DeployedStack
    described: Described
    api: ApiDoor
    patience: float = 120.0
    metrics_patience: float = 900.0
    emulated: Mapping[str, str] = field(default_factory=dict)

    def take(self, sheet: Sheet) -> None:
        """Take every step. What is made is marked and resolved again, and never closed."""
        began = time.time()
        account = Account(self.stack, self.described, began, self.patience)
        metrics = Metrics(self.stack, self.described, self.metrics_patience)
        door = FrontDoor(self.stack, self.described.own_sources, self.patience)
        _doctor(self.stack, sheet)
        before = _token_before(self.stack)
        delivered = self._front_door(sheet, door)
        called = self._api(sheet)
        sheet.take("token", "in Parameter Store, and asked for once", lambda: self._token(before, called=called))

        def if_delivered(look: Callable[[], str]) -> Callable[[], str]:
            def step() -> str:
                if not delivered:
                    raise SkippedError("no alert was delivered")
                return look()

            return step

        sheet.take("delivery", "through the encrypted queue, nothing undelivered", if_delivered(account.delivery))
        sheet.take("log level", "the log keeps to LogLevel, with the metrics", if_delivered(account.log_level))
        sheet.take(
            "gateway role", "API Gateway may write access logs", self._real("gateway role", account.gateway_role)
        )
        sheet.take("access log", "a line that is JSON with 403", lambda: account.access_log(self.api.refuses_strangers))
        added = FollowUps(self.stack, self.described, began, self.patience)
        sheet.take("follow-ups", "an alarm that fires gets its pictures", self._real("follow-ups", added.pictures))
        sheet.take("versions", "what was deployed last answers", account.version)
        metrics.used |= self._used(delivered=delivered, called=called)
        metrics.take(sheet, self.emulated.get("metrics", ""))

    def _front_door(self, sheet: Sheet, door: FrontDoor) -> bool:
        opened = door.take_opening(sheet)
        sheet.take("the same alert again", "the same record is kept", door.listed(door.repeats))
        sheet.take("records of it", "exactly one", lambda: self._counted(door.key, opened=opened))
        door.take_recovery(sheet)
        sheet.take("broken alert", "a dead letter with its reason", door.listed(door.refuses))
        return opened

    def _counted(self, key: str, *, opened: bool) -> str:
        if not opened:
            raise SkippedError("no record was opened")
        return self.api.counts_one(key)

    def _api(self, sheet: Sheet) -> bool:
        api = self.api
        created = sheet.take("API: create twice with one key", "one incident", api.creates)
        sheet.take("API: read", "what was written", api.reads)
        sheet.take("API: patch", "it is changed", api.changes)
        sheet.take("API: resolve", "it is resolved", api.resolves)
        sheet.take("API: unsigned call", "403", api.refuses_strangers)
        shown = self.described.on("ApiSwaggerUi")
        sheet.take("API: page about itself", "as ApiSwaggerUi says", lambda: api.page(shown=shown))
        return created

    def _real(self, name: str, look: Callable[[], str]) -> Callable[[], str]:
        def step() -> str:
            if why := self.emulated.get(name):
                raise ImpossibleError(why)
            return look()

        return step

    def _used(self, *, delivered: bool, called: bool) -> set[str]:
        names = {self.described.resources.get("DoctorFunction", "")}
        if delivered:
            queues = (self.stack.output("QueueUrl"), self.stack.output("DeadLetterQueueUrl"))
            names |= {url.rpartition("/")[2] for url in queues}
            names |= {self.stack.output("EventsFunctionName"), self._service()}
        if called:
            names |= {self.stack.output("ApiFunctionName")}
        return names - {""}

    def _service(self) -> str:
        return self.stack.output("TokenParameterName").split("/")[2]

    def _token(self, before: int, *, called: bool) -> str:
        """Compare the stored token with that from before; where it was renewed, between two calls once more."""
        after = _token_version(self.stack)
        if not after:
            raise MissedError("there is no token in Parameter Store")
        if after == before:
            return "stored, and unchanged by all of this"
        if after > before + 1:
            raise MissedError(f"it was stored {after - before} times meanwhile")
        if not called:
            return "stored once meanwhile"
        self.api.uses()
        middle = _token_version(self.stack)
        self.api.uses()
        if _token_version(self.stack) != middle:
            raise MissedError("two calls in a row asked for two tokens")
        return "stored once meanwhile, and unchanged between two calls"


def _doctor(stack: DeployedStack, sheet: Sheet) -> None:
    report: dict[str, Any] = {}

    def call() -> str:
        report.update(stack.call("DoctorFunctionName", {"write": True}))
        return f"{len(report['steps'])} steps"

    sheet.take("doctor", "answers", call)
    for step in report.get("steps", []):
        name = step["name"]
        own = name.startswith("read ") and name.removeprefix("read ").startswith(_OF_ONES_OWN)
        public = "doctor: read a table of one's own" if own else ""
        sheet.take(f"doctor: {name}", "ok", lambda step=step: _seen(step), public=public)  # type: ignore[misc]


def _seen(step: dict[str, Any]) -> str:
    if step["outcome"] in _SKIPPED:
        raise SkippedError(step["detail"], private=True)
    if step["outcome"] != "ok":
        raise MissedError(f"{step['detail']} `make doctor` says what it can mean", private=True)
    return str(step["detail"])


def _token_before(stack: DeployedStack) -> int:
    """Return the version that is stored now; whoever may not see it is told so by the step about it."""
    try:
        return _token_version(stack)
    except ClientError:
        return 0


def _token_version(stack: DeployedStack) -> int:
    parameters = stack.client("ssm")
    try:
        answer = parameters.get_parameter(Name=stack.output("TokenParameterName"))
    except parameters.exceptions.ParameterNotFound:
        return 0
    return int(answer["Parameter"]["Version"])
