"""What became of each mutant."""

import fnmatch
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from mutmut.mutation.data import SourceFileMutationData
from mutmut.mutation.diff_apply import get_diff_for_mutant
from mutmut.stats import status_by_exit_code
from mutmut.utils.file_utils import walk_mutatable_files
from rich.console import Console
from rich.syntax import Syntax
from rich.table import Table

_NOTICED = {"killed", "timeout"}


@dataclass(frozen=True, slots=True)
class Count:
    """Mutants by what became of them. Whoever was reached by no test survived."""

    killed: int
    timeout: int
    survived: int

    @property
    def total(self) -> int:
        """How many there are."""
        return self.killed + self.timeout + self.survived

    @property
    def score(self) -> float:
        """How many of a hundred were noticed: a test failed, or never came to its end."""
        return round(100 * (self.killed + self.timeout) / self.total, 1) if self.total else 100.0

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
    def score(self) -> float:
        """The score over all modules."""
        return self._all.score

    @property
    def _all(self) -> Count:
        return _count([status for module in self.modules.values() for status in module.values()])

    def survivors(self) -> Iterator[tuple[str, str]]:
        """Yield each that was not noticed, and how it differs from the code."""
        for path, module in self.modules.items():
            for name, status in module.items():
                if status not in _NOTICED:
                    yield name, get_diff_for_mutant(name, path=path)

    def as_json(self) -> dict[str, Any]:
        """Return the content of build/mutants.json."""
        return {
            **self._all.as_json(),
            "modules": {path: _count(list(module.values())).as_json() for path, module in self.modules.items()},
            "survivors": dict(self.survivors()),
        }

    def show(self, console: Console) -> None:
        """Print the survivors, then the scores."""
        for name, diff in self.survivors():
            console.print(name, style="bold")
            console.print(Syntax(diff, "diff"))
        table = Table("Module", "Mutants", "Killed", "Timeout", "Survived", "Score")
        for name, count in [(path, _count(list(module.values()))) for path, module in self.modules.items()] + [
            ("all", self._all)
        ]:
            table.add_row(
                name, str(count.total), str(count.killed), str(count.timeout), str(count.survived), f"{count.score}"
            )
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


def _count(statuses: Sequence[str]) -> Count:
    killed, timeout = statuses.count("killed"), statuses.count("timeout")
    return Count(killed=killed, timeout=timeout, survived=len(statuses) - killed - timeout)
