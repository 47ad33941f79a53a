"""Faults 124 to 128: what can go wrong while an event waits for its hour, and at that hour."""

from datetime import UTC, datetime

from campaign.catalogue import fault
from campaign.servicenow_api import reconciled
from campaign.world import World
from common.incidents.open_windows import CallersWindow, OpenWindows, ended, opened

_LATEST = 60.0
_LONGEST_SLEEP = 900.0
_LOOK = 240.0
_LOCK_ENDS_WITHIN = 85.0  # 65 s and 5 s after it was sent, and up to 10 s more so that few collide


def _now(world: World) -> float:
    return world.stage.server_time()


def _muted(world: World, minutes: float) -> float:
    """Send an alarm that CloudWatch mutes for so many minutes; return when that ends, in seconds since the epoch."""
    end = int(_now(world) + minutes * 60)
    event = world.alarm("muted", "ALARM", minutes=world.random.uniform(50, 59))
    ends = datetime.fromtimestamp(end, UTC).strftime("%Y-%m-%dT%H:%M:%S.000+0000")
    event["detail"]["muteDetail"] = {"mutedByArn": "arn:aws:cloudwatch:::alarm-mute-rule:night", "muteWindowEnd": ends}
    world.send(event)
    world.expect_outcome(world.invoke(), "later")
    return float(end)


def _until(world: World, end: float) -> None:
    """Look whenever the queue shows the message, until its hour has come; nothing is opened before."""
    while True:
        world.queue.wait()
        if _now(world) >= end:
            return
        world.expect_outcome(world.invoke(), "later")
        world.expect(not world.incidents(), "a record was opened before its hour")


def _in_time(world: World, end: float) -> None:
    world.expect(len(world.incidents()) == 1, "nothing was opened")
    late = _now(world) - end
    world.expect(late <= _LATEST, f"it was opened {late:.0f} s after its hour")


@fault(124, "a window is ended while events wait", "opened within five minutes")
def window_changed(world: World) -> None:
    """Each looks at it 15 times an hour."""
    parts = world.environment(API_WINDOWS="account").parts
    windows = OpenWindows(parts.ledger, deployment=parts.deployment, clock=world.clock, telemetry=parts.telemetry)
    begin = int(_now(world) - 3600) * 1000
    window = CallersWindow(
        name="deploy",
        caller="pipeline",
        begin=begin,
        end=begin + 7_200_000,
        quiet="hold",
        rules=("cloudwatch-*",),
        match="",
        account="",
    )
    windows.change(lambda stored: opened(stored, window, begin))
    world.send(world.alarm("held", "ALARM", minutes=world.random.uniform(40, 59)))
    world.expect_outcome(world.invoke(), "later")
    for _ in range(world.random.randint(0, 5)):
        world.queue.wait()
        world.expect_outcome(world.invoke(), "later")
    at = int(_now(world)) * 1000
    windows.change(lambda stored: ended(stored, "deploy", at, at))
    world.settle()
    _in_time(world, at / 1000 + _LOOK)


@fault(125, "ServiceNow down at the hour", "Q, tried again once the lock of the write has ended")
def down_at_the_hour(world: World) -> None:
    """However often it was looked at before: the pauses begin anew."""
    _until(world, _muted(world, world.random.uniform(30, 300)))
    world.fault(table="incident", status=503)
    world.expect_outcome(world.invoke(), "later")
    waits = max(message.visible_at for message in world.queue) - world.clock.monotonic()
    world.expect(waits <= _LOCK_ENDS_WITHIN, f"the next try comes {waits:.0f} s later")
    world.mend()
    world.settle()
    world.expect(len(world.incidents()) == 1, "nothing was opened")


@fault(126, "killed at the hour", "C")
def killed_at_the_hour(world: World) -> None:
    """Before the request left, or after it was carried out."""
    _until(world, _muted(world, world.random.uniform(5, 200)))
    world.warm.kill = (world.pick("before", "after"), "POST")
    reconciled(world, world.invoke(), "killed")


@fault(127, "clock an hour off while events wait", "R, not before the hour and no minute after it")
def wrong_clock_while_waiting(world: World) -> None:
    """Hours are judged by the clock of the ledger's table."""
    end = _muted(world, world.random.uniform(20, 200))
    world.clock.jump(world.pick(3600.0, -3600.0))
    if world.toss():
        world.environment()
    _until(world, end)
    world.expect_outcome(world.invoke(), "done")
    _in_time(world, end)


@fault(128, "longer than SQS hides a message", "opened at the hour, of 1,000 receives fewer than 700", seeds=3)
def longer_than_hidden(world: World) -> None:
    """SQS hides a message for 12 hours at most; a window holds for up to four days."""
    end = _muted(world, world.random.uniform(13 * 60, 95 * 60))
    looks = 1
    while _now(world) < end:
        waits = max(message.visible_at for message in world.queue) - world.clock.monotonic()
        world.expect(waits <= _LONGEST_SLEEP, f"it is hidden for {waits:.0f} s")
        world.queue.wait()
        if _now(world) < end:
            world.expect_outcome(world.invoke(), "later")
            looks += 1
    world.invoke()
    _in_time(world, end)
    world.expect(looks < 700, f"it was received {looks} times")
