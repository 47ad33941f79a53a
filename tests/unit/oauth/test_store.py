import json
from typing import Any

import pytest
from botocore.exceptions import ClientError, ConnectTimeoutError
from botocore.stub import ANY, Stubber

from common.oauth.store import HANG_SECONDS, TokenStore
from common.oauth.token import LONGEST_LIFE, AccessToken, Miss
from tests.support.aws import Failing, stubbed
from tests.support.clock import EPOCH, FakeClock
from tests.support.telemetry import readable_telemetry

PARAMETER = "/servicenow-bridge/test/access-token"
KEY_ID = "arn:aws:kms:eu-west-1:123456789012:key/0"
TOKEN = AccessToken("value-of-the-token", EPOCH - 10, EPOCH + 1790, EPOCH - 5, renewable=False)


class Bench:
    """A store on a stubbed client, its clock, its log and its counts."""

    def __init__(
        self,
        ssm: Failing | None = None,
        /,
        *,
        host: str = "example.service-now.com",
        scope: str = "",
        tiered: bool = False,
    ) -> None:
        """Put a store together."""
        self.stubber: Stubber
        client: Any = ssm
        if ssm is None:
            client, self.stubber = stubbed("ssm")
        self.clock = FakeClock()
        self.telemetry, self.log = readable_telemetry()
        self.store = TokenStore(
            client,
            parameter=PARAMETER,
            key_id=KEY_ID,
            tiered=tiered,
            host=host,
            scope=scope,
            clock=self.clock,
            telemetry=self.telemetry,
        )

    def keeps(self, value: str, kind: str = "SecureString") -> None:
        """Let the parameter hold `value`."""
        self.stubber.add_response(
            "get_parameter",
            {"Parameter": {"Name": PARAMETER, "Type": kind, "Value": value}},
            {"Name": PARAMETER, "WithDecryption": True},
        )

    def refuses_to_read(self, code: str) -> None:
        """Let a reading end with an error of AWS."""
        self.stubber.add_client_error("get_parameter", code, "words of AWS")

    @property
    def faults(self) -> int:
        """How many faults were counted."""
        return self.telemetry.counts().get("TokenStoreFaults", 0)


def written_by(bench: Bench, token: AccessToken = TOKEN, client_id: str = "bridge") -> str:
    """Return what a store writes for `token`."""
    written: list[str] = []

    class Recorder:
        def put_parameter(self, **call: str) -> None:
            written.append(call["Value"])

    bench.store._ssm = Recorder()  # type: ignore[assignment]
    bench.store.save(token, client_id)
    return written[0]


def changed(**changes: object) -> str:
    """Return a stored value with some of its parts replaced; None takes a part out."""
    content = json.loads(written_by(Bench())) | changes
    return json.dumps({name: part for name, part in content.items() if part is not None})


def test_what_one_environment_saves_another_one_loads() -> None:
    """With every time, and with what was learned about the server."""
    bench = Bench()
    bench.keeps(written_by(Bench()))
    assert bench.store.load("bridge") == TOKEN
    assert bench.faults == 0


def test_the_token_is_written_encrypted_with_the_stacks_key_over_the_old_one() -> None:
    """A SecureString, in one parameter."""
    bench = Bench()
    bench.stubber.add_response(
        "put_parameter",
        {"Version": 2},
        {"Name": PARAMETER, "Value": ANY, "Type": "SecureString", "KeyId": KEY_ID, "Overwrite": True},
    )
    bench.store.save(TOKEN, "bridge")
    bench.stubber.assert_no_pending_responses()
    assert bench.log.getvalue() == ""


def test_an_expired_token_is_loaded_too() -> None:
    """Whoever asks learns from it when all environments lost it."""
    expired = AccessToken("value", EPOCH - 1800, EPOCH - 1, EPOCH - 1800)
    bench = Bench()
    bench.keeps(written_by(Bench(), expired))
    assert bench.store.load("bridge") == expired


@pytest.mark.parametrize(
    ("binding", "client_id"),
    [({"host": "other.service-now.com"}, "bridge"), ({"scope": "incident_read"}, "bridge"), ({}, "other")],
    ids=["host", "scope", "client id"],
)
def test_a_token_of_another_host_scope_or_client_is_a_miss(binding: dict[str, Any], client_id: str) -> None:
    """It would act for somebody else."""
    bench = Bench()
    bench.keeps(written_by(Bench(**binding), client_id=client_id))
    assert bench.store.load("bridge") is Miss.ABSENT
    assert bench.faults == 1


