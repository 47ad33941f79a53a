"""What the events function and the API share: how records are reached, and what the deployment is called."""

from collections.abc import Sequence

from common.bridge.access import Access, client_of
from common.incidents.changes import READ_FIELDS
from common.servicenow.change_requests import ChangeRequests
from common.servicenow.event_management import EVENT_FIELDS, EventManagement
from common.servicenow.names import NAME_FIELDS, Items, Names
from common.servicenow.records import Records
from common.servicenow.shadow import ShadowRecords
from common.servicenow.targets import Targets
from common.settings import ApiSettings, Settings, WatchSettings


def deployment_of(settings: Settings | ApiSettings | WatchSettings) -> str:
    """Return the name of the deployment; what a shadow remembers is kept apart from what is real."""
    return f"{settings.deployment}/shadow" if settings.shadow_mode else settings.deployment


def records_of(settings: Settings | ApiSettings, access: Access, fields: Sequence[str] = READ_FIELDS) -> Records:
    """Return the rows of tables, of which `fields` come back; in shadow mode nothing is written."""
    if settings.shadow_mode:
        return ShadowRecords(access.telemetry)
    return Records(client_of(access), fields, masks=settings.mask_records)


def targets_of(settings: Settings | ApiSettings, access: Access, items: Items | None = None) -> Records:
    """Return the rows of every target that a rule may have; in shadow mode nothing is written.

    `items` find configuration items by the address of what they stand for.
    """
    if settings.shadow_mode:
        return ShadowRecords(access.telemetry)
    client = client_of(access)
    names = Names(Records(client, NAME_FIELDS), clock=access.clock, telemetry=access.telemetry, items=items)
    events = EventManagement(client, Records(client, EVENT_FIELDS, masks=settings.mask_records))
    changes = None
    if settings.actions_queue_url:
        table = Records(client, READ_FIELDS, masks=settings.mask_records)
        changes = ChangeRequests(client, table, telemetry=access.telemetry)
    return Targets(client, READ_FIELDS, names=names, events=events, changes=changes, masks=settings.mask_records)
