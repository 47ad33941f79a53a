"""Fault 107: a person takes hours to mend what holds every event, and then it must not take hours more."""

from collections.abc import Callable

from campaign.catalogue import fault
from campaign.stage import refusal
from campaign.world import World

_LONGEST_STEP = 800.0
_ALL_FOLLOW_WITHIN = 900.0


@fault(
    107,
    "credentials or a setting wrong for hours",
    "H: steps of 800 s at most, all done 15 minutes after the mend",
    seeds=9,
)
def held_for_hours(world: World) -> None:
    """Whatever holds them, whenever they came, and in the worst moment: mended just after they were put off."""
    mend = world.in_turn(_wrong_secret, _no_access_to_the_secret, _not_allowed)(world)
    until = world.clock.monotonic() + world.random.uniform(1.0, 4.0) * 3600
    number = world.random.randint(2, 12)
    later = world.random.randint(0, number - 1)
    _send(world, number - later)
    while world.clock.monotonic() < until:
        # A refusal with 403 keeps the lock of the write, which may have been carried out: until it ends, it is "later".
        world.expect_outcome(world.invoke(), "held", "later")
        now = world.clock.monotonic()
        longest = max(message.visible_at for message in world.queue) - now
        world.expect(longest <= _LONGEST_STEP, f"a held event waits {longest:.0f} s")
        if later and world.toss():
            _send(world, 1)
            later -= 1
        world.queue.wait()
    world.invoke()
    mend()
    mended = world.clock.monotonic()
    while world.queue.wait():
        world.invoke()
        took = world.clock.monotonic() - mended
        world.expect(took <= _ALL_FOLLOW_WITHIN, f"{len(world.queue)} events are held {took:.0f} s after the mend")
    world.expect(not world.dead_letters(), "a message was given up")
    world.expect(len(world.incidents()) == len(world.sent), f"{len(world.incidents())} incidents of {len(world.sent)}")


def _send(world: World, number: int) -> None:
    first = len(world.sent)
    world.send(*(world.alarm(f"held-{first + index}", "ALARM", minutes=first + index) for index in range(number)))


def _wrong_secret(world: World) -> Callable[[], object]:
    world.simulator.rotate_secret("quite another secret")
    return world.rotate


def _no_access_to_the_secret(world: World) -> Callable[[], object]:
    world.aws_fault("secretsmanager.GetSecretValue", refusal("AccessDeniedException"))
    return world.mend


def _not_allowed(world: World) -> Callable[[], object]:
    world.simulator.configure(api_denied=True)
    return lambda: world.simulator.configure(api_denied=False)
