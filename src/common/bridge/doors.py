"""The doors' parts that API and doctor share."""

import boto3

from common.bridge.access import AWS_CONFIG, Access
from common.doors.secrets import WebhookSecrets
from common.settings import ApiSettings, DoctorSettings


def webhook_secrets(settings: ApiSettings | DoctorSettings, access: Access) -> WebhookSecrets:
    """Return what knows the secrets of webhooks."""
    return WebhookSecrets(
        lambda: boto3.client("secretsmanager", config=AWS_CONFIG),
        settings.webhook_secret_id,
        clock=access.clock,
        telemetry=access.telemetry,
    )
