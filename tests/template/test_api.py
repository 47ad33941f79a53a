"""The API: who gets to the function, by which way, and what of it is written down."""

import json
import re
from typing import Any

import pytest

from common.api.problems import HEADERS, Kind, ProblemError
from common.api.unproven import PROVE, UNPROVEN
from common.settings import ApiSettings, read_api_settings
from tests.template.conftest import expand
from tests.template.deployment import Parameters, Stack
from tests.template.reading import Resources, of_type, stored_settings
from tests.template.test_environment import DEPLOYED, accepts

OPEN_TO_ALL = {"ApiSwaggerUi": "true", "WebhookSources": "datadog,grafana-eu"}
PRIVATE = {"ApiVpcEndpointIds": "vpce-0123456789abcdef0,vpce-1123456789abcdef0"}
SHARED = {"ApiCallerAccounts": "111122223333,444455556666"}


@pytest.fixture(scope="session")
def body(resources: Resources) -> dict[str, Any]:
    """Return the OpenAPI document that API Gateway is given."""
    found: dict[str, Any] = of_type(resources, "AWS::ApiGateway::RestApi")["Api"]["Body"]
    return found


@pytest.fixture(scope="session")
def stage(resources: Resources) -> dict[str, Any]:
    """Return the only stage."""
    (found,) = of_type(resources, "AWS::ApiGateway::Stage").values()
    return dict(found)


def expanded(template: dict[str, Any], value: Any, given: Parameters) -> Any:  # noqa: ANN401 (a template is JSON)
    """Return what CloudFormation makes of a value in a stack with these parameters."""
    return Stack(template, given).value(value)


def statements(template: dict[str, Any], given: Parameters) -> dict[str, dict[str, Any]]:
    """Return the statements of the resource policy of a stack with these parameters, by Sid, as SAM is given them."""
    auth = template["Resources"]["Api"]["Properties"]["Auth"]
    return {found["Sid"]: found for found in expanded(template, auth["ResourcePolicy"]["CustomStatements"], given)}


@pytest.mark.parametrize("given", [{}, OPEN_TO_ALL | PRIVATE | SHARED], ids=["nothing given", "everything given"])
def test_the_policy_that_sam_makes_is_the_one_that_is_written(template: dict[str, Any], given: Parameters) -> None:
    """It silently makes an empty one of what it doesn't understand, and writes parameters in before CloudFormation."""
    made = expand(**given)["Api"]["Properties"]["Body"]

    policy = expanded(template, made["x-amazon-apigateway-policy"], given)

    assert {found["Sid"]: found for found in policy["Statement"]} == statements(template, given)
    assert len(statements(template, given)) == (5 if given else 1)


def test_nobody_is_allowed_by_the_api_itself(template: dict[str, Any]) -> None:
    """A caller of this account needs a permission of its own, and without it has none."""
    assert {found["Effect"] for found in statements(template, {}).values()} == {"Deny"}


def test_other_accounts_are_named_one_by_one(template: dict[str, Any]) -> None:
    """Each decides for its own roles, and none gets in that is not named."""
    statement = statements(template, SHARED)["PoliciesOfOtherAccountsDecide"]

    assert statement["Principal"] == {"AWS": ["111122223333", "444455556666"]}
    assert statement["Resource"] == ["execute-api:/*"]
    assert "PoliciesOfOtherAccountsDecide" not in statements(template, {})


@pytest.mark.attack
def test_other_accounts_get_no_more_than_is_meant(template: dict[str, Any]) -> None:
    """Single roles, single routes, and only while they belong to the organisation."""
    role = "arn:aws:iam::111122223333:role/billing"
    routes = "execute-api:/v1/POST/alerts,execute-api:/v1/GET/incidents/*"
    given = {"ApiCallerAccounts": role, "ApiCallerRoutes": routes, "ApiCallerOrganization": "o-a1b2c3d4e5"}
    assert all(accepts(template, name, value) for name, value in given.items())

    found = statements(template, given)

    statement = found["PoliciesOfOtherAccountsOfTheOrganizationDecide"]
    assert (statement["Principal"], statement["Resource"]) == ({"AWS": [role]}, routes.split(","))
    assert statement["Condition"] == {"StringEquals": {"aws:PrincipalOrgID": "o-a1b2c3d4e5"}}
    assert "PoliciesOfOtherAccountsDecide" not in found
    alone = statements(template, {"ApiCallerOrganization": "o-a1b2c3d4e5"})
    assert {one["Effect"] for one in alone.values()} == {"Deny"}


