"""How a simulator ends: at once, and without a trace of the connections that its callers left open."""

import asyncio
import contextlib
import gc
import socket
import ssl
import sys

import pytest
import urllib3

from local.simulator import Simulator


def test_what_callers_left_open_ends_with_the_simulator(monkeypatch: pytest.MonkeyPatch) -> None:
    """An idle connection, one that says nothing yet, and one in the middle of a handshake."""
    unraisable: list[object] = []
    monkeypatch.setattr(sys, "unraisablehook", unraisable.append)
    with Simulator(client_secret="secret", seed=1) as simulator:
        trust = ssl.create_default_context(cadata=simulator.ca_pem)
        address = ("127.0.0.1", simulator.port)
        with urllib3.PoolManager(ssl_context=trust, retries=False) as pool:
            idle = pool.request("GET", f"https://{simulator.host}/", preload_content=False)
            idle.read()
            silent, begun = socket.create_connection(address), socket.create_connection(address)
            hello, outgoing = ssl.MemoryBIO(), ssl.MemoryBIO()
            handshake = trust.wrap_bio(hello, outgoing, server_hostname="localhost")
            with pytest.raises(ssl.SSLWantReadError):
                handshake.do_handshake()
            begun.sendall(outgoing.read())
            assert begun.recv(1)  # the server's part of it
            loop = simulator._loop
            simulator.stop()
            silent.settimeout(5)
            with contextlib.suppress(ConnectionResetError):
                assert silent.recv(1) == b""
            silent.close()
            begun.close()
    assert isinstance(loop, asyncio.AbstractEventLoop)
    assert loop.is_closed()
    gc.collect()
    assert unraisable == []
