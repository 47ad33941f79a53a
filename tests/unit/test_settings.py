from collections.abc import Mapping
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
CERTIFICATE = "-----BEGIN CERTIFICATE-----\nMIIBszCCAVmgAwIBAgIU\n-----END CERTIFICATE-----"


def refusal(changes: Mapping[str, str]) -> str:
    """Return the message of the error that an environment with these changes raises."""
    with pytest.raises(ConfigurationError) as caught:
        read_settings({**COMPLETE, **changes})
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


@pytest.mark.parametrize(
    ("text", "tags", "items"),
    [
        ("none,false", "none", False),
        ("none,true", "none", True),
        ("resources,false", "resources", False),
        ("accounts,true", "accounts", True),
    ],
)
def test_look_ups_are_chosen_one_by_one(text: str, tags: str, items: bool) -> None:  # noqa: FBT001 (of a table)
    """Tags of resources, of accounts too, and configuration items."""
    settings = read_settings({**COMPLETE, "LOOK_UPS": text})
    assert (settings.tag_lookups, settings.finds_items) == (tags, items)
    assert settings.looks_up is (text != "none,false")
    with pytest.raises(ConfigurationError, match="LOOK_UPS is malformed"):
        read_settings({**COMPLETE, "LOOK_UPS": f"{text},true"})


def test_optional_variables_replace_the_defaults() -> None:
    """What a deployment chooses is what the settings hold."""
    chosen = {
        "OAUTH_SCOPE": "incident_read incident_write",
        "OAUTH_TOKEN_PATH": "/custom/oauth_token.do",
        "CLOSE_CODE": "Solved (Permanently)",
        "PROXY_URL": "http://proxy.example.org:3128",
        "SHADOW_MODE": "true",
        "ALLOWED_TABLES": "problem,em_event",
        "TOKEN_TIER": "Intelligent-Tiering",
    }
    settings = read_settings({**COMPLETE, **chosen})
    assert settings.oauth_scope == "incident_read incident_write"
    assert settings.oauth_token_path == "/custom/oauth_token.do"
    assert settings.close_code == "Solved (Permanently)"
    assert settings.proxy_url == "http://proxy.example.org:3128"
    assert settings.shadow_mode is True
    assert settings.token_tier == "Intelligent-Tiering"
    assert settings.allowed_tables == ("problem", "em_event")


def test_record_requests_may_ask_for_what_callers_of_the_api_may_write() -> None:
    """The same three variables say so to both functions."""
    chosen = {
        "API_INCIDENT_FIELDS": "urgency,u_team",
        "API_TABLES": "problem:u_a,u_b",
        "API_SENSITIVE_TABLES": "sys_user:name",
    }
    assert read_settings({**COMPLETE, **chosen}).requestable == {
        "incident": ("urgency", "u_team"),
        "problem": ("u_a", "u_b"),
        "sys_user": ("name",),
    }
    assert "API_TABLES holds what it may not" in refusal({"API_TABLES": "incident:state"})


def test_tables_are_separated_by_commas() -> None:
    """Those beside the incidents that rules may write to."""
    assert read_settings({**COMPLETE, "ALLOWED_TABLES": "problem,u_alert"}).allowed_tables == ("problem", "u_alert")
    assert "ALLOWED_TABLES is malformed" in refusal({"ALLOWED_TABLES": "problem, u_alert"})


def test_a_function_that_only_gets_tokens_needs_fewer_settings() -> None:
    """It has no queue and no ledger."""
    access = {name: COMPLETE[name] for name in (HOST, "SERVICENOW_SECRET_ID", "TOKEN_PARAMETER", "TOKEN_KEY_ID")}
    assert read_access_settings(access).instance_host == "example.service-now.com"
    with pytest.raises(ConfigurationError, match="TOKEN_KEY_ID is missing"):
        read_access_settings({name: value for name, value in access.items() if name != "TOKEN_KEY_ID"})


