"""What is searched exhaustively: few events, few workers, little trouble, and every way in which they can meet."""

from copy import replace

from common.incidents.alert import Alert, OnRecovery, OnRepeat, OnReturn, Policy, Status
from tests.support.clock import EPOCH
from tests.support.servicenow import Instance
from tests.support.world import LOSSES, Scenario, alerts

NOTES = Policy(on_repeat=OnRepeat.NOTE)
REPLACES = Policy(on_repeat=OnRepeat.NOTE, on_return=OnReturn.REPLACE)
LEAVES = Policy(on_repeat=OnRepeat.NOTE, on_recovery=OnRecovery.LEAVE, on_return=OnReturn.REPLACE)
FLAPS = Policy(on_repeat=OnRepeat.NOTE, flapping=1)
RECOVERY_NOTES = Policy(on_repeat=OnRepeat.NOTE, on_recovery=OnRecovery.NOTE, reopen_window=0)

HOUR = 5
"""Seconds after the beginning of a scenario, which is 1000 s after its first event's second 0."""

HELD = Policy(hold=1000 + HOUR - 1)
SETTLED = Policy(settle=1000 + HOUR - 2)


def within(inside: tuple[Alert, ...], until: tuple[int, ...] = ()) -> tuple[Alert, ...]:
    """Return alerts of which those that fire are held by a window: until `HOUR`, or for each another (0: by none)."""
    hours = until or (HOUR,) * len(inside)
    return tuple(
        replace(alert, quiet_until=int(EPOCH + hour) * 1000, quiet_by="window")
        if hour and alert.status is Status.FIRING
        else alert
        for alert, hour in zip(inside, hours, strict=True)
    )


_SPLIT = {
    "a noted repeat, a recovery and a person": Scenario(alerts("F1 F2 R3", NOTES), faults=1, kinds=("kill",), acts=1),
    "changes are forbidden": Scenario(alerts("F1 F2 R3", NOTES), faults=1, kinds=("forbidden", "kill"), acts=1),
    "a closed record is read only": Scenario(
        alerts("F1 F2 R3", NOTES),
        faults=1,
        kinds=("kill", "answer lost", "late"),
        acts=1,
        act_kinds=("close",),
        servicenow=Instance(closed_is_read_only=True),
    ),
    "replaced on return": Scenario(alerts("F1 R2 F3", REPLACES), faults=1, kinds=("late", "not done"), acts=1),
    "a recovery that has to last, and a return": Scenario(alerts("F1 R2 F3", SETTLED), faults=1, kinds=("kill",)),
    "a window over an alarm that returns": Scenario(
        within(alerts("F1 R2 F3", NOTES)), faults=1, kinds=("kill", "late")
    ),
    "a window in which an alarm is told anew": Scenario(
        within(alerts("F1 F2 R3", NOTES), until=(6, 4, 0)), faults=1, kinds=("kill",)
    ),
}
"""Three events each, of which two workers and trouble at once would make ten times as many states.

One worker meets the trouble, and two meet each other; what both do to each other stands in the smaller ones below.
"""

SCENARIOS = {
    **{name: replace(scenario, workers=1) for name, scenario in _SPLIT.items()},
    **{
        f"{name}, two workers": replace(scenario, faults=0)
        for name, scenario in _SPLIT.items()
        if name != "changes are forbidden"  # without trouble that is the one before
    },
    "one alarm, delivered twice": Scenario(alerts("F1"), duplicates=1, faults=2),
    "three workers at one alarm": Scenario(alerts("F1"), workers=3, duplicates=2, faults=1),
    "an alarm and its recovery": Scenario(alerts("F1 R2"), faults=2, kinds=("kill", "late", "not done")),
    "an alarm that returns": Scenario(alerts("F1 R2 F3"), faults=1),
    "an alarm that flaps": Scenario(alerts("F1 R2 F3", FLAPS), faults=1, kinds=("kill", "answer lost", "not done")),
    "equal times": Scenario(alerts("R1 F1"), duplicates=1, faults=1),
    "a noted repeat and a person": Scenario(
        alerts("F1 F2", NOTES), faults=1, acts=1, act_kinds=("resolve", "close", "delete")
    ),
    "a recovery and a person who acts twice": Scenario(
        alerts("F1 F2 R3", NOTES), workers=1, faults=1, kinds=("kill", "answer lost"), acts=2
    ),
    "refusals": Scenario(
        alerts("F1 F2 R3", NOTES), faults=2, kinds=("refused", "refused after commit", "held", "not done")
    ),
    "a record is hidden": Scenario(alerts("F1 F2 R3", NOTES), faults=1, kinds=("hidden", "kill")),
    "trouble with the ledger": Scenario(
        alerts("F1 R2"), faults=2, kinds=("throttled", "ledger answer lost", "ledger repeated")
    ),
    "foreign records": Scenario(
        alerts("F1 R2"),
        faults=2,
        kinds=("dropped", "query ignored"),
        servicenow=Instance().insert({"short_description": "foreign", "correlation_id": "foreign"}),
    ),
    "a group in batches": Scenario(alerts("aF1 bF2 aF3", NOTES), folds=True, duplicates=1),
    "a refused batch": Scenario(alerts("F1 F2 R3", NOTES), folds=True, faults=1, kinds=("refused", "answer lost")),
    "left open on recovery": Scenario(alerts("F1 R2 F3", LEAVES), faults=1, kinds=("kill", "late")),
    "noted on recovery": Scenario(alerts("F1 R2 F3", RECOVERY_NOTES), faults=1, kinds=("kill", "late")),
    "markers are discarded": Scenario(
        alerts("F1 F2 R3", NOTES), faults=1, kinds=LOSSES, servicenow=Instance(discards_markers=True)
    ),
    "a problem that has to last": Scenario(alerts("F1 R2", HELD), faults=1, kinds=("kill", "late")),
    "a recovery that has to last": Scenario(alerts("F1 R2", SETTLED), faults=1, kinds=("kill", "late")),
    "a window over an alarm": Scenario(within(alerts("F1")), duplicates=1, faults=1),
    "a window over an alarm and its recovery": Scenario(
        within(alerts("F1 R2")), faults=1, kinds=("kill", "late", "not done")
    ),
    "a window that is taken away": Scenario(
        within(alerts("F1 F2"), until=(5, 0)), folds=True, faults=1, kinds=("kill", "late")
    ),
    "closed records can be reopened": Scenario(
        alerts("F1 F2", NOTES), faults=1, kinds=("kill", "late"), acts=1, servicenow=Instance(closed_is_final=False)
    ),
}
