"""Many alarms at once, and a composite alarm that covers its children, through everything that is deployed."""

from collections.abc import Sequence
from itertools import batched
from pathlib import Path

import pytest

from local import sam
from local.alarms import alarm_event, put_event, put_events
from local.stack import LocalStack
from tests.e2e.incidents import NEW, RESOLVED, incidents_of

OWN = Path(__file__).resolve().parents[2] / "src/rules/own/e2e-storms.toml"
RULES = """
[[override]]
match = "starts_with(detail.alarmName, 'stormy-')"
storm = { more_than = 5, within = "1h", fields = { short_description = "A storm of stormy-alarms" } }

[[override]]
rules = ["cloudwatch-alarm"]
match = "starts_with(detail.alarmName, 'whole-')"
covers = ["starts_with(detail.alarmName, 'part-') && account == covering.account"]
"""
ALARMS, BOUND = 30, 5
_TO_BUILD = 300.0


@pytest.fixture(scope="module")
def stormy(deployed: LocalStack, tmp_path_factory: pytest.TempPathFactory) -> LocalStack:
    """The stack with rules of one's own, which are about the alarms of these tests alone and so may stay."""
    assert not OWN.exists()
    OWN.parent.mkdir(exist_ok=True)
    OWN.write_text(RULES, encoding="utf-8")
    try:
        with sam.exclusive_build_directory():
            with sam.start_build(tmp_path_factory.mktemp("build")) as build:
                build.finish(_TO_BUILD)
            deployed.deploy()
    finally:
        OWN.unlink()
    deployed.dead_letters()
    return deployed


def test_thirty_alarms_at_once_are_five_incidents_and_one(stormy: LocalStack) -> None:
    """The five become children of the one, and all are resolved when all alarms have recovered."""
    names = [f"stormy-{number:02}" for number in range(ALARMS)]
    _put_all(stormy, names, "ALARM")
    stormy.wait_until_handled(240)
    opened = incidents_of(stormy, "stormy-")
    [storm] = [incident for incident in opened if incident["short_description"] == "A storm of stormy-alarms"]
    own = [incident for incident in opened if incident is not storm]
    _put_all(stormy, names, "OK")
    stormy.wait_until_handled(240)
    over = incidents_of(stormy, "stormy-")

    assert [incident["state"] for incident in opened] == [NEW] * (BOUND + 1)
    assert (storm["impact"], storm["urgency"]) == ("1", "1")
    assert {incident["parent_incident"] for incident in own} == {storm["sys_id"]}
    assert [incident["state"] for incident in over] == [RESOLVED] * (BOUND + 1)
    notes = stormy.simulator.journal(storm["sys_id"], "work_notes")
    assert len(notes) == len(set(notes)) < ALARMS - BOUND
    assert [letter for letter in stormy.dead_letters() if "stormy-" in letter.body] == []


@pytest.mark.slow
def test_a_composite_alarm_covers_its_children(stormy: LocalStack) -> None:
    """One of them is over before it is; the other one opens when it is over itself."""
    put_event(stormy.root, alarm_event("ALARM", name="whole-shop", kind="composite"))
    stormy.wait_until_handled()
    for name in ("part-database", "part-queue"):
        put_event(stormy.root, alarm_event("ALARM", name=name))
    stormy.wait_until(lambda: len(_notes(stormy)) == 2, "The children were not noted")
    put_event(stormy.root, alarm_event("OK", name="part-database"))
    put_event(stormy.root, alarm_event("OK", name="whole-shop", kind="composite"))
    stormy.wait_until_handled(400)

    assert incidents_of(stormy, "part-database") == []
    assert [incident["state"] for incident in incidents_of(stormy, "part-queue")] == [NEW]
    assert [incident["state"] for incident in incidents_of(stormy, "whole-shop")] == [RESOLVED]
    assert sorted("part-" in note for note in _notes(stormy)) == [True, True]


def _put_all(stack: LocalStack, names: Sequence[str], state: str) -> None:
    for ten in batched(names, 10, strict=False):
        put_events(stack.root, [alarm_event(state, name=name) for name in ten])


def _notes(stack: LocalStack) -> list[str]:
    [whole] = incidents_of(stack, "whole-shop")
    notes: list[str] = stack.simulator.journal(whole["sys_id"], "work_notes")
    return [note for note in notes if note.startswith("Not opened while this lasts: ")]
