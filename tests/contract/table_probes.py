"""Probes of the Table API's reading side: paths, shapes, pages, queries."""

import re
from typing import Any

from tests.contract.instance import INCIDENTS, Instance, content_of
from tests.contract.verdict import expect, observable, probe

_TIME = re.compile(r"\d{4}-\d\d-\d\d \d\d:\d\d:\d\d")
_SYS_ID = re.compile(r"[0-9a-f]{32}")
_NOBODY = {"sysparm_query": "number=INC-no-such-number", "sysparm_limit": "1"}


@probe("table-paths")
def paths(instance: Instance) -> None:
    """All three answer, and the shape is the same."""
    for version in ("", "/v1", "/v2"):
        answer = instance.api("GET", f"/api/now{version}/table/sys_user", sysparm_limit="1")
        expect(isinstance(content_of(answer, 200).get("result"), list), f"{version or 'no version'}: no list")


@probe("table-empty-list")
def empty_list(instance: Instance) -> None:
    """The bridge uses version 2."""
    second = instance.api("GET", "/api/now/v2/table/incident", **_NOBODY)
    expect(content_of(second, 200).get("result") == [], "version 2 answers with something else")
    expect(instance.api("GET", "/api/now/v1/table/incident", **_NOBODY).status == 404, "version 1 is not 404")


@probe("table-strings")
def strings(instance: Instance) -> None:
    """Every value is a text or a reference."""
    row = instance.some("incident", sysparm_display_value="false", sysparm_limit="1")[0]
    odd = {name for name, value in row.items() if not isinstance(value, str | dict)}
    expect(not odd, f"no texts: {sorted(odd)}")
    expect(_TIME.fullmatch(str(row.get("sys_created_on"))) is not None, "a time of another form")
    expect(row.get("active") in {"true", "false"}, "a truth value of another form")


@probe("table-sys-id")
def sys_id(instance: Instance) -> None:
    """Of any row."""
    found = [str(row.get("sys_id")) for row in instance.some("sys_user", "sys_id")]
    expect(all(_SYS_ID.fullmatch(each) for each in found), "another form")


def _reference(instance: Instance, version: str = "", **parameters: str) -> Any:  # noqa: ANN401 (what was answered)
    path = f"/api/now{version}/table/incident"
    asked = {"sysparm_query": "opened_byISNOTEMPTY", "sysparm_fields": "opened_by", "sysparm_limit": "1"}
    rows = content_of(instance.api("GET", path, **(asked | parameters)), 200)["result"]
    observable(bool(rows), "no incident is visible to this user")
    return rows[0]["opened_by"]


@probe("table-references")
def references(instance: Instance) -> None:
    """With and without links, and the empty one."""
    linked = _reference(instance)
    expect(isinstance(linked, dict) and set(linked) == {"link", "value"}, f"a reference is {type(linked).__name__}")
    bare = _reference(instance, sysparm_exclude_reference_link="true")
    expect(bare == linked["value"], "without the link it is not the sys_id")
    empty = instance.api(
        "GET", INCIDENTS, sysparm_query="assigned_toISEMPTY", sysparm_fields="assigned_to", sysparm_limit="1"
    )
    rows = content_of(empty, 200)["result"]
    expect(not rows or rows[0]["assigned_to"] == "", "an empty reference is not empty")


@probe("table-reference-version")
def reference_version(instance: Instance) -> None:
    """The link leads where the request came in."""
    expect("/api/now/v2/table/" in str(_reference(instance, "/v2")["link"]), "another version, or none")


@probe("table-display-true")
def display_true(instance: Instance) -> None:
    """What a person reads."""
    reference = _reference(instance, sysparm_display_value="true")
    expect(isinstance(reference, dict) and set(reference) == {"display_value", "link"}, "another shape")


@probe("table-display-all")
def display_all(instance: Instance) -> None:
    """Both, of every field."""
    row = instance.some("incident", sysparm_display_value="all", sysparm_limit="1")[0]
    shapes = [isinstance(value, dict) and {"display_value", "value"} <= set(value) for value in row.values()]
    expect(bool(shapes) and all(shapes), "a field of another shape")


@probe("table-journal-empty")
def journal_empty(instance: Instance) -> None:
    """Of any incident."""
    rows = instance.some("incident", "work_notes,comments", sysparm_display_value="false")
    expect(all(row == {"work_notes": "", "comments": ""} for row in rows), "a journal field has a value")


@probe("table-unknown-fields")
def unknown_fields(instance: Instance) -> None:
    """One that does not exist, and one behind a reference."""
    row = instance.some("incident", "number,u_no_such_field_here,opened_by.user_name")[0]
    expect("number" in row and "u_no_such_field_here" not in row, "an unknown field is answered")
    expect("opened_by.user_name" in row, "a dot-walked field is not answered")


@probe("table-paging")
def paging(instance: Instance) -> None:
    """The first and the last page of single rows."""
    first = instance.api("GET", "/api/now/table/sys_user", sysparm_limit="1", sysparm_fields="sys_id")
    content_of(first, 200)
    total = int(first.headers.get("X-Total-Count", "0"))
    observable(total > 1, "fewer than two users are visible")
    expect(_relations(first.headers.get("Link", "")) == ["first", "next", "last"], "the first page's Link differs")
    last = instance.api("GET", "/api/now/table/sys_user", sysparm_limit="1", sysparm_offset=str(total - 1))
    expect(_relations(last.headers.get("Link", "")) == ["first", "prev", "last"], "the last page's Link differs")


