"""A part of the money if the buyer keeps the order."""

from __future__ import annotations

from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from datetime import timedelta
from typing import Any

import pytest

from recourse.core.errors import Conflict, InvalidInput, NotAllowed, NotFound, RecourseError
from recourse.messages import offers, rules
from recourse.messages import service as messages
from recourse.messages.offers import OfferView
from recourse.orders import service as orders
from recourse.refunds import service as refunds
from recourse.refunds.rules import Days, of_amount
from tests.unit.world import BALANCE, BUYER, CARD, OTHER, Item, World

SECOND = timedelta(seconds=1)
Notices = Callable[[], list[dict[str, Any]]]


def offer(world: World, number: str, amount: Any = 500, seller: str = "acme", **more: Any) -> OfferView:
    with world.transaction() as session:
        return offers.offer(session, seller, number, amount, "Keep it and take this back", world.now, **more)


def decide(world: World, what: str, offer_id: str, who: str = "") -> OfferView:
    act = {"accept": offers.accept_offer, "decline": offers.decline_offer, "retract": offers.retract_offer}[what]
    with world.transaction() as session:
        return act(session, who or ("acme" if what == "retract" else BUYER), offer_id, world.now)


def state(world: World, offer_id: str) -> str:
    with world.reading() as session:
        return offers.get(session, offer_id).state


def refunds_of(world: World, number: str) -> list[Any]:
    with world.reading() as session:
        return refunds.all_of(session, world.see(number).id, world.now.date())


def sweep(world: World) -> list[str]:
    with world.transaction() as session:
        due = list(messages.due(session, world.now))
        return [done.state for each in due if (done := messages.settle(session, each, world.now))]


def test_the_buyer_takes_the_money_and_keeps_the_order(world: World, notices: Notices) -> None:
    number = world.order(ways=(CARD, BALANCE), shares=(1500,))
    request_id = world.ask(number)
    before = world.see(number)
    made = offer(world, number, 500)
    assert made.request_id == request_id and made.amount == before.money(500)
    assert [each["kind"] for each in notices()] == ["seller_offers"]
    assert decide(world, "accept", made.id).state == "accepted"
    after = world.see(number)
    assert after.state == "to_ship" and after.version > before.version
    assert world.request_state(request_id) == "withdrawn"
    (refund,) = refunds_of(world, number)
    assert (refund.cause_type, refund.cause_id) == ("goodwill", made.id)
    assert {leg.method: leg.amount.amount_minor for leg in refund.legs} == {"card": 300, "balance": 200}
    assert sum(line.refunded for line in after.lines) == 500
    assert decide(world, "accept", made.id).state == "accepted"
    assert len(refunds_of(world, number)) == 1


def test_without_a_request_only_the_money_moves(world: World) -> None:
    number = world.order("delivered", items=(Item("A", "A", 1000), Item("B", "B", 3000)))
    decide(world, "accept", offer(world, number, 1001).id)
    after = world.see(number)
    assert after.state == "delivered"
    assert sorted(line.refunded for line in after.lines) == [250, 751]


def test_after_a_part_was_given_back_only_the_rest_is_cancelled(world: World) -> None:
    number = world.order()
    decide(world, "accept", offer(world, number, 500).id)
    world.approve(world.ask(number))
    assert {refund.cause_type: refund.legs_total.amount_minor for refund in refunds_of(world, number)} == {
        "goodwill": 500,
        "cancellation": 2000,
    }


@pytest.mark.parametrize("amount", [0, -1, 2501, True, 1.5, "5", 10**18])
def test_the_amount_is_from_1_to_what_can_come_back(world: World, amount: Any) -> None:
    with pytest.raises(InvalidInput):
        offer(world, world.order(), amount)


@pytest.mark.parametrize("amount", [1, 2500])
def test_the_bounds_of_the_amount_are_good(world: World, amount: int) -> None:
    number = world.order()
    decide(world, "accept", offer(world, number, amount).id)
    assert refunds_of(world, number)[0].legs_total.amount_minor == amount