def test_the_api_is_closed_unless_it_is_opened() -> None:
    """Without a word no table, no field beyond the usual ones and no foreign incident can be reached."""
    settings = read_api_settings(COMPLETE)
    assert (settings.all_incidents, settings.tables) == (False, {})
    assert {"short_description", "impact"} <= settings.incident_fields
    assert not settings.incident_fields & {"state", "number", "correlation_id", "sys_id"}
    assert settings.swagger_ui is False


def test_the_api_is_opened_table_by_table() -> None:
    """Each with its fields."""
    opened = {
        "API_INCIDENTS": "all",
        "API_INCIDENT_FIELDS": "impact,u_team",
        "API_TABLES": "problem:number,state;cmdb_ci:name",
        "API_SWAGGER_UI": "true",
    }
    settings = read_api_settings({**COMPLETE, **opened})
    assert settings.all_incidents is True
    assert settings.incident_fields == {"impact", "u_team"}
    assert settings.tables == {"problem": ("number", "state"), "cmdb_ci": ("name",)}
    assert settings.swagger_ui is True


@pytest.mark.parametrize(
    ("name", "value"),
    [
        ("API_INCIDENTS", "some"),
        ("API_INCIDENT_FIELDS", "impact, urgency"),
        ("API_INCIDENT_FIELDS", "Impact"),
        ("API_TABLES", "problem"),
        ("API_TABLES", "problem:"),
        ("API_TABLES", "problem:number;"),
        ("API_TABLES", "../sys_user:name"),
        ("API_SWAGGER_UI", "on"),
    ],
)
def test_a_malformed_opening_of_the_api_is_named(name: str, value: str) -> None:
    """It stays closed, and the message says what to set."""
    with pytest.raises(ConfigurationError, match=rf"{name} is malformed: set it to "):
        read_api_settings({**COMPLETE, name: value})


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


@pytest.mark.parametrize(
    "host",
    [
        "example.service-now.com",
        "agency.servicenowservices.com",
        "support.example.org",
        "localhost:8443",
        "127.0.0.1:1",
        "host:65535",
        "xn--bcher-kva.example",
        "a" * 63 + ".example.org",
    ],
)
def test_a_host_may_be_any_domain_with_or_without_a_port(host: str) -> None:
    """Government instances, customers' own domains and a simulator on a port are hosts like any other."""
    assert read_settings({**COMPLETE, HOST: host}).instance_host == host


@pytest.mark.parametrize(
    "host",
    [
        pytest.param("https://example.service-now.com", id="with a scheme"),
        pytest.param("example.service-now.com/", id="with a path"),
        pytest.param("example.service-now.com?x=1", id="with a query"),
        pytest.param("Example.service-now.com", id="upper case"),
        pytest.param("example.service-now.com.", id="trailing dot"),
        pytest.param("example..com", id="empty label"),
        pytest.param("-example.com", id="leading hyphen"),
        pytest.param("example-.com", id="trailing hyphen"),
        pytest.param("user:pw@example.com", id="with credentials"),
        pytest.param("example.com\\@evil.com", id="backslash"),
        pytest.param("example.com evil.com", id="two hosts"),
        pytest.param("example.com\nevil.com", id="line end inside"),
        pytest.param("example.com#evil.com", id="fragment"),
        pytest.param("exämple.com", id="not encoded"),
        pytest.param("example.com:", id="empty port"),
        pytest.param("example.com:0", id="port zero"),
        pytest.param("example.com:0443", id="leading zero"),
        pytest.param("example.com:65536", id="port too high"),
        pytest.param("example.com:99999", id="port far too high"),
        pytest.param("example.com:443x", id="no port"),
        pytest.param("[::1]:443", id="IPv6"),
        pytest.param("a" * 64 + ".com", id="label too long"),
        pytest.param(".".join(["a" * 50] * 6), id="name too long"),
        pytest.param("a" * 10_000, id="far too long"),
    ],
)
def test_anything_but_a_bare_host_is_refused(host: str) -> None:
    """Only the host of the deployment ever sees a credential, so its name is checked first."""
    assert f"{HOST} is malformed: set it to the host name alone" in refusal({HOST: host})


