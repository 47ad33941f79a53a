"""What a person is told while events wait: the real handler, hours of trouble, and the alarms of template.yaml."""

from collections.abc import Mapping
from typing import Any
from unittest.mock import patch

import pytest
from botocore.exceptions import ClientError

from local.simulator import Fault
from tests.support.alarms import PERIOD, Watch, alarms
from tests.support.deployment import SECRET
from tests.support.disks import fill
from tests.support.function import Account

HOUR, DAY = 3600.0, 86_400.0
WITHIN = 900.0
OFTEN = [index * 600.0 for index in range(36)]

OUTAGES: Mapping[str, Mapping[str, Any]] = {
    "503": {"status": 503},
    "429, come back in ten minutes": {"status": 429, "headers": {"Retry-After": "600"}},
    "the connection is reset": {"connection": "abort"},
}
ARRIVALS: Mapping[str, list[float]] = {
    "one event": [0.0],
    "ten at once": [0.0] * 10,
    "one each 20 minutes": [index * 1200.0 for index in range(18)],
    "one each 5 minutes": [index * 300.0 for index in range(72)],
}

pytestmark = pytest.mark.no_cover  # every line is covered elsewhere, and measuring doubles the time


@pytest.fixture
def watch(aws: Account, capsys: pytest.CaptureFixture[str]) -> Watch:
    """Provide what CloudWatch sees."""
    return Watch(aws, lambda: capsys.readouterr().out)


def _let_arrive(aws: Account, watch: Watch, arrivals: list[float], until: float) -> None:
    """Let a disk become full at each of these times from now on, and time pass until `until`, both in seconds."""
    function = aws.environment()
    began = aws.now()
    for index, after in enumerate(arrivals):
        watch.pass_time(function, began + after)
        fill(aws, f"disk-{index}")
    watch.pass_time(function, began + until)


def _red(watch: Watch) -> dict[str, list[bool]]:
    """Return the alarms that were red at some time, each with its state in every period."""
    states = {name: watch.is_red(alarm) for name, alarm in alarms().items()}
    return {name: periods for name, periods in states.items() if any(periods)}


def _begins(periods: list[bool]) -> int:
    """Return the period in which an alarm became red, once and to the end."""
    first = periods.index(True)
    assert all(periods[first:]), "".join(".X"[red] for red in periods)
    return first


def _credentials_in_place(aws: Account, secret: str) -> None:
    aws.stack.put_credentials("bridge", secret)


@pytest.mark.parametrize(
    ("seen", "arrivals"),
    [
        *((OUTAGES["503"], arrivals) for arrivals in ARRIVALS.values()),
        (OUTAGES["429, come back in ten minutes"], ARRIVALS["one each 20 minutes"]),
        (OUTAGES["the connection is reset"], ARRIVALS["ten at once"]),
    ],
    ids=[*(f"503, {name}" for name in ARRIVALS), "429, one each 20 minutes", "reset, ten at once"],
)
def test_an_outage_raises_one_alarm_that_stays_red(
    aws: Account, watch: Watch, seen: Mapping[str, Any], arrivals: list[float]
) -> None:
    """From the first event that has waited for a quarter of an hour to the end of six hours, and no other alarm."""
    aws.servicenow.add_fault(Fault(on="api", times=None, **seen))
    _let_arrive(aws, watch, arrivals, 6 * HOUR)

    red = _red(watch)

    assert set(red) == {"EventsWaitAlarm"}
    assert _begins(red["EventsWaitAlarm"]) <= HOUR / PERIOD
    assert watch.dimensions == {("service",)}


@pytest.mark.parametrize("name", ["one event", "one each 20 minutes"])
def test_credentials_that_are_missing_raise_one_alarm_that_stays_red(aws: Account, watch: Watch, name: str) -> None:
    """From the first event on: that is every first deployment until the secret is there."""
    _credentials_in_place(aws, "")
    _let_arrive(aws, watch, ARRIVALS[name], 6 * HOUR)

    red = _red(watch)

    assert set(red) == {"CredentialsOrSettingsAlarm"}
    assert _begins(red["CredentialsOrSettingsAlarm"]) == 0


def test_an_alarm_ends_after_the_outage(aws: Account, watch: Watch) -> None:
    """Within two hours: an event may have just been hidden for one, and the alarm looks back for another."""
    aws.servicenow.add_fault(Fault(on="api", times=None, status=503))
    _let_arrive(aws, watch, [0.0] * 3, 6 * HOUR)
    aws.servicenow.clear_faults()

    _let_arrive(aws, watch, [], 2 * HOUR + PERIOD)

    assert len(aws.queue) == 0
    assert not watch.is_red(alarms()["EventsWaitAlarm"])[-1]


