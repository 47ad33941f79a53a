"""Reads src/rules/*.toml, and the deployment's own files below it, once."""

from collections.abc import Callable, Collection, Iterable, Mapping, Sequence
from datetime import tzinfo
from pathlib import Path
from typing import Any, override

from common.errors import ConfigurationError
from common.incidents.alert import DEFAULT_TABLE
from common.incidents.rules.checked import CHECKED, entries, read_checked
from common.incidents.rules.matching import Rules, generality
from common.incidents.rules.names import CLOSE_CODES, OWN
from common.incidents.rules.override import Override
from common.incidents.rules.places import lines_of, located
from common.incidents.rules.reading import check_override, read_override, read_rule
from common.incidents.rules.rule import Rule
from common.incidents.rules.surroundings import ACCOUNTS, Surroundings, account_mistakes
from common.incidents.rules.table import Mistake, is_tables
from common.incidents.rules.window import check_windows, read_window
from common.incidents.windows import Window

_HEADINGS = ("rule", "override", "window", ACCOUNTS)

type _Read[Entry] = Callable[[str, Mapping[str, Any], Collection[str]], tuple[Entry | None, list[Mistake]]]


def load_rules(
    directory: Path,
    allowed_tables: Collection[str] = (),
    requestable: Mapping[str, tuple[str, ...]] | None = None,
    zone: tzinfo | None = None,
) -> Rules:
    """Return the rules of every `*.toml` file in a directory and in its folder `own`, or of the build's `checked.json`.

    Records may be written to incidents and to `allowed_tables`; record requests may ask for the fields that
    `requestable` holds by table, where None lets them ask for any; texts tell the times of `zone` too. Raises
    ConfigurationError that names each mistake's file, rule and field.
    """
    rules, mistakes = read_rules(directory, allowed_tables, requestable, zone)
    if mistakes:
        raise ConfigurationError(
            "The rules are not usable: " + " ".join(map(str, mistakes)),
            action="Correct the named fields and deploy again.",
        )
    return rules


class UnusableRules(Rules):
    """What stands for rules with a mistake: every event is held, so that it is still there once they are mended.

    The sound part alone would lose events: what only a broken rule takes would be dropped as unknown, and what a broken
    override sends elsewhere would go to the wrong people, for good.
    """

    def __init__(self, error: ConfigurationError) -> None:
        """Say `error` about every event."""
        super().__init__(())
        self.error = error

    @override
    def match(self, event: Mapping[str, Any]) -> Rule | None:
        """Raise the ConfigurationError that names each mistake."""
        raise self.error

    @override
    def of_record(self, name: str) -> Rule | None:
        """Raise the same."""
        raise self.error


def rules_to_run(
    directory: Path,
    allowed_tables: Collection[str] = (),
    requestable: Mapping[str, tuple[str, ...]] | None = None,
    zone: tzinfo | None = None,
) -> Rules:
    """Return what `load_rules` returns, or `UnusableRules` where it raises."""
    try:
        return load_rules(directory, allowed_tables, requestable, zone)
    except ConfigurationError as error:
        return UnusableRules(error)


def read_rules(
    directory: Path,
    allowed_tables: Collection[str] = (),
    requestable: Mapping[str, tuple[str, ...]] | None = None,
    zone: tzinfo | None = None,
) -> tuple[Rules, list[Mistake]]:
    """Return what `load_rules` returns, as far as it is usable, and every mistake."""
    tables = frozenset({DEFAULT_TABLE, *allowed_tables})
    if (checked := directory / CHECKED).exists():
        return read_checked(checked, tables, requestable, zone)
    shipped, own = _Files(directory, "", tables), _Files(directory / OWN, f"{OWN}/", tables)
    rules = [*own.rules, *shipped.rules]
    overrides = [*shipped.overrides, *own.overrides]
    mistakes = [*shipped.mistakes, *own.mistakes, *_clashes(shipped.rules, own.rules)]
    if not rules and not mistakes:
        mistakes.append(Mistake(directory.name, "rule", "is missing: there is no rule at all"))
    if not mistakes:
        mistakes = [mistake for each in overrides for mistake in check_override(each, rules, tables)]
    accounts = {**shipped.accounts, **own.accounts}
    windows = [*shipped.windows, *own.windows]
    if windows and not mistakes:
        mistakes = list(check_windows(windows, rules))
    return Rules(rules, overrides, requestable, windows, Surroundings(zone, accounts)), mistakes


