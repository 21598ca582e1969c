"""Reading and finding orders: always the buyer's own, whatever is asked."""

from __future__ import annotations

import re
from collections.abc import Callable
from datetime import timedelta
from typing import Any

import pytest
from sqlalchemy import event, select, text
from sqlalchemy.orm import Session

from recourse.core.errors import InvalidInput, NotAllowed, NotFound
from recourse.core.transitions import Actor, change_state
from recourse.demo import shop
from recourse.demo.shop import Given, Item
from recourse.orders import finding
from recourse.orders import service as orders
from recourse.orders.finding import Found
from recourse.orders.models import Order, OrderGroup
from recourse.orders.rules import ORDER_MACHINE
from recourse.orders.search import OrderQuery
from recourse.overview import service as overview
from tests.unit.world import BALANCE, BUYER, CARD, OTHER, SELLER, World

OVER_EAR = Item("HP-OVER", "Wireless over-ear headphones, matte black", 12900)
STUDIO = Item("HP-STUDIO", "Wired studio headphones, walnut", 18900)
KETTLE = Item("KETTLE", "Electric gooseneck kettle", 6990)


def find(world: World, buyer: str = BUYER, states: tuple[str, ...] = (), **query: object) -> Found:
    with world.reading() as session:
        return finding.find(session, buyer, OrderQuery(**query), states)  # type: ignore[arg-type]


def _send_rest(session: Session, number: str, world: World) -> None:
    """Send every piece that was not sent yet."""
    order = orders.get_by_number(session, number)
    pieces = order.unsent or {line.id: line.qty for line in order.lines}
    orders.ship(session, order.id, "Parcelway", "PW9", world.now, SELLER, pieces)


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
        _send_rest(session, number, world)
    order = world.see(number)
    assert order.state == "shipped"
    assert [parcel.tracking for parcel in order.parcels] == ["PW1", "PW9"]


@pytest.mark.parametrize("state", ["awaiting_payment", "payment_review", "shipped", "delivered", "cancelled", "closed"])
def test_only_a_paid_unsent_order_can_be_shipped(world: World, state: str) -> None:
    number = world.order(state)
    with pytest.raises(NotAllowed), world.transaction() as session:
        _send_rest(session, number, world)
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
            orders.cancel_pieces(session, row.id, {line.id: line.qty for line in row.lines})
            orders.release_authorisation(session, row.id, world.now)
            payment = rows[0].allocations[0].payment
            session.refresh(payment)
            assert payment.state == expected


def statements(world: World, work: Callable[[Session], object]) -> int:
    """How many statements ``work`` sends."""
    sent: list[str] = []

    def on_execute(*arguments: Any) -> None:
        sent.append(arguments[2])

    event.listen(world.engine, "before_cursor_execute", on_execute)
    try:
        with world.reading() as session:
            work(session)
    finally:
        event.remove(world.engine, "before_cursor_execute", on_execute)
    return len(sent)


def test_a_page_takes_the_same_number_of_queries_whatever_its_length(world: World) -> None:
    for hours in range(1, 21):
        state = ("to_ship", "shipped", "delivered", "awaiting_payment")[hours % 4]
        world.order(state, items=(OVER_EAR, KETTLE), coupon=500, ago=timedelta(hours=hours))
    works: list[Callable[[int], Callable[[Session], object]]] = [
        lambda limit: lambda session: orders.list_for(session, BUYER, limit=limit),
        lambda limit: lambda session: orders.page(session, BUYER, limit=limit),
        lambda limit: lambda session: orders.everything(session, None, (), None, limit),
        lambda limit: lambda session: overview.page(session, BUYER, world.now, limit=limit),
        lambda limit: (
            lambda session: orders.get_many(session, [o.id for o in orders.list_for(session, BUYER, limit=limit)])
        ),
    ]
    for work in works:
        few, many = statements(world, work(2)), statements(world, work(20))
        assert few == many <= 20
    assert (
        statements(world, lambda session: finding.find(session, BUYER, OrderQuery(text="the black headphones"))) <= 10
    )


def test_pages_by_cursor_show_every_order_once_even_while_orders_come_in(world: World) -> None:
    made = [world.order("shipped" if hours % 2 else "to_ship", ago=timedelta(hours=hours)) for hours in range(1, 8)]
    twins = sorted(world.order(ago=timedelta(hours=9)) for _ in range(3))
    world.order(buyer=OTHER)
    found: list[str] = []
    after: str | None = None
    for _ in range(10):
        with world.reading() as session:
            page = orders.page(session, BUYER, after=after, limit=3)
        found += [order.number for order in page.orders]
        after = page.after
        world.order(ago=timedelta(minutes=1))  # newer ones do not shift the pages
        if after is None:
            break
    assert found == [*made, *twins]
    with world.reading() as session:
        first = orders.page(session, BUYER, ("to_ship",), limit=2)
        assert len(first.orders) == 2 and {order.state for order in first.orders} == {"to_ship"}
        assert orders.page(session, "nobody", limit=2) == orders.Page((), None)
        for cursor in ("", "x", "2026-11-24|RC-1", "2026-11-24T12:00:00|RC-1"):
            with pytest.raises(InvalidInput, match="not a place"):
                orders.page(session, BUYER, after=cursor)


