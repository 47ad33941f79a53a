"""What callers of the API do with changes."""

from collections.abc import Callable, Sequence
from typing import TYPE_CHECKING

import boto3

from common.api.changes import READ, Changes
from common.api.creation import Creation
from common.api.ownership import Ownership
from common.api.references import References
from common.bridge.clients import AWS_CONFIG
from common.gate.door import Door
from common.gate.gate import Gate
from common.gate.heartbeat import Heartbeat
from common.gate.reminders import Reminders
from common.servicenow.records import Records
from common.settings import ApiSettings
from common.telemetry import Telemetry

if TYPE_CHECKING:
    from mypy_boto3_sqs.client import SQSClient


def callers_changes(  # noqa: PLR0913 (what the API has already)
    settings: ApiSettings,
    shown: Callable[[Sequence[str]], Records],
    targets: Records,
    creation: Creation,
    sqs: "SQSClient",
    *,
    references: References,
    telemetry: Telemetry,
) -> Changes:
    """Return it; `shown` makes records that show some fields."""
    deployment = settings.deployment
    gate = Gate(creation.ledger, deployment=deployment, telemetry=telemetry)
    heartbeat = Heartbeat(lambda: boto3.client("stepfunctions", config=AWS_CONFIG))
    reminders = Reminders(sqs, settings.actions_queue_url, deployment=deployment)
    return Changes(
        shown(READ),
        targets,
        creation,
        Door(gate, heartbeat, reminders),
        references=references,
        ownership=Ownership(creation.ledger, tied=True, wide=settings.wide_callers),
        deployment=deployment,
    )
