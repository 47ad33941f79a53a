"""A change of a record, as the watch tells it: docs/schemas/record-changed.schema.json. Pure."""

import json
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from common.errors import PermanentError
from common.incidents.own_events import RECORD_CHANGED

_TEXTS = ("id", "deployment", "table", "number", "sys_id", "link", "by", "updated_by")
_MAYBE = ("dedup_key", "account", "region", "source", "rule")


@dataclass(frozen=True, slots=True)
class RecordChange:
    """One change. `changes` holds old and new by field, `record` the fields as they are, `objects` what it stands for.

    `event` is all of it as it came, for expressions of rules. `account`, `region` and `rule` are of the event that
    opened the record, empty where there was none.
    """

    event: Mapping[str, Any]
    table: str
    number: str
    sys_id: str
    link: str
    by: str
    updated_by: str
    updates: int
    time: str
    changes: Mapping[str, Mapping[str, str | None]]
    record: Mapping[str, str]
    account: str = ""
    region: str = ""
    rule: str = ""
    objects: tuple[Mapping[str, str], ...] = ()

    def changed(self, field: str) -> bool:
        """Tell whether a field is another than before; of a record that is told of for the first time all are."""
        return field in self.changes

    @property
    def is_first(self) -> bool:
        """Whether nobody knows what the record was before."""
        return any(change["old"] is None for change in self.changes.values())


def change_in(body: str, *, deployment: str) -> RecordChange:
    """Return the change in a message. Raises PermanentError where it is none, or that of another deployment."""
    try:
        event = json.loads(body)
    except (ValueError, RecursionError):
        raise _no_change("it is not JSON") from None
    detail = event.get("detail") if isinstance(event, dict) else None
    if not isinstance(detail, dict) or event.get("detail-type") != RECORD_CHANGED:
        raise _no_change(f"it is no event of the type {RECORD_CHANGED}")
    texts: dict[str, Any] = {name: detail.get(name) for name in _TEXTS} | {
        name: detail.get(name) or "" for name in _MAYBE
    }
    for name, text in texts.items():
        if not isinstance(text, str):
            raise _no_change(f"its {name} is missing or no text")
    if texts["deployment"] != deployment:
        raise _no_change("it tells of another deployment")
    updates: Any = detail.get("updates")
    changes: Any = detail.get("changes")
    record: Any = detail.get("record")
    objects: Any = detail.get("objects", [])
    if type(updates) is not int or not _is_texts(record) or not _are_changes(changes):
        raise _no_change("its updates, changes or record are missing or malformed")
    if not isinstance(objects, list) or not all(map(_is_texts, objects)):
        raise _no_change("its objects are no list of objects that hold texts")
    return RecordChange(
        event=event,
        table=texts["table"],
        number=texts["number"],
        sys_id=texts["sys_id"],
        link=texts["link"],
        by=texts["by"],
        updated_by=texts["updated_by"],
        updates=updates,
        time=str(event.get("time", "")),
        changes=changes,
        record=record,
        account=texts["account"],
        region=texts["region"],
        rule=texts["rule"],
        objects=tuple(objects),
    )


def _is_texts(value: object) -> bool:
    return isinstance(value, dict) and all(isinstance(text, str) for text in value.values())


def _are_changes(value: object) -> bool:
    return isinstance(value, dict) and all(
        isinstance(change, dict)
        and isinstance(change.get("new"), str)
        and isinstance(change.get("old"), str | None)
        and "old" in change
        for change in value.values()
    )


def _no_change(why: str) -> PermanentError:
    return PermanentError(
        f"The message tells of no change in ServiceNow: {why}.",
        action="Look who puts messages into the queue of actions: only the stack's own rule of EventBridge should.",
    )
