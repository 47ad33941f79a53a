from collections.abc import Callable, Mapping
from dataclasses import asdict, fields
from datetime import datetime, timedelta

import pytest

from common.errors import ConfigurationError
from common.settings import Settings, read_access_settings, read_api_settings, read_settings

HOST = "SERVICENOW_INSTANCE_HOST"
COMPLETE = {
    HOST: "example.service-now.com",
    "SERVICENOW_SECRET_ID": "arn:aws:secretsmanager:eu-west-1:123456789012:secret:bridge-AbCdEf",
    "TOKEN_PARAMETER": "/servicenow-bridge/prod/access-token",
    "TOKEN_KEY_ID": "arn:aws:kms:eu-west-1:123456789012:key/0a1b2c3d",
    "LEDGER_TABLE": "bridge-Ledger-1ABC",
    "QUEUE_URL": "https://sqs.eu-west-1.amazonaws.com/123456789012/events",
    "DEAD_LETTER_QUEUE_URL": "https://sqs.eu-west-1.amazonaws.com/123456789012/dead-letters",
    "DEPLOYMENT": "123456789012/eu-west-1/bridge",
}
WRITABLE = (
    "short_description,description,impact,urgency,category,subcategory,assignment_group,assigned_to,"
    "cmdb_ci,business_service,service_offering,caller_id,contact_type,company,location"
)
type Read = Callable[[Mapping[str, str]], object]

CERTIFICATE = "-----BEGIN CERTIFICATE-----\nMIIBszCCAVmgAwIBAgIU\n-----END CERTIFICATE-----"


def refusal(changes: Mapping[str, str], read: Read = read_settings) -> str:
    """Return the message of the error that an environment with these changes raises."""
    with pytest.raises(ConfigurationError) as caught:
        read({**COMPLETE, **changes})
    return caught.value.message


def test_a_complete_environment_becomes_settings() -> None:
    """Each required variable ends in its own field, and everything optional has a default."""
    assert asdict(read_settings(COMPLETE)) == {
        "instance_host": "example.service-now.com",
        "secret_id": COMPLETE["SERVICENOW_SECRET_ID"],
        "token_parameter": "/servicenow-bridge/prod/access-token",
        "token_key_id": COMPLETE["TOKEN_KEY_ID"],
        "ledger_table": "bridge-Ledger-1ABC",
        "queue_url": COMPLETE["QUEUE_URL"],
        "dead_letter_queue_url": COMPLETE["DEAD_LETTER_QUEUE_URL"],
        "deployment": "123456789012/eu-west-1/bridge",
        "token_tier": "Standard",
        "oauth_scope": "",
        "oauth_token_path": "/oauth_token.do",
        "close_code": "Solution provided",
        "certificate_authorities": "",
        "proxy_url": "",
        "shadow_mode": False,
        "mask_records": False,
        "allowed_tables": (),
        "requestable": {"incident": tuple(WRITABLE.split(","))},
        "sns_topics": frozenset(),
        "windows": "off",
        "change_windows": False,
        "time_zone": None,
        "follow_ups": frozenset(),
        "follow_up_queue_url": "",
        "tag_lookups": "none",
        "finds_items": False,
        "member_role_name": "",
        "member_role_external_id": "",
        "actions_queue_url": "",
    }


