"""Whoever shows one of a source's two secrets gets in, and nobody else."""

import base64
import hashlib
import hmac
from dataclasses import replace

import pytest

from common.doors.proof import Delivery, SourceSecret, Way, is_proven

CURRENT, NEXT, OLD = "current-secret-of-a-source", "next-secret-of-the-source", "old-secret-of-the-source"
BODY = b'{"alerts": [1]}'
SIGNATURES = {"X-PagerDuty-Signature": "v1=", "Sentry-Hook-Signature": "", "X-Hub-Signature-256": "sha256="}
SECRETS = {
    "bearer": SourceSecret(way=Way.BEARER, current=CURRENT, next=NEXT),
    "basic": SourceSecret(way=Way.BASIC, current=CURRENT, next=NEXT, name="datadog"),
    "header": SourceSecret(way=Way.HEADER, current=CURRENT, next=NEXT, name="X-Token"),
    "query": SourceSecret(way=Way.QUERY, current=CURRENT, next=NEXT),
    **{
        name: SourceSecret(way=Way.HMAC, current=CURRENT, next=NEXT, name=name, prefix=prefix)
        for name, prefix in SIGNATURES.items()
    },
}


def delivery(secret: SourceSecret, text: str, body: bytes = BODY, signed: bytes = BODY) -> Delivery:
    """Return what a tool sends that knows `text` as its secret, and signed the body `signed`."""
    user = base64.b64encode(f"{secret.name}:{text}".encode()).decode()
    signature = hmac.new(text.encode(), signed, hashlib.sha256).hexdigest()
    headers = {
        Way.BEARER: {"authorization": f"Bearer {text}"},
        Way.BASIC: {"authorization": f"Basic {user}"},
        Way.HEADER: {secret.name.lower(): text},
        Way.HMAC: {secret.name.lower(): f"{secret.prefix}{signature}"},
        Way.QUERY: {},
    }
    return Delivery(headers=headers[secret.way], query={"token": text}, body=body)


each_way = pytest.mark.parametrize("secret", SECRETS.values(), ids=list(SECRETS))


@each_way
@pytest.mark.parametrize("text", [CURRENT, NEXT])
def test_the_present_and_the_next_secret_open(secret: SourceSecret, text: str) -> None:
    """So that a secret is rotated without a moment in which alerts are refused."""
    assert is_proven(secret, delivery(secret, text))


@pytest.mark.parametrize("text", ['quote"s and \\ of a tool', "a=b&c%41+d;e#f,g:h/i", "é" * 26, "密" * 16])
def test_a_secret_of_odd_characters_opens_where_a_tool_can_show_it(text: str) -> None:
    """As it is stored: in UTF-8 by basic authentication and signatures, and as the gateway decodes a query."""
    for name in ("basic", "query", *SIGNATURES):
        secret = replace(SECRETS[name], current=text)
        assert is_proven(secret, delivery(secret, text)), name


@each_way
@pytest.mark.parametrize("text", [OLD, "", CURRENT[:-1], CURRENT + "x", CURRENT.upper(), "é" * 26])
@pytest.mark.attack
def test_a_wrong_an_old_and_an_empty_secret_do_not_open(secret: SourceSecret, text: str) -> None:
    """Nor one that is right but for its end."""
    assert not is_proven(secret, delivery(secret, text))


@each_way
@pytest.mark.attack
def test_a_source_whose_secret_is_empty_or_short_is_closed(secret: SourceSecret) -> None:
    """Also to whoever shows just that."""
    for text in ("", "short"):
        empty = SourceSecret(way=secret.way, current=text, next=text, name=secret.name, prefix=secret.prefix)

        assert not is_proven(empty, delivery(empty, text))


@each_way
@pytest.mark.attack
def test_nothing_shown_opens_nothing_and_a_source_without_a_secret_stays_closed(secret: SourceSecret) -> None:
    """Whatever is shown to the latter."""
    assert not is_proven(secret, Delivery(headers={}, query={}, body=BODY))
    assert not is_proven(None, delivery(secret, CURRENT))


@pytest.mark.parametrize("name", SIGNATURES)
@pytest.mark.attack
def test_a_signature_is_good_for_its_own_body_only(name: str) -> None:
    """A body that is changed on the way, or that a signature is glued to, is refused."""
    assert not is_proven(SECRETS[name], delivery(SECRETS[name], CURRENT, body=BODY + b" "))


def test_one_of_several_signatures_is_enough() -> None:
    """PagerDuty sends one for each of its own secrets."""
    secret = SECRETS["X-PagerDuty-Signature"]
    right = delivery(secret, NEXT).headers["x-pagerduty-signature"]

    assert is_proven(
        secret, Delivery(headers={"x-pagerduty-signature": f"v1={'0' * 64}, {right}"}, query={}, body=BODY)
    )


@pytest.mark.attack
def test_every_refusal_takes_the_same_steps(monkeypatch: pytest.MonkeyPatch) -> None:
    """So time tells neither how a source shows its secret, nor whether there is one, nor how much of it was right."""
    steps: list[tuple[int, int]] = []
    compared = hmac.compare_digest

    def compare(one: bytes, other: bytes) -> bool:
        steps.append((len(one), len(other)))
        return compared(one, other)

    monkeypatch.setattr(hmac, "compare_digest", compare)
    taken = set()
    for secret in (*SECRETS.values(), None):
        for shown in (OLD, "", CURRENT[:-1]):
            steps.clear()
            is_proven(secret, delivery(secret or SECRETS["bearer"], shown))
            # The user's name, which basic authentication compares as well, is no secret.
            taken.add(tuple(steps[-16:]))
            assert len(steps) - 16 == (secret is SECRETS["basic"])
    assert taken == {((32, 32),) * 16}


@pytest.mark.parametrize("authorization", ["Basic ÿ", "Basic", "basic !!!", "Digest x", "Bearer", "Basic gA=="])
@pytest.mark.attack
def test_a_malformed_authorization_is_a_wrong_one(authorization: str) -> None:
    """And no defect."""
    for secret in (SECRETS["basic"], SECRETS["bearer"]):
        assert not is_proven(secret, Delivery(headers={"authorization": authorization}, query={}, body=BODY))


def test_no_secret_is_in_what_is_shown_of_one() -> None:
    """Whoever logs one by mistake shows its way."""
    secret = SECRETS["bearer"]

    assert CURRENT not in repr(secret)
    assert NEXT not in repr(secret)
    assert CURRENT not in repr(delivery(secret, CURRENT))
