"""`python -m tests.mutation`: how many planted mistakes do the unit tests of the deciding modules notice?

Everything is tested anew as soon as code or tests have changed; a run that was interrupted before that is taken up
again. While tests are being written, patterns such as `common.oauth.*` have only those mutants tested again that
survived so far; what was noticed before is believed. JOBS says how many are tested at a time; one for each processor
where it is not set.
"""

import json
import os
import shutil
import sys
from collections.abc import Sequence
from pathlib import Path

from mutmut.__main__ import cli
from rich.console import Console

from tests.mutation.results import forget_survivors, read_results
from tests.mutation.state import is_current, remember
from tests.mutation.texts import leave_texts_alone

TARGET = 90.0
_PROJECT = Path(__file__).resolve().parents[2]
_REPORT = _PROJECT / "build" / "mutants.json"
_WIDE = 150


def main(patterns: Sequence[str]) -> int:
    """Test the mutants, print the scores and the survivors, and write build/mutants.json; return 1 below the target."""
    os.chdir(_PROJECT)
    if patterns:
        forget_survivors(patterns)
    elif not is_current():
        shutil.rmtree("mutants", ignore_errors=True)
        remember()
    leave_texts_alone()
    # As on a build server: the same examples in every run.
    os.environ["CI"] = "1"
    jobs = ["--max-children", os.environ["JOBS"]] if os.environ.get("JOBS") else []
    cli.main(["run", *jobs], standalone_mode=False)
    results = read_results()
    console = Console() if sys.stdout.isatty() else Console(width=_WIDE)
    results.show(console)
    if results.unfinished:
        console.print(f"{results.unfinished} mutants have not been tested yet: the same command goes on with them.")
        return 1
    _REPORT.parent.mkdir(exist_ok=True)
    _REPORT.write_text(json.dumps(results.as_json(), indent=2) + "\n")
    console.print(
        f"Written to {_REPORT.relative_to(_PROJECT)}. {results.whole.score} % were noticed, of {TARGET:.0f} %."
    )
    return 0 if results.whole.score >= TARGET else 1


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