OPENED = {"WEBHOOK_SOURCES": "grafana,grafana-eu", "WEBHOOK_SECRET_ID": "webhooks"}
TOPIC = "arn:aws:sns:eu-west-1:123456789012:budgets"
CHOSEN: list[tuple[dict[str, str], dict[str, object]]] = [
    ({"OAUTH_SCOPE": "incident_read incident_write"}, {"oauth_scope": "incident_read incident_write"}),
    ({"OAUTH_TOKEN_PATH": "/custom/oauth_token.do"}, {"oauth_token_path": "/custom/oauth_token.do"}),
    ({"CLOSE_CODE": "Solved (Permanently)"}, {"close_code": "Solved (Permanently)"}),
    ({"PROXY_URL": "http://proxy.example.org:3128"}, {"proxy_url": "http://proxy.example.org:3128"}),
    ({"SHADOW_MODE": "true"}, {"shadow_mode": True}),
    ({"ALLOWED_TABLES": "problem,em_event"}, {"allowed_tables": ("problem", "em_event")}),
    ({"TOKEN_TIER": "Intelligent-Tiering"}, {"token_tier": "Intelligent-Tiering"}),
    ({"SNS_TOPICS": TOPIC}, {"sns_topics": {TOPIC}}),
    ({"LOOK_UPS": "none,false"}, {"tag_lookups": "none", "finds_items": False, "looks_up": False}),
    ({"LOOK_UPS": "none,true"}, {"tag_lookups": "none", "finds_items": True, "looks_up": True}),
    ({"LOOK_UPS": "resources,false"}, {"tag_lookups": "resources", "finds_items": False, "looks_up": True}),
    ({"LOOK_UPS": "accounts,true"}, {"tag_lookups": "accounts", "finds_items": True, "looks_up": True}),
    (
        {
            "API_INCIDENT_FIELDS": "urgency,u_team",
            "API_TABLES": "problem:u_a,u_b",
            "API_SENSITIVE_TABLES": "sys_user:name",
        },
        {"requestable": {"incident": ("urgency", "u_team"), "problem": ("u_a", "u_b"), "sys_user": ("name",)}},
    ),
]
HOSTS = (
    *("example.service-now.com", "agency.servicenowservices.com", "support.example.org", "localhost:8443"),
    *("127.0.0.1:1", "host:65535", "xn--bcher-kva.example", "a" * 63 + ".example.org"),
)
CHOSEN_OF_THE_API: list[tuple[dict[str, str], dict[str, object]]] = [
    ({}, {"all_incidents": False, "tables": {}, "swagger_ui": False, "webhook_sources": frozenset()}),
    ({"API_INCIDENTS": "all"}, {"all_incidents": True}),
    ({"API_INCIDENT_FIELDS": "impact,u_team"}, {"incident_fields": {"impact", "u_team"}}),
    (
        {"API_TABLES": "problem:number,state;cmdb_ci:name"},
        {"tables": {"problem": ("number", "state"), "cmdb_ci": ("name",)}},
    ),
    ({"API_SWAGGER_UI": "true"}, {"swagger_ui": True}),
    (OPENED, {"webhook_sources": {"grafana", "grafana-eu"}}),
]


def told(chosen: dict[str, str]) -> str:
    """Return a name for what a deployment chooses."""
    return ", ".join(f"{name}={value[:40]}" for name, value in chosen.items()) or "nothing"


@pytest.mark.parametrize(
    ("read", "chosen", "held"),
    [
        *(pytest.param(read_settings, *row, id=told(row[0])) for row in CHOSEN),
        *(pytest.param(read_settings, {HOST: host}, {"instance_host": host}, id=host[:40]) for host in HOSTS),
        *(pytest.param(read_api_settings, *row, id=f"the API: {told(row[0])}") for row in CHOSEN_OF_THE_API),
    ],
)
def test_what_a_deployment_chooses_is_what_the_settings_hold(
    read: Read, chosen: dict[str, str], held: dict[str, object]
) -> None:
    """Without a word the API is closed; hosts may be customers' own domains, or a simulator on a port."""
    settings = read({**COMPLETE, **chosen})
    assert {name: getattr(settings, name) for name in held} == held


def test_callers_write_the_usual_fields_and_none_that_the_bridge_writes() -> None:
    """Unless the deployment says so."""
    fields = read_api_settings(COMPLETE).incident_fields
    assert {"short_description", "impact"} <= fields
    assert not fields & {"state", "number", "correlation_id", "sys_id"}


