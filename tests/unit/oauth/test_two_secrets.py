"""The secret holds two pairs while it is rotated: `current`, and `next`."""

from dataclasses import dataclass, replace

import pytest

from common.client_certificate import ClientCertificate
from common.errors import ConfigurationError, CredentialsError
from common.oauth.credentials import ClientCredentials
from common.oauth.memory import REFUSAL_SECONDS
from common.oauth.token import AccessToken, Miss
from tests.support.clock import EPOCH
from tests.support.oauth import AWAY, CLIENT, EXPIRED_AT, REFUSED, ROTATED, STALE_AT, SecretBox, Shelf, Stack
from tests.support.threads import in_threads

NEXT = ClientCredentials("bridge", "next-secret-of-the-client", "version-1")
NEXT_RECORD = ClientCredentials("other-record", "secret-of-the-other-record", "version-1")
BOTH = replace(CLIENT, next=NEXT)
TWO_RECORDS = replace(CLIENT, next=NEXT_RECORD)


@pytest.fixture
def rotating(stack: Stack) -> Stack:
    """Provide a stack whose secret holds two pairs."""
    stack.secret.now = BOTH
    return stack


def switch(stack: Stack, accepted: ClientCredentials) -> None:
    """Let ServiceNow take one pair and no other."""
    stack.issuer.accepted, stack.issuer.refusal = accepted, REFUSED


def in_use(stack: Stack) -> int:
    """Return how many tokens were got with `next`."""
    return stack.telemetry.counts().get("NextSecretInUse", 0)


def test_next_is_not_touched_while_current_is_accepted(rotating: Stack) -> None:
    """A life of tokens, refreshed early, late and after a rejection: not one request more than with a single pair."""
    rotating.token()
    for seconds in (STALE_AT, EXPIRED_AT):
        rotating.token(after=seconds)
    rotating.issuer.revoke()
    rotating.rejected(rotating.token())
    assert rotating.issuer.requests == [BOTH] * 4
    assert (rotating.secret.readings, in_use(rotating)) == (1, 0)


def test_next_is_used_once_current_is_refused(rotating: Stack) -> None:
    """Within the same call, and told without any value."""
    switch(rotating, NEXT)
    assert rotating.token().value == "token-1"
    assert rotating.issuer.requests == [BOTH, NEXT]
    assert in_use(rotating) == 1
    log = rotating.log.getvalue()
    assert "the next ones are in use" in log
    assert NEXT.client_secret not in log


def test_what_was_accepted_is_used_on(rotating: Stack) -> None:
    """The refused one is not tried with every token."""
    switch(rotating, NEXT)
    rotating.token()
    rotating.token(after=EXPIRED_AT)
    assert rotating.issuer.requests == [BOTH, NEXT, NEXT]
    assert in_use(rotating) == 2


def test_fifty_threads_try_both_once(rotating: Stack) -> None:
    """All others wait for the one that does."""
    switch(rotating, NEXT)
    outcomes = in_threads(50, rotating.token)
    assert {getattr(token, "value", token) for token in outcomes} == {"token-1"}
    assert rotating.issuer.requests == [BOTH, NEXT]


@pytest.mark.parametrize(("days", "warned"), [(29.0, 1), (31.0, 0)])
def test_a_client_certificate_is_warned_of_before_it_ends(stack: Stack, days: float, warned: int) -> None:
    """Wherever it is read, thirty days before; its key is kept out of every log line."""
    shown = ClientCertificate("a chain", "the-private-key-of-it", EPOCH + days * 86_400)
    stack.secret.now = replace(CLIENT, certificate=shown)
    stack.token()
    assert stack.telemetry.counts().get("ClientCertificateEnding", 0) == warned
    assert ("ends soon" in stack.log.getvalue()) is bool(warned)
    stack.telemetry.log.warning("a line with the-private-key-of-it")
    assert "the-private-key" not in stack.log.getvalue()


def test_two_refusals_are_remembered_as_one_is(rotating: Stack) -> None:
    """For thirty seconds nobody asks with either of them."""
    rotating.issuer.refusal = REFUSED
    for _ in range(2):
        rotating.failure(CredentialsError)
    assert rotating.issuer.requests == [BOTH, NEXT]
    rotating.failure(CredentialsError, after=REFUSAL_SECONDS)
    assert rotating.issuer.requests == [BOTH, NEXT] * 2


@pytest.mark.parametrize(
    ("trouble", "tried"),
    [
        (CredentialsError("No.", action="Look.", status=400, code="invalid_client"), True),
        (CredentialsError("No.", action="Look.", status=401, code="server_error"), True),
        (CredentialsError("No.", action="Look.", status=400, code="unauthorized_client"), False),
        (ConfigurationError("No.", action="Look.", status=400, code="invalid_scope"), False),
        (AWAY, False),
    ],
    ids=lambda value: getattr(value, "code", value),
)
def test_only_a_refused_client_is_a_reason_to_try_next(rotating: Stack, trouble: Exception, tried: bool) -> None:  # noqa: FBT001 (a case)
    """What another secret would not mend costs no request."""
    rotating.issuer.troubles.append(trouble)  # type: ignore[arg-type]
    if tried:
        assert rotating.token().value == "token-1"
    else:
        with pytest.raises(type(trouble)):
            rotating.token()
    assert len(rotating.issuer.requests) == 1 + tried


