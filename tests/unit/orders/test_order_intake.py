"""How orders come in: checkout, payment and parcels, and whole orders with their past."""

from __future__ import annotations

from dataclasses import replace
from datetime import UTC, datetime, timedelta

import pytest
from hypothesis import given
from hypothesis import strategies as st
from sqlalchemy import Engine, func, inspect, select
from sqlalchemy.orm import Session

from recourse.audit import service as audit
from recourse.core import order_numbers
from recourse.core.db import reading
from recourse.core.errors import InvalidInput
from recourse.orders import arrivals, departures, finding, intake
from recourse.orders import service as orders
from recourse.orders.arrivals import Arrival, ArrivedLine, ArrivedParcel, ArrivedPayment
from recourse.orders.intake import Given, Item
from recourse.orders.models import Order, OrderTerm
from recourse.orders.search import OrderQuery
from recourse.sellers.rules import Policy
from tests.load import make_store
from tests.unit.world import BUYER, CARD, NOW, World

PAID = datetime(2026, 11, 20, 9, 5, tzinfo=UTC)
ARRIVAL = Arrival(
    external_id="SO-1",
    customer_id=BUYER,
    seller_id="acme",
    currency="EUR",
    status="to_ship",
    placed_at=PAID - timedelta(minutes=5),
    paid_at=PAID,
    lines=(ArrivedLine("MUG", "Stoneware mugs", 2, 1000), ArrivedLine("POT", "Tea pot", 1, 500)),
    payments=(ArrivedPayment(*CARD, 2500, "captured"),),
    policy=Policy(),
)
PARCEL = ArrivedParcel("Parcelway", "PW1", PAID + timedelta(days=1), ((1, 2), (2, 1)))


def states(arrival: Arrival) -> list[str]:
    return [step.to for step in arrivals.history(arrival)]


@given(
    st.lists(st.integers(0, 10**9), min_size=1, max_size=8),
    st.integers(0, 10**9),
    st.integers(0, 10**6),
    st.integers(0, 10**6),
)
def test_shares_add_up_to_the_last_unit(prices: list[int], off: int, shipping: int, tax: int) -> None:
    discount = min(off, sum(prices))
    parts = intake.shares(prices, discount, shipping, tax)
    assert sum(part.coupon for part in parts) == discount
    assert sum(part.shipping for part in parts) == shipping
    assert sum(part.tax for part in parts) == tax
    assert sum(part.cost for part in parts) == sum(prices) - discount + shipping + tax
    assert all(part.cost >= 0 for part in parts)


def test_a_discount_above_the_price_is_refused() -> None:
    with pytest.raises(InvalidInput, match="off goods that cost 100"):
        intake.shares([100], 101, 0, 0)


def test_a_checkout_is_found_by_its_words_from_the_first_moment(world: World) -> None:
    number = world.order(
        "awaiting_payment", items=(Item("MUG", "Stoneware mugs, moss green", 2500), Item("CUP", "Cup", 1))
    )
    with world.reading() as session:
        assert set(session.scalars(select(OrderTerm.term))) == {
            "stoneware",
            "mug",
            "moss",
            "green",
            "cup",
            "acme",
            "crockery",
        }
        assert [each.number for each in finding.find(session, BUYER, OrderQuery(text="the cups")).orders] == [number]


def test_payments_must_add_up(world: World) -> None:
    number = world.order("awaiting_payment")
    for amounts in ((2499,), (2501,), (2500, 0), (3000, -500)):
        with pytest.raises(InvalidInput, match="add up to 2500"), world.transaction() as session:
            row = session.scalars(select(Order).where(Order.number == number)).one()
            intake.pay(session, [row], [Given(*CARD, amount) for amount in amounts], world.now)
    assert world.see(number).tenders == ()


def test_the_time_to_ship_follows_from_the_policy(world: World) -> None:
    order = world.see(world.order(ago=timedelta(hours=1), ship_deadline_bd=2))
    assert order.paid_at is not None and order.ship_by == datetime(2026, 11, 27, tzinfo=UTC)


