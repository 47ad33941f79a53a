"""Any history at all: the longer, wilder ones that an exhaustive search does not reach."""

from collections.abc import Callable
from typing import get_args

import pytest
from hypothesis import HealthCheck, settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, initialize, invariant, precondition, rule

from common.incidents.alert import OnRecovery, OnRepeat, OnReturn, Policy
from tests.support.model import Step
from tests.support.oracle import broken_on_the_way
from tests.support.play import Play
from tests.support.requests import Clocks
from tests.support.servicenow import Instance
from tests.support.world import Fault, Scenario, alerts

pytestmark = pytest.mark.no_cover  # every line is covered elsewhere, and measuring doubles the time

MEMBERS = ("", "a", "b")
TROUBLE = 6
"""How much may go wrong in one history, of each kind: faults, duplicates, acts of people."""

words = st.builds("{}{}{}".format, st.sampled_from(MEMBERS), st.sampled_from("FR"), st.integers(1, 5))
policies = st.builds(
    Policy,
    on_repeat=st.sampled_from(OnRepeat),
    on_recovery=st.sampled_from([OnRecovery.RESOLVE, *OnRecovery]),
    on_return=st.sampled_from(OnReturn),
    reopen_window=st.sampled_from([0, 2, 86_400]),
)
clocks = st.builds(Clocks, local_offset=st.sampled_from([-3600, 0, 3600]), date_lag=st.integers(0, 4))
instances = st.builds(
    Instance, discards_markers=st.booleans(), closed_is_final=st.booleans(), closed_is_read_only=st.booleans()
)


def happening(*names: str) -> Callable[..., None]:
    """Return a rule that takes one of the steps of these names, wherever there is one."""

    def happens(self: "AnyHistory", data: st.DataObject) -> None:
        self.take(data, *names)

    happens.__name__ = names[0].replace(" ", "_")
    return precondition(lambda self: any(name in self.steps for name in names))(rule(data=st.data())(happens))


class AnyHistory(RuleBasedStateMachine):
    """Whatever happens, and however workers are interleaved, the oracle holds."""

    play: Play

    @initialize(
        texts=st.lists(words, min_size=1, max_size=5),
        policy=policies,
        workers=st.integers(2, 3),
        clocks=st.tuples(clocks, clocks, clocks),
        servicenow=instances,
        folds=st.booleans(),
    )
    def begin(  # noqa: PLR0913 (one argument for each thing that is drawn)
        self,
        texts: list[str],
        policy: Policy,
        workers: int,
        clocks: tuple[Clocks, ...],
        servicenow: Instance,
        *,
        folds: bool,
    ) -> None:
        """Choose events, policy, workers, clocks and the kind of instance."""
        self.play = Play(
            Scenario(
                alerts(" ".join(texts), policy),
                workers=workers,
                faults=TROUBLE,
                kinds=tuple(kind for kind in get_args(Fault.__value__) if kind != "query ignored"),
                duplicates=TROUBLE,
                acts=TROUBLE,
                act_kinds=("resolve", "close", "delete"),
                folds=folds,
                clocks=clocks,
                servicenow=servicenow,
            )
        )
        self.look()

    def look(self) -> None:
        """See what can happen next."""
        self.steps: dict[str, list[Step]] = {}
        for step in self.play.steps():
            self.steps.setdefault(step.name.partition(",")[0], []).append(step)

    def take(self, data: st.DataObject, *names: str) -> None:
        """Take one of the steps of these names."""
        possible = {f"{step.name} {step.to}": step for name in names for step in self.steps.get(name, [])}
        self.play.world = possible[data.draw(st.sampled_from(sorted(possible)))].world
        self.look()

    deliver = happening("deliver")  # to an idle worker, any message or several
    duplicate = happening("duplicate")  # the queue has a message once more
    call = happening("call")
    kill = happening("kill", "kill at the end", "kill in flight")  # a worker, before, after or during a call
    lose_the_answer = happening("answer lost", "dropped", "late")  # carried out, not, or within 65 s: nobody says
    commit = happening("commit")  # what ServiceNow still holds
    refuse = happening("not done", "refused", "refused after commit", "forbidden", "hidden", "held")
    trouble_the_ledger = happening("throttled", "ledger answer lost", "ledger repeated")
    person = happening("resolve", "close", "delete")
    wait = happening("wait until", "linger until")  # for idle workers, or in the middle of a worker's work

    @precondition(lambda self: not self.steps)
    @rule()
    def rest(self) -> None:
        """Nothing is left to be done."""
        assert self.play.world.is_at_rest

    @invariant()
    def nothing_is_broken(self) -> None:
        """At most one record is open, no note is there twice, nothing is given up that was not refused."""
        if hasattr(self, "play"):
            assert broken_on_the_way(self.play.scenario, self.play.world) == ""

    def teardown(self) -> None:
        """In the end every problem is as in-order delivery would have left it."""
        if hasattr(self, "play"):
            self.play.drain()
            assert self.play.broken == ""


TestAnyHistory = AnyHistory.TestCase
TestAnyHistory.settings = settings(
    max_examples=100,
    stateful_step_count=40,
    deadline=None,
    derandomize=True,
    suppress_health_check=[HealthCheck.too_slow],
)
