"""Every notice that a service queues has words, and the words come from rows of the moment in which they are said."""

from __future__ import annotations

import ast
from collections.abc import Callable, Iterator
from datetime import datetime, timedelta

import pytest
from sqlalchemy.orm import Session

from recourse.core import outbox
from recourse.core.settings import PROJECT_ROOT
from recourse.core.transitions import Actor
from recourse.core.words import Words
from recourse.messages import offers
from recourse.messages import service as messages
from recourse.messages.offers import OfferView
from recourse.notices import service as notices
from recourse.overview import service as overview
from recourse.refunds import legs
from recourse.replies import refund as refund_words
from recourse.replies.voice import Voice
from recourse.watches import service as watches
from tests.unit.world import BUYER, World

SELLER = Actor("seller", "acme")


def queued_kinds() -> Iterator[str]:
    """The kind in every call of ``notify_buyer`` in the product; the same kind may be queued in several places."""
    for path in (PROJECT_ROOT / "recourse").rglob("*.py"):
        for node in ast.walk(ast.parse(path.read_text())):
            if isinstance(node, ast.Call) and getattr(node.func, "attr", "") == "notify_buyer":
                for value in ast.walk(node.args[2]):
                    if isinstance(value, ast.Constant) and isinstance(value.value, str):
                        yield value.value


def heard(world: World) -> list[str]:
    """What the buyer is told now."""
    with world.transaction() as session:
        return [told.text for told in notices.collect(session, BUYER, Voice(Words.load(), "en", "UTC"), world.now)]


def test_there_are_words_for_every_kind() -> None:
    words = Words.load()
    known = {"request_approved": "utter_notice_approved_by_seller", "refund_arrived": "utter_notice_refund_news"}
    kinds = set(queued_kinds())
    assert len(kinds) > 15
    assert {kind for kind in kinds if known.get(kind, f"utter_notice_{kind}") not in words} == set()


def test_a_notice_without_words_says_so(world: World) -> None:
    with world.reading() as session, pytest.raises(LookupError, match="no words"):
        notices.word(session, Voice(Words.load(), "en", "UTC"), {"kind": "odd", "odd_id": "1"}, world.now)


def test_an_arrived_refund_is_said_once_and_says_arrived_only_then(world: World) -> None:
    number = world.order("to_ship")
    request = world.submit(world.quote(number)).request
    assert request is not None
    world.approve(request.id)
    (news,) = heard(world)
    assert "It is cancelled now" in news
    assert "about to be sent" in news
    assert heard(world) == []
    (leg,) = world.refunds(number)[0].legs
    with world.transaction() as session:
        legs.start_sending(session, leg.id, world.now)
    with world.transaction() as session:
        legs.record_result(session, "succeeded", world.now, world.now, leg_id=leg.id, arn="ARN123")
    (news,) = heard(world)
    assert "paid out on 24 Nov 2026, reference ARN123" in news
    assert "€25.00" in news


def test_a_sellers_message_is_shown_without_what_leads_away(world: World) -> None:
    number = world.order("to_ship")
    with world.transaction() as session:
        messages.send(session, SELLER, number, "Write me at shop@example.com instead", "m1", world.now)
    (news,) = heard(world)
    assert "Acme Crockery wrote" in news
    assert "shop@example.com" not in news
    assert "not protected" in news


def test_the_platform_is_not_taken_for_the_seller(world: World) -> None:
    number = world.order("to_ship")
    with world.transaction() as session:
        messages.send(session, Actor("platform", "agent-1"), number, "We look into it", "m1", world.now)
    assert heard(world)[0].startswith("News: our team wrote")


def test_the_form_for_bank_details_is_named_as_long_as_it_is_needed(world: World) -> None:
    number = world.order("to_ship")
    request = world.submit(world.quote(number)).request
    assert request is not None
    world.approve(request.id)
    (leg,) = world.refunds(number)[0].legs
    with world.transaction() as session:
        legs.start_sending(session, leg.id, world.now)
        legs.record_result(
            session, "requires_action", world.now, world.now, leg_id=leg.id, action_url="https://pay.example/f/1",
            action_by=world.now + timedelta(days=14),
        )  # fmt: skip
    assert all("https://pay.example/f/1" in news for news in heard(world))
    with world.reading() as session:
        item = overview.case(session, BUYER, number, world.now)
    said = refund_words.refund_status(Voice(Words.load(), "en", "UTC"), item)
    assert "https://pay.example/f/1" in said.values["lines"]


def offered(world: World) -> str:
    """Id of an offer for a new order, of which the buyer has not heard yet."""
    number = world.order("to_ship")
    with world.transaction() as session:
        return offers.offer(session, "acme", number, 500, "Keep it?", world.now, timedelta(hours=2)).id


def test_an_offer_that_has_ended_meanwhile_is_not_offered(world: World) -> None:
    offer_id = offered(world)
    with world.transaction() as session:
        offers.retract_offer(session, "acme", offer_id, world.now)
    (news,) = heard(world)
    assert "has ended" in news


@pytest.mark.parametrize("decide", [offers.accept_offer, offers.decline_offer])
def test_an_offer_that_the_buyer_has_decided_is_no_news(
    world: World, decide: Callable[[Session, str, str, datetime], OfferView]
) -> None:
    offer_id = offered(world)
    with world.transaction() as session:
        decide(session, BUYER, offer_id, world.now)
    assert heard(world) == []
    with world.reading() as session:
        assert outbox.open_notices(session, [BUYER]) == []


def test_an_offer_that_ran_out_is_told_once(world: World) -> None:
    offer_id = offered(world)
    world.now += timedelta(hours=2)
    with world.transaction() as session:
        offers.settle(session, offer_id, world.now)
    (news,) = heard(world)
    assert "has ended" in news


def test_news_of_one_moment_are_told_in_the_order_in_which_they_came(world: World) -> None:
    number = world.order("to_ship")
    texts = [f"This is message {count}" for count in range(20)]
    for count, text in enumerate(texts):
        with world.transaction() as session:
            messages.send(session, SELLER, number, text, f"m{count}", world.now)
    assert [text in news for text, news in zip(texts, heard(world), strict=True)] == [True] * 20


def test_back_in_stock_is_said(world: World) -> None:
    with world.transaction() as session:
        watches.watch(session, BUYER, "MUG", "Stoneware mug", world.now)
        watches.stock_back(session, "MUG", world.now)
        assert len(outbox.open_notices(session, [BUYER])) == 1
    assert heard(world) == ["News: Stoneware mug is available again."]
