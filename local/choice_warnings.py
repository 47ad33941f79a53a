"""Texts that are none of a new instance's choices: ServiceNow drops them without a word."""

from collections.abc import Iterator, Mapping

from common.incidents.alert import DEFAULT_TABLE
from local.simulator.tables import default_tables

_CHOICES: Mapping[str, Mapping[str, str]] = {
    name: column.choices for name, column in default_tables()[DEFAULT_TABLE].fields.items() if column.choices
}


def choice_warning(place: str, name: str, text: str) -> Iterator[str]:
    """Yield a warning where `text` is no choice that the field `name` of a new incident has."""
    choices = _CHOICES.get(name)
    if choices and text not in choices:
        yield (
            f"{place}: {name} is {text!r}, which is none of a new instance's choices ({', '.join(choices)}). "
            "ServiceNow drops unknown choices without a word: check that your instance has it."
        )
