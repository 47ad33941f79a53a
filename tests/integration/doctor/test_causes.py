"""The doctor names every cause that an answer is compatible with, most likely first."""

from typing import Any

import pytest

from common.checkup import causes, meanings
from common.checkup.report import Cause
from tests.integration.doctor import test_doctor
from tests.integration.doctor.cases import CASES, ELSEWHERE, Case
from tests.integration.doctor.world import SECRET, Doctor, World, causes_of, steps


@pytest.mark.parametrize("case", CASES, ids=lambda case: case.name)
def test_a_failure_shows_every_cause_that_fits(case: Case, world: World, doctor: Doctor) -> None:
    """The first step that fails has these causes, each with what mends it, and no secret is shown."""
    case.arrange(world)

    report = doctor({"write": case.write})

    failures = [name for name, outcome in steps(report).items() if outcome == "failed"]
    assert failures[:1] == [case.step]
    assert causes_of(report, case.step) == case.causes
    assert all(cause.what in report["text"] and cause.fix in report["text"] for cause in case.causes)
    assert not report["healthy"]
    assert SECRET not in str(report)


def _catalogue() -> dict[str, Cause]:
    found: dict[str, Any] = {name: value for name, value in vars(causes).items() if isinstance(value, Cause)}
    return found


def test_every_cause_is_shown_by_some_test() -> None:
    """A cause that nothing can show would be a guess; one that is forgotten here would be untested."""
    shown = {cause for case in CASES for cause in case.causes}
    forgotten = {name for name, cause in _catalogue().items() if cause not in shown} - set(ELSEWHERE)

    assert forgotten == set()
    assert all(callable(getattr(test_doctor, test)) for test in ELSEWHERE.values())


def test_every_code_that_has_causes_is_shown_by_some_test() -> None:
    """Two codes that come to the same causes are one line too many."""
    combinations = {tuple(case.causes) for case in CASES} | {(causes.NO_TIME,)}
    tables = [meanings.ANYWHERE, meanings.TOKEN_ENDPOINT, meanings.TOKEN_ENDPOINT_WITH_SCOPE]
    tables += [meanings.USE_OF_TOKEN, meanings.TABLE, meanings.CREATION]

    assert {found for table in tables for found in table.values()} - combinations == set()
