"""What is more likely a slip than meant where rules ask for tags: nobody looks them up, or there is nothing to ask."""

import json
from collections.abc import Iterator
from functools import cache
from pathlib import Path
from typing import Any

from common.context.subjects import alarm_of, resources_of
from common.incidents.rules import Override, Rule, Rules
from local.rule_lines import where

_EVENTS = Path(__file__).resolve().parents[1] / "events"
_AWS = "aws."
_ANY = "*"


def tag_warnings(rules: Rules, folder: Path, look_ups: str) -> Iterator[str]:
    """Yield the warnings for a deployment whose parameter TagLookups is `look_ups`."""
    for rule in rules:
        yield from _warnings(f"rule {rule.name}", rule, [rule], rules, folder=folder, look_ups=look_ups)
    for override in rules.overrides:
        concerned = [rule for rule in rules if override.concerns(rule.name)]
        yield from _warnings(override.place, override, concerned, rules, folder=folder, look_ups=look_ups)


def _warnings(  # noqa: PLR0913 (one slip, and all that tells of it)
    place: str, part: Rule | Override, concerned: list[Rule], rules: Rules, *, folder: Path, look_ups: str
) -> Iterator[str]:
    asked = sorted(part.tags(fields=True))
    if not asked:
        return
    line, names = where(folder, place, _field(part)), ", ".join(asked)
    if look_ups == "none":
        yield (
            f"{place}: asks for tags ({names}), and none are looked up: deploy with TagLookups=resources, and say so "
            f"here (make rules TAG_LOOKUPS=resources).{line}"
        )
    elif look_ups != "accounts" and not any(_may_name_a_resource(rule, rules) for rule in concerned):
        yield (
            f"{place}: asks for tags ({names}) of events that name no resource of AWS: only TagLookups=accounts finds "
            f"any.{line}"
        )


def _field(part: Rule | Override) -> str:
    """Return an entry that asks for tags."""
    condition = part.condition if isinstance(part, Override) else None
    if condition is not None and condition.tags:
        return "match"
    named = {**{name: getattr(part, name) for name in ("severity", "runbook")}, **part.fields}
    return next((name for name, entry in named.items() if entry is not None and entry.tags), "")


def _may_name_a_resource(rule: Rule, rules: Rules) -> bool:
    """Tell whether any event could; of a shipped rule its samples tell."""
    if not any(source == _ANY or source.startswith(_AWS) for source in rule.sources):
        return False
    samples = [event for event in _samples() if _name(rules.match(event)) == rule.name]
    return not samples or any(alarm_of(event) is not None or resources_of(event) for event in samples)


def _name(rule: Rule | None) -> str:
    return "" if rule is None else rule.name


@cache
def _samples() -> tuple[dict[str, Any], ...]:
    paths = sorted(path for path in _EVENTS.glob("*.json") if not path.stem.endswith("-odd"))
    return tuple(json.loads(path.read_text(encoding="utf-8")) for path in paths)
