"""What is said of money that was only reserved: one line a tender, and no release that did not happen."""

from __future__ import annotations

from sqlalchemy import select

from recourse.core.words import Words
from recourse.demo import shop
from recourse.demo.shop import Given
from recourse.orders.models import Order, Payment
from recourse.overview import service as overview
from recourse.replies import cancellation
from recourse.replies.voice import Voice
from tests.unit.world import BUYER, CARD, World


def said_after_cancelling(world: World, number: str) -> str:
    assert world.cancel(number).outcome == "cancelled"
    with world.reading() as session:
        item = overview.case(session, BUYER, number, world.now)
        return cancellation.done(Voice(Words.load(), "en-GB", "UTC"), item).values["money"]


def test_a_reservation_of_one_order_is_released(world: World) -> None:
    assert "is released" in said_after_cancelling(world, world.order("payment_review"))


def test_a_reservation_that_another_order_needs_is_not_said_to_be_released(world: World) -> None:
    first, second = world.order("awaiting_payment"), world.order("awaiting_payment")
    with world.transaction() as session:
        rows = [session.scalars(select(Order).where(Order.number == number)).one() for number in (first, second)]
        rows[1].group_id = rows[0].group_id
        shop.authorise(session, rows, [Given(*CARD, 5000)], world.now)
    said = said_after_cancelling(world, first)
    assert "no other order of that checkout needs it" in said
    assert "released" not in said
    with world.reading() as session:
        (state,) = session.scalars(select(Payment.state)).all()
    assert state == "authorised"
