"""Faults of Lambda, SQS and the ledger: the real handler, TLS to an instance, queue and ledger in memory."""

import itertools
import json
import socket
from collections.abc import Callable, Iterator, Mapping
from datetime import UTC, datetime
from functools import partial
from pathlib import Path
from threading import Barrier
from typing import Any
from unittest.mock import patch

import pytest
from botocore.exceptions import EndpointConnectionError

from common.bridge.events import Bridge
from common.transport import Response, Transport
from local.simulator import Fault, Simulator
from tests.support.clock import EPOCH, FakeClock
from tests.support.deployment import alarm
from tests.support.function import Account, Handler, account, true_time
from tests.support.ledger import THROTTLED, refusal
from tests.support.threads import in_threads

SECRET = "s3cr3t+~[#,value"
RULES = Path(__file__).resolve().parents[3] / "src" / "rules"
NOTED = '[[override]]\npolicy = { on_repeat = "note" }\n'
IS_OPEN = {"1", "2", "3"}
RESOLVED = "6"
DAY = 86_400.0
LOCK = 140.0


class KilledError(BaseException):
    """The function's end: nothing of it runs any more."""


@pytest.fixture
def clock() -> FakeClock:
    """Provide the time of everything but TLS."""
    return FakeClock()


@pytest.fixture
def servicenow(clock: FakeClock) -> Iterator[Simulator]:
    """Provide an instance."""
    with Simulator(client_secret=SECRET, seed=1, now=true_time(clock)) as simulator:
        yield simulator


@pytest.fixture
def aws(clock: FakeClock, servicenow: Simulator) -> Iterator[Account]:
    """Provide a stack with the shipped rules."""
    with account(clock, servicenow, SECRET) as made:
        yield made


@pytest.fixture
def noting_aws(clock: FakeClock, servicenow: Simulator, tmp_path: Path) -> Iterator[Account]:
    """Provide a stack whose alarms leave a note each time that they fire again."""
    (tmp_path / "own").mkdir()
    (tmp_path / "own" / "noted.toml").write_text(NOTED)
    (tmp_path / "cloudwatch.toml").write_text((RULES / "cloudwatch.toml").read_text())
    with patch("common.bridge.events.RULES", tmp_path), account(clock, servicenow, SECRET) as made:
        yield made


def event(value: str, second: int = 0, name: str = "errors") -> str:
    """Return the body of an alarm's message; `second` counts from ten minutes before the test began."""
    return json.dumps(alarm(name, value, at=datetime.fromtimestamp(EPOCH - 600 + second, UTC)))


def deliver(aws: Account, function: Handler, *bodies: str, remaining: int = 60_000) -> int:
    """Hand messages over in one batch; return how many stay in the queue."""
    for body in bodies:
        aws.put(body)
    assert aws.poll(function, remaining=remaining) == len(bodies)
    return len(aws.queue)


def states(servicenow: Simulator) -> list[str]:
    """Return the states of all incidents, oldest first."""
    return [incident["state"] for incident in servicenow.records("incident")]


def open_alarms(servicenow: Simulator) -> list[str]:
    """Return the names of the alarms that have an open incident, one for each incident."""
    incidents = [record for record in servicenow.records("incident") if record["state"] in IS_OPEN]
    return sorted(incident["short_description"].split()[0].rstrip(":") for incident in incidents)


def notes(servicenow: Simulator) -> list[str]:
    """Return the first lines of the notes of the only incident."""
    [incident] = servicenow.records("incident")
    return [note.splitlines()[0] for note in servicenow.journal(incident["sys_id"], "work_notes")]


def writes(servicenow: Simulator) -> int:
    """Return how many writes reached the instance."""
    return sum(call.method in {"POST", "PATCH"} and not call.token_request for call in servicenow.calls)


def killing(bridge: Bridge, when: str, marked: str = "") -> Any:  # noqa: ANN401 (a patch, which mypy has no name for)
    """Let an environment die around the first write whose body holds `marked`: `before` it is sent, or `after`."""
    send: Callable[..., Response] = bridge.transport.send

    def send_or_die(method: str, target: str, **request: Any) -> Response:  # noqa: ANN401 (the transport's own)
        dies = target.startswith("/api/") and method != "GET" and marked.encode() in (request["body"] or b"")
        if dies and when == "before":
            raise KilledError
        response = send(method, target, **request)
        if dies:
            raise KilledError
        return response

    return patch.object(Transport, "send", lambda _, *parts, **request: send_or_die(*parts, **request))


def run_until_killed(aws: Account, marked: str, when: str = "before") -> bool:
    """Let a new environment handle a batch; return whether it died."""
    function = aws.environment()
    with killing(aws.bridges[-1], when, marked):
        try:
            aws.poll(function)
        except KilledError:
            return True
    return False


