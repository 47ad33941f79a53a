"""Names of groups, people and items become sys_ids; none of them ever costs a record."""

from urllib.parse import parse_qs, urlsplit

import pytest

from common.clock import Deadline
from common.errors import BridgeError, ConfigurationError, TransientError
from common.servicenow import names
from common.servicenow.client import ServiceNowClient
from common.servicenow.names import FOUND_SECONDS, NAME_FIELDS, UNKNOWN_SECONDS, Names
from common.servicenow.records import Records
from common.transport import Response
from tests.support.clock import FakeClock
from tests.support.exchanges import ListedTokens, ScriptedSender, answer, refusal
from tests.support.reports import Reports

ONE, TWO = "1" * 32, "2" * 32
LATER = TransientError("Down.", action="Wait.", retry_after=60.0)


def row(sys_id: str = ONE, **fields: str) -> dict[str, str]:
    """Return a record as a look-up shows it."""
    return {"sys_id": sys_id, **fields}


def found(*rows: dict[str, str]) -> Response:
    """Return the answer to a look-up."""
    return answer(200, {"result": list(rows)})


class Desk:
    """Names behind a script of answers."""

    def __init__(self, *script: Response | BridgeError) -> None:
        self.clock = FakeClock()
        self.reports = Reports()
        self.sender = ScriptedSender(self.clock, *script)
        client = ServiceNowClient(self.sender, ListedTokens(), clock=self.clock, telemetry=self.reports.telemetry)
        self.names = Names(Records(client, NAME_FIELDS), clock=self.clock, telemetry=self.reports.telemetry)

    def resolved(self, **fields: str) -> dict[str, str]:
        """Return the fields as they are written."""
        return self.names.resolved(fields, Deadline.after(self.clock, 20.0))

    @property
    def queries(self) -> list[tuple[str, str]]:
        """The table and the query of each look-up."""
        targets = [urlsplit(request.target) for request in self.sender.requests]
        return [(target.path.rpartition("/")[2], parse_qs(target.query)["sysparm_query"][0]) for target in targets]


@pytest.mark.parametrize(
    ("field", "value", "table", "query", "known"),
    [
        ("assignment_group", "Network", "sys_user_group", "name=Network", {"name": "Network"}),
        (
            "caller_id",
            "a@example.com",
            "sys_user",
            "user_name=a@example.com^ORemail=a@example.com^ORname=a@example.com",
            {"user_name": "abel", "email": "A@example.com"},
        ),
        ("assigned_to", "abel", "sys_user", "user_name=abel^ORemail=abel^ORname=abel", {"user_name": "abel"}),
        ("cmdb_ci", "api", "cmdb_ci", "name=api^ORcorrelation_id=api", {"name": "other", "correlation_id": "api"}),
        ("business_service", "Shop", "cmdb_ci_service", "name=Shop", {"name": "shop"}),
        ("service_offering", "Shop", "service_offering", "name=Shop", {"name": "Shop"}),
        ("location", "Köln", "cmn_location", "name=Köln", {"name": "köln"}),
        ("company", "ACME", "core_company", "name=ACME", {"name": "ACME"}),
    ],
)
def test_a_name_becomes_the_sys_id_of_its_record(
    field: str, value: str, table: str, query: str, known: dict[str, str]
) -> None:
    """By one look-up in the table that the field refers to, without regard to case."""
    desk = Desk(found(row(ONE, **known)))
    assert desk.resolved(**{field: value}) == {field: ONE}
    assert desk.queries == [(table, query)]


def test_sys_ids_and_other_fields_pass_unchanged() -> None:
    """Without any call."""
    desk = Desk(LATER)
    fields = {"assignment_group": ONE, "short_description": "Network", "u_group": "Network"}
    assert desk.resolved(**fields) == fields
    assert desk.queries == []


def test_a_name_is_looked_up_once_an_hour() -> None:
    """Whichever field asks, and however the name is written."""
    desk = Desk(found(row(user_name="abel")))
    for _ in range(3):
        assert desk.resolved(caller_id="abel", assigned_to="ABEL") == {"caller_id": ONE, "assigned_to": ONE}
    assert len(desk.queries) == 1
    desk.clock.advance(FOUND_SECONDS - 1)
    desk.resolved(caller_id="abel")
    assert len(desk.queries) == 1
    desk.clock.advance(1)
    desk.resolved(caller_id="abel")
    assert len(desk.queries) == 2


