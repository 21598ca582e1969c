"""Eight workers at once: buyers, sellers, carriers, the platform, banks and timers meet on the same orders in PostgreSQL.

HYPOTHESIS_PROFILE=nightly runs it over 1,000 orders. Time runs fast meanwhile, so that deadlines pass under everybody's hands.
"""

from __future__ import annotations

import os
import random
import threading
import time
from collections import Counter
from collections.abc import Callable, Iterator
from datetime import datetime, timedelta

import pytest
from sqlalchemy import text
from sqlalchemy.orm import Session

from recourse.audit import service as audit
from recourse.cancellations import service as cancellations
from recourse.core.db import engine_for, new_id, transaction
from recourse.core.errors import RecourseError
from recourse.core.money import Money
from recourse.core.transitions import Actor
from recourse.demo import shop
from recourse.demo.shop import Given, Item
from recourse.disputes import service as disputes
from recourse.fulfilment import service as fulfilment
from recourse.messages import offers as messages
from recourse.migrations.tables import metadata
from recourse.orders import service as orders
from recourse.orders.models import OrderGroup
from recourse.orders.rules import OrderView
from recourse.payments import chargebacks
from recourse.returns import service as returns
from recourse.worker import MACHINES
from tests.unit.world import BALANCE, BUYER, CARD, NOW, SELLER, World

WORKERS = 8
NIGHTLY = os.environ.get("HYPOTHESIS_PROFILE") == "nightly"
ORDERS = 1000 if NIGHTLY else 120
ROUNDS = 2 if NIGHTLY else 1
FAST = 1800
"""How many seconds pass in one."""
ITEMS = (Item("MUG", "Mug", 999, qty=3), Item("TRAY", "Tray", 2450))
AGENT = Actor("platform", "agent-1")
TIMERS = [machine for machine in MACHINES if machine.machine in ("request", "order", "dispute", "return", "offer")]


class Race:
    """Orders that everybody reaches for. Each deed is one transaction, and may only fail by a rule of the domain."""

    def __init__(self, world: World) -> None:
        self.world = world
        self.numbers: list[str] = []
        self.began = time.monotonic()
        self.failed: list[str] = []
        self.done: Counter[str] = Counter()

    def now(self) -> datetime:
        return NOW + timedelta(seconds=FAST * (time.monotonic() - self.began))

    def set_out(self, count: int, chance: random.Random) -> None:
        for turn in range(count):
            if turn % 5 == 4:
                self.numbers += self._checkout()
            else:
                self.numbers.append(
                    self.world.order(
                        chance.choice(["awaiting_payment", "payment_review", "to_ship", "to_ship", "to_ship", "shipped"]),
                        items=ITEMS, coupon=chance.choice([0, 700]), ways=(BALANCE, CARD), shares=(500,),
                        response_hours=chance.choice([1, 2, 24]), on_silence=chance.choice(["approve", "reject", "escalate"]),
                        ship_while_pending=chance.choice(["block", "supersedes"]), after_shipment="ask_seller",
                        dispute_open_after_days=0,
                    )
                )  # fmt: skip

    def _checkout(self) -> list[str]:
        """Two orders of one checkout, paid by the same two tenders."""
        with self.world.transaction() as session:
            group = OrderGroup(id=new_id(), customer_id=BUYER, currency="EUR", placed_at=NOW)
            session.add(group)
            session.flush()
            both = [
                shop.place(
                    session, number=self.world.next_number(), customer_id=BUYER, seller_id="acme",
                    policy=self.world._policy(session, {"response_hours": 1}), currency="EUR", items=ITEMS, at=NOW, group=group,
                )
                for _ in range(2)
            ]  # fmt: skip
            whole = sum(shop.due(order) for order in both)
            shop.credit(session, BUYER, 1000, "EUR", "adjustment", "gift_card", group.id, NOW)
            shop.pay(session, both, [Given(*BALANCE, 1000), Given(*CARD, whole - 1000)], NOW)
            return [order.number for order in both]

    def run(self) -> None:
        threads = [threading.Thread(target=self._work, args=(random.Random(seed),)) for seed in range(WORKERS)]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()

    def _work(self, chance: random.Random) -> None:
        """Half of the time near where the others are: the orders are gone through in the same direction."""
        for _ in range(ROUNDS):
            for place in range(len(self.numbers)):
                number = self.numbers[min(len(self.numbers) - 1, place + chance.randrange(3))]
                deed = chance.choice(DEEDS)
                name = deed.__name__
                try:
                    with transaction(self.world.engine) as session:
                        deed(self, session, number, chance)
                    self.done[name] += 1
                except RecourseError:
                    self.done[f"{name}: refused"] += 1
                except Exception as error:
                    self.failed.append(f"{name} {number}: {type(error).__name__}: {error}"[:600])