@pytest.mark.parametrize("status", [429, 500, 503])
def test_fault_68_half_of_all_answers_fail_and_nothing_is_tried_without_need(
    aws: Account, servicenow: Simulator, status: int
) -> None:
    """1.2 tries an operation at most beyond the failures; what a look-up had to clear up is no try."""
    number = 40
    servicenow.add_fault(Fault(probability=0.5, times=None, status=status))
    function = aws.environment()
    for index in range(number):
        aws.put(event("ALARM", name=f"errors-{index:02}"))
    aws.poll_until(function)

    assert len(open_alarms(servicenow)) == len(servicenow.records("incident")) == number
    calls = [call for call in servicenow.calls if not call.token_request]
    tries = [call for call in calls if call.method == "POST"]
    failures = sum(call.fault for call in tries)
    assert failures > number / 2
    assert len(tries) - failures <= 1.2 * number
    assert sum(not call.fault for call in calls if call.method == "GET") <= failures
    assert len(aws.dead_letters) == 0


def test_fault_69_with_three_seconds_left_nothing_is_begun(aws: Account, servicenow: Simulator) -> None:
    """The message goes back to the queue and succeeds next time."""
    function = aws.environment()
    assert deliver(aws, function, event("ALARM"), remaining=3_000) == 1
    assert servicenow.calls == []
    aws.poll_until(function)
    assert states(servicenow) == ["1"]


@pytest.mark.parametrize("when", ["before", "after"])
@pytest.mark.parametrize("value", ["ALARM", "OK"])
def test_fault_70_killed_in_the_middle_of_a_write(aws: Account, servicenow: Simulator, value: str, when: str) -> None:
    """Whoever gets the message next finds out what became of the write; one record, one change."""
    if value == "OK":
        assert deliver(aws, aws.environment(), event("ALARM")) == 0
    before = writes(servicenow)
    aws.put(event(value, 1))
    assert run_until_killed(aws, "", when)
    assert len(aws.queue) == 1
    aws.poll_until(aws.environment())
    assert states(servicenow) == [RESOLVED if value == "OK" else "1"]
    assert writes(servicenow) == before + 1


@pytest.mark.parametrize("asleep", [0.0, 14.0, 3600.0])
def test_fault_71_thawed_with_a_dead_connection(
    aws: Account, servicenow: Simulator, clock: FakeClock, asleep: float
) -> None:
    """The message is handled at once on a new connection, whether or not a clock tells that time went by."""
    function = aws.environment()
    assert deliver(aws, function, event("ALARM")) == 0
    for connection in aws.bridges[-1].transport._idle:
        assert connection.sock is not None
        # Below TLS: the peer has gone without a word.
        socket.socket.shutdown(connection.sock, socket.SHUT_RDWR)
    clock.jump(asleep)
    assert deliver(aws, function, event("OK", 1)) == 0
    assert states(servicenow) == [RESOLVED]
    assert writes(servicenow) == 2


@pytest.mark.parametrize("hour", [3600.0, -3600.0])
def test_fault_72_a_clock_that_is_an_hour_off_breaks_no_lock(
    aws: Account, servicenow: Simulator, clock: FakeClock, hour: float
) -> None:
    """An answer is lost; an environment whose clock is wrong waits for the lock as long as anybody."""
    servicenow.add_fault(Fault(method="POST", connection="abort", commit_after=60.0))
    assert deliver(aws, aws.environment(), event("ALARM")) == 1
    clock.jump(hour)
    wrong = aws.environment()
    clock.advance(50)
    assert deliver(aws, wrong, event("ALARM", 1)) == 2
    assert writes(servicenow) == 1
    aws.poll_until(wrong)
    assert states(servicenow) == ["1"]
    assert writes(servicenow) == 1


def test_fault_73_the_same_message_twice(aws: Account, servicenow: Simulator) -> None:
    """In one batch, and once more later."""
    function = aws.environment()
    body = event("ALARM")
    assert deliver(aws, function, body, body) == 0
    assert deliver(aws, function, body) == 0
    assert states(servicenow) == ["1"]
    assert writes(servicenow) == 1


def test_fault_74_the_same_message_at_once_in_two_environments(aws: Account, servicenow: Simulator) -> None:
    """Both have read that there is nothing; one writes."""
    functions = [aws.environment(), aws.environment()]
    body = event("ALARM")
    aws.put(body)
    aws.put(body)
    read = aws.table.get_item
    both_have_read = Barrier(2)
    firsts = [True, True]

    def wait_for_the_other(**arguments: Any) -> Mapping[str, Any]:  # noqa: ANN401 (DynamoDB's own)
        answer = read(**arguments)
        if not arguments["Key"]["pk"]["S"].startswith("circuit/") and firsts:
            firsts.pop()
            both_have_read.wait(30)
        return answer

    with patch.object(aws.table, "get_item", wait_for_the_other):
        handled = in_threads(2, lambda: aws.poll(functions.pop(), batch=1))
    assert handled == [1, 1]
    assert len(aws.queue) == 1
    aws.poll_until(aws.environment())
    assert states(servicenow) == ["1"]
    assert writes(servicenow) == 1


