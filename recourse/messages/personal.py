"""A buyer's talk with sellers, to export and to erase."""

from __future__ import annotations

from collections.abc import Collection
from typing import Any

from sqlalchemy import select
from sqlalchemy.orm import Session

from recourse.core import personal
from recourse.messages.models import RequiredAction, SellerMessage, SellerOffer
from recourse.orders import personal as orders


def erase_customer(session: Session, customer_id: str, keep: Collection[str] = ()) -> int:
    """Forget every word between the buyer and sellers, whoever wrote it; returns how many rows.

    That something was written, by whom and when stays. ``keep``: ids of orders that are left alone.
    """
    changed = 0
    gone = [order_id for order_id in orders.numbers(session, customer_id) if order_id not in keep]
    for some in personal.chunks(gone):
        changed += _erase_messages(session, some)
        mine = [RequiredAction.order_id.in_(some)]
        changed += personal.blank(session, RequiredAction, mine, text=personal.DELETED, url=None, answer=None)
        changed += personal.blank(session, SellerOffer, [SellerOffer.order_id.in_(some)], text=personal.DELETED)
        for model in (RequiredAction, SellerOffer):
            ids = session.scalars(select(model.id).where(model.order_id.in_(some))).all()
            changed += personal.forget_reasons(session, ids)
    return changed


def export_customer(session: Session, customer_id: str) -> list[dict[str, Any]]:
    """Messages, what sellers asked for, and their offers, oldest first."""
    made: list[dict[str, Any]] = []
    logged: list[str] = []
    for some in personal.chunks(list(orders.numbers(session, customer_id))):
        sent = session.scalars(
            select(SellerMessage)
            .where(SellerMessage.order_id.in_(some))
            .order_by(SellerMessage.sent_at, SellerMessage.id)
        )
        made += personal.table(
            "seller_message", personal.plains(sent, "id order_id author purpose text off_platform sent_at read_at")
        )
        asked = session.scalars(
            select(RequiredAction)
            .where(RequiredAction.order_id.in_(some))
            .order_by(RequiredAction.asked_at, RequiredAction.id)
        ).all()
        made += personal.table(
            "required_action",
            personal.plains(asked, "id order_id request_id kind text url answer state asked_at answered_at"),
        )
        offers = session.scalars(
            select(SellerOffer).where(SellerOffer.order_id.in_(some)).order_by(SellerOffer.offered_at, SellerOffer.id)
        ).all()
        made += personal.table(
            "seller_offer",
            personal.plains(
                offers, "id order_id request_id amount currency text state offered_at expires_at decided_at"
            ),
        )
        logged += [row.id for row in asked] + [row.id for row in offers]
    return made + personal.table("history", personal.history(session, logged))


def _erase_messages(session: Session, order_ids: list[str]) -> int:
    changed = 0
    for row in session.scalars(select(SellerMessage).where(SellerMessage.order_id.in_(order_ids))):
        if (row.text, row.client_msg_id) != (personal.DELETED, row.id):
            row.text, row.client_msg_id = personal.DELETED, row.id
            changed += 1
    session.flush()
    return changed