@pytest.mark.parametrize(
    "value",
    [
        "not set yet",
        "",
        "[]",
        "7",
        "[" * 4000,
        changed(format=2),
        changed(token=None),
        changed(token="with a blank"),
        changed(issued="long ago"),
        changed(issued=[]),
        changed(issued=EPOCH + 1791),
        changed(expires="1e999"),
        changed(expires=10**400),
        changed(expires=EPOCH + 100_000),
        changed(asked=EPOCH - 11),
        changed(asked=EPOCH + 301),
        changed(asked="nan"),
        changed(renewable="yes"),
        changed(issued=EPOCH - 5, expires=EPOCH - 5),
        changed(expires=EPOCH - 10 + LONGEST_LIFE + 0.001),
    ],
)
def test_a_value_that_makes_no_sense_is_a_miss(value: str) -> None:
    """Broken by hand, written by another version, or from an impossible time."""
    bench = Bench()
    bench.keeps(value)
    assert bench.store.load("bridge") is Miss.ABSENT
    assert bench.faults == 1
    assert '"Foreign"' in bench.log.getvalue()


@pytest.mark.parametrize(
    "times",
    [
        {"issued": EPOCH - 5},
        {"asked": EPOCH + 300, "expires": EPOCH + 1800},
        {"expires": EPOCH - 10 + LONGEST_LIFE},
    ],
    ids=["asked for when it was issued", "a clock five minutes ahead", "the longest life"],
)
def test_times_at_the_edge_of_what_makes_sense_are_believed(times: dict[str, float]) -> None:
    """The clocks of two environments differ, and settings of a server do."""
    bench = Bench()
    bench.keeps(changed(**times))
    assert isinstance(bench.store.load("bridge"), AccessToken)


def test_a_token_that_is_not_encrypted_is_a_miss() -> None:
    """Somebody else has written it."""
    bench = Bench()
    bench.keeps(written_by(Bench()), "String")
    assert bench.store.load("bridge") is Miss.ABSENT
    assert "not encrypted" in bench.log.getvalue()
    assert '"NotEncrypted"' in bench.log.getvalue()


def test_a_parameter_that_does_not_exist_yet_is_a_miss_without_a_word() -> None:
    """This is how a new deployment begins."""
    bench = Bench()
    bench.refuses_to_read("ParameterNotFound")
    assert bench.store.load("bridge") is Miss.ABSENT
    assert bench.log.getvalue() == ""


@pytest.mark.parametrize("code", ["ThrottlingException", "RequestLimitExceeded", "InternalServerError"])
def test_throttling_is_told_apart_from_a_miss(code: str) -> None:
    """Another look in a moment is worth it."""
    bench = Bench()
    bench.refuses_to_read(code)
    assert bench.store.load("bridge") is Miss.BUSY
    assert bench.faults == 1


@pytest.mark.parametrize("code", ["AccessDeniedException", "InvalidKeyId", "SomethingNew"])
def test_any_other_error_is_a_miss_with_a_warning(code: str) -> None:
    """It names the fault and the parameter."""
    bench = Bench()
    bench.refuses_to_read(code)
    assert bench.store.load("bridge") is Miss.ABSENT
    assert code in bench.log.getvalue()
    assert PARAMETER in bench.log.getvalue()


def test_an_error_that_names_no_cause_is_a_miss_with_a_warning() -> None:
    """Nothing is known of it but that there is no token."""
    bench = Bench(Failing(ClientError({}, "GetParameter")))
    assert bench.store.load("bridge") is Miss.ABSENT
    assert "could not be read" in bench.log.getvalue()


@pytest.mark.parametrize("code", ["ParameterMaxVersionLimitExceeded", "AccessDeniedException", "TooManyUpdates"])
def test_what_can_not_be_written_is_a_warning(code: str) -> None:
    """The caller has its token all the same."""
    bench = Bench()
    bench.stubber.add_client_error("put_parameter", code)
    bench.store.save(TOKEN, "bridge")
    assert bench.faults == 1
    assert code in bench.log.getvalue()
    assert "could not be stored" in bench.log.getvalue()


