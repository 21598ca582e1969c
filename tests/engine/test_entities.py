"""What the entity rules find, and above all what they must leave alone."""

from __future__ import annotations

from typing import Any

import pytest

from engine.nlu.entity_rules import find_mentions

NUMBER = "RC-1042-7713"


def found(text: str) -> list[tuple[str, Any]]:
    mentions = find_mentions(text)
    for mention in mentions:
        assert text[mention.start : mention.end].strip() == text[mention.start : mention.end] != ""
    return [(mention.kind, mention.value) for mention in mentions]


@pytest.mark.parametrize(
    "text",
    [
        "cancel RC-1042-7713",
        "RC-1042-7713",
        "rc 1042 7713 please",
        "please cancel rc10427713!",
        "it's #1042-7713",
        "order 10427713",
        "my order number is 1042 7713.",
        "order 10 42 77 13 is the one",
        "10427713",
        "10427713 I don't want it",
        "I need 1O42-77l3 cancelled",
        "R.C. 1042.7713",
        "cancel RC–1042–7713, wrong size",
        "where is RC\u20111042\u20117713?",
        "10427713 is my order",
        "(RC-1042-7713)",
        "RC-1042-7713 2 items are missing",
        "cancel the phone 10427713",
        "the order RC-1042-7713 paid by card",
        "R-1042-7713",
    ],
)
def test_complete_order_numbers(text: str) -> None:
    assert ("order_number", NUMBER) in found(text)


@pytest.mark.parametrize(
    ("text", "digits"),
    [
        ("RC-1042-7714", "10427714"),
        ("order 10427714", "10427714"),
        ("cancel RC 1042 771", "1042771"),
        ("order 7713", "7713"),
        ("order no. 7713", "7713"),
        ("order #7713 please", "7713"),
        ("#7713", "7713"),
        ("my order number is 7713", "7713"),
        ("the one ending in 7713", "7713"),
        ("it ends with 713", "713"),
        ("the last four digits are 7713", "7713"),
        ("7713", "7713"),
        ("it's 7713", "7713"),
        ("cancel 7713", "7713"),
        ("reference 104277", "104277"),
        ("7713 is my order", "7713"),
        ("rc-1042-77133", "104277133"),
    ],
)
def test_partial_and_mistyped_references(text: str, digits: str) -> None:
    assert found(text) == [("order_digits", digits)]


def test_several_references_in_one_message() -> None:
    assert found("cancel 1001 and refund status of 1002") == [("order_digits", "1001"), ("order_digits", "1002")]
    assert found("orders 7713 and 8899") == [("order_digits", "7713"), ("order_digits", "8899")]
    assert found("10427713 10427713") == [("order_number", NUMBER)] * 2
    assert found("order 7713 20 euros too much")[0] == ("order_digits", "7713")
    assert found("RC-1042-7713 and RC-1042-7714") == [("order_number", NUMBER), ("order_digits", "10427714")]


@pytest.mark.parametrize(
    "text",
    [
        "my phone is 10427713",
        "my phone number is 10427713",
        "call me at 1042 7713",
        "call me on 555-123-4567",
        "+65 1042 7713",
        "+49 170 10427713",
        "(555) 104-7713",
        "0049 170 1042771",
        "whatsapp 10427713",
        "LP00123456789CN",
        "tracking number LP00123456789CN",
        "tracking number 10427713",
        "LP 001 234 567 89 CN",
        "RC123456789CN",
        "RC 123 456 789 CN",
        "1Z999AA10123456784",
        "4242 4242 4242 4242",
        "4242424242424242",
        "card ending in 4242",
        "my card number is 4242 4242",
        "xxxx 4242",
        "visa 7713",
        "DE89 3704 0044 0532 0130 00",
        "my zip code is 90210",
        "I live at 90210 Sunset",
        "300 pieces of order",
        "order 300 pieces",
        "it took 120 days",
        "since 2019",
        "model 104277",
        "I have 5000 points",
        "invoice number 7713",
        "there were 1500 people",
        "10427713abc",
        "version 1.0.4.2",
    ],
)
def test_other_numbers_are_no_orders(text: str) -> None:
    assert not [entity for entity in found(text) if entity[0] in ("order_number", "order_digits")]


