"""`python -m tests.contract`: do the facts about ServiceNow hold? Against the simulator, or against a real instance.

For a real one set SERVICENOW_CONTRACT_HOST, SERVICENOW_CONTRACT_CLIENT_ID and SERVICENOW_CONTRACT_CLIENT_SECRET,
SERVICENOW_CONTRACT_CA_FILE where a company's own authority signs, and SERVICENOW_CONTRACT_WRITE=1 where probes may
open, change and delete incidents of their own. The table says what was found, build/contract.json keeps it.
"""

import json
import os
import re
import sys
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path

from rich.console import Console
from rich.progress import Progress
from rich.table import Table

from tests.contract.facts import read_facts
from tests.contract.instance import Instance, Target
from tests.contract.run import Report, count, examine, no_token, simulated
from tests.contract.verdict import Finding

_PREFIX = "SERVICENOW_CONTRACT_"
_HOST = re.compile(r"[a-z0-9][a-z0-9.-]*(:[0-9]{1,5})?")
_BUILD = Path(__file__).resolve().parents[2] / "build"
_STYLES = {Finding.CONFIRMED: "green", Finding.REFUTED: "bold red", Finding.NOT_OBSERVABLE: "yellow"}
_WIDE = 150


def main(environment: Mapping[str, str]) -> int:
    """Probe, print the table and write build/contract.json; return 1 where a fact is refuted.

    Returns 2, and writes nothing, where the instance can't be asked.
    """
    console = Console() if sys.stdout.isatty() else Console(width=_WIDE)
    facts = read_facts()
    real = bool(environment.get(_PREFIX + "HOST"))
    console.print(_asked(environment), markup=False, highlight=False)
    mistake = _mistake(environment) if real else ""
    if mistake:
        console.print(f"error: {mistake}", markup=False, highlight=False)
        return 2
    with _instance(environment) as (instance, name), Progress(console=console, transient=True) as progress:
        if real and (why := no_token(instance)):
            console.print(f"error: {name} gives no token ({why}), so nothing was learned.", markup=False)
            return 2
        task = progress.add_task("Probing", total=len(facts))
        reports = examine(facts, instance, lambda _: progress.advance(task))
        left_behind = instance.left_behind
    console.print(_table(reports, name, real=real))
    for left in left_behind:
        console.print(f"Could not be removed again: {left}", style="bold yellow", markup=False)
    counts = {finding.told(real=real): count(reports, finding) for finding in Finding}
    console.print(", ".join(f"{number} {finding}" for finding, number in counts.items()))
    _BUILD.mkdir(exist_ok=True)
    found = [
        {
            "id": report.fact.id,
            "finding": report.finding.told(real=real),
            "why": report.why,
            "confidence": report.fact.confidence,
            "confirmed_by": report.fact.confirmed_by,
        }
        for report in reports
    ]
    content = {"instance": name, "real": real, "counts": counts, "left_behind": left_behind, "facts": found}
    (_BUILD / "contract.json").write_text(json.dumps(content, indent=2) + "\n", encoding="utf-8")
    return 1 if count(reports, Finding.REFUTED) else 0


def _mistake(environment: Mapping[str, str]) -> str:
    """Return what keeps an instance from being asked, and which variable says so; nothing where all is well."""
    for name in ("CLIENT_ID", "CLIENT_SECRET"):
        if not environment.get(_PREFIX + name):
            return f"{_PREFIX}{name} is not set (docs/testing.md)."
    if not _HOST.fullmatch(environment[_PREFIX + "HOST"]):
        return f"{_PREFIX}HOST is the name of the host alone, in lower case, such as dev12345.service-now.com."
    authorities = environment.get(_PREFIX + "CA_FILE", "")
    if authorities and not Path(authorities).is_file():
        return f"{_PREFIX}CA_FILE names no file: {authorities}."
    return ""


def _asked(environment: Mapping[str, str]) -> str:
    """Return what is asked: an instance, whose answers confirm or refute, or the simulator, which confirms nothing."""
    host = environment.get(_PREFIX + "HOST", "")
    if not host:
        return f"Asking the simulator, which confirms nothing about ServiceNow. For a real instance set {_PREFIX}HOST."
    allowed = "probes may write" if environment.get(_PREFIX + "WRITE") == "1" else "probes only read"
    return f"Asking the ServiceNow instance {host}; {allowed}."


@contextmanager
def _instance(environment: Mapping[str, str]) -> Iterator[tuple[Instance, str]]:
    host = environment.get(_PREFIX + "HOST", "")
    if not host:
        with simulated() as (instance, _):
            yield instance, "simulator"
        return
    authorities = environment.get(_PREFIX + "CA_FILE", "")
    target = Target(
        host,
        environment[_PREFIX + "CLIENT_ID"],
        environment[_PREFIX + "CLIENT_SECRET"],
        Path(authorities).read_text(encoding="utf-8") if authorities else "",
        may_write=environment.get(_PREFIX + "WRITE") == "1",
    )
    instance = Instance(target)
    try:
        yield instance, host
    finally:
        instance.close()


def _table(reports: list[Report], name: str, *, real: bool) -> Table:
    table = Table(title=f"Facts about ServiceNow, against {name}", title_justify="left")
    for heading in ("fact", "known", "by", "found", "why"):
        table.add_column(heading, no_wrap=heading in {"fact", "found"})
    for report in reports:
        style = _STYLES[report.finding]
        found = f"[{style}]{report.finding.told(real=real)}[/]"
        table.add_row(report.fact.id, report.fact.confidence, report.fact.confirmed_by, found, report.why)
    return table


if __name__ == "__main__":
    sys.exit(main(os.environ))