@pytest.mark.parametrize("is_over", [False, True])
def test_fault_75_the_same_message_after_fifteen_days(
    aws: Account, servicenow: Simulator, clock: FakeClock, *, is_over: bool
) -> None:
    """The ledger still knows it, whether the problem is over or not."""
    assert deliver(aws, aws.environment(), event("ALARM")) == 0
    if is_over:
        assert deliver(aws, aws.environment(), event("OK", 1)) == 0
    before = states(servicenow), writes(servicenow)
    clock.advance(15 * DAY)
    assert deliver(aws, aws.environment(), event("ALARM")) == 0
    assert (states(servicenow), writes(servicenow)) == before


def test_fault_76_ok_before_alarm(aws: Account, servicenow: Simulator) -> None:
    """An episode that was over before it was seen leaves nothing."""
    function = aws.environment()
    assert deliver(aws, function, event("OK", 2)) == 0
    assert deliver(aws, function, event("ALARM", 1)) == 0
    assert states(servicenow) == []


@pytest.mark.parametrize("story", ["AOA", "AOAO", "OAOA"])
def test_fault_77_alarm_ok_alarm_in_any_order(aws: Account, servicenow: Simulator, story: str) -> None:
    """The state is the one that order would have given, message by message and in batches of two."""
    function = aws.environment()
    orders = list(itertools.permutations(range(len(story))))
    for number, order in enumerate(orders):
        for size in (1, 2):
            name = f"errors-{number}-{size}"
            bodies = [event("ALARM" if story[at] == "A" else "OK", at, name) for at in order]
            for batch in itertools.batched(bodies, size, strict=False):
                assert deliver(aws, function, *batch) == 0
    expected = [f"errors-{number}-{size}" for number in range(len(orders)) for size in (1, 2)]
    assert open_alarms(servicenow) == (sorted(expected) if story.endswith("A") else [])
    titles = [incident["short_description"] for incident in servicenow.records("incident")]
    assert len(titles) == len(set(titles))


@pytest.mark.parametrize("is_open", [False, True])
def test_fault_78_insufficient_data_and_ok_after_it(aws: Account, servicenow: Simulator, *, is_open: bool) -> None:
    """Nothing is opened, and nothing resolved that was not open."""
    function = aws.environment()
    if is_open:
        assert deliver(aws, function, event("ALARM")) == 0
    assert deliver(aws, function, event("INSUFFICIENT_DATA", 1)) == 0
    assert states(servicenow) == (["1"] if is_open else [])
    assert deliver(aws, function, event("OK", 2)) == 0
    assert states(servicenow) == ([RESOLVED] if is_open else [])


def test_fault_79_the_same_state_again_leaves_no_second_note(noting_aws: Account, servicenow: Simulator) -> None:
    """One note for each newer event where the rule wants notes, however often the event comes."""
    function = noting_aws.environment()
    for second in (0, 0, 1, 1, 0, 1):
        assert deliver(noting_aws, function, event("ALARM", second)) == 0
    assert len(notes(servicenow)) == 1
    assert writes(servicenow) == 2


def test_fault_79_the_same_state_again_leaves_no_note_at_all(aws: Account, servicenow: Simulator) -> None:
    """Where the rule says nothing about it."""
    function = aws.environment()
    for second in range(4):
        assert deliver(aws, function, event("ALARM", second)) == 0
    assert notes(servicenow) == []
    assert writes(servicenow) == 1


@pytest.mark.parametrize("poison", ["{not json", "", "[]", '{"source": 1}', "[" * 100_000])
def test_fault_80_poison_among_ten(aws: Account, servicenow: Simulator, poison: str) -> None:
    """Nine succeed; the tenth is a dead letter with its reason."""
    good = [event("ALARM", name=f"errors-{index}") for index in range(9)]
    assert deliver(aws, aws.environment(), *good[:4], poison, *good[4:]) == 0
    assert len(open_alarms(servicenow)) == 9
    [letter] = aws.dead_letters.receive_message(QueueUrl=aws.dead_letters.url, MaxNumberOfMessages=10)["Messages"]
    assert letter["Body"] == (poison or " ")
    assert "no EventBridge event" in letter["MessageAttributes"]["Reason"]["StringValue"]


