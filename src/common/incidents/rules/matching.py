"""All rules of a deployment, and which of them an event meets."""

from collections.abc import Iterable, Iterator, Mapping, Sequence
from copy import replace
from typing import Any

from common.incidents.rules.contracts import check_contract
from common.incidents.rules.deferred import DeferredRule
from common.incidents.rules.names import ANY
from common.incidents.rules.override import Override
from common.incidents.rules.rule import Rule
from common.incidents.rules.surroundings import NOTHING_AROUND, Surroundings
from common.incidents.windows import Window
from common.servicenow.event_management import EVENT_TABLE


class Rules:
    """Rules in the order in which they count, and the overrides in the order in which they are laid over them.

    A rule for exactly this source and type of event goes before one for sources that begin alike (`webhook.grafana-*`),
    that before one for any source, that before one for any type, and a rule for everything comes last. Among equals
    the first counts.
    """

    def __init__(
        self,
        rules: Iterable[Rule | DeferredRule],
        overrides: Sequence[Override] = (),
        requestable: Mapping[str, tuple[str, ...]] | None = None,
        windows: Sequence[Window] = (),
        surroundings: Surroundings = NOTHING_AROUND,
    ) -> None:
        """Hold the rules, the ones that count first in front; `requestable` as `check_contract` takes it.

        `surroundings` are what texts may tell beside the event.
        """
        self.windows = tuple(windows)
        self._requestable = requestable
        self._surroundings = surroundings
        rules = tuple(rules)
        self.any_covers = any(part.covers for part in (*rules, *overrides))
        self._rules = sorted(rules, key=generality)
        by_source = [(source, rule) for rule in rules for source in rule.sources]
        self._by_source = sorted(by_source, key=lambda each: _generality(each[1], each[0]))
        self.overrides = tuple(overrides)
        self._overrides = {rule.name: [each for each in overrides if each.concerns(rule.name)] for rule in self._rules}
        self._asking: dict[str, bool] = {}

    def match(self, event: Mapping[str, Any]) -> Rule | None:
        """Return the rule for an event with its overrides, or None where no rule is meant for it.

        Raises PermanentError for an event of the bridge's own types that does not keep to its schema.
        """
        check_contract(event, self._requestable)
        rule = self._meant_for(event)
        if rule is None:
            return None
        if self._surroundings != NOTHING_AROUND:
            rule = replace(rule, surroundings=self._surroundings)
        for override in self._overrides[rule.name]:
            if override.holds(rule, event):
                rule = override.over(rule)
        return replace(rule, tells_about=True) if self.any_covers else rule

    def tags_for(self, event: Mapping[str, Any]) -> frozenset[str]:
        """Return the names of the tags for which the event's rule asks, or an override that could apply to it.

        Fields are those of a new record, so that a recovery asks for less; what is passed over asks for nothing.
        """
        rule = self._meant_for(event)
        if rule is None or not self._asks(rule) or rule.status_of(event) is None:
            return frozenset()
        may_apply = [each for each in self._overrides[rule.name] if each.may_hold(rule, event)]
        parts: tuple[Rule | Override, ...] = (rule, *may_apply)
        is_written = rule.firing.holds(event) or any(part.table == EVENT_TABLE for part in parts)
        return frozenset().union(*(part.tags(fields=is_written) for part in parts))

    def _asks(self, rule: Rule) -> bool:
        """Return whether the rule, or an override of it, asks for any tag."""
        if rule.name not in self._asking:
            parts: tuple[Rule | Override, ...] = (rule, *self._overrides[rule.name])
            self._asking[rule.name] = any(part.tags(fields=True) for part in parts)
        return self._asking[rule.name]

    def _meant_for(self, event: Mapping[str, Any]) -> Rule | None:
        return next((rule for rule in self.about(event) if rule.when is None or rule.when.holds(event)), None)

    def about(self, event: Mapping[str, Any]) -> Iterator[Rule]:
        """Return the rules for the source and type of an event, whatever their conditions say, as they count."""
        return (_read(rule) for source, rule in self._by_source if _is_about(source, rule, event))

    def of_record(self, name: str) -> Rule | None:
        """Return the rule of that name, and what overrides say about changes in ServiceNow; None for no rule."""
        found = next((rule for rule in self._rules if rule.name == name), None)
        rule = None if found is None else _read(found)
        if rule is not None:
            for override in self._overrides[name]:
                if override.on_change:
                    rule = replace(rule, on_change=(*override.on_change, *rule.on_change))
        return rule

    def __iter__(self) -> Iterator[Rule]:
        """Return each rule once, as it stands in its file, in the order in which they count."""
        return map(_read, self._rules)


def _read(rule: Rule | DeferredRule) -> Rule:
    return rule if isinstance(rule, Rule) else rule.rule


def generality(rule: Rule | DeferredRule) -> int:
    """Return 0 for a rule that names its sources and types, up to 5 for one that names neither."""
    return max(_generality(rule, source)[0] for source in rule.sources)


def _generality(rule: Rule | DeferredRule, source: str) -> tuple[int, int]:
    """Return how much one source of a rule takes, and of those that begin alike the longest beginning first."""
    begins_alike = source.endswith(ANY) and source != ANY
    return 3 * (ANY in rule.detail_types) + begins_alike + 2 * (source == ANY), -len(source) * begins_alike


def _is_about(source: str, rule: Rule | DeferredRule, event: Mapping[str, Any]) -> bool:
    sent = event["source"]
    takes = sent == source or (source.endswith(ANY) and sent.startswith(source[:-1]))
    return takes and (ANY in rule.detail_types or event["detail-type"] in rule.detail_types)
