"""Returns and withdrawals as other capabilities see them, and how they are read. Nothing here writes."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from datetime import datetime

from sqlalchemy import select
from sqlalchemy.orm import Session

from recourse.core.errors import NotFound
from recourse.orders import service as orders
from recourse.orders.rules import OrderView
from recourse.returns.models import Return, Withdrawal
from recourse.returns.rules import OPEN_STATES


@dataclass(frozen=True, slots=True)
class Piece:
    """So many pieces of one order line."""

    line_id: str
    title: str
    qty: int


@dataclass(frozen=True, slots=True)
class ReturnView:
    """One return as its row says it now. Times are aware UTC; a deadline is None where it does not apply (yet).

    ``kind``: free, agreed or withdrawal. ``label_cost_by``: who pays the postage, buyer or seller. ``withdrawal_id``: the
    declaration that it belongs to, if any. ``refund_by``: when a withdrawal is refunded on proof of sending.
    """

    id: str
    order_id: str
    order_number: str
    customer_id: str
    seller_id: str
    seller: str
    kind: str
    reason_code: str | None
    note: str | None
    state: str
    requested_at: datetime
    respond_by: datetime | None
    ship_back_by: datetime | None
    inspect_by: datetime | None
    refund_by: datetime | None
    label_cost_by: str
    carrier: str | None
    tracking: str | None
    received_at: datetime | None
    decline_reason: str | None
    instructions: str | None
    pieces: tuple[Piece, ...]
    withdrawal_id: str | None

    @property
    def is_open(self) -> bool:
        """Is it still under way?"""
        return self.state in OPEN_STATES


@dataclass(frozen=True, slots=True)
class WithdrawalView:
    """One declaration to withdraw. ``declared_at``: when it was received (UTC). ``deadline``: None while the time has not begun.

    ``outcome``:

    - ``return_opened``: the right holds; ``return_id`` takes the goods back;
    - ``waiting``: it holds, but another process owns the order; a return is opened when that is over;
    - ``refused``: there is no such right; ``why`` says why. The receipt is on record all the same.

    ``acknowledgement``: the text that confirms receipt, with date and time.
    """

    id: str
    order_id: str
    order_number: str
    customer_id: str
    return_id: str | None
    declared_at: datetime
    deadline: datetime | None
    within: bool
    why: str
    pieces: tuple[Piece, ...]
    acknowledgement: str

    @property
    def outcome(self) -> str:
        """What came of it."""
        if self.return_id:
            return "return_opened"
        return "waiting" if self.why == "in_time" else "refused"


def get(session: Session, return_id: str) -> ReturnView:
    """One return, for services and notices. Raises NotFound."""
    return view(session, row_of(session, return_id))


def get_own(session: Session, customer_id: str, return_id: str) -> ReturnView:
    """The buyer's own return. Raises NotFound, with the same words for somebody else's."""
    row = row_of(session, return_id)
    if row.customer_id != customer_id:
        raise missing(return_id)
    return view(session, row)


def of_order(session: Session, order_id: str) -> list[ReturnView]:
    """Every return of an order, oldest first."""
    rows = session.scalars(select(Return).where(Return.order_id == order_id).order_by(Return.requested_at, Return.id))
    return _views(session, rows)


def open_of(session: Session, order_ids: Sequence[str]) -> dict[str, ReturnView]:
    """Order id -> its open return, for those of ``order_ids`` that have one."""
    query = select(Return).where(Return.order_id.in_(list(order_ids)), Return.state.in_(OPEN_STATES))
    return {each.order_id: each for each in _views(session, session.scalars(query))}


def open_pieces(session: Session, order_id: str) -> dict[str, int]:
    """Line id -> pieces that an open return of the order is about."""
    row = open_row(session, order_id)
    return {line.line_id: line.qty for line in row.lines} if row else {}


def of_seller(session: Session, seller_id: str, return_id: str) -> ReturnView:
    """A return of this seller's order. Raises NotFound, with the same words for another seller's."""
    found = get(session, return_id)
    if found.seller_id != seller_id:
        raise missing(return_id)
    return found


def withdrawal(session: Session, customer_id: str, withdrawal_id: str) -> WithdrawalView:
    """The buyer's own declaration. Raises NotFound, with the same words for somebody else's."""
    row = session.get(Withdrawal, withdrawal_id, populate_existing=True)
    if row is None or row.customer_id != customer_id:
        raise NotFound(f"no withdrawal {withdrawal_id} for this buyer")
    return withdrawal_view(row, orders.get_by_id(session, row.order_id))


def withdrawals_of(session: Session, order_id: str) -> list[WithdrawalView]:
    """Every declaration about an order, oldest first."""
    rows = session.scalars(
        select(Withdrawal).where(Withdrawal.order_id == order_id).order_by(Withdrawal.declared_at, Withdrawal.id)
    ).all()
    return [withdrawal_view(row, orders.get_by_id(session, order_id)) for row in rows]


def is_withdrawal(session: Session, id_: str) -> bool:
    """Is this the id of a declaration, and not of a return?"""
    return session.get(Withdrawal, id_) is not None


def row_of(session: Session, return_id: str) -> Return:
    """The row, read fresh. Raises NotFound."""
    row = session.get(Return, return_id, populate_existing=True)
    if row is None:
        raise missing(return_id)
    return row


def open_row(session: Session, order_id: str) -> Return | None:
    """The open return of an order, read fresh."""
    query = select(Return).where(Return.order_id == order_id, Return.state.in_(OPEN_STATES))
    return session.scalars(query.execution_options(populate_existing=True)).one_or_none()


def missing(return_id: str) -> NotFound:
    """What is said of a return that does not exist for whoever asks."""
    return NotFound(f"no return {return_id}; look it up by its order")


def view(session: Session, row: Return, order: OrderView | None = None) -> ReturnView:
    """``row`` for others; ``order``: if it has been read already."""
    order = order or orders.get_by_id(session, row.order_id)
    titles = {line.id: line.title for line in order.lines}
    declared = None
    if row.kind == "withdrawal":
        query = select(Withdrawal.id).where(Withdrawal.return_id == row.id).order_by(Withdrawal.declared_at)
        declared = session.scalar(query.limit(1))
    return ReturnView(
        id=row.id,
        order_id=row.order_id,
        order_number=order.number,
        customer_id=row.customer_id,
        seller_id=order.seller_id,
        seller=order.seller,
        kind=row.kind,
        reason_code=row.reason_code,
        note=row.reason_note,
        state=row.state,
        requested_at=row.requested_at,
        respond_by=row.respond_by,
        ship_back_by=row.ship_back_by,
        inspect_by=row.inspect_by,
        refund_by=row.refund_by,
        label_cost_by=row.label_cost_by,
        carrier=row.carrier,
        tracking=row.tracking,
        received_at=row.received_at,
        decline_reason=row.decline_reason,
        instructions=row.instructions,
        pieces=tuple(Piece(line.line_id, titles[line.line_id], line.qty) for line in row.lines),
        withdrawal_id=declared,
    )


def withdrawal_view(row: Withdrawal, order: OrderView) -> WithdrawalView:
    """``row`` for others."""
    titles = {line.id: line.title for line in order.lines}
    return WithdrawalView(
        id=row.id,
        order_id=row.order_id,
        order_number=order.number,
        customer_id=row.customer_id,
        return_id=row.return_id,
        declared_at=row.declared_at,
        deadline=row.deadline,
        within=row.within,
        why=row.why,
        pieces=tuple(Piece(line_id, titles[line_id], qty) for line_id, qty in row.pieces.items()),
        acknowledgement=row.ack_document,
    )


def _views(session: Session, rows: Iterable[Return]) -> list[ReturnView]:
    return [view(session, row) for row in list(rows)]
