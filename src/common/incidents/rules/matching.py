"""All rules of a deployment, and which of them an event meets."""

from collections.abc import Iterable, Iterator, Mapping, Sequence
from typing import Any

from common.incidents.rules.contracts import check_contract
from common.incidents.rules.names import ANY
from common.incidents.rules.override import Override
from common.incidents.rules.rule import Rule


class Rules:
    """Rules in the order in which they count, and the overrides in the order in which they are laid over them.

    A rule for exactly this source and type of event goes before one for any source, that before one for any type,
    and a rule for everything comes last. Among equals the first counts.
    """

    def __init__(
        self,
        rules: Iterable[Rule],
        overrides: Sequence[Override] = (),
        requestable: Mapping[str, tuple[str, ...]] | None = None,
    ) -> None:
        """Hold the rules, the ones that count first in front; `requestable` as `check_contract` takes it."""
        self._requestable = requestable
        self._rules = sorted(rules, key=generality)
        self.overrides = tuple(overrides)
        self._overrides = {rule.name: [each for each in overrides if each.concerns(rule)] for rule in self._rules}

    def match(self, event: Mapping[str, Any]) -> Rule | None:
        """Return the rule for an event with its overrides, or None where no rule is meant for it.

        Raises PermanentError for an event of the bridge's own types that does not keep to its schema.
        """
        check_contract(event, self._requestable)
        rule = next((rule for rule in self._rules if _is_met(rule, event)), None)
        if rule is None:
            return None
        for override in self._overrides[rule.name]:
            if override.holds(rule, event):
                rule = override.over(rule)
        return rule

    def __iter__(self) -> Iterator[Rule]:
        """Return each rule once, as it stands in its file, in the order in which they count."""
        return iter(self._rules)


def generality(rule: Rule) -> int:
    """Return 0 for a rule that names its sources and types, up to 3 for one that names neither."""
    return 2 * (ANY in rule.detail_types) + (ANY in rule.sources)


def _is_met(rule: Rule, event: Mapping[str, Any]) -> bool:
    return (
        (ANY in rule.sources or event["source"] in rule.sources)
        and (ANY in rule.detail_types or event["detail-type"] in rule.detail_types)
        and (rule.when is None or rule.when.holds(event))
    )
