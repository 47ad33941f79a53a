"""Faults 1 to 17: what the token endpoint can do. R repeated, Q back to the queue, H held until somebody mends it."""

from threading import Barrier
from typing import Any

from campaign.catalogue import fault
from campaign.world import World
from common.clock import Deadline
from common.oauth.answer import ASSUMED_LIFE, SHORTEST_LIFE
from common.oauth.token import LONGEST_LIFE
from local.simulator import Simulator

_JSON = "application/json"


def token_fault(world: World, **what: Any) -> None:  # noqa: ANN401 (those of Fault)
    """Let something go wrong at the token endpoint, until it is mended."""
    world.fault(on="token", **{"times": None, **what})


def comes_back(world: World) -> None:
    """Expect that the batch goes back to the queue, and that all of it succeeds once the fault is over."""
    world.expect_outcome(world.fire(), "later")
    world.mend()
    world.settle()


def is_held(world: World) -> None:
    """Expect that everything is held, however often it is tried, and that nothing is given up."""
    world.expect_outcome(world.fire(), "held")
    for _ in range(2):
        # After some failures the circuit is open, and keeps the rest away.
        world.expect_outcome(world.fire(), "held", "later")
        world.queue.wait()
    world.expect(not world.dead_letters(), "a message was given up")


def goes_on(world: World) -> None:
    """Expect that all of it succeeds once a person has mended what was wrong."""
    world.mend()
    world.clock.advance(60)
    world.settle()


@fault(1, "wrong secret", "H")
def wrong_secret(world: World) -> None:
    """The secret is read again once, then everything waits."""
    world.simulator.configure(wrong_secret_error=world.pick("server_error", "invalid_client"))
    world.simulator.rotate_secret("quite another secret")
    world.expect_outcome(world.fire(), "held")
    world.expect(world.simulator.token_requests == 1, f"{world.simulator.token_requests} token requests")
    world.expect_outcome(world.fire(), "held", "later")
    world.rotate()
    goes_on(world)


@fault(2, "429 at the token endpoint", "R after 2 s, Q after an hour")
def rate_limited(world: World) -> None:
    """A short wait is waited for, a long one is the queue's."""
    short = world.toss()
    world.fault(on="token", status=429, headers={"Retry-After": "2" if short else "3600"})
    world.expect_outcome(world.fire(), "done" if short else "later")
    if not short:
        world.expect(world.simulator.token_requests == 1, "the endpoint was asked again at once")
    world.settle()


@fault(3, "500, 502, 503, then 200", "R")
def server_failures(world: World) -> None:
    """Two failures are tried again within the call."""
    world.fault(on="token", status=world.pick(500, 502, 503), times=world.pick(1, 2))
    world.expect_outcome(world.fire(), "done")


@fault(4, "HTML with status 200", "Q")
def page(world: World) -> None:
    """The instance hibernates."""
    world.simulator.configure(hibernating=True)
    world.expect_outcome(world.fire(), "later")
    world.simulator.configure(hibernating=False)
    world.settle()


@fault(5, "connect timeout", "Q", seeds=2)
def no_connection(world: World) -> None:
    """Nothing answers on the port."""
    environment = world.environment()
    environment.unreachable()
    world.expect_outcome(world.fire(), "later")
    environment.reachable()
    world.settle()


@fault(6, "read timeout", "R or Q", seeds=4)
def no_answer(world: World) -> None:
    """Once, or for ever."""
    once = world.toss()
    token_fault(world, connection="hang", times=1 if once else None)
    world.expect_outcome(world.fire(), "done" if once else "later")
    world.mend()
    world.settle()


@fault(7, "headers dripped", "Q", seeds=2)
def dripped_headers(world: World) -> None:
    """A byte now and then does not keep a caller for ever."""
    token_fault(world, drip_headers=20)
    comes_back(world)


@fault(8, "body dripped", "Q", seeds=2)
def dripped_body(world: World) -> None:
    """The same for the body."""
    token_fault(world, drip_body=20)
    comes_back(world)


@fault(9, "truncated JSON", "Q")
def truncated(world: World) -> None:
    """Cut off inside the text, or inside the answer."""
    secret = "cut" + "".join(world.random.choices("abcdefgh", k=20))
    world.secrets.append(secret)
    cut = {"body": f'{{"access_token":"{secret}'.encode(), "content_type": _JSON}
    faults: tuple[dict[str, Any], ...] = (cut, {"truncate": world.random.randint(1, 60)})
    token_fault(world, **world.pick(*faults))
    comes_back(world)


@fault(10, "JSON 100 000 levels deep", "Q", seeds=4)
def deep(world: World) -> None:
    """With at most 8 MB more memory."""
    faults: tuple[dict[str, Any], ...] = ({"content": "deep_json", "size": 100_000}, {"body": b"[" * 60_000})
    token_fault(world, **world.pick(*faults))
    _within_memory(world)


@fault(11, "gzip bomb", "Q", seeds=4)
def bomb(world: World) -> None:
    """With at most 8 MB more memory."""
    token_fault(world, content="gzip_bomb")
    _within_memory(world)


