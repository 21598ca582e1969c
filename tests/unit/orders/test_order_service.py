"""Reading and finding orders: always the buyer's own, whatever is asked."""

from __future__ import annotations

from datetime import timedelta

import pytest
from sqlalchemy import select

from recourse.core.errors import NotAllowed, NotFound
from recourse.core.transitions import Actor, change_state
from recourse.demo import shop
from recourse.demo.shop import Given, Item
from recourse.orders import service as orders
from recourse.orders.models import Order, OrderGroup
from recourse.orders.rules import ORDER_MACHINE
from recourse.orders.search import OrderQuery
from recourse.orders.service import Found
from tests.unit.world import BALANCE, BUYER, CARD, OTHER, SELLER, World

OVER_EAR = Item("HP-OVER", "Wireless over-ear headphones, matte black", 12900)
STUDIO = Item("HP-STUDIO", "Wired studio headphones, walnut", 18900)
KETTLE = Item("KETTLE", "Electric gooseneck kettle", 6990)


def find(world: World, buyer: str = BUYER, states: tuple[str, ...] = (), **query: object) -> Found:
    with world.reading() as session:
        return orders.find(session, buyer, OrderQuery(**query), states)  # type: ignore[arg-type]


def numbers(found: Found) -> list[str]:
    return [order.number for order in found.orders]


def test_a_number_finds_the_buyers_own_order(world: World) -> None:
    number = world.order()
    found = find(world, number=number)
    assert numbers(found) == [number]
    assert found.sure


def test_another_buyers_number_is_the_same_as_one_that_does_not_exist(world: World) -> None:
    world.order(number="RC-1042-7713")
    theirs = world.order(buyer=OTHER, number="RC-9639-4972")
    missing = "RC-9132-9363"
    assert find(world, number=theirs) == find(world, number=missing) == Found((), sure=False)
    messages = []
    for number in (theirs, missing):
        with world.reading() as session, pytest.raises(NotFound) as caught:
            orders.get_own(session, BUYER, number)
        messages.append(str(caught.value).replace(number, "X"))
    assert messages[0] == messages[1]


def test_a_typo_only_ever_suggests_own_orders(world: World) -> None:
    own = world.order(number="RC-1042-7713")
    world.order(buyer=OTHER, number="RC-1042-7701")
    found = find(world, number="RC-1042-7701")
    assert numbers(found) == [own]
    assert not found.sure
    assert numbers(find(world, digits="10427731")) == [own]
    assert not find(world, digits="10427731").sure


def test_a_missing_digit_is_a_guess_and_not_a_find(world: World) -> None:
    own = world.order(number="RC-1042-7713")
    found = find(world, digits="1042713")
    assert numbers(found) == [own]
    assert not found.sure


def test_the_last_four_digits_name_an_order(world: World) -> None:
    own = world.order(number="RC-1042-7713")
    world.order(number="RC-2464-1041")
    found = find(world, digits="7713")
    assert numbers(found) == [own]
    assert found.sure


def test_an_ending_that_two_orders_share_is_not_sure(world: World) -> None:
    first = world.order(number="RC-1042-7713", ago=timedelta(hours=9))
    second = world.order(number="RC-2003-7713", ago=timedelta(hours=2))
    found = find(world, digits="7713")
    assert numbers(found) == [second, first]
    assert not found.sure


@pytest.mark.parametrize(("ordinal", "place"), [(1, 0), (2, 1), (3, 2), (-1, 2), (-3, 0)])
def test_a_position_means_the_list_that_was_shown(world: World, ordinal: int, place: int) -> None:
    listed = tuple(world.order() for _ in range(3))
    found = find(world, ordinal=ordinal, listed=listed)
    assert numbers(found) == [listed[place]]
    assert found.sure


@pytest.mark.parametrize("ordinal", [0, 4, -4, 10**9])
def test_a_position_that_was_not_shown_finds_nothing(world: World, ordinal: int) -> None:
    listed = tuple(world.order() for _ in range(3))
    assert numbers(find(world, ordinal=ordinal, listed=listed)) == []


def test_a_listed_number_of_another_buyer_finds_nothing(world: World) -> None:
    theirs = world.order(buyer=OTHER)
    assert numbers(find(world, ordinal=1, listed=(theirs,))) == []


def test_words_find_the_product(world: World) -> None:
    kettle = world.order(items=(KETTLE,))
    world.order(items=(OVER_EAR,))
    assert numbers(find(world, text="please cancel the kettle")) == [kettle]


def test_two_headphones_are_ambiguous_newest_first(world: World) -> None:
    older = world.order(items=(OVER_EAR,), ago=timedelta(hours=9))
    newer = world.order(items=(STUDIO,), ago=timedelta(hours=2))
    assert numbers(find(world, text="cancel my headphones")) == [newer, older]
    assert numbers(find(world, text="cancel the walnut headphones")) == [newer]


def test_words_find_any_product_of_an_order_and_its_seller(world: World) -> None:
    number = world.order(items=(OVER_EAR, KETTLE))
    assert numbers(find(world, text="the kettle")) == [number]
    assert numbers(find(world, text="what I bought at acme")) == [number]


def test_words_never_find_another_buyers_order(world: World) -> None:
    world.order(buyer=OTHER, items=(KETTLE,))
    assert numbers(find(world, text="cancel the kettle")) == []


def test_a_sentence_of_stop_words_finds_nothing(world: World) -> None:
    world.order()
    assert numbers(find(world, text="i want to cancel my order please, can you do that now")) == []


