import json
from collections.abc import Callable, Iterator
from datetime import UTC, datetime, timedelta
from itertools import chain, count, cycle
from pathlib import Path
from typing import Any, override

import pytest

from common.clock import Deadline
from common.errors import AmbiguousError, BridgeError, CredentialsError, PermanentError, TransientError
from common.incidents.alert import Fold, Status
from common.incidents.desk import Desk
from common.incidents.due import NotDueError
from common.incidents.rules import Rules, load_rules
from common.incidents.work import Applied
from common.intake import Intake
from common.queue import EventQueue, Message
from tests.support.clock import FakeClock
from tests.support.deployment import alarm
from tests.support.reports import Reports

RULES = load_rules(Path(__file__).resolve().parents[2] / "src" / "rules")
START = datetime(2026, 11, 23, 9, 0, tzinfo=UTC)
REFUSED = PermanentError("It is refused.", action="Mend it.")
DOWN = TransientError("ServiceNow is down.", action="Wait.", retry_after=77.0)
UNCLEAR = AmbiguousError("No answer came.", action="Look.")
HELD = CredentialsError("The secret is wrong.", action="Store the right one.")


class KilledError(BaseException):
    """Stands for the end of the process."""


class World:
    """A desk and a queue that write down, in order, what is asked of them.

    `troubles` holds what the desk raises, by alarm name, or by alarm name and status.
    """

    def __init__(self) -> None:
        self.clock = FakeClock()
        self.reports = Reports()
        self.happened: list[tuple[str, str]] = []
        self.folds: list[Fold] = []
        self.pauses: list[float] = []
        self.letters: dict[str, BridgeError] = {}
        self.troubles: dict[str | tuple[str, Status], BaseException] = {}
        self.seconds_an_apply = 0.0
        self.queue_works = True
        self.samples: Iterator[float] = cycle([0.5])
        self.intake = self.with_rules(RULES)

    def with_rules(self, rules: Rules) -> Intake:
        """Return an intake with other rules."""
        return Intake(
            rules,
            ScriptedDesk(self),
            WrittenQueue(self),
            telemetry=self.reports.telemetry,
            sample=lambda: next(self.samples),
        )

    def kill_while_read(self, name: str) -> None:
        """Let the process end while the event of this alarm is read."""

        class KillingRules(Rules):
            @override
            def match(self, event: Any) -> Any:
                if event["detail"]["alarmName"] == name:
                    raise KilledError
                return super().match(event)

        self.intake = self.with_rules(KillingRules(RULES))

    def kill_while_applied(self, name: str) -> None:
        """Let the process end while this alarm is applied."""
        self.troubles[name] = KilledError()

    def process(self, *messages: Message, seconds: float = 60.0) -> list[str]:
        """Handle a batch with that much time left."""
        return self.intake.process(messages, Deadline.after(self.clock, seconds))

    def those(self, kind: str) -> list[str]:
        """Return what of one kind happened, in order."""
        return [what for name, what in self.happened if name == kind]


class ScriptedDesk(Desk):
    """Applies everything but what there is trouble for."""

    def __init__(self, world: World) -> None:
        self.world = world

    @override
    def apply(self, fold: Fold, deadline: Deadline) -> Applied:
        name = json.loads(fold.key)[-1]
        self.world.happened.append(("apply", name))
        self.world.folds.append(fold)
        self.world.clock.advance(self.world.seconds_an_apply)
        for what in (name, *((name, alert.status) for alert in fold.alerts)):
            if what in self.world.troubles:
                raise self.world.troubles[what]
        return Applied((), None)


class WrittenQueue(EventQueue):
    """Does nothing but write down."""

    def __init__(self, world: World) -> None:
        self.world = world

    @override
    def later(self, message: Message, seconds: float) -> None:
        self.world.happened.append(("later", message.message_id))
        self.world.pauses.append(seconds)

    @override
    def finish(self, message: Message) -> bool:
        self.world.happened.append(("finish", message.message_id))
        return self.world.queue_works

    @override
    def dead_letter(self, message: Message, error: BridgeError) -> bool:
        self.world.happened.append(("dead letter", message.message_id))
        self.world.letters[message.message_id] = error
        return self.world.queue_works


@pytest.fixture
def world() -> World:
    """Provide an intake with everything around it."""
    return World()