throttled = partial(refusal, THROTTLED, now=EPOCH)
away = EndpointConnectionError(endpoint_url="https://dynamodb.example")


@pytest.mark.parametrize(
    "troubles",
    [
        pytest.param([throttled("GetItem")], id="reading throttled"),
        pytest.param([away], id="away"),
        pytest.param([None, throttled("PutItem")], id="claim throttled"),
        pytest.param([None, away], id="away at the claim"),
    ],
)
def test_fault_96_without_the_ledger_nothing_is_written(
    aws: Account, servicenow: Simulator, troubles: list[Exception | None]
) -> None:
    """The message goes back to the queue and succeeds later."""
    aws.table.ledger.faults.extend(troubles)
    function = aws.environment()
    assert deliver(aws, function, event("ALARM")) == 1
    assert writes(servicenow) == 0
    aws.poll_until(function)
    assert states(servicenow) == ["1"]
    assert writes(servicenow) == 1


@pytest.mark.parametrize("trouble", [throttled("PutItem"), away], ids=["throttled", "away"])
def test_fault_96_an_outcome_that_cannot_be_written_down_is_found_out(
    aws: Account, servicenow: Simulator, trouble: Exception
) -> None:
    """The incident is there and the ledger does not know it yet: no second one is opened."""
    aws.table.ledger.faults.extend([None, None, trouble])
    function = aws.environment()
    assert deliver(aws, function, event("ALARM")) == 1
    assert states(servicenow) == ["1"]
    aws.poll_until(function)
    assert states(servicenow) == ["1"]
    assert writes(servicenow) == 1


@pytest.mark.parametrize("lost", [{"connection": "abort"}, {"status": 502}], ids=["reset", "502"])
def test_fault_97_a_patch_committed_without_an_answer_leaves_one_note(
    noting_aws: Account, servicenow: Simulator, lost: dict[str, Any]
) -> None:
    """It is found by its marker once nothing can be under way any more, and not written again."""
    function = noting_aws.environment()
    assert deliver(noting_aws, function, event("ALARM")) == 0
    servicenow.add_fault(Fault(method="PATCH", commit=True, **lost))
    assert deliver(noting_aws, function, event("ALARM", 1)) == 1
    noting_aws.poll_until(function)
    assert len(notes(servicenow)) == 1
    assert writes(servicenow) == 2


def test_fault_98_a_patch_that_commits_late_behind_a_newer_resolve(
    noting_aws: Account, servicenow: Simulator, clock: FakeClock
) -> None:
    """The resolve waits until nothing older can still be carried out; it stays, and no note is there twice."""
    function = noting_aws.environment()
    for value, second in (("ALARM", 0), ("OK", 1)):
        assert deliver(noting_aws, function, event(value, second)) == 0
    servicenow.add_fault(Fault(method="PATCH", connection="abort", commit_after=45.0))
    assert deliver(noting_aws, function, event("ALARM", 2)) == 1
    clock.advance(1)
    assert deliver(noting_aws, function, event("OK", 3)) == 2
    clock.advance(LOCK - 100)
    assert deliver(noting_aws, noting_aws.environment(), event("OK", 3)) == 3
    noting_aws.poll_until(function)
    clock.advance(LOCK)
    assert states(servicenow) == [RESOLVED]
    written = notes(servicenow)
    assert len(written) == len(set(written)) == 1


def test_fault_99_neighbours_of_a_message_that_kills_the_function_get_through(
    aws: Account, servicenow: Simulator
) -> None:
    """Messages received more than three times are handled one by one, and what is done is not done again."""
    for index in range(9):
        aws.put(event("ALARM", name=f"errors-{index}"))
    aws.put(event("ALARM", name="deadly"))
    deaths = 0
    while len(aws.queue) > 1:
        visible_at = aws.queue.next_visible_at()
        assert visible_at is not None
        aws.clock.advance(max(0.0, visible_at - aws.now()))
        deaths += run_until_killed(aws, "deadly")
    assert 3 <= deaths < 60
    assert len(open_alarms(servicenow)) == len(servicenow.records("incident")) == 9
    aws.poll_until(aws.environment())
    assert len(open_alarms(servicenow)) == 10


@pytest.mark.parametrize("order", [("OK", "ALARM"), ("ALARM", "OK")])
@pytest.mark.parametrize("size", [1, 2], ids=["one by one", "in one batch"])
def test_fault_102_at_equal_times_firing_wins(
    aws: Account, servicenow: Simulator, order: tuple[str, str], size: int
) -> None:
    """A doubt leaves an incident open rather than a problem unseen."""
    function = aws.environment()
    for batch in itertools.batched([event(value) for value in order], size, strict=False):
        assert deliver(aws, function, *batch) == 0
    assert states(servicenow) == ["1"]