def test_a_private_api_refuses_every_other_way(template: dict[str, Any]) -> None:
    """Each endpoint is a value of its own: one string of both would shut everybody out."""
    statement = statements(template, PRIVATE)["OnlyThroughTheseEndpoints"]

    assert (statement["Effect"], statement["Principal"], statement["Resource"]) == ("Deny", "*", "execute-api:/*")
    assert statement["Condition"] == {
        "StringNotEquals": {"aws:SourceVpce": ["vpce-0123456789abcdef0", "vpce-1123456789abcdef0"]}
    }


@pytest.mark.parametrize(("given", "kind"), [({}, "REGIONAL"), (PRIVATE, "PRIVATE")])
def test_endpoints_make_the_api_private(
    template: dict[str, Any], resources: Resources, given: Parameters, kind: str
) -> None:
    """Without any it answers callers everywhere, if they sign."""
    api = of_type(resources, "AWS::ApiGateway::RestApi")["Api"]

    made = expanded(template, api["EndpointConfiguration"], given)

    assert made["Types"] == [kind]
    assert made.get("VpcEndpointIds", []) == (PRIVATE["ApiVpcEndpointIds"].split(",") if given else [])


def test_every_operation_needs_a_signature_but_webhooks_and_the_page_about_the_api(body: dict[str, Any]) -> None:
    """And each is written out: no route takes whatever comes."""
    unsigned = [
        (method, path)
        for path, operations in body["paths"].items()
        for method, operation in operations.items()
        if operation["security"] != [{"AWS_IAM": []}]
    ]

    assert sorted(unsigned) == [("get", "/swagger"), ("post", "/webhooks/{source}")]
    assert not [path for path in body["paths"] if "+" in path]
    assert not [method for path in body["paths"].values() for method in path if "any" in method or method == "options"]


def test_the_page_about_the_api_is_closed_unless_a_parameter_opens_it(template: dict[str, Any]) -> None:
    """A route without an authoriser answers only whom the resource policy names; by default that is nobody."""
    opened = statements(template, OPEN_TO_ALL)["EverybodySeesThePageAboutTheApi"]

    assert (opened["Principal"], opened["Resource"]) == ("*", "execute-api:/v1/GET/swagger")
    assert "EverybodySeesThePageAboutTheApi" not in statements(template, {})


@pytest.mark.attack
def test_the_door_of_webhooks_is_closed_unless_a_parameter_opens_it(
    template: dict[str, Any], body: dict[str, Any]
) -> None:
    """By the resource policy; who is turned away there reads what the function says to a wrong secret."""
    opened = statements(template, OPEN_TO_ALL)["WebhooksOfdatadoggrafanaeu"]
    closed = body["x-amazon-apigateway-gateway-responses"]["ACCESS_DENIED"]
    (media_type, text), *others = closed["responseTemplates"].items()
    answer = ProblemError(Kind.FORBIDDEN, UNPROVEN, action=PROVE).answer("$context.requestId")

    assert (opened["Principal"], opened["Resource"]) == ("*", "execute-api:/v1/POST/webhooks/*")
    assert {found["Effect"] for found in statements(template, {}).values()} == {"Deny"}
    assert (int(closed["statusCode"]), media_type, others) == (answer.status, answer.media_type, [])
    assert json.loads(text) == json.loads(answer.body)
    assert closed["responseParameters"] == {
        f"gatewayresponse.header.{name}": f"'{value}'" for name, value in HEADERS.items()
    }


def test_the_gateway_calls_the_function_and_its_callers_may_not(body: dict[str, Any]) -> None:
    """SAM would let callers invoke the function with their own credentials."""
    integrations = [
        operation["x-amazon-apigateway-integration"]
        for operations in body["paths"].values()
        for operation in operations.values()
    ]

    assert {found["type"] for found in integrations} == {"aws_proxy"}
    assert not [found for found in integrations if "credentials" in found]


def test_bytes_of_attachments_arrive_as_they_were_sent(resources: Resources, body: dict[str, Any]) -> None:
    """Every media type is binary to the gateway."""
    assert body["x-amazon-apigateway-binary-media-types"] == ["*/*"]
    assert of_type(resources, "AWS::ApiGateway::RestApi")["Api"]["BinaryMediaTypes"] == ["*/*"]


