"""The shapes of what callers and monitoring tools report, for validation and for docs/openapi.json."""

from itertools import batched
from typing import Annotated, Literal, Self

from pydantic import BaseModel, BeforeValidator, Field, PlainValidator, ValidationError, model_validator

from common.api.alerts import CallersAlert, Refused
from common.api.models import Level, Line, Strict, Value
from common.api.times import SensibleTime, Time, or_never
from common.api.webhooks import WebhookEntry, webhook_alerts
from common.doors.webhook import counted
from common.incidents.expressions import as_text
from common.incidents.rules.splitting import MOST_PARTS

_REFUSED_TOGETHER = 100
_LONGEST_REASON = 300


class AlertFields(Strict):
    """Fields of a new incident that an alert may choose: those that src/rules/own-alerts.toml accepts."""

    assigned_to: Line = ""
    assignment_group: Line = ""
    business_service: Line = ""
    caller_id: Line = ""
    category: Line = ""
    cmdb_ci: Line = ""
    comments: Value = ""
    company: Line = ""
    contact_type: Line = ""
    impact: Level = "2"
    location: Line = ""
    service_offering: Line = ""
    subcategory: Line = ""
    urgency: Level = "2"
    work_notes: Value = ""


class OwnAlert(Strict):
    """What a caller says about one problem of its own: it is there, or it is over."""

    dedup_key: Annotated[
        str, Field(min_length=1, max_length=255, pattern=r"\S", description="Names the problem among the caller's.")
    ]
    status: Literal["firing", "resolved"]
    summary: Annotated[
        str, Field(min_length=1, max_length=160, pattern=r"\S", description="The incident's first line.")
    ]
    severity: Literal["critical", "high", "medium", "low", "info"] = "medium"
    description: Value = ""
    note: Annotated[str, Field(max_length=4000, description="A work note for an incident that is there already.")] = ""
    group: Annotated[Line, Field(description="Problems of one group share one incident.")] = ""
    occurred_at: Annotated[SensibleTime | None, Field(description="When; now by default. Older news lose.")] = None
    url: Annotated[str, Field(max_length=1000, description="Where the alert comes from.")] = ""
    fields: AlertFields = AlertFields()

    def alert(self) -> CallersAlert:
        """Return it in the bridge's terms."""
        return CallersAlert(
            dedup_key=self.dedup_key,
            status=self.status,
            summary=self.summary,
            severity=self.severity,
            description=self.description,
            note=self.note,
            group=self.group,
            occurred_at=self.occurred_at,
            url=self.url,
            fields=self.fields.model_dump(exclude_unset=True),
        )


def _texts(value: object) -> object:
    """Return labels with numbers and switches as text; without those that say nothing."""
    if not isinstance(value, dict):
        return {} if value is None else value
    return {name: as_text(found) for name, found in value.items() if found is not None}


def _lower(value: object) -> object:
    return value.lower() if isinstance(value, str) else value


def _never(value: object) -> object:
    """Return None for a time that is left out or empty, as senders of Alertmanager's format do."""
    return value or None


Labels = Annotated[dict[str, str], BeforeValidator(_texts)]
Link = Annotated[str | None, Field(max_length=4000)]
Moment = Annotated[Time | None, BeforeValidator(_never)]


class WebhookAlert(BaseModel):
    """One alert of a webhook of Alertmanager or Grafana. Without a fingerprint its labels name the problem."""

    status: Annotated[Literal["firing", "resolved"], BeforeValidator(_lower)]
    labels: Labels = {}
    annotations: Labels = {}
    starts_at: Annotated[Moment, Field(alias="startsAt")] = None
    ends_at: Annotated[Moment, Field(alias="endsAt")] = None
    generator_url: Annotated[Link, Field(alias="generatorURL")] = None
    fingerprint: Annotated[str | None, Field(max_length=255)] = None
    panel_url: Annotated[Link, Field(alias="panelURL")] = None
    dashboard_url: Annotated[Link, Field(alias="dashboardURL")] = None
    silence_url: Annotated[Link, Field(alias="silenceURL")] = None

    @model_validator(mode="after")
    def _is_named(self) -> Self:
        if not (self.fingerprint or "").strip() and not self.labels:
            raise ValueError("neither a fingerprint nor labels name the problem")
        return self

    def entry(self) -> WebhookEntry:
        """Return what it says in the bridge's terms."""
        links = {"Panel": self.panel_url, "Dashboard": self.dashboard_url, "Silence": self.silence_url}
        return WebhookEntry(
            status=self.status,
            labels=self.labels,
            annotations=self.annotations,
            starts_at=or_never(self.starts_at),
            ends_at=or_never(self.ends_at),
            url=self.generator_url or "",
            fingerprint=(self.fingerprint or "").strip(),
            links={what: url for what, url in links.items() if url},
        )


def _bounded(values: object) -> object:
    """Refuse what is beyond the most alerts that are taken at once, without a look at it."""
    if not isinstance(values, list) or len(values) <= MOST_PARTS:
        return values
    reason = f"it is beyond the first {MOST_PARTS}, and more are not taken at once"
    beyond = batched(values[MOST_PARTS:], _REFUSED_TOGETHER, strict=False)
    return [*values[:MOST_PARTS], *(Refused(some, reason) for some in beyond)]


def _or_refused(value: object) -> WebhookAlert | Refused:
    if isinstance(value, Refused):
        return value
    try:
        alert = WebhookAlert.model_validate(value)
    except ValidationError as error:
        mistakes = [
            f"{'/'.join(str(part) for part in mistake['loc']) or 'alert'}: {mistake['msg']}"
            for mistake in error.errors(include_input=False, include_url=False, include_context=False)
        ]
        return Refused((value,), "; ".join(mistakes[:3])[:_LONGEST_REASON])
    return alert


class Webhook(BaseModel):
    """What Alertmanager (version 4) and Grafana (version 1) post. Other members are passed over.

    An alert that can't be understood is kept for a person, and takes none of its neighbours along.
    """

    alerts: Annotated[
        list[
            Annotated[WebhookAlert | object, PlainValidator(_or_refused, json_schema_input_type=WebhookAlert | object)]
        ],
        BeforeValidator(_bounded),
        Field(min_length=1),
    ]
    truncated_alerts: Annotated[
        int,
        BeforeValidator(counted, json_schema_input_type=int | object),
        Field(alias="truncatedAlerts", description="How many more alerts the sender left out; 0 where it is no count."),
    ] = 0

    def understood(self) -> list[CallersAlert]:
        """Return the alerts that can be understood."""
        entries = [alert.entry() for alert in self.alerts if isinstance(alert, WebhookAlert)]
        return webhook_alerts(entries, truncated=self.truncated_alerts)

    def refused(self) -> list[Refused]:
        """Return the others."""
        return [alert for alert in self.alerts if isinstance(alert, Refused)]


class Accepted(Strict):
    """What became of the alerts of a request. An alert that was refused is kept in the dead-letter queue."""

    accepted: Annotated[int, Field(description="How many were put into the queue.")]
    refused: Annotated[int, Field(description="How many can't be understood; they are kept for a person.")] = 0
    truncated: Annotated[int, Field(description="How many more the sender says it left out.")] = 0