def _relations(link: str) -> list[str]:
    return re.findall(r'rel="([a-z]+)"', link)


@probe("table-no-count")
def no_count(instance: Instance) -> None:
    """The pages' links can be left out; the count's header is disputed."""
    asked = {"sysparm_limit": "1", "sysparm_no_count": "true", "sysparm_suppress_pagination_header": "true"}
    found = instance.api("GET", "/api/now/table/sys_user", **asked)
    content_of(found, 200)
    expect("Link" not in found.headers, "the header Link is still there")


@probe("query-unknown-field")
def unknown_field(instance: Instance) -> None:
    """The term is dropped, or the property makes the list empty."""
    instance.some("sys_user", "sys_id")
    asked = {"sysparm_query": "u_no_such_field_here=1", "sysparm_limit": "1", "sysparm_fields": "sys_id"}
    rows = content_of(instance.api("GET", "/api/now/table/sys_user", **asked), 200)["result"]
    expect(isinstance(rows, list), "result is no list")
    observable(bool(rows), "the property glide.invalid_query.returns_no_rows seems to be set")


@probe("query-and-or")
def and_or(instance: Instance) -> None:
    """An alternative finds two, a conjunction of the same terms none."""
    names = [
        str(row["user_name"]) for row in instance.some("sys_user", "user_name", sysparm_query="user_nameISNOTEMPTY")
    ]
    observable(len(names) > 1, "fewer than two users are visible")
    first, second = f"user_name={names[0]}", f"user_name={names[1]}"
    either = instance.some("sys_user", "user_name", sysparm_query=f"{first}^OR{second}")
    expect({row["user_name"] for row in either} == set(names[:2]), "^OR finds others")
    both = instance.api("GET", "/api/now/table/sys_user", sysparm_query=f"{first}^{second}", sysparm_limit="1")
    expect(content_of(both, 200)["result"] == [], "^ finds somebody")


@probe("query-order")
def order(instance: Instance) -> None:
    """Both directions, by a column without ties."""
    ascending = [row["sys_id"] for row in instance.some("sys_user", "sys_id", sysparm_query="ORDERBYsys_id")]
    descending = [row["sys_id"] for row in instance.some("sys_user", "sys_id", sysparm_query="ORDERBYDESCsys_id")]
    expect(ascending == sorted(ascending), "ORDERBY does not sort")
    expect(descending == sorted(descending, reverse=True), "ORDERBYDESC does not sort")


@probe("query-plain-pairs")
def plain_pairs(instance: Instance) -> None:
    """A column's name as a parameter."""
    sys_id = str(instance.some("sys_user", "sys_id")[0]["sys_id"])
    rows = instance.some("sys_user", "sys_id", sys_id=sys_id)
    expect([row["sys_id"] for row in rows] == [sys_id], "it does not filter")
    labelled = content_of(instance.api("GET", "/api/now/table/incident", state="New", sysparm_limit="1"), 200)
    observable(bool(labelled["result"]), "there is no new incident")
    expect(str(labelled["result"][0]["state"]) == "1", "a label does not filter")


@probe("query-startswith")
def starts_with(instance: Instance) -> None:
    """As the bridge finds the records of its own deployment."""
    name = str(instance.some("sys_user", "user_name", sysparm_query="user_nameISNOTEMPTY")[0]["user_name"])
    rows = instance.some("sys_user", "user_name", sysparm_query=f"user_nameSTARTSWITH{name}")
    expect(all(str(row["user_name"]).lower().startswith(name.lower()) for row in rows), "others are found")


@probe("query-relative")
def relative(instance: Instance) -> None:
    """As the watch asks: rows of the past are found, and none of the future."""
    past, future = ("sys_updated_onRELATIVEGE@minute@ago@10000000", "sys_updated_onRELATIVEGE@minute@ahead@60")
    instance.some("sys_user", "sys_id", sysparm_query=past)
    ahead = instance.api("GET", "/api/now/table/sys_user", sysparm_query=future, sysparm_limit="1")
    expect(content_of(ahead, 200)["result"] == [], "somebody was changed in an hour from now")


@probe("aggregate")
def aggregate(instance: Instance) -> None:
    """The number of users."""
    content = content_of(instance.api("GET", "/api/now/stats/sys_user", sysparm_count="true"), 200)
    count = content.get("result", {}).get("stats", {}).get("count")
    expect(isinstance(count, str) and count.isdecimal(), "the count is no text of digits")


@probe("incident-path")
def incident_path(instance: Instance) -> None:
    """The shorthand of the workflow page is no address."""
    expect(instance.api("GET", "/api/now/incident", sysparm_limit="1").status == 400, "it is answered")
    expect(instance.api("GET", INCIDENTS, sysparm_limit="1").status == 200, "the table is not there")


def _choices(instance: Instance, element: str) -> set[str]:
    query = f"nameINincident,task^element={element}"
    rows = instance.some("sys_choice", "value", sysparm_query=query, sysparm_limit="200")
    return {str(row["value"]) for row in rows}


@probe("incident-states")
def states(instance: Instance) -> None:
    """As the choice list says."""
    missing = {"1", "2", "3", "6", "7", "8"} - _choices(instance, "state")
    expect(not missing, f"missing: {sorted(missing)}")


@probe("incident-close-codes")
def close_codes(instance: Instance) -> None:
    """The bridge's default."""
    expect("Solution provided" in _choices(instance, "close_code"), "the choice list has no Solution provided")
