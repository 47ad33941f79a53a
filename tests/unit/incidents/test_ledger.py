"""What the ledger asks of DynamoDB, and by which clock it tells the time."""

from copy import replace
from typing import Any

import pytest
from botocore.exceptions import ClientError, EndpointConnectionError
from hypothesis import given
from hypothesis import strategies as st

from common.errors import ConfigurationError, TransientError
from common.incidents.episodes import Past, in_order
from common.incidents.item import Item, Operation, Pending, RecordReference
from common.incidents.ledger import KEPT_AFTER_RECOVERY, Ledger, _decode, _encode
from tests.support.clock import EPOCH, FakeClock
from tests.support.ledger import THROTTLED, InMemoryDynamoDB, refusal
from tests.support.problems import PROBLEM, RECORD, orders, pending, settled
from tests.support.world import KEY

NEW = Item(PROBLEM, KEY, "incident")


class Given:
    """A ledger over an in-memory DynamoDB, whose clock is right, and a local clock that may be wrong."""

    def __init__(self) -> None:
        self.clock = FakeClock()
        self.server_offset = 0.0
        self.dynamodb = InMemoryDynamoDB(lambda: self.clock.now() + self.server_offset)
        self.ledger = Ledger(self.dynamodb, "ledger", clock=self.clock)  # type: ignore[arg-type] # two calls suffice

    def read(self) -> Item:
        """Read the one problem."""
        return self.ledger.read(PROBLEM, dedup_key=KEY, table="incident")

    def stored(self) -> dict[str, Any]:
        """Return the attributes of the one problem."""
        return self.dynamodb.items[PROBLEM]


@pytest.fixture
def given_ledger() -> Given:
    """Return an empty ledger."""
    return Given()


def test_a_problem_that_nobody_wrote_about_is_new(given_ledger: Given) -> None:
    """It has version 0, which no stored item has."""
    assert given_ledger.read() == NEW


def test_what_was_written_is_read_with_its_new_version(given_ledger: Given) -> None:
    """Versions count the writes."""
    first = given_ledger.ledger.write(NEW)
    assert first == replace(NEW, version=1)
    second = given_ledger.ledger.write(replace(first, orders=orders("F1"), record=RECORD))

    assert second is not None
    assert second.version == 2
    assert given_ledger.read() == second


@pytest.mark.parametrize("version", [0, 1])
def test_who_read_before_anothers_write_loses(given_ledger: Given, version: int) -> None:
    """Nothing of the loser's is stored."""
    seen = NEW
    for _ in range(version):
        written = given_ledger.ledger.write(seen)
        assert written is not None
        seen = written
    winner = given_ledger.ledger.write(replace(seen, orders=orders("F1")))

    assert given_ledger.ledger.write(replace(seen, orders=orders("R2"))) is None
    assert given_ledger.read() == winner


def test_a_write_to_an_item_that_is_gone_loses(given_ledger: Given) -> None:
    """The ledger was lost, or the item has expired: what is there has to be read first."""
    assert given_ledger.ledger.write(settled("F1")) is None
    assert given_ledger.dynamodb.items == {}


@pytest.mark.parametrize(
    "item",
    [replace(NEW, orders=orders("R1")), settled("F1", RECORD, version=0), pending(Operation.OPEN, "F1", owner="me")],
)
def test_a_write_that_the_sdk_repeated_counts_as_done(given_ledger: Given, item: Item) -> None:
    """Its answer was lost, and the repetition finds the item as it wrote it itself."""
    for _ in range(item.version):
        stored = given_ledger.ledger.write(given_ledger.read())
        assert stored is not None
    given_ledger.dynamodb.faults.append("repeated")

    assert given_ledger.ledger.write(item) == replace(item, version=item.version + 1)


def test_the_claim_of_another_is_not_mistaken_for_ones_own(given_ledger: Given) -> None:
    """The owner tells two claims of the same event apart."""
    mine = replace(NEW, pending=Pending(Operation.OPEN, orders("F1"), 1, "me"))
    given_ledger.ledger.write(replace(mine, pending=Pending(Operation.OPEN, orders("F1"), 1, "another")))

    assert given_ledger.ledger.write(mine) is None


@pytest.mark.parametrize("offset", [-3600.0, 0.0, 3600.0])
def test_the_time_is_dynamodbs(given_ledger: Given, offset: float) -> None:
    """However far the local clock is off, and between two answers time goes on."""
    given_ledger.server_offset = offset
    given_ledger.read()
    assert given_ledger.ledger.now() == (EPOCH + offset) * 1000

    given_ledger.clock.advance(1.5)
    given_ledger.clock.jump(7200)
    assert given_ledger.ledger.now() == (EPOCH + offset + 1.5) * 1000


def test_every_answer_tells_the_time(given_ledger: Given) -> None:
    """A write's, a lost race's and a refusal's, too."""
    given_ledger.server_offset = 10.0
    given_ledger.ledger.write(NEW)
    assert given_ledger.ledger.now() == (EPOCH + 10) * 1000
    given_ledger.server_offset = 20.0
    given_ledger.ledger.write(replace(NEW, orders=orders("F1")))
    assert given_ledger.ledger.now() == (EPOCH + 20) * 1000
    given_ledger.dynamodb.faults.append(refusal(THROTTLED, "GetItem", EPOCH + 30))
    with pytest.raises(TransientError):
        given_ledger.read()
    assert given_ledger.ledger.now() == (EPOCH + 30) * 1000


