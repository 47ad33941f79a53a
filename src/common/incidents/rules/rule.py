"""A rule, and the alert that it makes of an event."""

import fnmatch
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

from common.clock import DAY
from common.errors import PermanentError
from common.incidents.alert import (
    DEFAULT_TABLE,
    ONLY_MEMBER,
    Alert,
    FollowUp,
    Policy,
    Status,
    dedup_key,
    digest,
    storable,
)
from common.incidents.due import FURTHEST_FUTURE, OLDEST_EVENT
from common.incidents.event_management import SEVERITY_OF_EVENTS, event_fields
from common.incidents.expressions import Expression, Template, as_text, milliseconds
from common.incidents.fields import inert_fields, inert_note, with_footer
from common.incidents.own_events import SEVERITIES
from common.incidents.rules.names import LEVELS, is_column
from common.incidents.rules.on_change import OnChange
from common.incidents.rules.storms import StormRule
from common.incidents.rules.surroundings import NOTHING_AROUND, Surroundings
from common.incidents.severities import DEFAULT_SEVERITY, known_severity
from common.incidents.storm import Cover, Storm
from common.servicenow.event_management import EVENT_TABLE
from common.text import link_line, one_line

_LONGEST_ID = 64
_MOST_RESOURCES = 3
_LONGEST_ARN = 1000
_OLDEST = OLDEST_EVENT - DAY  # a day in the queue still makes it no older than the desk takes

_FOOTER = Template.parse(
    "Region: {{ region }}\n"
    "Resource: {{ resources[0] }}\n"
    'Event: {{ source }} / {{ "detail-type" }} at {{ time }}, id {{ id }}'
)


