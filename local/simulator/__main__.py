"""`python -m local.simulator`: a simulated ServiceNow instance as a process of its own.

The client secret comes from SERVICENOW_CLIENT_SECRET, the password of basic authentication, if any, from
SERVICENOW_PASSWORD. One line of JSON on standard output says when it listens, and where.
"""

import argparse
import json
import os
import signal
import sys
import threading
from pathlib import Path

from local.certificates import authority_in

from .simulator import Simulator


def main() -> int:
    """Run until SIGTERM, SIGINT or the end of the lifetime; return the exit status."""
    options = _options()
    secret = os.environ.get("SERVICENOW_CLIENT_SECRET", "")
    if not secret:
        print("SERVICENOW_CLIENT_SECRET is not set: put the client secret there", file=sys.stderr)
        return 2
    stop = threading.Event()
    for number in (signal.SIGTERM, signal.SIGINT):
        signal.signal(number, lambda *_: stop.set())
    simulator = Simulator(
        client_id=options.client_id,
        client_secret=secret,
        user=options.user,
        password=os.environ.get("SERVICENOW_PASSWORD", ""),
        seed=options.seed,
        port=options.port,
        authority=authority_in(options.certificates),
        control=options.control,
        token_behaviour=options.token_behaviour,
        expires_in=options.expires_in,
    )
    try:
        simulator.start()
    except OSError as error:
        print(f"cannot listen on port {options.port}: {error}", file=sys.stderr)
        return 1
    try:
        ready = {"host": simulator.host, "ca_file": str((options.certificates / "authority.crt").absolute())}
        print(json.dumps(ready), flush=True)
        stop.wait(options.lifetime)
    finally:
        simulator.stop()
    return 0


def _options() -> argparse.Namespace:
    parser = argparse.ArgumentParser(prog="python -m local.simulator", description="A simulated ServiceNow instance.")
    parser.add_argument("--port", type=int, default=0, help="port on 127.0.0.1; 0, the default, lets the system choose")
    parser.add_argument("--certificates", type=Path, required=True, help="folder of the certificate authority")
    parser.add_argument("--client-id", default="bridge", help="OAuth client id")
    parser.add_argument("--user", default="admin", help="user name of basic authentication")
    parser.add_argument("--token-behaviour", choices=["sliding", "fixed", "fresh"], default="sliding")
    parser.add_argument("--expires-in", type=int, default=1799, help="lifetime of a token in seconds")
    parser.add_argument("--seed", type=int, default=None, help="makes sys_ids and faults repeatable")
    parser.add_argument("--lifetime", type=float, default=3600.0, help="seconds until it stops by itself")
    parser.add_argument("--control", action="store_true", help="add the control plane under /_simulator")
    return parser.parse_args()


if __name__ == "__main__":
    sys.exit(main())
