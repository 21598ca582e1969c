"""Parcels: what carriers report, in whatever order, and what the buyer confirms."""

from __future__ import annotations

from datetime import timedelta
from itertools import permutations

import pytest
from sqlalchemy import select

from recourse.core.errors import IdempotencyMismatch, InvalidInput, NotAllowed, NotFound
from recourse.demo.shop import Item
from recourse.orders import service as orders
from recourse.orders.models import Shipment
from recourse.refunds import service as refunds
from recourse.refunds.rules import Days, of_amount, of_pieces
from tests.unit.fulfilment.conftest import DAY, SECOND, Floor
from tests.unit.world import BALANCE, BUYER, CARD, OTHER, World

TWO = (Item("MUG", "Stoneware mug", 2500, 2), Item("POT", "Tea pot", 4000))


def in_two_parcels(world: World, floor: Floor, **order: object) -> str:
    number = world.order(items=TWO, **order)  # type: ignore[arg-type]
    floor.ship(number, "PW1", {0: 2})
    floor.ship(number, "PW2")
    return number


def scans(world: World, tracking: str = "PW1") -> list[str]:
    with world.reading() as session:
        row = session.scalars(select(Shipment).where(Shipment.tracking == tracking)).one()
        return [event["state"] for event in row.events]


# --- delivered


def test_an_order_is_delivered_with_its_last_parcel(world: World, floor: Floor) -> None:
    number = in_two_parcels(world, floor)
    world.now += DAY
    (view,) = floor.scan("delivered", "PW1", text="Left with a neighbour")
    assert view.state == "shipped"
    handed_over = world.now + timedelta(hours=3)
    world.now += 2 * DAY
    (view,) = floor.scan("delivered", "PW2", at=handed_over)
    assert (view.state, view.delivered_at) == ("delivered", handed_over)
    assert view.protect_until == handed_over + timedelta(days=15)
    assert [parcel.state for parcel in view.parcels] == ["delivered", "delivered"]
    assert world.see(number).parcels[1].delivered_at == handed_over


def test_a_parcel_of_a_partly_sent_order_delivers_nothing_yet(world: World, floor: Floor) -> None:
    number = world.order(items=TWO)
    floor.ship(number, "PW1", {0: 2})
    (view,) = floor.scan("delivered")
    assert (view.state, view.parcels[0].state) == ("partially_shipped", "delivered")
    world.now += DAY
    floor.ship(number, "PW2")
    (view,) = floor.scan("delivered", "PW2")
    assert view.state == "delivered"


def test_scans_may_come_in_any_order(world: World, floor: Floor) -> None:
    route = [("accepted", 1), ("in_transit", 2), ("out_for_delivery", 3), ("delivered", 4)]
    for place, order in enumerate(permutations(route)):
        number = world.order()
        floor.ship(number, f"P{place}")
        start, world.now = world.now, world.now + timedelta(hours=9)
        for state, hour in order:
            floor.scan(state, f"P{place}", at=start + timedelta(hours=hour))
        view = world.see(number)
        assert scans(world, f"P{place}") == [state for state, _ in route]
        assert (view.state, view.delivered_at) == ("delivered", start + timedelta(hours=4))
        world.now = start


def test_a_repeated_scan_changes_nothing(world: World, floor: Floor) -> None:
    number = world.order()
    floor.ship(number)
    first = floor.scan("delivered", text="Signed")
    world.now += DAY
    again = floor.scan("delivered", at=world.now - DAY, text="Signed")
    assert again == first
    assert scans(world) == ["delivered"]
    assert world.see(number).version == first[0].version


def test_what_was_handed_over_cannot_get_lost(world: World, floor: Floor) -> None:
    number = world.order()
    floor.ship(number)
    floor.scan("delivered")
    world.now += DAY
    for state in ("lost", "returned", "in_transit"):
        (view,) = floor.scan(state)
        assert (view.state, view.parcels[0].state) == ("delivered", "delivered")
    assert floor.refunds(number) == []


def test_a_report_must_be_understood(world: World, floor: Floor) -> None:
    number = world.order()
    floor.ship(number)
    with pytest.raises(InvalidInput, match="no state of a parcel"):
        floor.scan("exploded")
    with pytest.raises(InvalidInput, match="future"):
        floor.scan("delivered", at=world.now + timedelta(minutes=6))
    with pytest.raises(InvalidInput, match="no time zone"):
        floor.scan("delivered", at=world.now.replace(tzinfo=None))
    with pytest.raises(NotFound, match="no parcel"):
        floor.scan("delivered", "PW404")
    with pytest.raises(NotFound):
        floor.scan("delivered", carrier="Somebody else")
    assert scans(world) == []
    (view,) = floor.scan("delivered", at=world.now + timedelta(minutes=4), carrier="Parcelway", text="x\0y" * 300)
    assert view.delivered_at == world.now, "a carrier's clock may be a little ahead"


