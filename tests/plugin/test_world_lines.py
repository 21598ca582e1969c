"""Both worlds: talking over REST and over the socket, what Rasa made of it, names and masks, rows, and the clock."""

from __future__ import annotations

import re
from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
from world_cases import ONE_UNSENT, Played, refused

pytest_plugins = ("world_fixtures",)

Staged = Callable[..., Played]
TWO = {
    "buyer": {
        "orders": [
            {"as": "headphones", "scenario": "paid_unsent"},
            {"as": "mugs", "scenario": "paid_unsent", "items": [{"sku": "MUG-SET", "qty": 2}], "title": "Blue mugs"},
        ]
    },
    "stranger": {"like": "b-1002", "orders": [{"as": "theirs", "scenario": "refund_in_progress"}]},
}


@pytest.mark.parametrize("channel", ["rest", "socket"])
def test_a_request_from_the_first_word_to_the_row(staged: Staged, channel: str) -> None:
    case = staged(channel=channel)
    case.say("cancel my order")
    assert case.stage.fill("order {headphones}: Wireless over-ear") in case.reply.text
    assert {button.action for button in case.reply.messages[-1].buttons} == {"/choose_reason{reason}"}
    case.press("Found it cheaper")
    case.press("Yes, submit it")
    assert "utter_cancel_requested" in case.uttered(case.reply)
    (row,) = case.rows("cancellation_request", "headphones")
    assert row["state"] == "pending_seller"
    turn = case.stage.turn("buyer")
    assert turn.intent == "confirm_quote"
    assert "action_submit_cancellation" in turn.actions
    assert turn.slots["order_in_focus"] == case.stage.fill("{headphones}")
    assert turn.events[0]["event"] == "user"


@pytest.mark.parametrize("channel", ["rest", "socket"])
def test_a_message_sent_twice_counts_once(staged: Staged, channel: str) -> None:
    case = staged(channel=channel)
    case.say("cancel my order")
    case.press("Found it cheaper")
    case.say("yes", times=2)
    assert len(case.rows("cancellation_request")) == 1


def test_news_comes_by_itself(staged: Staged) -> None:
    case = staged(channel="socket")
    case.ask_to_cancel()
    case.do(seller="approve")
    came = case.stage.line("buyer").pushed(20)
    assert "utter_notice_approved_by_seller" in case.uttered(came)
    assert not case.stage.line("buyer").pushed(0).messages


def test_over_rest_news_comes_first_in_the_next_answer(staged: Staged) -> None:
    case = staged()
    case.ask_to_cancel()
    case.do(seller="approve")
    with refused("expect_pushed needs `channel: socket`"):
        case.stage.line("buyer").pushed(1)
    first, *_ = case.say("thanks").messages
    assert first.text.startswith("News: Northlight Audio agreed to cancel")


def test_a_lost_connection_loses_nothing(staged: Staged) -> None:
    case = staged(channel="socket")
    case.say("cancel my order")
    case.stage.line("buyer").reconnect()
    case.do(platform={"does": "write", "text": "We are on it."})
    case.stage.line("buyer").reconnect()
    came = case.stage.line("buyer").pushed(20)
    assert "We are on it." in came.text
    case.press("Found it cheaper")
    assert "Step 2 of 2" in case.reply.text


def test_rest_has_no_connection_to_lose(staged: Staged) -> None:
    with refused("needs `channel: socket`"):
        staged().stage.line("buyer").reconnect()


def test_two_people_never_meet(staged: Staged) -> None:
    case = staged(TWO, sender="the same name")
    assert case.stage.speakers == ("buyer", "stranger")
    assert case.stage.fill("{headphones}") in case.say("my orders").text
    case.speaker = "stranger"
    assert case.stage.fill("{headphones}") not in case.say("my orders").text
    assert case.stage.fill("{theirs}") in case.reply.text


def test_names_in_texts(staged: Staged) -> None:
    fill = staged(TWO).stage.fill
    number = fill("{headphones}")
    digits = number[3:].replace("-", "")
    assert re.fullmatch(r"RC-\d{4}-\d{4}", number)
    assert fill("{headphones.last4} {headphones.sloppy}") == f"{digits[4:]} rc {digits[:4]} {digits[4:]}"
    wrong = fill("{headphones.typo}")
    assert sum(a != b for a, b in zip(number, wrong, strict=True)) == 1
    assert fill("{mugs.total_paid} {nobodys}").startswith("5")
    assert fill("{nobodys}") not in (number, fill("{mugs}"))
    with refused("orders has no column 'colour'; it has: "):
        fill("{headphones.colour}")
    with refused("nothing in this case is called {headphone}; there are: headphones, mugs"):
        fill("cancel {headphone}")


def test_transcripts_are_masked(staged: Staged) -> None:
    case = staged(TWO)
    case.say("cancel {headphones}")
    case.press("Found it cheaper")
    shown = case.stage.mask(case.reply.text)
    assert "Order {headphones}: Wireless" in shown
    assert "£105.99 goes back to Visa ending 4242, expected <date> to <date>" in shown
    assert "the seller has until <date>, <time> to answer" in shown
    case.say("talk to a person")
    assert "<case>" in case.stage.mask(case.reply.text)
    for text in (case.stage.fill("{headphones} {mugs} {nobodys}"), case.stage.fill("{mugs.sloppy}")):
        assert not re.search(r"\d", case.stage.mask(text))


