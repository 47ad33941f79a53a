"""`python -m campaign.fuzz`: made-up inputs for everything that reads what others have written.

None may raise anything but the vocabulary's errors, and nothing that is refused may reach ServiceNow. Written to
build/fuzz.json.
"""

import argparse
import json
import sys
import time
from collections import Counter
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import AbstractContextManager, contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from random import Random
from typing import Any, cast, override

from hypothesis import HealthCheck, Phase, given, seed, settings
from hypothesis import strategies as st
from rich.console import Console
from rich.progress import track
from urllib3 import HTTPHeaderDict

from campaign import hosts
from campaign.api import api_of, call
from campaign.environment import Environment
from campaign.made_up import broken, headers, mangled, nonsense, samples, text
from campaign.stage import Stage
from campaign.world import World, rules
from common.clock import Deadline
from common.errors import BridgeError
from common.incidents.alert import Fold
from common.incidents.desk import Desk
from common.intake import Intake
from common.oauth.answer import SHORTEST_LIFE, token_of
from common.oauth.token import LONGEST_LIFE
from common.queue import EventQueue, Message
from common.retry import LONGEST_RETRY_AFTER, retry_after
from common.servicenow.client import ServiceNowClient
from common.servicenow.records import Records
from common.telemetry import Telemetry
from common.transport import Response
from tests.support.clock import FakeClock
from tests.support.exchanges import ListedTokens, ScriptedSender

SHARES: Mapping[str, int] = {
    "events": 40_000,
    "token answers": 20_000,
    "record answers": 20_000,
    "Retry-After": 10_000,
    "API requests": 10_000,
}
"""How many inputs each reader gets."""

_BUILD = Path(__file__).resolve().parents[1] / "build"
_JSON = (*("application/json;charset=UTF-8",) * 12, "application/json", "APPLICATION/JSON", "text/html", "text/plain")
_STATUSES = (
    *(200,) * 12,
    *(201,) * 6,
    202,
    204,
    301,
    308,
    400,
    401,
    403,
    404,
    409,
    413,
    429,
    499,
    500,
    502,
    503,
    504,
    599,
)


@dataclass(slots=True)
class Fuzzing:
    """What came of it: how many inputs of each kind ended how, and what should not have happened."""

    outcomes: Counter[str] = field(default_factory=Counter)
    wrong: list[str] = field(default_factory=list)

    @property
    def inputs(self) -> int:
        """How many inputs there were."""
        return self.outcomes.total() + len(self.wrong)

    def judge(self, kind: str, work: Callable[[], str]) -> None:
        """Do one piece of work; what it returns, or the error of the vocabulary that it raises, is its outcome."""
        try:
            outcome = work()
        except BridgeError as error:
            outcome = type(error).__name__
        except Exception as error:  # noqa: BLE001 (this is what is looked for)
            self.wrong.append(f"{kind}: {type(error).__name__}: {error}"[:300])
            return
        self.outcomes[f"{kind}: {outcome}"] += 1


type Example = Callable[[Random], None]
"""Makes up one input with the dice that it is given, and judges what comes of it."""


def _generate(example: Example, number: int, chosen_seed: str) -> None:
    """Let Hypothesis throw the dice for so many different examples."""

    @seed(chosen_seed)
    @settings(
        max_examples=number,
        database=None,
        deadline=None,
        phases=(Phase.generate,),
        suppress_health_check=tuple(HealthCheck),
    )
    # Dice that fall evenly reach deep; those whose every throw Hypothesis chooses stay at the edges.
    @given(st.randoms(use_true_random=True) | st.randoms(use_true_random=False))
    def examples(random: Random) -> None:
        example(random)

    examples()


class _NoDesk:
    """Stands where the desk stands, and takes everything."""

    def __init__(self) -> None:
        self.folds: list[Fold] = []

    def apply(self, fold: Fold, _deadline: Deadline) -> None:
        json.dumps([fold.key, *(dict(alert.fields) for alert in fold.alerts)]).encode()
        self.folds.append(fold)


class _NoQueue(EventQueue):
    def __init__(self) -> None:
        self.letters = 0

    @override
    def later(self, message: Message, seconds: float) -> None:
        return

    @override
    def finish(self, message: Message) -> bool:
        return True

    @override
    def dead_letter(self, message: Message, error: BridgeError) -> bool:
        self.letters += 1
        return True


