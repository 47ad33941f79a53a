"""Looks at every fact and tells what was found."""

from collections.abc import Callable, Iterable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Any

from common.errors import BridgeError
from common.transport import NotSentError
from local.simulator import Simulator
from tests.contract import answer_probes, change_probes, table_probes, token_probes, write_probes
from tests.contract.facts import Fact
from tests.contract.instance import Instance, Target
from tests.contract.verdict import PROBES, Finding, NotObservableError, Probe, RefutedError

PROBE_MODULES = (token_probes, answer_probes, table_probes, write_probes, change_probes)

_SECRET = "contract+~[#,secret"
_CALLS_AN_HOUR = 5000


@dataclass(frozen=True, slots=True)
class Report:
    """What was found about one fact, and why."""

    fact: Fact
    finding: Finding
    why: str = ""


def examine(
    facts: Mapping[str, Fact], instance: Instance, told: Callable[[Report], None] = lambda _: None
) -> list[Report]:
    """Run the probe of every fact, hand each report to `told` at once, and return all of them."""
    reports = []
    for fact in facts.values():
        report = _examined(fact, instance)
        told(report)
        reports.append(report)
    return reports


def _examined(fact: Fact, instance: Instance) -> Report:
    probe = PROBES.get(fact.id)
    if probe is None:
        return Report(fact, Finding.NOT_OBSERVABLE, fact.reason)
    if probe.writes and not instance.target.may_write:
        return Report(fact, Finding.NOT_OBSERVABLE, "it takes a write: set SERVICENOW_CONTRACT_WRITE=1")
    finding, why = _run(probe, instance)
    try:
        instance.clean_up()
    except BridgeError as error:
        instance.left_behind.append(f"of the probe {fact.id}: {error.message}")
    return Report(fact, finding, why)


def _run(probe: Probe, instance: Instance) -> tuple[Finding, str]:
    try:
        probe.run(instance)
    except RefutedError as refuted:
        return Finding.REFUTED, str(refuted)
    except NotObservableError as missing:
        return Finding.NOT_OBSERVABLE, str(missing)
    except NotSentError as error:
        return Finding.NOT_OBSERVABLE, f"no request reached the instance: {error.message}"
    except BridgeError as error:
        return Finding.REFUTED, error.message
    except (ValueError, LookupError, TypeError, AttributeError) as error:
        return Finding.REFUTED, f"an answer of another shape ({type(error).__name__})"
    return Finding.CONFIRMED, ""


def no_token(instance: Instance) -> str:
    """Return why the instance gives this client no token, nothing where it does: without one nothing can be learned."""

    def ask(instance: Instance) -> None:
        assert instance.token

    return _run(Probe("", ask, writes=False), instance)[1]


def count(reports: Iterable[Report], finding: Finding) -> int:
    """Return how many reports have this finding."""
    return sum(report.finding is finding for report in reports)


@contextmanager
def simulated(**switches: Any) -> Iterator[tuple[Instance, Simulator]]:  # noqa: ANN401 (the types are those of Switches)
    """Provide the simulator as an instance, with a few incidents, a rate limit rule and a clock that can be moved."""
    settings = {"rate_limit": _CALLS_AN_HOUR} | switches
    with Simulator(client_id="contract", client_secret=_SECRET, seed=1, **settings) as simulator:
        for number in range(3):
            simulator.insert("incident", {"short_description": f"Example {number}"})
        for role in ("change_manager", "itil_admin"):
            simulator.insert("sys_user_has_role", {"user": "AWS Bridge", "role": role})

        def pause(seconds: float) -> None:
            simulator.clock_offset += seconds

        target = Target(simulator.host, "contract", _SECRET, simulator.ca_pem, may_write=True, pause=pause)
        instance = Instance(target)
        try:
            yield instance, simulator
        finally:
            instance.close()
