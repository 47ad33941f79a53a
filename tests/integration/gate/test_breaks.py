"""What breaks off, comes twice or in another order: an answer is sent at least once, and AWS takes the first alone."""

import pytest

from tests.integration.gate.conftest import World, event
from tests.integration.gate.test_callers import asked, told

APPROVED = {"state": "-2", "approval": "approved"}


class _Killed(BaseException):
    """The function's process ends here."""


def kill(world: World) -> None:
    """Let the function end right after the next call of AWS, before it writes anything down."""

    def end() -> None:
        world.waiters.after_call = lambda: None
        raise _Killed

    world.waiters.after_call = end


def test_an_answer_that_nobody_wrote_down_is_sent_again_and_counts_once(world: World) -> None:
    """The token is used up then, by that very answer: nothing is red, and the caller reads what was told."""
    sys_id = asked(world)
    world.decide(**APPROVED)
    messages = world.look()
    kill(world)
    with pytest.raises(_Killed):
        world.follow(*messages)
    assert told(world, sys_id) == "waiting"
    assert world.follow(*messages) == 0
    assert told(world, sys_id) == "approved"
    assert [call for call in world.waiters.calls if call == "SendTaskSuccess"] == ["SendTaskSuccess"] * 2
    assert "token" not in world.place()


def test_a_change_that_is_canceled_before_the_answer_got_there_fails_who_waits(world: World) -> None:
    """What is sent is what ServiceNow says now, not what was begun."""
    sys_id = asked(world)
    world.decide(**APPROVED)
    messages = world.look()
    world.waiters.fails_with = "ThrottlingException"
    assert world.follow(*messages) == 1
    world.waiters.fails_with = ""
    world.decide(state="4")
    world.look()
    assert world.follow(*messages) == 0
    assert world.waiters.tasks["token-1"]["error"] == "ServiceNow.ChangeCanceled"
    assert told(world, sys_id) == "canceled"


def test_what_went_on_is_not_called_back(world: World) -> None:
    """An approved change that is canceled later: the execution has gone on, and nothing more is sent."""
    sys_id = asked(world)
    world.decide(**APPROVED)
    world.settle()
    world.decide(state="4")
    assert world.settle() == 0
    assert world.waiters.tasks["token-1"]["call"] == "SendTaskSuccess"
    assert told(world, sys_id) == "approved"


def test_events_that_come_twice_and_late_change_nothing(world: World) -> None:
    """Neither the watch's own nor the request's: a token that was answered does not wait again."""
    world.waiters.tasks["token-9"] = None
    request = event("ServiceNow Change Request", {"key": "9", "short_description": "Release", "task_token": "token-9"})
    assert world.handle(request) == 0
    world.decide(**APPROVED)
    messages = world.look()
    assert world.follow(*messages, *messages) == 0
    calls = list(world.waiters.calls)
    assert world.handle(request) == 0
    assert world.follow(*messages, *world.reminders()) == 0
    assert world.waiters.calls == calls


def test_a_message_that_is_faster_than_the_watch_comes_back(world: World) -> None:
    """The watch puts an event before it writes down that it did."""
    asked(world)
    world.look()
    world.decide(**APPROVED)
    [message] = world.look()
    detail = {**message["detail"], "updates": message["detail"]["updates"] + 1}
    assert world.follow({**message, "detail": detail}) == 1
    assert world.follow(message) == 0
    assert world.waiters.tasks["token-1"]["call"] == "SendTaskSuccess"


@pytest.mark.parametrize(
    ("code", "stays"), [("AccessDeniedException", 1), ("ThrottlingException", 1), ("TaskDoesNotExist", 0)]
)
def test_what_aws_refuses_is_repeated_unless_nothing_waits(world: World, code: str, stays: int) -> None:
    """A right that is missing holds the message until somebody gives it."""
    asked(world)
    world.decide(**APPROVED)
    messages = world.look()
    world.waiters.fails_with = code
    assert world.follow(*messages) == stays
    world.waiters.fails_with = ""
    world.follow(*messages)
    assert (world.waiters.tasks["token-1"] is None) is (stays == 0)
