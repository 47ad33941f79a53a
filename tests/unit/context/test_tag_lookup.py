"""Tags are found in order, within a second, and once in ten minutes; whatever goes wrong, a record opens."""

import threading
from collections.abc import Callable, Iterator
from concurrent.futures import Executor, ThreadPoolExecutor
from typing import Any

import pytest
from botocore.exceptions import ConnectTimeoutError

from common.context.shared import Shared
from common.context.tags import DENIED_RESTS_SECONDS, KEPT_SECONDS, RESTS_SECONDS, TagLookup, Tags
from common.errors import ConfigurationError
from common.incidents.ledger import Ledger
from tests.support.clock import FakeClock
from tests.support.deployment import alarm
from tests.support.ledger import THROTTLED, InMemoryDynamoDB, refusal
from tests.support.reports import Reports
from tests.support.tagged import Directly, TaggedAccounts, refused

ALARM = "arn:aws:cloudwatch:eu-west-1:123456789012:alarm:cpu"
QUEUE = "arn:aws:sqs:eu-west-1:123456789012:orders"
CLOUDWATCH, RESOURCES, ORGANIZATIONS = "cloudwatch", "resourcegroupstaggingapi", "organizations"
WANTED = frozenset({"team"})


def event(**detail: Any) -> dict[str, Any]:  # noqa: ANN401 (any JSON value)
    """Return the event of an alarm on a queue."""
    metric = {"namespace": "AWS/SQS", "name": "any", "dimensions": {"QueueName": "orders"}}
    configuration = {"metrics": [{"metricStat": {"metric": metric}}]}
    return {**alarm("cpu", "ALARM", configuration=configuration, **detail), "resources": [ALARM]}


class Given:
    """An account with tags, and environments that look them up, over one ledger."""

    def __init__(self) -> None:
        self.clock = FakeClock()
        self.dynamodb = InMemoryDynamoDB(self.clock.now)
        self.accounts = TaggedAccounts({ALARM: {}, QUEUE: {"team": "queue"}, "123456789012": {"team": "account"}})
        self.reports = Reports()
        self.lookup = self.environment()

    def environment(
        self, *, accounts: bool = True, threads: Callable[[], Executor] = Directly, seconds: float = 1.0
    ) -> TagLookup:
        """Return a look-up of a new environment."""
        table: Any = self.dynamodb
        return TagLookup(
            self.accounts,
            self.accounts.makers,
            Shared(Ledger(table, "ledger", clock=self.clock), deployment="one"),
            accounts=accounts,
            clock=self.clock,
            telemetry=self.reports.telemetry,
            threads=threads,
            seconds=seconds,
        )

    def team(self, **detail: Any) -> Tags:  # noqa: ANN401 (any JSON value)
        """Look up whose an alarm is."""
        return self.lookup.of(event(**detail), WANTED)

    @property
    def services(self) -> list[str]:
        """The services that were asked."""
        return [service for service, _ in self.accounts.asked]


@pytest.fixture
def given() -> Given:
    """Provide an account in which a queue has a team, and the account itself another."""
    return Given()


def test_the_alarms_tags_count_before_the_resources_and_these_before_the_accounts(given: Given) -> None:
    """Each tag by itself; who comes later is asked only for what is still missing."""
    given.accounts.tags[ALARM] = {"team": "alarm"}
    wanted = frozenset({"team", "centre", "floor"})
    given.accounts.tags[QUEUE] = {"team": "queue", "centre": "queue"}
    given.accounts.tags["123456789012"] = {"team": "account", "centre": "account", "floor": "account"}

    assert given.lookup.of(event(), wanted) == Tags({"team": "alarm", "centre": "queue", "floor": "account"})
    assert given.services == [CLOUDWATCH, RESOURCES, ORGANIZATIONS]


def test_nobody_is_asked_for_what_is_found_already(given: Given) -> None:
    """The queue says whose it is, so that the account need not."""
    assert given.team() == Tags({"team": "queue"})
    assert given.services == [CLOUDWATCH, RESOURCES]
    assert [name for _, name in given.accounts.asked] == [ALARM, QUEUE]


def test_tags_that_an_alarm_brings_along_need_no_call(given: Given) -> None:
    """CloudWatch puts them into the event where the alarm says so; then it has no others."""
    assert given.team(alarmTags={"team": "brought"}) == Tags({"team": "brought"})
    assert given.services == []
    assert given.team(alarmTags={"centre": "42"}) == Tags({"team": "queue"})
    assert given.services == [RESOURCES]


def test_tags_of_an_event_that_only_claims_to_bring_an_alarms_do_not_count(given: Given) -> None:
    """Only an alarm's own event has them."""
    other = {**event(alarmTags={"team": "claimed"}), "resources": [QUEUE]}
    assert given.lookup.of(other, WANTED) == Tags({"team": "queue"})


def test_accounts_are_asked_only_where_the_deployment_says_so(given: Given) -> None:
    """Organizations answers in the management account and its delegates alone."""
    given.accounts.tags[QUEUE] = {}
    assert given.environment(accounts=False).of(event(), WANTED) == Tags({})
    assert given.team() == Tags({"team": "account"})


