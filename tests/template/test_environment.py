"""The parameters of the stack, the environment of the functions and the code that reads it agree."""

import re
from collections.abc import Callable, Iterator, Mapping
from dataclasses import asdict
from typing import Any

import pytest

from common.errors import ConfigurationError
from common.settings import (
    Settings,
    read_access_settings,
    read_action_settings,
    read_api_settings,
    read_doctor_settings,
    read_follow_up_settings,
    read_settings,
    read_watch_settings,
)
from tests.template.reading import Resources, of_type, stored_settings

# What the references of the template come to in a stack.
DEPLOYED: dict[str, str] = {
    "LEDGER_TABLE": "bridge-Ledger-1A2B3C",
    "QUEUE_URL": "https://sqs.eu-west-1.amazonaws.com/123456789012/bridge-EventQueue-1A2B3C",
    "DEAD_LETTER_QUEUE_URL": "https://sqs.eu-west-1.amazonaws.com/123456789012/bridge-DeadLetterQueue-1A2B3C",
    "ACTIONS_QUEUE_URL": "",
    "CHANGE_GATE": "false",
    "FOLLOW_UP_QUEUE_URL": "",
    "SERVICENOW_SECRET_ID": "arn:aws:secretsmanager:eu-west-1:123456789012:secret:ClientCredentials-1A2B3C",
    "TOKEN_KEY_ID": "arn:aws:kms:eu-west-1:123456789012:key/1d3f5a7b-0000-4000-8000-000000000000",
}
PSEUDO_PARAMETERS = {
    "AWS::AccountId": "123456789012",
    "AWS::Region": "eu-west-1",
    "AWS::StackName": "servicenow-bridge",
}
CERTIFICATE = "-----BEGIN CERTIFICATE-----{0}MIIB+zCC/AQ=={0}-----END CERTIFICATE-----"
HOSTS = [
    "example.service-now.com",
    "example.servicenowservices.com",
    "itsm.example.com",
    "itsm.example.com:8443",
    "localhost:40123",
    "127.0.0.1:40123",
]
NO_HOSTS = [
    "",
    "https://example.service-now.com",
    "example.service-now.com/",
    "example.service-now.com/api",
    "Example.service-now.com",
    "example.service-now.com:",
    "user@example.service-now.com",
    "example..service-now.com",
    "-example.service-now.com",
    "example service-now.com",
    "example.service-now.com\n",
]


class Recorder(Mapping[str, str]):
    """An environment that remembers which variables it was asked for."""

    def __init__(self, variables: dict[str, str]) -> None:
        self.variables = variables
        self.asked: set[str] = set()

    def __getitem__(self, name: str) -> str:
        self.asked.add(name)
        return self.variables[name]

    def __iter__(self) -> Iterator[str]:
        return iter(self.variables)

    def __len__(self) -> int:
        return len(self.variables)


def variables_of(resources: Resources, function: str) -> dict[str, Any]:
    """Return the environment of a function as the template has it."""
    found: dict[str, Any] = of_type(resources, "AWS::Lambda::Function")[function]["Environment"]["Variables"]
    return found


@pytest.fixture(scope="session")
def variables(resources: Resources) -> dict[str, Any]:
    """Return the environment of the events function as the template has it."""
    return variables_of(resources, "EventsFunction")


@pytest.fixture
def environment(variables: dict[str, Any], template: dict[str, Any]) -> dict[str, str]:
    """Return that environment as a function finds it where only the required parameters were given."""
    known = {name: str(found.get("Default", "")) for name, found in template["Parameters"].items()}
    known |= PSEUDO_PARAMETERS | {"InstanceHost": "example.service-now.com"}

    def value(name: str) -> str:
        written = variables[name]
        if name in DEPLOYED:
            return DEPLOYED[name]
        if name == "STORED_SETTINGS":
            return ""
        written = written.get("Fn::If", [None, written])[1]  # what the stack makes of a parameter that is left empty
        if "Ref" in written:
            return known[written["Ref"]]
        return re.sub(r"\$\{([^}]+)\}", lambda found: known[found[1]], written["Fn::Sub"])

    return {name: value(name) for name in variables}


def accepts(template: dict[str, Any], parameter: str, value: str) -> bool:
    """Say whether CloudFormation would take `value` for `parameter`."""
    definition = template["Parameters"][parameter]
    return (
        # CloudFormation's patterns are Java's, where $ stands before the end alone.
        re.search(definition["AllowedPattern"].replace("$", r"\Z"), value) is not None
        and len(value) <= definition.get("MaxLength", 4096)
    )


