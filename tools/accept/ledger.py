"""What the ledger of a deployed stack says of a problem that the acceptance made."""

from common.clock import SystemClock
from common.incidents.alert import DEFAULT_TABLE, dedup_key
from common.incidents.item import Item, problem_of
from common.incidents.ledger import Ledger
from tools.deployed import DeployedStack


def item_of(stack: DeployedStack, source: str, rule: str, *name: str) -> Item:
    """Return the item of a problem in the stack's own account and Region, by its source, its rule and its name."""
    _, _, _, region, account, _ = stack.output("EventRuleArn").split(":", 5)
    key = dedup_key(account, region, source, rule, *name)
    ledger = Ledger(stack.client("dynamodb"), stack.output("LedgerTableName"), clock=SystemClock())
    return ledger.read(problem_of(stack.output("DeploymentName"), key), dedup_key=key, table=DEFAULT_TABLE)