class _Files:
    """The rule files of one directory, in the order of their names."""

    def __init__(self, directory: Path, prefix: str, tables: Collection[str]) -> None:
        self.tables = tables
        self.rules: list[Rule] = []
        self.overrides: list[Override] = []
        self.windows: list[Window] = []
        self.accounts: dict[str, str] = {}
        self.mistakes: list[Mistake] = []
        for path in sorted(directory.glob("*.toml")):
            self._file(path, prefix + path.name)

    def _file(self, path: Path, file: str) -> None:
        import tomllib  # noqa: PLC0415 (the package has no such file, and no start has to wait for it)

        try:
            text = path.read_text(encoding="utf-8")
            content = tomllib.loads(text)
        except (tomllib.TOMLDecodeError, UnicodeDecodeError, OSError) as error:
            self.mistakes.append(Mistake(file, "it", f"is not readable: {error}"))
            return
        codes = content.pop(CLOSE_CODES, [])
        if not isinstance(codes, list) or not all(isinstance(code, str) for code in codes):
            self.mistakes.append(Mistake(file, CLOSE_CODES, "is no list of texts"))
        for heading in sorted(set(content) - set(_HEADINGS)):
            self.mistakes.append(
                Mistake(file, heading, "is not known: begin with [[rule]], [[override]], [[window]] or [accounts]")
            )
        accounts = content.get(ACCOUNTS, {})
        wrong = account_mistakes(accounts)
        self.mistakes += [Mistake(file, *each) for each in wrong]
        self.accounts |= {} if wrong else accounts
        before = len(self.mistakes)
        for rule in self._entries(file, "rule", content.get("rule", []), read_rule):
            place = f"{file}, rule {rule.name}"
            if any(earlier.name == rule.name for earlier in self.rules):
                self.mistakes.append(Mistake(place, "name", "is taken: another rule has the same name"))
            if any(_hides(earlier, rule) for earlier in self.rules):
                self.mistakes.append(Mistake(place, "when", "never counts: an earlier rule without when takes all"))
            self.rules.append(rule)
        self.overrides += self._entries(file, "override", content.get("override", []), read_override)
        self.mistakes[before:] = located(self.mistakes[before:], file, text, content)
        if "window" in content:
            self.windows += self._entries(file, "window", content["window"], read_window, lines_of(text, "window"))

    def _entries[Entry](
        self, file: str, heading: str, content: object, read: _Read[Entry], lines: Sequence[int] = ()
    ) -> Iterable[Entry]:
        if not is_tables(content):
            why = f"is no list of tables; every {heading} begins with [[{heading}]]"
            self.mistakes.append(Mistake(file, heading, why))
            return
        for index, (place, table) in enumerate(entries(file, heading, {heading: content})):
            # Where a file holds its windows as [[window]] tables, as it should, each has a line.
            numbered = place.replace(file, f"{file}:{lines[index]}", 1) if len(lines) == len(content) else place
            entry, mistakes = read(numbered, table, self.tables)
            self.mistakes += mistakes
            if entry is not None:
                yield entry


def _clashes(shipped: Iterable[Rule], own: Collection[Rule]) -> list[Mistake]:
    shipped_names = {rule.name for rule in shipped}
    return [
        Mistake(f"{OWN}, rule {rule.name}", "name", "is that of a shipped rule: use another, or an [[override]]")
        for rule in own
        if rule.name in shipped_names
    ]


def _hides(earlier: Rule, later: Rule) -> bool:
    return (
        earlier.when is None
        and generality(earlier) == generality(later)
        and set(later.sources) <= set(earlier.sources)
        and set(later.detail_types) <= set(earlier.detail_types)
    )
