"""What ServiceNow's refusals mean: that this one request is wrong, that every request is, or that nobody can tell.

The words are those of an English user, as documented and as captured (docs/servicenow-facts.toml); to users of another
language ServiceNow says something else. Only names are repeated: of a business rule, of mandatory fields.
"""

import re
from collections.abc import Mapping
from http import HTTPStatus
from typing import Any

from common.errors import BridgeError, ConfigurationError, PermanentError, TransientError
from common.text import one_line

_LONGEST_NAMES = 120
# What is in the words of a refusal that concerns every request → its code; the first match counts.
_HELD_REFUSALS: Mapping[str, str] = {
    "Missing required api access scope": "scope_missing",
    "Access to unscoped api": "api_unscoped",
    "User Not Authorized": "api_denied",
    "Insufficient rights to query records": "read_denied",
    "Field(s) present in the query": "read_denied",
    "Query Failed": "read_denied",
    "Insert Failed": "insert_denied",
}
_NO_RECORD = ("No Record found", "Record doesn't exist")
_UNREADABLE = ("Exception while reading request", "Rejected large REST payload")
_BUSINESS_RULE = re.compile(r"aborted by Business Rule(?: '([^'^]{1,200}))?", re.IGNORECASE)
_MANDATORY = re.compile(r"fields are mandatory: *(.{1,400})", re.IGNORECASE | re.DOTALL)
_NUMBER_TAKEN = re.compile(r"Unique Key violation.*number", re.IGNORECASE | re.DOTALL)
_DOUBTFUL: Mapping[int, str] = {
    400: "bad_request",
    403: "refused",
    404: "no_record",
    405: "refused",
    406: "refused",
    415: "refused",
}
_KNOWN: Mapping[int, tuple[str, str]] = {
    400: ("ServiceNow cannot read the request or does not know the table (400).", "Correct the rule's table."),
    403: ("ServiceNow refuses this record (403).", "Check the access controls of the table for this record."),
    404: ("ServiceNow has no such record, or hides it (404).", "Check the record and its access controls."),
    409: ("ServiceNow reports a conflict (409).", "Look at the record in ServiceNow."),
    413: ("The request is too large for ServiceNow (413).", "Shorten the fields that the rule writes."),
    414: ("The URL is too long for ServiceNow (414).", "Shorten the query."),
}


class RejectedError(PermanentError):
    """ServiceNow answered with a refusal of this one request; `status` is its HTTP status."""


class DoubtfulError(RejectedError):
    """A refusal that does not say whom it concerns: this request, or every one like it.

    `method` is that of the request. Who has seen what became of others may raise `for_everybody` instead.
    """

    method = ""

    def for_everybody(self) -> "UndecidedError":
        """Return the error that holds this request, and every one like it, until a person has looked."""
        return UndecidedError(
            f"{self.message} Nothing like it was accepted since.",
            action=f"{self.action} Set the integration user's language to English: ServiceNow's words then tell more.",
            status=self.status,
            code=self.code,
        )


class AccessDeniedError(ConfigurationError):
    """The integration user may not use the API or the table at all."""


class UndecidedError(AccessDeniedError):
    """Held because nobody knows yet whom a refusal concerns. Writes of another kind may well be accepted."""


def refusal(method: str, status: int, error: Mapping[str, Any]) -> BridgeError:
    """Return what the `error` of a 4xx answer to a request means."""
    words = f"{error.get('message')} {error.get('detail')}"
    if status == HTTPStatus.FORBIDDEN and (known := _forbidden(words)):
        return known
    if status in {HTTPStatus.BAD_REQUEST, HTTPStatus.NOT_FOUND} and (known := _not_there(status, words)):
        return known
    update = status == HTTPStatus.FORBIDDEN and "Update Failed" in words
    code = "update_denied" if update else _DOUBTFUL.get(status, "")
    message, action = _KNOWN.get(
        status, (f"ServiceNow refuses the request ({status}).", "Report this as a defect of the bridge.")
    )
    is_clear = any(text in words for text in (*_NO_RECORD, *_UNREADABLE))
    if status not in _DOUBTFUL or is_clear:
        return RejectedError(message, action=action, status=status, code=code)
    doubt = DoubtfulError(message, action=action, status=status, code=code)
    doubt.method = method
    return doubt


def _forbidden(words: str) -> BridgeError | None:
    held = next((code for text, code in _HELD_REFUSALS.items() if text in words), None)
    if held is not None:
        return AccessDeniedError(
            "ServiceNow does not let the integration user use this API or table (403).",
            action="Give it the roles sn_incident_read and sn_incident_write, snc_platform_rest_api_access where "
            "REST ACLs are active; and link the scope useraccount to its OAuth registry record.",
            status=403,
            code=held,
        )
    if "Data Policy" in words:
        return RejectedError(
            f"A data policy of ServiceNow misses a mandatory field{_named(_MANDATORY, words)} (403).",
            action="Set CloseCode to a resolution code that exists in the instance, or add the field to the rule.",
            status=403,
            code="data_policy",
        )
    if _NUMBER_TAKEN.search(words):
        return TransientError(
            "ServiceNow gave the new record a number that is taken (403).",
            action="Nothing is to be done unless it stays; then look at Number Maintenance in ServiceNow.",
            status=403,
            code="number_taken",
        )
    if _BUSINESS_RULE.search(words):
        return RejectedError(
            f"A business rule of ServiceNow aborts the write{_named(_BUSINESS_RULE, words)} (403).",
            action="In System Definition > Business Rules, see what it asks for; let the rules of the bridge fill it, "
            "or exempt the integration user.",
            status=403,
            code="business_rule",
        )
    return None


def _not_there(status: int, words: str) -> BridgeError | None:
    if "Invalid table" in words:
        return ConfigurationError(
            f"The instance has no such table ({status}).",
            action="Correct the table of the rule, or activate the plugin that brings it.",
            status=status,
            code="no_table",
        )
    if "Requested URI does not represent any resource" in words:
        return ConfigurationError(
            f"The instance does not know the address of its own API ({status}).",
            action="Check the parameter InstanceHost, the proxies on the way, and that the API's plugin is active.",
            status=status,
            code="no_resource",
        )
    return None


def _named(pattern: re.Pattern[str], words: str) -> str:
    """Return the names that ServiceNow gives, after a colon, made fit for a log; empty where it gives none."""
    found = pattern.search(words)
    names = one_line(found[1] or "")[:_LONGEST_NAMES] if found else ""
    return f": {names}" if names else ""
