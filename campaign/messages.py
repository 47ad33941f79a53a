"""Faults 80 to 85: what can stand in a message, and in a batch of them."""

import json
from typing import Any

from campaign.catalogue import fault
from campaign.world import World


@fault(80, "poison among ten", "nine succeed")
def poison(world: World) -> None:
    """In any place."""
    batch: list[Any] = [world.alarm(f"good-{index}", "ALARM", minutes=index) for index in range(9)]
    bad = world.pick("{not json", "", "[]", "null", '"text"', "[" * 100_000, '{"source": 1}', "\x00\x01")
    batch.insert(world.random.randint(0, 9), bad)
    world.send(*batch)
    found = world.invoke()
    world.expect((found.refused, found.stay) == (1, ()), f"{found.refused} were refused, {len(found.stay)} stay")
    world.expect(len(world.incidents()) == 9, f"{len(world.incidents())} of nine succeeded")


_VALUES: tuple[Any, ...] = (None, 7, True, [], {}, "", "text", 1e300, ["x"], {"a": {"b": []}})


@fault(81, "fields missing, null, extra, of the wrong type", "handled, or X")
def odd_fields(world: World) -> None:
    """Anywhere in the event; its neighbour is unharmed."""
    event = world.alarm("odd", "ALARM", minutes=1)
    detail = dict(event["detail"])
    for _ in range(world.random.randint(1, 3)):
        where = world.pick(event, detail, detail["state"], detail["configuration"])
        name = world.pick(*where, "somethingElse")
        if world.toss():
            where[name] = world.pick(*_VALUES)
        elif name in where:
            del where[name]
        if not isinstance(detail.get("state"), dict) or not isinstance(detail.get("configuration"), dict):
            break
    if "detail" in event and isinstance(event["detail"], dict):
        event["detail"] = detail
    world.send(event, world.alarm("neighbour", "ALARM", minutes=2))
    world.invoke()
    world.settle()
    world.expect(world.metrics["Defects"] == 0, "it made the bridge fail")
    titles = [row["short_description"] for row in world.incidents()]
    world.expect(any("neighbour" in title for title in titles), "its neighbour was lost")


@fault(82, "256 kB", "handled", seeds=2)
def large(world: World) -> None:
    """The largest event of EventBridge."""
    event = world.alarm("large", "ALARM", minutes=1)
    event["detail"]["state"]["reason"] = world.pick("x", "\u00e9", "\U0001f600", '"') * 60_000
    world.send(event)
    world.expect_outcome(world.invoke(), "done")


_TEXTS = (
    "\U0001f600" * 40,
    "\u202egnp.exe",
    "a\x00b",
    "\ud800",
    "\udfff\ud800",
    "\u0645\u0631\u062d\u0628\u0627",
    "\u2028",
)


def _with_text(world: World, text: str) -> None:
    event = world.alarm(f"text {text}", "ALARM", minutes=1)
    event["detail"]["state"]["reason"] = f"reason {text}"
    event["detail"]["configuration"]["description"] = text
    world.send(json.dumps(event), world.alarm(f"text {text}", "OK", minutes=2) | {"id": "other"})
    world.invoke()
    world.settle()
    world.expect(world.metrics["Defects"] == 0, "it made the bridge fail")


@fault(83, "emoji, right-to-left, NUL, surrogates", "stored inert, or X")
def odd_text(world: World) -> None:
    """In the name of the problem, its reason and its description."""
    _with_text(world, world.pick(*_TEXTS))
    for row in world.incidents():
        stored = "".join(row.values())
        world.expect("\x00" not in stored, "a control character was stored")


_HOSTILE = (
    "^ORnumber=INC0010001",
    "^NQsys_idISNOTEMPTY",
    "<script>alert(1)</script>",
    "${jndi:ldap://x/a}",
    "a\r\nX-Injected: 1",
    "=cmd|' /C calc'!A0",
    "javascript:gs.sleep(9)",
    "[code]<b>x</b>[/code]",
)


@fault(84, "^OR, <script>, ${jndi, CRLF, =cmd", "stored inert, or X")
def hostile_text(world: World) -> None:
    """Nobody else's record is read or changed."""
    stranger = world.simulator.insert("incident", {"short_description": "stranger"})
    _with_text(world, world.pick(*_HOSTILE))
    [row] = [row for row in world.incidents() if row["sys_id"] == stranger]
    world.expect((row["state"], row["sys_mod_count"]) == ("1", "0"), "another's record was changed")
    paths = [call.path + call.query for call in world.simulator.calls]
    world.expect(not any("script" in path or "%5EOR" in path for path in paths), "it reached an address or a query")


@fault(85, "doubled ids, an empty batch, an unknown source or detail-type", "no crash")
def odd_batches(world: World) -> None:
    """Unknown types are counted each time, and logged once."""
    environment = world.environment()
    answer = environment.call({"Records": []}, 60.0)
    world.expect(answer == {"batchItemFailures": []}, "an empty batch fails")
    unknown = world.alarm("unknown", "ALARM") | {"source": world.pick("aws.unheard", "custom.app")}
    number = world.random.randint(2, 5)
    world.send(*(unknown for _ in range(number)))
    world.expect_outcome(world.invoke(environment), "done")
    world.expect(world.metrics["EventsUnknown"] == number, "they are not counted")
    world.send(world.alarm("doubled", "ALARM", minutes=1))
    [message] = world.queue.receive()
    world.deliver([message, message], environment)
    world.expect(len(world.incidents()) == 1, f"{len(world.incidents())} incidents")
