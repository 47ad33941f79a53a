"""Version 2 is deployed over version 1 at work, as CHANGELOG.md promises it, and version 1 over version 2 again."""

import re
import threading
from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field, replace
from functools import partial
from pathlib import Path
from typing import Any

import pytest

from campaign.load.failures import failures
from campaign.load.outcome import Account, account, found
from campaign.load.traffic import Traffic
from local import sam
from local.alarms import alarm_event, put_event, put_events
from local.emulator import ACCOUNT
from local.simulator import Fault
from local.stack import LocalStack, run_stack
from tests.e2e.callers import Caller
from tests.e2e.identities import SeenStack, new_user
from tests.e2e.incidents import NEW, RESOLVED, incidents_of
from tests.e2e.test_bad_messages import as_message
from tests.support import version_1
from tests.support.rules import SHIPPED
from tools.replay import replay
from tools.signed import Reply

pytestmark = pytest.mark.slow

SHOP = "shop.checkout"
NAMED = {
    "OwnEventSources": SHOP,
    "ReplayRoleArns": f"arn:aws:iam::{ACCOUNT}:root",
    "AllowedTables": "problem",
    "ApiTables": "problem:number,short_description",
}
"""What an operator gives version 2: names for what version 1 let everybody do, and the table of a dead letter."""

_TITLE = re.compile(r"(.*?)(?:: .*)? \([0-9]{12}, ([a-z0-9-]+)\)")
_AT_ONCE = 4
_SECONDS_BETWEEN = 0.5
_ANSWERS = 40
_DICE = 16  # with which close to half fail, whether of ten answers or of three hundred
_TO_START = 90.0
_TO_DRAIN = 900.0

type States = dict[str, list[str]]


@dataclass(frozen=True)
class Look:
    """What there is at one moment: titles of records → states, reasons of dead letters, outputs of the stack."""

    states: States
    letters: list[str]
    outputs: Mapping[str, str]


@dataclass
class History:
    """What was seen on the way, by when it was: after which deployment."""

    looks: dict[str, Look] = field(default_factory=dict)
    answers: dict[str, dict[str, Reply]] = field(default_factory=dict)
    traffic: Traffic = field(default_factory=lambda: Traffic(1, problems=20))
    account: Account | None = None
    share_failed: float = 0.0
    replayed: list[str] = field(default_factory=list)


@pytest.fixture(scope="module")
def upgraded(tmp_path_factory: pytest.TempPathFactory) -> "Iterator[Course]":
    """Version 2 over version 1 with the parameters that version 1 had."""
    try:
        first = version_1.template(tmp_path_factory.mktemp("version-1"), sam.this_architecture())
    except version_1.NoHistoryError as reason:
        pytest.skip(str(reason))
    with run_stack(deploys=False, seed=_DICE) as stack, sam.exclusive_build_directory():
        course = Course(stack, first)
        course.upgrade()
        yield course


@pytest.fixture(scope="module")
def history(upgraded: "Course") -> History:
    """All of that, then version 2 with the names that it asks for, and version 1 again."""
    upgraded.name()
    upgraded.go_back()
    return upgraded.history