def message(
    name: str,
    value: str = "ALARM",
    *,
    message_id: str = "",
    receives: int = 1,
    minute: int = 0,
    **changes: Any,  # noqa: ANN401 (any JSON value)
) -> Message:
    """Return a message about an alarm; it is named like the alarm unless said otherwise."""
    event = alarm(name, value, at=START + timedelta(minutes=minute)) | changes
    return Message(message_id or name, f"receipt-{name}", json.dumps(event), receives)


def test_an_empty_batch_is_nothing_to_do(world: World) -> None:
    """Fault 85."""
    assert world.process() == []
    assert (world.happened, world.reports.lines) == ([], [])


def test_every_alarm_of_a_batch_is_applied(world: World) -> None:
    """Each problem on its own, and no message stays."""
    assert world.process(*(message(f"alarm-{number}") for number in range(10))) == []
    assert sorted(world.those("apply")) == sorted(f"alarm-{number}" for number in range(10))
    assert world.reports.counts == {"EventsApplied": 10}


NO_EVENT = {
    "no JSON": "{not json",
    "an empty body": "",
    "a hundred thousand levels": "[" * 100_000 + "]" * 100_000,
    "a number of five thousand digits": '{"time": ' + "9" * 5_000 + "}",
    "a list": "[]",
    "null": "null",
    "a text": '"event"',
    "an empty object": "{}",
    "an SNS notification": json.dumps({"Type": "Notification", "Message": "{}"}),
}


@pytest.mark.parametrize("body", NO_EVENT.values(), ids=list(NO_EVENT))
def test_nine_succeed_beside_poison(world: World, body: str) -> None:
    """Fault 80: what is no event goes to the dead-letter queue with its reason, and its neighbours get through."""
    batch = [message(f"alarm-{number}") for number in range(9)]
    batch.insert(4, Message("poison", "receipt", body))
    assert world.process(*batch) == []
    assert len(world.those("apply")) == 9
    assert list(world.letters) == ["poison"]
    assert world.letters["poison"].message.startswith("The message is no EventBridge event: it")
    assert world.reports.counts == {"EventsApplied": 9, "EventsRefused": 1}


@pytest.mark.parametrize("value", [None, 7, True, [], {}])
@pytest.mark.parametrize("field", ["source", "detail-type", "time", "account", "region"])
def test_a_field_that_every_event_has_must_be_text(world: World, field: str, value: object) -> None:
    """Fault 81: the reason names the field."""
    changes: dict[str, Any] = {field: value}
    assert world.process(message("alarm", **changes)) == []
    assert f"its field {field} is missing or no string" in world.letters["alarm"].message


@pytest.mark.parametrize("value", [None, "text", 7, []])
def test_the_detail_must_be_an_object(world: World, value: object) -> None:
    """Fault 81: the reason names the field."""
    assert world.process(message("alarm", detail=value)) == []
    assert "its field detail is missing or no object" in world.letters["alarm"].message


@pytest.mark.parametrize("detail", [{}, {"alarmName": None}, {"state": {"value": "ALARM"}}, {"state": "ALARM"}])
def test_an_alarm_without_name_is_refused_or_ignored_but_never_applied(world: World, detail: dict[str, Any]) -> None:
    """Fault 81: nothing can be opened for a problem without a name."""
    assert world.process(message("alarm", detail=detail)) == []
    assert world.folds == []
    assert world.reports.counts in ({"EventsRefused": 1}, {"EventsIgnored": 1})


def test_a_refusal_says_what_and_what_to_do_in_the_log(world: World) -> None:
    """The body is not shown: it may hold anything."""
    world.process(Message("poison", "receipt", "confidential"))
    (line,) = world.reports.lines
    assert (line["level"], line["message_id"]) == ("ERROR", "poison")
    assert line["action"] == "Put events on the bus instead of on the queue."
    assert "confidential" not in world.reports.stream.getvalue()


def test_what_comes_back_or_is_refused_is_found_by_its_event_and_its_problem(world: World) -> None:
    """The same names as in the lines about writes, so that one search shows a problem's whole story."""
    world.troubles = {"down": TransientError("Down.", action="Wait."), "bad": PermanentError("Bad.", action="Mend.")}

    world.process(message("down", id="event-1"), message("bad", id="event-2"))

    assert [line["event_id"] for line in world.reports.lines] == ["event-1", "event-2"]
    assert all(name in line["dedup_key"] for name, line in zip(("down", "bad"), world.reports.lines, strict=True))


def test_events_of_256_kilobytes_are_handled(world: World) -> None:
    """Fault 82: EventBridge's largest."""
    detail = {"alarmName": "large", "state": {"value": "ALARM", "reason": "x" * 250_000}}
    assert world.process(message("large", detail=detail)) == []
    assert len(world.folds[0].newest.fields["description"]) == 4000


