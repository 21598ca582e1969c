"""Refund legs in any state, and what was said and queued about them."""

from __future__ import annotations

from datetime import datetime, timedelta
from typing import Any

from sqlalchemy import select

from recourse.core.outbox import Outbox
from recourse.refunds import legs, reading
from recourse.refunds import service as refunds
from recourse.refunds.legs import Recorded
from recourse.refunds.reading import LegView
from tests.unit.world import CARD, World

PATHS = {
    "created": (),
    "submitted": ("sent",),
    "processing": ("sent", "processing"),
    "requires_action": ("sent", "requires_action"),
    "succeeded": ("sent", "processing", "succeeded"),
    "failed": ("sent", "processing", "failed"),
    "reversed": ("sent", "processing", "succeeded", "reversed"),
}


def cancelled(world: World, **order: Any) -> str:
    """An order that was paid and cancelled with the seller's yes; returns its number."""
    number = world.order(**order)
    world.approve(world.ask(number))
    return number


def leg(world: World, state: str = "created", way: tuple[str, str] = CARD, **order: Any) -> str:
    """The only leg of a fresh refund, brought to ``state``; returns its id. Each step takes a minute."""
    number = cancelled(world, ways=(way,), **order)
    (found,) = world.refunds(number)[0].legs
    for step in PATHS[state]:
        world.now += timedelta(minutes=1)
        if step == "sent":
            send(world, found.id)
        else:
            assert say(world, found.id, step).outcome == "applied"
    return found.id


def send(world: World, leg_id: str) -> Any:
    with world.transaction() as session:
        return legs.start_sending(session, leg_id, world.now)


def say(world: World, leg_id: str, event: str, at: datetime | None = None, **details: Any) -> Recorded:
    """The provider says ``event`` of a leg, now or at another time."""
    with world.transaction() as session:
        return refunds.record_result(session, event, at or world.now, world.now, leg_id=leg_id, **details)


def see(world: World, leg_id: str) -> LegView:
    with world.reading() as session:
        return reading.get_leg(session, leg_id, world.now.date())


def queued(world: World, topic: str, **about: str) -> list[Outbox]:
    """Outbox rows of a topic, oldest first, done or not."""
    with world.reading() as session:
        rows = session.scalars(select(Outbox).where(Outbox.topic == topic).order_by(Outbox.created_at, Outbox.id)).all()
    return [row for row in rows if about.items() <= row.payload.items()]


def told(world: World, leg_id: str) -> list[str]:
    """Kinds of notices about a leg."""
    return [row.payload["kind"] for row in queued(world, "buyer_notice", leg_id=leg_id)]


def alerts(world: World) -> list[str]:
    """Kinds of alerts for staff, sorted."""
    return sorted(row.payload["kind"] for row in queued(world, "staff_alert"))
