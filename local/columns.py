"""The columns that the standard tables of a new instance have: task's, and what incident and its like add to them.

Source: the table and field references of ServiceNow's documentation. Columns of one's own (`u_…`, `x_…`) are known only
to the instance: `make doctor` asks it.
"""

import difflib
from collections.abc import Iterable, Iterator, Mapping


def _names(text: str) -> frozenset[str]:
    return frozenset(text.split())


_TASK = _names(
    "active activity_due additional_assignee_list approval approval_history approval_set assigned_to "
    "assignment_group business_duration business_service calendar_duration close_notes closed_at "
    "closed_by cmdb_ci comments comments_and_work_notes company contact_type contract "
    "correlation_display correlation_id delivery_plan delivery_task description due_date escalation "
    "expected_start follow_up group_list impact knowledge location made_sla number opened_at "
    "opened_by order parent priority reassignment_count route_reason service_offering "
    "short_description skills sla_due state task_effective_number time_worked universal_request "
    "upon_approval upon_reject urgency user_input variables watch_list wf_activity work_end "
    "work_notes work_notes_list work_start "
)
_OWN: Mapping[str, frozenset[str]] = {
    "incident": _names(
        "business_impact business_stc calendar_stc caller_id category cause caused_by child_incidents "
        "close_code hold_reason incident_state lessons_learned major_incident_state notify origin_id "
        "origin_table overview parent_incident problem_id promoted_by promoted_on proposed_by "
        "proposed_on reopen_count reopened_by reopened_time resolved_at resolved_by rfc severity "
        "subcategory timeline trigger_rule "
    ),
    "problem": _names(
        "category cause_notes confirmed_at confirmed_by duplicate_of first_reported_by_task fix_at "
        "fix_by fix_communicated_at fix_communicated_by fix_notes knowledge known_error "
        "known_error_article major_problem problem_state reason related_incidents reopen_count "
        "reopened_at reopened_by resolution_code resolved_at resolved_by review_outcome rfc subcategory "
        "workaround workaround_applied workaround_communicated_at workaround_communicated_by close_code "
    ),
    "change_request": _names(
        "backout_plan cab_date cab_date_time cab_delegate cab_recommendation cab_required category "
        "change_plan chg_model close_code conflict_last_run conflict_status copied_from end_date "
        "implementation_plan justification on_hold on_hold_reason outside_maintenance_schedule phase "
        "phase_state production_system reason requested_by requested_by_date review_comments review_date "
        "review_status risk risk_impact_analysis risk_value scope start_date std_change_producer_version "
        "test_plan type unauthorized "
    ),
}
_EVENT = _names(
    "additional_info alert bucket ci_identifier ci_type description event_class event_rule "
    "message_key metric_name node processing_duration resolution_state resource severity source "
    "state time_of_event type "
)
_STANDARD: Mapping[str, frozenset[str]] = {
    "em_event": _EVENT,
    **{table: _TASK | columns for table, columns in _OWN.items()},
}
_CUSTOM = ("u_", "x_")


def column_warnings(place: str, table: str, columns: Iterable[str]) -> Iterator[str]:
    """Yield a line for each of `columns` that `table` does not have in a new instance, with the nearest that it has.

    Nothing is said of tables that are not listed here, or of columns that somebody added to one.
    """
    standard = _STANDARD.get(table)
    if standard is None:
        return
    for name in columns:
        if name in standard or name.startswith(_CUSTOM):
            continue
        nearest = difflib.get_close_matches(name, standard, n=1)
        meant = f" Did you mean {nearest[0]}?" if nearest else ""
        yield (
            f"{place}: {table} has no column {name} in a new instance, and ServiceNow drops what it does not know "
            f"without a word.{meant}"
        )