@pytest.mark.parametrize(
    "rows",
    [
        [],
        [row(name="Networks")],
        [row(name="Network"), row(TWO, name="network")],
        [row(name=""), row(TWO)],
    ],
    ids=["none", "another", "two", "a table that is shown whole"],
)
def test_a_name_that_no_single_record_has_is_left_out(rows: list[dict[str, str]]) -> None:
    """And counted each time, and told once; ServiceNow is asked again after five minutes."""
    desk = Desk(found(*rows))
    for _ in range(3):
        assert desk.resolved(assignment_group="Network", category="x") == {"category": "x"}
    assert len(desk.queries) == 1
    assert desk.reports.counts["NamesUnknown"] == 3
    [line] = [line for line in desk.reports.lines if line["level"] == "WARNING"]
    assert (line["field"], line["name_in_rule"], line["table"]) == ("assignment_group", "Network", "sys_user_group")
    desk.clock.advance(UNKNOWN_SECONDS)
    desk.resolved(assignment_group="Network")
    assert len(desk.queries) == 2
    assert desk.reports.counts["NamesUnknown"] == 4
    assert len(desk.reports.messages("WARNING")) == 1


def test_the_better_key_counts() -> None:
    """A user name goes before a person's name, which is not unique."""
    desk = Desk(found(row(ONE, name="abel"), row(TWO, user_name="abel", name="Abel Tuter")))
    assert desk.resolved(caller_id="abel") == {"caller_id": TWO}


@pytest.mark.parametrize("value", ["a^ORname=b", "javascript:gs.getUserID()", "a\nb", "x" * 256])
def test_a_name_that_cannot_be_asked_for_is_left_out(value: str) -> None:
    """It would mean something else in a query."""
    desk = Desk(LATER)
    assert desk.resolved(assignment_group=value) == {}
    assert desk.queries == []
    assert desk.reports.counts["NamesUnknown"] == 1


@pytest.mark.parametrize(
    "refused",
    [
        refusal(403, "Insufficient rights to query records"),
        refusal(403, "Operation Failed"),
        refusal(400, "Invalid table cmn_location"),
    ],
)
def test_a_table_that_may_not_be_read_holds_nobody_up(refused: Response) -> None:
    """An incident with one field less is better than none."""
    assert Desk(refused).resolved(location="Köln") == {}


def test_while_servicenow_is_away_the_record_waits() -> None:
    """Nothing was written, and the name may be known soon."""
    desk = Desk(LATER, found(row(name="Network")))
    with pytest.raises(TransientError):
        desk.resolved(assignment_group="Network")
    assert desk.resolved(assignment_group="Network") == {"assignment_group": ONE}


def test_a_look_up_that_keeps_failing_is_given_up() -> None:
    """Or one broken table would hold every incident up for ever."""
    desk = Desk(LATER)
    for _ in range(3):
        with pytest.raises(TransientError):
            desk.resolved(assignment_group="Network")
    assert desk.resolved(assignment_group="Network") == {}
    assert desk.reports.counts["NamesUnknown"] == 1


def test_a_look_up_that_works_again_starts_anew() -> None:
    """The failures of another day do not count."""
    desk = Desk(LATER, LATER, LATER, found(row(name="Network")), LATER)
    for _ in range(3):
        with pytest.raises(TransientError):
            desk.resolved(assignment_group="Network")
    desk.resolved(assignment_group="Network")
    desk.clock.advance(FOUND_SECONDS)
    with pytest.raises(TransientError):
        desk.resolved(assignment_group="Network")


def test_what_concerns_everything_is_raised() -> None:
    """A firewall in front of the instance refuses the record too."""
    desk = Desk(answer(403, b"<html>", content_type="text/html"))
    with pytest.raises(ConfigurationError):
        desk.resolved(assignment_group="Network")


def test_a_refused_token_is_raised() -> None:
    """Credentials are wrong for every call."""
    desk = Desk(refusal(401, "User Not Authenticated"))
    with pytest.raises(BridgeError, match="401"):
        desk.resolved(assignment_group="Network")


def test_a_look_up_leaves_time_for_the_record() -> None:
    """Of the deadline it takes what the write does not need."""
    desk = Desk(found(row(name="Network")))
    desk.resolved(assignment_group="Network")
    assert desk.sender.requests[0].seconds == pytest.approx(20.0 - names.WRITE_NEEDS_SECONDS - 2.0)


def test_what_is_remembered_is_bounded(monkeypatch: pytest.MonkeyPatch) -> None:
    """Names may come from events; the oldest are forgotten."""
    monkeypatch.setattr(names, "_MOST_NAMES", 2)
    desk = Desk(found())
    for name in ("a", "b", "c", "c", "a"):
        desk.resolved(assignment_group=name)
    assert [query for _, query in desk.queries] == ["name=a", "name=b", "name=c", "name=a"]
