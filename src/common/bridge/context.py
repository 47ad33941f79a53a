"""What is looked up about events, put together from the settings. Only imported where a deployment asks for it."""

from collections.abc import Mapping
from functools import partial

from common.bridge.access import Access, client_of
from common.bridge.look_ups import tag_lookup_of
from common.bridge.records import deployment_of, targets_of
from common.context.configuration_items import ITEM_FIELDS, ConfigurationItems, with_item
from common.context.corrections import Corrections
from common.context.door import Context
from common.context.shared import Shared
from common.incidents.ledger import Ledger
from common.incidents.rules import Rules
from common.servicenow.records import Records
from common.settings import Settings


def looking_up(
    settings: Settings, environment: Mapping[str, str], access: Access, rules: Rules, ledger: Ledger
) -> tuple[Records, Context]:
    """Return how records are reached, and what makes alerts of events; nothing is asked yet, and no client made."""
    deployment = deployment_of(settings)
    shared = Shared(ledger, deployment=deployment)
    items = ConfigurationItems(Records(client_of(access), ITEM_FIELDS), shared, telemetry=access.telemetry)
    records = targets_of(settings, access, items if settings.finds_items else None)
    named = with_item if settings.finds_items else None
    if settings.tag_lookups == "none":
        return records, Context(rules, with_item=named)
    reader = partial(Records, client_of(access))
    corrections = Corrections(ledger, records, reader, deployment=deployment, telemetry=access.telemetry)
    return records, Context(
        rules,
        tags=tag_lookup_of(settings, environment, access, ledger),
        # Where nothing is written nothing is to be put right.
        corrections=None if settings.shadow_mode else corrections,
        with_item=named,
    )