def test_what_was_found_counts_for_ten_minutes(given: Given) -> None:
    """In every environment, whether there was anything or not."""
    given.team()
    given.accounts.asked.clear()
    given.clock.advance(KEPT_SECONDS - 2)
    assert given.team() == Tags({"team": "queue"})
    assert given.environment().of(event(), WANTED) == Tags({"team": "queue"})
    assert given.services == []

    given.clock.advance(3)
    given.accounts.tags[QUEUE] = {"team": "moved"}
    assert given.team() == Tags({"team": "moved"})


def test_another_question_is_another_answer(given: Given) -> None:
    """Only tags that a rule asks for are kept, so that what was not asked for is not known."""
    given.accounts.tags[QUEUE] = {"team": "queue", "owner": "ann"}
    given.team()
    assert given.lookup.of(event(), frozenset({"owner"})) == Tags({"owner": "ann"})
    assert {"team": {"S": "queue"}} in [item["texts"]["M"] for item in given.dynamodb.items.values()]


@pytest.mark.parametrize("code", ["ResourceNotFoundException", "InvalidParameterException"])
def test_what_is_gone_or_can_have_no_tags_has_none(given: Given, code: str) -> None:
    """That is an answer, and is remembered as one."""
    given.accounts.troubles[CLOUDWATCH] = refused(code)
    assert given.team() == Tags({"team": "queue"})
    assert given.reports.counts == {}


@pytest.mark.parametrize(
    ("service", "permission"),
    [
        (CLOUDWATCH, "cloudwatch:ListTagsForResource"),
        (RESOURCES, "tag:GetResources"),
        (ORGANIZATIONS, "organizations:ListTagsForResource"),
    ],
)
def test_a_missing_permission_is_named_and_stops_nothing(given: Given, service: str, permission: str) -> None:
    """What others say still counts; it is told once in five minutes, and the answer is known to be incomplete."""
    given.accounts.tags |= {QUEUE: {}} if service == ORGANIZATIONS else {}
    given.accounts.troubles[service] = refused("AccessDeniedException")
    found = given.team()
    given.team()

    assert not found.complete
    assert given.reports.counts == {"TagLookupsFailed": 1}
    (line,) = given.reports.lines
    assert (line["permission"], line["reason"]) == (permission, "AccessDeniedException")
    given.clock.advance(DENIED_RESTS_SECONDS + 1)
    del given.accounts.troubles[service]
    assert given.team().complete


@pytest.mark.parametrize(
    "trouble", [refused("ThrottledException"), refused("Throttling"), ConnectTimeoutError(endpoint_url="https://x")]
)
def test_a_service_that_is_busy_or_away_is_left_alone_for_a_while(given: Given, trouble: Exception) -> None:
    """Other events do without it, and do not wait for it."""
    given.accounts.troubles[RESOURCES] = trouble
    assert given.team() == Tags({"team": "account"}, complete=False)
    given.accounts.asked.clear()
    assert given.team() == Tags({"team": "account"}, complete=False)
    assert RESOURCES not in given.services

    given.clock.advance(RESTS_SECONDS + 1)
    del given.accounts.troubles[RESOURCES]
    assert given.team() == Tags({"team": "queue"})


def test_an_account_that_lets_nobody_in_is_told_of(given: Given) -> None:
    """The role is missing there, or trusts somebody else."""
    given.accounts.troubles["123456789012"] = ConfigurationError("The role can't be assumed.", action="Look.")
    assert given.team() == Tags({"team": "account"}, complete=False)
    assert {line["reason"] for line in given.reports.lines} == {"The role can't be assumed. Look."}


def test_each_thing_is_asked_for_in_its_own_account_and_region(given: Given) -> None:
    """The ARN says which; what has none is where the event is, and some services are in one Region alone."""
    elsewhere = "arn:aws:sqs:us-west-2:111122223333:orders"
    bucket, site = "arn:aws:s3:::b", "arn:aws:cloudfront::111122223333:distribution/E1"
    given.lookup.of({**event(), "resources": [elsewhere, bucket, site]}, WANTED)

    assert given.accounts.places == [
        ("tagging", "111122223333", "us-west-2"),
        ("tagging", "123456789012", "eu-west-1"),
        ("tagging", "111122223333", "us-east-1"),
        ("organizations", None, None),
    ]


def test_a_ledger_that_is_away_costs_only_a_look_up(given: Given) -> None:
    """Tags are found all the same."""
    given.dynamodb.faults.extend([refusal(THROTTLED, "GetItem", given.clock.now())] * 9)
    assert given.team() == Tags({"team": "queue"})


@pytest.fixture
def blocked(given: Given) -> Iterator[threading.Event]:
    """Let no service answer until the test is over."""
    given.accounts.blocked = threading.Event()
    yield given.accounts.blocked
    given.accounts.blocked.set()


@pytest.mark.usefixtures("blocked")
def test_a_slow_look_up_is_not_waited_for(given: Given) -> None:
    """The record opens without it; the next event does not even ask."""
    with ThreadPoolExecutor(1) as threads:
        lookup = given.environment(threads=lambda: threads, seconds=0.01)
        assert lookup.of(event(), WANTED) == Tags({}, complete=False)
        assert given.accounts.blocked is not None
        given.accounts.blocked.set()

    assert {line["reason"] for line in given.reports.lines} == {"it took too long"}


def test_a_defect_of_a_look_up_keeps_no_record_from_opening(given: Given) -> None:
    """It is told of like everything else that goes wrong."""
    given.accounts.troubles[CLOUDWATCH] = KeyError("Tags")
    assert not given.team().complete
    assert given.reports.lines[0]["reason"] == "KeyError"
