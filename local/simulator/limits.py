"""Rate-limit rules and node semaphores."""

from collections import Counter

from .messages import ApiError

_HOUR = 3600
_NAMES = {
    "table": "Table API",
    "stats": "Aggregate API",
    "import": "Import Set API",
    "attachment": "Attachment API",
    "batch": "Batch API",
}
_RULE = "5f0ee8a5db2a4010a5d1c2f8dc961923"


class RateLimit:
    """Counts API calls within the hour.

    ServiceNow's rules are hourly (docs, inbound REST API rate limiting).
    """

    def __init__(self) -> None:
        """Start with an empty hour."""
        self._hour = 0
        self._counts: Counter[str] = Counter()

    def take(self, now: float, limit: int | None, api: str = "table") -> dict[str, str]:
        """Count one call of an API, each of which has its own limit, and return the headers of an allowed answer.

        Raises ApiError 429 over the limit.
        """
        if limit is None:
            return {}
        hour = int(now) // _HOUR
        if hour != self._hour:
            self._hour, self._counts = hour, Counter()
        self._counts[api] += 1
        reset = (hour + 1) * _HOUR
        headers = {
            "X-RateLimit-Limit": str(limit),
            "X-RateLimit-Reset": str(reset),
            "X-RateLimit-Rule": _RULE,
        }
        if self._counts[api] > limit:
            retry_after = {"Retry-After": str(max(reset - int(now), 1))}
            detail = f"Rate limit of {limit} requests per hour for {_NAMES.get(api, api)} exceeded"
            raise ApiError(429, "Rate limit exceeded", detail, headers | retry_after)
        return headers


def semaphore_full() -> ApiError:
    """Return the 429 of a node with too many API calls under way: it has no rate-limit headers."""
    return ApiError(429, "Too many requests", "Rejected by the API semaphore of this node")
