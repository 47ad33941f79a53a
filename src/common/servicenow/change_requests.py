"""Change requests: through the Change Management API, and through the Table API where that one is not there.

ServiceNow moves a change by its model: nobody skips a state, and Review is left with a close code alone. So closing is
a walk. Facts: change-insert-200, change-states, change-roles, change-closing in docs/servicenow-facts.toml.
"""

from collections.abc import Mapping
from typing import Any
from urllib.parse import quote

from common.clock import Deadline
from common.errors import AmbiguousError, ConfigurationError, PermanentError
from common.servicenow.client import Answer, ServiceNowClient
from common.servicenow.kept import ignored
from common.servicenow.records import SYS_ID, Record, Records, checked_sys_id
from common.servicenow.refusals import RejectedError
from common.telemetry import Telemetry

TABLE = "change_request"

NEW, ASSESS, AUTHORIZE, SCHEDULED, IMPLEMENT, REVIEW, CLOSED, CANCELED = "-5", "-4", "-3", "-2", "-1", "0", "3", "4"
"""The states of a change."""

BEFORE_APPROVAL = frozenset({NEW, ASSESS, AUTHORIZE})
AFTER_APPROVAL = (SCHEDULED, IMPLEMENT, REVIEW)
"""The states in which a change waits for people, and those that its model lets it into once they have agreed."""

TEMPLATE = "std_change_producer_version"
"""The column that names the template of a standard change, and how a request names it: by a sys_id."""

UNSUCCESSFUL = "unsuccessful"
CLOSE_CODES = ("successful", "successful_issues", UNSUCCESSFUL)

PATH = "/api/sn_chg_rest/v1/change"

# A refusal of the whole API, before anything was carried out.
_NOT_FOR_US = frozenset({"api_denied", "api_unscoped", "scope_missing", "no_resource"})
_MARKERS = ("correlation_display", "correlation_id")


class ChangeRequests:
    """Opens and changes change requests."""

    def __init__(self, client: ServiceNowClient, records: Records, *, telemetry: Telemetry) -> None:
        """Call through `client`; `records` is the Table API, whose fields must include state."""
        self._client = client
        self._records = records
        self._telemetry = telemetry

    def create(self, fields: Mapping[str, str], deadline: Deadline) -> Record:
        """Open a normal change, or a standard one where `fields` name a template.

        Raises what `ServiceNowClient.call` raises, and RejectedError where only the Change Management API could do it.
        """
        fields = self._records.as_written(fields)
        template = fields.get(TEMPLATE, "")
        if not template:
            return self._written("POST", f"{PATH}/normal", fields, deadline) or self._records.create(
                TABLE, fields, deadline
            )
        if not SYS_ID.fullmatch(template):
            raise PermanentError(
                "The template of a standard change is no sys_id.",
                action="Send the sys_id of the template's record: 32 lower-case hexadecimal digits.",
                status=400,
            )
        rest = {name: value for name, value in fields.items() if name not in (TEMPLATE, "type")}
        made = self._written("POST", f"{PATH}/standard/{quote(template)}", rest, deadline)
        if made is None:
            raise RejectedError(
                "A standard change is made from its template by the Change Management API alone, which refuses the "
                "integration user or is not there (403).",
                action="Give the user the role itil, its OAuth registry record a scope for the API, and activate the "
                "plugin com.snc.change_management; make doctor shows which.",
                status=403,
                code="change_api_denied",
            )
        return made

    def update(self, sys_id: str, fields: Mapping[str, str], deadline: Deadline) -> Record:
        """Change fields of a change request; with the state Closed, walk there. Repeating it goes on where it was."""
        if fields.get("state") != CLOSED:
            return self._patch(sys_id, fields, deadline)
        record = self._records.read(TABLE, sys_id, deadline)
        state = CLOSED if record is None else record.fields.get("state", "")
        if record is not None and state in (CLOSED, CANCELED):
            marker = {name: fields[name] for name in _MARKERS if name in fields}
            return self._patch(sys_id, marker, deadline) if marker else record
        if state in BEFORE_APPROVAL:
            return self._patch(sys_id, _canceled(fields), deadline)
        for step in AFTER_APPROVAL[AFTER_APPROVAL.index(state) + 1 :] if state in AFTER_APPROVAL else ():
            reached = self._patch(sys_id, {"state": step}, deadline)
            if reached.fields.get("state") != step:
                raise _stuck()
        return self._patch(sys_id, fields, deadline)

    def _patch(self, sys_id: str, fields: Mapping[str, str], deadline: Deadline) -> Record:
        fields = self._records.as_written(fields)
        changed = self._written("PATCH", f"{PATH}/{checked_sys_id(sys_id)}", fields, deadline)
        return changed or self._records.update(TABLE, sys_id, fields, deadline)

    def _written(self, method: str, target: str, fields: Mapping[str, str], deadline: Deadline) -> Record | None:
        """Return the record of a write through the Change Management API; None where it is not there for us."""
        try:
            answer = self._client.call(method, target, fields=fields, deadline=deadline)
        except ConfigurationError as error:
            if error.code not in _NOT_FOR_US:
                raise
            self._telemetry.count("ChangeApiRefusals")
            self._telemetry.log.warning(
                "The Change Management API refuses the integration user or is not there: the Table API is used.",
                action="Give the user the role itil; make doctor shows what is missing.",
                reason=error.code,
            )
            return None
        return _record(answer, fields)


def _canceled(fields: Mapping[str, str]) -> dict[str, str]:
    """Return what ends a change that nobody has approved. Raises RejectedError where it is said to be a success."""
    if fields.get("close_code") != UNSUCCESSFUL:
        raise RejectedError(
            "The change is not approved, so it can't be closed as successful.",
            action="Close it as unsuccessful, which cancels it, or let the approvers decide first.",
            code="not_approved",
        )
    kept = {name: value for name, value in fields.items() if name != "close_code"}
    return {**kept, "state": CANCELED}


def _stuck() -> RejectedError:
    return RejectedError(
        "ServiceNow took the change request's next state and left it where it was.",
        action="Let the integration user move changes by the API, or close this one in ServiceNow: its change model "
        "asks for something that the API does not bring.",
        code="state_ignored",
    )


def _record(answer: Answer, sent: Mapping[str, str]) -> Record:
    fields = _plain(answer.result)
    if not SYS_ID.fullmatch(fields.get("sys_id", "")):
        raise AmbiguousError(
            "The Change Management API answered a write with something that is not the record.",
            action="The bridge looks whether the write was carried out. If this stays, look for a script that changes "
            "the API's answers.",
        )
    return Record(fields["sys_id"], fields, answer.headers.get("X-Transaction-ID", ""), ignored(sent, fields))


def _plain(result: Any) -> dict[str, str]:  # noqa: ANN401 (any JSON value)
    """Return the values of fields that come as `{"display_value": …, "value": …}`, as the Table API writes them."""
    pairs = result.items() if isinstance(result, dict) else ()
    return {name: _text(pair["value"]) for name, pair in pairs if isinstance(pair, dict) and "value" in pair}


def _text(value: Any) -> str:  # noqa: ANN401 (any JSON value)
    if isinstance(value, bool):
        return "true" if value else "false"
    return "" if value is None else str(value)
