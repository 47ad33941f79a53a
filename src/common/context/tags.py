"""Tags of the alarm, of the resources and of the account that an event is about, looked up within a second.

Three APIs, each of which names the rights that it needs: CloudWatch's ListTagsForResource, the Resource Groups Tagging
API's GetResources, Organizations' ListTagsForResource. What is found is kept for ten minutes, here and for all
environments; nothing that goes wrong raises, and what failed is left alone for a while.
"""

from collections import OrderedDict
from collections.abc import Callable, Iterator, Mapping, Sequence
from concurrent.futures import Executor, Future, ThreadPoolExecutor
from dataclasses import dataclass
from enum import StrEnum
from typing import Any, Protocol

from botocore.exceptions import BotoCoreError, ClientError

from common.aws_errors import code_of, needs_a_person
from common.clock import Clock, Deadline
from common.context.shared import Shared
from common.context.subjects import Arn, alarm_of, resources_of
from common.errors import BridgeError, HeldError
from common.telemetry import Telemetry

KEPT_SECONDS = 600.0
"""How long tags count that were found, or found not to be there."""

LOOK_UP_SECONDS = 1.0
"""What all look-ups for one event may take together."""

RESTS_SECONDS = 30.0
"""How long nobody asks again where a look-up was throttled, slow or failed."""

DENIED_RESTS_SECONDS = 300.0
"""The same where a right is missing: a person has to give it first."""

_MOST_KEPT = 2000
_MOST_THREADS = 4
ABSENT = frozenset(
    {
        "ResourceNotFound",
        "ResourceNotFoundException",
        "TargetNotFoundException",
        "InvalidParameterException",
        "InvalidParameterValue",
        "InvalidParameterValueException",
    }
)
"""Codes that say that the thing is gone, or that no tags are known of its kind."""

_GLOBAL = frozenset({"cloudfront", "globalaccelerator", "iam", "route53"})
"""Services whose ARNs name no Region, and whose tags are known in one alone."""


class Of(StrEnum):
    """Whose tags they are, in the order in which they count."""

    ALARM = "alarm"
    RESOURCE = "resource"
    ACCOUNT = "account"


RIGHTS: Mapping[Of, str] = {
    Of.ALARM: "cloudwatch:ListTagsForResource",
    Of.RESOURCE: "tag:GetResources",
    Of.ACCOUNT: "organizations:ListTagsForResource",
}
"""What each look-up has to be allowed."""


class Clients(Protocol):
    """Where the clients of an account and a Region come from: `common.accounts.Accounts`."""

    def client[Client](
        self, name: str, make: Callable[..., Client], account: str | None = None, region: str | None = None
    ) -> Client:
        """Return a client. Raises a BridgeError where the account can't be reached."""
        ...


@dataclass(frozen=True, slots=True)
class Makers:
    """What makes a client of each service, given what boto3.client takes of an account and a Region."""

    cloudwatch: Callable[..., Any]
    tagging: Callable[..., Any]
    organizations: Callable[..., Any]


@dataclass(frozen=True, slots=True)
class Subject:
    """One thing whose tags are asked for: an alarm, a resource, or an account; `name` is its ARN, or its number."""

    of: Of
    name: str
    account: str
    region: str


@dataclass(frozen=True, slots=True)
class Tags:
    """What was found. It is not `complete` where something that could have said more did not answer."""

    values: Mapping[str, str]
    complete: bool = True


type _Question = tuple[Subject, frozenset[str]]
type _Found = dict[Subject, Mapping[str, str] | None]
"""What was found, by subject; None for what failed."""


