"""Defects that the search found in this code, and those that take days, a rule, or one worker alone; to be planted."""

from collections.abc import Mapping
from copy import replace
from typing import Any

import pytest

from common.incidents import decide
from common.incidents import item as items
from common.incidents import ledger as ledgers
from common.incidents.alert import Alert, Fold, Policy, is_firing
from common.incidents.item import Item
from common.incidents.rules import Rule
from common.incidents.steps import Finish, Moment, Next, Step, Write
from common.incidents.work import Work
from tests.support.defects import WRITE


def key_of_an_attempt_used_again(patch: pytest.MonkeyPatch) -> None:
    """The second record that one event opens gets the key of the first."""
    again = items.correlation_id_of
    patch.setattr(decide, "correlation_id_of", lambda item, orders: again(replace(item, version=0), orders))


def done_after_anothers_write(patch: pytest.MonkeyPatch) -> None:
    """Who finishes another worker's write takes its own event for applied, too."""

    def write(self: Work, step: Write) -> tuple[Item, Step]:
        item, after = WRITE(self, step)
        return item, Finish() if self.operations and step.then is Next.PLAN else after

    patch.setattr(Work, "write", write)


def words_of_another_event(patch: pytest.MonkeyPatch) -> None:
    """Who finishes another worker's write opens a new record with what its own message says."""

    def replace_record(item: Item, _fold: Fold, moment: Moment) -> Write:
        assert item.pending is not None
        return decide._open(item.without_record(), item.pending.orders, moment)

    def speaker(self: Fold, _orders: Mapping[str, int], *, firing: bool) -> Alert:
        return next((alert for alert in self.alerts if is_firing(alert.order) is firing), self.newest)

    patch.setattr(decide, "_replace_record", replace_record)
    patch.setattr(Fold, "speaker", speaker)


def words_of_a_duplicate(patch: pytest.MonkeyPatch) -> None:
    """In a batch the newest alert speaks, even if it was applied long ago."""

    def speaker(self: Fold, _orders: Mapping[str, int], *, firing: bool) -> Alert:
        return next(alert for alert in reversed(self.alerts) if is_firing(alert.order) is firing)

    patch.setattr(Fold, "speaker", speaker)


def open_record_replaced(patch: pytest.MonkeyPatch) -> None:
    """On return the policy replaces a record that its recovery left open."""

    def plan_firing(item: Item, newer: Mapping[str, int], policy: Policy, moment: Moment) -> Step:
        if item.record is not None and not item.fires and decide._is_replaced_on_return(item, policy, newer):
            return decide._open(item.without_record(), newer, moment)
        return original(item, newer, policy, moment)

    original = decide._plan_firing
    patch.setattr(decide, "_plan_firing", plan_firing)


def reopening_forgotten(patch: pytest.MonkeyPatch) -> None:
    """Reopening that was turned away is forgotten, and its note comes again."""
    patch.setattr(decide, "not_done", lambda item, _moment: Write(item.reverted(), Next.GO_BACK))


def recovery_soon_forgotten(patch: pytest.MonkeyPatch) -> None:
    """The item of a problem that is over expires before its alarm is too old (T10)."""
    patch.setattr(ledgers, "KEPT_AFTER_RECOVERY", 86_400)


def ignorance_taken_for_recovery(patch: pytest.MonkeyPatch) -> None:
    """Whatever is no alarm means that the problem is over (T7)."""
    alert = Rule.alert

    def judge(self: Rule, event: Mapping[str, Any]) -> Alert | None:
        detail = event["detail"]
        recovered = {**event, "detail": {**detail, "state": {**detail["state"], "value": "OK"}}}
        return alert(self, event) or alert(self, recovered)

    patch.setattr(Rule, "alert", judge)


def firing_item_expires(patch: pytest.MonkeyPatch) -> None:
    """Every item gets a time to live."""
    encode = ledgers._encode

    def encoded(item: Item, *, expires_at: int) -> dict[str, Any]:
        return {**encode(item, expires_at=expires_at), "expires_at": {"N": str(expires_at)}}

    patch.setattr(ledgers, "_encode", encoded)


def forbidden_change_given_up(patch: pytest.MonkeyPatch) -> None:
    """A closed record that may not be changed is not told from one whose change is wrong."""
    patch.setattr(decide, "refused", lambda item, _seen, _fold, moment: decide.not_done(item, moment))


def any_404_taken_for_deleted(patch: pytest.MonkeyPatch) -> None:
    """Nobody looks whether the record is still there."""
    patch.setattr(decide, "missing", lambda item, _others, fold, moment: decide.gone(item, fold, moment))


def success_believed(patch: pytest.MonkeyPatch) -> None:
    """A success is taken for a change of the state, whatever the answer shows."""
    patch.setattr(Work, "left_open", lambda *_: False)


def own_write_not_recognised(patch: pytest.MonkeyPatch) -> None:
    """A write that the AWS SDK repeated counts as lost, and the message waits for its own lock to end."""
    decode = ledgers._decode
    patch.setattr(ledgers, "_decode", lambda stored: replace(decode(stored), dedup_key="another"))
