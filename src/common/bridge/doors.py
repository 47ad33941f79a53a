"""The doors' parts that API and doctor share."""

import boto3

from common.bridge.access import Access
from common.bridge.clients import AWS_CONFIG
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
