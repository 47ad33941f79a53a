"""Business rules and access rules that look at a record before they let a write pass.

Captured words: `403 Operation Failed`, "Operation against file '…' was aborted by Business Rule '…'".
"""

from collections.abc import Mapping

from .context import Context, Operation, acl_refusal
from .incident import FINAL
from .messages import ApiError

_CLOSED = "Closed incidents are read only"


def enforce(context: Context, table: str, operation: Operation, before: Mapping[str, str] | None = None) -> None:
    """Raise ApiError 403 where a rule stops a write; `before` is the record that is to be changed."""
    if before is not None and table == "incident" and before["state"] in FINAL:
        if context.switches.closed_records == "acl":
            raise acl_refusal(operation)
        if context.switches.closed_records == "rule":
            raise aborted(context, table, _CLOSED)
    for entry in context.switches.aborting_rules:
        where, _, rule = entry.partition(":")
        if where == f"{table}.{operation}":
            raise aborted(context, table, rule)


def aborted(context: Context, table: str, rule: str) -> ApiError:
    """Return the refusal of a business rule, which names itself."""
    named = f"{rule}^{context.actor_id}"
    stack = f"Business Rule Stack:{rule}"
    detail = f"Operation against file '{table}' was aborted by Business Rule '{named}'. {stack}"
    return ApiError(403, "Operation Failed", detail)
