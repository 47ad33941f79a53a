"""The parts of documents that a command writes, each behind a comment that names the command."""

from pathlib import Path

BY_TICKETS, BY_HOUSE = (f"<!-- Written by `make {command}`. -->" for command in ("tickets", "house"))
END = "<!-- Up to here. -->"


def with_part(page: str, begin: str, text: str) -> str:
    """Return a page with `text` behind the comment `begin`, up to the comment END, or to the end of the page."""
    before, _, rest = page.partition(begin)
    _, end, after = rest.partition(END)
    return f"{before}{begin}\n\n{text.strip()}\n\n{end}{after}".rstrip() + "\n"


def write_part(page: Path, begin: str, text: str) -> None:
    """Change a page so."""
    page.write_text(with_part(page.read_text(encoding="utf-8"), begin, text), encoding="utf-8")
