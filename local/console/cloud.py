"""What the console needs of the AWS side. A running `LocalStack` offers it."""

from typing import Any, Protocol

from local.stack import DeadLetter, QueueDepth


class Cloud(Protocol):
    """The AWS side of a local stack, as `LocalStack` documents it."""

    def put_alarm(self, state: str, *, name: str, severity: str = "") -> dict[str, Any]:
        """Put the event of an alarm that goes into `state` on the bus."""

    def put_finding(self) -> dict[str, Any]:
        """Put the event of a new Security Hub finding on the bus."""

    def record_changes(self) -> list[dict[str, Any]]:
        """Take what the watch told since the last call."""

    def store_credentials(self, client_secret: str | None = None) -> None:
        """Put the client credentials into Secrets Manager."""

    def queue_depth(self) -> QueueDepth:
        """Return how full the queues are."""

    def peek_dead_letters(self) -> list[DeadLetter]:
        """Return a few dead letters and leave them where they are."""
