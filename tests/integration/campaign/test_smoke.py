"""The campaign in small: every fault and every planted defect once. `make faults` has all seeds."""

import ssl
from pathlib import Path
from random import Random

import pytest

from campaign import hosts, plants, queue
from campaign.__main__ import main
from campaign.catalogue import FAULTS, NUMBERS
from campaign.crew import GROUPS
from campaign.leaks import Sinks, forms_of
from campaign.plants import PLANTED, Planted
from campaign.run import outcome_of
from campaign.stage import Stage
from common import handshake
from tests.support.clock import FakeClock

SLOW = {1, 5, 6, 7, 8, 17, 37, 54, 58, 67, 68, 94, 98, 128}
"""Faults that take seconds; they happen in `make faults`, and in tests of their own parts."""


def test_the_catalogue_is_complete() -> None:
    """Every number has a scenario, in one of the groups."""
    assert set(FAULTS) == set(NUMBERS)
    assert {fault.scenario.__module__ for fault in FAULTS.values()} == {group.__name__ for group in GROUPS}


@pytest.mark.parametrize("options", [["--only", "999"], ["--only", "12,x"], ["--seeds", "0"], ["--seeds", "x"]])
def test_a_campaign_in_which_nothing_would_happen_does_not_begin(options: list[str]) -> None:
    """It would end well, whatever the functions do."""
    with pytest.raises(SystemExit) as ended:
        main(options)
    assert ended.value.code == 2


@pytest.mark.parametrize("number", sorted(set(NUMBERS) - SLOW))
def test_a_fault_is_survived(stage: Stage, number: int) -> None:
    """Nothing is lost, nothing is there twice, no secret shows, and the outcome is the one of the catalogue."""
    outcome = outcome_of(stage, FAULTS[number], 0)
    assert outcome.survived, outcome.what_is_wrong


@pytest.mark.parametrize(
    "planted", [each for each in PLANTED if each.fault not in SLOW | {77}], ids=lambda planted: planted.plant.__name__
)
def test_a_planted_defect_is_caught(stage: Stage, planted: Planted) -> None:
    """A campaign that sees nothing proves nothing."""
    assert plants.is_caught(stage, planted)


def test_the_command_tells_what_became_of_a_fault(capsys: pytest.CaptureFixture[str]) -> None:
    """It happens in a process of its own; of some faults alone no numbers are written."""
    assert main(["--only", "21", "--seeds", "1", "--processes", "1"]) == 0
    shown = capsys.readouterr().out
    assert "white space around the values" in shown
    assert "total 1, survived 1, runs 1, lost 0, duplicates 0, leaks 0, over_budget 0" in shown


def test_the_campaigns_queue_is_set_up_as_the_deployed_one() -> None:
    """Visibility, retention and receives are those of the template."""
    template = (Path(__file__).parents[3] / "template.yaml").read_text(encoding="utf-8")
    assert f"VisibilityTimeout: {queue.VISIBILITY:.0f}" in template
    assert f"MessageRetentionPeriod: {queue.RETENTION:.0f}" in template
    assert f"maxReceiveCount: {queue.MOST_RECEIVES}" in template


def test_the_campaigns_queue_hides_what_was_received_until_its_time_has_come() -> None:
    """By the clock of the campaign: what was put off comes back when it was told to, the rest after the visibility."""
    clock = FakeClock()
    waiting = queue.VirtualQueue(clock, Random(1), most_receives=3)  # noqa: S311 (repeatable dice)
    first, second, third = (waiting.send(name) for name in "abc")
    assert {message.message_id for message in waiting.receive()} == {first, second, third}
    waiting.later(first, 100.0)
    waiting.later(first, 50.0)
    waiting.delete(second)
    began = clock.monotonic()
    assert (waiting.receive(), len(waiting), second in waiting) == ([], 2, False)
    assert waiting.wait(gather=1.0)
    assert [message.message_id for message in waiting.receive()] == [first]
    assert clock.monotonic() - began == 51.0
    assert waiting.wait()
    assert [message.message_id for message in waiting.receive()] == [third]
    assert clock.monotonic() - began == queue.VISIBILITY
    while waiting.wait():
        waiting.receive()
    assert sorted(waiting.worn_out) == [first, third]


def test_the_campaigns_queue_forgets_what_is_too_old() -> None:
    """As SQS does after its retention; to the campaign that is a loss."""
    clock = FakeClock()
    waiting = queue.VirtualQueue(clock, Random(1))  # noqa: S311 (the same)
    old = waiting.send("old")
    clock.advance(queue.RETENTION + 1)
    assert waiting.receive() == []
    assert (waiting.expired, len(waiting)) == ([old], 0)


def test_a_secret_is_recognised_in_every_form() -> None:
    """Also in the middle of something that was encoded with it."""
    sinks = Sinks()
    secret = "Zq3+~[#,first&secret=%of the bridge"
    for sink, form in enumerate(sorted(forms_of(secret))):
        sinks.add(str(sink), f"before {form} after")
    assert len(sinks.leaks([secret])) == len(forms_of(secret)) >= 10
    assert sinks.leaks(["another one entirely"]) == []


def test_credentials_that_leave_are_seen(monkeypatch: pytest.MonkeyPatch) -> None:
    """Redirects that are followed, and certificates that nobody checks: the strangers count what they get."""
    monkeypatch.setattr(hosts, "_STATUSES", (307,))
    monkeypatch.setattr(hosts, "locations", lambda host: {"another host": f"https://{host}/"})
    assert hosts.examine().wrong == []
    with monkeypatch.context() as patch:
        plants.redirects_on(patch)
        followed = hosts.examine()
    assert followed.credential_bytes > 0
    with monkeypatch.context() as patch:
        patch.setattr(handshake, "tls_context", _trusting)
        trusting = hosts.examine()
    assert trusting.credential_bytes > 0
    assert any(wrong.startswith("a server with a certificate expired got ") for wrong in trusting.wrong)


def _trusting(_authorities: str) -> ssl.SSLContext:
    context = ssl.create_default_context()
    context.check_hostname = False
    context.verify_mode = ssl.CERT_NONE
    return context
