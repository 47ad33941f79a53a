
class _Reader:
    """Reads one rule and collects its mistakes."""

    def __init__(self, place: str, table: Mapping[str, Any]) -> None:
        self.place = place
        self.table = table
        self.mistakes: list[str] = []

    def rule(self) -> Rule | None:
        for name in _REQUIRED:
            if not self.table.get(name):
                self.wrong(name, "is missing")
        for name in sorted(set(self.table) - _KNOWN):
            self.wrong(name, f"is not known; the fields are {', '.join(sorted(_KNOWN))}")
        for name in _TEXTS:
            if not isinstance(self.table.get(name, ""), str):
                self.wrong(name, "is no text")
        if self.mistakes:
            return None
        notes = self.texts("notes", ("firing", "resolved"))
        rule = Rule(
            name=self.table["name"],
            source=self.table["source"],
            detail_types=self.detail_types(),
            when=self.expression("when"),
            key=self.key(),
            firing=self.expression("firing") or Expression.parse("`false`"),
            resolved=self.expression("resolved"),
            time=self.expression("time"),
            severity=self.expression("severity"),
            link=self.template("link", self.table["link"]) if "link" in self.table else None,
            fields=self.texts("fields"),
            firing_note=notes.get("firing", Template(())),
            resolved_note=notes.get("resolved", Template(())),
            policy=self.policy(),
            table=self.column("table", self.table.get("table", "incident")),
        )
        return None if self.mistakes else rule

    def wrong(self, field: str, why: str) -> None:
        self.mistakes.append(f"{self.place}: {field} {why}.")

    def section(self, name: str) -> Mapping[str, Any]:
        value = self.table.get(name, {})
        if isinstance(value, dict):
            return value
        self.wrong(name, "is no table")
        return {}

    def column(self, place: str, name: str) -> str:
        if not _COLUMN.fullmatch(name):
            self.wrong(place, "is no name that ServiceNow uses: lower-case letters, digits and _")
        elif name in _OWN_COLUMNS:
            self.wrong(place, "is set by the bridge itself")
        return name

    def texts(self, section: str, names: Collection[str] = ()) -> dict[str, Template]:
        """Return the templates of a section, whose names are `names`, or else columns."""
        found = {}
        for name, text in self.section(section).items():
            place = f"{section}.{name}"
            if not names:
                self.column(place, name)
            elif name not in names:
                self.wrong(place, f"is not known; the fields are {', '.join(names)}")
            if type(text) not in (str, int):
                self.wrong(place, "is no text")
            found[name] = self.template(place, text)
        return found

    def detail_types(self) -> tuple[str, ...]:
        value = self.table["detail_type"]
        names = value if isinstance(value, list) else [value]
        if not all(isinstance(name, str) and name for name in names):
            self.wrong("detail_type", "is neither a text nor a list of texts")
            return ()
        return tuple(names)

    def key(self) -> tuple[Expression, ...]:
        sources = self.table["key"]
        if not isinstance(sources, list):
            self.wrong("key", "is no list of expressions")
            return ()
        return tuple(parsed for source in sources if (parsed := self.parse("key", source)) is not None)

    def expression(self, name: str) -> Expression | None:
        return self.parse(name, self.table[name]) if name in self.table else None

    def parse(self, name: str, source: object) -> Expression | None:
        try:
            return Expression.parse(str(source))
        except ValueError as error:
            self.wrong(name, f"is wrong: {error}")
            return None

    def template(self, name: str, source: object) -> Template:
        try:
            return Template.parse(str(source))
        except ValueError as error:
            self.wrong(name, f"is wrong: {error}")
            return Template(())

    def policy(self) -> Policy:
        choices: dict[str, type[StrEnum]] = {
            "on_repeat": OnRepeat,
            "on_recovery": OnRecovery,
            "on_return": OnReturn,
        }
        values: dict[str, Any] = {}
        for name, value in self.section("policy").items():
            if name in choices and value in list(choices[name]):
                values[name] = choices[name](value)
            elif (name in ("close_code", "close_notes") and isinstance(value, str)) or (
                name == "reopen_window" and type(value) is int and value >= 0
            ):
                values[name] = value
            else:
                offered = ", ".join(choices[name]) if name in choices else "see docs/rules.md"
                self.wrong(f"policy.{name}", f"is not usable ({offered})")
        return Policy(**values)
