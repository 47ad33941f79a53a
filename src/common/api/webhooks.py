"""What the webhooks of Alertmanager and Grafana say, alert by alert: pure, and never all or nothing."""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from datetime import datetime

from common.api.alerts import CallersAlert
from common.incidents.labels import fingerprint_of
from common.incidents.severities import DEFAULT_SEVERITY, known_severity
from common.text import link_line

_LEVEL_LABELS = ("severity", "priority", "level")
# What Grafana calls an alert whose rule could not be evaluated; the rule's own name is in another label then.
_NAMELESS = frozenset({"DatasourceNoData", "DatasourceError"})
_LONGEST_TEXT = 4000
_LONGEST_LABEL = 300
_MOST_LABELS = 50
_MOST_TOLD_APART_BY = 3


@dataclass(frozen=True, slots=True, kw_only=True)
class WebhookEntry:
    """One alert of a webhook. A time is None where it is "never"; `links` are addresses by what they lead to."""

    status: str
    labels: Mapping[str, str]
    annotations: Mapping[str, str]
    starts_at: datetime | None
    ends_at: datetime | None
    url: str
    fingerprint: str
    links: Mapping[str, str] = field(default_factory=dict)


def severity_of(label: str) -> str:
    """Return the bridge's severity for what a monitoring system calls it."""
    return known_severity(label) or DEFAULT_SEVERITY


def webhook_alerts(entries: Iterable[WebhookEntry], *, truncated: int = 0) -> list[CallersAlert]:
    """Return what the alerts of one webhook say; `truncated` is how many more the sender left out.

    The fingerprint, a hash of the labels, names the problem. While it fires, its time is when it began, so that the
    notifications that repeat it change nothing; a recovery without a time is one now.
    """
    entries = list(entries)
    values: dict[str, set[str]] = {}
    for entry in entries:
        for name in {name for other in entries[:1] for name in other.labels} | set(entry.labels):
            values.setdefault(name, set()).add(entry.labels.get(name, ""))
    differing = sorted(name for name, found in values.items() if len(found) > 1 or (len(entries) > 1 and "" in found))
    return [_alert(entry, differing, truncated) for entry in entries]


def _alert(entry: WebhookEntry, differing: Iterable[str], truncated: int) -> CallersAlert:
    labels, annotations = entry.labels, entry.annotations
    name = labels.get("alertname", "Alert")
    if name in _NAMELESS and labels.get("rulename"):
        name = f"{name}: {labels['rulename']}"
    summary = annotations.get("summary") or annotations.get("title") or name
    apart = [f"{key} {labels[key]}" for key in differing if labels.get(key) and labels[key] not in summary]
    if apart:
        summary = f"{summary} ({', '.join(apart[:_MOST_TOLD_APART_BY])})"
    text = annotations.get("description") or annotations.get("message") or ""
    links = {"Runbook": annotations.get("runbook_url", ""), **entry.links}
    more = f"The sender left out {truncated} more alerts of this group." if truncated else ""
    details = [f"{key}: {value[:_LONGEST_LABEL]}" for key, value in sorted(labels.items())[:_MOST_LABELS]]
    described = (text[:_LONGEST_TEXT], *(link_line(url, what) for what, url in links.items()), more, *details)
    return CallersAlert(
        dedup_key=entry.fingerprint or fingerprint_of(labels),
        status=entry.status,
        summary=summary,
        severity=severity_of(next((labels[label] for label in _LEVEL_LABELS if labels.get(label)), "")),
        description="\n".join(filter(None, described))[:_LONGEST_TEXT],
        occurred_at=entry.starts_at if entry.status == "firing" else entry.ends_at,
        url=entry.url[:_LONGEST_TEXT],
    )
