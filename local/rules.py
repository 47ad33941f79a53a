"""`make rules`: check every rule file, and show what an event would become."""

import argparse
import json
import os
import sys
from collections.abc import Callable, Iterator, Mapping, Sequence
from datetime import UTC, datetime
from functools import partial
from itertools import chain
from pathlib import Path
from typing import Any
from zoneinfo import ZoneInfo

from common.doors.message import read_event
from common.doors.webhook import webhook_event
from common.errors import BridgeError, PermanentError
from common.incidents.alert import DEFAULT_TABLE
from common.incidents.expressions import Template, milliseconds
from common.incidents.rules import Rules, read_rules
from common.incidents.rules.names import is_column
from common.incidents.rules.splitting import split
from common.incidents.tag_names import TAGS
from common.text import one_line, printable
from local.choice_warnings import choice_warning
from local.close_codes import unknown_close_codes
from local.columns import column_warnings
from local.delivery import Delivery
from local.new_rule import first_rule
from local.rule_lines import where
from local.rule_story import story
from local.tag_warnings import tag_warnings

ROOT = Path(__file__).resolve().parents[1]


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
        yield from column_warnings(f"rule {rule.name}", rule.table, (*rule.fields, *filter(is_column, rule.accepts)))
        if rule.table == DEFAULT_TABLE:
            yield from _choice_warnings(f"rule {rule.name}", rule.fields, rule.policy.close_code)
        for detail_type in rule.detail_types:
            if reason := delivery.never(detail_type):
                yield f"rule {rule.name}: EventBridge does not deliver {detail_type!r}: {reason}."
    for override in rules.overrides:
        named = (*override.fields, *filter(is_column, override.accepts))
        yield from column_warnings(override.place, override.table or DEFAULT_TABLE, named)
        if override.table in (None, DEFAULT_TABLE):
            yield from _choice_warnings(override.place, override.fields, override.policy.get("close_code", ""))


def _choice_warnings(place: str, fields: Mapping[str, Template], close_code: str) -> Iterator[str]:
    constants = {name: template.constant for name, template in fields.items()}
    for name, text in {**constants, "close_code": close_code}.items():
        if text:
            yield from choice_warning(place, name, text)


def _show(rules: Rules, event: Mapping[str, Any], at: int | None = None, tags: Mapping[str, str] | None = None) -> None:
    """Print what an event would become, each of its problems where it tells of several, begun `at` that time.

    What it is about has these `tags`, and those that the event of an alarm brings along.
    """
    brought = event["detail"].get("alarmTags")
    found = {**(brought if isinstance(brought, dict) else {}), **(tags or {})}
    for part in split({**event, TAGS: found}, rules):
        for name, text in story(rules, part, at):
            first, *others = printable(text).split("\n")
            print(f"{name:<19} {first}")
            for line in others:
                print(f"{'':<19} {line}".rstrip())


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
