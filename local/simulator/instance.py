"""The simulated instance as a whole: one lock, one clock, its records, tokens, switches and faults."""

import heapq
import random
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import replace
from itertools import count
from threading import RLock
from typing import Any

from .assertions import AssertionDesk, Verifiers
from .calls import Call, table_of
from .context import Context
from .dictionary import choice_rows, dictionary_rows
from .faults import Fault, FaultQueue
from .languages import translated
from .limits import RateLimit, semaphore_full
from .messages import HTML_TYPE, Answer, ApiError, Request, error_answer
from .pages import HIBERNATING, NOT_FOUND
from .records import Store
from .routes import route
from .schema import Schema, Table
from .scopes import api_of, enforce_scopes
from .switches import Switches
from .tables import default_tables, seed_id, seed_rows
from .token_api import REVOKE_PATH, TOKEN_PATH, OAuthRecord, TokenEndpoint, basic_credentials, handle_revoke
from .tokens import TokenDesk

_LONGEST_URL = 8192


class Instance:
    """Everything behind the HTTP server. All methods may be called from any thread."""

    def __init__(
        self,
        record: OAuthRecord,
        basic_user: tuple[str, str],
        switches: Switches,
        clock: Callable[[], float],
        seed: int | None,
    ) -> None:
        """Start with the seed records; `clock` gives epoch seconds."""
        self.lock = RLock()
        self.record = record
        self.faults = FaultQueue(seed)
        self.clock_offset = 0.0
        self._basic_user = basic_user
        self._first_switches = switches
        self._first_secret = record.client_secret
        self._clock = clock
        self._frozen: float | None = None
        self.running = 0
        self.epoch = 0
        self._random = random.Random(seed)  # noqa: S311 -- repeatable sys_ids, no secrets
        self.reset()

    def reset(self) -> None:
        """Go back to a new instance: records, tokens, calls, faults, switches and clock offset."""
        with self.lock:
            self.switches = self._first_switches
            self.record.client_secret = self._first_secret
            self.record.further_secrets = ()
            self.record.verifiers = Verifiers()
            self.further_clients: list[OAuthRecord] = []
            self.clock_offset = 0.0
            self.store = Store(Schema(default_tables()), self.now, self._random)
            self.tokens = TokenDesk()
            self.assertions = AssertionDesk(self.store)
            self.calls: list[Call] = []
            self.faults.clear()
            self._limit = RateLimit()
            self._deferred: list[tuple[float, int, str, Request, Call]] = []
            self.epoch += 1
            self._ticks = count()
            self.store.take(seed_rows())
            registered = {"name": "servicenow-bridge", "client_id": self.record.client_id}
            self.store.insert("oauth_entity", registered, "admin", self.record.sys_id)

    def declare(self, table: Table) -> None:
        """Add a table or replace one, in the dictionary too."""
        self.store.schema.declare(table)
        known = {row["element"] for row in self.store.rows("sys_dictionary") if row["name"] == table.name}
        for row in dictionary_rows(table):
            if row["element"] not in known:
                self.store.insert("sys_dictionary", row, "admin")
        for row in choice_rows(table):
            self.store.insert("sys_choice", row, "admin")

    def now(self) -> float:
        """Return the simulator's time in epoch seconds."""
        return self._clock() + self.clock_offset if self._frozen is None else self._frozen

    @contextmanager
    def settled(self) -> Iterator[None]:
        """Hold the lock, with every write carried out that was put off until now."""
        with self.lock:
            while self._deferred and self._deferred[0][0] <= self.now():
                self._carry_out_late(*heapq.heappop(self._deferred))
            yield

    def begin(self, request: Request) -> tuple[Call, Fault | None]:
        """Record a request and return the fault that it meets."""
        with self.settled():
            call = Call.of(request, self.now())
            self.calls.append(call)
            fault = self.faults.take(request, table_of(request))
            call.fault = fault is not None
            return call, fault

    def carry_out(self, request: Request, call: Call) -> Answer:
        """Handle a request and return the true answer."""
        with self.settled():
            answer = self._answer(request)
            self._note(call, answer)
            return answer

    def _note(self, call: Call, answer: Answer) -> None:
        if answer.wrote:
            self._take_secret()
        call.committed = answer.wrote

    def _take_secret(self) -> None:
        """Let the client authenticate with what was written into its record alone. Nobody gets to read it there."""
        row = self.store.find("oauth_entity", self.record.sys_id)
        if row is not None and row["client_secret"]:
            self.record.client_secret = row["client_secret"]
            self.record.further_secrets = ()
            row["client_secret"] = ""

    def put_off(self, request: Request, call: Call, seconds: float) -> None:
        """Handle an API request `seconds` later, by the simulator's clock, and throw its answer away.

        The caller is authenticated now: what becomes of the token afterwards does not matter.
        """
        with self.lock:
            try:
                actor = self._actor(request)
            except ApiError:
                return
            due = self.now() + seconds
            heapq.heappush(self._deferred, (due, next(self._ticks), actor, request, call))

    def finish(self, call: Call, status: int | None) -> None:
        """Record what the caller was told; None if nothing."""
        with self.lock:
            call.status, call.ended = status, self.now()

    def context(self, actor: str) -> Context:
        """Return the view that a user has of the instance."""
        actor_id = next((row["sys_id"] for row in self.store.rows("sys_user") if row["user_name"] == actor), "")
        return Context(self.store, self.switches, actor, actor_id or seed_id("sys_user", "admin"), self.now())

    def configure(self, changes: Mapping[str, Any]) -> None:
        """Change switches by name. Raises TypeError for an unknown one."""
        with self.settled():
            lists = {name: tuple(value) for name, value in changes.items() if isinstance(value, list | set | frozenset)}
            self.switches = replace(self.switches, **{**changes, **lists})

    def _answer(self, request: Request) -> Answer:
        if self.switches.hibernating:
            return Answer(200, HIBERNATING.encode(), content_type=HTML_TYPE)
        if request.path in {TOKEN_PATH, REVOKE_PATH}:
            return self._oauth(request)
        if not request.path.startswith("/api/"):
            return Answer(404, NOT_FOUND.encode(), content_type=HTML_TYPE)
        if self.switches.session_queue_full and "JSESSIONID=" in request.headers.get("cookie", ""):
            return Answer(202, content_type="")
        try:
            return self._api(request)
        except ApiError as error:
            error.message = translated(error.message, self.switches.language) or ""
            error.detail = translated(error.detail, self.switches.language)
            return error_answer(error, next(self._ticks))

    def _oauth(self, request: Request) -> Answer:
        if request.path == REVOKE_PATH:
            return handle_revoke(self.tokens, request)
        records = (self.record, *self.further_clients)
        return TokenEndpoint(self.tokens, self.assertions, self.switches, self.now()).answer(records, request)

    def _api(self, request: Request) -> Answer:
        if request.target_length > _LONGEST_URL:
            raise ApiError(414, "URI Too Long", f"The URL is longer than {_LONGEST_URL} bytes")
        actor = self._actor(request)
        switches = self.switches
        if switches.semaphore_full or (
            switches.concurrent_calls is not None and self.running > switches.concurrent_calls
        ):
            raise semaphore_full()
        headers = self._limit.take(self.now(), switches.rate_limit, api_of(request))
        if switches.api_denied:
            raise ApiError(403, "User Not Authorized", "Failed API level ACL Validation", headers)
        try:
            enforce_scopes(request, switches)
            answer = self._routed(actor, request)
        except ApiError as error:
            error.headers |= headers
            raise
        return replace(answer, headers=headers | answer.headers) if headers else answer

    def _routed(self, actor: str, request: Request) -> Answer:
        override = request.headers.get("x-http-method-override", "").upper()
        if override and request.method == "POST":
            request = replace(request, method=override)
        return route(self.context(actor), request)

    def _carry_out_late(self, due: float, _tick: int, actor: str, request: Request, call: Call) -> None:
        self._frozen = due
        try:
            self._note(call, self._routed(actor, request))
        except ApiError:
            call.committed = False
        finally:
            self._frozen = None

    def _actor(self, request: Request) -> str:
        scheme, _, credential = request.headers.get("authorization", "").partition(" ")
        if scheme.lower() == "bearer" and (user := self.tokens.user_of(credential.strip(), self.now())):
            return user
        if scheme.lower() == "basic" and self._basic_user[1] and basic_credentials(request) == self._basic_user:
            return self._basic_user[0]
        headers = {
            "WWW-Authenticate": f'{self.switches.authenticate_scheme} realm="Service-now"',
            "Connection": "close",
        }
        raise ApiError(401, "User Not Authenticated", "Required to provide Auth information", headers)
