"""Whether a refusal that nobody understands concerns everybody: told by what becomes of the others."""

from collections import Counter, OrderedDict

_MOST_PROBLEMS = 1000


class Precedents:
    """What became of writes of one kind (method and table), in this environment.

    A problem that is refused waits at first. If others were accepted by the time at which it is refused again, then it
    was about this one; else about everybody.
    """

    def __init__(self) -> None:
        """Know nothing yet."""
        self._accepted: Counter[tuple[str, str]] = Counter()
        self._refused: OrderedDict[tuple[str, str, str], int] = OrderedDict()

    def accept(self, method: str, table: str, problem: str) -> None:
        """Remember that ServiceNow carried a write out."""
        self._accepted[method, table] += 1
        self._refused.pop((method, table, problem), None)

    def tell(self) -> None:
        """Let others know what was accepted. Nobody waits for it, and nothing is raised."""

    def concerns_everybody(self, method: str, table: str, problem: str) -> bool:
        """Tell whether a refusal of this problem's write has to be taken for one of all; it is remembered."""
        accepted = self._accepted[method, table]
        key = (method, table, problem)
        before = self._refused.setdefault(key, accepted)
        if len(self._refused) > _MOST_PROBLEMS:
            self._refused.popitem(last=False)
        return accepted == before