def test_a_trouble_of_next_is_told_as_it_is(rotating: Stack) -> None:
    """An endpoint that goes away between the two holds nothing."""
    rotating.issuer.troubles.extend([REFUSED, AWAY])
    with pytest.raises(type(AWAY)):
        rotating.token()


def test_promotion_is_seen_with_the_next_token(rotating: Stack) -> None:
    """What was next is current: it is used on, and nothing counts any more."""
    switch(rotating, NEXT)
    rotating.token()
    rotating.secret.now = replace(NEXT, version="version-2")
    rotating.issuer.accepted = rotating.secret.now
    rotating.token(after=EXPIRED_AT)
    assert [pair.client_secret for pair in rotating.issuer.requests[2:]] == [NEXT.client_secret]
    assert in_use(rotating) == 1


def test_a_secret_that_can_not_be_read_does_not_stop_next(rotating: Stack) -> None:
    """Whether it was promoted can wait."""
    switch(rotating, NEXT)
    rotating.token()
    rotating.secret.now = AWAY
    assert rotating.token(after=EXPIRED_AT).issued == EPOCH + EXPIRED_AT


def test_a_rotation_that_was_taken_back_heals_itself(rotating: Stack) -> None:
    """Next is refused again: current is tried once more."""
    switch(rotating, NEXT)
    rotating.token()
    rotating.issuer.accepted = BOTH
    rotating.token(after=EXPIRED_AT)
    assert rotating.issuer.requests == [BOTH, NEXT, NEXT, BOTH]


def test_a_next_that_was_prepared_later_is_found(stack: Stack) -> None:
    """The secret is read again where its current pair is refused."""
    stack.token()
    stack.secret.now = replace(BOTH, version="version-2")
    switch(stack, NEXT)
    stack.token(after=EXPIRED_AT)
    assert [pair.client_secret for pair in stack.issuer.requests] == [
        CLIENT.client_secret,
        CLIENT.client_secret,
        NEXT.client_secret,
    ]


def test_a_changed_current_comes_before_next(rotating: Stack) -> None:
    """Somebody stored a third pair meanwhile."""
    rotating.token()
    rotating.secret.now = replace(ROTATED, next=NEXT)
    switch(rotating, rotating.secret.now)
    rotating.token(after=EXPIRED_AT)
    assert rotating.issuer.requests == [BOTH, BOTH, rotating.secret.now]


@dataclass
class BoundShelf(Shelf):
    """A store that gives a token to nobody but the client that it was issued to, as the real one does."""

    def load(self, client_id: str) -> AccessToken | Miss:
        """Return what it keeps for this client."""
        owner = self.clients[-1] if self.saved else ""
        found = super().load(client_id)
        self.clients.pop()
        return found if owner == client_id else Miss.ABSENT


class TestTwoRecords:
    """The next pair is that of another registry record, with a client id of its own."""

    @pytest.fixture
    def stack(self) -> Stack:
        """Provide a stack whose two pairs are of two records."""
        return Stack(secret=SecretBox(TWO_RECORDS), store=BoundShelf())

    def test_the_token_is_stored_for_the_client_that_was_accepted(self, stack: Stack) -> None:
        """What is stored is bound to the client id."""
        switch(stack, NEXT_RECORD)
        stack.token()
        assert stack.store.clients == ["other-record"]

    @pytest.mark.parametrize("work", ["cold", "stale"])
    def test_others_take_its_token_over_without_any_request(self, stack: Stack, work: str) -> None:
        """One environment learns that next counts, and all others find its token, and ask with next from then on."""
        other = stack.another()
        if work == "stale":
            stack.token(other)
            stack.clock.advance(STALE_AT)
        switch(stack, NEXT_RECORD)
        stack.issuer.revoke()
        token = stack.refresh()
        asked = stack.asked
        assert stack.token(other).value == token.value
        assert stack.asked == asked
        stack.token(other, after=EXPIRED_AT)
        assert stack.issuer.requests[asked:] == [NEXT_RECORD]

    def test_a_token_of_next_that_has_ended_is_no_proof(self, stack: Stack) -> None:
        """The pair in use is asked with first."""
        switch(stack, NEXT_RECORD)
        stack.token()
        switch(stack, TWO_RECORDS)
        stack.clock.advance(EXPIRED_AT)
        stack.token(stack.another())
        assert stack.issuer.requests[2:] == [TWO_RECORDS]