class Course:
    """The way of one stack; the methods without an underscore in the order in which they stand."""

    def __init__(self, stack: LocalStack, first: Path) -> None:
        """Deploy nothing yet; `first` is version 1's template."""
        self.stack, self.first, self.history = stack, first, History()

    def upgrade(self) -> None:
        """Put version 1 to work, and deploy version 2 over it while events arrive and half of all answers fail."""
        stack = self.stack
        stack.deploy(self.first, {})
        stack.store_credentials()
        # Of any API: the emulator makes another where a definition changed, which AWS does not.
        allowed = {"Effect": "Allow", "Action": "execute-api:Invoke", "Resource": "arn:aws:execute-api:*:*:*"}
        self.caller = new_user(stack, "caller", allowed)
        self._open_problems()
        self._fill_the_queues()
        self._look("version 1")
        with self._events_arrive(), self._half_of_all_answers_fail():
            stack.deploy(sam.TEMPLATE, {})
        stack.wait_until_handled(_TO_DRAIN)
        self._create("version 2", "by-version-1", "while-away", "by-version-2")
        self._look("version 2")
        self._judge()

    def name(self) -> None:
        """Do what version 2 asks an operator to do, and go on with what version 1 began."""
        self.stack.deploy(sam.TEMPLATE, NAMED)
        self.history.replayed += replay(SeenStack(self.stack, self.stack.emulator.root_identity))
        for member in ("payment", "stock", "basket"):
            self._put_alert(member, "resolved")
        self.stack.wait_until_handled(_TO_DRAIN)
        self._look("version 2 with names")

    def go_back(self) -> None:
        """Deploy version 1 over version 2, and go on with what version 2 began."""
        self.stack.deploy(self.first, {})
        for name in ("waiting", "undelivered", "lost answer"):
            self.stack.put_alarm("OK", name=name)
        self._create("version 1 again", "by-version-1", "while-away", "by-version-2")
        self.stack.wait_until_handled(_TO_DRAIN)
        self._look("version 1 again")

    def _open_problems(self) -> None:
        """Open, grouped, resolved, of callers, refused, and one whose answer was lost, so that it is pending."""
        stack = self.stack
        for name in ("stays", "is over", "recovers"):
            stack.put_alarm("ALARM", name=name)
        self._put_alert("basket", "firing")
        self._put_request("a fence", "incident")
        self._put_request("a known error", "problem")
        self._create("version 1", "by-version-1")
        self._post_alert("firing")
        stack.wait_until_handled(_TO_START)
        stack.put_alarm("OK", name="is over")
        self._put_alert("payment", "firing")  # not beside the first of its group, for whose lock it would wait
        stack.wait_until_handled(_TO_START)
        stack.simulator.add_fault(Fault(method="POST", table="incident", connection="abort", commit=True))
        stack.put_alarm("ALARM", name="lost answer")
        stack.wait_until(lambda: bool(incidents_of(stack, "lost answer")), "Nothing was committed")

    def _fill_the_queues(self) -> None:
        """Let ServiceNow be away, so that version 1 can settle nothing that comes, and one event miss the queue."""
        stack = self.stack
        stack.simulator.add_fault(Fault(on="any", status=503, times=None))
        stack.put_alarm("ALARM", name="waiting")
        stack.put_alarm("OK", name="recovers")
        self._put_alert("stock", "firing")
        self._put_request("a gate", "incident")
        self._post_alert("resolved")
        assert self._ask("version 1", "while-away") >= 500
        stack.wait_until(lambda: stack.queue_depth().waiting == 0, "Version 1 did not try them")
        missed = as_message(alarm_event("ALARM", name="undelivered"))
        stack.root.queues.send_message(QueueUrl=stack.outputs["EventDeadLetterQueueUrl"], MessageBody=missed)

    @contextmanager
    def _half_of_all_answers_fail(self) -> Iterator[None]:
        """Let them fail until the block has ended, and on until there were enough answers to speak of a half."""
        simulator = self.stack.simulator
        simulator.clear_faults()
        before = len(simulator.calls)
        for fault in failures():
            simulator.add_fault(fault)
        yield
        # The outage before has made the bridge careful: it asks four to eight times while it is deployed.
        enough = before + _ANSWERS
        self.stack.wait_until(lambda: len(simulator.calls) >= enough, "The bridge hardly asked", _TO_DRAIN)
        simulator.clear_faults()
        calls = simulator.calls[before:]
        self.history.share_failed = sum(call.fault for call in calls) / len(calls)

    @contextmanager
    def _events_arrive(self) -> Iterator[None]:
        """Put events on the bus until the block ends."""
        ended = threading.Event()

        def put() -> None:
            while not ended.wait(_SECONDS_BETWEEN):
                put_events(self.stack.root, self.history.traffic.take(_AT_ONCE))

        thread = threading.Thread(target=put)
        thread.start()
        try:
            yield
        finally:
            ended.set()
            thread.join()

    def _put(self, kind: str, detail: Mapping[str, object]) -> None:
        put_event(self.stack.root, {"source": SHOP, "detail-type": kind, "resources": [], "detail": detail})

    def _put_alert(self, member: str, status: str) -> None:
        detail = {"dedup_key": member, "status": status, "summary": f"The checkout fails ({member})"}
        self._put("ServiceNow Alert", {**detail, "group": "checkout"})

    def _put_request(self, what: str, table: str) -> None:
        self._put("ServiceNow Record Request", {"key": what, "table": table, "fields": {"short_description": what}})

    def _post_alert(self, status: str) -> None:
        alert = {"dedup_key": "disk", "status": status, "summary": "The disk of a caller is full"}
        answer = self._call("/alerts", alert)
        assert answer.status == 202, answer.text

    def _create(self, when: str, *keys: str) -> None:
        """Ask for an incident under each key until it is there, as callers do that get no answer in time."""
        for key in keys:
            self.stack.wait_until(partial(self._has, when, key), f"There is no incident for {key}", _TO_START)

    def _has(self, when: str, key: str) -> bool:
        return self._ask(when, key) == 201

    def _ask(self, when: str, key: str) -> int:
        """Ask once, and return the status."""
        answer = self._call("/incidents", {"short_description": f"asked for {key}"}, key)
        self.history.answers.setdefault(when, {})[key] = answer
        return answer.status

    def _call(self, path: str, body: Mapping[str, str], key: str | None = None) -> Reply:
        return Caller(self.stack, self.caller).call("POST", path, body, key=key)

    def _look(self, when: str) -> None:
        states: States = {}
        for table in ("incident", "problem"):
            for record in self.stack.simulator.records(table):
                states.setdefault(_as_version_1(record["short_description"]), []).append(record["state"])
        letters = [letter.reason for letter in self.stack.peek_dead_letters()]
        self.history.looks[when] = Look(states, letters, self.stack.outputs)

    def _judge(self) -> None:
        """Hold what is there against the events that arrived while the versions changed."""
        end = found(self.stack, of=("CloudWatch alarm load-", "load-"), takes_dead_letters=False)
        titles = _titles(self.history.traffic.deliveries)
        incidents = [
            {**row, "short_description": titles[_as_version_1(row["short_description"])]} for row in end.incidents
        ]
        self.history.account = account(self.history.traffic.deliveries, replace(end, incidents=incidents))


