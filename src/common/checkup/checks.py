"""Which steps a check-up has: all of them for the doctor, those that leave no trace for the API's deep health."""

import re
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING

from common.checkup import meanings
from common.checkup.account import Account
from common.checkup.dictionary import Dictionary
from common.checkup.doors import Doors
from common.checkup.gate import GateCheck
from common.checkup.instance import Instance
from common.checkup.limits import Limits
from common.checkup.report import Cause, Check, Finding
from common.checkup.rotation import RotationCheck
from common.checkup.watch import WatchCheck
from common.checkup.windows import ChangeWindowCheck
from common.clock import Deadline
from common.errors import ConfigurationError, CredentialsError, TransientError
from common.masking import FILE, Masking
from common.oauth.client import ClientInUse
from common.oauth.endpoint import TokenEndpoint
from common.oauth.source import TokenSource
from common.oauth.store import TokenStore
from common.oauth.token import AccessToken
from common.settings import AccessSettings, ApiSettings, DoctorSettings, QueueSettings

if TYPE_CHECKING:
    from common.checkup.follow_ups import FollowUpTrial
    from common.checkup.look_ups import LookUps


class FixedToken:
    """A token source that always gives the one token under examination."""

    def __init__(self) -> None:
        """Start without a token."""
        self.value: AccessToken | None = None

    def token(self, deadline: Deadline) -> AccessToken:  # noqa: ARG002 (the interface of token sources)
        """Return the token that the endpoint has issued to this check-up."""
        if self.value is None:
            raise TransientError("There is no token to try.", action="Mend the step before.")
        return self.value

    def rejected(self, token: AccessToken, deadline: Deadline) -> AccessToken:  # noqa: ARG002 (the same)
        """Return the same token: whether it works is the question."""
        return token


@dataclass(frozen=True, slots=True)
class TokenTrial:
    """The checks of a token that is asked for now, and handed to `tokens` for the steps after."""

    account: Account
    endpoint: TokenEndpoint
    store: TokenStore
    tokens: FixedToken
    client: ClientInUse

    def request(self, deadline: Deadline) -> Finding:
        """Ask the token endpoint, as every function does: with the secret's `next` where it refuses `current`."""
        token = self.client.request(deadline)
        self.tokens.value = token
        life = f"issued a token for {token.expires - token.issued:.0f} s"
        return Finding(f"{life}; current is refused and next in use: promote it" if self.client.is_next else life)

    def try_next(self, deadline: Deadline) -> Finding:
        """Ask with `next`, which nobody uses before `current` is refused. It may not be known there yet."""
        following = self.account.credentials.read().next
        if following is None:
            return Finding("none is prepared")
        try:
            self.endpoint.request(following, deadline)
        except CredentialsError:
            return Finding("refused: ServiceNow does not know it yet, or no more", observed=False)
        return Finding("accepted")

    def keep(self, deadline: Deadline) -> Finding:
        """Store the token for all functions, and read it back."""
        self.store.prove(self.tokens.token(deadline), self.client.known().client_id)
        return Finding("the token can be written and read, encrypted with the stack's key")


def doctor_checks(  # noqa: PLR0913 (each is one part of what is looked at)
    settings: DoctorSettings,
    account: Account,
    instance: Instance,
    trial: TokenTrial,
    dictionary: Dictionary,
    *,
    limits: Limits,
    doors: Doors,
    rotation: RotationCheck,
    watch: WatchCheck,
    follow_ups: "FollowUpTrial",
    look_ups: "LookUps",
    change_windows: ChangeWindowCheck,
    gate: GateCheck,
    write: bool,
) -> list[Check]:
    """Return every check, in the order in which one makes the next possible; with `write` also that of creation."""
    stored = f"read: {', '.join(settings.stored)}" if settings.stored else "there are none"
    return [
        Check("stored settings", lambda _: Finding(stored)),
        *_account(account, settings),
        Check("client certificate", account.certificate, needs=("secret",)),
        Check("ledger", account.ledger_is_written),
        Check("concurrency", limits.concurrency),
        Check("access logs", limits.access_logs),
        Check("masking", _masking(in_records=settings.mask_records)),
        Check("webhooks", doors.webhooks),
        Check("topics", doors.subscriptions),
        Check("follow-ups", follow_ups.made),
        *_way(settings, instance),
        Check("clock", instance.skew, needs=("TLS",)),
        Check("token endpoint", trial.request, needs=("secret", "TLS"), causes=_of_the_endpoint(settings)),
        Check("next secret", trial.try_next, needs=("secret", "TLS"), causes=_of_the_endpoint(settings)),
        Check("token store", trial.keep, needs=("token endpoint",)),
        *_use(instance, settings.allowed_tables, needs="token endpoint"),
        *(
            Check(f"method {method}", instance.method(method), needs=("token usable",), causes=meanings.TABLE)
            for method in ("POST", "PATCH")
        ),
        Check("secret rotation", rotation.look, needs=("token usable",), causes=meanings.TABLE),
        Check("language", instance.language, needs=("token usable",), causes=meanings.USE_OF_TOKEN),
        Check("changes of records", watch.asked, needs=("token usable",), causes=meanings.TABLE),
        Check("change requests", change_windows.asked, needs=("token usable",), causes=meanings.TABLE),
        Check("change gate", gate.asked, needs=("token usable",)),
        Check("rules", dictionary.rules),
        Check("tags", look_ups.tried, needs=("rules",)),
        Check("configuration items", look_ups.found, needs=("token usable",), causes=meanings.TABLE),
        Check("columns of rules", dictionary.columns, needs=("rules", "token usable"), causes=meanings.TABLE),
        Check("choices of rules", dictionary.choices, needs=("rules", "token usable"), causes=meanings.TABLE),
        Check("groups of rules", dictionary.groups, needs=("rules", "token usable"), causes=meanings.TABLE),
        Check(
            "create incident",
            instance.creator(settings.close_code, dictionary.rules_on) if write else _only_with_write,
            needs=("token usable",),
            causes=meanings.CREATION,
        ),
    ]


