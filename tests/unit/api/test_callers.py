"""Who sends a request, what others call it, and what people read of it."""

from typing import Any

import pytest

from common.api.callers import as_caller, caller_of, class_of, on_behalf, own_account
from common.api.problems import Kind, ProblemError

USER = "arn:aws:iam::123456789012:user/alice"
ROLE = "arn:aws:sts::123456789012:assumed-role/billing"
CLAIMS = {"iss": "https://login.example.com", "sub": "42"}


def caller(path: str = "/incidents", method: str = "GET", **context: Any) -> str:  # noqa: ANN401
    """Return who sends a request with that context."""
    return caller_of({"path": path, "httpMethod": method, "requestContext": context})


@pytest.mark.parametrize(
    ("arn", "origin"),
    [
        (USER, USER),
        (f"{ROLE}/i-1", ROLE),
        (f"{ROLE}/x/y", ROLE),
        ("arn:aws-cn:sts::123456789012:assumed-role/b/i", "arn:aws-cn:sts::123456789012:assumed-role/b"),
        ("arn:aws:sts::123456789012:federated-user/bob", "arn:aws:sts::123456789012:federated-user/bob"),
    ],
)
def test_101_sessions_of_a_role_are_one_caller(arn: str, origin: str) -> None:
    """Whoever may assume the role chooses the session's name, so it separates nobody from anybody."""
    assert caller(identity={"userArn": arn}) == origin


@pytest.mark.parametrize(
    ("context", "named"),
    [
        (
            {"identity": {"userArn": None}, "authorizer": {"claims": CLAIMS}},
            'token:["https://login.example.com", "42"]',
        ),
        ({"authorizer": {"principalId": "billing"}}, "principal:billing"),
        ({"identity": {"userArn": USER}, "authorizer": {"claims": CLAIMS}}, USER),
    ],
)
def test_101_callers_of_another_authoriser_are_told_apart_by_issuer_and_subject(
    context: dict[str, Any], named: str
) -> None:
    """A subject alone means nothing without who issued it; a signature comes first."""
    assert caller(**context) == named


@pytest.mark.parametrize(
    "context", [{}, {"identity": None}, {"identity": {"userArn": ""}}, {"authorizer": {"claims": {"sub": "42"}}}]
)
def test_92_nobody_is_nobody(context: dict[str, Any]) -> None:
    """A request that names no caller is refused, whatever the gateway thought of it."""
    with pytest.raises(ProblemError) as refused:
        caller(**context)
    assert refused.value.kind is Kind.FORBIDDEN


@pytest.mark.parametrize(
    ("path", "method", "named"),
    [
        ("/swagger", "GET", ""),
        ("/swagger/", "GET", ""),
        ("/swagger/incidents", "GET", USER),
        ("/webhooks/zabbix", "POST", "webhook:zabbix"),
        ("/webhooks/zabbix/", "POST", "webhook:zabbix"),
        ("/webhooks/zabbix", "GET", USER),
        ("/webhooks/zabbix/x", "POST", USER),
    ],
)
def test_only_the_page_about_the_api_and_webhooks_need_no_signature(path: str, method: str, named: str) -> None:
    """Their paths, and none that begins with them; whoever sends a webhook has yet to prove it."""
    assert caller(path, method, identity={"userArn": USER}) == named


@pytest.mark.parametrize(
    ("arn", "named"),
    [
        ("arn:aws:iam::123456789012:role/billing", ROLE),
        ("arn:aws:iam::123456789012:role/a/path/billing", ROLE),
        (USER, USER),
        ("arn:aws:iam::123456789012:role", "arn:aws:iam::123456789012:role"),
    ],
)
def test_a_parameter_names_a_role_as_iam_does(arn: str, named: str) -> None:
    """Its sessions go by another name, without the role's path."""
    assert as_caller(arn) == named


@pytest.mark.parametrize(
    ("who", "kind", "account", "told"),
    [
        (USER, "user", "123456789012", "user alice of AWS account 123456789012"),
        (f"{USER.replace('alice', 'team/alice')}", "user", "123456789012", "user alice of AWS account 123456789012"),
        (ROLE, "role", "123456789012", "role billing of AWS account 123456789012"),
        ("arn:aws:iam::123456789012:root", "user", "123456789012", "arn:aws:iam::123456789012:root"),
        ("arn:aws:iam::123456789012:user", "user", "123456789012", "arn:aws:iam::123456789012:user"),
        ("arn:aws:iam::999999999999:user/bob", "other account", "999999999999", "user bob of AWS account 999999999999"),
        ("principal:billing", "authoriser", "123456789012", "principal:billing"),
        ("webhook:zabbix", "webhook", "123456789012", "webhook:zabbix"),
    ],
)
def test_a_caller_has_a_class_an_account_and_a_name_for_people(who: str, kind: str, account: str, told: str) -> None:
    """Who has no account of IAM is of the API's own."""
    assert class_of(who, "123456789012") == kind
    assert own_account(who, "123456789012") == account
    assert on_behalf(who) == told
