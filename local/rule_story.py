"""What `make rules EVENT=…` tells of an event: whether it comes, which rule takes it, and what would be written."""

import json
from collections.abc import Iterator, Mapping
from copy import replace
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from common.actions.change import change_in
from common.actions.decide import became
from common.actions.follower import would_do
from common.context.configuration_items import with_item
from common.doors import sns, webhook
from common.incidents.alert import DEFAULT_TABLE, ONLY_MEMBER, Alert, Fold, FollowUp, Policy, Status
from common.incidents.changes import record_fields
from common.incidents.decide import plan
from common.incidents.due import hour_of
from common.incidents.item import Item, RecordReference, problem_of
from common.incidents.own_events import RECORD_CHANGED
from common.incidents.rules import Rule, Rules
from common.incidents.rules.on_change import ACTIONS
from common.incidents.steps import Moment, Next, Write
from common.incidents.tag_names import TAGS
from common.incidents.windows import Quiet, quieted, quieting_of, utc
from common.servicenow.event_management import EVENT_TABLE
from common.servicenow.names import REFERENCES
from local.choice_warnings import choice_warning
from local.delivery import Delivery

_TEMPLATE = Path(__file__).resolve().parents[1] / "template.yaml"

_CLOSE_CODE = "Solution provided"  # the default of the parameter CloseCode
_QUIET: Mapping[Quiet, str] = {
    Quiet.DROP: "nothing is opened for it",
    Quiet.HOLD: "opened at its end, if it still fires then",
    Quiet.NOTE: "opened at once, with a low severity",
}
_OURS = frozenset({"correlation_id", "correlation_display", "message_key"})


def story(rules: Rules, event: Mapping[str, Any], at: int | None) -> Iterator[tuple[str, str]]:
    """Yield what is told of an event of one problem, each with what it is about, begun `at` that time.

    `at` is in milliseconds since the epoch; None takes the event's own. The event holds the tags of what it is about.
    """
    yield "event", f"{event['detail-type']} of {event['source']}"
    if event["detail-type"] == RECORD_CHANGED:
        yield from _followed(rules, event)
        return
    yield "delivered", _delivered(event)
    rule = rules.match(event)
    if rule is None:
        yield "dropped", "no rule is meant for this source and type, or its condition does not hold"
        return
    yield "rule", rule.name
    yield "overrides", ", ".join(rule.overrides) or "none"
    yield from _tagged(rules, event)
    alert = rule.alert(event)
    if alert is None:
        dropped = f"the override {rule.dropped_by} says so" if rule.dropped_by else "it neither fires nor recovers"
        yield "dropped", dropped
        return
    if at is not None:
        alert = replace(alert, occurred_at=at)
    yield "dedup key", alert.key
    if alert.member != ONLY_MEMBER:
        yield "group member", alert.member
    occurred_at = datetime.fromtimestamp(alert.occurred_at / 1000, UTC)
    yield "status", f"{alert.status} at {occurred_at.isoformat(sep=' ', timespec='milliseconds')}"
    yield "severity", rule.severity_of(event)
    yield "target", "Event Management (em_event)" if alert.table == EVENT_TABLE else f"table {alert.table}"
    quieting = quieting_of(alert, rule.name, rule.about(event), rules.windows)
    if quieting is not None:
        place = next((window.place for window in rules.windows if window.name == quieting.window), "told by the event")
        yield "window", f"{quieting.window} ({place}): {_QUIET[quieting.quiet]} (until {utc(quieting.until)})"
        if quieting.quiet is Quiet.DROP:
            return
        alert = quieted(alert, quieting)
    yield from _about(rule, alert, event)
    yield from _written(alert)


def _delivered(event: Mapping[str, Any]) -> str:
    if event["source"].startswith(webhook.SOURCE):
        return f"by POST /webhooks/{event['source'].removeprefix(webhook.SOURCE)}, if WebhookSources lists it"
    if event["source"].startswith(sns.SOURCE):
        return f"by the topic {event['source'].removeprefix(sns.SOURCE)}, if SnsTopics lists it"
    return Delivery.of(_TEMPLATE).story(event["source"], event["detail-type"])


