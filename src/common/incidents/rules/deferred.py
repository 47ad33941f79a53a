"""A rule that is only read once an event needs it."""

from collections.abc import Collection, Mapping
from functools import cached_property
from typing import Any

from common.errors import ConfigurationError
from common.incidents.rules.reading import read_rule
from common.incidents.rules.rule import Rule


class DeferredRule:
    """A rule in which the build found no mistake. What tells whether it is about an event is at hand at once."""

    def __init__(self, place: str, content: Mapping[str, Any], tables: Collection[str]) -> None:
        """Take `content`, a table of a rule file that stands at `place`; records may be written to `tables`."""
        self.name: str = content["name"]
        self.sources = _one_or_more(content["source"])
        self.detail_types = _one_or_more(content["detail_type"])
        self.covers = bool(content.get("covers"))
        self._table = (place, content, tables)

    @cached_property
    def rule(self) -> Rule:
        """The rule itself. Raises ConfigurationError where it has a mistake, so that its events are held."""
        rule, mistakes = read_rule(*self._table)
        if rule is None:
            raise ConfigurationError(
                "A rule is not usable: " + " ".join(map(str, mistakes)), action="Build the package with `make build`."
            )
        return rule


def _one_or_more(value: str | list[str]) -> tuple[str, ...]:
    return (value,) if isinstance(value, str) else tuple(value)