def test_events_that_nobody_fetches_raise_an_alarm(aws: Account, watch: Watch) -> None:
    """Where the function does not run there are no metrics of the bridge: that of the queue speaks for it."""
    aws.put("{}")
    aws.clock.advance(2 * HOUR)
    watch.sample(aws.now())

    assert set(_red(watch)) == {"EventsNotFetchedAlarm"}


@pytest.mark.parametrize("held", [False, True], ids=["ServiceNow is down", "held"])
def test_what_waits_for_a_week_is_announced_and_kept(aws: Account, watch: Watch, *, held: bool) -> None:
    """A second alarm two days before the queue deletes events, and a dead letter with the reason before it does."""
    if held:
        _credentials_in_place(aws, "")
    aws.servicenow.add_fault(Fault(on="api", times=None, status=503))
    _let_arrive(aws, watch, [0.0, 0.0], 7 * DAY + 4 * HOUR)

    red = _red(watch)

    first = "CredentialsOrSettingsAlarm" if held else "EventsWaitAlarm"
    assert set(red) == {first, "EventsExpireSoonAlarm"}
    assert 5 * DAY <= red["EventsExpireSoonAlarm"].index(True) * PERIOD <= 5 * DAY + 2 * HOUR
    assert aws.queue.expired == aws.queue.dead_letters == []
    reasons = [letter.attributes["Reason"]["StringValue"] for letter in aws.dead_letters._messages.values()]
    assert len(reasons) == 2
    assert all(reason.startswith("The message waited until the queue would have deleted it.") for reason in reasons)


@pytest.mark.parametrize("arrivals", [[0.0] * 5, OFTEN[:20], OFTEN], ids=["five at once", "20 events", "36 events"])
def test_held_events_follow_within_a_quarter_of_an_hour(aws: Account, watch: Watch, arrivals: list[float]) -> None:
    """However many have opened the circuit, and for however long: its refusals know that everything is held."""
    _credentials_in_place(aws, "")
    _let_arrive(aws, watch, arrivals, 6 * HOUR)
    assert len(aws.queue) == len(arrivals)
    _credentials_in_place(aws, SECRET)

    _let_arrive(aws, watch, [], WITHIN)

    assert len(aws.queue) == 0
    assert len(aws.servicenow.records("incident")) == len(arrivals)


@pytest.mark.parametrize(("secret", "metric"), [("", "Held"), (SECRET, "EventsPostponed")], ids=["held", "503"])
def test_every_environment_knows_why_the_circuit_is_open(aws: Account, watch: Watch, secret: str, metric: str) -> None:
    """One that has just started, and was refused before it has tried anything, knows whether events are held."""
    _credentials_in_place(aws, secret)
    aws.servicenow.add_fault(Fault(on="api", times=None, status=503))
    _let_arrive(aws, watch, [0.0] * 6, 1.0)
    before = watch.total("CircuitRefusals")

    _let_arrive(aws, watch, [0.0], 2.0)

    assert watch.total("CircuitRefusals") == before + 1
    assert watch.total(metric) == 7
    assert watch.total("Held") + watch.total("EventsPostponed") == 7


def test_a_table_that_refuses_the_state_of_the_circuit_holds_events(aws: Account, watch: Watch) -> None:
    """A right that was lost needs a person; it is no defect of the bridge."""
    aws.servicenow.add_fault(Fault(on="api", times=None, status=503))
    _let_arrive(aws, watch, [0.0] * 6, 1.0)
    denied = ClientError({"Error": {"Code": "AccessDeniedException", "Message": "no"}}, "PutItem")

    with patch.object(aws.table, "put_item", side_effect=denied):
        _let_arrive(aws, watch, [], HOUR)

    assert watch.total("Defects") == 0
    assert watch.total("Held") > 0
    assert watch.total("AccessRefusals") > 0


def test_who_meets_a_probe_comes_back_when_it_has_an_outcome(aws: Account, watch: Watch) -> None:
    """An event that comes while another environment probes waits for half a minute, however often it came before."""
    _credentials_in_place(aws, "")
    _let_arrive(aws, watch, [0.0] * 6, 6 * HOUR)
    _credentials_in_place(aws, SECRET)
    (circuit,) = aws.table.circuits.values()
    lease = {"N": str(int(aws.now() + WITHIN - 60))}
    circuit |= {"state": {"S": "HALF_OPEN"}, "half_open_owner": {"S": "another"}, "probe_lease_expiry": lease}

    _let_arrive(aws, watch, [], WITHIN)

    assert len(aws.queue) == 0
    assert len(aws.servicenow.records("incident")) == 6
