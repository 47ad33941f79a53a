"""All rules of a deployment, and which of them an event meets."""

from collections.abc import Iterable, Iterator, Mapping, Sequence
from typing import Any

from common.incidents.rules.contracts import check_contract
from common.incidents.rules.names import ANY
from common.incidents.rules.override import Override
from common.incidents.rules.rule import Rule


class Rules:
    """Rules in the order in which they count, and the overrides in the order in which they are laid over them.

    A rule for exactly this source and type of event goes before one for sources that begin alike (`webhook.grafana-*`),
    that before one for any source, that before one for any type, and a rule for everything comes last. Among equals
    the first counts.
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
    """Return 0 for a rule that names its sources and types, up to 5 for one that names neither."""
    begins_alike = any(source.endswith(ANY) for source in rule.sources)
    return 3 * (ANY in rule.detail_types) + begins_alike + (ANY in rule.sources)


def is_about(rule: Rule, event: Mapping[str, Any]) -> bool:
    """Return whether a rule is for this source and type of event, whatever its condition says."""
    return (ANY in rule.detail_types or event["detail-type"] in rule.detail_types) and (
        event["source"] in rule.sources or any(_begins(event["source"], source) for source in rule.sources)
    )


def _is_met(rule: Rule, event: Mapping[str, Any]) -> bool:
    return is_about(rule, event) and (rule.when is None or rule.when.holds(event))


def _begins(source: str, pattern: str) -> bool:
    return pattern.endswith(ANY) and source.startswith(pattern[:-1])
