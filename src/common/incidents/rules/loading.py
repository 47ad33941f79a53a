
def load_rules(directory: Path) -> Rules:
    """Return the rules of every `*.toml` file in a directory.

    Raises ConfigurationError that names each mistake's file, rule and field.
    """
    rules: dict[str, Rule] = {}
    mistakes: list[str] = []
    for path in sorted(directory.glob("*.toml")):
        for index, table in enumerate(_tables(path, mistakes), start=1):
            reader = _Reader(f"{path.name}, rule {table.get('name') or index}", table)
            rule = reader.rule()
            mistakes.extend(reader.mistakes)
            if rule is None:
                continue
            if rule.name in rules:
                mistakes.append(f"{reader.place}: another rule has the same name.")
            if any(_hides(earlier, rule) for earlier in rules.values()):
                mistakes.append(f"{reader.place}: an earlier rule without when takes all of its events.")
            rules[rule.name] = rule
    if not rules and not mistakes:
        mistakes.append("There is no rule at all.")
    if mistakes:
        raise ConfigurationError(
            "The rules are not usable: " + " ".join(mistakes),
            action="Correct the named fields and deploy again.",
        )
    return Rules(rules.values())


def _tables(path: Path, mistakes: list[str]) -> list[dict[str, Any]]:
    try:
        content = tomllib.loads(path.read_text(encoding="utf-8"))
    except (tomllib.TOMLDecodeError, UnicodeDecodeError, OSError) as error:
        mistakes.append(f"{path.name} is not readable: {error}.")
        return []
    tables = content.pop("rule", [])
    mistakes.extend(f"{path.name}: {name} is not known; every rule begins with [[rule]]." for name in content)
    if isinstance(tables, list) and all(isinstance(table, dict) for table in tables):
        return tables
    mistakes.append(f"{path.name}: rule is no list of tables; every rule begins with [[rule]].")
    return []


def _hides(earlier: Rule, later: Rule) -> bool:
    covers_types = set(later.detail_types) <= set(earlier.detail_types)
    return earlier.when is None and earlier.source == later.source and covers_types