@contextmanager
def events(fuzzing: Fuzzing) -> Iterator[Example]:
    """Read messages: samples with something broken in them, and nonsense."""
    desk, queue, telemetry, clock = _NoDesk(), _NoQueue(), Telemetry("fuzz"), FakeClock()
    telemetry.log.setLevel("CRITICAL")
    intake = Intake(rules(), cast("Desk", desk), queue, telemetry=telemetry, sample=lambda: 0.5)
    sound = samples()

    def read(body: str) -> str:
        before = dict(telemetry.counts())
        stay = intake.process([Message("1", "1", body)], Deadline.after(clock, 60.0))
        if stay or telemetry.counts().get("Defects", 0) > before.get("Defects", 0):
            raise RuntimeError(body[:200])
        refused = telemetry.counts().get("EventsRefused", 0) > before.get("EventsRefused", 0)
        applied = bool(desk.folds)
        desk.folds.clear()
        if refused and applied:
            raise AssertionError("a refused event was applied")
        return "refused" if refused else "applied" if applied else "passed over"

    def example(random: Random) -> None:
        event = broken(random, random.choice(sound)) if random.random() < 0.9 else nonsense(random)
        body = json.dumps(event)
        body = mangled(random, body) if random.random() < 0.2 else body
        fuzzing.judge("event", lambda: read(body))

    yield example


def _response(random: Random, document: object) -> Response:
    body = json.dumps(document).encode()
    if random.random() < 0.1:
        body = mangled(random, body.decode()).encode("utf-8", "surrogatepass")
    named = headers(
        random, (("Content-Type", _JSON), ("Retry-After", ("1", "3600", "-1", "soon")), ("Link", ('rel="next"',)))
    )
    return Response(random.choice(_STATUSES), HTTPHeaderDict(named), body)


@contextmanager
def token_answers(fuzzing: Fuzzing) -> Iterator[Example]:
    """Read what a token endpoint might answer."""
    sound = {"access_token": "t" * 86, "scope": "useraccount", "token_type": "Bearer", "expires_in": 1799}
    refused = {"error": "server_error", "error_description": "access_denied"}

    def read(response: Response) -> str:
        token = token_of(response, asked=1000.0)
        if not SHORTEST_LIFE <= token.life <= LONGEST_LIFE:
            raise AssertionError(token.life)
        token.value.encode("ascii")
        return "granted"

    def example(random: Random) -> None:
        document = broken(random, random.choice((sound, sound, refused))) if random.random() < 0.9 else nonsense(random)
        response = _response(random, document)
        fuzzing.judge("token answer", lambda: read(response))

    yield example


@contextmanager
def record_answers(fuzzing: Fuzzing) -> Iterator[Example]:
    """Read what the Table API might answer to each kind of call."""
    row = {"sys_id": "0" * 32, "number": "INC0010001", "state": "1", "active": "true", "correlation_id": "x"}
    failure = {"error": {"message": "Operation Failed", "detail": None}, "status": "failure"}
    several = {"result": [row, row]}
    sound: Sequence[Any] = ({"result": row}, several, {"result": []}, failure, {"result": row, **failure})
    telemetry = Telemetry("fuzz-records")
    telemetry.log.setLevel("CRITICAL")
    calls: Sequence[Callable[[Records, Deadline], object]] = (
        lambda records, deadline: records.create("incident", {"state": "1"}, deadline),
        lambda records, deadline: records.update("incident", "0" * 32, {"state": "6"}, deadline),
        lambda records, deadline: records.read("incident", "0" * 32, deadline),
        lambda records, deadline: records.find("incident", "number=INC1", deadline),
    )

    def example(random: Random) -> None:
        document = broken(random, random.choice(sound)) if random.random() < 0.9 else nonsense(random)
        clock = FakeClock()
        sender = ScriptedSender(clock, _response(random, document))
        client = ServiceNowClient(sender, ListedTokens(), clock=clock, telemetry=telemetry)
        records, made = Records(client, tuple(row)), random.choice(calls)
        fuzzing.judge("record answer", lambda: type(made(records, Deadline.after(clock, 20.0))).__name__)

    yield example


@contextmanager
def retry_afters(fuzzing: Fuzzing) -> Iterator[Example]:
    """Read what a Retry-After might say."""
    dates = ("Fri, 31 Dec 1999 23:59:59 GMT", "Mon, 01 Jan 2035 00:00:00 GMT", "Mon, 01 Jan 9999 00:00:00 +9999")

    def read(value: str) -> str:
        seconds = retry_after({"Retry-After": value}, 1_900_000_000.0)
        if seconds is not None and not 0 <= seconds <= LONGEST_RETRY_AFTER:
            raise AssertionError(seconds)
        return "none" if seconds is None else "seconds"

    def example(random: Random) -> None:
        made = (
            str(random.randint(-10, 10**12)),
            mangled(random, random.choice(dates)),
            text(random),
            str(random.random()),
        )
        value = random.choice(made)
        fuzzing.judge("Retry-After", lambda: read(value))

    yield example