def test_one_parcel_may_hold_several_orders(world: World, floor: Floor) -> None:
    numbers = [world.order(), world.order()]
    for number in numbers:
        floor.ship(number, "BOTH")
    assert sorted(view.number for view in floor.scan("delivered", "BOTH")) == sorted(numbers)
    assert {world.see(number).state for number in numbers} == {"delivered"}


def test_delivery_ends_an_open_interception(world: World, floor: Floor) -> None:
    number = world.order(after_shipment="ask_seller")
    floor.ship(number)
    request = world.ask(number)
    floor.scan("delivered")
    assert world.request_state(request) == "superseded"
    assert world.see(number).state == "delivered"


# --- lost and returned


@pytest.mark.parametrize(("state", "reason"), [("lost", "lost"), ("returned", "returned_to_sender")])
def test_an_order_whose_parcels_never_arrive_is_closed_and_refunded(
    world: World, floor: Floor, state: str, reason: str
) -> None:
    number = in_two_parcels(world, floor, coupon=900, shipping=600, ways=(CARD, BALANCE), shares=(3000,))
    paid = world.see(number).total_paid
    (view,) = floor.scan(state, "PW1")
    assert (view.state, floor.refunds(number)) == ("shipped", [])
    (view,) = floor.scan(state, "PW2")
    assert (view.state, view.close_reason) == ("closed", reason)
    assert floor.refunds(number) == [("carrier", paid)]
    assert floor.told() == {"order_lost": 1}
    floor.scan("returned", "PW2", text="again")
    floor.scan("delivered", "PW1")
    assert world.see(number).state == "closed"
    assert floor.money_back(number) == paid


def test_one_parcel_lost_and_one_delivered_is_for_a_dispute(world: World, floor: Floor) -> None:
    number = in_two_parcels(world, floor)
    floor.scan("lost", "PW1")
    (view,) = floor.scan("delivered", "PW2")
    assert (view.state, floor.refunds(number)) == ("shipped", [])


def test_what_was_refunded_before_is_not_refunded_again(world: World, floor: Floor) -> None:
    number = world.order(items=TWO)
    with world.transaction() as session:
        view = orders.get_by_id(session, world.see(number).id, lock=True)
        days = Days(refunds.ranges(session), world.now.date(), world.now.date())
        refunds.grant(session, view, "goodwill", "g1", of_amount(view, 1000, days), world.now)
        view = orders.get_by_id(session, view.id, lock=True)
        one = {view.lines[0].id: 1}
        refunds.grant(session, view, "correction", "c1", of_pieces(view, one, days), world.now)
        orders.cancel_pieces(session, view.id, one)
    floor.ship(number)
    floor.scan("lost")
    assert world.see(number).state == "closed"
    assert floor.money_back(number) == 9000
    assert [line.qty_refunded for line in world.see(number).lines] == [2, 1]


def test_a_lost_parcel_of_an_order_on_hold_is_refunded_after_it(world: World, floor: Floor) -> None:
    number = world.order()
    floor.ship(number)
    floor.hold(number)
    (view,) = floor.scan("lost")
    assert (view.state, floor.refunds(number), floor.due()) == ("shipped", [], [])
    view = floor.release(number)
    assert (view.state, floor.refunds(number)) == ("closed", [("carrier", 2500)])


def test_a_lost_parcel_of_a_disputed_order_is_for_the_dispute(world: World, floor: Floor) -> None:
    number = world.order()
    floor.ship(number)
    world.set_order(number, issue="dispute")
    (view,) = floor.scan("lost")
    assert (view.state, floor.refunds(number)) == ("shipped", [])
    world.now += timedelta(days=61)
    assert floor.settle(number) is None
    with world.transaction() as session:  # the dispute gave half of it back
        view = orders.get_by_id(session, view.id, lock=True)
        days = Days(refunds.ranges(session), world.now.date(), world.now.date())
        refunds.grant(session, view, "dispute", "d1", of_amount(view, 1250, days), world.now)
        orders.set_issue(session, view.id, None)
    moved = floor.settle(number)
    assert moved is not None
    assert moved.state == "completed"
    assert floor.money_back(number) == 1250