def cancel(race: Race, session: Session, number: str, chance: random.Random) -> None:
    """The quote in a transaction of its own: the order may change before the yes."""
    some = orders.get_by_number(session, number)
    pieces = None if chance.random() < 0.5 else {some.lines[0].id: 1}
    with transaction(race.world.engine) as before:
        offered = cancellations.quote(before, BUYER, number, race.now(), pieces=pieces)
    cancellations.submit_cancellation(session, BUYER, offered.id, "no_longer_wanted", None, new_id(), race.now())


def cancel_at_once(race: Race, session: Session, number: str, _chance: random.Random) -> None:
    """Quote and yes in one transaction, and always with the same key."""
    offered = cancellations.quote(session, BUYER, number, race.now())
    key = f"yes:{number}"
    cancellations.submit_cancellation(session, BUYER, offered.id, "no_longer_wanted", None, key, race.now())


def approve(race: Race, session: Session, number: str, _chance: random.Random) -> None:
    cancellations.seller_approves(session, _request(session, number), race.now(), SELLER)


def reject(race: Race, session: Session, number: str, _chance: random.Random) -> None:
    cancellations.seller_rejects(session, _request(session, number), "No", None, race.now(), SELLER)


def platform(race: Race, session: Session, number: str, chance: random.Random) -> None:
    cancellations.platform_decides(session, _request(session, number), chance.random() < 0.5, "So", race.now(), AGENT)


def keep(race: Race, session: Session, number: str, _chance: random.Random) -> None:
    cancellations.withdraw(session, BUYER, number, race.now())


def ship(race: Race, session: Session, number: str, chance: random.Random) -> None:
    order = orders.get_by_number(session, number)
    pieces = None if chance.random() < 0.5 else {next(iter(order.unsent), "none"): 1}
    fulfilment.seller_ships(session, number, "Parcelway", f"PW{new_id()[:12]}", race.now(), SELLER, pieces)


def seller_cancels(race: Race, session: Session, number: str, chance: random.Random) -> None:
    if chance.random() < 0.2:
        fulfilment.seller_cancels(session, number, "out of stock", race.now(), SELLER)


def scan(race: Race, session: Session, number: str, chance: random.Random) -> None:
    parcels = orders.get_by_number(session, number).parcels
    if parcels:
        state = chance.choice(["out_for_delivery", "delivered", "delivered", "lost"])
        fulfilment.carrier_reports(session, chance.choice(parcels).tracking, state, race.now(), "", race.now())


def confirm(race: Race, session: Session, number: str, _chance: random.Random) -> None:
    fulfilment.buyer_confirms(session, BUYER, number, race.now())


def review(race: Race, session: Session, number: str, chance: random.Random) -> None:
    order = orders.get_by_number(session, number)
    if not order.tenders:
        return
    verb = chance.choice([fulfilment.review_passed, fulfilment.review_failed, fulfilment.review_started])
    verb(session, order.id, race.now())


def offer(race: Race, session: Session, number: str, _chance: random.Random) -> None:
    messages.offer(session, "acme", number, 100, "Keep it", race.now())