def _tagged(rules: Rules, event: Mapping[str, Any]) -> Iterator[tuple[str, str]]:
    known = {name: event[TAGS].get(name) for name in sorted(rules.tags_for(event))}
    if known:
        yield "tags", ", ".join(f"{name}={value or '(TAGS=… says one)'}" for name, value in known.items())


def _about(rule: Rule, alert: Alert, event: Mapping[str, Any]) -> Iterator[tuple[str, str]]:
    named = with_item(rule, alert, event)
    if named is not alert:
        yield "item", f"of {named.fields['cmdb_ci']}, with FindConfigurationItems=true"


def _followed(rules: Rules, event: Mapping[str, Any]) -> Iterator[tuple[str, str]]:
    """Return what would be done for a change in ServiceNow, if RecordActions listed all actions."""
    change = change_in(json.dumps(event), deployment=event["detail"].get("deployment", ""))
    rule = rules.of_record(change.rule)
    yield "record", f"{change.number}, changed by {change.updated_by} ({change.by})"
    yield "rule", change.rule if rule is not None else f"{change.rule or 'none'}: no rule says what follows"
    if rule is not None:
        yield "becomes", ", ".join(sorted(became(change, rule.policy.resolved_state))) or "nothing that rules speak of"
    lines = would_do(change, rules, ACTIONS.keys())
    yield from (("follows", line) for line in lines or ["nothing"])


def _written(alert: Alert) -> Iterator[tuple[str, str]]:
    item = Item(problem=problem_of("", alert.key), dedup_key=alert.key, table=alert.table)
    if alert.status is Status.RESOLVED:
        item = replace(item, version=1, orders={alert.member: 1}, record=RecordReference("0" * 32, ""))
    fold = Fold.of([alert])
    step = plan(item, fold, Moment(alert.occurred_at, alert.occurred_at, ""))
    if not isinstance(step, Write) or step.then is not Next.CALL:
        yield "writes", "nothing: the policy leaves the record as it is"
        return
    opens = alert.status is Status.FIRING
    yield "writes", "a record, where none is open:" if opens else "into the open record, where there is one:"
    fields = record_fields(step.item, fold, _CLOSE_CODE)
    for name, text in sorted(fields.items()):
        if name not in _OURS:
            yield f"  {name}", _with_reference(alert.table, name, text)
    if alert.table == DEFAULT_TABLE:
        for name, text in fields.items():
            yield from (("warning", warning) for warning in choice_warning("this event", name, text))
    yield "policy", _policy(alert.policy)
    yield from _among_others(alert)
    yield from _patience(alert, opens=opens)
    if added := ", ".join(_follow_ups(alert)):
        yield "added later", f"{added}, as far as the parameter FollowUps allows"


def _patience(alert: Alert, *, opens: bool) -> Iterator[tuple[str, str]]:
    if alert.policy.flapping and opens:
        times = alert.policy.flapping
        yield "flaps", f"the record says so, once, where it began more than {times} times within 24 hours"
    if hour := hour_of(alert):
        seconds = round((hour - alert.occurred_at) / 1000)
        yield "waits", f"{seconds} s from that time: it is written only where nothing newer says otherwise by then"


def _follow_ups(alert: Alert) -> Iterator[str]:
    """Yield what is added to the record once it is written: after a recovery the graph alone."""
    for kind in alert.follow_ups if alert.table != EVENT_TABLE else ():
        if alert.status is Status.FIRING or kind is FollowUp.GRAPH:
            yield kind.value


def _among_others(alert: Alert) -> Iterator[tuple[str, str]]:
    if alert.storm is not None:
        storm = alert.storm
        title = storm.fields["short_description"]
        yield "storm", f"beyond {storm.more_than} problems in {storm.within} s it joins one record: {title}"
    if alert.covers is not None and alert.status is Status.FIRING:
        yield "covers", "\n".join(alert.covers.expressions)
    if alert.about is not None:
        yield "may be covered", "by a problem that fires and whose rule covers it: it then waits in the queue"


def _with_reference(table: str, name: str, text: str) -> str:
    reference = REFERENCES.get(name) if table != EVENT_TABLE else None
    return text if reference is None else f"{text}  (a sys_id, or looked up in {reference.table})"


def _policy(policy: Policy) -> str:
    return (
        f"repeat: {policy.on_repeat}, recovery: {policy.on_recovery}, return: {policy.on_return} within "
        f"{policy.reopen_window // 86_400} days"
    )