def test_requests_are_limited_traced_and_logged_without_their_content(
    template: dict[str, Any], stage: dict[str, Any]
) -> None:
    """Who, what and with which outcome; never a body."""
    (settings,) = stage["MethodSettings"]
    assert settings["DataTraceEnabled"] is False
    assert "LoggingLevel" not in settings
    assert settings["ThrottlingRateLimit"] == {"Ref": "ApiRequestsPerSecond"}
    assert settings["ThrottlingBurstLimit"] == {"Ref": "ApiBurst"}

    logged = json.loads(stage["AccessLogSetting"]["Fn::If"][1]["Format"])

    assert logged.keys() >= {"request_id", "caller", "method", "route", "status"}
    assert not [value for value in logged.values() if "body" in value.lower() or "authorizer" in value.lower()]
    assert expanded(template, stage["AccessLogSetting"]["Fn::If"][2], {}) is None


@pytest.mark.attack
def test_no_trace_and_no_log_of_the_gateway_holds_a_token_in_the_query(
    template: dict[str, Any], stage: dict[str, Any]
) -> None:
    """Its traces hold the whole address (its guide, "Understanding AWS X-Ray traces"): there is none then."""
    assert expanded(template, stage["TracingEnabled"], {}) is True
    assert expanded(template, stage["TracingEnabled"], OPEN_TO_ALL) is False
    logged = stage["AccessLogSetting"]["Fn::If"][1]["Format"]
    assert not re.search(r"querystring|\$context\.(requestOverride|customDomain)|header", logged)


# What API Gateway documents of these: they hold text of the caller, or quotes of their own, and would break JSON.
OF_THE_CALLER = {"$context.error.message", "$context.error.messageString", "$context.integrationErrorMessage"}


@pytest.mark.parametrize("error", ["-", "MISSING_AUTHENTICATION_TOKEN"])
def test_a_line_of_the_access_log_is_json_with_and_without_an_error(stage: dict[str, Any], error: str) -> None:
    """The saved query for failed requests reads its fields; of a line that is no JSON it would find none."""
    written = stage["AccessLogSetting"]["Fn::If"][1]["Format"]
    failed = {"$context.status": "403", "$context.error.responseType": error}

    line = json.loads(re.sub(r"\$context\.[A-Za-z.]+", lambda found: failed.get(found[0], "-"), written))

    assert (line["status"], line["error"]) == ("403", error)
    assert not [variable for variable in OF_THE_CALLER if re.search(rf"{re.escape(variable)}\b", written)]


def test_the_stack_deploys_in_an_account_without_a_role_for_access_logs(template: dict[str, Any]) -> None:
    """API Gateway refuses access logs, and the whole deployment with them, where its settings have no role."""
    setting = template["Resources"]["Api"]["Properties"]["AccessLogSetting"]

    assert expanded(template, setting, {}) is None


def test_metrics_of_each_route_are_not_paid_for(stage: dict[str, Any]) -> None:
    """Alarm and dashboard read those of the whole API, which cost nothing."""
    (settings,) = stage["MethodSettings"]

    assert settings["MetricsEnabled"] is False


def parameters_behind(template: dict[str, Any], part: Any) -> set[str]:  # noqa: ANN401 (any part of a template)
    """Return the parameters that `part` depends on: those that it names, and those that decide its conditions."""
    if isinstance(part, list):
        return {name for one in part for name in parameters_behind(template, one)}
    if not isinstance(part, dict):
        return set()
    found = {part["Ref"]} if part.get("Ref") in template["Parameters"] else set()
    if "Fn::If" in part:
        found |= parameters_behind(template, template["Conditions"][part["Fn::If"][0]])
    return found | {name for one in part.values() for name in parameters_behind(template, one)}


def test_a_parameter_that_changes_who_may_call_makes_a_new_deployment_of_the_api(template: dict[str, Any]) -> None:
    """API Gateway puts a policy to work with a deployment, which SAM makes where the text of the API changes."""

    def deployment(**parameters: str) -> str:
        (name,) = of_type(expand(**parameters), "AWS::ApiGateway::Deployment")
        return name

    other = {
        "ApiSwaggerUi": "true",
        "ApiVpcEndpointIds": "vpce-01234567",
        "ApiCallerAccounts": "123456789012",
        "ApiCallerRoutes": "execute-api:/v1/POST/alerts",
        "ApiCallerOrganization": "o-a1b2c3d4e5",
        "WebhookSources": "datadog",
    }
    api = template["Resources"]["Api"]["Properties"]
    changes = parameters_behind(template, [api["Auth"], api["EndpointConfiguration"]])

    assert changes == set(other), "give this test another value for each"
    assert deployment() == deployment()
    assert [name for name in changes if deployment(**{name: other[name]}) == deployment()] == []


