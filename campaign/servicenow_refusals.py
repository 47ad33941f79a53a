"""Faults 103 to 106: refusals that are not what they seem."""

from typing import Any

from campaign.catalogue import fault
from campaign.servicenow_api import act, held_until_mended, refusal_of
from campaign.world import World


@fault(104, "404 that tells of no record: of the address, of the table", "H")
def not_there(world: World) -> None:
    """Nothing is opened anew, and nothing is taken for resolved."""
    words = world.pick("Requested URI does not represent any resource", "Invalid table incident")
    held_until_mended(world, act(world, "PATCH", status=404, body=refusal_of(words), times=None))


@fault(105, "a refusal in another language", "H, or X once others are accepted")
def another_language(world: World) -> None:
    """Its words tell nothing: what becomes of others does."""
    body = refusal_of("Vorgang fehlgeschlagen", "ACL-Ausnahme: Einfügen fehlgeschlagen")
    if world.in_turn("one environment", "many") == "many":
        _refused_in_many(world, body)
        return
    if world.toss():
        world.fault(method="POST", table="incident", status=403, body=body, times=None)
        for number in range(4):
            world.send(world.alarm(f"all-{number}", "ALARM", minutes=1))
        held_until_mended(world, world.invoke())
        return
    found = act(world, "POST", status=403, body=body, times=2)
    world.expect_outcome(found, "held")
    world.send(world.alarm("another", "ALARM", minutes=1))
    world.expect_outcome(world.invoke(), "held")
    world.clock.advance(60)
    world.settle()


def _refused_in_many(world: World, body: dict[str, Any]) -> None:
    """Each time in a new environment, which itself saw nothing of what became of others."""
    refused: dict[str, Any] = {"method": "POST", "table": "incident", "status": 403, "body": body, "times": None}
    world.fault(**refused)
    world.send(world.alarm("refused", "ALARM", minutes=1))
    for _ in range(world.random.randint(1, 3)):
        world.expect_outcome(world.invoke(world.environment()), "held")
        world.clock.advance(150)  # until the lock of the write has ended
    world.expect_outcome(world.invoke(world.environment()), "held")
    world.mend()
    world.send(world.alarm("accepted", "ALARM", minutes=1))
    world.expect_outcome(world.invoke(world.environment()), "done")
    world.fault(**refused)
    world.clock.advance(150)
    world.expect_outcome(world.invoke(world.environment()), "dead")


@fault(103, "403: a closed incident may not be changed", "C, replaced where the problem is there")
def closed_is_read_only(world: World) -> None:
    """By an access rule or a business rule; a person, or the job that closes what is resolved, closed it."""
    world.simulator.configure(closed_records=world.pick("acl", "rule"), language=world.pick("en", "de"))
    world.send(world.alarm("closed", "ALARM", minutes=1))
    world.expect_outcome(world.invoke(), "done")
    if world.toss():
        world.send(world.alarm("closed", "OK", minutes=2))
        world.expect_outcome(world.invoke(), "done")
    for row in world.simulator.records("incident"):
        world.simulator.update("incident", row["sys_id"], {"state": "7"})
    returns = world.toss()
    world.send(world.alarm("closed", "OK", minutes=3))
    world.expect_outcome(world.invoke(), "done")
    if returns:
        world.send(world.alarm("closed", "ALARM", minutes=4))
        world.expect_outcome(world.invoke(), "done")
    world.settle()
    opened = [row for row in world.simulator.records("incident") if row["state"] == "1"]
    world.expect(len(opened) == returns, f"{len(opened)} incidents are open")
    world.expect(not world.dead_letters(), "a message was given up")


@fault(106, "200 although the state was not changed", "H, open in the ledger too")
def state_ignored(world: World) -> None:
    """Write access to the field is denied: the answer shows the state as it was."""
    world.send(world.alarm("kept", "ALARM", minutes=1))
    world.expect_outcome(world.invoke(), "done")
    world.simulator.configure(denied_fields=("incident.state",))
    world.send(world.alarm("kept", "OK", minutes=2))
    world.expect_outcome(world.invoke(), "held")
    world.expect(world.metrics["RecordsResolved"] == 0, "a state that was ignored counts as resolved")
    world.simulator.configure(denied_fields=())
    world.clock.advance(60)
    world.settle()
    world.expect([row["state"] for row in world.simulator.records("incident")] == ["6"], "it was not resolved")
