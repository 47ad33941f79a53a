"""Faults 129 to 135: changes of records are told and answered, whatever breaks off, comes twice, or is refused."""

import json
from collections.abc import Mapping, Sequence
from typing import Any

from campaign.catalogue import fault
from campaign.environment import Environment, KilledError
from campaign.queue import record
from campaign.stage import REGION, refusal
from campaign.world import World
from common.errors import BridgeError
from tests.support.deployment import ACCOUNT

_PUT = "events.PutEvents"
_ANSWER = "stepfunctions.SendTaskSuccess"
_APPROVED = {"state": "-2", "approval": "approved"}
_TRIES_OF_A_LOOK = 3
_VARIABLES = {"EVENT_BUS": "default", "EVENT_SOURCE": "servicenow-bridge.campaign", "CHANGE_GATE": "true"}


class Told:
    """The bus. `answers` go before what it does by itself; while `dead`, no call of AWS gets anywhere."""

    def __init__(self, world: World) -> None:
        """Stand behind botocore for as long as the run lasts."""
        self.entries: list[dict[str, Any]] = []
        self.answers: list[Any] = []
        self.dead = False
        world.stage.aws_faults.append(self.answer)

    def answer(self, operation: str, asked: Mapping[str, Any]) -> dict[str, Any] | None:
        """Take a batch, a part of it, or nothing."""
        if self.dead:
            raise KilledError
        if operation != _PUT:
            return None
        happens = self.answers.pop(0) if self.answers else None
        if isinstance(happens, dict):
            return happens
        taken = [happens is None or index not in happens for index in range(len(asked["Entries"]))]
        self.entries += [entry for entry, is_taken in zip(asked["Entries"], taken, strict=True) if is_taken]
        if happens == ():
            self.dead = True
            raise KilledError
        failed = {"ErrorCode": "InternalFailure", "ErrorMessage": "words of AWS"}
        return {"Entries": [{"EventId": "1"} if is_taken else failed for is_taken in taken], "FailedEntryCount": 0}

    def details(self) -> list[dict[str, Any]]:
        """Return what was told, in its order."""
        return [json.loads(entry["Detail"]) for entry in self.entries]


class Watching:
    """The watch function, which has looked once, and records that people change."""

    def __init__(self, world: World) -> None:
        """Open some records."""
        self.world = world
        self.events = world.environment()
        count = world.random.randint(2, 12)
        self.told = Told(world)
        self.function = world.environment("watch", **_VARIABLES)
        self.look()
        world.send(*(world.alarm(f"watched-{number}", "ALARM", minutes=1) for number in range(count)))
        for _ in range(2):
            world.invoke(self.events)
        world.expect(len(world.incidents()) == count, "not every record opened")

    def look(self) -> bool:
        """Let the watch look, a minute later; return whether that was well."""
        self.world.clock.advance(60)
        try:
            self.function.call({}, 60.0)
        except (BridgeError, KilledError):
            return False
        finally:
            self.told.dead = False
        return True

    def people_work(self) -> None:
        """Take some of the records."""
        rows = self.world.incidents()
        for row in self.world.random.sample(rows, self.world.random.randint(1, len(rows))):
            self.world.simulator.update("incident", row["sys_id"], {"state": self.world.pick("2", "3"), **_HOLD})

    def finish(self) -> None:
        """Let the watch look until all is told; every record's newest state is told, as the last, under one id."""
        self.world.simulator.clear_faults()
        self.told.answers.clear()
        for _ in range(4):
            self.look()
        self.world.expect(self.look(), "the watch still fails")
        last: dict[str, dict[str, Any]] = {}
        ids: dict[tuple[str, int], set[str]] = {}
        for detail in self.told.details():
            last[detail["sys_id"]] = detail
            ids.setdefault((detail["sys_id"], detail["updates"]), set()).add(detail["id"])
        now = {row["sys_id"]: row["state"] for row in self.world.incidents()}
        self.world.expect(
            {name: detail["record"]["state"] for name, detail in last.items()} == now, "a change is missed"
        )
        self.world.expect(all(len(same) == 1 for same in ids.values()), "one change has two ids")
        before = len(self.told.entries)
        self.look()
        self.world.expect(len(self.told.entries) == before, "what was told is told again for ever")


