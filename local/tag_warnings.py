"""What is more likely a slip than meant where rules ask for tags: nobody looks them up, or there is nothing to ask."""

from collections.abc import Iterator
from pathlib import Path

from common.incidents.rules import Override, Rule, Rules
from local.rule_lines import where

_AWS = "aws."
_ANY = "*"


def tag_warnings(rules: Rules, folder: Path, look_ups: str) -> Iterator[str]:
    """Yield the warnings for a deployment whose parameter TagLookups is `look_ups`."""
    for rule in rules:
        yield from _warnings(f"rule {rule.name}", rule, [rule], folder, look_ups)
    for override in rules.overrides:
        concerned = [rule for rule in rules if override.concerns(rule.name)]
        yield from _warnings(override.place, override, concerned, folder, look_ups)


def _warnings(place: str, part: Rule | Override, concerned: list[Rule], folder: Path, look_ups: str) -> Iterator[str]:
    asked = sorted(part.tags(fields=True))
    if not asked:
        return
    line, names = where(folder, place, _field(part)), ", ".join(asked)
    if look_ups == "none":
        yield (
            f"{place}: asks for tags ({names}), and none are looked up: deploy with TagLookups=resources, and say so "
            f"here (make rules TAG_LOOKUPS=resources).{line}"
        )
    elif look_ups != "accounts" and not any(_may_name_a_resource(rule) for rule in concerned):
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


def _may_name_a_resource(rule: Rule) -> bool:
    return any(source == _ANY or source.startswith(_AWS) for source in rule.sources)
