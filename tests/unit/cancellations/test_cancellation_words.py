"""What is said about cancelling in parts, calling back and taking back: true to the rows, whatever they are."""

from __future__ import annotations

from datetime import timedelta
from typing import Any

import pytest
from rasa_sdk import Tracker
from rasa_sdk.executor import CollectingDispatcher

from actions.cancellation import ConfirmWithdrawal, StopNothing, WithdrawRequest, _tell
from actions.turn import Turn
from recourse.cancellations import rules
from recourse.cancellations import service as cancellations
from recourse.core.words import Words
from recourse.customers import service as customers
from recourse.demo.shop import Item
from recourse.overview import service as overview
from recourse.replies import cancellation as say
from recourse.replies.orders import next_step
from recourse.replies.refund import no_refund
from recourse.replies.voice import Say, Voice
from tests.unit.world import BUYER, MUG, OTHER, TRAY, World

VOICE = Voice(Words.load(), "en-GB", "UTC")
MUGS = Item("MUG", "Stoneware mug, moss green", 1000, qty=3)
ASK = {"after_shipment": "ask_seller"}
DAY = timedelta(hours=24)


def spoken(words: Say) -> str:
    return VOICE.utterance(words).text


def summary(world: World, number: str, reason: str = "no_longer_wanted", pieces: dict[str, int] | None = None) -> str:
    offered = world.offer(number, pieces=pieces, reason=reason)
    with world.reading() as session:
        item = overview.case(session, BUYER, number, world.now)
    chosen = rules.reason(item.order.state, reason)
    assert chosen is not None
    return spoken(say.summary(VOICE, item, offered, chosen, None))


def news(world: World, request_id: str, kind: str) -> str:
    with world.reading() as session:
        return spoken(say.notice(VOICE, overview.of_request(session, request_id, world.now), kind))


# --- the summary


def test_the_summary_of_a_rest_names_what_goes_and_what_comes(world: World) -> None:
    text = summary(world, world.order("partially_shipped", items=(MUGS, TRAY)))
    assert "Oak serving tray" in text
    assert "Stoneware mug" not in text
    assert "The rest is on its way and is not affected" in text
    assert "€15.00 goes back to Visa ending 4242" in text


def test_the_summary_of_some_pieces_counts_them(world: World) -> None:
    number = world.order(items=(MUGS, TRAY), shipping=600, refund_shipping="never", coupon=450)
    text = summary(world, number, pieces=world.lines(number, MUG=2))
    assert "2 × Stoneware mug, moss green" in text
    assert "The rest of the order is not affected" in text
    assert "€2.66 of shipping does not come back" in text
    assert "€2.00 of coupon value (TEN) comes back as shop balance" in text


def test_the_summary_of_a_whole_order_says_nothing_of_a_rest(world: World) -> None:
    text = summary(world, world.order(items=(MUGS, TRAY)))
    assert "3 × Stoneware mug, moss green, Oak serving tray" in text
    assert "rest" not in text


def test_the_summary_of_a_call_back_says_that_silence_cancels_nothing_and_what_it_costs(world: World) -> None:
    number = world.order("shipped", fee_kind="fixed", fee_value=300, clause="We charge 3.", **ASK)
    text = summary(world, number)
    assert "It has been sent already" in text
    assert "No answer by then means that nothing is cancelled." in text
    assert 'Fee: €3.00 (the seller\'s terms say: "We charge 3.")' in text
    assert "€22.00 goes back" in text
    assert "Fee: €0.00" in summary(world, number, "seller_asked")


# --- asked, and not cancelled


@pytest.mark.parametrize(
    ("state", "policy", "silence"),
    [
        ("to_ship", {}, "No answer by then means it is approved."),
        ("to_ship", {"on_silence": "reject"}, "the request ends and the order goes on"),
        ("to_ship", {"on_silence": "escalate"}, "our team decides"),
        ("shipped", ASK, "No answer by then means that nothing is cancelled."),
    ],
)
def test_whoever_asks_about_an_open_request_hears_the_same_truth(
    world: World, state: str, policy: dict[str, Any], silence: str
) -> None:
    number = world.order(state, **policy)
    world.ask(number)
    with world.reading() as session:
        item = overview.case(session, BUYER, number, world.now)
    assert item.request is not None
    for words in (
        spoken(say.requested(VOICE, item, item.request)),
        spoken(say.already_requested(VOICE, item, item.request)),
        spoken(say.request_stands(VOICE, item, item.request)),
        spoken(no_refund(VOICE, item)),
        next_step(VOICE, item),
    ):
        assert silence in words
        assert "is cancelled." not in words.replace("nothing is cancelled.", "")


