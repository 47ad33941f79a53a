"""Faults 116 to 119: what keeps Security Hub from following people. Each change is followed, waits, or says why not."""

import json
from collections.abc import Callable, Mapping
from typing import Any

from campaign.catalogue import fault
from campaign.stage import REGION, refusal
from campaign.world import World
from tests.support.changes import FINDING, SAMPLE, message_of
from tests.support.deployment import ACCOUNT

_UPDATE = "securityhub.BatchUpdateFindings"
_OTHER = "444455556666"


class Hub:
    """Findings with their workflow status. `answers` go before what Security Hub does by itself."""

    def __init__(self, world: World) -> None:
        """Stand behind botocore for as long as the run lasts."""
        self.world = world
        self.status: dict[str, str] = {}
        self.calls = 0
        self.left_out: Callable[[str], str] = lambda _: ""

    def answer(self, operation: str, asked: Mapping[str, Any]) -> dict[str, Any] | None:
        """Set what is asked for, but for findings that are left out with a code."""
        if operation != _UPDATE:
            return None
        self.calls += 1
        unprocessed = []
        for finding in asked["FindingIdentifiers"]:
            if code := self.left_out(finding["Id"]):
                unprocessed.append({"FindingIdentifier": finding, "ErrorCode": code, "ErrorMessage": "words of AWS"})
            else:
                self.status[finding["Id"]] = asked["Workflow"]["Status"]
        return {"ProcessedFindings": [], "UnprocessedFindings": unprocessed}


class Following:
    """The actions function, its queue, and some records that people resolve."""

    def __init__(self, world: World, *, account: str = ACCOUNT, findings: int = 1) -> None:
        """Put a change of each of a few records into the queue."""
        self.world, self.hub = world, Hub(world)
        self.url = str(world.aws("sqs").create_queue(QueueName=f"changes-{next(world.stage.numbers)}")["QueueUrl"])
        self.function = world.environment(
            "actions",
            QUEUE_URL=self.url,
            RECORD_ACTIONS="securityhub",
            OWN_PLACE=f"aws/{ACCOUNT}/{REGION}",
            MEMBER_ROLE_NAME="member",
        )
        self.records = world.random.randint(1, 4)
        self.ids = [f"{record}/{number}" for record in range(self.records) for number in range(findings)]
        for record in range(self.records):
            body = message_of(
                "2",
                "6",
                sys_id=f"{record:032x}",
                deployment=world.deployment,
                account=account,
                region=REGION,
                objects=[FINDING | {"id": f"{record}/{number}"} for number in range(findings)],
            )
            world.aws("sqs").send_message(QueueUrl=self.url, MessageBody=body)
        self.waiting = self._received()
        world.stage.aws_faults.append(self.hub.answer)

    def run(self, receives: int = 1) -> None:
        """Hand what waits to the function once, in any order; what it lets go is gone."""
        self.world.random.shuffle(self.waiting)
        records = [each | {"attributes": {"ApproximateReceiveCount": str(receives)}} for each in self.waiting]
        answer = self.function.call({"Records": records}, 120.0)
        stay = {each["itemIdentifier"] for each in answer["batchItemFailures"]}
        self.waiting = [each for each in self.waiting if each["messageId"] in stay]

    def mend(self) -> None:
        """Take all faults away, but for what Security Hub does by itself."""
        self.world.mend()
        self.hub.left_out = lambda _: ""
        self.world.stage.aws_faults.append(self.hub.answer)

    def finish(self) -> None:
        """Let everything be followed within a few more tries, and see that it was."""
        for receives in range(2, 8):
            self.world.clock.advance(900)
            self.run(receives)
        self.world.expect(not self.waiting, "a change still waits")
        self.world.expect(not self.world.dead_letters(), "a change was given up")
        self.world.expect(self.hub.status == dict.fromkeys(self.ids, "RESOLVED"), "a finding did not follow")

    def _received(self) -> list[dict[str, Any]]:
        found: list[dict[str, Any]] = []
        while (
            messages := self.world.aws("sqs").receive_message(QueueUrl=self.url, MaxNumberOfMessages=10).get("Messages")
        ):
            found += [
                {"messageId": each["MessageId"], "receiptHandle": each["ReceiptHandle"], "body": each["Body"]}
                for each in messages
            ]
        return found


@fault(116, "Security Hub throttled, failing or hanging", "Q")
def hub_throttled(world: World) -> None:
    """For some tries, and then it works."""
    following = Following(world)
    code = world.pick("TooManyRequestsException", "LimitExceededException", "InternalException", "ThrottlingException")
    world.stage.aws_faults.remove(following.hub.answer)
    world.aws_fault(_UPDATE, refusal(code, world.pick(429, 500, 503)) if world.toss() else None)
    for receives in range(1, world.random.randint(2, 4)):
        following.run(receives)
        world.expect(len(following.waiting) == following.records, "a change went although nothing was done")
        world.clock.advance(900)
    following.mend()
    following.finish()


@fault(117, "part of a batch of findings unprocessed", "R or Q")
def part_unprocessed(world: World) -> None:
    """Any of them, for a call or for many."""
    following = Following(world, findings=world.pick(1, 3, 40, 100))
    lasts = [world.random.randint(1, 12)]
    unlucky = set(world.random.sample(following.ids, max(1, len(following.ids) // 5)))

    def left_out(finding: str) -> str:
        if finding not in unlucky or lasts[0] <= 0:
            return ""
        lasts[0] -= 1
        return "ConcurrentUpdateError"

    following.hub.left_out = left_out
    following.run()
    following.finish()


@fault(118, "a role that may not set findings, here or in another account", "H")
def role_may_not(world: World) -> None:
    """Until a person gives the right."""
    elsewhere = world.toss()
    following = Following(world, account=_OTHER if elsewhere else ACCOUNT)
    world.stage.aws_faults.remove(following.hub.answer)
    if elsewhere and world.toss():
        world.aws_fault("sts.AssumeRole", refusal("AccessDenied", 403))
    else:
        world.aws_fault(_UPDATE, refusal(world.pick("AccessDeniedException", "InvalidAccessException"), 403))
    for receives in range(1, world.random.randint(2, 5)):
        following.run(receives)
        world.expect(len(following.waiting) == following.records, "a held change went")
        world.clock.advance(900)
    following.mend()
    following.finish()


@fault(119, "a finding that is gone, a message that tells of no change", "X")
def finding_gone(world: World) -> None:
    """A dead letter with its reason each; the others follow."""
    following = Following(world)
    gone = world.pick(*following.ids)
    following.hub.left_out = lambda finding: "FindingNotFound" if finding == gone else ""
    broken = {"messageId": "broken", "receiptHandle": following.waiting[0]["receiptHandle"], "body": json.dumps(SAMPLE)}
    following.waiting.append(broken)
    following.run()
    letters = world.dead_letters()
    world.expect(not following.waiting, "a change still waits")
    world.expect(len(letters) == 2, f"two reasons are expected, not {len(letters)}")
    reasons = " ".join(sorted(letter["Reason"] for letter in letters))
    world.expect("does not know 1 of the findings" in reasons, "the finding's reason is missing")
    world.expect("tells of another deployment" in reasons, "the message's reason is missing")
    wanted = dict.fromkeys(set(following.ids) - {gone}, "RESOLVED")
    world.expect(following.hub.status == wanted, "another finding did not follow")
