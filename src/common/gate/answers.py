"""Tells a waiting task or approval action how it goes on, through Step Functions and CodePipeline."""

import json
from collections.abc import Callable
from typing import Any

from botocore.exceptions import BotoCoreError, ClientError

from common.gate.tokens import meant
from common.gate.verdict import Verdict
from common.incidents.waiting import Waiting

type Client = Callable[[], Any]
"""Makes a client of boto3, whose packages of types hold every service but these two."""

_LONGEST_SUMMARY = 512


class Answers:
    """Answers tokens. A client is made when the first of its kind is to be answered."""

    def __init__(self, states: Client, pipelines: Client) -> None:
        """Call Step Functions through what `states` makes, CodePipeline through what `pipelines` makes."""
        self._states = states
        self._pipelines = pipelines

    def send(self, waiting: Waiting, verdict: Verdict) -> None:
        """Let who waits go on or fail. AWS takes the first answer to a token alone.

        Raises TokenUsedUpError where nothing waits, ConfigurationError where a right is missing, TransientError where
        AWS is away: sending again does no harm.
        """
        try:
            if waiting.pipeline:
                self._answer_approval(waiting, verdict)
            else:
                self._answer_task(waiting, verdict)
        except (ClientError, BotoCoreError) as error:
            raise meant(error) from None

    def _answer_task(self, waiting: Waiting, verdict: Verdict) -> None:
        if verdict.goes_on:
            told = {
                "outcome": verdict.outcome,
                "number": verdict.number,
                "sys_id": verdict.sys_id,
                "link": verdict.link,
            }
            self._states().send_task_success(taskToken=waiting.token, output=json.dumps(told))
        else:
            error = f"ServiceNow.Change{verdict.outcome.value.capitalize()}"
            self._states().send_task_failure(taskToken=waiting.token, error=error, cause=verdict.reason)

    def _answer_approval(self, waiting: Waiting, verdict: Verdict) -> None:
        self._pipelines().put_approval_result(
            pipelineName=waiting.pipeline,
            stageName=waiting.stage,
            actionName=waiting.action,
            token=waiting.token,
            result={
                "summary": verdict.reason[:_LONGEST_SUMMARY],
                "status": "Approved" if verdict.goes_on else "Rejected",
            },
        )