def test_an_escalated_request_is_not_said_to_wait_for_the_seller(world: World) -> None:
    number = world.order(on_silence="escalate")
    request_id = world.ask(number)
    world.now += DAY
    world.settle(request_id)
    with world.reading() as session:
        item = overview.case(session, BUYER, number, world.now)
    assert item.request is not None
    for words in (spoken(say.already_requested(VOICE, item, item.request)), next_step(VOICE, item)):
        assert "our team decides now" in words
        assert "answers by" not in words
    assert "our team decides now" in news(world, request_id, "request_escalated")


def test_a_request_for_a_part_names_only_the_part(world: World) -> None:
    number = world.order(items=(MUGS, TRAY))
    world.ask(number, pieces=world.lines(number, MUG=2))
    with world.reading() as session:
        item = overview.case(session, BUYER, number, world.now)
    assert item.request is not None
    for words in (say.requested, say.already_requested, say.request_stands):
        text = spoken(words(VOICE, item, item.request))
        assert "2 × Stoneware mug, moss green" in text
        assert "tray" not in text


# --- news


def test_news_of_a_part_never_says_that_the_order_is_cancelled(world: World) -> None:
    number = world.order(items=(MUGS, TRAY))
    request_id = world.ask(number, pieces=world.lines(number, MUG=2))
    world.approve(request_id)
    text = news(world, request_id, "request_approved")
    assert "agreed to cancel 2 × Stoneware mug, moss green of" in text
    assert "The rest of the order is not affected." in text
    assert "is cancelled now" not in text
    assert "€20.00" in text


def test_news_of_two_parts_each_speak_of_their_own_money(world: World) -> None:
    number = world.order(items=(MUGS, TRAY))
    first = world.ask(number, pieces=world.lines(number, MUG=3))
    world.approve(first)
    second = world.ask(number)
    world.now += DAY
    world.settle(second)
    assert "€30.00" in news(world, first, "request_approved")
    later = news(world, second, "request_approved")
    assert "did not answer in time" in later
    assert "€15.00" in later
    assert "With that nothing is left of the order." in later


def test_news_of_a_call_back_say_what_was_kept(world: World) -> None:
    number = world.order("shipped", shipping=600, fee_kind="fixed", fee_value=300, clause="We charge 3.", **ASK)
    request_id = world.ask(number)
    world.platform(request_id, approve=True)
    text = news(world, request_id, "request_approved")
    assert "our team decided" in text
    assert "€22.00" in text
    assert "€3.00 was kept as the fee" in text
    assert "€6.00 of shipping does not come back" in text


def test_news_of_a_request_that_ended_otherwise_claim_no_parcel(world: World) -> None:
    shipped, held, gone = world.order(), world.order(), world.order()
    requests = {number: world.ask(number) for number in (shipped, held, gone)}
    world.ship(shipped, "PW-9")
    for number in (held, gone):
        with world.transaction() as session:
            cancellations.end_open_request(session, world.see(number), "otherwise", world.now)
    world.set_order(held, frozen=True, frozen_reason="payment_check")
    assert "(tracking number PW-9)" in news(world, requests[shipped], "request_superseded")
    assert "on hold for a payment check" in news(world, requests[held], "request_superseded")
    text = news(world, requests[gone], "request_superseded")
    assert "Its status now: paid, waiting to be shipped." in text
    assert "carrier" not in text


def test_a_no_of_the_platform_is_not_said_to_be_the_sellers(world: World) -> None:
    request_id = world.ask(world.order())
    world.platform(request_id, approve=False, reason="Made to order")
    text = news(world, request_id, "request_rejected")
    assert "our team declined" in text
    assert "Made to order" in text
    assert "Acme" not in text


# --- keeping the order after all


