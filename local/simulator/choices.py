"""The lists of values that columns of a new instance allow, value to label.

States: ServiceNow's pages on incident, problem and change states; the change model's and the problem's numbers are
also those that servicenow.itsm sends.
"""

STATES = {"1": "New", "2": "In Progress", "3": "On Hold", "6": "Resolved", "7": "Closed", "8": "Canceled"}
TASK_STATES = {
    "-5": "Pending",
    "1": "Open",
    "2": "Work in Progress",
    "3": "Closed Complete",
    "4": "Closed Incomplete",
    "7": "Closed Skipped",
}
PROBLEM_STATES = {
    "101": "New",
    "102": "Assess",
    "103": "Root Cause Analysis",
    "104": "Fix in Progress",
    "106": "Resolved",
    "107": "Closed",
}
PROBLEM_TASK_STATES = {
    "151": "New",
    "152": "Assess",
    "154": "Work in Progress",
    "157": "Closed",
}
CHANGE_STATES = {
    "-5": "New",
    "-4": "Assess",
    "-3": "Authorize",
    "-2": "Scheduled",
    "-1": "Implement",
    "0": "Review",
    "3": "Closed",
    "4": "Canceled",
}
CHANGE_TASK_STATES = {"-5": "Pending", "1": "Open", "2": "In Progress", "3": "Closed", "4": "Canceled"}
REQUEST_STATES = {
    "draft": "Draft",
    "submitted": "Submitted",
    "requested": "Pending Approval",
    "in_process": "Approved",
    "delivered": "Delivered",
    "closed_complete": "Closed Complete",
}
LEVELS = {"1": "1 - High", "2": "2 - Medium", "3": "3 - Low"}
PRIORITIES = {"1": "1 - Critical", "2": "2 - High", "3": "3 - Moderate", "4": "4 - Low", "5": "5 - Planning"}
RISKS = {"2": "High", "3": "Moderate", "4": "Low"}
CHANGE_TYPES = {"normal": "Normal", "standard": "Standard", "emergency": "Emergency", "model": "Model"}
CATEGORIES = {
    "inquiry": "Inquiry / Help",
    "software": "Software",
    "hardware": "Hardware",
    "network": "Network",
    "database": "Database",
}
CHANGE_CATEGORIES = ("Hardware", "Software", "Service", "System Software", "Network", "Other")
CLOSE_CODES = (
    "Solution provided",
    "Workaround provided",
    "Resolved by caller",
    "Resolved by change",
    "Resolved by problem",
    "Resolved by request",
    "Duplicate",
    "Known error",
    "No resolution provided",
    "User error",
)
PROBLEM_RESOLUTIONS = {
    "fix_applied": "Fix Applied",
    "risk_accepted": "Risk Accepted",
    "duplicate": "Duplicate",
    "canceled": "Canceled",
}
CHANGE_CLOSE_CODES = {
    "successful": "Successful",
    "successful_issues": "Successful with issues",
    "unsuccessful": "Unsuccessful",
}
CONTACT_TYPES = {
    "email": "Email",
    "phone": "Phone",
    "self-service": "Self-service",
    "monitoring": "Monitoring",
    "walk-in": "Walk-in",
}
HOLD_REASONS = {
    "1": "Awaiting Caller",
    "5": "Awaiting Change",
    "3": "Awaiting Problem",
    "4": "Awaiting Vendor",
}
APPROVALS = {
    "not requested": "Not Yet Requested",
    "requested": "Requested",
    "approved": "Approved",
    "rejected": "Rejected",
}
APPROVER_STATES = {**APPROVALS, "cancelled": "Cancelled", "not_required": "No Longer Required"}
SEVERITIES = {"0": "Clear", "1": "Critical", "2": "Major", "3": "Minor", "4": "Warning", "5": "OK"}
INSTALL_STATUSES = {
    "1": "Installed",
    "2": "On Order",
    "3": "In Maintenance",
    "4": "Pending Install",
    "5": "Pending Repair",
    "6": "In Stock",
    "7": "Retired",
    "8": "Stolen",
    "100": "Absent",
}
OPERATIONAL_STATUSES = {"1": "Operational", "2": "Non-Operational", "3": "Repair in Progress", "6": "Retired"}
DISCOVERY_SOURCES = ("ServiceNow", "Manual Entry", "ImportSet", "Other Automated", "AWS")
ENVIRONMENTS = {value: value for value in ("Production", "Development", "Test")}


def same(labels: tuple[str, ...]) -> dict[str, str]:
    """Return choices whose values are their labels."""
    return {label: label for label in labels}
