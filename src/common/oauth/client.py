"""Which of the secret's two pairs of client id and client secret, or signing key, the endpoint is asked with.

While a secret is being rotated it holds both: `current`, and `next`, which is tried where the endpoint refuses
`current`. What was accepted is used on until it is refused, or until somebody changes the secret.
"""

from collections.abc import Callable
from contextlib import suppress
from http import HTTPStatus

from common.client_certificate import ClientCertificate
from common.clock import Deadline
from common.errors import BridgeError, CredentialsError
from common.oauth.answer import ASSERTION_REFUSED
from common.oauth.credentials import ClientCredentials
from common.oauth.parts import Credentials, Endpoint
from common.oauth.token import AccessToken
from common.telemetry import Telemetry

_REFUSED_CLIENT = frozenset({"invalid_client", ASSERTION_REFUSED, "signing_refused"})


class ClientInUse:
    """The client of one process. Not safe to share between threads: `TokenSource` lets one in at a time."""

    def __init__(
        self, credentials: Credentials, endpoint: Endpoint, telemetry: Telemetry, now: Callable[[], float]
    ) -> None:
        """Ask `endpoint` with what `credentials` holds. Nothing is read yet. `now` gives epoch seconds."""
        self._now = now
        self._credentials = credentials
        self._endpoint = endpoint
        self._telemetry = telemetry
        self._read: ClientCredentials | None = None
        self._used: ClientCredentials | None = None

    @property
    def known_id(self) -> str | None:
        """The client id in use; None before anything was read."""
        return None if self._used is None else self._used.client_id

    @property
    def is_next(self) -> bool:
        """Whether `next` is in use, because `current` was refused."""
        return self._used is not self._read

    def known(self) -> ClientCredentials:
        """Return the pair in use. The first time it is read; raises what `Credentials.read` raises."""
        return self._used or self._take(self._credentials.read())

    def other_id(self) -> str | None:
        """Return the client id of `next` where it is another one than that in use; None where there is none."""
        following = self.known().next
        return None if following is None or following.client_id == self.known().client_id else following.client_id

    def use_next(self) -> None:
        """Go on with `next`, which another environment was given a token for."""
        following = self.known().next
        if following is not None:
            self._use(following)

    def request(self, deadline: Deadline) -> AccessToken:
        """Ask the endpoint. Where it refuses, ask with what the secret holds by now and was not tried yet.

        Raises what the endpoint raises; where it refuses everything, the last refusal.
        """
        if self.is_next:
            self._look_for_promotion()
        used = self.known()
        try:
            return self._ask(used, deadline)
        except CredentialsError as error:
            refusal = error
            read = self._take(self._credentials.read())
        if read.version != used.version:
            self._telemetry.log.info("The client secret was changed and has been read again")
        for pair in (read, read.next):
            if pair is None or pair.is_same_pair(used) or (pair is not read and not _concerns_the_pair(refusal)):
                continue
            try:
                return self._ask(pair, deadline)
            except CredentialsError as error:
                refusal = error
        raise refusal

    def _look_for_promotion(self) -> None:
        """While `next` is in use, see whether the secret was changed meanwhile. What can't be read changes nothing."""
        used = self.known()
        with suppress(BridgeError):
            read = self._credentials.read()
            if read.version != used.version:
                self._take(read)

    def _ask(self, pair: ClientCredentials, deadline: Deadline) -> AccessToken:
        token = self._endpoint.request(pair, deadline)
        # Named again with each token, so that it is never the one that is forgotten.
        self._protect(pair)
        self._use(pair)
        return token

    def _use(self, pair: ClientCredentials) -> None:
        self._used = pair
        if self.is_next:
            self._telemetry.count("NextSecretInUse")
            self._telemetry.log.warning(
                "ServiceNow refuses the secret's current client credentials; the next ones are in use",
                extra={"action": "Promote them: make secret STACK=<name> OPTIONS=--promote."},
            )

    def _take(self, read: ClientCredentials) -> ClientCredentials:
        self._protect(read)
        if read.next is not None:
            self._protect(read.next)
        if read.certificate is not None:
            self._look_at(read.certificate)
        self._read = self._used = read
        return read

    def _look_at(self, certificate: ClientCertificate) -> None:
        self._telemetry.protect(certificate.key)
        if certificate.is_ending(self._now()):
            self._telemetry.count("ClientCertificateEnding")
            self._telemetry.log.warning(
                "The client certificate in the secret ends soon, or has ended",
                extra={
                    "ends": certificate.last_day,
                    "action": "Store another: make secret STACK=<name> OPTIONS='--certificate <chain> <key>'.",
                },
            )

    def _protect(self, pair: ClientCredentials) -> None:
        self._telemetry.protect(pair.client_secret)


def _concerns_the_pair(refusal: CredentialsError) -> bool:
    """Tell whether another pair could fare better: ServiceNow answers a wrong secret with 401, and its own words."""
    return refusal.code in _REFUSED_CLIENT or refusal.status == HTTPStatus.UNAUTHORIZED
