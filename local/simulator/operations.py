"""What a test, or a person in front of ServiceNow's own pages, does with the instance."""

import sys
from collections.abc import Mapping
from dataclasses import replace
from typing import Any

from .assertions import Verifiers
from .calls import Call
from .display import View, render
from .faults import Fault
from .instance import Instance
from .schema import Field, Table, Transform, field_of
from .tables import seed_id
from .token_api import OAuthRecord
from .writes import insert_record, update_as_person


class Operations:
    """Reads and changes an instance from any thread. Everything that is returned is a copy."""

    def __init__(self, instance: Instance) -> None:
        """Work on `instance`."""
        self._instance = instance

    @property
    def clock_offset(self) -> float:
        """Seconds by which the simulator's clock is ahead of its source."""
        return self._instance.clock_offset

    @clock_offset.setter
    def clock_offset(self, seconds: float) -> None:
        with self._instance.lock:
            self._instance.clock_offset = seconds

    @property
    def calls(self) -> list[Call]:
        """All requests so far, oldest first."""
        return [call for _, call in self.last_calls()]

    def last_calls(self, most: int = sys.maxsize) -> list[tuple[int, Call]]:
        """Return that many requests, the youngest there are, oldest first, each with its number among all, from 0."""
        with self._instance.settled():
            calls = self._instance.calls
            first = max(len(calls) - most, 0)
            return [(number, replace(call)) for number, call in enumerate(calls[first:], first)]

    @property
    def token_requests(self) -> int:
        """How many requests reached the token endpoint."""
        with self._instance.lock:
            return sum(call.token_request for call in self._instance.calls)

    @property
    def api_calls(self) -> int:
        """How many requests reached the API."""
        with self._instance.lock:
            return sum(call.path.startswith("/api/") for call in self._instance.calls)

    def reset(self) -> None:
        """Go back to a new instance: records, tokens, calls, faults, switches, secret, clock.

        The address stays.
        """
        self._instance.reset()

    def configure(self, **switches: Any) -> None:  # noqa: ANN401 -- the types are those of Switches
        """Change switches. Raises TypeError for an unknown one."""
        self._instance.configure(switches)

    def add_fault(self, fault: Fault) -> None:
        """Let something go wrong with the requests that `fault` matches."""
        with self._instance.lock:
            self._instance.faults.add(fault)

    @property
    def waiting_faults(self) -> list[Fault]:
        """The faults that still wait for requests that they match, oldest first."""
        with self._instance.lock:
            return self._instance.faults.waiting

    def clear_faults(self) -> None:
        """Forget all faults that are still waiting."""
        with self._instance.lock:
            self._instance.faults.clear()

    def revoke_tokens(self) -> None:
        """Revoke all access tokens."""
        with self._instance.lock:
            self._instance.tokens.revoke_all()

    def rotate_secret(self, client_secret: str) -> None:
        """Replace the client secret; tokens that were issued before stay valid, as in ServiceNow."""
        with self._instance.lock:
            self._instance.record.client_secret = client_secret
            self._instance.record.further_secrets = ()

    def add_secret(self, client_secret: str) -> None:
        """Let the client authenticate with `client_secret` too, until the next rotation."""
        with self._instance.lock:
            self._instance.record.further_secrets += (client_secret,)

    def add_client(self, client_id: str, client_secret: str) -> None:
        """Put another client into the application registry, until the next reset."""
        with self._instance.lock:
            record = OAuthRecord(client_id, client_secret, seed_id("oauth_entity", client_id))
            self._instance.further_clients.append(record)

    def add_verifier(
        self, kid: str, certificate_pem: str, *, public_client: bool = False, user_field: str = "email"
    ) -> None:
        """Let the client sign with the key of a certificate (PEM) that it calls `kid`, until the next reset.

        With `public_client` it need not send its secret any more. `user_field` is where subjects are looked for.
        """
        with self._instance.lock:
            verifiers = self._instance.record.verifiers
            certificates = {**verifiers.certificates, kid: certificate_pem}
            self._instance.record.verifiers = Verifiers(certificates, public_client, user_field)

    def declare_table(
        self,
        name: str,
        fields: Mapping[str, Field | str],
        *,
        extends: str = "",
        transform: Transform | None = None,
    ) -> None:
        """Add a table until the next reset.

        A field is `"string"`, `"integer"`, `"boolean"`, `"datetime"`, `"journal"`, `"reference:<table>"` or a
        `Field`. `transform` makes it a staging table of the Import Set API.
        """
        described = {field: field_of(description) for field, description in fields.items()}
        with self._instance.lock:
            table = Table(name, described, extends=extends, transform=transform)
            self._instance.declare(table)

    def record_counts(self) -> dict[str, int]:
        """Return the number of rows of every table that has any, subtables included."""
        with self._instance.settled():
            store = self._instance.store
            counts = {table.name: sum(1 for _ in store.rows(table.name)) for table in store.schema}
            return {name: number for name, number in counts.items() if number}

    def records(self, table: str) -> list[dict[str, str]]:
        """Return all rows of a table, oldest first. Raises KeyError for an unknown table."""
        with self._instance.settled():
            self._instance.store.schema.table(table)
            return [dict(row) for row in self._instance.store.rows(table)]

    def file(self, sys_id: str) -> bytes | None:
        """Return the content of an attachment; None where there is none."""
        with self._instance.settled():
            return self._instance.store.files.get(sys_id)

    def displayed(
        self, table: str, fields: tuple[str, ...] = (), *, last: int = sys.maxsize, sys_id: str = ""
    ) -> list[dict[str, str]]:
        """Return the display values of the rows of a table, oldest first: of that many at the end, or of one alone.

        `fields` selects, empty for all. Raises KeyError for an unknown table.
        """
        with self._instance.settled():
            store = self._instance.store
            store.schema.table(table)
            rows = [row for row in store.rows(table) if sys_id in {"", row["sys_id"]}]
            view = View("", "true", fields, exclude_links=True, utc_offset=self._instance.switches.display_utc_offset)
            shown = (render(store, row, view) for row in rows[-last:])
            return [{name: str(value) for name, value in row.items()} for row in shown]

    def insert(self, table: str, values: Mapping[str, object]) -> str:
        """Insert a record as an administrator and return its sys_id.

        Raises ApiError where a rule refuses it.
        """
        with self._instance.settled():
            return insert_record(self._instance.context("admin"), table, values, by_display=True)["sys_id"]

    def update(self, table: str, sys_id: str, values: Mapping[str, object]) -> None:
        """Change a record as an administrator does in a form. Raises KeyError if there is none."""
        with self._instance.settled():
            row = self._instance.store.find(table, sys_id)
            if row is None:
                raise KeyError(sys_id)
            update_as_person(self._instance.context("admin"), row, values)

    def journal(self, sys_id: str, element: str) -> list[str]:
        """Return the entries of a journal field (`work_notes`, `comments`), oldest first."""
        with self._instance.settled():
            return [entry["value"] for entry in self._instance.store.journal(sys_id, element)]