def read(environment: dict[str, str], **changes: str) -> Settings:
    """Return the settings of `environment` with some variables changed."""
    return read_settings(environment | changes)


@pytest.mark.parametrize(
    ("function", "read_all"),
    [
        ("EventsFunction", read_settings),
        ("ApiFunction", read_api_settings),
        ("DoctorFunction", read_doctor_settings),
        ("SecretRotationFunction", read_access_settings),
        ("TokenRefreshFunction", read_access_settings),
        ("FollowUpFunction", read_follow_up_settings),
        ("ActionsFunction", read_action_settings),
        ("WatchFunction", read_watch_settings),
    ],
)
def test_the_functions_get_exactly_the_variables_that_the_code_reads(
    resources: Resources, function: str, read_all: Callable[[Mapping[str, str]], object]
) -> None:
    """A variable that is missing or misspelt on one side would go unnoticed until the first event."""
    recorder = Recorder({})
    with pytest.raises(ConfigurationError):
        read_all(recorder)

    of_powertools = {"POWERTOOLS_SERVICE_NAME", "POWERTOOLS_LOG_LEVEL"}

    variables = variables_of(resources, function)
    stored = set(stored_settings(resources, variables).values())

    assert "STORED_SETTINGS" in variables
    assert (variables.keys() | stored) - {"STORED_SETTINGS"} == (recorder.asked - {"STORED_SETTINGS"}) | of_powertools
    assert not variables.keys() & stored


def test_a_variable_has_one_value_whichever_function_reads_it(resources: Resources, variables: dict[str, Any]) -> None:
    """The token that one function stores is the one that the other looks for."""
    refresher = variables_of(resources, "TokenRefreshFunction")
    known = stored_settings(resources, variables).items()

    assert {name for name in refresher if refresher[name] != variables[name]} == {"STORED_SETTINGS"}
    assert stored_settings(resources, refresher).items() <= known


def test_a_function_that_only_gets_tokens_is_told_the_same_as_the_others(environment: dict[str, str]) -> None:
    """The part of the settings that it reads is the part that they read too."""
    part = asdict(read_access_settings(environment))

    assert part.items() <= asdict(read(environment)).items()


def test_a_stack_with_nothing_but_the_instance_works(environment: dict[str, str]) -> None:
    """Every other parameter has a default that the code accepts."""
    settings = read(environment)

    assert settings.instance_host == "example.service-now.com"
    assert settings.token_parameter == "/servicenow-bridge/servicenow-bridge/access-token"
    assert settings.deployment == "123456789012/eu-west-1/servicenow-bridge"
    assert settings.shadow_mode is False


def test_the_stack_tells_where_the_function_keeps_the_token(
    template: dict[str, Any], variables: dict[str, Any]
) -> None:
    """Whoever removes the stack removes the parameter, which CloudFormation doesn't know."""
    assert template["Outputs"]["TokenParameterName"]["Value"] == variables["TOKEN_PARAMETER"]


def test_the_code_knows_the_same_defaults_as_the_template(environment: dict[str, str]) -> None:
    """A function reads the same settings whether a variable is left out or has the parameter's default."""
    optional = [
        "OAUTH_SCOPE",
        "OAUTH_TOKEN_PATH",
        "CLOSE_CODE",
        "ALLOWED_TABLES",
        "CERTIFICATE_AUTHORITIES",
        "PROXY_URL",
        "SHADOW_MODE",
        "MASK_RECORDS",
        "TIME_ZONE",
        "FOLLOW_UPS",
        "FOLLOW_UP_QUEUE_URL",
        "ACTIONS_QUEUE_URL",
    ]
    without = {name: value for name, value in environment.items() if name not in optional}

    assert read(without) == read(environment)


@pytest.mark.parametrize("host", HOSTS)
def test_stack_and_code_accept_an_instance(template: dict[str, Any], environment: dict[str, str], host: str) -> None:
    """Instances of ServiceNow's own domains, of a company's, and of a laptop."""
    assert accepts(template, "InstanceHost", host)
    assert read(environment, SERVICENOW_INSTANCE_HOST=host).instance_host == host


@pytest.mark.parametrize("host", NO_HOSTS)
def test_the_stack_refuses_what_is_no_host_name(template: dict[str, Any], host: str) -> None:
    """What people paste from a browser fails at once, with the advice of the parameter."""
    assert not accepts(template, "InstanceHost", host)