@dataclass(frozen=True, slots=True, kw_only=True)
class Rule:
    """One kind of event: when it fires and recovers, which problem it is about, and what the record says.

    `each` names the list that holds several problems. `runbook` is a link that stands first in the description.
    `quiet_until` finds the end of a window in which the sender itself wants quiet, and `quiet_by` its name. `origin`
    stands for the source in what names the problem, so that one that comes by several doors is one. `tables` are those
    that the deployment may write. `once` is for events that ask for one record and say the same each time: another
    content under the same key is refused. `follow_ups` are what is added once the record is open. `object` names the
    object of AWS that the event is about, `on_change` says what a change in ServiceNow does to it. `storm` gathers many
    problems in one record, and `covers` are expressions that tell which other problems need none while this one fires;
    `tells_about` says that some rule has such. `overrides` names what was laid over the rule for one event, and
    `dropped_by` the one of them that says that nothing is opened for it. `surroundings` are what its texts may tell
    beside the event.
    """

    name: str
    sources: tuple[str, ...]
    detail_types: tuple[str, ...]
    when: Expression | None
    key: tuple[Expression, ...]
    each: Expression | None = None
    origin: Expression | None = None
    quiet_until: Expression | None = None
    quiet_by: Expression | None = None
    firing: Expression
    resolved: Expression | None
    time: Expression | None
    severity: Expression | None
    link: Template | None
    runbook: Template | None = None
    fields: Mapping[str, Template]
    fields_from: Expression | None = None
    accepts: tuple[str, ...] = ()
    firing_note: Template
    resolved_note: Template
    policy: Policy
    table: str = DEFAULT_TABLE
    table_from: Expression | None = None
    tables: frozenset[str] = frozenset({DEFAULT_TABLE})
    group: tuple[Expression, ...] = ()
    storm: StormRule | None = None
    covers: tuple[str, ...] = ()
    tells_about: bool = False
    once: bool = False
    follow_ups: tuple[FollowUp, ...] = ()
    object: Mapping[str, Expression] = field(default_factory=dict)
    on_change: tuple[OnChange, ...] = ()
    overrides: tuple[str, ...] = ()
    dropped_by: str = ""
    surroundings: Surroundings = NOTHING_AROUND

    def alert(self, event: Mapping[str, Any]) -> Alert | None:
        """Return the alert of an event that this rule matches; None where it neither fires nor recovers.

        None too where an override drops it; a recovery is never dropped, so that what is open gets resolved.
        Raises PermanentError where the event lacks what names the problem, or its time, or asks for a field or a
        table that is not allowed.
        """
        status = self.status_of(event)
        if status is None or (self.dropped_by and status is Status.FIRING):
            return None
        note = self.firing_note if status is Status.FIRING else self.resolved_note
        key, member = self._identity(event)
        table = self._table(event)
        told = self.surroundings.around(event)
        fields = self._fields(told, table) if status is Status.FIRING or table == EVENT_TABLE else {}
        return Alert(
            key=key,
            status=status,
            occurred_at=self._occurred_at(event),
            fields=fields,
            note=inert_note(self.surroundings.told(note.render(told))),
            table=table,
            policy=self.policy,
            member=member,
            fingerprint=self._fingerprint(event, table) if self.once else "",
            event_id=str(event.get("id", ""))[:_LONGEST_ID],
            resources=_resources(event),
            object=self._object(event) if self.object and status is Status.FIRING else {},
            storm=self._storm(event, table, fields) if status is Status.FIRING else None,
            about=self.about(event) if self.tells_about and status is Status.FIRING else None,
            covers=Cover(self.covers, self.about(event)) if self.covers else None,
            **self._quiet(event, status),
            follow_ups=self.follow_ups,
            event=event if self.follow_ups else {},
        )

    def status_of(self, event: Mapping[str, Any]) -> Status | None:
        """Return whether the event says that the problem is there, or over; None where it says neither."""
        if self.firing.holds(event):
            return Status.FIRING
        return Status.RESOLVED if self.resolved is not None and self.resolved.holds(event) else None

    def tags(self, *, fields: bool) -> frozenset[str]:
        """Return the names of the tags that its texts ask for; with `fields` those of a new record's fields too."""
        written = (self.runbook, self.link, *self.fields.values()) if fields else ()
        texts = (self.firing_note, self.resolved_note, *written)
        asked = (text.tags for text in (*texts, self.severity) if text is not None)
        return frozenset().union(*asked)

    def severity_of(self, event: Mapping[str, Any]) -> str:
        """Return one of `SEVERITIES`, whatever other systems call it; medium where it says nothing that is known."""
        return known_severity(self.severity.text(event) if self.severity is not None else "") or DEFAULT_SEVERITY

    def about(self, event: Mapping[str, Any]) -> dict[str, Any]:
        """Return the event as conditions of overrides and windows see it: with `rule` and `severity` beside it."""
        beside = {"rule": self.name, "severity": self.severity_of(event)}
        return {**self.surroundings.around(event), **beside}

    def key_of(self, event: Mapping[str, Any]) -> str:
        """Return the dedup key for a log, empty where the event lacks what names the problem."""
        try:
            return self._identity(event)[0]
        except PermanentError:
            return ""

    def _identity(self, event: Mapping[str, Any]) -> tuple[str, str]:
        """Return the dedup key and the member. Both carry the origin: nobody resolves another's problem."""
        parts = [expression.text(event) for expression in self.key]
        for expression, part in zip(self.key, parts, strict=True):
            if not part:
                raise PermanentError(
                    f"The event has no {expression.source}, which the rule {self.name} needs to name the problem.",
                    action="Correct what sends the event, or the rule's key.",
                )
        source = self.origin.text(event) if self.origin is not None else ""
        origin = (event["account"], event["region"], source or event["source"], self.name)
        own = dedup_key(*origin, *parts)
        labels = [expression.text(event) for expression in self.group]
        if not any(labels):
            return own, ONLY_MEMBER
        return dedup_key("group", *origin, *labels), digest(own)[:16]

    def _object(self, event: Mapping[str, Any]) -> dict[str, str]:
        """Return what names the object of AWS that the event is about; nothing where a part is longer than any name."""
        parts = {name: storable(expression.text(event)) for name, expression in self.object.items()}
        if any(len(part) > _LONGEST_ARN for part in parts.values()):
            return {}
        return {name: part for name, part in parts.items() if part}

    def _storm(self, event: Mapping[str, Any], table: str, fields: Mapping[str, str]) -> Storm | None:
        if self.storm is None or self.once or table == EVENT_TABLE:
            return None
        return self.storm.storm(event, table, fields)

    def _table(self, event: Mapping[str, Any]) -> str:
        if self.table_from is None:
            return self.table
        table = self.table_from.text(event)
        if table not in self.tables or table == EVENT_TABLE:
            raise PermanentError(
                f"The event's {self.table_from.source} names a table that may not be written.",
                action="Use another table, or add this one to the parameter AllowedTables.",
            )
        return table

    def _occurred_at(self, event: Mapping[str, Any]) -> int:
        sent = milliseconds(str(event["time"]))
        told = milliseconds(self.time.text(event)) if self.time is not None else None
        if told is not None and told > 0:
            # What still fires, and is told again, may have begun long ago; and the clocks of others go wrong.
            if not sent or sent < 0:
                return told
            return max(told if told < sent + FURTHEST_FUTURE else sent, sent - _OLDEST)
        if sent is not None and sent > 0:
            return sent
        is_a_time = sent is not None
        raise PermanentError(
            f"The event's time is {'before 1970-01-01T00:00:01Z' if is_a_time else 'no ISO 8601 timestamp'}.",
            action="Correct what sends the event and send it again.",
        )

    def _quiet(self, event: Mapping[str, Any], status: Status) -> dict[str, Any]:
        text = self.quiet_until.text(event) if self.quiet_until is not None and status is Status.FIRING else ""
        by = self.quiet_by.text(event) if self.quiet_by is not None else ""
        return {"quiet_until": milliseconds(text) or 0, "quiet_by": one_line(by) or self.name} if text else {}

    def _fields(self, event: Mapping[str, Any], table: str) -> dict[str, str]:
        severity = self.severity_of(event)
        fields = {name: template.render(event) for name, template in self.fields.items()} | self._sent(event)
        if fields.get("short_description") == "":
            fields["short_description"] = f"{event['detail-type']}: {self.key[0].text(event)}"
        if "description" in fields and not self.once:
            fields["description"] = self.surroundings.told(fields["description"])
        runbook = self.runbook.render(event) if self.runbook is not None else ""
        if runbook:
            first = (link_line(runbook, "Runbook"), fields.get("description", ""))
            fields["description"] = "\n\n".join(filter(None, first))
        link = self.link.render(event) if self.link is not None else ""
        ending = f"Account: {self.surroundings.account(event)}\n{self.surroundings.told(_FOOTER.render(event))}"
        footer = "\n\n".join(filter(None, (link_line(link), ending)))
        if table == EVENT_TABLE:
            described = with_footer(fields.get("description", ""), footer)
            return event_fields({**fields, "description": described}, event, self.name, SEVERITY_OF_EVENTS[severity])
        if table == DEFAULT_TABLE or self.severity is not None:
            levels = zip(("impact", "urgency"), SEVERITIES[severity], strict=True)
            fields |= {name: level for name, level in levels if fields.get(name) not in LEVELS}
        texts = inert_fields(fields)
        if table == DEFAULT_TABLE or "description" in texts:
            texts["description"] = with_footer(fields.get("description", ""), footer)
        return texts

    def _fingerprint(self, event: Mapping[str, Any], table: str) -> str:
        return digest(table, *(part for pair in sorted(self._sent(event).items()) for part in pair))

    def _sent(self, event: Mapping[str, Any]) -> dict[str, str]:
        """Return the fields that the event itself brings. Raises PermanentError that names one that is not allowed."""
        if self.fields_from is None:
            return {}
        found = self.fields_from.value(event)
        if not isinstance(found, dict):
            return {}
        for name in found:
            if not is_column(name) or not any(fnmatch.fnmatchcase(name, pattern) for pattern in self.accepts):
                way = f", or add it to what the rule {self.name} accepts" if is_column(name) else ""
                raise PermanentError(
                    f"The event's {self.fields_from.source}.{name[:80]!r} may not be set by an event.",
                    action=f"Leave it out{way}.",
                )
        return {name: as_text(value) for name, value in found.items()}


def _resources(event: Mapping[str, Any]) -> tuple[str, ...]:
    """Return the first ARNs that an event names, those of a sensible length."""
    named = event.get("resources")
    arns = [storable(one) for one in named if isinstance(one, str)] if isinstance(named, list) else []
    return tuple(one for one in arns[:_MOST_RESOURCES] if one.startswith("arn:") and len(one) <= _LONGEST_ARN)
