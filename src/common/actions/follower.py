"""Those who follow a change, and the actions that rules ask for."""

from collections.abc import Collection, Mapping
from typing import Protocol

from common.actions.change import RecordChange
from common.actions.decide import Action, actions_of
from common.actions.refusals import try_all
from common.actions.turns import Turns
from common.clock import Deadline
from common.incidents.rules import Rules
from common.telemetry import Telemetry


class Follower(Protocol):
    """Does what one change asks for. Doing it twice does no more than doing it once."""

    def follow(self, change: RecordChange, deadline: Deadline) -> None:
        """Follow a change; raise a BridgeError that says what becomes of the message."""
        ...


class Performer(Protocol):
    """One API of AWS that can set something."""

    def perform(self, action: Action, deadline: Deadline) -> None:
        """Carry out an action on its objects, of which there is at least one; raises as `Follower.follow`."""
        ...


class RuleFollower:
    """Carries out what a record's rule says about its changes."""

    def __init__(
        self, rules: Rules, performers: Mapping[str, Performer], turns: Turns, *, telemetry: Telemetry
    ) -> None:
        """Look into `rules`; `performers` are those that are switched on, by the names of actions."""
        self._rules = rules
        self._turns = turns
        self._performers = performers
        self._telemetry = telemetry

    def follow(self, change: RecordChange, deadline: Deadline) -> None:
        """Carry out the actions of a change. What failed is raised when all were tried.

        A change that nothing follows takes its turn too, so that what came before it is not followed after it.
        """
        rule = self._rules.of_record(change.rule)
        if rule is None or not any(entry.action in self._performers for entry in rule.on_change):
            return
        turn = self._turns.begin(change, seconds=deadline.remaining())
        if turn is None:
            self._telemetry.count("ActionsSuperseded")
            self._telemetry.log.info("A newer change of the record was followed already.", number=change.number)
            return
        try:
            actions = actions_of(change, rule, self._performers.keys())
            try_all(actions, lambda action: self._perform(action, deadline))
        finally:
            self._turns.end(turn)

    def _perform(self, action: Action, deadline: Deadline) -> None:
        if not action.objects:
            self._telemetry.count("ActionsWithoutObject")
            self._telemetry.log.warning(
                "Which object of AWS a record stands for is not known: it was adopted, or opened before.",
                number=action.number,
                action=action.kind,
            )
            return
        self._performers[action.kind].perform(action, deadline)
        self._telemetry.count("ActionsTaken")
        self._telemetry.log.info("AWS follows a change.", extra=told(action))


def told(action: Action) -> dict[str, str | int]:
    """Return what a log line says of an action."""
    return {
        "number": action.number,
        "action_kind": action.kind,
        "sets": action.value,
        "account": action.account,
        "region": action.region,
        "objects": len(action.objects),
    }


def would_do(change: RecordChange, rules: Rules, switched_on: Collection[str]) -> list[str]:
    """Return a line for each action that a change would lead to, for a person to read."""
    return [
        f"{action.kind}: {action.value}{f' ({action.feedback})' if action.feedback else ''} for {len(action.objects)} "
        f"objects in account {action.account or '?'}, Region {action.region or '?'}"
        for action in actions_of(change, rules.of_record(change.rule), switched_on)
    ]
