"""The client's own record in ServiceNow's application registry (oauth_entity), for instances that let it be written.

Whoever may write it may become any client of the instance: give the role for this one record (docs/setup.md).
"""

from common.clock import Deadline
from common.errors import ConfigurationError
from common.servicenow.client import ServiceNowClient
from common.servicenow.query import equals
from common.servicenow.records import Records

TABLE = "oauth_entity"
_FIELDS = ("sys_id", "client_id")


class Registry:
    """Finds the record of a client, and replaces its secret."""

    def __init__(self, client: ServiceNowClient) -> None:
        """Call through `client`."""
        self._client = client
        self._records = Records(client, _FIELDS)

    def find(self, client_id: str, deadline: Deadline) -> str:
        """Return the sys_id of the record of `client_id`.

        Raises ConfigurationError where the user does not see exactly one, and what `Records.find` raises.
        """
        rows = self._records.find(TABLE, equals("client_id", client_id), deadline)
        found = [row.sys_id for row in rows if row.fields.get("client_id") == client_id]
        if len(found) != 1:
            raise ConfigurationError(
                "The integration user does not see the client's own record in the application registry.",
                action="Let it read and write that one record of oauth_entity (docs/setup.md), or set "
                "SecretRotationDays to 0.",
                code="registry_hidden",
            )
        return found[0]

    def replace_secret(self, client_id: str, client_secret: str, deadline: Deadline) -> None:
        """Let the client authenticate with `client_secret` from now on. Repeating it does no harm.

        Raises as `find`, and what `ServiceNowClient.call` raises.
        """
        target = f"/api/now/v2/table/{TABLE}/{self.find(client_id, deadline)}?sysparm_fields=sys_id"
        self._client.call("PATCH", target, fields={"client_secret": client_secret}, deadline=deadline)
