"""The queue by which the events function asks for what is added later. What goes wrong with it is counted, no more."""

from collections.abc import Collection
from itertools import batched
from typing import TYPE_CHECKING

from botocore.exceptions import BotoCoreError, ClientError

from common.aws_errors import code_of
from common.context.request import LONGEST_MESSAGE, Request, request_of
from common.incidents.alert import Fold
from common.incidents.item import Item
from common.incidents.work import Applied
from common.telemetry import Telemetry

if TYPE_CHECKING:
    from mypy_boto3_sqs.client import SQSClient

_MOST_MESSAGES = 10


class FollowUpQueue:
    """Collects requests while a batch of events is handled, and sends them once all of its records are written."""

    def __init__(
        self, sqs: "SQSClient", follow_up_queue_url: str, allowed: Collection[str], telemetry: Telemetry
    ) -> None:
        """Ask for what is `allowed` only."""
        self._sqs = sqs
        self._follow_up_queue_url = follow_up_queue_url
        self._allowed = frozenset(allowed)
        self._telemetry = telemetry
        self._waiting: list[Request] = []

    def after(self, item: Item, fold: Fold, applied: Applied) -> None:
        """Note what a problem's record is to get, given the problem as it was before.

        Never raises: what only informs must not stop what counts.
        """
        try:
            request = request_of(item, fold, applied, self._allowed)
        except Exception as error:
            self._telemetry.count("Defects")
            message = "A defect of the bridge kept a record from what is added to it."
            self._telemetry.log.exception(message, exc_info=error)
            return
        if request is not None:
            self._waiting.append(request)

    def send(self) -> None:
        """Send what was noted. Never raises: what can't be sent is lost and counted."""
        waiting, self._waiting = self._waiting, []
        bodies = [body for request in waiting if len(body := request.body()) <= LONGEST_MESSAGE]
        self._lost(len(waiting) - len(bodies), "too long")
        for some in batched(bodies, _MOST_MESSAGES, strict=False):
            self._send(some)

    def _send(self, bodies: Collection[str]) -> None:
        entries = [{"Id": str(number), "MessageBody": body} for number, body in enumerate(bodies)]
        try:
            answer = self._sqs.send_message_batch(QueueUrl=self._follow_up_queue_url, Entries=entries)  # type: ignore[arg-type]
        except (ClientError, BotoCoreError) as error:
            self._lost(len(entries), code_of(error))
            return
        failed = answer.get("Failed", [])
        self._lost(len(failed), failed[0].get("Code", "") if failed else "")
        self._telemetry.count("FollowUpsAsked", len(entries) - len(failed))

    def _lost(self, amount: int, code: str) -> None:
        if amount:
            self._telemetry.count("FollowUpsLost", amount)
            self._telemetry.log.warning(
                "What would have been added to records was not asked for. The records themselves are written.",
                action="If this stays, look whether the events function's role has sqs:SendMessage on FollowUpQueue.",
                amount=amount,
                reason=code,
            )
