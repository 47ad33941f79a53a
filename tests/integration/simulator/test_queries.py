import pytest

from local.simulator import Simulator
from tests.integration.simulator.caller import Caller, refusal


@pytest.fixture
def filled(simulator: Simulator, caller: Caller) -> Caller:
    """Return a caller to an instance with four incidents, a to d."""
    rows = (
        {
            "short_description": "a Disk",
            "impact": "1",
            "urgency": "1",
            "correlation_id": "x-1",
            "opened_at": "2026-01-01 00:00:00",
        },
        {
            "short_description": "b disk",
            "impact": "2",
            "urgency": "1",
            "correlation_id": "x-2",
            "opened_at": "2026-02-01 00:00:00",
        },
        {
            "short_description": "c Net",
            "impact": "3",
            "assignment_group": "Network",
            "opened_at": "2026-03-01 00:00:00",
        },
        {"short_description": "d Net", "impact": "3", "state": "2", "opened_at": "2026-04-01 00:00:00"},
    )
    for row in rows:
        simulator.insert("incident", row)
    return caller


def letters(caller: Caller, query: str, **parameters: str) -> str:
    """Return the first letters of the incidents that match."""
    return "".join(row["short_description"][0] for row in caller.found(query, **parameters))


@pytest.mark.parametrize(
    ("query", "expected"),
    [
        ("", "abcd"),
        ("impact=1", "a"),
        ("impact!=3", "ab"),
        ("impact>1", "bcd"),
        ("impact>=2", "bcd"),
        ("impact<3", "ab"),
        ("impact<=2", "ab"),
        ("short_descriptionLIKEDISK", "ab"),
        ("short_descriptionCONTAINSnet", "cd"),
        ("short_descriptionNOTLIKEdisk", "cd"),
        ("short_descriptionDOES NOT CONTAINdisk", "cd"),
        ("short_descriptionSTARTSWITHa", "a"),
        ("short_descriptionENDSWITHNet", "cd"),
        ("impactIN1,2", "ab"),
        ("impactNOT IN1,2", "cd"),
        ("correlation_idISEMPTY", "cd"),
        ("correlation_idISNOTEMPTY", "ab"),
        ("correlation_id=", "cd"),
        ("impactANYTHING", "abcd"),
        ("impactBETWEEN2@3", "bcd"),
        ("opened_atBETWEEN2026-01-15 00:00:00@2026-03-15 00:00:00", "bc"),
        ("opened_at>2026-02-01 00:00:00", "cd"),
        ("opened_atONday@2026-02-01 00:00:00@2026-02-01 23:59:59", "b"),
        ("impactSAMEASurgency", "acd"),
        ("impactNSAMEASurgency", "b"),
        ("impactGT_FIELDurgency", "b"),
        ("impactLT_OR_EQUALS_FIELDurgency", "acd"),
        ("sys_class_nameINSTANCEOFincident", "abcd"),
        ("impact=1^short_descriptionLIKEdisk", "a"),
        ("impact=1^ORimpact=2", "ab"),
        ("short_descriptionLIKEdisk^impact=2^ORimpact=3", "b"),
        ("impact=1^NQstate=2", "ad"),
        ("impact=3^state=1^NQimpact=1^EQ", "ac"),
        ("ORDERBYDESCshort_description", "dcba"),
        ("ORDERBYimpact^ORDERBYDESCshort_description", "abdc"),
        ("impact=3^ORDERBYDESCnumber", "dc"),
        ("assignment_group.name=Network", "c"),
        ("opened_by.user_name=admin", "abcd"),
        ("opened_atBETWEENjavascript:gs.dateGenerate('2026-01-15','00:00:00')@2026-02-15 00:00:00", "b"),
        ("sys_created_on>javascript:gs.hoursAgo(1)", "abcd"),
        ("sys_created_on<javascript:gs.minutesAgo(1)", ""),
        ("opened_at>=javascript:gs.dateGenerate('2026-02-01','end')", "cd"),
        ("sys_created_onRELATIVEGE@minute@ago@5", "abcd"),
        ("sys_created_onRELATIVELT@hour@ago@1", ""),
        ("sys_created_by=javascript:gs.getUserName()", ""),
    ],
)
def test_operators(filled: Caller, query: str, expected: str) -> None:
    """Every operator selects what its documentation says."""
    assert letters(filled, query) == expected