def test_an_unknown_type_is_counted_each_time_and_logged_once(world: World) -> None:
    """Fault 85: it is dropped, and the log says which it was."""
    unknown = [message(f"u{number}", source="aws.health") for number in range(3)]
    other_type: dict[str, Any] = {"detail-type": "CloudWatch Alarm Configuration Change"}
    other = message("o", **other_type)
    assert world.process(*unknown, other) == []
    assert world.process(unknown[0]) == []
    assert world.reports.counts == {"EventsUnknown": 5}
    assert [(line["source"], line["detail_type"]) for line in world.reports.lines] == [
        ("aws.health", "CloudWatch Alarm State Change"),
        ("aws.cloudwatch", "CloudWatch Alarm Configuration Change"),
    ]
    assert world.happened == []


def test_unknown_types_do_not_fill_memory_or_log(world: World) -> None:
    """Anybody may put any type on a bus."""
    for number in range(1100):
        world.process(message("u", source=f"{number}{'x' * 500}"))
    assert world.reports.counts == {"EventsUnknown": 1100}
    assert len(world.reports.lines) == 1000
    assert max(len(line["source"]) for line in world.reports.lines) == 128


def test_insufficient_data_is_counted_and_passed_over(world: World) -> None:
    """Fault 78: it neither opens nor resolves."""
    assert world.process(message("alarm", "INSUFFICIENT_DATA")) == []
    assert world.reports.counts == {"EventsIgnored": 1}
    assert world.happened == []


def test_alerts_of_one_problem_are_applied_together(world: World) -> None:
    """A batch folds by dedup key, oldest first, whatever order the messages have."""
    world.process(
        message("a", "ALARM", message_id="3", minute=3),
        message("b", "ALARM", message_id="b"),
        message("a", "ALARM", message_id="1", minute=1),
        message("a", "OK", message_id="2", minute=2),
        message("a", "ALARM", message_id="other-account", account="999999999999"),
        message("a", "ALARM", message_id="other-region", region="us-east-1"),
    )
    assert sorted(len(fold.alerts) for fold in world.folds) == [1, 1, 1, 3]
    (fold,) = (fold for fold in world.folds if len(fold.alerts) == 3)
    assert [alert.status for alert in fold.alerts] == [Status.FIRING, Status.RESOLVED, Status.FIRING]
    assert world.reports.counts == {"EventsApplied": 6}


def test_the_same_message_twice_in_a_batch_is_one_fold(world: World) -> None:
    """Fault 85: SQS delivers at least once."""
    twice = message("a")
    assert world.process(twice, twice) == []
    assert [len(fold.alerts) for fold in world.folds] == [2]


def test_a_doubled_id_is_reported_once(world: World) -> None:
    """Fault 85: and if one of the two fails, both stay."""
    world.troubles["b"] = DOWN
    stay = world.process(message("a", message_id="id"), message("b", message_id="id"), message("b", message_id="id"))
    assert stay == ["id"]


@pytest.mark.parametrize("error", [DOWN, UNCLEAR], ids=["not done", "unclear"])
def test_transient_trouble_sends_the_whole_fold_back(world: World, error: BridgeError) -> None:
    """Losers of a fold share its fate; the others are done."""
    world.troubles["down"] = error
    stay = world.process(
        message("down", message_id="1"), message("fine"), message("down", "OK", message_id="2", minute=1)
    )
    assert stay == ["1", "2"]
    assert world.those("later") == ["1", "2"]
    assert world.those("apply") == ["down", "fine"]
    assert world.pauses == [error.retry_after or pytest.approx(13.125)] * 2
    assert world.reports.counts == {"EventsPostponed": 2, "EventsApplied": 1}
    assert world.reports.messages("INFO") == [error.message] * 2


def test_pauses_grow_with_the_receives_of_each_message(world: World) -> None:
    """What failed often waits longer."""
    world.troubles["down"] = UNCLEAR
    for receives in (1, 2, 3, 9):
        world.process(message("down", receives=receives))
    assert world.pauses == sorted(world.pauses)
    assert world.pauses[-1] > 20 * world.pauses[0]


