"""Which literals are texts for people, and are left as they are: their wording is nobody's contract.

A text is a literal with a blank between two words in it: what an error says, what a rule's mistake is, what is logged;
and whatever is given to an error as its `action`. It is neither changed nor left out nor replaced by None. Names, keys,
codes, formats and separators are mutated like everything else.
"""

import re
from collections.abc import Callable, Iterable
from typing import Any

import libcst
from mutmut.mutation import mutators

_WORDS = re.compile(r"[A-Za-z)`'},.:;] [A-Za-z(`'{]")


def is_text(node: libcst.CSTNode) -> bool:
    """Return whether a literal, or one of those that are joined to it, holds words."""
    if isinstance(node, libcst.SimpleString):
        return _WORDS.search(node.raw_value) is not None
    if isinstance(node, libcst.FormattedString):
        spelled = "".join(part.value if isinstance(part, libcst.FormattedStringText) else "{}" for part in node.parts)
        return _WORDS.search(spelled) is not None
    return isinstance(node, libcst.ConcatenatedString) and (is_text(node.left) or is_text(node.right))


def leave_texts_alone() -> None:
    """Tell mutmut to change no text and to take none out of a call."""
    replacements: dict[Callable[[Any], Iterable[Any]], Callable[[Any], Iterable[Any]]] = {
        mutators.operator_string: _changed_literals,
        mutators.operator_arg_removal: _calls_without_an_argument,
        mutators.operator_assignment: _assignments_of_none,
    }
    mutators.mutation_operators[:] = [
        (kind, replacements.get(operator, operator)) for kind, operator in mutators.mutation_operators
    ]


def _changed_literals(node: libcst.BaseString) -> Iterable[libcst.CSTNode]:
    return () if is_text(node) else mutators.operator_string(node)


def _assignments_of_none(node: libcst.Assign | libcst.AnnAssign) -> Iterable[libcst.CSTNode]:
    return () if node.value is not None and is_text(node.value) else mutators.operator_assignment(node)


def _calls_without_an_argument(node: libcst.Call) -> Iterable[libcst.CSTNode]:
    texts = _texts(node)
    return (call for call in mutators.operator_arg_removal(node) if _texts(call) == texts)


def _texts(call: libcst.Call) -> int:
    return sum(
        is_text(argument.value) or (argument.keyword is not None and argument.keyword.value == "action")
        for argument in call.args
        if not (isinstance(argument.value, libcst.Name) and argument.value.value == "None")
    )
