"""Returns: what a seller decides about goods that a buyer wants to send back."""

from __future__ import annotations

from datetime import datetime
from typing import Annotated

from fastapi import APIRouter, Query
from sqlalchemy.orm import Session
from starlette.responses import Response

from recourse.gateway.seller_api import views
from recourse.gateway.seller_api.call import Reads, Writes
from recourse.gateway.seller_api.paths import Id
from recourse.gateway.seller_api.schemas import InstructionsIn, ReasonIn, ReturnDone, ReturnList, ReturnOut
from recourse.returns import listing
from recourse.returns import service as returns

router = APIRouter(tags=["returns"])


@router.get("/returns", response_model=ReturnList)
async def list_returns(call: Reads, limit: Annotated[int, Query(ge=1, le=100)] = 50) -> ReturnList:
    """Open returns of your orders, oldest first."""

    def work(session: Session) -> ReturnList:
        found = listing.open_for_seller(session, call.seller_id, limit)
        return ReturnList(returns=[views.return_out(session, returns.get(session, each)) for each in found])

    return await call.read(work)


@router.get("/returns/{return_id}", response_model=ReturnOut)
async def get_return(call: Reads, return_id: Id) -> ReturnOut:
    """One return."""
    return await call.read(
        lambda session: views.return_out(session, returns.of_seller(session, call.seller_id, return_id))
    )


@router.post("/returns/{return_id}/approve", response_model=ReturnDone)
async def approve(once: Writes, return_id: Id, body: InstructionsIn) -> Response:
    """Agree; say where and how the goods are to be sent."""

    def work(session: Session, now: datetime) -> ReturnDone:
        done = returns.seller_approves(session, once.call.seller_id, return_id, body.instructions, now)
        return views.return_done(done)

    return await once.do(body, work)


@router.post("/returns/{return_id}/decline", response_model=ReturnDone)
async def decline(once: Writes, return_id: Id, body: ReasonIn) -> Response:
    """Refuse, with a reason; the buyer may open a dispute."""

    def work(session: Session, now: datetime) -> ReturnDone:
        done = returns.seller_declines(session, once.call.seller_id, return_id, body.reason, now)
        return views.return_done(done)

    return await once.do(body, work)


@router.post("/returns/{return_id}/received", response_model=ReturnDone)
async def received(once: Writes, return_id: Id) -> Response:
    """The goods are back and in order: the refund is granted."""

    def work(session: Session, now: datetime) -> ReturnDone:
        done = returns.seller_received(session, once.call.seller_id, return_id, now)
        return views.return_done(done)

    return await once.do(None, work)