class Desk:
    """Plays a turn of the conversation and keeps what was said."""

    def __init__(self, world: World) -> None:
        self.world = world

    def press(self, action: Any, *, buyer: str = BUYER, text: str = "/button", **entities: str) -> str:
        """What ``action`` says to a message with ``entities``."""
        found = [{"entity": name, "value": value} for name, value in entities.items()]
        dispatcher = CollectingDispatcher()
        with self.world.transaction() as session:
            action.answer(self._turn(session, dispatcher, buyer, text, found))
        return said(dispatcher)

    def tell(self, submitted: Any) -> str:
        """What is said of a submit."""
        dispatcher = CollectingDispatcher()
        with self.world.transaction() as session:
            _tell(self._turn(session, dispatcher, BUYER, "/button", []), submitted)
        return said(dispatcher)

    def _turn(self, session: Any, dispatcher: CollectingDispatcher, buyer: str, text: str, found: list[Any]) -> Turn:
        message = {"text": text, "entities": found, "intent": {"name": "any"}}
        tracker = Tracker("s", {}, message, [], False, None, {}, None)
        return Turn(session, customers.get(session, buyer), VOICE, tracker, dispatcher, self.world.now)


def said(dispatcher: CollectingDispatcher) -> str:
    parts = []
    for message in dispatcher.messages:
        values = {**message, **message.get("custom", {})}
        parts.append(VOICE.words.say(message["response"], **values).text)
    return "\n".join(parts)


def test_a_request_is_taken_back_only_by_its_button(world: World) -> None:
    desk, number = Desk(world), world.order()
    request_id = world.ask(number)
    assert "I can take the request back" in desk.press(StopNothing())
    assert "nothing is cancelled and the order goes on" in desk.press(WithdrawRequest(), order_number=number)
    assert "nothing for me to confirm" in desk.press(ConfirmWithdrawal(), text="yes, take it back", request=request_id)
    assert "nothing for me to confirm" in desk.press(ConfirmWithdrawal())
    assert world.request_state(request_id) == "pending_seller"
    assert "I've taken your request back" in desk.press(ConfirmWithdrawal(), request=request_id)
    assert world.request_state(request_id) == "withdrawn"
    assert "I've taken your request back" in desk.press(ConfirmWithdrawal(), request=request_id)


def test_somebody_elses_request_is_not_taken_back(world: World) -> None:
    desk, number = Desk(world), world.order(buyer=OTHER)
    request_id = world.ask(number, OTHER)
    assert "no open request" in desk.press(ConfirmWithdrawal(), request=request_id)
    assert "no open request" in desk.press(WithdrawRequest(), order_number=number)
    assert world.request_state(request_id) == "pending_seller"


def test_what_was_decided_meanwhile_is_told_instead(world: World) -> None:
    desk, number = Desk(world), world.order()
    request_id = world.ask(number)
    world.reject(request_id, "It is engraved")
    assert "It is engraved" in desk.press(ConfirmWithdrawal(), request=request_id)
    assert "It is engraved" in desk.press(WithdrawRequest(), order_number=number)
    late = world.ask(world.order())
    world.now += DAY
    assert "can't take that request back any more" in desk.press(ConfirmWithdrawal(), request=late)
    assert "nothing to stop" in desk.press(StopNothing(), buyer=OTHER)


# --- what came of a submit


def test_a_submit_that_is_repeated_later_tells_what_became_of_it(world: World) -> None:
    desk = Desk(world)
    quote_id = world.quote(world.order(items=(MUG, TRAY)))
    assert "not cancelled yet" in desk.tell(world.submit(quote_id, key="k"))
    request = world.submit(quote_id, key="k").request
    assert request is not None
    world.reject(request.id, "It is engraved")
    assert "It is engraved" in desk.tell(world.submit(quote_id, key="k"))


def test_a_yes_that_does_not_count_says_why(world: World) -> None:
    desk, number = Desk(world), world.order(items=(MUGS, TRAY))
    moved, gone = (world.quote(number, pieces=world.lines(number, MUG=3)) for _ in range(2))
    world.ship(number, "PW-1", pieces=world.lines(number, MUG=1))
    assert "Something about this order changed" in desk.tell(world.submit(moved))
    world.ship(number, "PW-2", pieces=world.lines(number, MUG=2))
    assert "was sent or cancelled in the meantime" in desk.tell(world.submit(gone))
    old = world.quote(number)
    world.now += timedelta(minutes=30)
    assert "no longer valid" in desk.tell(world.submit(old))