@pytest.mark.parametrize(
    ("text", "amount", "currency"),
    [
        ("$49.99", "49.99", "USD"),
        ("I paid 49,99 €", "49.99", "EUR"),
        ("1.234,56 EUR", "1234.56", "EUR"),
        ("I paid 1,234.56 usd", "1234.56", "USD"),
        ("1 234,50 zł", "1234.50", "PLN"),
        ("£5", "5", "GBP"),
        ("US$ 12.50 please", "12.50", "USD"),
        ("20 dollars", "20", "USD"),
        ("only 500 euros came back", "500", "EUR"),
        ("EUR 1.000", "1000", "EUR"),
        ("¥10427713", "10427713", "JPY"),
        ("refund me 500 bucks", "500", "USD"),
        ("CHF 1'250.00", "1250.00", "CHF"),
    ],
)
def test_amounts(text: str, amount: str, currency: str) -> None:
    assert found(text) == [("amount", {"amount": amount, "currency": currency})]


def test_a_bare_decimal_is_an_amount_without_currency() -> None:
    assert found("49.99") == [("amount", {"amount": "49.99", "currency": None})]


@pytest.mark.parametrize("text", ["try 2 more", "all 3 of them", "50% off", "size 42.5", "two"[:2]])
def test_what_is_no_amount(text: str) -> None:
    assert not [entity for entity in found(text) if entity[0] == "amount"]


@pytest.mark.parametrize(
    ("text", "value"),
    [
        ("I ordered it on 2026-03-29", "2026-03-29"),
        ("12.05.2024", "2024-05-12"),
        ("25/12/2025", "2025-12-25"),
        ("12/25/2025", "2025-12-25"),
        ("03/04/2026", "03/04/2026"),
        ("May 2nd", "may 2nd"),
        ("the 2nd of May 2024", "2024-05-02"),
        ("12 March 2026", "2026-03-12"),
        ("yesterday", "yesterday"),
        ("the one from last week", "last week"),
        ("3 days ago", "3 days ago"),
        ("on Monday", "monday"),
        ("bought on 3/4", "3/4"),
    ],
)
def test_dates(text: str, value: str) -> None:
    assert found(text) == [("date", value)]


@pytest.mark.parametrize("text", ["may I cancel", "march on", "I sat there", "31.31.2024", "49.99", "12.50 please"])
def test_what_is_no_date(text: str) -> None:
    assert not [entity for entity in found(text) if entity[0] == "date"]


@pytest.mark.parametrize(
    ("text", "value"),
    [
        ("2", 2),
        ("#3", 3),
        ("2 please", 2),
        ("number 2", 2),
        ("number two", 2),
        ("no. 3", 3),
        ("option 1", 1),
        ("the second one", 2),
        ("cancel the 2nd one", 2),
        ("first", 1),
        ("the third please", 3),
        ("I mean the second", 2),
        ("cancel the first and tell me when", 1),
        ("last one", -1),
        ("the last", -1),
        ("the bottom one", -1),
        ("the first order", 1),
    ],
)
def test_ordinals(text: str, value: int) -> None:
    assert found(text) == [("ordinal", value)]


@pytest.mark.parametrize(
    "text",
    [
        "wait a second",
        "just a second please",
        "third time I'm asking",
        "first of all",
        "at first I liked it",
        "no one answers",
        "my last order",
        "for the last time",
        "item 3 days late",
        "0",
        "on second thought no",
        "this is the first time",
    ],
)
def test_what_is_no_ordinal(text: str) -> None:
    assert not [entity for entity in found(text) if entity[0] == "ordinal"]


@pytest.mark.parametrize("text", ["", " ", "😀😀", "\u200b", "RC", "-", "#", "." * 2000, "1 " * 1000, "1042-" * 400])
def test_odd_texts_raise_nothing(text: str) -> None:
    find_mentions(text)
