"""`python -m tests.mutation`: how many planted mistakes do the unit tests of the deciding modules notice?

Pass patterns such as `common.oauth.*` to look at some mutants alone; those that were noticed before are left out.
A run that was interrupted is taken up again where neither code nor tests changed since.
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
    cli.main(["run", *(["--max-children", os.environ["JOBS"]] if "JOBS" in os.environ else [])], standalone_mode=False)
    results = read_results()
    _REPORT.parent.mkdir(exist_ok=True)
    _REPORT.write_text(json.dumps(results.as_json(), indent=2) + "\n")
    results.show(Console())
    return 0 if results.score >= TARGET else 1


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
