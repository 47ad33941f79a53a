
class Rules:
    """All rules of a deployment."""

    def __init__(self, rules: Iterable[Rule]) -> None:
        """Hold the rules; where several match an event, the first counts."""
        self._rules: dict[tuple[str, str], list[Rule]] = {}
        for rule in rules:
            for detail_type in rule.detail_types:
                self._rules.setdefault((rule.source, detail_type), []).append(rule)

    def match(self, event: Mapping[str, Any]) -> Rule | None:
        """Return the rule for an event, or None where no rule knows its type or has a condition that holds."""
        rules = self._rules.get((event["source"], event["detail-type"]), ())
        return next((rule for rule in rules if rule.when is None or rule.when.holds(event)), None)

    def __iter__(self) -> Iterator[Rule]:
        """Return each rule once."""
        return iter({id(rule): rule for rules in self._rules.values() for rule in rules}.values())

