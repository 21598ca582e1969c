"""What a recording is made of: masked texts, names and numbers, responses, steady pieces, and YAML that is read back."""

from __future__ import annotations

import pytest
from ruamel.yaml import YAML

from recourse.demo.catalogue import PRODUCTS
from recourse.recording import sheet, steady
from recourse.recording.masking import masked
from recourse.recording.names import Numbers, noun, order_names
from recourse.recording.words import Responses

HEADPHONES, KETTLE = "RC-1042-7713", "RC-2660-8040"
NUMBERS = Numbers({HEADPHONES: "headphones", KETTLE: "kettle"})


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("my name is Jane Doe, hello", "my name is [name removed], hello"),
        ("thanks,\nJohn Smith", "thanks,\n[name removed]"),
        ("Olivia here, Bennett is my surname", "[name removed] here, [name removed] is my surname"),
        ("I am olivia bennett", "I am [name removed]"),
        ("write to jane.doe+shop@mail.example.com!", "write to [e-mail removed]!"),
        ("call +44 20 7946 0958 or 030 1234567", "call [phone number removed] or [phone number removed]"),
        ("(555) 123-4567 is mine", "[phone number removed] is mine"),
        ("deliver to 12 Baker Street, NW1 6XE", "deliver to [address removed], [address removed]"),
        ("it is 4 old mill lane", "it is [address removed]"),
        ("Hauptstraße 5, 10115 Berlin", "[address removed], [address removed]"),
        ("Calle de Alcalá 42", "[address removed]"),
        ("12 rue de la Paix", "[address removed]"),
        ("my card is 4242 4242 4242 4242", "my card is [card number removed]"),
        ("IBAN DE89 3704 0044 0532 0130 00 please", "IBAN [IBAN removed] please"),
        ("the password is hunter2", "the password is [password removed]"),
        ("token btn_abcdefghijklmnopqrstuvwxyz123456", "token [token removed]"),
        ("my case is C-AB23CD", "my case is [reference removed]"),
        ("tracking PX123456789 is lost", "tracking [reference removed] is lost"),
    ],
)
def test_personal_data_is_masked(text: str, expected: str) -> None:
    assert masked(text, ["Olivia Bennett"], ["PX123456789"]) == expected


@pytest.mark.parametrize(
    "text",
    [
        "cancel RC-1042-7713 please",
        "where are my 30.50 euros from 24 November 2026",
        "I ordered 2 kettles on the road 3 days ago",
        "the 75 % keyboard, 1.9 kg tent and 27-inch monitor",
        "It was 2026 When I bought it",
        "7713 is the number, 12/11/2026 the date",
    ],
)
def test_the_rest_stays(text: str) -> None:
    assert masked(text, ["Olivia Bennett"]) == text


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        (f"cancel {HEADPHONES}", "cancel {headphones}"),
        ("cancel rc 1042 7713", "cancel {headphones.sloppy}"),
        ("cancel RC10427713 now", "cancel {headphones.sloppy} now"),
        ("cancel 10427713", "cancel {headphones.digits}"),
        ("cancel 1042-7713", "cancel {headphones.sloppy}"),
        ("cancel 7713, not 8040", "cancel {headphones.last4}, not {kettle.last4}"),
        ("the one ending in 713", "the one ending in {headphones.last4}"),
        ("cancel RC-1052-7713", "cancel {headphones.typo}"),
        ("what about RC-7700-1234?", "what about {nobodys}?"),
        ("£7713 and 7713% and 17:713", "£7713 and 7713% and 17:713"),
        ("20 or 99 euros, order 5566", "20 or 99 euros, order 5566"),
    ],
)
def test_numbers_become_names(text: str, expected: str) -> None:
    assert NUMBERS.typed(text) == expected


def test_orders_that_are_mentioned() -> None:
    assert NUMBERS.mentioned("rc 1042 7713 and 8040") == {HEADPHONES, KETTLE}
    assert NUMBERS.mentioned("RC-7700-1234") == set()


def test_orders_are_called_by_their_goods() -> None:
    wanted = {"HP-OVER": "headphones", "KETTLE": "kettle", "MUG-SET": "mugs", "HP-KIDS": "headphones", "TENT-2": "tent"}
    assert {sku: noun(PRODUCTS[sku].title) for sku in wanted} == wanted
    assert order_names(["Blue mugs", "Red mugs", "42", "Nobodys", "Café crème"]) == [
        "mugs", "mugs_2", "order", "nobodys_2", "creme",
    ]  # fmt: skip


def test_the_most_specific_response_wins() -> None:
    responses = Responses(
        {
            "utter_frame": ["{a}: {b}"],
            "utter_wide": ["The refund for {title} was approved.{rest}"],
            "utter_narrow": ["The refund for {title} was approved.\n{lines}\nThat is late."],
            "utter_short": ["Hello!"],
        }
    )
    assert responses.name_of("The refund for a lamp was approved.\nsoon\nThat is late.") == "utter_narrow"
    assert responses.name_of("The refund for a lamp was approved.") == "utter_wide"
    assert responses.name_of("Hello!") == "utter_short"
    assert responses.name_of("one: two") is None


def test_every_response_of_the_domain_is_recognised_as_itself_or_as_what_says_more() -> None:
    responses = Responses.load()
    assert responses.name_of("I've stopped the cancellation; nothing was submitted.") == "utter_case_stopped_flow"
    assert responses.name_of("Order RC-1 is cancelled.\n• Nothing was charged") == "utter_cancel_done"


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("It should be there by 24 Nov 2026, as I said", "It should be there by"),
        ("Your case C-AB23CD is open", "Your case"),
        ("{headphones_2} is the order", "{headphones_2} is the order"),
        ("Wed 25 Nov, 14:05 GMT", None),
        ("first\na much longer line", "a much longer line"),
    ],
)
def test_what_changes_is_left_out(text: str, expected: str | None) -> None:
    assert steady.piece(text) == expected


def test_a_title_is_cut_where_it_changes() -> None:
    assert steady.beginning("Deliver on 3 Dec 2026") == "Deliver on"
    assert steady.beginning("Wooden blocks, 100 pieces · {blocks}") == "Wooden blocks, 100 pieces · {blocks}"
    assert steady.beginning("3 Dec 2026") == "3 Dec 2026"


@pytest.mark.parametrize(
    "text",
    [
        "hello", "no", "yes", "1", "1e3", "null", "a: b", "a # b", "{headphones}", "[x]", "it's", 'say "hi"', " padded ",
        "two\nlines", "ends:", "- dash", "*star", "&and", "!bang", "%", "@at", "`tick`", "é", "😀", "null and void", "2026-11-24",
        "a, b", "back\\slash", "~", "", "cancel {headphones.last4}!", "true", "on",
    ],
)  # fmt: skip
def test_a_value_is_read_back_as_it_was_written(text: str) -> None:
    lines = [
        *sheet.step("user", text),
        *sheet.step("utter", [text, "x"]),
        f"- seller: {sheet.mapping([('reason', text), ('n', 2)])}",
    ]
    read = YAML(typ="safe").load("\n".join(lines))
    assert read == [{"user": text}, {"utter": [text, "x"]}, {"seller": {"reason": text, "n": 2}}]


def test_a_long_list_has_a_line_for_each() -> None:
    values = [f"a rather long title of a button, number {i}" for i in range(4)]
    lines = sheet.step("buttons", values)
    assert len(lines) == 5 and all(len(line) < 120 for line in lines)
    assert YAML(typ="safe").load("\n".join(lines)) == [{"buttons": values}]
