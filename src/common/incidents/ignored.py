"""Tells of the fields that ServiceNow did not keep: each time in a metric, once for each table and field in the log."""

from collections.abc import Iterable

from common.telemetry import Telemetry

_TOLD_OTHERWISE = frozenset({"state", "correlation_id", "correlation_display"})
_MOST_FIELDS = 1000


class IgnoredFields:
    """Reports fields that were written and came back as something else."""

    def __init__(self, telemetry: Telemetry) -> None:
        """Report to `telemetry`."""
        self._telemetry = telemetry
        self._told: set[tuple[str, str]] = set()

    def report(self, table: str, names: Iterable[str]) -> None:
        """Count the fields of one write, and log those that were not told of before.

        The state and the correlation fields have reports of their own.
        """
        for name in names:
            if name in _TOLD_OTHERWISE:
                continue
            self._telemetry.count("FieldsIgnored")
            if (table, name) in self._told or len(self._told) >= _MOST_FIELDS:
                continue
            self._told.add((table, name))
            self._telemetry.log.warning(
                "ServiceNow did not keep what was written into a field. Check that column and value exist, that the "
                "integration user may write it, and which business rule or data policy sets it.",
                table=table,
                field=name,
            )
