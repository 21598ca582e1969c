"""A state changes in one way only: compare-and-set with one log row."""

from __future__ import annotations

from datetime import UTC, datetime

import pytest
from sqlalchemy import Engine, select, update

from recourse.core.db import reading
from recourse.core.errors import Conflict, NotAllowed
from recourse.core.transitions import Actor, TransitionLog, change_state, created, log_of
from recourse.orders import service as orders
from recourse.orders.models import Order
from recourse.orders.rules import ORDER_MACHINE
from tests.unit.world import NOW, World

AT = datetime(2026, 11, 24, 12, 30, tzinfo=UTC)
PSP = Actor("psp", "bank-1")


def test_a_move_changes_the_row_and_writes_one_log_row(world: World) -> None:
    number = world.order("awaiting_payment")
    with world.transaction() as session:
        row = session.scalars(select(Order).where(Order.number == number)).one()
        change_state(session, row, "payment_review", ORDER_MACHINE, PSP, AT, "risk", review_by=AT)
        assert (row.state, row.version, row.review_by, row.updated_at) == ("payment_review", 2, AT, AT)
        change_state(session, row, "cancelled", ORDER_MACHINE, PSP, AT, "refused", cancelled_at=AT)
        orders.cancel_pieces(session, row.id, {line.id: line.qty for line in row.lines})
        log = log_of(session, row.id)
    assert [(move.from_state, move.to_state, move.actor_type, move.reason) for move in log] == [
        (None, "awaiting_payment", "buyer", None),
        ("awaiting_payment", "payment_review", "psp", "risk"),
        ("payment_review", "cancelled", "psp", "refused"),
    ]
    assert log[1].actor_id == "bank-1"
    assert log[1].at == AT


def test_moves_of_the_same_moment_keep_their_order(world: World) -> None:
    number = world.order("to_ship", ago=NOW - NOW)
    with world.reading() as session:
        order = session.scalars(select(Order).where(Order.number == number)).one()
        payment = order.allocations[0].payment
        assert [move.to_state for move in log_of(session, payment.id)] == ["pending", "authorised", "captured"]


@pytest.mark.parametrize(("to", "actor"), [("shipped", PSP), ("to_ship", Actor("buyer")), ("awaiting_payment", PSP)])
def test_a_move_that_the_machine_does_not_know_is_refused(world: World, to: str, actor: Actor) -> None:
    number = world.order("awaiting_payment")
    with pytest.raises(NotAllowed, match="may not move awaiting_payment"), world.transaction() as session:
        row = session.scalars(select(Order).where(Order.number == number)).one()
        change_state(session, row, to, ORDER_MACHINE, actor, AT)
    assert world.see(number).state == "awaiting_payment"


def test_a_row_may_not_be_born_in_the_middle(world: World) -> None:
    number = world.order("to_ship")
    with pytest.raises(NotAllowed, match="may not move nothing to to_ship"), world.transaction() as session:
        created(session, session.scalars(select(Order).where(Order.number == number)).one(), ORDER_MACHINE, PSP, AT)


@pytest.mark.parametrize("stale", [{"state": "cancelled"}, {"version": 7}])
def test_a_row_that_somebody_else_changed_is_a_conflict(store: Engine, stale: dict[str, object]) -> None:
    world = World(store)  # not audited: this test changes a row behind the log's back
    number = world.order("awaiting_payment")
    with pytest.raises(Conflict, match="changed by somebody else"), world.transaction() as session:
        row = session.scalars(select(Order).where(Order.number == number)).one()
        query = update(Order).where(Order.id == row.id).values(**stale)
        session.execute(query.execution_options(synchronize_session=False))
        change_state(session, row, "payment_review", ORDER_MACHINE, PSP, AT)


def test_a_long_reason_is_cut_and_not_refused(world: World) -> None:
    number = world.order("awaiting_payment")
    with world.transaction() as session:
        row = session.scalars(select(Order).where(Order.number == number)).one()
        change_state(session, row, "cancelled", ORDER_MACHINE, Actor("seller"), AT, "x" * 2000)
        orders.cancel_pieces(session, row.id, {line.id: line.qty for line in row.lines})
    with reading(world.engine) as session:
        longest = max(session.scalars(select(TransitionLog.reason)).all(), key=lambda reason: len(reason or ""))
    assert longest == "x" * 500
