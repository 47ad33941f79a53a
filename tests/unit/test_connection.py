import socket
from collections.abc import Iterator

import pytest

from common.connection import _BoundedSocket


@pytest.fixture
def pair() -> Iterator[tuple[_BoundedSocket, socket.socket]]:
    """Return both ends of a connection within this process."""
    near, far = socket.socketpair()
    with far, _BoundedSocket(near.family, near.type, near.proto, fileno=near.detach()) as bounded:
        yield bounded, far


def test_without_a_limit_it_is_a_socket_like_any_other(pair: tuple[_BoundedSocket, socket.socket]) -> None:
    """Nothing is bounded before the first timeout, or after it was taken away."""
    near, far = pair
    far.sendall(b"abc")
    assert near.recv(1) == b"a"
    near.settimeout(5.0)
    near.settimeout(None)
    assert near.gettimeout() is None
    assert near.recv_into(bytearray(1)) == 1
    assert near.send(b"x") == 1


def test_a_limit_is_for_all_that_follows_together(pair: tuple[_BoundedSocket, socket.socket]) -> None:
    """Data that is there already does not help once it is over."""
    near, far = pair
    far.sendall(b"abc")
    near.settimeout(5.0)
    assert near.recv(1) == b"a"
    left = near.gettimeout()
    assert left is not None
    assert 0 < left < 5.0
    near._ends = 0.0
    for operation in (lambda: near.recv(1), lambda: near.recv_into(bytearray(1)), lambda: near.send(b"x")):
        with pytest.raises(TimeoutError):
            operation()


def test_a_socket_wrapped_around_it_inherits_at_least_a_moment(pair: tuple[_BoundedSocket, socket.socket]) -> None:
    """Zero would make it non-blocking, which TLS refuses with another error."""
    near, _ = pair
    near.settimeout(5.0)
    near._ends = 0.0
    assert near.gettimeout() == 0.001