def test_words_are_narrowed_to_the_states_asked_for_unless_nothing_is_left(world: World) -> None:
    unsent = world.order("to_ship", items=(OVER_EAR,))
    arrived = world.order("delivered", items=(STUDIO,))
    kettle = world.order("shipped", items=(KETTLE,))
    assert numbers(find(world, states=("to_ship",), text="headphones")) == [unsent]
    assert set(numbers(find(world, text="headphones"))) == {unsent, arrived}
    assert numbers(find(world, states=("to_ship",), text="kettle")) == [kettle]
    assert numbers(find(world, states=("to_ship",), number=arrived)) == [arrived]


def test_an_empty_query_finds_nothing(world: World) -> None:
    world.order()
    assert numbers(find(world)) == []


def test_a_page_is_newest_first_and_counted(world: World) -> None:
    made = [world.order("shipped" if hours % 2 else "to_ship", ago=timedelta(hours=hours)) for hours in range(1, 8)]
    world.order(buyer=OTHER)
    with world.reading() as session:
        pages = [orders.list_for(session, BUYER, limit=3, offset=offset) for offset in (0, 3, 6, 9)]
        assert [order.number for page in pages for order in page] == made
        assert [len(page) for page in pages] == [3, 3, 1, 0]
        assert orders.count_for(session, BUYER) == 7
        assert orders.count_for(session, BUYER, ("to_ship",)) == 3
        assert [order.number for order in orders.list_for(session, BUYER, ("to_ship",))] == made[1::2]


def test_a_view_has_everything_of_the_order(world: World) -> None:
    number = world.order(
        items=(OVER_EAR, Item("MUG", "Mug", 2500, qty=2)),
        coupon=1790,
        shipping=500,
        ways=(CARD, BALANCE),
        shares=(10000,),
    )
    order = world.see(number)
    assert (order.gross, order.discount, order.shipping, order.total_paid) == (17900, 1790, 500, 16610)
    assert [(line.qty, line.coupon_alloc, line.paid_alloc) for line in order.lines] == [
        (1, 1290, 11970),
        (2, 500, 4640),
    ]
    assert [(tender.method, tender.amount, tender.captured) for tender in order.tenders] == [
        ("card", 10000, True),
        ("balance", 6610, True),
    ]
    assert [(coupon.code, coupon.state) for coupon in order.coupons] == [("TEN", "used")]
    assert order.title == "Wireless over-ear headphones, matte black + 1 more"
    assert order.money(100).currency == "EUR"
    assert order.seller == "Acme Crockery"


def test_shipping_sends_what_is_left_and_says_so(world: World) -> None:
    number = world.order("partially_shipped", items=(OVER_EAR, KETTLE))
    with world.transaction() as session:
        orders.ship(session, orders.get_by_number(session, number).id, "Parcelway", "PW9", world.now, SELLER)
    order = world.see(number)
    assert order.state == "shipped"
    assert [parcel.tracking for parcel in order.parcels] == ["PW1", "PW9"]


@pytest.mark.parametrize("state", ["awaiting_payment", "payment_review", "shipped", "delivered", "cancelled", "closed"])
def test_only_a_paid_unsent_order_can_be_shipped(world: World, state: str) -> None:
    number = world.order(state)
    with pytest.raises(NotAllowed), world.transaction() as session:
        orders.ship(session, orders.get_by_number(session, number).id, "Parcelway", "PW9", world.now, SELLER)
    assert world.see(number).state == state


def test_unknown_ids_and_numbers_say_what_to_do(world: World) -> None:
    with world.reading() as session:
        with pytest.raises(NotFound, match="recourse orders list"):
            orders.get_by_number(session, "RC-0000-0000")
        with pytest.raises(NotFound, match="no order with id"):
            orders.get_by_id(session, "nothing")


def test_an_operator_sees_all_orders_and_can_narrow_them(world: World) -> None:
    mine, theirs = world.order("shipped"), world.order("to_ship", buyer=OTHER)
    world.set_order(mine, scenario="shipped")
    with world.reading() as session:
        assert [order.number for order in orders.everything(session, None, (), None)] == [mine, theirs]
        assert [order.number for order in orders.everything(session, OTHER, (), None)] == [theirs]
        assert [order.number for order in orders.everything(session, None, ("shipped",), None)] == [mine]
        assert [order.number for order in orders.everything(session, None, (), "shipped")] == [mine]
        assert [move["to"] for move in orders.history(session, orders.get_own(session, BUYER, mine).id)] == [
            "awaiting_payment",
            "to_ship",
            "shipped",
        ]


def test_money_of_a_shared_checkout_is_let_go_only_with_its_last_order(world: World) -> None:
    numbers_ = [world.order("awaiting_payment"), world.order("awaiting_payment")]
    with world.transaction() as session:
        rows = [session.scalars(select(Order).where(Order.number == number)).one() for number in numbers_]
        group = session.get_one(OrderGroup, rows[0].group_id)
        for row in rows:
            row.group_id = group.id
        shop.authorise(session, rows, [Given(*CARD, 5000)], world.now)
        for row, expected in zip(rows, ("authorised", "voided"), strict=True):
            change_state(session, row, "cancelled", ORDER_MACHINE, Actor("psp"), world.now, cancelled_at=world.now)
            orders.cancel_lines(session, row.id)
            orders.void_uncaptured(session, group.id, world.now)
            payment = rows[0].allocations[0].payment
            session.refresh(payment)
            assert payment.state == expected
