"""Storms that are searched exhaustively."""

from copy import replace

from common.incidents.alert import Alert
from common.incidents.storm import Cover, Storm
from tests.support.world import KEY, Scenario, alerts


def stormy(text: str, more_than: int) -> tuple[Alert, ...]:
    """Return alerts, as `alerts` does, that join a storm where more than so many problems open."""
    storm = Storm("storm", more_than, 3600, {"short_description": "a storm"})
    return tuple(
        replace(alert, storm=replace(storm, joining=f"joined: {alert.note}") if alert.fields else None)
        for alert in alerts(text)
    )


def covering(text: str) -> tuple[Alert, ...]:
    """Return alerts, as `alerts` does: the problem that a scenario is about covers any other."""
    cover = Cover(("`true`",), {})
    return tuple(
        replace(alert, covers=cover) if alert.key == KEY else replace(alert, about={}) for alert in alerts(text)
    )


STORMS = {
    "a problem that joins": Scenario(stormy("F1 R2", 0), faults=1, kinds=("kill",)),
    "one problem is no storm": Scenario(stormy("F1", 1), duplicates=1, faults=1),
    "two problems, one too many": Scenario(stormy("F1 other:F2", 1)),
    "two problems, one too many, and kills": Scenario(
        stormy("F1 other:F2", 1), workers=1, faults=1, kinds=("kill", "late", "not done")
    ),
    "two problems join": Scenario(stormy("F1 other:F2", 0)),
    "a problem that returns after its storm": Scenario(stormy("F1 R2 F3", 0)),
    "a child outlasts the rest": Scenario(stormy("F1 other:F2 other:R3", 1)),
    "a child recovers first": Scenario(stormy("F1 other:F2 R3", 1)),
    "a child and all else recover": Scenario(stormy("F1 other:F2 R3 other:R4", 1), workers=1),
    "a problem that is covered": Scenario(covering("F1 R3 other:F2")),
    "a problem that is covered, and a kill": Scenario(
        covering("F1 R3 other:F2"), workers=1, faults=1, duplicates=1, kinds=("kill", "throttled")
    ),
    "a covered problem that recovers": Scenario(covering("F1 other:F2 other:R3 R4")),
}
