"""Asks Step Functions whether a task waits with a token, before anything is opened for it."""

from collections.abc import Callable
from typing import Any

from botocore.exceptions import BotoCoreError, ClientError

from common.gate.tokens import meant
from common.incidents.waiting import Waiting


class Heartbeat:
    """Tells the task that somebody is at it, which shows whether it is there."""

    def __init__(self, states: Callable[[], Any]) -> None:
        """Ask through the client that `states` makes once there is something to ask."""
        self._states = states

    def check(self, waiting: Waiting) -> None:
        """Ask about a task. An approval's token can't be asked about: it only shows when it is used.

        Raises TokenUsedUpError where no task waits, TransientError or ConfigurationError where nobody can tell.
        """
        if waiting.pipeline:
            return
        try:
            self._states().send_task_heartbeat(taskToken=waiting.token)
        except (ClientError, BotoCoreError) as error:
            raise meant(error) from None
