"""A whole life through the services, then forgotten: the rows that stay keep every invariant (checked when the test is over)."""

from __future__ import annotations

from datetime import timedelta

import pytest
from sqlalchemy import select

from recourse.core.errors import NotAllowed
from recourse.core.transitions import Actor
from recourse.handoff import service as handoff
from recourse.handoff.models import Handoff
from recourse.handoff.payload import parse
from recourse.messages import service as messages
from recourse.migrations.tables import metadata
from recourse.refunds import legs
from recourse.watches import service as watches
from tests.unit.handoff.conftest import AGENT, Desk
from tests.unit.privacy.conftest import Privacy
from tests.unit.world import BALANCE, BUYER, CARD, World

NAME = "Erika Mustermann"


def pay_out(world: World, number: str) -> None:
    """The bank pays every leg of the order's refunds."""
    for refund in world.refunds(number):
        for leg in refund.legs:
            with world.transaction() as session:
                legs.start_sending(session, leg.id, world.now)
            with world.transaction() as session:
                legs.record_result(session, "succeeded", world.now, world.now, leg_id=leg.id, arn="ARN-1")


def words_left(world: World) -> str:
    """Everything that any table says, as text."""
    with world.reading() as session:
        return "\n".join(
            str(dict(row)) for table in metadata.sorted_tables for row in session.execute(select(table)).mappings()
        )


def test_a_life_with_everything_settled(privacy: Privacy) -> None:
    world = privacy.world
    number = world.order(coupon=300, ways=(CARD, BALANCE), shares=(1000,))
    desk = Desk(world)
    desk.say(f"I am {NAME}", "c-1")
    request = world.submit(world.quote(number), reason="other", note=f"{NAME} moved").request
    assert request is not None
    with world.transaction() as session:
        messages.send(session, Actor("buyer", BUYER), number, f"Regards, {NAME}", f"{NAME}-1", world.now)
        messages.send(session, Actor("seller", "acme"), number, f"Dear {NAME}", "s-1", world.now)
        watches.watch(session, BUYER, "MUG", "Stoneware mug", world.now)
    case = desk.open(number, wants=f"{NAME} wants help")
    world.approve(request.id)
    pay_out(world, number)
    rejected = world.order(ago=timedelta(hours=2))
    world.reject(world.ask(rejected), reason=f"Sorry, {NAME}, already made")
    world.ship(rejected)
    with world.transaction() as session:
        handoff.resolve(session, case.case_no, AGENT, f"called {NAME}", world.now)
    assert NAME in words_left(world)
    view = privacy.ask()
    assert [(each.kind, each.number) for each in view.blockers] == [("order", rejected)]
    world.now = view.due_at
    assert privacy.settle(view) is not None
    partly = privacy.finish(view)
    assert partly.partial
    assert f"Sorry, {NAME}" in words_left(world)
    world.set_order(rejected, protect_until=world.now)
    world.now += timedelta(hours=1)
    privacy.settle(view)
    done = privacy.run(view)
    assert done is not None
    assert not done.partial
    assert NAME not in words_left(world)
    with world.reading() as session:
        stored = session.scalars(select(Handoff)).one().payload
    assert parse(stored).order is not None
    assert [leg.instrument for refund in world.refunds(number) for leg in refund.legs] == ["card", "balance"]


def test_a_seller_who_writes_later_reaches_nobody(privacy: Privacy) -> None:
    world = privacy.world
    number = world.order("completed")
    privacy.finish(privacy.ask())
    with world.transaction() as session, pytest.raises(NotAllowed, match="account was deleted"):
        messages.send(session, Actor("seller", "acme"), number, f"Were you happy, {NAME}?", "s-9", world.now)
    assert NAME not in words_left(world)
