"""``POST /webhooks/payments``: the payment provider tells what became of refunds, payments and chargebacks.

Answers: 200 for everything that is verified and processed, known already or of no concern here; 400 for a bad or old signature
or a body that is no event; 5xx when we failed, so that it is sent again. ``recourse.payments.webhooks`` says what the events are.
"""

from __future__ import annotations

import structlog
from sqlalchemy.exc import IntegrityError
from starlette.requests import Request
from starlette.responses import JSONResponse, Response

from recourse.core.errors import Conflict
from recourse.gateway.errors import ApiError
from recourse.gateway.requests import require_pace, whole_body
from recourse.gateway.runtime import Gateway, gateway_of
from recourse.payments import webhooks
from recourse.payments.webhooks import BadSignature, Event

PATH = "/webhooks/payments"
BODY_MAX = 64 * 1024

_log = structlog.get_logger()


async def payment_webhook(request: Request) -> Response:
    """Verify one event and let it take effect."""
    gateway = gateway_of(request)
    secrets = gateway.config.provider_webhook_secrets
    if not secrets:
        raise ApiError(503, "not_set_up", "No webhook secret is set here: RECOURSE_PROVIDER_WEBHOOK_SECRET.")
    body = await whole_body(request, BODY_MAX)
    try:
        event = webhooks.verify(body, request.headers, secrets)
    except BadSignature as error:
        require_pace(gateway, request)  # whoever cannot sign may not make us calculate all day
        _log.warning("webhook_forged", size=len(body))
        raise ApiError(400, error.code, f"{error}.".capitalize()) from error
    outcome = await _handle(gateway, event)
    _log.info("webhook", event_id=event.id, type=event.type, outcome=outcome)
    return JSONResponse({"outcome": outcome})


async def _handle(gateway: Gateway, event: Event) -> str:
    try:
        return await gateway.store.write(lambda session: webhooks.handle(session, event, gateway.now()))
    except (Conflict, IntegrityError) as error:  # another writer was first: the sender repeats it
        raise ApiError(503, "busy", "Somebody else changed the same rows. Send the event again.") from error