def _as_version_1(title: str) -> str:
    """Return the title that version 1 gives to an alarm's incident, for the one that either version gave it."""
    return _TITLE.sub(r"CloudWatch alarm \1 in \2", title)


def _titles(deliveries: Sequence[Mapping[str, Any]]) -> Mapping[str, str]:
    """Return the titles that version 2 gives to the incidents of alarms, by those of version 1."""
    alerts = [rule.alert(event) for event in deliveries if (rule := SHIPPED.match(event)) is not None]
    told = [alert.fields["short_description"] for alert in alerts if alert is not None and alert.fields]
    return {_as_version_1(title): title for title in told}


def test_nothing_that_arrives_is_lost_or_applied_twice(upgraded: Course) -> None:
    """Each event is applied or superseded, each problem has one record and is as its newest event says."""
    history = upgraded.history
    end = history.account
    assert end is not None
    assert (end.lost, end.duplicates, end.notes_twice, end.unexpected, end.wrong) == (0, 0, 0, 0, 0), end.details
    assert (end.still_there, end.undelivered) == (0, 1), "the one that was put there"
    assert len(history.traffic.deliveries) >= 5 * _AT_ONCE
    assert 0.3 < history.share_failed < 0.7


@pytest.mark.parametrize(
    ("title", "before", "after", "back"),
    [
        ("CloudWatch alarm stays in eu-west-1", NEW, NEW, NEW),
        ("CloudWatch alarm is over in eu-west-1", RESOLVED, RESOLVED, RESOLVED),
        ("CloudWatch alarm recovers in eu-west-1", NEW, RESOLVED, RESOLVED),
        ("CloudWatch alarm lost answer in eu-west-1", NEW, NEW, RESOLVED),
        ("CloudWatch alarm waiting in eu-west-1", None, NEW, RESOLVED),
        ("The disk of a caller is full", NEW, RESOLVED, RESOLVED),
        ("The checkout fails (basket)", NEW, NEW, RESOLVED),
        ("a fence", NEW, NEW, NEW),
        ("a gate", None, NEW, NEW),
        ("CloudWatch alarm undelivered in eu-west-1", None, None, RESOLVED),
        ("a known error", None, None, "101"),
    ],
)
def test_a_problem_has_one_record_whose_state_goes_on(
    history: History, title: str, before: str | None, after: str | None, back: str | None
) -> None:
    """Under version 1, under version 2, and once version 1 is back; None where there is no record yet."""
    seen = [history.looks[when].states.get(title, []) for when in ("version 1", "version 2", "version 1 again")]

    assert seen == [[state] if state else [] for state in (before, after, back)]


def test_a_key_of_a_caller_stays_one_record_whichever_version_answers(history: History) -> None:
    """Opened by version 1, asked for while ServiceNow was away, opened by version 2: repeated under both."""
    assert {key: reply.status for key, reply in history.answers["version 2"].items()} == {
        "by-version-1": 201,
        "while-away": 201,
        "by-version-2": 201,
    }
    by_key = Counter(
        (key, reply.json["sys_id"])
        for replies in history.answers.values()
        for key, reply in replies.items()
        if reply.status == 201
    )
    assert {key: number for (key, _), number in by_key.items()} == {
        "by-version-1": 3,
        "while-away": 2,
        "by-version-2": 2,
    }
    states = history.looks["version 1 again"].states
    assert [len(states[f"asked for {key}"]) for key, _ in by_key] == [1, 1, 1]


def test_dead_and_undelivered_messages_of_version_1_are_taken_once_they_are_mended(history: History) -> None:
    """The dead letter stays where it is with its reason; nothing is added to it."""
    refused = "The event's detail.table names a table that may not be written."

    assert history.looks["version 1"].letters == history.looks["version 2"].letters == [refused]
    assert sorted(history.replayed) == ["EventBridge could not deliver it.", refused]
    assert history.looks["version 2 with names"].letters == history.looks["version 1 again"].letters == []


def test_doors_that_close_are_told_by_the_deployment(history: History) -> None:
    """Those that version 1 had open for everybody; what an operator names since is no longer among them."""
    closed, named = (history.looks[when].outputs["Closed"] for when in ("version 2", "version 2 with names"))

    assert [door in closed for door in ("OwnEventSources", "ReplayRoleArns", "ApiHealthRoles")] == [True] * 3
    assert [door in named for door in ("OwnEventSources", "ReplayRoleArns", "ApiHealthRoles")] == [False, False, True]


def test_no_output_of_version_1_is_gone(history: History) -> None:
    """Whoever reads them by name still can; queues, ledger, key and secret are the same ones."""
    before, after = history.looks["version 1"].outputs, history.looks["version 2"].outputs
    of_the_emulator = {"ApiUrl", "ApiArn"}  # it makes another API where a definition changed

    assert {name: after.get(name) for name in before if name not in of_the_emulator} == {
        name: value for name, value in before.items() if name not in of_the_emulator
    }
