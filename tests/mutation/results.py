"""What became of each mutant."""

import fnmatch
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import PurePath
from typing import Any

from mutmut.mutation.data import SourceFileMutationData
from mutmut.mutation.diff_apply import get_diff_for_mutant
from mutmut.stats import status_by_exit_code
from mutmut.utils.file_utils import walk_mutatable_files
from rich.console import Console
from rich.table import Table

_NOTICED = {"killed", "timeout"}
_UNKNOWN = {"not checked", "check was interrupted by user"}


@dataclass(frozen=True, slots=True)
class Count:
    """Mutants by what became of them. One that no test reaches has survived; those not tested yet do not count."""

    killed: int
    timeout: int
    survived: int

    @classmethod
    def of(cls, statuses: Sequence[str]) -> "Count":
        """Count mutants by their status in mutmut's words."""
        killed, timeout = statuses.count("killed"), statuses.count("timeout")
        unknown = sum(status in _UNKNOWN for status in statuses)
        return cls(killed=killed, timeout=timeout, survived=len(statuses) - killed - timeout - unknown)

    @property
    def total(self) -> int:
        """How many there are."""
        return self.killed + self.timeout + self.survived

    @property
    def score(self) -> float:
        """How many of a hundred were noticed: a test failed, or the tests came to no end. Never rounded up."""
        return (1000 * (self.killed + self.timeout) // self.total) / 10 if self.total else 100.0

    def as_json(self) -> dict[str, float]:
        """Return it by name."""
        return {
            "total": self.total,
            "killed": self.killed,
            "survived": self.survived,
            "timeout": self.timeout,
            "score": self.score,
        }


@dataclass(frozen=True, slots=True)
class Results:
    """The status of every mutant by its name, by the path of its module."""

    modules: Mapping[str, Mapping[str, str]]

    @property
    def counts(self) -> Mapping[str, Count]:
        """The count of each module, by its path."""
        return {path: Count.of([*module.values()]) for path, module in self.modules.items()}

    @property
    def whole(self) -> Count:
        """The count over all modules."""
        return Count.of(self._statuses())

    @property
    def unfinished(self) -> int:
        """How many have not been tested yet."""
        return sum(status in _UNKNOWN for status in self._statuses())

    def _statuses(self) -> list[str]:
        return [status for module in self.modules.values() for status in module.values()]

    def survivors(self) -> Iterator[tuple[str, str]]:
        """Yield each that was tested and not noticed, and how it differs from the code."""
        for path, module in self.modules.items():
            for name, status in module.items():
                if status not in _NOTICED | _UNKNOWN:
                    lines = get_diff_for_mutant(name, path=path).splitlines()
                    yield name, "\n".join(line for line in lines[2:] if line[:1] in "+-")

    def as_json(self) -> dict[str, Any]:
        """Return the content of build/mutants.json."""
        return {
            **self.whole.as_json(),
            "modules": {path: count.as_json() for path, count in self.counts.items()},
            "survivors": dict(self.survivors()),
        }

    def show(self, console: Console) -> None:
        """Print the survivors, then the scores."""
        for name, difference in self.survivors():
            console.print(name, style="bold", markup=False, highlight=False)
            console.print(difference, markup=False, highlight=False, soft_wrap=True)
        table = Table("Module", *(f"{name:>8}" for name in ("Mutants", "Killed", "Timeout", "Survived", "Score")))
        for path, count in [*self.counts.items(), ("all", self.whole)]:
            name = PurePath(path).relative_to("src/common").as_posix() if path != "all" else path
            cells = (count.total, count.killed, count.timeout, count.survived, f"{count.score:.1f}")
            table.add_row(name, *(f"{cell:>8}" for cell in cells), end_section=path == [*self.counts][-1])
        console.print(table)


def read_results() -> Results:
    """Return what is known of the mutants."""
    return Results(
        {
            str(data.path): {name: status_by_exit_code[code] for name, code in data.exit_code_by_key.items()}
            for data in _files()
        }
    )


def forget_survivors(patterns: Sequence[str]) -> None:
    """Have the mutants of these names that were not noticed tested again."""
    for data in _files():
        for name, code in data.exit_code_by_key.items():
            if status_by_exit_code[code] not in _NOTICED and any(fnmatch.fnmatch(name, each) for each in patterns):
                data.exit_code_by_key[name] = None
        data.save()


def _files() -> Iterator[SourceFileMutationData]:
    for path in sorted(walk_mutatable_files()):
        data = SourceFileMutationData(path=path)
        data.load()
        if data.exit_code_by_key:
            yield data
