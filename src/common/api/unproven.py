"""What comes without a signature: the request as its proof is judged, and the one answer to all that prove nothing."""

from common.api.admission import Admitted
from common.doors.proof import Delivery

UNPROVEN = "The request shows no right to this: no permission of IAM, or no secret of its source."
"""The same for an unknown source, a wrong secret and, from the gateway (template.yaml), a door that is closed."""

PROVE = "Sign it as a role that may call the API, or send a webhook with the secret of its source."


def delivery_of(request: Admitted) -> Delivery:
    """Return a webhook's request as it came."""
    headers = request.event.get("headers") or {}
    query = request.event.get("queryStringParameters") or {}
    return Delivery(
        headers={str(name).lower(): str(value) for name, value in headers.items()},
        query={str(name): str(value) for name, value in query.items()},
        body=request.file,
    )