class TagLookup:
    """Finds tags. Only those that were asked for are kept."""

    def __init__(  # noqa: PLR0913 (where it asks, what it keeps, and what it reports to)
        self,
        clients: Clients,
        makers: Makers,
        shared: Shared,
        *,
        accounts: bool,
        clock: Clock,
        telemetry: Telemetry,
        threads: Callable[[], Executor] = lambda: ThreadPoolExecutor(_MOST_THREADS),
        seconds: float = LOOK_UP_SECONDS,
    ) -> None:
        """Ask by clients that `makers` make; with `accounts` ask Organizations too."""
        self._clients = clients
        self._makers = makers
        self._shared = shared
        self._accounts = accounts
        self._clock = clock
        self._telemetry = telemetry
        self._new_threads = threads
        self._threads: Executor | None = None
        self._seconds = seconds
        self._kept: OrderedDict[_Question, tuple[Mapping[str, str], float]] = OrderedDict()
        self._rests: dict[tuple[Of, str], float] = {}

    def of(self, event: Mapping[str, Any], wanted: frozenset[str]) -> Tags:
        """Return those of the `wanted` tags that what the event is about has. Never raises."""
        told = _alarm_tags(event, wanted)
        subjects = list(subjects_of(event, accounts=self._accounts))
        found: _Found = {}
        for subject in subjects:
            tags = self._remembered((subject, wanted))
            if tags is not None:
                found[subject] = tags
        known = _merged(subjects, found, told, wanted)
        return known if known.complete else self._looked_up(subjects, found, told, wanted)

    def ask(self, subject: Subject) -> Mapping[str, str]:
        """Return all tags of one subject, from AWS itself. Raises ClientError, BotoCoreError or a BridgeError."""
        match subject.of:
            case Of.ALARM:
                cloudwatch = self._clients.client("alarms", self._makers.cloudwatch, subject.account, subject.region)
                return _pairs(cloudwatch.list_tags_for_resource(ResourceARN=subject.name)["Tags"])
            case Of.RESOURCE:
                tagging = self._clients.client("tagging", self._makers.tagging, subject.account, subject.region)
                listed = tagging.get_resources(ResourceARNList=[subject.name])["ResourceTagMappingList"]
                return _pairs(tag for entry in listed for tag in entry["Tags"])
            case Of.ACCOUNT:
                organizations = self._clients.client("organizations", self._makers.organizations)
                return _pairs(organizations.list_tags_for_resource(ResourceId=subject.name)["Tags"])

    def _looked_up(
        self, subjects: Sequence[Subject], found: _Found, told: Mapping[str, str], wanted: frozenset[str]
    ) -> Tags:
        """Look up what is missing in `found`, and wait for it for a second; what comes later is still remembered.

        Alarm and resources are asked about at once. Accounts only where these leave something open: Organizations
        takes few calls a second.
        """
        if self._threads is None:
            self._threads = self._new_threads()
        end = Deadline.after(self._clock, self._seconds)
        nearer = [subject for subject in subjects if subject.of is not Of.ACCOUNT]
        accounts = [subject for subject in subjects if subject.of is Of.ACCOUNT]
        for asked in (nearer, accounts):
            missing = [subject for subject in asked if subject not in found]
            tasks = [(subject, self._threads.submit(self._asked, subject, wanted)) for subject in missing]
            for subject, task in tasks:
                found[subject] = self._awaited(subject, task, end)
            if wanted <= _merged(nearer, found, told, wanted).values.keys():
                break
        return _merged(subjects, found, told, wanted)

    def _awaited(
        self, subject: Subject, task: "Future[Mapping[str, str] | None]", end: Deadline
    ) -> Mapping[str, str] | None:
        try:
            return task.result(max(0.0, end.remaining()))
        except Exception as error:  # noqa: BLE001 (no defect of a look-up may keep a record from opening)
            why = "it took too long" if isinstance(error, TimeoutError) else type(error).__name__
            self._fail(subject, why, for_long=False)
            return None

    def _asked(self, subject: Subject, wanted: frozenset[str]) -> Mapping[str, str] | None:
        place = (subject.of, *sorted(wanted), subject.name)
        shared = self._shared.read(*place)
        if shared is not None:
            return self._keep((subject, wanted), *shared)
        if self._clock.now() < self._rests.get((subject.of, subject.account), 0.0):
            return None
        try:
            tags = self.ask(subject)
        except (ClientError, BotoCoreError) as error:
            if code_of(error) not in ABSENT:
                self._fail(subject, code_of(error), for_long=needs_a_person(error))
                return None
            tags = {}
        except BridgeError as error:
            self._fail(subject, str(error), for_long=isinstance(error, HeldError))
            return None
        kept = _taken(tags, wanted)
        if self._threads is not None:
            # Nobody waits until the others know it.
            self._threads.submit(self._shared.write, kept, KEPT_SECONDS, *place)
        return self._keep((subject, wanted), kept, self._clock.now() + KEPT_SECONDS)

    def _fail(self, subject: Subject, why: str, *, for_long: bool) -> None:
        rests = DENIED_RESTS_SECONDS if for_long else RESTS_SECONDS
        self._rests[subject.of, subject.account] = self._clock.now() + rests
        self._telemetry.count("TagLookupsFailed")
        self._telemetry.log.warning(
            "Tags could not be looked up; the record opens without what depends on them.",
            whose=subject.of.value,
            account=subject.account,
            region=subject.region,
            permission=RIGHTS[subject.of],
            reason=why,
        )

    def _remembered(self, question: _Question) -> Mapping[str, str] | None:
        tags, until = self._kept.get(question, ({}, 0.0))
        return tags if self._clock.now() < until else None

    def _keep(self, question: _Question, tags: Mapping[str, str], until: float) -> Mapping[str, str]:
        self._kept[question] = (tags, until)
        while len(self._kept) > _MOST_KEPT:
            self._kept.popitem(last=False)
        return tags


def subjects_of(event: Mapping[str, Any], *, accounts: bool) -> Iterator[Subject]:
    """Yield what an event's tags are looked up of, in the order in which they count.

    An alarm that brings its tags along is none of them.
    """
    alarm, region = alarm_of(event), event["region"]
    if alarm is not None and not isinstance(event["detail"].get("alarmTags"), dict):
        yield _subject(Of.ALARM, alarm, event)
    for arn in resources_of(event):
        yield _subject(Of.RESOURCE, arn, event)
    if accounts:
        yield Subject(Of.ACCOUNT, event["account"], event["account"], region)


def _subject(of: Of, arn: Arn, event: Mapping[str, Any]) -> Subject:
    region = arn.region or ("us-east-1" if arn.service in _GLOBAL else event["region"])
    return Subject(of, arn.text, arn.account or event["account"], region)


def _merged(subjects: Sequence[Subject], found: _Found, told: Mapping[str, str], wanted: frozenset[str]) -> Tags:
    values, complete = dict(told), True
    for subject in subjects:
        if wanted <= values.keys():
            break
        tags = found.get(subject)
        complete = complete and tags is not None
        values = _taken(tags or {}, wanted) | values
    return Tags(values, complete)


def _alarm_tags(event: Mapping[str, Any], wanted: frozenset[str]) -> Mapping[str, str]:
    brought = event["detail"].get("alarmTags") if alarm_of(event) is not None else None
    return _taken(brought, wanted) if isinstance(brought, dict) else {}


def _taken(tags: Mapping[str, Any], wanted: frozenset[str]) -> dict[str, str]:
    return {name: value for name in wanted if isinstance(value := tags.get(name), str)}


def _pairs(tags: Any) -> dict[str, str]:  # noqa: ANN401 (as each service writes them)
    return {tag["Key"]: tag["Value"] for tag in tags}
