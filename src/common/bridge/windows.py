"""Where the events function learns what is quiet now, beside what its rules say."""

from collections.abc import Callable

from common.bridge.access import Access, client_of
from common.incidents.ledger import Ledger
from common.incidents.windows import Window
from common.servicenow.records import Records
from common.settings import Settings


def windows_of(settings: Settings, access: Access, ledger: Ledger, deployment: str) -> Callable[[], tuple[Window, ...]]:
    """Return what shows the windows of callers and of changes, as far as the deployment takes any."""
    sources: list[Callable[[], tuple[Window, ...]]] = []
    clock, telemetry = access.clock, access.telemetry
    if settings.windows != "off":
        from common.incidents.open_windows import OpenWindows  # noqa: PLC0415 (most deployments take none)

        sources.append(OpenWindows(ledger, deployment=deployment, clock=clock, telemetry=telemetry).seen)
    if settings.change_windows:
        from common.incidents.change_windows import CHANGE_FIELDS, ChangeWindows  # noqa: PLC0415 (the same)

        records = Records(client_of(access), CHANGE_FIELDS)
        sources.append(ChangeWindows(ledger, records, deployment=deployment, clock=clock, telemetry=telemetry).seen)
    return lambda: tuple(window for seen in sources for window in seen())