def test_a_web_acl_is_put_in_front_of_the_stage(resources: Resources) -> None:
    """Where a parameter names one."""
    association = resources["ApiWebAclAssociation"]

    assert association["Condition"] == "HasWebAcl"
    assert association["Properties"]["WebACLArn"] == {"Ref": "ApiWebAclArn"}
    assert association["Properties"]["ResourceArn"]["Fn::Sub"].endswith("/restapis/${Api}/stages/${Apiv1Stage}")


def test_the_gateway_waits_longer_than_the_function_works(resources: Resources) -> None:
    """API Gateway gives up after 29 seconds; the function answers before that, whatever happens."""
    assert of_type(resources, "AWS::Lambda::Function")["ApiFunction"]["Timeout"] <= 29 - 4


def environment_of(template: dict[str, Any], resources: Resources, **given: str) -> dict[str, str]:
    """Return what the API function finds in its environment in a stack with these parameters."""
    variables = of_type(resources, "AWS::Lambda::Function")["ApiFunction"]["Environment"]["Variables"]
    stack = Stack(template, given, resources)
    made = stack.properties("ApiFunction")["Environment"]["Variables"]
    told = {name: DEPLOYED.get(name) or str(value) for name, value in made.items()}
    stored = stored_settings(resources, variables)
    return told | {variable: stack.properties(name)["Value"] for name, variable in stored.items() if stack.has(name)}


def settings_of(template: dict[str, Any], resources: Resources, **given: str) -> ApiSettings:
    """Return the settings of that environment."""
    return read_api_settings(environment_of(template, resources, **given))


def test_by_default_callers_see_what_the_bridge_opened_and_no_other_table(
    template: dict[str, Any], resources: Resources
) -> None:
    """Whatever is more, somebody asked for it."""
    settings = settings_of(template, resources)

    assert not settings.all_incidents
    assert not settings.tables
    assert not settings.swagger_ui
    assert {"short_description", "description", "impact", "urgency", "assignment_group"} <= settings.incident_fields
    assert not settings.incident_fields & {"state", "number", "correlation_id", "work_notes", "sys_id"}


def test_the_code_knows_the_same_defaults_as_the_template(template: dict[str, Any], resources: Resources) -> None:
    """A function reads the same settings whether a variable is left out or has the parameter's default."""
    environment = environment_of(template, resources)
    without = {name: value for name, value in environment.items() if not name.startswith("API_")}

    assert read_api_settings(without) == read_api_settings(environment)


def test_stack_and_code_accept_tables_with_their_fields(template: dict[str, Any], resources: Resources) -> None:
    """Several of both, and none at all."""
    tables = "cmdb_ci:name,sys_class_name;problem:number"

    assert accepts(template, "ApiTables", tables)
    assert settings_of(template, resources, ApiTables=tables).tables == {
        "cmdb_ci": ("name", "sys_class_name"),
        "problem": ("number",),
    }
    assert accepts(template, "ApiTables", "")


@pytest.mark.parametrize("tables", ["cmdb_ci", "cmdb_ci:", "cmdb_ci:*", "*:name", "CMDB:name", "a:b;", "a:b, c"])
def test_the_stack_refuses_a_table_without_fields(template: dict[str, Any], tables: str) -> None:
    """Nor is there a way to say "all"."""
    assert not accepts(template, "ApiTables", tables)


@pytest.mark.parametrize(
    ("parameter", "value", "right"),
    [
        ("ApiCallerAccounts", "111122223333,444455556666", True),
        ("ApiCallerAccounts", "*", False),
        ("ApiCallerAccounts", "arn:aws:iam::111122223333:root", False),
        ("ApiCallerAccounts", "arn:aws:iam::111122223333:role/*", False),
        ("ApiCallerRoutes", "*", False),
        ("ApiCallerRoutes", "execute-api:/v2/GET/incidents", False),
        ("ApiCallerOrganization", "*", False),
        ("ApiVpcEndpointIds", "vpce-0123456789abcdef0,vpce-01234567", True),
        ("ApiVpcEndpointIds", "vpc-0123456789abcdef0", False),
        ("ApiWebAclArn", "arn:aws:wafv2:eu-west-1:123456789012:regional/webacl/front/0123abcd-0000", True),
        ("ApiWebAclArn", "arn:aws:wafv2:us-east-1:123456789012:global/webacl/front/0123abcd-0000", False),
        ("ApiIncidentFields", "short_description,u_team", True),
        ("ApiIncidentFields", "", False),
    ],
)
def test_the_stack_takes_what_works_and_refuses_the_rest(
    template: dict[str, Any], parameter: str, value: str, *, right: bool
) -> None:
    """Before anything is changed."""
    assert accepts(template, parameter, value) is right
