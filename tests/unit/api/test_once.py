"""Writes that nothing can find again: with a key, at most once."""

from collections.abc import Callable

import pytest

from common.api.once import Once
from common.api.problems import Kind, ProblemError
from common.api.requests import RequestKey, Sender
from common.clock import Deadline
from common.errors import AmbiguousError, BridgeError, ChangedRequestError, HeldError, PermanentError, TransientError
from common.incidents.ledger import Ledger
from tests.support.clock import FakeClock
from tests.support.ledger import InMemoryDynamoDB, refusal

THROTTLED = refusal("ThrottlingException", "PutItem", 0.0)


class Bench:
    """A ledger whose clock moves by hand, and a write that is counted."""

    def __init__(self) -> None:
        self.clock = FakeClock()
        self.dynamodb = InMemoryDynamoDB(self.clock.now)
        ledger = Ledger(self.dynamodb, "ledger", clock=self.clock)  # type: ignore[arg-type] # it has the two calls
        self.once = Once(ledger, deployment="test", clock=self.clock)
        self.written = 0
        self.during: Callable[[], None] = lambda: None

    def run(self, text: str = "hello", *, seconds: float = 27.0) -> bool:
        """Write a text under one key within some seconds."""
        request = RequestKey.of(Sender("alice", "k"), "comments", {"text": text})
        return self.once.run(request, "incident", self._write, Deadline.after(self.clock, seconds))

    def _write(self) -> None:
        during, self.during = self.during, lambda: None
        during()
        self.written += 1

    def fail_next(self, error: BridgeError) -> None:
        """Let the next write raise."""

        def fail() -> None:
            raise error

        self.during = fail


@pytest.fixture
def bench() -> Bench:
    """Provide a new one."""
    return Bench()


def test_a_write_is_done_once(bench: Bench) -> None:
    """Whoever comes again is told that it was done."""
    assert [bench.run(), bench.run(), bench.run()] == [True, False, False]
    assert bench.written == 1


def test_another_content_under_the_key_is_refused(bench: Bench) -> None:
    """While the first write is under way, and once it is done."""

    def ask_for_something_else() -> None:
        with pytest.raises(ChangedRequestError):
            bench.run("something else")

    bench.during = ask_for_something_else
    bench.run()
    ask_for_something_else()

    assert bench.written == 1


@pytest.mark.parametrize(
    "error", [TransientError("no", action=""), PermanentError("no", action=""), HeldError("no", action="")]
)
def test_what_was_provably_not_written_can_be_tried_again(bench: Bench, error: BridgeError) -> None:
    """The key is free."""
    bench.fail_next(error)
    with pytest.raises(type(error)):
        bench.run()

    assert bench.run() is True
    assert bench.written == 1


def test_what_may_have_been_written_is_never_tried_again(bench: Bench) -> None:
    """Neither now nor later: the caller is asked to look."""
    bench.fail_next(AmbiguousError("lost", action=""))
    with pytest.raises(AmbiguousError):
        bench.run()

    for _ in range(2):
        with pytest.raises(ProblemError) as caught:
            bench.run()
        assert caught.value.kind is Kind.OUTCOME_UNKNOWN
        bench.clock.advance(86_400)
    assert bench.written == 0


def test_whoever_comes_second_waits_and_comes_back_where_that_takes_too_long(bench: Bench) -> None:
    """Well before the gateway gives up."""
    kinds = []

    def second() -> None:
        started = bench.clock.monotonic()
        with pytest.raises(ProblemError) as caught:
            bench.run()
        kinds.append(caught.value.kind)
        assert bench.clock.monotonic() - started < 27

    bench.during = second

    assert bench.run(seconds=60) is True
    assert kinds == [Kind.IN_PROGRESS]
    assert bench.written == 1


def test_a_write_whose_worker_died_is_never_tried_again(bench: Bench) -> None:
    """Once its time is over, nobody knows what became of it."""

    class DeadError(BaseException):
        """The environment was killed."""

    def die() -> None:
        raise DeadError

    bench.during = die
    with pytest.raises(DeadError):
        bench.run()
    bench.clock.advance(120)

    with pytest.raises(ProblemError) as caught:
        bench.run()
    assert caught.value.kind is Kind.OUTCOME_UNKNOWN


def test_a_ledger_that_fails_afterwards_does_not_change_what_the_caller_hears(bench: Bench) -> None:
    """The write is done; a repetition learns later that nobody knows."""
    bench.during = lambda: bench.dynamodb.faults.extend([THROTTLED])

    assert bench.run() is True
    bench.clock.advance(120)
    with pytest.raises(ProblemError):
        bench.run()
    assert bench.written == 1


def test_a_claim_that_another_worker_was_faster_with_is_no_claim(bench: Bench) -> None:
    """Both read an empty ledger; one of them writes."""
    done: list[bool] = []
    get_item = bench.dynamodb.get_item

    def be_overtaken(**arguments: object) -> object:
        answer = get_item(**arguments)  # type: ignore[arg-type] # DynamoDB's own arguments
        bench.dynamodb.get_item = get_item  # type: ignore[method-assign]
        done.append(bench.run())
        return answer

    bench.dynamodb.get_item = be_overtaken  # type: ignore[method-assign, assignment]

    assert bench.run() is False
    assert done == [True]
    assert bench.written == 1


def test_a_request_is_forgotten_in_the_end(bench: Bench) -> None:
    """Whether it was settled or not."""
    bench.run()
    bench.fail_next(AmbiguousError("lost", action=""))
    other = RequestKey.of(Sender("alice", "other"), "comments", {})
    with pytest.raises(AmbiguousError):
        bench.once.run(other, "incident", bench._write, Deadline.after(bench.clock, 27))

    assert all("expires_at" in item for item in bench.dynamodb.items.values())
    assert len(bench.dynamodb.items) == 2
