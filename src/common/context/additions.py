"""What is added to a record: a file, or a work note."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass

from common.clock import Deadline
from common.context.request import Request
from common.servicenow.client import Content


@dataclass(frozen=True, slots=True)
class File:
    """A file that is attached."""

    name: str
    content: Content


@dataclass(frozen=True, slots=True)
class Note:
    """A work note, with nothing in it that must not leave AWS."""

    text: str


type Addition = File | Note
type Source = Callable[[Request, Deadline], Sequence[Addition]]
"""Looks for what a request asks for; nothing where there is nothing. Raises what `Services.ask` raises."""