@pytest.mark.parametrize("order_state", ["awaiting_payment", "payment_review", "cancelled", "closed"])
def test_only_a_paid_order_that_goes_on_can_have_an_offer(world: World, order_state: str) -> None:
    with pytest.raises(NotAllowed):
        offer(world, world.order(order_state), 1)


@pytest.mark.parametrize("order_state", ["to_ship", "partially_shipped", "shipped", "delivered", "completed"])
def test_every_paid_order_can_have_an_offer(world: World, order_state: str) -> None:
    items = (Item("A", "A", 1000), Item("B", "B", 3000))
    assert offer(world, world.order(order_state, items=items), 1).state == "open"


def test_an_order_on_hold_or_in_another_process_has_no_second_way_to_the_money(world: World) -> None:
    number = world.order("delivered")
    made = offer(world, number)
    order_id = world.see(number).id
    for change in (
        lambda s: orders.set_frozen(s, order_id, "risk"),
        lambda s: orders.set_issue(s, order_id, "dispute"),
    ):
        with world.transaction() as session:
            change(session)
        with pytest.raises(NotAllowed):
            decide(world, "accept", made.id)
        with pytest.raises(NotAllowed):
            offer(world, number)
        with world.reading() as session:
            assert offers.open_offer(session, order_id, world.now) is None
        with world.transaction() as session:
            orders.set_frozen(session, order_id, None)
    assert refunds_of(world, number) == []
    with world.transaction() as session:
        orders.set_issue(session, order_id, None)
    with world.reading() as session:
        assert offers.open_offer(session, order_id, world.now) == made


def test_one_open_offer_at_a_time(world: World) -> None:
    number = world.order()
    first = offer(world, number)
    with pytest.raises(NotAllowed):
        offer(world, number)
    decide(world, "retract", first.id)
    second = offer(world, number)
    decide(world, "decline", second.id)
    third = offer(world, number)
    world.now = third.open_until
    fourth = offer(world, number)
    with world.reading() as session:
        states = [each.state for each in offers.all_of(session, world.see(number).id)]
    assert sorted(states) == ["declined", "expired", "open", "retracted"]
    assert state(world, third.id) == "expired" and state(world, fourth.id) == "open"


def test_two_offers_at_once_make_one(world: World) -> None:
    number = world.order()

    def attempt(_: int) -> bool:
        try:
            offer(world, number)
            return True
        except RecourseError:
            return False

    with ThreadPoolExecutor(6) as pool:
        assert sum(pool.map(attempt, range(6))) == 1


def test_two_who_accept_decline_and_retract_at_once_get_one_end(world: World) -> None:
    number = world.order()
    made = offer(world, number)

    def attempt(what: str) -> str | None:
        try:
            return decide(world, what, made.id).state
        except RecourseError:
            return None

    with ThreadPoolExecutor(6) as pool:
        ends = set(pool.map(attempt, ["accept", "decline", "retract"] * 2)) - {None}
    assert ends == {state(world, made.id)}
    assert len(refunds_of(world, number)) == (1 if ends == {"accepted"} else 0)


@pytest.mark.parametrize("what", ["accept", "decline", "retract"])
@pytest.mark.parametrize(("after", "allowed"), [(-SECOND, True), (timedelta(0), False), (SECOND, False)])
def test_at_the_end_of_its_time_the_timer_owns_it(world: World, what: str, after: timedelta, allowed: bool) -> None:
    made = offer(world, world.order("delivered"))
    world.now = made.open_until + after
    if allowed:
        decide(world, what, made.id)
        assert sweep(world) == []
    else:
        with pytest.raises(Conflict):
            decide(world, what, made.id)
        assert sweep(world) == ["expired"]
        assert sweep(world) == []


@pytest.mark.parametrize("what", ["accept", "decline", "retract"])
@pytest.mark.parametrize("first", ["accept", "decline", "retract"])
def test_a_decision_stands(world: World, first: str, what: str) -> None:
    made = offer(world, world.order())
    done = decide(world, first, made.id)
    if first == what:
        assert decide(world, what, made.id) == done
    else:
        with pytest.raises(Conflict):
            decide(world, what, made.id)


