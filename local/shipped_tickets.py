"""Written by `make tickets` into docs/tickets.md: what a person reads in the ticket of each shipped rule."""

import json
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

from common.incidents.alert import Alert, Status
from common.incidents.rules import Rule, Rules, load_rules
from local.simulator.choices import CATEGORIES
from local.written_parts import BY_TICKETS, write_part

ROOT = Path(__file__).resolve().parents[1]
PAGE = ROOT / "docs/tickets.md"

type _Sample = tuple[str, Alert]


def page() -> str:
    """Return what `make tickets` writes: a ticket for each rule, by the first of its samples that fires."""
    rules = load_rules(ROOT / "src/rules")
    firing, resolved = _samples(rules)
    names = sorted(rule.name for rule in rules)
    return "\n".join(line for name in names if name in firing for line in _ticket(*firing[name], name, resolved))


def _samples(rules: Rules) -> tuple[Mapping[str, _Sample], Mapping[str, Alert]]:
    """Return, by rule, the first sample that fires with its alert, and the first recovery."""
    firing: dict[str, _Sample] = {}
    resolved: dict[str, Alert] = {}
    for path in sorted((ROOT / "events").glob("*.json")):
        event: Mapping[str, Any] = json.loads(path.read_text(encoding="utf-8"))
        rule = rules.match(event) if not path.stem.endswith("-odd") else None
        alert = _alert(rule, event)
        if rule is None or alert is None:
            continue
        if alert.status is Status.FIRING:
            firing.setdefault(rule.name, (path.name, alert))
        else:
            resolved.setdefault(rule.name, alert)
    return firing, resolved


def _alert(rule: Rule | None, event: Mapping[str, Any]) -> Alert | None:
    return rule.alert(event) if rule is not None else None


def _ticket(sample: str, alert: Alert, name: str, resolved: Mapping[str, Alert]) -> Iterator[str]:
    fields = alert.fields
    kind = " / ".join(filter(None, (_category(fields), fields.get("subcategory", ""))))
    levels = f"impact {fields['impact']}, urgency {fields['urgency']}" if "impact" in fields else ""
    told = ", ".join(filter(None, (kind, levels, alert.table if alert.table != "incident" else "")))
    yield f"## {name}\n"
    yield f"{told}. Sample: [{sample}](../events/{sample}).\n"
    yield f"```text\n{fields['short_description']}\n"
    yield fields.get("description", "")
    yield "```\n"
    if (recovery := resolved.get(name)) is not None:
        yield f"When it is over:\n\n```text\n{recovery.note}\n```\n"


def _category(fields: Mapping[str, str]) -> str:
    category = fields.get("category", "")
    return CATEGORIES.get(category, category)


if __name__ == "__main__":
    write_part(PAGE, BY_TICKETS, page())