def health_checks(
    settings: ApiSettings,
    account: Account,
    instance: Instance,
    tokens: TokenSource,
    *,
    prove_limit: Callable[[Deadline], None],
) -> list[Check]:
    """Return the checks that read only, with the token that everybody shares.

    `prove_limit` tries to count a caller's requests, where they are counted. Clocks are not compared: the bridge works
    whatever they show, and a caller is not helped by a 503.
    """

    def token(deadline: Deadline) -> Finding:
        tokens.token(deadline)
        return Finding("there is one")

    def limit(deadline: Deadline) -> Finding:
        prove_limit(deadline)
        return Finding(f"{settings.requests_per_caller} requests a minute can be counted")

    return [
        *_account(account, settings),
        *([Check("queue of actions", account.queue(actions))] if (actions := settings.actions_queue_url) else []),
        Check("ledger", account.ledger_answers),
        *([Check("limit of callers", limit)] if settings.requests_per_caller else []),
        *_way(settings, instance),
        Check("token", token, needs=("secret", "TLS"), causes=_of_the_endpoint(settings)),
        *_use(instance, settings.tables, needs="token"),
    ]


def _masking(*, in_records: bool) -> Callable[[Deadline], Finding]:
    def read(_: Deadline) -> Finding:
        try:
            found = Masking.parse(FILE.read_text(encoding="utf-8"))
        except (OSError, ValueError, KeyError, re.PatternError) as error:
            raise ConfigurationError(
                f"src/masking.toml can't be used ({type(error).__name__}).", action="Correct it, and deploy again."
            ) from None
        where = "logs and records" if in_records else "logs; records are written as they are (MaskRecords)"
        return Finding(f"{len(found.patterns)} patterns, applied to {where}")

    return read


def _of_the_endpoint(settings: AccessSettings) -> Mapping[str, tuple[Cause, ...]]:
    return meanings.TOKEN_ENDPOINT_WITH_SCOPE if settings.oauth_scope else meanings.TOKEN_ENDPOINT


def _account(account: Account, settings: QueueSettings) -> list[Check]:
    return [
        Check("settings", lambda _: Finding("complete and well-formed")),
        Check("secret", account.secret),
        Check("queue", account.queue(settings.queue_url)),
        Check("dead letters", account.queue(settings.dead_letter_queue_url)),
    ]


def _way(settings: AccessSettings, instance: Instance) -> list[Check]:
    # Behind a proxy it is the proxy that looks names up.
    name = [] if settings.proxy_url else [Check("name", instance.name)]
    return [*name, Check("TLS", instance.tls, needs=tuple(check.name for check in name))]


def _use(instance: Instance, tables: Iterable[str], *, needs: str) -> list[Check]:
    return [
        Check("token usable", instance.use, needs=(needs,), causes=meanings.USE_OF_TOKEN),
        *(
            Check(f"read {table}", instance.reader(table), needs=("token usable",), causes=meanings.TABLE)
            for table in dict.fromkeys(("incident", *tables))
        ),
        Check("rate limits", instance.rate_limits, needs=("token usable",)),
    ]


def _only_with_write(_: Deadline) -> Finding:
    return Finding("only observable with --write, which opens a marked incident and resolves it", observed=False)