def _within_memory(world: World) -> None:
    world.expect_outcome(world.fire(number=1), "later")  # makes whatever is made once
    world.send(world.alarm("measured", "ALARM"))
    world.expect_outcome(world.within_memory(world.invoke), "later")
    world.mend()
    world.settle()


_LIVES: tuple[tuple[bytes, float], ...] = (
    (b"", ASSUMED_LIFE),
    (b',"expires_in":-1', ASSUMED_LIFE),
    (b',"expires_in":0', SHORTEST_LIFE),
    (b',"expires_in":"1800"', 1800.0),
    (b',"expires_in":true', ASSUMED_LIFE),
    (b',"expires_in":NaN', ASSUMED_LIFE),
    (b',"expires_in":1e999', ASSUMED_LIFE),
    (b',"expires_in":1000000000000', LONGEST_LIFE),
)


@fault(12, "expires_in absent, negative, text, NaN, huge", "a bounded lifetime")
def odd_lifetimes(world: World) -> None:
    """Twenty calls cost one request, and the life is finite."""
    expires_in, life = world.pick(*_LIVES)
    environment = world.environment()
    deadline = Deadline.after(world.clock, 10.0)
    token = _made_up(world)
    body = b'{"access_token":"' + token.encode() + b'","token_type":"Bearer"' + expires_in + b"}"
    token_fault(world, body=body, content_type=_JSON)
    lives = {environment.parts.tokens.token(deadline).life for _ in range(20)}
    world.expect(lives == {life}, f"the token lives {lives}")
    world.expect(world.simulator.token_requests == 1, f"{world.simulator.token_requests} requests for 20 calls")
    world.mend()
    world.clock.advance(LONGEST_LIFE)
    world.expect_outcome(world.fire(), "done")


def _made_up(world: World) -> str:
    token = "".join(world.random.choices("ABCDEFGHJKLMNPQRSTUVWXYZ", k=40))
    world.secrets.append(token)
    return token


@fault(13, "access_token absent, empty, with a newline, 64 kB, a number", "Q")
def odd_tokens(world: World) -> None:
    """The value is printed nowhere."""
    token = _made_up(world)
    number = world.random.randint(10**17, 10**18)
    world.secrets.append(str(number))
    given = world.pick({}, *({"access_token": value} for value in ("", f"{token}\n", token * 1600, number)))
    token_fault(world, body={"token_type": "Bearer", "expires_in": 1799, **given})
    comes_back(world)


@fault(14, "token_type mac or absent", "H")
def odd_type(world: World) -> None:
    """It is no bearer token and is not sent as one."""
    faults: tuple[dict[str, Any], ...] = ({"merge": {"token_type": "mac"}}, {"remove": ("token_type",)})
    token_fault(world, **world.pick(*faults))
    is_held(world)
    world.expect(world.api_calls() == 0, "the token was used")
    goes_on(world)


@fault(15, "a redirect to another host", "H, and no byte goes there", seeds=5)
def redirected(world: World) -> None:
    """307 and 308 would carry the secret along."""
    # Signed by the same authority: nothing but the bridge itself keeps it from going there.
    authority = world.simulator._authority
    with Simulator(client_id="bridge", client_secret="another", authority=authority) as stranger:
        status = world.pick(301, 302, 303, 307, 308)
        token_fault(world, status=status, redirect=f"https://{stranger.host}/oauth_token.do")
        is_held(world)
        world.expect(stranger.calls == [], "the other host was called")
    goes_on(world)


@fault(16, "the same ageing token, and short lifetimes", "one request for 20 calls")
def short_lives(world: World) -> None:
    """Whatever the life, and however the endpoint answers within it."""
    world.simulator.configure(
        token_behaviour=world.pick("sliding", "fixed", "fresh"), expires_in=world.pick(5, 50, 280)
    )
    environment = world.environment()
    for _ in range(20):
        environment.parts.tokens.token(Deadline.after(world.clock, 10.0))
    world.expect(world.simulator.token_requests == 1, f"{world.simulator.token_requests} requests for 20 calls")
    world.expect_outcome(world.fire(), "done")


@fault(17, "20 cold environments, or 50 threads of one, at once", "one request an environment at most", seeds=4)
def all_at_once(world: World) -> None:
    """Nobody asks twice."""
    threads, environments = world.pick((50, 1), (20, 20))
    sources = [world.environment().parts.tokens for _ in range(environments)]
    gate = Barrier(threads)
    got: list[str] = []

    def ask(number: int) -> None:
        gate.wait()
        got.append(sources[number % environments].token(Deadline.after(world.clock, 10.0)).value)

    world.at_once(ask, threads)
    world.expect(len(got) == threads, f"{len(got)} of {threads} got a token")
    requests = world.simulator.token_requests
    world.expect(1 <= requests <= environments, f"{requests} requests by {environments} environments")
    world.expect_outcome(world.fire(), "done")