def test_before_any_answer_the_local_clock_has_to_do(given_ledger: Given) -> None:
    """Nothing is decided by it: the desk reads first."""
    given_ledger.server_offset = 99.0

    assert given_ledger.ledger.now() == EPOCH * 1000


@pytest.mark.parametrize("headers", [{}, {"date": "yesterday"}])
def test_an_answer_without_a_proper_date_leaves_the_clock_alone(
    given_ledger: Given, headers: dict[str, str], monkeypatch: pytest.MonkeyPatch
) -> None:
    """The last good one counts."""
    given_ledger.server_offset = 10.0
    given_ledger.read()
    monkeypatch.setattr(given_ledger.dynamodb, "get_item", lambda **_: {"ResponseMetadata": {"HTTPHeaders": headers}})
    given_ledger.read()

    assert given_ledger.ledger.now() == (EPOCH + 10) * 1000


@pytest.mark.parametrize(
    "code", [THROTTLED, "ThrottlingException", "InternalServerError", "RequestLimitExceeded", "SomethingNew"]
)
def test_trouble_of_dynamodb_is_transient(given_ledger: Given, code: str) -> None:
    """The messages come back."""
    given_ledger.dynamodb.faults.extend([refusal(code, "GetItem", EPOCH), refusal(code, "PutItem", EPOCH)])

    with pytest.raises(TransientError, match=code):
        given_ledger.read()
    with pytest.raises(TransientError, match=code):
        given_ledger.ledger.write(NEW)


def test_an_error_that_names_no_cause_is_transient(given_ledger: Given) -> None:
    """And tells no time."""
    given_ledger.server_offset = 10.0
    given_ledger.read()
    given_ledger.dynamodb.faults.append(ClientError({}, "GetItem"))

    with pytest.raises(TransientError):
        given_ledger.read()
    assert given_ledger.ledger.now() == (EPOCH + 10) * 1000


def test_no_answer_at_all_is_transient(given_ledger: Given) -> None:
    """The address of the endpoint is not repeated."""
    given_ledger.dynamodb.faults.append(EndpointConnectionError(endpoint_url="https://dynamodb.example"))

    with pytest.raises(TransientError) as caught:
        given_ledger.read()
    assert "EndpointConnectionError" in str(caught.value)
    assert "example" not in str(caught.value)
    assert caught.value.__cause__ is None


@pytest.mark.parametrize(
    "code", ["AccessDeniedException", "ResourceNotFoundException", "ValidationException", "KMSDisabledException"]
)
def test_a_wrong_set_up_holds_everything(given_ledger: Given, code: str) -> None:
    """It says what to check."""
    given_ledger.dynamodb.faults.append(refusal(code, "GetItem", EPOCH))

    with pytest.raises(ConfigurationError, match="LEDGER_TABLE"):
        given_ledger.read()


@pytest.mark.parametrize(
    ("item", "expires"),
    [
        (settled("R1", RECORD, version=0), True),
        (settled("aR1 bR2", version=0), True),
        (settled("F1", RECORD, version=0), False),
        (settled("aF1 bR2", RECORD, version=0), False),
        (replace(pending(Operation.RESOLVE, "R2", "F1"), version=0), False),
        (replace(pending(Operation.OPEN, "F2", "R1"), version=0), False),
    ],
)
def test_an_item_expires_only_when_it_is_settled_and_nothing_fires(
    given_ledger: Given, item: Item, *, expires: bool
) -> None:
    """60 days after the last write."""
    given_ledger.ledger.write(item)

    assert ("expires_at" in given_ledger.stored()) is expires
    if expires:
        assert given_ledger.stored()["expires_at"] == {"N": str(int(EPOCH) + KEPT_AFTER_RECOVERY)}


def test_a_callers_request_expires_whatever_becomes_of_its_record(given_ledger: Given) -> None:
    """Once it was answered it is over."""
    given_ledger.ledger.write(replace(settled("F1", RECORD, version=0), fingerprint="0" * 32))

    assert given_ledger.stored()["expires_at"] == {"N": str(int(EPOCH) + KEPT_AFTER_RECOVERY)}


names = st.text(min_size=1, max_size=20).filter(lambda text: text.encode("utf-8", "ignore").decode() == text)
order_keys = st.dictionaries(names, st.integers(0, 10**15), max_size=5)
records = st.builds(RecordReference, st.text("0123456789abcdef", min_size=32, max_size=32), names)
order_lists = st.lists(st.integers(0, 10**15), max_size=5).map(tuple)
pasts = st.builds(Past, order_lists, st.integers(0, 10**15), order_keys.map(in_order), st.integers(0, 10**15))
pendings = st.builds(Pending, st.sampled_from(Operation), order_keys, st.integers(0, 10**14), names)
items = st.builds(
    Item,
    problem=names,
    dedup_key=names,
    table=names,
    version=st.integers(0, 10**9),
    orders=order_keys,
    record=st.none() | records,
    correlation_id=st.none() | names,
    pending=st.none() | pendings,
    fingerprint=st.just("") | names,
    past=pasts,
)


@given(items)
def test_any_item_survives_the_ledger(item: Item) -> None:
    """Every attribute is stored and read back."""
    assert _decode(_encode(item, expires_at=1)) == item
