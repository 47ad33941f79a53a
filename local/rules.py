"""`make rules`: check every rule file, and show what an event would become."""

import argparse
import json
import os
import sys
from collections.abc import Callable, Iterator, Mapping, Sequence
from copy import replace
from datetime import UTC, datetime
from functools import partial
from itertools import chain
from pathlib import Path
from typing import Any
from zoneinfo import ZoneInfo

from common.actions.change import change_in
from common.actions.decide import became
from common.actions.follower import would_do
from common.context.configuration_items import with_item
from common.doors import sns, webhook
from common.doors.message import read_event
from common.doors.webhook import webhook_event
from common.errors import BridgeError, PermanentError
from common.incidents.alert import DEFAULT_TABLE, ONLY_MEMBER, Alert, Fold, FollowUp, Policy, Status
from common.incidents.changes import record_fields
from common.incidents.decide import plan
from common.incidents.due import hour_of
from common.incidents.expressions import Template, milliseconds
from common.incidents.item import Item, RecordReference, problem_of
from common.incidents.own_events import RECORD_CHANGED
from common.incidents.rules import Rule, Rules, read_rules
from common.incidents.rules.on_change import ACTIONS
from common.incidents.rules.splitting import split
from common.incidents.steps import Moment, Next, Write
from common.incidents.tag_names import TAGS
from common.incidents.windows import Quiet, quieted, quieting_of, utc
from common.servicenow.event_management import EVENT_TABLE
from common.servicenow.names import REFERENCES
from common.text import one_line, printable
from local.close_codes import unknown_close_codes
from local.columns import column_warnings
from local.delivery import Delivery
from local.new_rule import first_rule
from local.rule_lines import where
from local.simulator.tables import default_tables
from local.tag_warnings import tag_warnings

ROOT = Path(__file__).resolve().parents[1]

_CLOSE_CODE = "Solution provided"  # the default of the parameter CloseCode
_QUIET: Mapping[Quiet, str] = {
    Quiet.DROP: "nothing is opened for it",
    Quiet.HOLD: "opened at its end, if it still fires then",
    Quiet.NOTE: "opened at once, with a low severity",
}
_OURS = frozenset({"correlation_id", "correlation_display", "message_key"})
_CHOICES: Mapping[str, Mapping[str, str]] = {
    name: column.choices for name, column in default_tables()[DEFAULT_TABLE].fields.items() if column.choices
}


def main(arguments: Sequence[str]) -> int:
    """Do what the command line says. Return 1 where a rule is wrong or the event is refused, else 0."""
    parser = argparse.ArgumentParser(prog="make rules", description=__doc__)
    parser.add_argument(
        "--event", type=Path, help="a file with one event, message of SNS or webhook's body: show what it would become"
    )
    parser.add_argument("--source", default="", help="whose webhook the body in that file is, such as grafana")
    parser.add_argument("--rules", type=Path, default=ROOT / "src/rules", help="the folder of the rule files")
    parser.add_argument(
        "--tables",
        default=os.environ.get("ALLOWED_TABLES", ""),
        help="what the parameter AllowedTables of the deployment says (default: the variable ALLOWED_TABLES)",
    )
    parser.add_argument(
        "--at",
        type=_moment,
        help="when the event's problem is to begin, such as 2026-03-29T02:30+01:00: shows the window",
    )
    parser.add_argument(
        "--tags", type=_tags, default={}, help="tags of what the event is about, such as team=payments,cost-center=42"
    )
    parser.add_argument(
        "--tag-lookups",
        default=os.environ.get("TAG_LOOKUPS", "none"),
        choices=("none", "resources", "accounts"),
        help="what the parameter TagLookups of the deployment says (default: the variable TAG_LOOKUPS)",
    )
    parser.add_argument(
        "--zone",
        type=_zone,
        default=os.environ.get("TIME_ZONE") or None,
        help="what the parameter TimeZone of the deployment says (default: the variable TIME_ZONE)",
    )
    parser.add_argument("--new", type=Path, help="a file with one event: print a first rule for it")
    options = parser.parse_args(arguments)
    if options.new is not None:
        return _tell(options.new, options.source, _new)
    rules, mistakes = read_rules(options.rules, list(filter(None, options.tables.split(","))), zone=options.zone)
    mistakes = mistakes or list(unknown_close_codes(options.rules))
    for mistake in mistakes:
        print(f"wrong    {mistake}{where(options.rules, mistake.place, mistake.field)}")
    if mistakes:
        print(
            f"\nMistakes: {len(mistakes)}. Nothing is built until they are mended; functions that have them all "
            "the same hold every event."
        )
        return 1
    if options.event is not None:
        return _tell(options.event, options.source, partial(_show, rules, at=options.at, tags=options.tags))
    for warning in chain(
        warnings(rules, ROOT / "template.yaml"), tag_warnings(rules, options.rules, options.tag_lookups)
    ):
        print(f"warning  {warning}")
    windows = f", windows: {len(rules.windows)}" if rules.windows else ""
    print(f"Rules: {len(list(rules))}, overrides: {len(rules.overrides)}{windows}. Nothing is wrong.")
    return 0