def test_a_past_is_worked_out_from_times_and_parcels() -> None:
    assert states(ARRIVAL) == ["awaiting_payment", "to_ship"]
    assert states(replace(ARRIVAL, status="shipped", parcels=(PARCEL,))) == ["awaiting_payment", "to_ship", "shipped"]
    first, rest = replace(PARCEL, pieces=((1, 2),)), replace(PARCEL, tracking="PW2", pieces=((2, 1),))
    later = replace(rest, shipped_at=PARCEL.shipped_at + timedelta(hours=1))
    assert states(replace(ARRIVAL, status="partially_shipped", parcels=(first,)))[-1] == "partially_shipped"
    assert states(replace(ARRIVAL, status="shipped", parcels=(first, rest))) == [
        "awaiting_payment",
        "to_ship",
        "shipped",
    ]
    assert states(replace(ARRIVAL, status="shipped", parcels=(later, first)))[-2:] == ["partially_shipped", "shipped"]
    reviewed = replace(ARRIVAL, review_by=PAID + timedelta(hours=23))
    assert states(reviewed) == ["awaiting_payment", "payment_review", "to_ship"]


@pytest.mark.parametrize(
    ("changes", "error"),
    [
        ({"status": "delivered"}, "status is delivered, but"),
        ({"paid_at": ARRIVAL.placed_at - timedelta(seconds=1)}, "before it was awaiting_payment"),
        ({"status": "delivered", "delivered_at": PAID}, "never goes from to_ship to delivered"),
        ({"status": "closed", "closed_at": PAID}, "never goes from to_ship to closed"),
        ({"status": "cancelled", "cancelled_at": PAID, "parcels": (PARCEL,)}, "never goes from shipped to cancelled"),
    ],
)
def test_a_past_that_cannot_have_been_is_refused(changes: dict[str, object], error: str) -> None:
    with pytest.raises(InvalidInput, match=error):
        arrivals.history(replace(ARRIVAL, **changes))  # type: ignore[arg-type]


def test_what_is_written_is_read_back(world: World) -> None:
    arrival = replace(ARRIVAL, status="shipped", parcels=(PARCEL,), group="cart-1")
    with world.transaction() as session:
        written = arrivals.write(session, [arrival], world.now)["SO-1"]
        stored = departures.read(session, [written.id])[written.id]
        assert departures.find(session, ["SO-1"], []) == {"SO-1": written.id}
        assert departures.find(session, ["other"], [written.number]) == {}
    assert stored == replace(arrival, number=written.number, protect_until=stored.protect_until)
    assert order_numbers.normalise(written.number) == written.number


def test_numbers_are_free_and_stay_the_same_until_they_are_used(world: World) -> None:
    ids = [f"SO-{n}" for n in range(200)]
    with world.transaction() as session:
        first = arrivals.numbers_for(session, ids)
        assert len(set(first.values())) == 200
        assert arrivals.numbers_for(session, ids) == first
        world_number = first["SO-1"]
        arrivals.write(session, [replace(ARRIVAL, number=world_number)], world.now)
        again = arrivals.numbers_for(session, ids)
        assert again["SO-1"] != world_number
        assert {name: again[name] for name in ids if name != "SO-1"} == {n: first[n] for n in ids if n != "SO-1"}


def test_a_store_for_benchmarks_is_sound(store: Engine) -> None:
    indexes = {each["name"] for each in inspect(store).get_indexes("orders")}
    make_store.make(store.url.render_as_string(hide_password=False), 400, NOW)
    assert {each["name"] for each in inspect(store).get_indexes("orders")} == indexes
    with reading(store) as session:
        assert [str(each) for each in audit.violations(session)] == []
        assert session.scalar(select(func.count()).select_from(Order)) == 400
        assert orders.count_for(session, make_store.BIG_BUYER) == 200
        assert orders.count_for(session, make_store.buyer_of(399, 400)) == 10
        _everything_works(session)


def _everything_works(session: Session) -> None:
    buyer, number = make_store.buyer_of(202, 400), make_store.number_of(202)
    order = orders.get_own(session, buyer, number)
    assert order.state == "to_ship" and order.tenders[0].amount == order.total_paid
    found = finding.find(session, buyer, OrderQuery(text=order.lines[0].title))
    assert number in [each.number for each in found.orders]
    shared = orders.get_own(session, make_store.buyer_of(213, 400), make_store.number_of(213))
    assert shared.tenders[0].shared