@pytest.mark.parametrize("query", ["nonsense=1", "impact.nonsense=1", "u_key=x^ORu_key=y", "no operator at all"])
def test_an_unknown_field_drops_its_term(simulator: Simulator, filled: Caller, query: str) -> None:
    """The whole table comes back, unless a property says that nothing does."""
    assert letters(filled, query) == "abcd"
    simulator.configure(returns_no_rows=True)
    assert letters(filled, query) == ""


def test_a_dropped_term_leaves_its_neighbours(filled: Caller) -> None:
    """Only the unknown term is dropped."""
    assert letters(filled, "nonsense=1^impact=1") == "a"
    assert letters(filled, "nonsense=1^ORimpact=1^ORimpact=2") == "ab"


def test_a_caret_in_a_value_can_not_be_escaped(filled: Caller) -> None:
    """A value that holds an operator changes the query."""
    assert letters(filled, "correlation_id=x-1^ORimpact=3") == "acd"


def test_plain_parameters_are_conditions_by_value_or_by_label(filled: Caller) -> None:
    """They exclude sysparm_query, which wins."""
    plain = filled.api("GET", "/api/now/table/incident", state="In Progress", impact="3").json()["result"]
    assert [row["short_description"][0] for row in plain] == ["d"]
    assert letters(filled, "impact=3", state="2") == "cd"


@pytest.mark.parametrize(
    "query",
    [
        "opened_atDATEPARTMonday@javascript:gs.datePart('dayofweek','monday','EE')",
        "stateCHANGES",
        "JOINincident.caller_id=sys_user.sys_id!active=true",
        "123TEXTQUERY321=disk",
        "impact=1^ORstateDYNAMICabc",
        "opened_at>javascript:gs.beginningOfLastQuarter()",
        "opened_atRELATIVEGE@quarter@ago@1",
    ],
)
def test_what_only_a_real_instance_can_evaluate_is_named(filled: Caller, query: str) -> None:
    """Neither everything nor nothing is found: the answer says that the simulator does not know the term."""
    answer = filled.api("GET", "/api/now/table/incident", sysparm_query=query)
    assert refusal(answer)[:2] == (501, "Not simulated")


def test_a_query_on_an_unreadable_field_is_refused(simulator: Simulator, filled: Caller) -> None:
    """403 names the reason; reading leaves the field out."""
    simulator.configure(unreadable_fields=["incident.correlation_id"])
    answer = filled.api("GET", "/api/now/table/incident", sysparm_query="correlation_id=x-1")
    detail = "Field(s) present in the query do not have permission to be read"
    assert refusal(answer) == (403, "Insufficient rights to query records", detail)
    [row] = filled.found("impact=1")
    assert "correlation_id" not in row
    assert row["short_description"]


def test_text_that_looks_like_a_number_sorts_as_text(simulator: Simulator, caller: Caller) -> None:
    """Two minus signs are no number."""
    for text in ("b", "--5", "-5"):
        simulator.insert("incident", {"short_description": text})
    rows = caller.found("ORDERBYshort_description")
    assert [row["short_description"] for row in rows] == ["-5", "--5", "b"]


def test_limit_and_offset_follow_the_order(filled: Caller) -> None:
    """A page is cut from the ordered rows."""
    parameters = {"sysparm_limit": "2", "sysparm_offset": "1"}
    assert letters(filled, "ORDERBYDESCshort_description", **parameters) == "cb"