def _zone(name: str) -> ZoneInfo:
    try:
        return ZoneInfo(name)
    except (KeyError, ValueError, OSError):
        raise argparse.ArgumentTypeError(f"{name!r} is no time zone such as Europe/Berlin") from None


def _moment(text: str) -> int:
    """Return a time in milliseconds since the epoch; without an offset it is in UTC."""
    moment = milliseconds(text)
    if moment is None:
        raise argparse.ArgumentTypeError(f"{text!r} is no time such as 2026-03-29T02:30+01:00")
    return moment


def _tags(text: str) -> dict[str, str]:
    """Return tags by name."""
    pairs = [pair.partition("=") for pair in text.split(",")]
    if not all(name and between for name, between, _ in pairs):
        raise argparse.ArgumentTypeError(f"{text!r} is no list of tags such as team=payments,cost-center=42")
    return {name.strip(): value.strip() for name, _, value in pairs}


def _tell(file: Path, source: str, tell: Callable[[Mapping[str, Any]], None]) -> int:
    """Let `tell` print what is asked about the event in `file`, and return the status to end with."""
    try:
        text = file.read_text(encoding="utf-8")
    except OSError as error:
        print(f"{'refused':<19} {file} is not readable: {error.strerror}.")
        return 1
    try:
        tell(_event(text, source))
    except BridgeError as error:
        print(f"{'refused':<19} {one_line(error.message)}\n{'what to do':<19} {error.action}")
        return 1
    return 0


def _event(text: str, source: str) -> Mapping[str, Any]:
    """Return the event in a file: one of EventBridge, what a message of SNS becomes, or a webhook's body."""
    if source:
        media_type = "application/json" if text.lstrip().startswith(("{", "[")) else ""
        return webhook_event(
            source, text.encode(), media_type, account="123456789012", region="eu-west-1", now=datetime.now(UTC)
        )
    try:
        topic = json.loads(text).get("TopicArn", "")
    except (ValueError, AttributeError):
        topic = ""
    try:
        return read_event(text, [topic])
    except PermanentError as error:
        if topic:
            raise
        raise PermanentError(
            error.message, action="If it is the body of a webhook, say whose: make rules EVENT=… SOURCE=grafana."
        ) from None


def _new(event: Mapping[str, Any]) -> None:
    """Print a first rule for an event."""
    print(first_rule(event), end="")


def warnings(rules: Rules, template: Path) -> Iterator[str]:
    """Yield what is more likely a slip than meant: what a new instance lacks, events that never come."""
    delivery = Delivery.of(template)
    for rule in rules:
        yield from column_warnings(f"rule {rule.name}", rule.table, rule.fields)
        if rule.table == DEFAULT_TABLE:
            yield from _choice_warnings(f"rule {rule.name}", rule.fields, rule.policy.close_code)
        for detail_type in rule.detail_types:
            if reason := delivery.never(detail_type):
                yield f"rule {rule.name}: EventBridge does not deliver {detail_type!r}: {reason}."
    for override in rules.overrides:
        yield from column_warnings(override.place, override.table or DEFAULT_TABLE, override.fields)
        if override.table in (None, DEFAULT_TABLE):
            yield from _choice_warnings(override.place, override.fields, override.policy.get("close_code", ""))


def _choice_warnings(place: str, fields: Mapping[str, Template], close_code: str) -> Iterator[str]:
    constants = {name: template.constant for name, template in fields.items()}
    for name, text in {**constants, "close_code": close_code}.items():
        if text:
            yield from _choice_warning(place, name, text)


def _choice_warning(place: str, name: str, text: str) -> Iterator[str]:
    choices = _CHOICES.get(name)
    if choices and text not in choices:
        yield (
            f"{place}: {name} is {text!r}, which is none of a new instance's choices ({', '.join(choices)}). "
            "ServiceNow drops unknown choices without a word: check that your instance has it."
        )


def _show(rules: Rules, event: Mapping[str, Any], at: int | None = None, tags: Mapping[str, str] | None = None) -> None:
    """Print what an event would become, each of its problems where it tells of several, begun `at` that time.

    What it is about has these `tags`, and those that the event of an alarm brings along.
    """
    brought = event["detail"].get("alarmTags")
    found = {**(brought if isinstance(brought, dict) else {}), **(tags or {})}
    for part in split({**event, TAGS: found}, rules):
        for name, text in _story(rules, part, at):
            first, *others = printable(text).split("\n")
            print(f"{name:<19} {first}")
            for line in others:
                print(f"{'':<19} {line}".rstrip())


def _delivered(event: Mapping[str, Any]) -> str:
    if event["source"].startswith(webhook.SOURCE):
        return f"by POST /webhooks/{event['source'].removeprefix(webhook.SOURCE)}, if WebhookSources lists it"
    if event["source"].startswith(sns.SOURCE):
        return f"by the topic {event['source'].removeprefix(sns.SOURCE)}, if SnsTopics lists it"
    return Delivery.of(ROOT / "template.yaml").story(event["source"], event["detail-type"])


def _story(rules: Rules, event: Mapping[str, Any], at: int | None) -> Iterator[tuple[str, str]]:
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
            yield from (("warning", warning) for warning in _choice_warning("this event", name, text))
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


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