_HOLD = {"hold_reason": "1"}


@fault(129, "PutEvents that takes part of a batch, throttles or fails", "told, the newest last")
def part_of_a_batch(world: World) -> None:
    """For a call or for several."""
    watching = Watching(world)
    for _ in range(world.random.randint(1, 3)):
        watching.people_work()
        some = {0} | {index for index in range(10) if world.toss()}
        ways = (some, refusal("ThrottlingException"), refusal("InternalException", 500))
        again_and_again = [some] * _TRIES_OF_A_LOOK
        mixed = [world.pick(*ways) for _ in range(world.random.randint(1, 5))]
        watching.told.answers += world.pick(again_and_again, mixed)
        watching.look()
    watching.finish()


@fault(130, "ServiceNow down, rate limited, or HTML instead of JSON while the watch looks", "told once it is over")
def no_look(world: World) -> None:
    """For minutes or for a day."""
    watching = Watching(world)
    watching.look()
    away: Any = world.in_turn(
        {"status": 503},
        {"status": 429, "headers": {"Retry-After": "120"}},
        {"content": "maintenance"},
        {"content": "hibernating"},
        {"connection": "close"},
    )
    for _ in range(world.random.randint(1, 3)):
        watching.people_work()
        world.fault(on="api", times=None, **away)
        world.expect(not watching.look(), "nobody says that the watch could not look")
        world.clock.advance(world.pick(60.0, 3600.0, 86_400.0))
        world.simulator.clear_faults()
    watching.finish()


@fault(131, "the watch killed after an event was put", "told again under the same id")
def watch_killed(world: World) -> None:
    """Nothing is written down then, and what it holds stays held for a while."""
    watching = Watching(world)
    for _ in range(world.random.randint(1, 3)):
        watching.people_work()
        watching.told.answers.append(())
        world.expect(not watching.look(), "the function was not killed")
        world.expect(watching.look(), "a look fails that finds another one under way")
        world.clock.advance(120)
    watching.finish()


class Gate:
    """A change that a task waits for; people have decided, and the watch has told it."""

    def __init__(self, world: World) -> None:
        """Ask for the change, and approve it."""
        self.url = world.aws("sqs").create_queue(QueueName=f"actions-{next(world.stage.numbers)}")["QueueUrl"]
        self.world, self.token = world, f"task-{world.random.randrange(10**12):012}"
        self.answered: list[str] = []
        self.used_up = self.dies = False
        told = Told(world)
        watch = world.environment("watch", **_VARIABLES)
        watch.call({}, 60.0)
        detail = {"key": "release", "short_description": "Release 42", "task_token": self.token}
        request = _event(world, "ServiceNow Change Request", detail)
        events = world.environment(ACTIONS_QUEUE_URL=self.url, **_VARIABLES)
        answer = events.call({"Records": [record("asks", request)]}, 60.0)
        world.expect(not answer["batchItemFailures"], "the request stays")
        [self.change] = world.simulator.records("change_request")
        world.simulator.update("change_request", self.change["sys_id"], _APPROVED)
        world.clock.advance(60)
        watch.call({}, 60.0)
        self.messages = [_told(entry) for entry in told.entries]
        self.function = self.another()
        world.listen()
        world.stage.aws_faults.append(self.states)

    def another(self) -> Environment:
        """Return a new environment of the actions function."""
        place = f"aws/{ACCOUNT}/{REGION}"
        return self.world.environment("actions", QUEUE_URL=self.url, OWN_PLACE=place, **_VARIABLES)

    def states(self, operation: str, asked: Mapping[str, Any]) -> dict[str, Any] | None:
        """Be Step Functions: the first answer to a token counts."""
        if operation != _ANSWER:
            return None
        if self.used_up or self.answered:
            return refusal("TaskTimedOut")
        self.world.expect(asked["taskToken"] == self.token, "another token was answered")
        self.answered.append(asked["output"])
        if self.dies:
            self.dies = False
            raise KilledError
        return {}

    def follow(self, messages: Sequence[str], function: Environment | None = None) -> int:
        """Hand messages to the actions function in any order; return how many stay, -1 where it was killed."""
        records = [record(str(number), body) for number, body in enumerate(messages)]
        self.world.random.shuffle(records)
        try:
            answer = (function or self.function).call({"Records": records}, 120.0)
        except KilledError:
            self.function = self.another()
            return -1
        return len(answer["batchItemFailures"])

    def finish(self, *, used_up: float = 0) -> None:
        """All is followed by now: one answer, and nobody waits any more; or one word about a token that is used up."""
        self.world.expect(self.follow(self.messages) == 0, "a message stays")
        self.world.listen()
        counted = self.world.metrics["ChangeTokensUsedUp"]
        self.world.expect(counted == used_up, f"{counted} tokens were reported as used up")
        self.world.expect(len(self.answered) == (not used_up), f"{len(self.answered)} answers counted")
        self.world.expect(all(self.change["number"] in text for text in self.answered), "the answer names no change")
        self.world.expect(self.token not in str(self.world.dead_letters()), "a dead letter shows the token")
        rows = self.world.aws("dynamodb").scan(TableName=self.world.table)["Items"]
        self.world.expect(self.token not in str(rows), "the token is kept for nothing")


