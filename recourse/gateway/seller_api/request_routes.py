"""Cancellation requests: read them, decide them, ask before deciding."""

from __future__ import annotations

import base64
import binascii
from datetime import datetime
from typing import Annotated, Literal

from fastapi import APIRouter, Query
from sqlalchemy.orm import Session
from starlette.responses import Response

from recourse.cancellations import listing
from recourse.cancellations import service as cancellations
from recourse.core.clock import require_utc
from recourse.core.errors import InvalidInput
from recourse.gateway.seller_api import views
from recourse.gateway.seller_api.call import Reads, Writes
from recourse.gateway.seller_api.paths import Id
from recourse.gateway.seller_api.schemas import AskDone, AskIn, RejectIn, RequestDone, RequestOut, RequestPage
from recourse.messages import asks

router = APIRouter(tags=["requests"])
State = Literal["pending_seller", "approved", "rejected", "withdrawn", "expired", "superseded"]


@router.get("/requests", response_model=RequestPage)
async def list_requests(
    call: Reads,
    state: State | None = None,
    cursor: Annotated[str | None, Query(max_length=200)] = None,
    limit: Annotated[int, Query(ge=1, le=100)] = 50,
) -> RequestPage:
    """Requests about your orders, oldest first, a page at a time."""
    after = _position(cursor) if cursor else None

    def work(session: Session) -> RequestPage:
        found = listing.ids_for_seller(session, call.seller_id, state, after, limit + 1)
        page = found[:limit]
        more = _cursor(*page[-1]) if len(found) > limit else None
        shown = [views.request_out(session, cancellations.get(session, request_id)) for request_id, _ in page]
        return RequestPage(requests=shown, next=more)

    return await call.read(work)


@router.get("/requests/{request_id}", response_model=RequestOut)
async def get_request(call: Reads, request_id: Id) -> RequestOut:
    """One request."""
    return await call.read(
        lambda session: views.request_out(session, *asks.request_of_seller(session, call.seller_id, request_id))
    )


@router.post("/requests/{request_id}/approve", response_model=RequestDone)
async def approve(once: Writes, request_id: Id) -> Response:
    """Say yes: what was asked for is cancelled, and the refund granted."""

    def work(session: Session, now: datetime) -> RequestDone:
        asks.request_of_seller(session, once.call.seller_id, request_id)
        done = cancellations.seller_approves(session, request_id, now, once.call.seller)
        return views.request_done(session, done)

    return await once.do(None, work)


@router.post("/requests/{request_id}/reject", response_model=RequestDone)
async def reject(once: Writes, request_id: Id, body: RejectIn) -> Response:
    """Say no, with a reason that the buyer reads. "Already shipped" needs proof."""

    def work(session: Session, now: datetime) -> RequestDone:
        asks.request_of_seller(session, once.call.seller_id, request_id)
        shipped_at = require_utc(body.shipped_at) if body.shipped_at else None
        done = cancellations.seller_rejects(
            session, request_id, body.reason, body.tracking, now, once.call.seller, shipped_at=shipped_at
        )
        return views.request_done(session, done)

    return await once.do(body, work)


@router.post("/requests/{request_id}/ask", response_model=AskDone, status_code=201)
async def ask(once: Writes, request_id: Id, body: AskIn) -> Response:
    """Ask the buyer for a form or a piece of information. The deadline stays where it is."""

    def work(session: Session, now: datetime) -> AskDone:
        return views.ask_done(asks.ask(session, once.call.seller_id, request_id, body.kind, body.text, body.url, now))

    return await once.do(body, work, 201)


def _cursor(request_id: str, at: datetime) -> str:
    return base64.urlsafe_b64encode(f"{at.isoformat()}|{request_id}".encode()).decode()


def _position(cursor: str) -> tuple[datetime, str]:
    try:
        at, _, request_id = base64.urlsafe_b64decode(cursor.encode()).decode().partition("|")
        return require_utc(datetime.fromisoformat(at)), request_id.replace("\0", "")
    except (ValueError, binascii.Error, OverflowError) as error:
        raise InvalidInput("cursor: take it from 'next' of the page before, as it is") from error
