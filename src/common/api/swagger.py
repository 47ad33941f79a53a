"""A page about the API, for people."""

import json
from pathlib import Path

from aws_lambda_powertools import event_handler
from aws_lambda_powertools.event_handler import APIGatewayRestResolver, Response

from common.api.openapi import describe
from common.api.problems import Answer
from common.api.resolver import as_response

# Everything stands in the page itself, which talks to nobody but the API that showed it.
_POLICY = (
    "default-src 'none'; script-src 'unsafe-inline'; style-src 'unsafe-inline'; img-src data:; connect-src 'self'; "
    "base-uri 'none'; form-action 'none'; frame-ancestors 'none'"
)
_SWAGGER_UI = Path(event_handler.__file__).parent / "openapi" / "swagger_ui"


def swagger_page(app: APIGatewayRestResolver) -> Response[str]:
    """Return a page that shows the OpenAPI document; it needs nothing from elsewhere."""
    from aws_lambda_powertools.event_handler.openapi.swagger_ui import (  # noqa: PLC0415 (hardly ever needed)
        generate_swagger_html,
    )

    context = app.current_event.request_context
    stage = f"/{context.stage}"
    document = describe(app) | {"servers": [{"url": stage if context.path.startswith(stage) else "/"}]}
    page = generate_swagger_html(
        json.dumps(document).replace("</", "<\\/"),
        (_SWAGGER_UI / "swagger-ui-bundle.min.js").read_text(encoding="utf-8"),
        (_SWAGGER_UI / "swagger-ui.min.css").read_text(encoding="utf-8"),
        "",
        None,
    )
    return as_response(Answer(200, page, "text/html", {"Content-Security-Policy": _POLICY}))
