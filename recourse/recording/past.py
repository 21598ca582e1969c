"""Where an order stood at a moment of the past, read from the log of its moves, and which story of the demo leads there."""

from __future__ import annotations

from dataclasses import dataclass, fields
from datetime import datetime

from sqlalchemy.orm import Session

from recourse.cancellations import service as cancellations
from recourse.core.transitions import TransitionLog, log_of
from recourse.disputes import views as disputes
from recourse.orders.rules import OrderView
from recourse.recording.situations import BY_SCENARIO, ONLY_IF_LABELLED, Situation
from recourse.refunds import reading as refunds
from recourse.refunds.rules import UNDER_WAY
from recourse.returns import views as returns

_WEIGHT = {"status": 8, "frozen": 8}
_OTHERWISE = 4


@dataclass(frozen=True, slots=True)
class Move:
    """One move of something that hangs on an order. ``kind``: the table of what moved."""

    order: OrderView
    kind: str
    entity_id: str
    to: str
    actor: str
    reason: str | None
    at: datetime


def moves_of(session: Session, order: OrderView) -> list[Move]:
    """Every move of the order, its requests, refunds, disputes and returns, in the order in which they happened."""
    ids = [order.id]
    ids += [request.id for request in cancellations.all_of(session, order.id)]
    ids += [dispute.id for dispute in disputes.of_order(session, order.id)]
    ids += [back.id for back in returns.of_order(session, order.id)]
    for refund in refunds.all_of(session, order.id, order.placed_at.date()):
        ids += [leg.id for leg in refund.attempts]
    rows = sorted((row for each in ids for row in log_of(session, each)), key=lambda row: (row.at, row.id))
    return [_move(order, row) for row in rows]


def situation_at(session: Session, order: OrderView, moves: list[Move], at: datetime) -> Situation:
    """Where the order stood at ``at``. A hold has no log: it is taken to have been there if it is there now."""
    past = [move for move in moves if move.at <= at]
    legs = {move.entity_id: move.to for move in past if move.kind == "refund_leg"}
    late = {
        leg.id
        for refund in refunds.all_of(session, order.id, at.date())
        for leg in refund.attempts
        if leg.expected_to < at.date() and legs.get(leg.id) in UNDER_WAY
    }
    return Situation(
        status=_last(past, "orders") or order.state,
        frozen=order.frozen,
        request=_last(past, "cancellation_request"),
        refund="+".join(sorted({"late" if each in late else _simple(state) for each, state in legs.items()})) or None,
        dispute=_last(past, "dispute"),
        back=_last(past, "return_request"),
    )


def story_of(order: OrderView, situation: Situation) -> tuple[str, bool]:
    """The scenario that leads to ``situation``, and whether that was guessed: where the order's own label does not fit (any more),
    the most alike is taken."""
    if order.scenario and BY_SCENARIO.get(order.scenario) == situation:
        return order.scenario, False
    usual = [name for name in BY_SCENARIO if name not in ONLY_IF_LABELLED]
    return max(usual, key=lambda name: (_alike(BY_SCENARIO[name], situation), name == order.scenario)), True


def _move(order: OrderView, row: TransitionLog) -> Move:
    return Move(order, row.entity_type, row.entity_id, row.to_state, row.actor_type, row.reason, row.at)


def _last(past: list[Move], kind: str) -> str | None:
    return next((move.to for move in reversed(past) if move.kind == kind), None)


def _simple(state: str) -> str:
    return "under_way" if state in UNDER_WAY else state


def _alike(one: Situation, other: Situation) -> int:
    same = [field.name for field in fields(Situation) if getattr(one, field.name) == getattr(other, field.name)]
    return sum(_WEIGHT.get(name, _OTHERWISE) for name in same)