MALFORMED: dict[str, tuple[str, ...]] = {
    "TOKEN_PARAMETER": ("no-leading-slash", "/with blank"),
    "QUEUE_URL": ("sqs.eu-west-1.amazonaws.com/1/events", "https://sqs.example/with blank"),
    "DEAD_LETTER_QUEUE_URL": ("dead-letters",),
    "DEPLOYMENT": ("two\nlines",),
    "OAUTH_SCOPE": ("a\tb",),
    "OAUTH_TOKEN_PATH": ("https://evil.example/oauth_token.do", "/oauth_token.do?x=1", "/a b"),
    "CLOSE_CODE": ("nul\x00",),
    "SHADOW_MODE": ("True", "1"),
    "PROXY_URL": (
        "proxy.example.org:3128",
        "socks5://proxy.example.org:1080",
        "http://proxy.example.org:3128/path",
        "http://proxy.example.org:99999",
        "http://proxy.example.org:port",
        "http://",
        "http://\u212aelvin.example",
    ),
    "CERTIFICATE_AUTHORITIES": ("/etc/ssl/ca.pem", "-----BEGIN CERTIFICATE-----"),
    "ALLOWED_TABLES": ("problem, u_alert",),
    "LOOK_UPS": ("resources,false,true", "tags,true"),
    "SNS_TOPICS": ("budgets",),
}
MALFORMED_OF_THE_API: dict[str, tuple[str, ...]] = {
    "WEBHOOK_SOURCES": ("Grafana",),
    "API_INCIDENTS": ("some",),
    "API_INCIDENT_FIELDS": ("impact, urgency", "Impact"),
    "API_TABLES": ("problem", "problem:", "problem:number;", "../sys_user:name"),
    "API_SWAGGER_UI": ("on",),
}


@pytest.mark.parametrize(
    ("read", "name", "value"),
    [
        *((read_settings, name, value) for name, values in MALFORMED.items() for value in values),
        *((read_api_settings, name, value) for name, values in MALFORMED_OF_THE_API.items() for value in values),
    ],
)
def test_a_malformed_variable_is_named_with_what_to_set_it_to(read: Read, name: str, value: str) -> None:
    """The message can be followed without looking anything up; what it would open stays closed."""
    assert f"{name} is malformed: set it to " in refusal({**OPENED, name: value}, read)


def test_what_may_not_be_opened_or_lacks_its_other_half_is_named() -> None:
    """Incidents have routes of their own, and webhooks need the secret that holds theirs."""
    assert "API_TABLES holds what it may not" in refusal({"API_TABLES": "incident:state"})
    assert "WEBHOOK_SECRET_ID is missing" in refusal({"WEBHOOK_SOURCES": "grafana"}, read_api_settings)


def test_a_function_that_only_gets_tokens_needs_fewer_settings() -> None:
    """It has no queue and no ledger."""
    access = {name: COMPLETE[name] for name in (HOST, "SERVICENOW_SECRET_ID", "TOKEN_PARAMETER", "TOKEN_KEY_ID")}
    assert read_access_settings(access).instance_host == "example.service-now.com"
    with pytest.raises(ConfigurationError, match="TOKEN_KEY_ID is missing"):
        read_access_settings({name: value for name, value in access.items() if name != "TOKEN_KEY_ID"})


def test_an_empty_optional_variable_counts_as_left_out() -> None:
    """A stack's empty parameter arrives as an empty variable."""
    empty = dict.fromkeys(
        ("OAUTH_SCOPE", "OAUTH_TOKEN_PATH", "CLOSE_CODE", "PROXY_URL", "SHADOW_MODE", "ALLOWED_TABLES"), " "
    )
    assert read_settings({**COMPLETE, **empty}) == read_settings(COMPLETE)


def test_white_space_around_a_value_is_dropped() -> None:
    """A line end that came along with a pasted value does no harm."""
    assert read_settings({**COMPLETE, HOST: " example.service-now.com\n"}) == read_settings(COMPLETE)


@pytest.mark.parametrize("name", COMPLETE)
@pytest.mark.parametrize("value", [None, "", " \n"])
def test_a_missing_variable_is_named(name: str, value: str | None) -> None:
    """Absent and blank are the same mistake, and the message says what to set."""
    environment = {key: text for key, text in COMPLETE.items() if key != name}
    if value is not None:
        environment[name] = value
    with pytest.raises(ConfigurationError, match=rf"{name} is missing: set it to [a-zA-Z ]+") as caught:
        read_settings(environment)
    assert "deploy again" in caught.value.action


def test_all_mistakes_are_named_at_once() -> None:
    """One deployment mends them all."""
    with pytest.raises(ConfigurationError) as caught:
        read_settings({"SHADOW_MODE": "yes", "OAUTH_TOKEN_PATH": "oauth_token.do"})
    for name in COMPLETE:
        assert f"{name} is missing" in caught.value.message
    for name in ("SHADOW_MODE", "OAUTH_TOKEN_PATH"):
        assert f"{name} is malformed" in caught.value.message


