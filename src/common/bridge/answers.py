"""What answers those in AWS who wait for a change."""

import boto3

from common.bridge.clients import AWS_CONFIG
from common.clock import Clock
from common.gate.answers import Answers
from common.gate.follower import GateFollower
from common.gate.gate import Gate
from common.incidents.ledger import Ledger
from common.settings import ActionSettings
from common.telemetry import Telemetry
from common.watch.memory import Memory


def gate_follower(ledger: Ledger, settings: ActionSettings, clock: Clock, telemetry: Telemetry) -> GateFollower:
    """Return it; no client of Step Functions or CodePipeline is made before somebody is to be answered."""
    deployment = settings.deployment
    return GateFollower(
        Gate(ledger, deployment=deployment, telemetry=telemetry),
        Memory(ledger, deployment=deployment, clock=clock),
        Answers(
            lambda: boto3.client("stepfunctions", config=AWS_CONFIG),
            lambda: boto3.client("codepipeline", config=AWS_CONFIG),
        ),
        deployment=deployment,
        host=settings.instance_host,
    )