def test_rows_belong_to_an_order_or_a_buyer(staged: Staged) -> None:
    case = staged(TWO)
    assert [row["qty"] for row in case.rows("order_line", "mugs")] == [2]
    assert len(case.rows("orders")) == 2
    assert case.rows("refund_leg") == []
    case.speaker = "stranger"
    (leg,) = case.rows("refund_leg", "theirs")
    database = case.stage.database()
    assert database is not None and database.currency is not None
    tables = database.metadata.tables
    assert database.currency(tables["refund_leg"], leg) == leg["currency"] == "EUR"
    (line,) = case.rows("refund_line", "theirs")
    assert database.currency(tables["refund_line"], line) == "EUR"
    assert database.currency(tables["customer"], case.rows("customer")[0]) is None
    assert case.rows("outbox", "theirs") and case.rows("transition_log", "theirs")
    with refused("stock_watch does not belong to an order"):
        case.rows("stock_watch", "theirs")
    with refused("seller_policy does not belong to a buyer"):
        case.rows("seller_policy")
    with refused("there is no order 'lamp' in this case; there are: headphones, mugs, theirs"):
        case.rows("orders", "lamp")


def test_every_table_of_a_buyer_can_be_checked(staged: Staged) -> None:
    case = staged()
    database = case.stage.database()
    assert database is not None
    nobodys = {"inbox", "refund_sla", "seller", "seller_api_key", "seller_policy"}
    not_of_an_order = {
        "conversation",
        "button",
        "message",
        "customer",
        "erasure_request",
        "erasure_item",
        "stock_watch",
    }
    for name in database.metadata.tables.keys() - nobodys:
        case.rows(name)
        if name not in not_of_an_order | {"idempotency_key"}:
            case.rows(name, "headphones")


def test_time_passes_for_everybody(staged: Staged) -> None:
    case = staged()
    case.ask_to_cancel()
    before = case.stage.now()
    case.do(clock="+24h5m")
    assert case.stage.now() - before >= timedelta(hours=24)
    (row,) = case.rows("cancellation_request")
    assert row["state"] == "approved"
    assert "utter_notice_approved_by_deadline" in case.uttered(case.say("hello"))
    said = max(row["at"] for row in case.rows("message")).replace(tzinfo=UTC)  # written by the gateway
    assert abs(said - case.stage.now()) < timedelta(seconds=60)
    moment = case.stage.now() + timedelta(hours=2)
    case.stage.advance(moment)
    assert abs(case.stage.now() - moment) < timedelta(seconds=5)
    with refused("time passes forwards only"):
        case.stage.advance(moment - timedelta(hours=1))


def test_the_next_case_begins_now(staged: Staged) -> None:
    first = staged()
    first.do(clock="+40d")
    first.stage.close()
    assert abs(staged().stage.now() - datetime.now(UTC)) < timedelta(seconds=5)


@pytest.mark.parametrize(
    ("fixtures", "says"),
    [
        ({"buyer": {"like": "b-9"}}, "there is no demo buyer 'b-9'; there are: b-1001, "),
        ({"buyer": {"orders": [{"as": "a", "scenario": "gone"}]}}, "there is no scenario 'gone'; there are: "),
        ({"buyer": {"orders": [{"as": "a", "scenario": "shipped", "items": ["X"]}]}}, "there is no product 'X'"),
        (
            {"buyer": {"orders": [{"as": "a", "scenario": "shipped", "items": ["KETTLE", "TENT-2"]}]}},
            "order 'a' has products of brightwell and fjordfield; an order is of one seller",
        ),
        (
            {"buyer": {"like": "b-1003", "orders": [{"as": "a", "scenario": "split_tender"}]}},
            "order 'a' cannot be 'split_tender' with these items, this seller and this buyer",
        ),
        (
            {"buyer": {"orders": [{"as": "a", "scenario": "shared_checkout"}]}},
            "shared_checkout .* about two orders of one buyer, but there are 1",
        ),
        (
            {"buyer": {"orders": [{"as": "a", "scenario": "shipped", "policy": {"response_hours": 0}}]}},
            "order 'a': .*response_hours",
        ),
        ({}, "a case needs a buyer"),
    ],
)
def test_fixtures_that_cannot_be(staged: Staged, fixtures: dict[str, Any], says: str) -> None:
    with refused(says):
        staged(fixtures)


def test_two_orders_of_one_checkout(staged: Staged) -> None:
    orders = [{"as": name, "scenario": "shared_checkout"} for name in ("one", "other")]
    case = staged({"buyer": {"orders": orders}})
    assert len(case.rows("payment")) == 1
    assert len(case.rows("order_group")) == 1


def test_a_policy_of_its_own(staged: Staged) -> None:
    order = {**ONE_UNSENT["buyer"]["orders"][0], "policy": {"on_silence": "escalate", "response_hours": 2}}
    case = staged({"buyer": {"orders": [order]}})
    case.ask_to_cancel()
    case.do(clock="+2h1m")
    assert "utter_notice_request_escalated" in case.uttered(case.say("hello"))
