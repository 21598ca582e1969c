"""Disputes: what a seller answers to a buyer's claim."""

from __future__ import annotations

from datetime import datetime
from typing import Annotated

from fastapi import APIRouter, Query
from sqlalchemy.orm import Session
from starlette.responses import Response

from recourse.disputes import listing
from recourse.disputes import service as disputes
from recourse.gateway.seller_api import views
from recourse.gateway.seller_api.call import Reads, Writes
from recourse.gateway.seller_api.paths import Id
from recourse.gateway.seller_api.schemas import (
    AcceptIn,
    CounterIn,
    DisputeDone,
    DisputeList,
    DisputeOut,
    DisputeReasonIn,
)

router = APIRouter(tags=["disputes"])


@router.get("/disputes", response_model=DisputeList)
async def list_disputes(call: Reads, limit: Annotated[int, Query(ge=1, le=100)] = 50) -> DisputeList:
    """Open disputes about your orders, those that are due first at the top."""

    def work(session: Session) -> DisputeList:
        found = listing.open_for_seller(session, call.seller_id, limit)
        return DisputeList(disputes=[views.dispute_out(disputes.get(session, each)) for each in found])

    return await call.read(work)


@router.get("/disputes/{dispute_id}", response_model=DisputeOut)
async def get_dispute(call: Reads, dispute_id: Id) -> DisputeOut:
    """One dispute."""
    return await call.read(lambda session: views.dispute_out(disputes.of_seller(session, call.seller_id, dispute_id)))


@router.post("/disputes/{dispute_id}/accept", response_model=DisputeDone)
async def accept(once: Writes, dispute_id: Id, body: AcceptIn) -> Response:
    """Accept what the buyer proposes: the money goes back, or the goods come back first."""

    def work(session: Session, now: datetime) -> DisputeDone:
        return views.dispute_done(
            disputes.seller_accepts(session, once.call.seller_id, dispute_id, body.proposal_id, now)
        )

    return await once.do(body, work)


@router.post("/disputes/{dispute_id}/reject", response_model=DisputeDone)
async def reject(once: Writes, dispute_id: Id, body: DisputeReasonIn) -> Response:
    """Say no, with a reason: the negotiation begins."""

    def work(session: Session, now: datetime) -> DisputeDone:
        return views.dispute_done(disputes.seller_rejects(session, once.call.seller_id, dispute_id, body.reason, now))

    return await once.do(body, work)


@router.post("/disputes/{dispute_id}/counter", response_model=DisputeDone)
async def counter(once: Writes, dispute_id: Id, body: CounterIn) -> Response:
    """Propose something else."""

    def work(session: Session, now: datetime) -> DisputeDone:
        key = f"{once.call.seller_id}:{once.key}"
        return views.dispute_done(
            disputes.seller_counters(
                session, once.call.seller_id, dispute_id, body.wanted, body.amount_minor, body.text, key, now
            )
        )

    return await once.do(body, work)


@router.post("/disputes/{dispute_id}/received", response_model=DisputeDone)
async def received(once: Writes, dispute_id: Id) -> Response:
    """The goods are back and in order: the refund is granted."""

    def work(session: Session, now: datetime) -> DisputeDone:
        return views.dispute_done(disputes.seller_received(session, once.call.seller_id, dispute_id, now))

    return await once.do(None, work)


@router.post("/disputes/{dispute_id}/contest", response_model=DisputeDone)
async def contest(once: Writes, dispute_id: Id, body: DisputeReasonIn) -> Response:
    """Object to what came back: the platform decides."""

    def work(session: Session, now: datetime) -> DisputeDone:
        return views.dispute_done(disputes.seller_contests(session, once.call.seller_id, dispute_id, body.reason, now))

    return await once.do(body, work)
