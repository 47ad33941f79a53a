"""The rotation of the client secret, in the four steps in which Secrets Manager calls a rotation function.

At every moment, and wherever a step is broken off, the version that functions read (AWSCURRENT) holds what ServiceNow
takes: before ServiceNow is told the new secret it is stored there as `next`, which they try where `current` is
refused. The version AWSPENDING holds the new secret alone; the last step makes it AWSCURRENT. Each step can be
repeated.
"""

import json
import secrets
from collections.abc import Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Final

import boto3

from common.bridge.access import Access, access_of, client_of, token_endpoint, whole
from common.bridge.clients import AWS_CONFIG
from common.clock import Deadline
from common.errors import ConfigurationError, CredentialsError
from common.oauth.client import ClientInUse
from common.oauth.credentials import KEYS, NEXT, ClientCredentials
from common.oauth.endpoint import TokenEndpoint
from common.oauth.secret_content import current_pair, promoted, with_current
from common.servicenow.registry import Registry
from common.settings import read_access_settings
from common.strict_json import json_object

if TYPE_CHECKING:
    from mypy_boto3_secretsmanager import SecretsManagerClient

CREATE: Final = "createSecret"
SET: Final = "setSecret"
TEST: Final = "testSecret"
FINISH: Final = "finishSecret"

_CURRENT: Final = "AWSCURRENT"
_PENDING: Final = "AWSPENDING"
_SECRET_BYTES = 32
_BY_HAND = (
    "Finish by hand: `make secret STACK=<name> OPTIONS=--promote` where ServiceNow takes the next pair; then "
    "`aws secretsmanager cancel-rotate-secret`, and switch the rotation on again."
)


def build_rotation(environment: Mapping[str, str]) -> "Rotation":
    """Put together what rotates the secret of a stack. Raises as `build_access`."""
    settings = read_access_settings(whole(environment))
    access = access_of(settings, environment)
    endpoint = token_endpoint(settings, access.transport, access.clock, access.telemetry)
    return Rotation(
        boto3.client("secretsmanager", config=AWS_CONFIG),
        settings.secret_id,
        ClientInUse(access.credentials, endpoint, access.telemetry, access.clock.now),
        endpoint,
        Registry(client_of(access)),
        access,
    )


