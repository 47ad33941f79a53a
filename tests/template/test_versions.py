"""What queue and API call: published versions, which change whenever anything that their functions are told changes."""

from typing import Any

import pytest

from tests.template.reading import Resources, attribute, of_type, referred_to, stored_settings

PUBLISHED = ["ApiFunction", "EventsFunction"]
NUMBER = "PublishedConfiguration"


def told(resources: Resources, function: str) -> set[str]:
    """Return everything that a function is told, by its environment and by what is stored for it."""
    properties = of_type(resources, "AWS::Lambda::Function")[function]
    stored = stored_settings(resources, properties["Environment"]["Variables"])
    values = [of_type(resources, "AWS::SSM::Parameter")[name]["Value"] for name in stored]
    return {*referred_to(properties), *referred_to(values)} - {NUMBER, "AWS::NoValue"}


@pytest.fixture(scope="session")
def content(resources: Resources) -> Any:  # noqa: ANN401 (the same)
    """Return the content of the resource that counts configurations."""
    return of_type(resources, "AWS::AppConfig::HostedConfigurationVersion")[NUMBER]["Content"]


@pytest.mark.parametrize("function", PUBLISHED)
def test_whatever_a_published_function_is_told_is_counted(
    resources: Resources,
    content: Any,  # noqa: ANN401 (the same)
    function: str,
) -> None:
    """A parameter that is forgotten there would be deployed, and never used."""
    assert told(resources, function) - set(referred_to(content)) == set()
    assert {"InstanceHost", "CertificateAuthorities", "ApiTables"} <= told(resources, function)


def test_nothing_else_is_counted(resources: Resources, content: Any) -> None:  # noqa: ANN401 (the same)
    """A new version of functions that are told nothing new would only make deployments longer."""
    assert set(referred_to(content)) - {name for function in PUBLISHED for name in told(resources, function)} == set()


@pytest.mark.parametrize("function", PUBLISHED)
def test_the_number_makes_function_and_version_differ(resources: Resources, function: str) -> None:
    """CloudFormation replaces a version with another description; Lambda publishes no function twice."""
    (version,) = [
        found
        for found in of_type(resources, "AWS::Lambda::Version").values()
        if found["FunctionName"] == {"Ref": function}
    ]

    assert NUMBER in set(referred_to(version["Description"]))
    assert NUMBER in set(referred_to(of_type(resources, "AWS::Lambda::Function")[function]["Description"]))


@pytest.mark.parametrize("function", PUBLISHED)
def test_the_alias_points_to_the_version_of_this_template(resources: Resources, function: str) -> None:
    """SAM names it by a hash of all that the template says about the function."""
    (version,) = [name for name in of_type(resources, "AWS::Lambda::Version") if name.startswith(f"{function}Version")]

    alias = of_type(resources, "AWS::Lambda::Alias")[f"{function}Aliaslive"]

    assert alias["Name"] == "live"
    assert alias["FunctionVersion"] == attribute(version, "Version")


def test_old_versions_are_deleted(resources: Resources) -> None:
    """SAM keeps them unless told otherwise; SnapStart is charged for each that exists."""
    versions = [found for found in resources.values() if found["Type"] == "AWS::Lambda::Version"]

    assert len(versions) == len(PUBLISHED)
    assert {version["DeletionPolicy"] for version in versions} == {"Delete"}
    assert not [version for version in versions if version.get("UpdateReplacePolicy", "Delete") != "Delete"]


def test_every_call_from_outside_goes_to_the_alias(resources: Resources) -> None:
    """The unpublished version never starts from a snapshot."""
    mapping = of_type(resources, "AWS::Lambda::EventSourceMapping")["EventsFunctionQueue"]
    permissions = [
        found["FunctionName"]
        for name, found in of_type(resources, "AWS::Lambda::Permission").items()
        if name.startswith("Api")
    ]
    (api,) = of_type(resources, "AWS::ApiGateway::RestApi").values()
    integrations = [
        method["x-amazon-apigateway-integration"]["uri"]["Fn::Sub"]
        for path in api["Body"]["paths"].values()
        for method in path.values()
        if "x-amazon-apigateway-integration" in method
    ]

    assert mapping["FunctionName"] == {"Ref": "EventsFunctionAliaslive"}
    assert permissions
    assert all(target == {"Ref": "ApiFunctionAliaslive"} for target in permissions)
    assert integrations
    assert all("${ApiFunctionAliaslive}" in uri for uri in integrations)


def test_snapshots_are_taken_of_published_functions_where_the_parameter_says_so(resources: Resources) -> None:
    """Functions that nobody waits for start anew."""
    functions = of_type(resources, "AWS::Lambda::Function")
    snapped = {name: function["SnapStart"] for name, function in functions.items() if "SnapStart" in function}

    assert snapped == {name: {"ApplyOn": {"Ref": "SnapStart"}} for name in PUBLISHED}


def test_snapshots_are_taken_only_on_request(template: dict[str, Any]) -> None:
    """They cost money by the hour."""
    parameter = template["Parameters"]["SnapStart"]

    assert parameter["Default"] == "None"
    assert parameter["AllowedValues"] == ["None", "PublishedVersions"]