def test_a_lost_parcel_ends_an_open_interception(world: World, floor: Floor) -> None:
    number = world.order(after_shipment="ask_seller")
    floor.ship(number)
    request = world.ask(number)
    floor.scan("returned")
    assert world.request_state(request) == "superseded"
    assert floor.refunds(number) == [("carrier", 2500)]


def test_an_unpaid_pack_of_nothing_is_closed_without_money(world: World, floor: Floor) -> None:
    number = world.order(coupon=2500)
    assert world.see(number).total_paid == 0
    floor.ship(number)
    floor.scan("lost")
    assert world.see(number).state == "closed"
    assert floor.money_back(number) == 0
    assert floor.wallet() == 2500, "the coupon's value comes back"


# --- the buyer confirms


def test_the_buyer_confirms_receipt_and_then_that_all_is_well(world: World, floor: Floor) -> None:
    number = world.order()
    floor.ship(number)
    view = floor.confirm(number)
    assert (view.state, view.delivered_at) == ("delivered", world.now)
    assert view.protect_until == world.now + timedelta(days=15)
    world.now += DAY
    view = floor.confirm(number)
    assert (view.state, view.completed_at) == ("completed", world.now)
    with pytest.raises(NotAllowed, match="is completed"):
        floor.confirm(number)


def test_a_repeated_confirmation_is_one_step(world: World, floor: Floor) -> None:
    number, other = world.order(), world.order()
    for each in (number, other):
        floor.ship(each, f"P{each}")
    assert floor.confirm(number, key="k1").state == "delivered"
    assert floor.confirm(number, key="k1").state == "delivered"
    with pytest.raises(IdempotencyMismatch):
        floor.confirm(other, key="k1")
    assert floor.confirm(number, key="k2").state == "completed"
    assert floor.confirm(number, key="k1").state == "completed"


@pytest.mark.parametrize(
    "state",
    ["awaiting_payment", "payment_review", "to_ship", "partially_shipped", "completed", "cancelled", "closed"],
)
def test_only_what_is_on_its_way_or_there_is_confirmed(world: World, floor: Floor, state: str) -> None:
    number = world.order(state, items=TWO)
    with pytest.raises(NotAllowed, match=f"is {state}"):
        floor.confirm(number)
    assert world.see(number).state == state


@pytest.mark.parametrize("state", ["shipped", "delivered"])
@pytest.mark.parametrize("issue", ["dispute", "return", "hold"])
def test_an_open_issue_forbids_it(world: World, floor: Floor, state: str, issue: str) -> None:
    number = world.order(state)
    if issue == "hold":
        floor.hold(number)
    else:
        world.set_order(number, issue=issue)
    with pytest.raises(NotAllowed, match=r"open|on hold"):
        floor.confirm(number, key="k")
    assert world.see(number).state == state
    world.set_order(number, issue=None)


def test_somebody_elses_order_is_the_same_as_none(world: World, floor: Floor) -> None:
    number = world.order("shipped")
    texts = set()
    for wanted in (number, "RC-9132-9363"):
        with pytest.raises(NotFound) as caught:
            floor.confirm(wanted, buyer=OTHER)
        texts.add(str(caught.value).replace(wanted, "X"))
    assert len(texts) == 1
    assert floor.confirm(number, buyer=BUYER).state == "delivered"


# --- and if nobody says anything


@pytest.mark.parametrize(("late", "over"), [(-SECOND, False), (0 * SECOND, True), (SECOND, True)])
@pytest.mark.parametrize("state", ["shipped", "delivered"])
def test_silence_completes_an_order_when_its_protection_is_over(
    world: World, floor: Floor, state: str, late: timedelta, over: bool
) -> None:
    number = world.order()
    floor.ship(number)
    if state == "delivered":
        floor.scan("delivered")
    until = world.see(number).protect_until
    assert until is not None
    world.now = until + late
    moved = floor.settle(number)
    assert floor.due() == []
    assert world.see(number).state == ("completed" if over else state)
    assert (moved is not None) is over
    assert floor.settle(number) is None
    assert floor.money_back(number) == 0


@pytest.mark.parametrize("issue", ["dispute", "return", "hold"])
def test_nothing_is_completed_while_an_issue_is_open(world: World, floor: Floor, issue: str) -> None:
    number = world.order()
    floor.ship(number)
    floor.scan("delivered")
    if issue == "hold":
        floor.hold(number)
    else:
        world.set_order(number, issue=issue)
    world.now += timedelta(days=30)
    assert floor.due() == []
    assert floor.settle(number) is None
    if issue == "hold":
        floor.release(number)
    else:
        world.set_order(number, issue=None)
    assert floor.due() == [number]
    assert floor.settle(number) is not None