def take_offer(race: Race, session: Session, number: str, chance: random.Random) -> None:
    found = messages.all_of(session, orders.get_by_number(session, number).id)
    if found:
        verb = chance.choice([messages.accept_offer, messages.decline_offer])
        verb(session, BUYER, found[-1].id, race.now())


def dispute(race: Race, session: Session, number: str, _chance: random.Random) -> None:
    order = orders.get_by_number(session, number)
    disputes.open_dispute(
        session,
        BUYER,
        number,
        order.lines[0].id,
        1,
        "not_as_described",
        "damaged",
        "partial",
        100,
        None,
        new_id(),
        race.now(),
    )


def send_back(race: Race, session: Session, number: str, _chance: random.Random) -> None:
    order = orders.get_by_number(session, number)
    pieces = {order.lines[-1].id: 1}
    returns.request_return(session, BUYER, number, pieces, "no_longer_wanted", None, new_id(), race.now())


def charge_back(race: Race, session: Session, number: str, chance: random.Random) -> None:
    if chance.random() < 0.9:
        return
    order = orders.get_by_number(session, number)
    card = next((tender for tender in order.tenders if tender.method == "card" and tender.captured), None)
    if card:
        due_by = race.now() + timedelta(hours=2)
        chargebacks.opened(session, card.payment_id, f"cb-{number}", Money(100, "EUR"), "fraud", due_by, race.now())


def bank_decides(race: Race, session: Session, number: str, chance: random.Random) -> None:
    chargebacks.decided(session, f"cb-{number}", chance.choice(["won", "lost"]), race.now())


def sweep(race: Race, session: Session, _number: str, chance: random.Random) -> None:
    """The timers look: one of the rows that are due, which others may settle at the same moment."""
    machine = chance.choice(TIMERS)
    found = machine.due(session, race.now(), 4)
    if found:
        machine.settle(session, chance.choice(found), race.now())


DEEDS: tuple[Callable[[Race, Session, str, random.Random], None], ...] = (
    cancel, cancel, cancel, cancel_at_once, cancel_at_once, approve, approve, reject, platform, keep, ship, ship, ship,
    seller_cancels, scan, confirm, review, offer, take_offer, dispute, send_back, charge_back, bank_decides,
    sweep, sweep, sweep, sweep, sweep,
)  # fmt: skip


def _request(session: Session, number: str) -> str:
    order = orders.get_by_number(session, number)
    found = cancellations.latest_of(session, [order.id]).get(order.id)
    return found.id if found else "none"


@pytest.fixture
def race(postgres_url: str) -> Iterator[Race]:
    engine = engine_for(postgres_url)
    yield Race(World(engine))
    with transaction(engine) as session:
        for table in reversed(metadata.sorted_tables):
            session.execute(table.delete())


def test_every_order_ends_one_way(race: Race) -> None:
    race.set_out(ORDERS, random.Random(7))
    race.began = time.monotonic()
    race.run()
    assert race.failed == []
    with race.world.reading() as session:
        assert [str(each) for each in audit.violations(session)] == []
        seen = {number: orders.get_by_number(session, number) for number in race.numbers}
        for order in seen.values():
            _one_way(order)
        assert not session.execute(text("SELECT 1 FROM pg_stat_activity WHERE wait_event_type = 'Lock'")).all()
    moved = Counter(order.state for order in seen.values())
    assert moved["cancelled"] and moved["shipped"] and moved["delivered"], "the race was one"
    for deed in ("cancel", "approve", "reject", "keep", "ship", "platform", "take_offer"):
        assert race.done[deed], f"{deed} never worked: {race.done}"


def _one_way(order: OrderView) -> None:
    """What was cancelled was not sent, and nothing came back twice."""
    assert not (order.state == "cancelled" and order.parcels)
    for line in order.lines:
        assert line.qty_cancelled + line.qty_shipped <= line.qty
        assert line.refunded <= line.paid_alloc
    for tender in order.tenders:
        assert tender.returned <= tender.amount