def test_an_operators_list_is_paged_and_counted(world: World) -> None:
    made = [world.order(ago=timedelta(hours=hours)) for hours in range(1, 6)]
    theirs = [world.order(buyer=OTHER, ago=timedelta(hours=hours)) for hours in range(1, 4)]
    with world.reading() as session:
        found: list[str] = []
        after = None
        while page := orders.everything(session, None, (), None, limit=3, after=after):
            found += [order.number for order in page]
            after = found[-1]
            assert orders.how_many(session, None, (), None, after) == 8 - len(found)
        assert found == made + theirs
        assert orders.how_many(session, OTHER, ("to_ship",), None) == 3
        with pytest.raises(NotFound):
            orders.everything(session, None, (), None, limit=3, after="RC-0000-0000")


def test_a_tracking_number_finds_the_buyers_own_order_only(world: World) -> None:
    mine = world.order("to_ship")
    world.ship(mine, "PW123456789DE")
    theirs = world.order("to_ship", buyer=OTHER)
    world.ship(theirs, "PW999999999DE")
    for said in ("where is pw123456789de?", "PW123456789DE", "Track PW123456789DE please"):
        found = find(world, text=said, digits="123456789")
        assert (numbers(found), found.sure) == ([mine], True)
    assert find(world, text="where is PW999999999DE") == find(world, text="where is PW888888888DE")
    with world.reading() as session:
        assert [order.number for order in finding.by_tracking(session, BUYER, "pw123456789de")] == [mine]
        assert finding.by_tracking(session, OTHER, "PW123456789DE") == ()


def test_the_shops_own_number_finds_the_order_first(world: World) -> None:
    mine, other = world.order(), world.order()
    world.set_order(mine, external_id="SO-10023")
    world.set_order(other, external_id="4711")
    assert numbers(find(world, text="my order so-10023")) == [mine]
    assert numbers(find(world, text="order 4711", digits="4711")) == [other]
    assert numbers(find(world, BUYER, text="I paid 4711 yen")) == []
    assert numbers(find(world, OTHER, text="my order so-10023")) == []


def test_typos_and_beginnings_of_words_find_the_product(world: World) -> None:
    number = world.order(items=(OVER_EAR,))
    world.order(items=(KETTLE,))
    for said in ("the headfones", "wireles", "my headph", "black ones", "hedphones"):
        assert numbers(find(world, text=said)) == [number], said
    assert numbers(find(world, text="the walnut")) == []


def test_a_buyer_with_very_many_orders_gets_the_newest_of_what_fits(world: World) -> None:
    made = [world.order(items=(KETTLE,), ago=timedelta(hours=hours)) for hours in range(1, 26)]
    assert numbers(find(world, text="the kettle")) == made[:20]


def test_words_are_found_with_the_order_that_has_most_of_them(world: World) -> None:
    world.order(items=(OVER_EAR,), ago=timedelta(hours=1))
    both = world.order(items=(OVER_EAR, KETTLE), ago=timedelta(hours=5))
    assert numbers(find(world, text="headphones and kettle")) == [both]


def test_lists_by_cursor_and_words_come_from_indexes(world: World) -> None:
    """The plans on both databases, with sequential scans made as dear as they are in a big store."""
    number = world.order(items=(KETTLE,))
    with world.transaction() as session:
        sqlite = session.get_bind().dialect.name == "sqlite"
        if not sqlite:
            session.execute(text("SET LOCAL enable_seqscan = off"))
        plans: list[str] = []

        def on_execute(_connection: Any, cursor: Any, statement: str, parameters: Any, *_: Any) -> None:
            if statement.startswith("SELECT") and "FOR UPDATE" not in statement:
                asked.append((statement, parameters))

        asked: list[tuple[str, Any]] = []
        connection = session.connection()
        event.listen(connection, "before_cursor_execute", on_execute)
        view = orders.get_own(session, BUYER, number)
        after = orders.page(session, BUYER, limit=1)
        orders.page(session, BUYER, after=f"{view.placed_at.isoformat()}|{number}")
        finding.find(session, BUYER, OrderQuery(text="kettle PW123456789DE"))
        finding.find(session, BUYER, OrderQuery(digits="7713"))
        finding.find(session, BUYER, OrderQuery(number="RC-1042-7713"))
        event.remove(connection, "before_cursor_execute", on_execute)
        assert after.after is None
        explain = "EXPLAIN QUERY PLAN " if sqlite else "EXPLAIN "
        for statement, parameters in asked:
            rows = connection.exec_driver_sql(explain + statement, parameters).all()
            plans += ["\n".join(str(row[-1]) for row in rows)]
        scans = [
            plan
            for plan in plans
            if re.search(r"SCAN (?!CONSTANT)(orders|order_term|shipment)\b(?!.*USING)|Seq Scan", plan)
        ]
        assert len(plans) > 8 and scans == []


def test_bare_digits_name_an_order_only_when_one_own_number_ends_with_them(world: World) -> None:
    mine, twin = world.order(number="RC-1042-7713"), world.order(number="RC-2464-1041")
    world.order(buyer=OTHER, number="RC-2660-8040")
    with world.reading() as session:
        assert finding.ending(session, BUYER, f"where is my refund for {mine[-4:]}?") == "7713"
        assert finding.ending(session, BUYER, f"bought in 2024, it is {twin[-4:]}") == "1041"
        assert finding.ending(session, BUYER, "where is my refund for 8040?") is None
        assert finding.ending(session, BUYER, "where is my refund of 104?") is None
    world.order(number="RC-3369-1041")
    with world.reading() as session:
        assert finding.ending(session, BUYER, "status of 1041") is None