_BODIES: tuple[tuple[str, str, Any], ...] = (
    ("POST", "/incidents", {"short_description": "x", "impact": "1", "urgency": "1", "category": "network"}),
    ("PATCH", "/incidents/INC0010001", {"category": "network"}),
    ("POST", "/incidents/INC0010001/comments", {"text": "hello"}),
    ("POST", "/incidents/INC0010001/resolve", {"close_notes": "over"}),
    ("POST", "/tables/problem/records", {"short_description": "x"}),
    ("POST", "/alerts", {"dedup_key": "k", "status": "firing", "summary": "x", "severity": "high"}),
)


@contextmanager
def api_requests(fuzzing: Fuzzing) -> Iterator[Example]:
    """Send requests to the API function. What is answered with a refusal of its own was not passed on."""
    with Stage() as stage, stage.listening():
        world = World(stage, Random("API requests"))  # noqa: S311 (repeatable dice)
        api = api_of(world)
        yield lambda random: fuzzing.judge("API request", lambda: _request(world, api, random))
        world.end()


def _request(world: World, api: Environment, random: Random) -> str:
    method, path, sound = random.choice(_BODIES)
    document = broken(random, sound) if random.random() < 0.9 else nonsense(random)
    body = json.dumps(document)
    body = mangled(random, body) if random.random() < 0.1 else body
    key = random.choice((None, text(random), "k" * 300)) if random.random() < 0.1 else f"key-{random.random()}"
    calls = len(world.simulator.calls)
    reply = call(world, api, method, path, body, key=key)
    if reply.status == 500:
        raise RuntimeError(f"{method} {path} {body[:150]!r} made the bridge fail")
    if reply.status in {400, 413, 415, 422} and len(world.simulator.calls) > calls:
        asked = [call.method for call in world.simulator.calls[calls:] if not call.token_request]
        if any(each != "GET" for each in asked) and reply.kind == "invalid-request":
            raise AssertionError(f"{method} {path} {body[:150]!r} was refused and reached ServiceNow")
    return str(reply.status)


READERS: Mapping[str, Callable[[Fuzzing], AbstractContextManager[Example]]] = {
    "events": events,
    "token answers": token_answers,
    "record answers": record_answers,
    "Retry-After": retry_afters,
    "API requests": api_requests,
}


def main(arguments: Sequence[str]) -> int:
    """Feed every reader, print what came of it and write build/fuzz.json; return 1 where anything went wrong."""
    parser = argparse.ArgumentParser(prog="python -m campaign.fuzz", description="Made-up inputs.")
    parser.add_argument("--share", type=float, default=1.0, help="which part of the inputs to make up")
    parser.add_argument("--seed", type=int, default=1, help="another seed makes up others")
    options = parser.parse_args(arguments)
    console, began = Console(file=sys.stdout), time.monotonic()
    fuzzing = Fuzzing()
    for name, reader in track(list(READERS.items()), "Fuzzing", console=console, transient=True):
        with reader(fuzzing) as example:
            _generate(example, max(1, int(SHARES[name] * options.share)), f"{name}/{options.seed}")
    addresses = hosts.examine()
    for outcome, count in sorted(fuzzing.outcomes.items()):
        console.print(f"{count:7} {outcome}", markup=False)
    for wrong in (*fuzzing.wrong[:20], *addresses.wrong[:20]):
        console.print(wrong, style="bold red", markup=False)
    found: dict[str, Any] = {
        "inputs": fuzzing.inputs,
        "uncaught": len(fuzzing.wrong),
        "addresses": addresses.tried,
        "credential_bytes": addresses.credential_bytes,
        "addresses_wrong": len(addresses.wrong),
        "seconds": round(time.monotonic() - began),
    }
    console.print(", ".join(f"{name} {number}" for name, number in found.items()))
    if options.share >= 1:
        _BUILD.mkdir(exist_ok=True)
        (_BUILD / "fuzz.json").write_text(json.dumps(found, indent=2) + "\n", encoding="ascii")
    return 1 if fuzzing.wrong or addresses.wrong else 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