@pytest.mark.parametrize(
    ("name", "value"),
    [
        ("TOKEN_PARAMETER", "no-leading-slash"),
        ("TOKEN_PARAMETER", "/with blank"),
        ("QUEUE_URL", "sqs.eu-west-1.amazonaws.com/1/events"),
        ("QUEUE_URL", "https://sqs.example/with blank"),
        ("DEAD_LETTER_QUEUE_URL", "dead-letters"),
        ("DEPLOYMENT", "two\nlines"),
        ("OAUTH_SCOPE", "a\tb"),
        ("OAUTH_TOKEN_PATH", "https://evil.example/oauth_token.do"),
        ("OAUTH_TOKEN_PATH", "/oauth_token.do?x=1"),
        ("OAUTH_TOKEN_PATH", "/a b"),
        ("CLOSE_CODE", "nul\x00"),
        ("SHADOW_MODE", "True"),
        ("SHADOW_MODE", "1"),
        ("PROXY_URL", "proxy.example.org:3128"),
        ("PROXY_URL", "socks5://proxy.example.org:1080"),
        ("PROXY_URL", "http://proxy.example.org:3128/path"),
        ("PROXY_URL", "http://proxy.example.org:99999"),
        ("PROXY_URL", "http://proxy.example.org:port"),
        ("PROXY_URL", "http://"),
        ("PROXY_URL", "http://\u212aelvin.example"),
        ("CERTIFICATE_AUTHORITIES", "/etc/ssl/ca.pem"),
        ("CERTIFICATE_AUTHORITIES", "-----BEGIN CERTIFICATE-----"),
    ],
)
def test_a_malformed_variable_is_named_with_what_to_set_it_to(name: str, value: str) -> None:
    """The message can be followed without looking anything up."""
    assert f"{name} is malformed: set it to " in refusal({name: value})


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


def test_the_doors_are_closed_unless_they_are_opened() -> None:
    """Webhooks need the secret that holds theirs, topics are listed."""
    assert read_api_settings(COMPLETE).webhook_sources == frozenset()
    assert read_settings(COMPLETE).sns_topics == frozenset()
    opened = {"WEBHOOK_SOURCES": "grafana,grafana-eu", "WEBHOOK_SECRET_ID": "webhooks"}
    assert read_api_settings({**COMPLETE, **opened}).webhook_sources == {"grafana", "grafana-eu"}
    with pytest.raises(ConfigurationError, match="WEBHOOK_SECRET_ID is missing"):
        read_api_settings({**COMPLETE, "WEBHOOK_SOURCES": "grafana"})
    with pytest.raises(ConfigurationError, match="WEBHOOK_SOURCES is malformed"):
        read_api_settings({**COMPLETE, **opened, "WEBHOOK_SOURCES": "Grafana"})
    topic = "arn:aws:sns:eu-west-1:123456789012:budgets"
    assert read_settings({**COMPLETE, "SNS_TOPICS": topic}).sns_topics == {topic}
    with pytest.raises(ConfigurationError, match="SNS_TOPICS is malformed"):
        read_settings({**COMPLETE, "SNS_TOPICS": "budgets"})


@pytest.mark.parametrize("zone", ["Europe/Bonn", "Europe", "Mars/Olympus_Mons"])
def test_a_time_zone_that_nobody_knows_is_named(zone: str) -> None:
    """At the start, instead of texts that lack what was asked for."""
    with pytest.raises(ConfigurationError, match="TIME_ZONE names no time zone that is known: set it to"):
        read_settings({**COMPLETE, "TIME_ZONE": zone})


def test_a_time_zone_is_read_by_its_name() -> None:
    """Berlin is two hours ahead of UTC in summer."""
    zone = read_settings({**COMPLETE, "TIME_ZONE": "Europe/Berlin"}).time_zone
    assert zone is not None
    assert datetime(2026, 7, 1, tzinfo=zone).utcoffset() == timedelta(hours=2)
