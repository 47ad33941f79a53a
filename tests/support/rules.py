"""The rules that are shipped for AWS services, and the sample events that show what they do."""

import json
import tomllib
from collections.abc import Collection, Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from typing import Any
from unittest.mock import patch

from common.incidents.alert import Alert
from common.incidents.rules import Rule, Rules, load_rules, loading
from common.incidents.rules.splitting import split

PROJECT = Path(__file__).resolve().parents[2]
DIRECTORY = PROJECT / "src" / "rules"
SHIPPED = load_rules(DIRECTORY)

_read_files = loading._Files
_kept_files: dict[tuple[object, ...], loading._Files] = {}

type Event = dict[str, Any]


@contextmanager
def rules_read_once() -> Iterator[None]:
    """Let files with one content be read once, however many environments of a process begin, in whichever folder."""

    def files(directory: Path, prefix: str, tables: Collection[str]) -> loading._Files:
        texts = tuple((path.name, path.read_bytes()) for path in sorted(directory.glob("*.toml")))
        key = (prefix, frozenset(tables), texts)
        if key not in _kept_files:
            _kept_files[key] = _read_files(directory, prefix, tables)
        return _kept_files[key]

    with patch.object(loading, "_Files", files):
        yield


def sample(name: str) -> Event:
    """Return the sample event of that file in `events/`."""
    event: Event = json.loads((PROJECT / "events" / f"{name}.json").read_text())
    return event


def said(event: Mapping[str, Any], rules: Rules = SHIPPED) -> Alert | None:
    """Return what an event of one problem says by the rule that is meant for it; None where that passes it over."""
    [single] = split(event, rules)
    rule = rules.match(single)
    assert rule is not None
    return rule.alert(single)


def alert_of(event: Mapping[str, Any], rules: Rules = SHIPPED) -> Alert:
    """Return the alert of an event that says something."""
    alert = said(event, rules)
    assert alert is not None
    return alert


def is_from_aws(source: str) -> bool:
    """Return whether an AWS service sends events with this source. Lambda's destinations use a source of their own.

    What begins with `aws.partner/` comes from another vendor, by EventBridge.
    """
    return (source.startswith("aws.") and not source.startswith("aws.partner/")) or source == "lambda"


def rule_files() -> dict[str, dict[str, Any]]:
    """Return the content of each rule file about an AWS service, by its name without `.toml`."""
    contents = {path.stem: tomllib.loads(path.read_text()) for path in sorted(DIRECTORY.glob("*.toml"))}
    return {stem: content for stem, content in contents.items() if all(map(_is_about_aws, content.get("rule", [])))}


def aws_rules() -> dict[str, Rule]:
    """Return each shipped rule for events of AWS services, by its name."""
    return {rule.name: rule for rule in SHIPPED if all(map(is_from_aws, rule.sources))}


def samples() -> dict[str, Event]:
    """Return every sample event of an AWS service, by the name of its file without `.json`."""
    events = {path.stem: json.loads(path.read_text()) for path in sorted((PROJECT / "events").glob("*.json"))}
    return {name: event for name, event in events.items() if is_from_aws(event.get("source", ""))}


def shipped_types() -> set[tuple[str, str]]:
    """Return every source and detail type of AWS services for which a rule is shipped."""
    return {
        (source, detail_type)
        for rule in aws_rules().values()
        for source in rule.sources
        for detail_type in rule.detail_types
    }


def _is_about_aws(rule: Mapping[str, Any]) -> bool:
    sources = rule["source"]
    return all(map(is_from_aws, [sources] if isinstance(sources, str) else sources))
