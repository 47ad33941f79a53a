"""What monitoring systems call a severity, in the bridge's own words."""

from collections.abc import Mapping

from common.incidents.own_events import SEVERITIES

DEFAULT_SEVERITY = "medium"
"""What a problem is where nothing is known of its severity."""

_OTHER_NAMES: Mapping[str, str] = {
    name: severity
    for severity, names in {
        "critical": "crit disaster emergency emerg fatal page blocker p0 p1 sev0 sev1 down",
        "high": "error err major severe p2 sev2",
        "medium": "warning warn average moderate p3 sev3",
        "low": "minor p4 sev4",
        "info": "information informational notice none ok normal debug verbose p5 sev5",
    }.items()
    for name in names.split()
}


def known_severity(name: str) -> str:
    """Return one of `SEVERITIES` for a name such as P1, crit, disaster or information; empty where it is unknown."""
    name = name.strip().lower()
    return name if name in SEVERITIES else _OTHER_NAMES.get(name, "")
