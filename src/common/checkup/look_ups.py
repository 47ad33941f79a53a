"""Whether what is looked up about events can be: tags in AWS, configuration items in ServiceNow. Each is tried."""

from collections.abc import Callable
from dataclasses import dataclass

from botocore.exceptions import BotoCoreError, ClientError

from common.aws_errors import code_of
from common.checkup.report import Finding
from common.clock import Deadline
from common.context.tags import ABSENT, RIGHTS, Of, Subject, TagLookup
from common.errors import BridgeError, ConfigurationError, HeldError, PermanentError
from common.incidents.rules import Rules
from common.servicenow.query import term
from common.servicenow.records import Records

_COMMON_CLASSES = (
    "cmdb_ci_vm_instance",
    "cmdb_ci_cloud_database",
    "cmdb_ci_cloud_function",
    "cmdb_ci_cloud_load_balancer",
    "cmdb_ci_dynamodb_table",
    "cmdb_ci_cloud_object_storage",
)


@dataclass(frozen=True, slots=True)
class LookUps:
    """The checks of look-ups; `tags` is None where the deployment looks none up, and `items` where it finds none.

    `own` are the things that are asked about: an alarm that need not be there, the event queue, the account.
    """

    rules: Callable[[], Rules]
    tags: TagLookup | None
    own: tuple[Subject, ...]
    items: Records | None

    def tried(self, _: Deadline) -> Finding:
        """Ask each API once, and name the permission that is missing."""
        asked = sorted({name for part in self._parts() for name in part})
        if self.tags is None:
            if asked:
                raise ConfigurationError(
                    f"Rules ask for tags ({', '.join(asked[:5])}), and none are looked up.",
                    action="Deploy with TagLookups=resources, or take them out of the rules.",
                )
            return Finding("off: TagLookups is none, and no rule asks for tags")
        refused = [f"{RIGHTS[subject.of]} ({why})" for subject in self.own if (why := _refusal(self.tags, subject))]
        if refused:
            raise ConfigurationError(
                f"These look-ups fail: {', '.join(refused)}.",
                action="Let the role, its boundary and the organization's policies allow them. Accounts answer in the "
                "organization's management account and its delegated administrators alone: elsewhere set TagLookups to "
                "resources.",
            )
        whose = " and ".join(sorted({f"{subject.of}s" for subject in self.own}))
        found = f"tags of {whose} can be looked up"
        return Finding(found if asked else f"{found}, but no rule asks for any")

    def found(self, deadline: Deadline) -> Finding:
        """Read one item of each common class."""
        if self.items is None:
            return Finding("off: FindConfigurationItems is false")
        hidden = [table for table in _COMMON_CLASSES if not self._reads(self.items, table, deadline)]
        if len(hidden) == len(_COMMON_CLASSES):
            raise ConfigurationError(
                "The integration user reads no configuration item of any class that stands for resources of AWS.",
                action="Give it the role cmdb_read, or set FindConfigurationItems to false.",
            )
        return Finding(
            f"not there, or not readable: {', '.join(hidden)}" if hidden else "items of all classes are read"
        )

    def _parts(self) -> list[frozenset[str]]:
        rules = self.rules()
        return [part.tags(fields=True) for part in (*rules, *rules.overrides)]

    def _reads(self, items: Records, table: str, deadline: Deadline) -> bool:
        try:
            items.find(table, term("sys_id", ">", "0"), deadline, limit=1)
        except (PermanentError, HeldError) as error:
            if error.status is None:
                raise
            return False
        return True


def subjects(account: str, region: str, partition: str, queue: str, *, accounts: bool) -> tuple[Subject, ...]:
    """Return what is asked about; `queue` is the name of the event queue."""
    where = f"{region}:{account}"
    alarm = Subject(Of.ALARM, f"arn:{partition}:cloudwatch:{where}:alarm:servicenow-bridge-doctor", account, region)
    resource = Subject(Of.RESOURCE, f"arn:{partition}:sqs:{where}:{queue}", account, region)
    return (alarm, resource, *([Subject(Of.ACCOUNT, account, account, region)] if accounts else []))


def _refusal(tags: TagLookup, subject: Subject) -> str:
    try:
        tags.ask(subject)
    except (ClientError, BotoCoreError) as error:
        code = code_of(error)
        return "" if code in ABSENT else code
    except BridgeError as error:
        return error.message
    return ""
