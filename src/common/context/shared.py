"""What one environment looked up, for all others: small items of the ledger's table, beside those of the problems.

Their keys begin with `context/`, which no problem's does. Trouble of the table costs nothing but another look-up.
"""

from collections.abc import Mapping

from common.errors import BridgeError
from common.incidents.alert import digest
from common.incidents.ledger import Ledger

CONTEXT_KEY = "context/"
"""What the keys of these items begin with."""


class Shared:
    """Texts by name, for each thing that was looked up, until a moment. Safe for several threads."""

    def __init__(self, ledger: Ledger, *, deployment: str) -> None:
        """Keep them in the table of `ledger`."""
        self._ledger = ledger
        self._deployment = deployment

    def read(self, *parts: str) -> tuple[Mapping[str, str], float] | None:
        """Return what is known of the thing that `parts` name and until when, in seconds since the epoch."""
        try:
            stored = self._ledger.call("get_item", Key={"pk": {"S": self._key(parts)}}).get("Item")
            if stored is None:
                return None
            texts = {name: text["S"] for name, text in stored["texts"]["M"].items()}
            until = float(stored["until"]["N"])
        except (BridgeError, KeyError, ValueError):
            return None
        return (texts, until) if until * 1000 > self._ledger.now() else None

    def write(self, texts: Mapping[str, str], seconds: float, *parts: str) -> None:
        """Let others know it for so many seconds."""
        until = self._ledger.now() // 1000 + int(seconds)
        item = {
            "pk": {"S": self._key(parts)},
            "texts": {"M": {name: {"S": text} for name, text in texts.items()}},
            "until": {"N": str(until)},
            "expires_at": {"N": str(until + 3600)},
        }
        try:
            self._ledger.call("put_item", Item=item)
        except BridgeError:
            return

    def _key(self, parts: tuple[str, ...]) -> str:
        return f"{CONTEXT_KEY}{self._deployment}/{parts[0]}/{digest(*parts[1:])}"