@dataclass(frozen=True, slots=True)
class Rotation:
    """Rotates one secret. `client` gets tokens with whatever ServiceNow takes at the moment."""

    secrets_manager: "SecretsManagerClient"
    secret_id: str
    client: ClientInUse
    endpoint: TokenEndpoint
    registry: Registry
    access: Access

    def take(self, event: Mapping[str, Any], deadline: Deadline) -> None:
        """Take the step that Secrets Manager asks for in `event`.

        Raises ConfigurationError where the secret or the set-up is none that can be rotated, CredentialsError where
        ServiceNow does not take the new secret, and what the calls in between raise. Secrets Manager repeats the step.
        """
        if event.get("SecretId") != self.secret_id:
            raise ConfigurationError(
                "Another secret is to be rotated than that of the stack.",
                action="Take this function out of the other secret's rotation.",
            )
        version = str(event.get("ClientRequestToken", ""))
        steps = {CREATE: self._create, SET: self._set, TEST: self._test, FINISH: self._finish}
        step = steps.get(str(event.get("Step")))
        if step is None:
            raise ConfigurationError(
                "Secrets Manager asks for a step that the rotation does not have.", action="Report it: it is a defect."
            )
        stages = self._stages().get(version, [])
        if _CURRENT in stages:
            return
        if step != self._create and _PENDING not in stages:
            raise ConfigurationError(
                "The version that is to be rotated to is not pending.", action="Let Secrets Manager begin anew."
            )
        step(version, deadline)
        self.access.telemetry.log.info("A step of the rotation is done", extra={"step": event["Step"]})

    def _create(self, version: str, deadline: Deadline) -> None:
        """Store a new secret as pending, once."""
        if self._pending(version) is not None:
            return
        used = self._in_use({}, deadline)
        content = self._content()
        pair = {"client_id": used.client_id, "client_secret": secrets.token_urlsafe(_SECRET_BYTES)}
        self.access.telemetry.protect(pair["client_secret"])
        rest = {key: value for key, value in content.items() if key != NEXT}
        self.secrets_manager.put_secret_value(
            SecretId=self.secret_id,
            ClientRequestToken=version,
            SecretString=json.dumps(with_current(rest, pair)),
            VersionStages=[_PENDING],
        )

    def _set(self, version: str, deadline: Deadline) -> None:
        """Store the new secret as next, where every function finds it; then tell ServiceNow."""
        pair = self._new_pair(version)
        used = self._in_use(pair, deadline)
        content = self._content()
        if content.get(NEXT) != pair:
            in_use = {"client_id": used.client_id, "client_secret": used.client_secret}
            after = {**with_current(content, in_use), NEXT: pair}
            self.secrets_manager.put_secret_value(
                SecretId=self.secret_id, SecretString=json.dumps(after), VersionStages=[_CURRENT]
            )
        if used.client_secret != pair["client_secret"]:
            self.registry.replace_secret(pair["client_id"], pair["client_secret"], deadline)

    def _test(self, version: str, deadline: Deadline) -> None:
        """Ask for a token with the new secret alone."""
        pair = self._new_pair(version)
        self.endpoint.request(ClientCredentials(pair["client_id"], pair["client_secret"], version), deadline)

    def _finish(self, version: str, _: Deadline) -> None:
        """Let functions read the new secret alone, unless somebody has changed the secret meanwhile."""
        if promoted(self._content()) != self._pending(version):
            raise ConfigurationError("The secret was changed while it was rotated.", action=_BY_HAND)
        current = next(name for name, stages in self._stages().items() if _CURRENT in stages)
        self.secrets_manager.update_secret_version_stage(
            SecretId=self.secret_id, VersionStage=_CURRENT, MoveToVersionId=version, RemoveFromVersionId=current
        )

    def _in_use(self, new: Mapping[str, str], deadline: Deadline) -> ClientCredentials:
        """Return the pair that ServiceNow takes. Raises where it can't be rotated, or a person has prepared another."""
        if self.client.known().signing is not None:
            raise ConfigurationError(
                "The client signs with a key of KMS: there is no secret to rotate.",
                action="Set SecretRotationDays to 0.",
                code="nothing_to_rotate",
            )
        self.client.request(deadline)
        if self._content().get(NEXT) not in (None, new) and not self.client.is_next:
            raise ConfigurationError(
                "The secret holds a next pair that somebody has prepared, and ServiceNow does not take it yet.",
                action=_BY_HAND,
                code="next_is_prepared",
            )
        return self.client.known()

    def _new_pair(self, version: str) -> dict[str, str]:
        found = current_pair(self._pending(version) or {})
        pair = {key: str(found.get(key, "")) for key in KEYS}
        self.access.telemetry.protect(pair["client_secret"])
        return pair

    def _stages(self) -> Mapping[str, list[str]]:
        return self.secrets_manager.describe_secret(SecretId=self.secret_id).get("VersionIdsToStages", {})

    def _content(self) -> dict[str, Any]:
        return _object(
            self.secrets_manager.get_secret_value(SecretId=self.secret_id, VersionStage=_CURRENT).get("SecretString")
        )

    def _pending(self, version: str) -> dict[str, Any] | None:
        """Return what is stored as pending; None where nothing is: Secrets Manager may make the version empty."""
        not_found = self.secrets_manager.exceptions.ResourceNotFoundException
        try:
            answer = self.secrets_manager.get_secret_value(
                SecretId=self.secret_id, VersionId=version, VersionStage=_PENDING
            )
        except not_found:
            return None
        return _object(answer.get("SecretString"))


def _object(text: str | None) -> dict[str, Any]:
    content = json_object(text or "")
    if content is None:
        raise CredentialsError(
            "The secret is not a JSON object.",
            action="Store the client credentials with `make secret`.",
            code="secret_malformed",
        )
    return content
