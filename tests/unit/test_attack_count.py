"""The last line of `make security`."""

from pathlib import Path

import pytest

from tests.attacks.__main__ import main

HELD = '<testcase name="a"/>'
FAILED = '<testcase name="b"><failure message="x"/></testcase>'
SKIPPED = '<testcase name="c"><skipped message="x"/></testcase>'


@pytest.mark.parametrize(
    ("cases", "line", "status"),
    [
        (HELD * 2, "Attacks held: 2 of 2.", 0),
        (HELD + FAILED, "Attacks held: 1 of 2.", 1),
        (HELD + SKIPPED, "Attacks held: 1 of 2.", 1),
        ("", "Attacks held: 0 of 0.", 1),
    ],
)
def test_only_what_ran_and_passed_held(
    tmp_path: Path, capsys: pytest.CaptureFixture[str], cases: str, line: str, status: int
) -> None:
    """No attack at all is a failure too: then nothing was tried."""
    report = tmp_path / "attacks.xml"
    report.write_text(f"<testsuites><testsuite>{cases}</testsuite></testsuites>")
    assert main(str(report)) == status
    assert capsys.readouterr().out.splitlines()[-1] == line


def test_without_a_report_nothing_held(tmp_path: Path) -> None:
    """Pytest could not even begin."""
    assert main(str(tmp_path / "none.xml")) == 1
