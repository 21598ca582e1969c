"""The seller API as an application of its own, which the gateway mounts at ``/seller/v1``."""

from __future__ import annotations

from collections.abc import MutableMapping
from typing import Any

from fastapi import FastAPI, Security
from fastapi.security import HTTPBearer
from starlette.datastructures import Headers

from recourse.gateway.api_common import HANDLERS, ErrorOut
from recourse.gateway.door import Admit, Door, bearer
from recourse.gateway.errors import unauthorised
from recourse.gateway.runtime import Gateway
from recourse.gateway.seller_api import dispute_routes, order_routes, request_routes, return_routes
from recourse.sellers import keys

PREFIX = "/seller/v1"
BODY_MAX = 32 * 1024
_ERRORS: dict[int | str, dict[str, Any]] = {
    401: {"model": ErrorOut, "description": "The key is missing, unknown or revoked."},
    404: {"model": ErrorOut, "description": "There is no such thing among this seller's orders."},
    409: {"model": ErrorOut, "description": "Not now: the state or a deadline forbids it, or the key was used before."},
    413: {"model": ErrorOut, "description": "The body is too large."},
    422: {"model": ErrorOut, "description": "A value does not have the form that it must have."},
    429: {"model": ErrorOut, "description": "Too many requests; Retry-After says how long to wait."},
}


def seller_api(gateway: Gateway) -> FastAPI:
    """The seller API over the store of ``gateway``."""
    app = FastAPI(
        title="Recourse seller API",
        version="1",
        description=(
            "Requests, messages, shipments, offers, disputes and returns of one seller. Every POST takes an "
            "Idempotency-Key: sent again with the same body, it answers with the first answer and does nothing."
        ),
        docs_url=None,
        redoc_url=None,
        redirect_slashes=False,
        servers=[{"url": PREFIX}],
        root_path_in_servers=False,
        responses=_ERRORS,
        dependencies=[Security(HTTPBearer(auto_error=False, scheme_name="sellerKey", description="A key: sk_..."))],
        exception_handlers=HANDLERS,
    )
    app.add_middleware(Door, gateway=gateway, admit=_admit(gateway), body_max=BODY_MAX)
    app.state.gateway = gateway
    for routes in (request_routes, order_routes, dispute_routes, return_routes):
        app.include_router(routes.router)
    return app


def _admit(gateway: Gateway) -> Admit:
    """Leaves the seller's id in ``request.state.seller_id``."""

    async def admit(headers: Headers, state: MutableMapping[str, Any]) -> None:
        plain = bearer(headers, unauthorised("no_key", "Send the seller's key as 'Authorization: Bearer sk_...'."))
        seller_id = await gateway.store.read(lambda session: keys.authenticate(session, plain))
        if seller_id is None:
            raise unauthorised("wrong_key", "This key is unknown or was revoked. Ask the platform for a new one.")
        state["seller_id"] = seller_id

    return admit
