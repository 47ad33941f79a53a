"""The services of AWS in which is looked for what is added to records."""

import boto3

from common.accounts import Accounts
from common.bridge.clients import calls_within
from common.context.aws import Services

SERVICES_CONFIG = calls_within(1, 10, tries=2)
"""How long one of these calls may take, in seconds, and how often it is tried."""


def services_through(accounts: Accounts) -> Services:
    """Return a way into these services, to other accounts by `accounts`."""
    return Services(
        accounts,
        {
            "apigateway": lambda **place: boto3.client("apigateway", config=SERVICES_CONFIG, **place),
            "apigatewayv2": lambda **place: boto3.client("apigatewayv2", config=SERVICES_CONFIG, **place),
            "cloudtrail": lambda **place: boto3.client("cloudtrail", config=SERVICES_CONFIG, **place),
            "cloudwatch": lambda **place: boto3.client("cloudwatch", config=SERVICES_CONFIG, **place),
            "ecs": lambda **place: boto3.client("ecs", config=SERVICES_CONFIG, **place),
            "lambda": lambda **place: boto3.client("lambda", config=SERVICES_CONFIG, **place),
            "logs": lambda **place: boto3.client("logs", config=SERVICES_CONFIG, **place),
            "stepfunctions": lambda **place: boto3.client("stepfunctions", config=SERVICES_CONFIG, **place),
        },
    )
