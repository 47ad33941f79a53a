"""Whether the doors that the deployment opens can be used: secrets of webhooks, subscriptions to SNS topics."""

from collections.abc import Collection
from dataclasses import dataclass
from itertools import islice
from typing import TYPE_CHECKING

from botocore.exceptions import BotoCoreError, ClientError

from common.aws_errors import code_of
from common.checkup.report import Finding
from common.clock import Deadline
from common.doors.secrets import WebhookSecrets
from common.errors import ConfigurationError

if TYPE_CHECKING:
    from mypy_boto3_sns import SNSClient

_MOST_PAGES = 20


@dataclass(frozen=True, slots=True)
class Doors:
    """The checks of the listed webhook sources and of the topics, given as ARNs, for the queue at `queue_url`."""

    sources: Collection[str]
    secrets: WebhookSecrets
    topics: Collection[str]
    sns: "SNSClient"
    queue_url: str

    def webhooks(self, _: Deadline) -> Finding:
        """Look for the secret of each source."""
        if not self.sources:
            return Finding("closed: WebhookSources lists no source")
        without = sorted(source for source in self.sources if self.secrets.of(source) is None)
        if without:
            raise ConfigurationError(
                f"These sources have no usable secret, so their webhooks are refused: {', '.join(without)}.",
                action=f"make secret STACK=… WEBHOOK={without[0]}",
            )
        return Finding(f"open for {', '.join(sorted(self.sources))}; each has a secret")

    def subscriptions(self, _: Deadline) -> Finding:
        """Look for the queue among the subscriptions of each topic."""
        if not self.topics:
            return Finding("closed: SnsTopics lists no topic")
        try:
            absent = [topic for topic in sorted(self.topics) if not self._is_subscribed(topic)]
        except (ClientError, BotoCoreError) as error:
            return Finding(f"the subscriptions can't be read ({code_of(error)})", observed=False)
        if absent:
            raise ConfigurationError(
                f"The queue is not, or not yet, subscribed to {', '.join(absent)}.",
                action="Confirm the subscription if it is of another account; otherwise deploy again.",
            )
        return Finding(f"subscribed to {len(self.topics)} topics")

    def _is_subscribed(self, topic: str) -> bool:
        queue = self.queue_url.rpartition("/")[2]
        pages = self.sns.get_paginator("list_subscriptions_by_topic").paginate(TopicArn=topic)
        return any(
            subscription["Endpoint"].endswith(f":{queue}") and subscription["SubscriptionArn"].startswith("arn:")
            for page in islice(pages, _MOST_PAGES)
            for subscription in page.get("Subscriptions", [])
        )
