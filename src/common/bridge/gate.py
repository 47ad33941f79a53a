"""What stands before the desk of the events function where changes are asked for."""

from typing import TYPE_CHECKING

from common.gate.desk import GateDesk
from common.gate.gate import Gate
from common.gate.reminders import Reminders
from common.gate.requests import alerts_of
from common.incidents.circuit import Applier
from common.incidents.ledger import Ledger
from common.settings import Settings
from common.telemetry import Telemetry

if TYPE_CHECKING:
    from mypy_boto3_sqs.client import SQSClient

__all__ = ["alerts_of", "gate_desk"]


def gate_desk(desk: Applier, ledger: Ledger, sqs: "SQSClient", settings: Settings, telemetry: Telemetry) -> GateDesk:
    """Return it, before `desk`."""
    deployment = settings.deployment
    reminders = Reminders(sqs, settings.actions_queue_url, deployment=deployment)
    gate = Gate(ledger, deployment=deployment, telemetry=telemetry)
    return GateDesk(desk, ledger, gate, reminders, deployment=deployment)
