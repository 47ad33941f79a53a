"""What the event rules of template.yaml let through to the queue: whether an event would come at all."""

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Self

from local.yaml_text import read_yaml


@dataclass(frozen=True)
class Delivery:
    """The two rules: one for the sources in EventSources, one for the bridge's own types from OwnEventSources."""

    default_sources: frozenset[str]
    left_out: tuple[str, ...]
    own_types: frozenset[str]

    @classmethod
    def of(cls, template: Path) -> Self:
        """Read template.yaml."""
        content: Mapping[str, Any] = read_yaml(template.read_text(encoding="utf-8"))
        services, own = (
            content["Resources"][name]["Properties"]["EventPattern"]["detail-type"]
            for name in ("EventRule", "OwnEventRule")
        )
        sources = content["Parameters"]["EventSources"]["Default"].split(",")
        return cls(frozenset(sources), tuple(services[0]["anything-but"]["suffix"]), frozenset(own))

    def never(self, detail_type: str) -> str | None:
        """Return why no event of this type comes, whatever the parameters say; None where it can."""
        if detail_type in self.own_types or not detail_type.endswith(self.left_out):
            return None
        return f"EventRule in template.yaml leaves out what ends in {' or '.join(map(repr, self.left_out))}"

    def story(self, source: str, detail_type: str) -> str:
        """Say what has to be so for EventBridge to deliver this event."""
        if reason := self.never(detail_type):
            return f"never: {reason}"
        if detail_type in self.own_types:
            return f"if the parameter OwnEventSources lists {source}, or if the API put it into the queue"
        if source in self.default_sources:
            return f"yes, unless the parameter EventSources no longer lists {source}"
        return f"if the parameter EventSources lists {source}; its default does not"