def test_the_buyer_is_told_when_it_lapses_unless_the_order_has_ended(world: World, notices: Notices) -> None:
    lasting, ended = world.order("delivered"), world.order()
    first, second = offer(world, lasting), offer(world, ended, 2500)
    request_id = world.ask(ended)
    world.approve(request_id)
    with pytest.raises(NotAllowed):
        decide(world, "accept", second.id)
    world.now += rules.OFFER_LASTS
    assert sweep(world) == ["expired", "expired"]
    assert [each["offer_id"] for each in notices() if each["kind"] == "offer_expired"] == [first.id]


def test_an_offer_never_outlasts_the_request_that_it_would_settle(world: World) -> None:
    number = world.order()
    request_id = world.ask(number)
    made = offer(world, number, expires_in=timedelta(days=5))
    assert made.open_until == world.now + timedelta(hours=24)
    world.now = made.open_until - SECOND
    decide(world, "accept", made.id)
    assert world.request_state(request_id) == "withdrawn"


@pytest.mark.parametrize("hours", [24, 25])
def test_once_the_time_to_answer_is_over_it_is_too_late_for_an_offer(world: World, hours: int) -> None:
    number = world.order()
    world.ask(number)
    world.now += timedelta(hours=hours)
    with pytest.raises(Conflict):
        offer(world, number)


def test_an_offer_made_before_the_request_ends_with_it_when_silence_approves(world: World) -> None:
    number = world.order()
    made = offer(world, number, expires_in=timedelta(days=5))
    request_id = world.ask(number)
    world.now += timedelta(hours=24)
    with pytest.raises(Conflict):
        decide(world, "accept", made.id)
    assert state(world, made.id) == "open" and refunds_of(world, number) == []
    assert world.settle(request_id) == "approved"
    with pytest.raises(NotAllowed):
        decide(world, "accept", made.id)


def test_an_offer_of_more_than_is_left_cannot_be_taken(world: World) -> None:
    number = world.order(items=(Item("A", "A", 1000), Item("B", "B", 3000)))
    made = offer(world, number, 3500)
    order = world.see(number)
    with world.transaction() as session:
        locked = orders.get_by_id(session, order.id, lock=True)
        days = Days(refunds.ranges(session), world.now.date(), world.now.date())
        refunds.grant(session, locked, "goodwill", "x" * 32, of_amount(locked, 1000, days), world.now)
    with pytest.raises(NotAllowed):
        decide(world, "accept", made.id)
    assert state(world, made.id) == "open"


def test_foreign_and_missing_are_the_same(world: World, rival: str) -> None:
    number = world.order()
    made = offer(world, number)
    missing = world.next_number()
    said = set()
    for seller, wanted in ((rival, number), ("acme", missing)):
        with pytest.raises(NotFound) as error:
            offer(world, wanted, seller=seller)
        said.add(str(error.value).replace(wanted, "N"))
    for what, foreigner, owner in (("accept", OTHER, BUYER), ("decline", OTHER, BUYER), ("retract", rival, "acme")):
        for who, wanted in ((foreigner, made.id), (owner, "f" * 32)):
            with pytest.raises(NotFound) as error:
                decide(world, what, wanted, who)
            said.add(str(error.value).replace(wanted, "O"))
    assert len(said) == 3
    assert state(world, made.id) == "open"


@pytest.mark.parametrize(
    "lasts", [timedelta(0), timedelta(minutes=59), timedelta(days=14, seconds=1), timedelta(days=-1)]
)
def test_an_offer_stands_for_a_sensible_time(world: World, lasts: timedelta) -> None:
    with pytest.raises(InvalidInput):
        offer(world, world.order(), expires_in=lasts)


@pytest.mark.parametrize("words", ["", "x" * 1001])
def test_an_offer_needs_words(world: World, words: str) -> None:
    number = world.order()
    with world.transaction() as session, pytest.raises(InvalidInput):
        offers.offer(session, "acme", number, 100, words, world.now)