REFUSED_HOSTS = {
    "with a scheme": "https://example.service-now.com",
    "with a path": "example.service-now.com/",
    "with a query": "example.service-now.com?x=1",
    "upper case": "Example.service-now.com",
    "trailing dot": "example.service-now.com.",
    "empty label": "example..com",
    "leading hyphen": "-example.com",
    "trailing hyphen": "example-.com",
    "with credentials": "user:pw@example.com",
    "backslash": "example.com\\@evil.com",
    "two hosts": "example.com evil.com",
    "line end inside": "example.com\nevil.com",
    "fragment": "example.com#evil.com",
    "not encoded": "exämple.com",
    "empty port": "example.com:",
    "port zero": "example.com:0",
    "leading zero": "example.com:0443",
    "port too high": "example.com:65536",
    "port far too high": "example.com:99999",
    "no port": "example.com:443x",
    "IPv6": "[::1]:443",
    "label too long": "a" * 64 + ".com",
    "name too long": ".".join(["a" * 50] * 6),
    "far too long": "a" * 10_000,
}


@pytest.mark.parametrize("host", REFUSED_HOSTS.values(), ids=REFUSED_HOSTS.keys())
def test_anything_but_a_bare_host_is_refused(host: str) -> None:
    """Only the host of the deployment ever sees a credential, so its name is checked first."""
    assert f"{HOST} is malformed: set it to the host name alone" in refusal({HOST: host})


@pytest.mark.parametrize(
    "pem",
    [
        CERTIFICATE,
        f"{CERTIFICATE}\n{CERTIFICATE}\n",
        CERTIFICATE.replace("\n", "\\n"),
        CERTIFICATE.replace("\n", "\\n") + "\\n",
        f"\\n {CERTIFICATE} \\n\n",
    ],
)
def test_line_ends_of_certificates_may_be_written_as_backslash_n(pem: str) -> None:
    """A parameter of a stack holds one line, so both spellings arrive as the same certificates."""
    authorities = read_settings({**COMPLETE, "CERTIFICATE_AUTHORITIES": pem}).certificate_authorities
    assert "\\n" not in authorities
    assert CERTIFICATE in authorities


@pytest.mark.parametrize(
    ("name", "value", "secret"),
    [
        pytest.param("PROXY_URL", "http://user:hunter22@proxy:3128", "hunter22", id="password of a proxy"),
        pytest.param("SERVICENOW_SECRET_ID", '{\n"client_secret":"hunter22"}', "hunter22", id="the secret itself"),
        pytest.param(
            "CERTIFICATE_AUTHORITIES", "-----BEGIN PRIVATE KEY-----\nMIGHAgEAMBMG", "MIGHAgEAMBMG", id="a private key"
        ),
        pytest.param(HOST, "https://u:hunter22@example.com", "hunter22", id="credentials before the host"),
    ],
)
def test_a_secret_in_the_wrong_place_is_not_repeated(name: str, value: str, secret: str) -> None:
    """The error reaches the log, and people put secrets into wrong places."""
    message = refusal({name: value})
    assert name in message
    assert secret not in message


def test_every_field_of_the_settings_can_be_printed() -> None:
    """None of them is secret, which is why the whole may be logged."""
    settings = read_settings(COMPLETE)
    assert all(repr(getattr(settings, field.name)) in repr(settings) for field in fields(Settings))


@pytest.mark.parametrize("zone", ["Europe/Bonn", "Europe", "Mars/Olympus_Mons"])
def test_a_time_zone_that_nobody_knows_is_named(zone: str) -> None:
    """At the start, instead of texts that lack what was asked for."""
    assert "TIME_ZONE names no time zone that is known: set it to" in refusal({"TIME_ZONE": zone})


def test_a_time_zone_is_read_by_its_name() -> None:
    """Berlin is two hours ahead of UTC in summer."""
    zone = read_settings({**COMPLETE, "TIME_ZONE": "Europe/Berlin"}).time_zone
    assert zone is not None
    assert datetime(2026, 7, 1, tzinfo=zone).utcoffset() == timedelta(hours=2)