def test_while_everything_is_held_nothing_is_refused(world: World) -> None:
    """The alarm's metric is counted, the log says what to mend, and the pause is short enough to go on soon."""
    for name in ("a", "b"):
        world.troubles[name] = HELD
    assert world.process(message("a", receives=500), message("b")) == ["b", "a"]
    assert world.letters == {}
    assert world.reports.counts == {"Held": 2}
    assert [(line["message"], line["action"]) for line in world.reports.lines] == [(HELD.message, HELD.action)] * 2
    assert max(world.pauses) <= 900


def test_a_refused_alert_goes_to_the_dead_letter_queue(world: World) -> None:
    """At once, with its reason, and it does not come back."""
    world.troubles["bad"] = REFUSED
    assert world.process(message("bad"), message("good")) == []
    assert world.letters == {"bad": REFUSED}
    assert world.those("apply") == ["bad", "good"]
    assert world.those("later") == []


def test_a_refused_fold_is_judged_message_by_message(world: World) -> None:
    """Only what is refused on its own is given up; the rest is applied, oldest first."""
    world.troubles["a", Status.RESOLVED] = REFUSED
    stay = world.process(
        message("a", "ALARM", message_id="3", minute=3),
        message("a", "OK", message_id="2", minute=2),
        message("a", "ALARM", message_id="1", minute=1),
    )
    assert stay == []
    assert list(world.letters) == ["2"]
    assert [len(fold.alerts) for fold in world.folds] == [3, 1, 1, 1]
    assert [fold.newest.occurred_at for fold in world.folds[1:]] == sorted(
        alert.occurred_at for alert in world.folds[0].alerts
    )
    assert world.reports.counts == {"EventsApplied": 2, "EventsRefused": 1}


def test_a_defect_takes_no_neighbour_along(world: World) -> None:
    """An exception that nobody foresaw concerns one problem only; the log shows it."""
    world.troubles["odd"] = ZeroDivisionError("boom")
    assert world.process(message("odd"), message("fine")) == ["odd"]
    assert world.reports.counts == {"Defects": 1, "EventsPostponed": 1, "EventsApplied": 1}
    (line,) = (line for line in world.reports.lines if line["level"] == "ERROR")
    assert line["message_id"] == "odd"
    assert line["exception_name"] == "ZeroDivisionError"


def test_a_defect_in_a_fold_is_traced_to_its_message(world: World) -> None:
    """The others of the fold are applied."""
    world.troubles["a", Status.RESOLVED] = KeyError("boom")
    assert world.process(message("a", message_id="1"), message("a", "OK", message_id="2", minute=1)) == ["2"]


def test_a_defect_while_an_event_is_read_takes_no_neighbour_along(world: World) -> None:
    """Rules are data, and data can surprise."""

    class OddRules(Rules):
        @override
        def match(self, event: Any) -> Any:
            if event["detail"]["alarmName"] == "odd":
                raise IndexError
            return super().match(event)

    intake = world.with_rules(OddRules(RULES))
    deadline = Deadline.after(world.clock, 60.0)
    assert intake.process([message("odd"), message("fine")], deadline) == ["odd"]
    assert intake.process([message("odd", receives=10), message("fine")], deadline) == []
    assert world.those("apply") == ["fine", "fine"]
    assert "IndexError" in world.letters["odd"].message


def test_a_defect_is_given_up_after_ten_receives(world: World) -> None:
    """The message does not come back for a week to fail in the same way."""
    world.troubles["odd"] = ZeroDivisionError("boom")
    assert world.process(message("odd", receives=9)) == ["odd"]
    assert world.process(message("odd", receives=10)) == []
    assert "ZeroDivisionError" in world.letters["odd"].message
    assert "defect" in world.letters["odd"].action


def test_with_too_little_time_nothing_is_begun(world: World) -> None:
    """Fault 69: no write is begun that could not be written down any more."""
    assert world.process(message("a"), message("b"), seconds=14.9) == ["a", "b"]
    assert world.those("apply") == []
    assert world.pauses == [1.0, 1.0]
    assert world.reports.counts == {"EventsPostponed": 2}


def test_with_hardly_any_time_not_even_the_queue_is_called(world: World) -> None:
    """Fault 69 with 3 s left: the messages come back after the queue's own time."""
    batch = (message("a"), message("odd", time=7), message("c", "INSUFFICIENT_DATA", receives=9))
    assert world.process(*batch, seconds=3.0) == ["odd", "a"]
    assert world.happened == []


def test_a_slow_batch_stops_in_time(world: World) -> None:
    """What there is no time for goes back; the last write begins with enough time to end."""
    world.seconds_an_apply = 12.0
    stay = world.process(*(message(f"alarm-{number}") for number in range(10)))
    assert len(world.those("apply")) == 4
    assert len(stay) == 6
    assert world.clock.monotonic() <= 1_000.0 + 60.0


