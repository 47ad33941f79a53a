"""Whether the client secret can be rotated, where it is to be."""

from dataclasses import dataclass

from common.checkup.report import Finding
from common.clock import Deadline
from common.errors import ConfigurationError
from common.oauth.client import ClientInUse
from common.servicenow.registry import Registry


@dataclass(frozen=True, slots=True)
class RotationCheck:
    """Looks for what a rotation every `days` needs; 0 is none."""

    registry: Registry
    client: ClientInUse
    days: int

    def look(self, deadline: Deadline) -> Finding:
        """Find the client's own record in the registry. Whether it can be written, only a rotation shows."""
        if not self.days:
            return Finding("the client secret is not rotated by Secrets Manager (SecretRotationDays)")
        known = self.client.known()
        if known.signing is not None:
            raise ConfigurationError(
                "The client signs with a key of KMS: there is no secret to rotate.",
                action="Set SecretRotationDays to 0.",
                code="nothing_to_rotate",
            )
        self.registry.find(known.client_id, deadline)
        return Finding(f"every {self.days} days; the client's own record in the registry can be read")
