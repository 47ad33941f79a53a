"""SnapStart: what is initialised once is restored many times."""

import json
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

import pytest

from local.simulator import Simulator
from tests.integration.api.gateway import ALICE, request_event
from tests.runtime.conftest import FUNCTIONS, Start
from tests.runtime.test_functions import SCHEDULED
from tests.support.deployment import Deployment, alarm, sqs_event

# Two environments out of one snapshot are what a process and its copy are.
RESTORED_TWICE = """
import json, os, random
from snapshot_restore_py import get_after_restore
from handlers.token_refresh import access
from common.clock import Deadline

for _ in range(2):
    if os.fork() == 0:
        for hook, arguments, keywords in get_after_restore():
            hook(*arguments, **keywords)
        access.tokens.token(Deadline.after(access.clock, 20))
        print(json.dumps([access.tokens._memory.held[0], random.random()]), flush=True)
        os._exit(0)
    os.wait()
"""


EVENTS = {
    "api": request_event("GET", "/incidents", None, {}, {}, ALICE),
    "events": sqs_event([alarm("errors", "ALARM")]),
    "token_refresh": SCHEDULED,
    "watch": SCHEDULED,
}


@pytest.mark.parametrize("handler", EVENTS)
def test_nothing_is_fetched_before_the_snapshot_is_taken(
    start: Start, servicenow: Simulator, stack: Deployment, aws_calls: Callable[[], int], handler: str
) -> None:
    """Neither secret nor token is in the snapshot, and no connection that would be dead once it is restored."""
    aws_calls()
    environment = start(handler, snapshot=True)
    environment.wait_for_snapshot()

    assert aws_calls() == 0
    assert servicenow.calls == []

    # A secret that was put in after the snapshot was taken is the one that counts.
    servicenow.rotate_secret("another secret")
    stack.put_credentials("bridge", "another secret")
    environment.restore()
    found = environment.invoke(EVENTS[handler])

    assert not found.failed, environment.log()
    assert servicenow.token_requests == 1
    assert aws_calls() > 0


def test_environments_of_one_snapshot_draw_their_jitter_anew(
    package: Path, runtime: Path, environment: dict[str, str], start: Start
) -> None:
    """Otherwise all of them would look for a newer token at the same moment, and retry in step."""
    start("token_refresh").invoke(SCHEDULED)
    result = subprocess.run(
        [sys.executable, "-S", "-c", RESTORED_TWICE],
        env=environment | {"PYTHONPATH": f"{package / FUNCTIONS['token_refresh']}:{runtime}"},
        capture_output=True,
        text=True,
        check=True,
        timeout=60,
    )

    (first, second) = (json.loads(line) for line in result.stdout.splitlines() if line.startswith("["))

    assert first[0] != second[0], "the moment from which on the token is stale"
    assert first[1] != second[1], "the numbers that the SDK draws its pauses from"
