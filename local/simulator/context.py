"""Who asks, and what that user may do."""

from dataclasses import dataclass
from typing import Literal

from .messages import ApiError, Request
from .records import Row, Store
from .switches import Switches

type Operation = Literal["read", "insert", "update", "delete"]
NO_RECORD = ("No Record found", "Record doesn't exist or ACL restricts the record retrieval")
_WANTED_ROLES = {"oauth_entity": "oauth_admin"}


@dataclass(frozen=True, slots=True)
class Context:
    """One request's view of the instance: the records, the switches, the user's name and sys_id, the time."""

    store: Store
    switches: Switches
    actor: str
    actor_id: str
    now: float

    def require_table(self, table: str) -> None:
        """Raise ApiError 400 for a table that does not exist."""
        if table not in self.store.schema:
            raise ApiError(400, f"Invalid table {table}")

    def allowed(self, table: str, operation: Operation) -> bool:
        """Tell whether the table's access rules let the user do something."""
        wanted = _WANTED_ROLES.get(table)
        if wanted is not None and not self.roles() & {wanted, "admin"}:
            return False
        return f"{table}.{operation}" not in self.switches.denied_operations

    def require(self, table: str, operation: Operation) -> None:
        """Raise ApiError 403 where the table's access rules refuse a write."""
        if not self.allowed(table, operation):
            raise acl_refusal(operation)

    def record(self, table: str, sys_id: str, *, reads: bool = False) -> Row:
        """Return a record itself, not a copy. Raises ApiError 404 where there is none, or `reads` is not allowed."""
        row = self.store.find(table, sys_id)
        if row is None or sys_id in self.switches.hidden_records or (reads and not self.allowed(table, "read")):
            raise ApiError(404, *NO_RECORD)
        return row

    def roles(self) -> frozenset[str]:
        """Return the names of the roles that the user holds."""
        names = {row["sys_id"]: row["name"] for row in self.store.rows("sys_user_role")}
        held = self.store.rows("sys_user_has_role")
        return frozenset(names.get(row["role"], "") for row in held if row["user"] == self.actor_id)

    def blank_fields(self, table: str) -> frozenset[str]:
        """Return the names of the fields that the user may not read."""
        return _of_table(self.switches.unreadable_fields, table)

    def denied_fields(self, table: str) -> frozenset[str]:
        """Return the names of the fields that the user may not write."""
        return _of_table(self.switches.denied_fields, table)


def acl_refusal(operation: Operation) -> ApiError:
    """Return what an access rule answers."""
    what = "Query" if operation == "read" else operation.capitalize()
    return ApiError(403, "Operation Failed", f"ACL Exception {what} Failed due to security constraints")


def _of_table(entries: tuple[str, ...], table: str) -> frozenset[str]:
    return frozenset(entry.partition(".")[2] for entry in entries if entry.partition(".")[0] == table)


def base_url(request: Request) -> str:
    """Return `https://host` as the caller named it."""
    return f"https://{request.host}"
