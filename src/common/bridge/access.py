"""What every function needs: a way to ServiceNow, with a token."""

import random
from collections.abc import Mapping
from dataclasses import dataclass

import boto3
from snapshot_restore_py import register_after_restore

from common.bridge.clients import AWS_CONFIG, QUICK_CONFIG, calls_within, service_of
from common.clock import Clock, SystemClock
from common.oauth.assertion import KmsSigner
from common.oauth.credentials import CredentialsReader
from common.oauth.endpoint import TokenEndpoint
from common.oauth.source import TokenSource
from common.oauth.store import TokenStore
from common.servicenow.client import ServiceNowClient
from common.settings import AccessSettings, read_access_settings
from common.stored_settings import with_stored_settings
from common.telemetry import Telemetry
from common.transport import Transport

START_CONFIG = calls_within(1, 2, tries=3)
"""The same for settings that are read when a function starts: Lambda gives a start 10 s, and many may start at once."""

STORE_CONFIG = calls_within(1, 1, tries=1)
"""The same for the token's store: it only spares a token request, so nobody waits long for it."""


@dataclass(frozen=True, slots=True)
class Access:
    """What a function needs that only gets tokens."""

    clock: Clock
    telemetry: Telemetry
    transport: Transport
    tokens: TokenSource
    credentials: CredentialsReader


def build_access(environment: Mapping[str, str]) -> Access:
    """Put together what it takes to get a token; nothing but stored settings is fetched yet.

    Raises ConfigurationError that names the setting that is wrong, or as `whole`.
    """
    return access_of(read_access_settings(whole(environment)), environment)


def whole(environment: Mapping[str, str]) -> Mapping[str, str]:
    """Return an environment with the settings that are stored for it. Raises as `with_stored_settings`."""
    return with_stored_settings(environment, lambda: boto3.client("ssm", config=START_CONFIG))


def access_of(settings: AccessSettings, environment: Mapping[str, str]) -> Access:
    """Return the parts that get a token, for settings that were read from `environment`."""
    clock = SystemClock()
    telemetry = Telemetry(service_of(environment))
    credentials = CredentialsReader(boto3.client("secretsmanager", config=AWS_CONFIG), settings.secret_id)
    transport = Transport(
        settings.instance_host,
        clock=clock,
        certificate_authorities=settings.certificate_authorities,
        proxy_url=settings.proxy_url,
        identity=credentials,
    )
    # Environments that start from one snapshot would else draw the same numbers: the SDK's pauses use `random`.
    register_after_restore(random.seed)
    tokens = TokenSource(
        credentials=credentials,
        store=token_store(settings, clock, telemetry),
        endpoint=token_endpoint(settings, transport, clock, telemetry),
        clock=clock,
        telemetry=telemetry,
    )
    return Access(clock, telemetry, transport, tokens, credentials)


def token_store(settings: AccessSettings, clock: Clock, telemetry: Telemetry) -> TokenStore:
    """Return where the shared token is kept."""
    return TokenStore(
        boto3.client("ssm", config=STORE_CONFIG),
        parameter=settings.token_parameter,
        key_id=settings.token_key_id,
        tiered=settings.token_tier != "Standard",  # noqa: S105 (of the parameter)
        host=settings.instance_host,
        scope=settings.oauth_scope,
        clock=clock,
        telemetry=telemetry,
    )


def token_endpoint(settings: AccessSettings, transport: Transport, clock: Clock, telemetry: Telemetry) -> TokenEndpoint:
    """Return what asks the instance for a token."""
    return TokenEndpoint(
        transport,
        signer=KmsSigner(lambda: boto3.client("kms", config=QUICK_CONFIG)),
        clock=clock,
        telemetry=telemetry,
        path=settings.oauth_token_path,
        scope=settings.oauth_scope,
    )


def client_of(access: Access) -> ServiceNowClient:
    """Return a client that calls with the shared token."""
    return ServiceNowClient(access.transport, access.tokens, clock=access.clock, telemetry=access.telemetry)
