"""The door of the room: what an event means once its tags are known, and what is put right when they were not."""

from collections.abc import Callable, Mapping
from copy import replace
from typing import TYPE_CHECKING, Any

from common.clock import Deadline
from common.incidents.alert import Alert
from common.incidents.rules import Rule, Rules
from common.incidents.tag_names import TAGS
from common.queue import Message

if TYPE_CHECKING:
    from common.context.corrections import Corrections
    from common.context.tags import TagLookup

type Event = Mapping[str, Any]
type WithItem = Callable[[Rule, Alert, Event], Alert]


class Context:
    """What rules make of an event. Without any of the other parts it is what they make of the event alone."""

    def __init__(
        self,
        rules: Rules,
        *,
        tags: "TagLookup | None" = None,
        corrections: "Corrections | None" = None,
        with_item: WithItem | None = None,
    ) -> None:
        """Look `tags` up for rules that ask for them; `with_item` names what configuration item an alert is about."""
        self._rules = rules
        self._tags = tags
        self._corrections = corrections
        self._with_item = with_item

    def judged(self, event: Event) -> tuple[Rule | None, Alert | None]:
        """Return the rule for an event and the alert that it makes. Raises as `Rules.match` and `Rule.alert`."""
        wanted = self._rules.tags_for(event) if self._tags is not None else frozenset()
        if self._tags is None or not wanted:
            return self._made(event)
        tags = self._tags.of(event, wanted)
        rule, alert = self._made({**event, TAGS: tags.values})
        if alert is not None:
            alert = replace(alert, tags=tags.values, tags_missing=not tags.complete)
        return rule, alert

    def expect(self, alert: Alert) -> None:
        """Remember that the record of an alert is about to be opened without tags. Raises nothing."""
        if self._corrections is not None and alert.tags_missing:
            self._corrections.expect(alert)

    def put_right(
        self, message: Message, alert: Alert, event: Callable[[], Event], age: float, deadline: Deadline
    ) -> float | None:
        """Put right what was opened without tags, once they are known; `event` reads the event of the message.

        `age` is that of the message in seconds. Returns the seconds after which to come back, None where nothing is
        left to be done. Raises nothing.
        """
        if self._corrections is None or alert.tags is None or (message.receives == 1 and not alert.tags_missing):
            return None
        return self._corrections.put_right(
            alert, lambda tags: self._made({**event(), TAGS: tags})[1], message.receives, age, deadline
        )

    def _made(self, event: Event) -> tuple[Rule | None, Alert | None]:
        rule = self._rules.match(event)
        alert = rule.alert(event) if rule is not None else None
        if rule is None or alert is None or self._with_item is None:
            return rule, alert
        return rule, self._with_item(rule, alert, event)
