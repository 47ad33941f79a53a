"""Probes of change requests, by the Change Management API. They move no change on, and clean up after themselves."""

from http import HTTPStatus
from typing import Any

from tests.contract.instance import TITLE, Instance, content_of
from tests.contract.verdict import expect, observable, probe

_CHANGE = "/api/sn_chg_rest/v1/change"
_NOT_THERE = frozenset({400, 403, 404})
_STATES = {"-5": "New", "-4": "Assess", "-3": "Authorize", "4": "Canceled"}


def _made(instance: Instance, **fields: str) -> dict[str, Any]:
    """Open a normal change that is removed again; return it with its typed values."""
    made = instance.api("POST", f"{_CHANGE}/normal", {"short_description": TITLE, **fields})
    observable(made.status not in _NOT_THERE, "the Change Management API is not there for this user")
    row: dict[str, Any] = content_of(made, 200)["result"]
    instance.made("change_request", str(row["sys_id"]["value"]))
    return row


@probe("change-insert-200", writes=True)
def change(instance: Instance) -> None:
    """No 201, and every field twice."""
    row = _made(instance)
    expect({"display_value", "value"} <= set(row["number"]), "a field of another shape")


@probe("change-ignored-fields", writes=True)
def ignored_fields(instance: Instance) -> None:
    """One that no table has."""
    row = _made(instance, u_contract_no_such_column="x")
    expect("u_contract_no_such_column" in row.get("__meta", {}).get("ignoredFields", []), "it is not named")


@probe("change-same-record", writes=True)
def same_record(instance: Instance) -> None:
    """By the Table API under the same sys_id and number."""
    row = _made(instance)
    shown = content_of(instance.api("GET", f"/api/now/table/change_request/{row['sys_id']['value']}"), 200)["result"]
    expect(shown["number"] == row["number"]["value"], "another number")
    expect((shown["state"], shown["type"]) == ("-5", "normal"), f"state {shown['state']}, type {shown['type']}")


@probe("change-next-states", writes=True)
def next_states(instance: Instance) -> None:
    """Of a new normal change: with labels, the present one among them."""
    path = f"{_CHANGE}/{_made(instance)['sys_id']['value']}/nextstates"
    answer = instance.api("GET", path)
    observable(answer.status not in {400, 404}, "the release has no such address")
    found = content_of(answer, 200)["result"]
    states = {str(state) for state in found["available_states"]}
    expect("-5" in states and states <= set(_STATES), f"the states are {sorted(states)}")
    expect(all(found["state_label"][state] == _STATES[state] for state in states), "other labels")


@probe("change-approval-by-others", writes=True)
def approval_by_others(instance: Instance) -> None:
    """Nobody was asked about a new change, so nobody can approve it."""
    path = f"{_CHANGE}/{_made(instance)['sys_id']['value']}/approvals"
    answered = instance.api("PATCH", path, {"state": "approved"})
    expect(answered.status == HTTPStatus.BAD_REQUEST, f"it answers {answered.status}")


@probe("change-delete-200", writes=True)
def delete(instance: Instance) -> None:
    """Unlike the Table API, with what the record was."""
    row = _made(instance)
    deleted = instance.api("DELETE", f"{_CHANGE}/{row['sys_id']['value']}")
    observable(deleted.status != HTTPStatus.FORBIDDEN, "the user may not delete changes")
    content_of(deleted, 200)