@fault(132, "the function killed between an answer and its note", "one answer counts, R")
def killed_in_between(world: World) -> None:
    """What is sent again finds the token used up by itself, and says nothing of it."""
    gate = Gate(world)
    gate.dies = True
    world.expect(gate.follow(gate.messages) == -1, "the function was not killed")
    world.clock.advance(120)
    gate.follow(gate.messages)
    gate.finish()


@fault(133, "an answer throttled, failing, hanging, or without a right", "Q or H")
def answer_refused(world: World) -> None:
    """The message stays until it works."""
    refused = world.in_turn(
        refusal("ThrottlingException"), refusal("AccessDeniedException", 403), refusal("InternalFailure", 500), None
    )
    gate = Gate(world)
    world.stage.aws_faults.remove(gate.states)
    hinders = world.aws_fault(_ANSWER, refused)
    for _ in range(world.random.randint(1, 3)):
        world.expect(gate.follow(gate.messages) > 0, "a message went although nobody was told")
        world.expect(not world.dead_letters(), "a message was given up")
        world.clock.advance(900)
    world.stage.aws_faults.remove(hinders)
    world.stage.aws_faults.append(gate.states)
    gate.follow(gate.messages)
    gate.finish()


@fault(134, "a token that is used up when people have decided", "told once, the waiting ends")
def nobody_waits(world: World) -> None:
    """The execution has ended meanwhile: its time was over, or somebody stopped it."""
    gate = Gate(world)
    gate.used_up = True
    for _ in range(world.random.randint(1, 3)):
        world.expect(gate.follow(gate.messages) == 0, "a message stays for nobody")
    gate.finish(used_up=1)


@fault(135, "answers that come twice, from two functions, of a change that is told again", "one answer counts")
def answered_twice(world: World) -> None:
    """In any order, and canceled after all: what has gone on is not called back."""
    gate = Gate(world)
    other = gate.another()
    for _ in range(world.random.randint(2, 4)):
        gate.follow(gate.messages * world.random.randint(1, 3), world.pick(other, gate.function))
    world.simulator.update("change_request", gate.change["sys_id"], {"state": "4"})
    gate.finish()


def _event(world: World, kind: str, detail: Mapping[str, Any]) -> str:
    return json.dumps(
        world.alarm("any", "ALARM") | {"source": "shop.deploy", "detail-type": kind, "detail": dict(detail)}
    )


def _told(entry: Mapping[str, Any]) -> str:
    detail = json.loads(entry["Detail"])
    return json.dumps({"detail-type": entry["DetailType"], "source": entry["Source"], "time": "", "detail": detail})
