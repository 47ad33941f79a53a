"""Whether changes can be opened, and their approval seen."""

from dataclasses import dataclass
from http import HTTPStatus

from common.checkup.report import Finding
from common.clock import Deadline
from common.errors import ConfigurationError, PermanentError
from common.servicenow.change_requests import PATH, TABLE
from common.servicenow.client import ServiceNowClient
from common.servicenow.records import Records

_NO_RECORD = "0" * 32


@dataclass(frozen=True, slots=True)
class GateCheck:
    """The check of the Change Management API and of the column `approval`, which `records` must ask for."""

    client: ServiceNowClient
    records: Records
    is_on: bool

    def asked(self, deadline: Deadline) -> Finding:
        """Read a change, and try to write one that is not there: both say which role is missing."""
        if not self.is_on:
            return Finding("off: ChangeGate is false")
        self._called("GET", f"{PATH}?sysparm_limit=1", "sn_change_read or itil", deadline)
        self._called("PATCH", f"{PATH}/{_NO_RECORD}", "itil or change_manager", deadline)
        found = self.records.find(TABLE, "", deadline, limit=1)
        if not found:
            return Finding("the API takes writes; there is no change yet that could show its approval", observed=False)
        if "approval" not in found[0].fields:
            raise ConfigurationError(
                "ServiceNow does not show whether a change is approved.",
                action="Let the integration user read the field approval of change_request.",
                code="approval_hidden",
            )
        return Finding("changes can be opened and closed, and their approval is seen")

    def _called(self, method: str, target: str, roles: str, deadline: Deadline) -> None:
        fields: dict[str, str] | None = {} if method == "PATCH" else None
        try:
            self.client.call(method, target, fields=fields, deadline=deadline)
        except PermanentError as error:
            if error.status != HTTPStatus.NOT_FOUND:
                raise
        except ConfigurationError as error:
            raise ConfigurationError(
                f"The Change Management API refuses {method} to the integration user, or is not there ({error.code}): "
                "changes go through the Table API, and templates don't work.",
                action=f"Give the user the role {roles}, and activate the plugin com.snc.change_management.",
                status=error.status,
                code=error.code,
            ) from None