def test_a_token_too_large_for_a_parameter_is_a_warning_and_no_call() -> None:
    """A JWT with many claims can be."""
    bench = Bench()
    bench.store.save(AccessToken("x" * 4000, EPOCH, EPOCH + 1800, EPOCH), "bridge")
    assert bench.faults == 1
    assert "too large" in bench.log.getvalue()
    assert '"TooLarge"' in bench.log.getvalue()


def test_a_token_that_just_fits_is_stored() -> None:
    """A standard parameter holds 4096 characters, and none is wasted on blanks."""
    assert " " not in written_by(Bench())
    around = len(written_by(Bench(), AccessToken("", EPOCH, EPOCH + 1800, EPOCH)))
    assert len(written_by(Bench(), AccessToken("x" * (4096 - around), EPOCH, EPOCH + 1800, EPOCH))) == 4096
    bench = Bench()
    bench.store.save(AccessToken("x" * (4097 - around), EPOCH, EPOCH + 1800, EPOCH), "bridge")
    assert bench.faults == 1


def test_with_tiering_a_larger_token_is_shared() -> None:
    """An advanced parameter holds 8192 characters; beyond that it is the warning again."""
    bench = Bench(tiered=True)
    bench.stubber.add_response(
        "put_parameter",
        {},
        {
            "Name": PARAMETER,
            "Value": ANY,
            "Type": "SecureString",
            "KeyId": KEY_ID,
            "Overwrite": True,
            "Tier": "Intelligent-Tiering",
        },
    )
    bench.store.save(AccessToken("x" * 6000, EPOCH, EPOCH + 1800, EPOCH), "bridge")
    bench.stubber.assert_no_pending_responses()
    assert bench.faults == 0
    bench.store.save(AccessToken("x" * 8192, EPOCH, EPOCH + 1800, EPOCH), "bridge")
    assert bench.faults == 1


@pytest.mark.parametrize(
    ("code", "refusals"),
    [
        ("AccessDeniedException", 1),
        ("InvalidKeyId", 1),
        ("ThrottlingException", 0),
        ("InternalServerError", 0),
        ("ParameterNotFound", 0),
    ],
)
def test_what_a_person_has_to_mend_is_counted_for_the_alarm(code: str, refusals: int) -> None:
    """Nothing waits for the store, so nothing is held: the alarm AccessRefusals is all that tells."""
    bench = Bench()
    bench.refuses_to_read(code)

    assert isinstance(bench.store.load("bridge"), Miss)

    assert bench.telemetry.counts().get("AccessRefusals", 0) == refusals


def test_a_write_that_is_refused_is_counted_for_the_alarm_too() -> None:
    """Every environment asks for tokens of its own meanwhile."""
    bench = Bench()
    bench.stubber.add_client_error("put_parameter", "AccessDeniedException", "words of AWS")

    bench.store.save(TOKEN, "bridge")

    assert bench.telemetry.counts()["AccessRefusals"] == 1


def test_a_store_that_hangs_is_left_alone_for_a_while() -> None:
    """Each further call would cost the caller the time-out again."""
    hanging = Failing(ConnectTimeoutError(endpoint_url="https://ssm.eu-west-1.amazonaws.com"))
    bench = Bench(hanging)
    assert bench.store.load("bridge") is Miss.ABSENT
    assert bench.store.load("bridge") is Miss.ABSENT
    bench.store.save(TOKEN, "bridge")
    assert hanging.calls == 1
    assert "ConnectTimeoutError" in bench.log.getvalue()
    bench.clock.advance(HANG_SECONDS)
    bench.store.save(TOKEN, "bridge")
    assert hanging.calls == 2


def test_no_warning_ever_holds_the_token() -> None:
    """Not even where the value is what the warning is about."""
    bench = Bench()
    bench.keeps(changed(format=2))
    bench.store.load("bridge")
    bench.store.save(AccessToken("value-of-the-token" * 300, EPOCH, EPOCH + 1800, EPOCH), "bridge")
    assert bench.faults == 2
    assert "value-of-the-token" not in bench.log.getvalue()
