"""Reading variables of an environment, with every mistake told at once."""

import re
from collections.abc import Mapping, Sequence

from common.errors import ConfigurationError

_SWITCH = re.compile(r"true|false")


STORED_SETTINGS = "STORED_SETTINGS"
"""The variable that names them, separated by commas; empty where every setting is in the environment itself."""


def stored_names(environment: Mapping[str, str]) -> tuple[str, ...]:
    """Return the names in `environment`, such as `api-tables`."""
    return tuple(filter(None, environment.get(STORED_SETTINGS, "").split(",")))


class Reader:
    """Collects every mistake of an environment, so that one deployment mends them all."""

    def __init__(self, environment: Mapping[str, str]) -> None:
        """Read from `environment`."""
        self.environment = environment
        self.mistakes: list[str] = []

    def text(self, name: str, pattern: re.Pattern[str], advice: str, default: str | None = None) -> str:
        """Return a variable that matches `pattern`, or `default` where it is empty; else note to set it to `advice`."""
        value = self.environment.get(name, "").strip()
        if not value and default is not None:
            return default
        if not value:
            self.mistakes.append(f"{name} is missing: set it to {advice}.")
        elif not pattern.fullmatch(value):
            # The value is not shown: whatever was put into the wrong place may be a password or a private key.
            self.mistakes.append(f"{name} is malformed: set it to {advice}.")
        return value

    def switch(self, name: str) -> bool:
        """Return whether a variable says true; it may be left out."""
        return self.text(name, _SWITCH, "true or false", "false") == "true"

    def refuse(self, name: str, values: Sequence[str], advice: str) -> None:
        """Note values, which are names of tables, that a variable may not hold."""
        if values:
            self.mistakes.append(f"{name} holds what it may not: {advice} {', '.join(values)}.")

    def checked[T](self, settings: T) -> T:
        """Return what was read. Raises ConfigurationError where anything was noted."""
        if self.mistakes:
            raise ConfigurationError(
                "The function's environment is not usable: " + " ".join(self.mistakes),
                action="Set the named variables through the parameters of the stack and deploy again.",
            )
        return settings