def test_a_dead_letter_queue_out_of_reach_loses_nothing(world: World) -> None:
    """The message stays where it is."""
    world.queue_works = False
    world.troubles["bad"] = REFUSED
    assert world.process(Message("poison", "r", "?"), message("bad"), message("good")) == ["poison", "bad"]


def test_suspects_come_last_and_each_is_finished_before_the_next_begins(world: World) -> None:
    """Fault 99: a message received more than three times may be the one that kills the function."""
    world.samples = iter([0.9, 0.1])
    world.process(message("third", receives=4), message("second", receives=9), message("first", receives=3))
    assert world.happened == [
        ("apply", "first"),
        ("finish", "first"),
        ("apply", "second"),
        ("finish", "second"),
        ("apply", "third"),
        ("finish", "third"),
    ]


def test_chance_decides_which_suspect_goes_first(world: World) -> None:
    """Whichever kills the function, the others come before it now and then."""
    for first, samples in (("a", [0.1, 0.9]), ("b", [0.9, 0.1])):
        world.happened.clear()
        world.samples = iter(samples)
        world.process(message("a", receives=4), message("b", receives=4))
        assert world.those("apply")[0] == first


def test_suspects_of_one_problem_are_not_applied_together(world: World) -> None:
    """Either may be the one that kills the function; what is no suspect still folds."""
    world.process(
        message("a", message_id="1", receives=4, minute=1),
        message("a", "OK", message_id="2", receives=4, minute=2),
        message("a", message_id="3", minute=3),
        message("a", "OK", message_id="4", minute=4),
    )
    assert [len(fold.alerts) for fold in world.folds] == [2, 1, 1]
    assert sorted(world.those("finish")) == ["1", "2", "3", "4"]


def test_without_suspects_lambda_deletes_the_messages(world: World) -> None:
    """One call for all instead of one each."""
    world.process(message("a", receives=3), message("b"))
    assert world.those("finish") == []


def test_a_suspect_that_fails_is_not_finished(world: World) -> None:
    """What stays must not be deleted."""
    world.troubles["down"] = DOWN
    world.troubles["bad"] = REFUSED
    assert world.process(message("down", receives=5), message("bad", receives=5)) == ["down"]
    assert world.those("finish") == ["bad"]


@pytest.mark.parametrize("kill", [World.kill_while_read, World.kill_while_applied])
def test_what_is_refused_or_dropped_beside_a_suspect_is_finished_before_it(
    world: World, kill: Callable[[World, str], None]
) -> None:
    """Otherwise it would be put into the dead-letter queue again each time the suspect kills the function."""
    kill(world, "killer")
    poison = Message("poison", "r", "?")
    with pytest.raises(KilledError):
        world.process(message("killer", receives=4), poison, message("unknown", source="x"), message("fine"))
    assert world.those("finish") == ["poison", "unknown", "fine"]


@pytest.mark.parametrize("kill", [World.kill_while_read, World.kill_while_applied])
def test_neighbours_of_a_message_that_kills_the_function_get_through(
    world: World, kill: Callable[[World, str], None]
) -> None:
    """Fault 99: nine of ten are done after a few rounds, even where all ten always arrive together, in one order."""
    kill(world, "0")
    world.samples = chain.from_iterable(cycle([[0.1, 0.7, 0.3, 0.9], [0.8, 0.2, 0.6]]))
    waiting = {str(number) for number in range(10)}
    rounds = count(1)
    while waiting != {"0"}:
        receives = next(rounds)
        assert receives < 50
        world.happened.clear()
        with pytest.raises(KilledError):
            world.process(*(message(name, receives=receives) for name in sorted(waiting)))
        waiting -= set(world.those("finish"))
    assert world.letters == {}


@pytest.mark.parametrize(("asked", "pause"), [(90.5, 90.5), (0.2, 1.0), (40_000.0, 3600.0)])
def test_what_is_not_due_comes_back_at_its_hour_and_raises_no_alarm(world: World, asked: float, pause: float) -> None:
    """Neither a pause that grows nor a metric of trouble; an hour is the longest, after which it is looked at again."""
    world.troubles["early"] = NotDueError(asked)
    assert world.process(message("early", receives=3), message("other")) == ["early"]
    assert world.pauses == [pause]
    assert world.reports.counts == {"EventsNotDue": 1, "EventsApplied": 1}
    assert world.reports.messages("ERROR") == []