@pytest.mark.parametrize("line_break", ["\n", "\\n"], ids=["line breaks", "written-out line breaks"])
@pytest.mark.parametrize("count", [1, 2])
def test_stack_and_code_accept_certificates(
    template: dict[str, Any], environment: dict[str, str], line_break: str, count: int
) -> None:
    """A parameter on a command line can hardly hold a line break, so a backslash and an n stand for one."""
    pem = line_break.join([CERTIFICATE.format(line_break)] * count)

    settings = read(environment, CERTIFICATE_AUTHORITIES=pem)

    assert accepts(template, "CertificateAuthorities", pem)
    assert settings.certificate_authorities == "\n".join([CERTIFICATE.format("\n")] * count)


@pytest.mark.parametrize(
    "pem",
    [
        "/etc/ssl/authority.pem",
        "MIIB+zCC/AQ==",
        CERTIFICATE.format("\n").replace("CERTIFICATE", "PRIVATE KEY"),
    ],
)
def test_the_stack_refuses_what_is_no_certificate(template: dict[str, Any], pem: str) -> None:
    """A path, bare base64, and above all a private key."""
    assert not accepts(template, "CertificateAuthorities", pem)


@pytest.mark.parametrize("url", ["http://proxy.example.com:3128", "https://10.0.0.1"])
def test_stack_and_code_accept_a_proxy(template: dict[str, Any], environment: dict[str, str], url: str) -> None:
    """A scheme and a host, with a port where it is not the scheme's own."""
    assert accepts(template, "ProxyUrl", url)
    assert read(environment, PROXY_URL=url).proxy_url == url


@pytest.mark.parametrize(
    "url",
    ["proxy.example.com:3128", "http://user:password@proxy.example.com:3128", "socks5://proxy.example.com"],
)
def test_the_stack_refuses_a_proxy_with_a_password_or_without_a_scheme(template: dict[str, Any], url: str) -> None:
    """Parameters and environments are shown in the console: no place for a password."""
    assert not accepts(template, "ProxyUrl", url)


@pytest.mark.parametrize("scope", ["useraccount", "incident_read incident_write"])
def test_stack_and_code_accept_scopes(template: dict[str, Any], environment: dict[str, str], scope: str) -> None:
    """One scope, or several separated by blanks."""
    assert accepts(template, "OAuthScope", scope)
    assert read(environment, OAUTH_SCOPE=scope).oauth_scope == scope


@pytest.mark.parametrize("code", ["Solution provided", "Résolu par l'appelant"])
def test_stack_and_code_accept_a_close_code(template: dict[str, Any], environment: dict[str, str], code: str) -> None:
    """Labels are free text in the language of the instance."""
    assert accepts(template, "CloseCode", code)
    assert read(environment, CLOSE_CODE=code).close_code == code


@pytest.mark.parametrize("zone", ["Europe/Berlin", "UTC", "America/Argentina/Buenos_Aires", "Etc/GMT+5"])
def test_stack_and_code_accept_a_time_zone(template: dict[str, Any], environment: dict[str, str], zone: str) -> None:
    """By its name in the database of the IANA."""
    assert accepts(template, "TimeZone", zone)
    assert str(read(environment, TIME_ZONE=zone).time_zone) == zone


@pytest.mark.parametrize("zone", ["Berlin Time", "/etc/passwd", "../UTC", "Europe/", "+01:00"])
def test_stack_and_code_refuse_what_is_no_time_zone(
    template: dict[str, Any], environment: dict[str, str], zone: str
) -> None:
    """It would be looked for as a file."""
    assert not accepts(template, "TimeZone", zone)
    with pytest.raises(ConfigurationError, match="TIME_ZONE is malformed"):
        read(environment, TIME_ZONE=zone)


@pytest.mark.parametrize("tables", ["", "problem", "problem,em_event,x_shop_request"])
def test_stack_and_code_accept_tables(template: dict[str, Any], environment: dict[str, str], tables: str) -> None:
    """None, one or several; rules may then write them."""
    assert accepts(template, "AllowedTables", tables)
    assert list(read(environment, ALLOWED_TABLES=tables).allowed_tables) == list(filter(None, tables.split(",")))


@pytest.mark.parametrize("tables", ["Problem", "problem, em_event", "problem,", "problem;em_event", "../sys_user"])
def test_stack_and_code_refuse_what_is_no_table(
    template: dict[str, Any], environment: dict[str, str], tables: str
) -> None:
    """A slip would show only at the first event."""
    assert not accepts(template, "AllowedTables", tables)
    with pytest.raises(ConfigurationError, match="ALLOWED_TABLES is malformed"):
        read(environment, ALLOWED_TABLES=tables)


def test_the_stack_refuses_an_empty_close_code(template: dict[str, Any]) -> None:
    """ServiceNow's data policy refuses to resolve an incident without one."""
    assert not accepts(template, "CloseCode", "")
    assert not accepts(template, "CloseCode", "  ")
