"""What a probe comes to, and how it says so."""

from collections.abc import Callable
from dataclasses import dataclass
from enum import StrEnum
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from tests.contract.instance import Instance


class Finding(StrEnum):
    """What was found about a fact."""

    CONFIRMED = "confirmed"
    REFUTED = "refuted"
    NOT_OBSERVABLE = "not observable"

    def told(self, *, real: bool) -> str:
        """Return what may be said of it: only a real instance confirms anything."""
        return "simulated so" if self is Finding.CONFIRMED and not real else self.value


class RefutedError(AssertionError):
    """The instance does something else than the fact says."""


class NotObservableError(Exception):
    """This instance, or this user, shows nothing by which the fact could be judged."""


def expect(holds: bool, otherwise: str) -> None:  # noqa: FBT001 (a condition, as of assert)
    """Raise RefutedError that says what was seen `otherwise`."""
    if not holds:
        raise RefutedError(otherwise)


def observable(can_be: bool, otherwise: str) -> None:  # noqa: FBT001 (the same)
    """Raise NotObservableError that says what is missing `otherwise`."""
    if not can_be:
        raise NotObservableError(otherwise)


@dataclass(frozen=True, slots=True)
class Probe:
    """How one fact is looked at. `writes` marks probes that change anything in the instance."""

    fact: str
    run: "Callable[[Instance], None]"
    writes: bool


PROBES: dict[str, Probe] = {}


def probe(fact: str, *, writes: bool = False) -> "Callable[[Callable[[Instance], None]], Callable[[Instance], None]]":
    """Register the decorated function as the probe of a fact: it returns where the fact holds, and raises otherwise."""

    def register(run: "Callable[[Instance], None]") -> "Callable[[Instance], None]":
        if fact in PROBES:
            raise ValueError(fact)
        PROBES[fact] = Probe(fact, run, writes)
        return run

    return register
