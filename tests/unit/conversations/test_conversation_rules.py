"""What a buyer may write, and that no typed text ever looks like a button's payload to Rasa."""

from __future__ import annotations

import time
import unicodedata

import pytest
from hypothesis import given
from hypothesis import strategies as st

from recourse.conversations import rules
from recourse.conversations.rules import EmptyText, TextTooLong

INTENTS = ("/cancel_order", "/restart", "/session_start", "/back", "/nlu_fallback", "/affirm@0.9")
PREFIXES = (
    "",
    " ",
    "\n",
    "\t",
    "\u200b",
    "\ufeff",
    "\u2060",
    "\u00a0",
    "\u3000",
    "\u202e",
    "/",
    "\uff0f",
    "\u2044",
    "\u2215",
)


@pytest.mark.parametrize("prefix", PREFIXES)
@pytest.mark.parametrize("payload", [*INTENTS, '/cancel_order{"order_number": "RC-1042-7713"}'])
def test_typed_payload_is_neutralised(prefix: str, payload: str) -> None:
    text = rules.engine_text(rules.clean(prefix + payload))
    assert text == ("?" if payload not in ("/restart", "/back") else payload.removeprefix("/"))


@pytest.mark.parametrize("slash", ["\uff0f", "\u2044", "\u2215", "\u29f8"])
def test_look_alikes_of_a_slash_are_taken_away(slash: str) -> None:
    assert rules.engine_text(slash + "restart") == "restart"


@given(st.text(alphabet=st.characters(), max_size=40), st.sampled_from(["", "/", " /", "\u200b/", "\uff0f"]))
def test_rasa_never_sees_a_payload(text: str, prefix: str) -> None:
    said = rules.engine_text(prefix + text)
    assert said
    assert not said.strip().startswith("/")
    assert not unicodedata.normalize("NFKC", said).strip().startswith("/")


@pytest.mark.parametrize("text", ["cancel_order", "cancel_order please", "it costs 5@home", "{x}"])
def test_text_without_a_slash_in_front_is_no_payload(text: str) -> None:
    assert rules.engine_text(text) == text


@pytest.mark.parametrize("text", ["/cancel my order", "/stop", "// help me"])
def test_words_after_a_slash_are_understood(text: str) -> None:
    assert rules.engine_text(text) == text.strip("/ ")


@pytest.mark.parametrize("text", ["/" + "_" * 1990 + "!", "/" + "a_" * 990 + "!", "/a" + " " * 1990 + "!", "/" * 2000])
def test_long_nonsense_takes_no_time(text: str) -> None:
    started = time.thread_time()
    rules.engine_text(text)
    assert time.thread_time() - started < 0.05


def test_slashes_inside_a_text_stay() -> None:
    assert rules.engine_text("1/2 of it, and/or nothing") == "1/2 of it, and/or nothing"


def test_only_slashes_leave_something_to_answer() -> None:
    assert rules.engine_text("///") == "?"


def test_clean_keeps_what_people_write() -> None:
    family = "\U0001f468\u200d\U0001f469\u200d\U0001f467"
    assert rules.clean(f"  Hello {family}\r\nhow are you?\t \u0627\u0644\u0633\u0644\u0627\u0645 ") == (
        f"Hello {family}\nhow are you?\t \u0627\u0644\u0633\u0644\u0627\u0645"
    )


def test_clean_takes_away_what_breaks_stores_and_logs() -> None:
    assert rules.clean("a\x00b\x1b[31mc\x7f\ud800d") == "ab[31mcd"


@pytest.mark.parametrize("text", ["", "   ", "\n\t", "\u200b\u200b", "\x00", "\ud800", "\ufe0f"])
def test_nothing_to_read_is_refused(text: str) -> None:
    with pytest.raises(EmptyText, match="Write at least one character"):
        rules.clean(text)


def test_length_is_limited() -> None:
    assert len(rules.clean("x" * rules.MAX_TEXT)) == rules.MAX_TEXT
    with pytest.raises(TextTooLong, match="2000"):
        rules.clean("x" * (rules.MAX_TEXT + 1))


@pytest.mark.parametrize(
    ("typed", "index"),
    [
        ("Cancel an order", 0),
        ("  cancel AN   order ", 0),
        ("Straße", 2),
        ("STRASSE", 2),
        ("cancel", None),
        ("2", None),
        ("", None),
    ],
)
def test_typed_title_names_a_button(typed: str, index: int | None) -> None:
    assert rules.choice(typed, ["Cancel an order", "My orders", "Straße"]) == index


@pytest.mark.parametrize(("typed", "index"), [("1", 0), ("7", 1), ("#7", 1), ("7.", 1), ("2", None), ("seven", None)])
def test_typed_number_names_a_numbered_button(typed: str, index: int | None) -> None:
    assert rules.choice(typed, ["1. Headphones", "7) Lamp", "2 pairs of socks"]) == index


def test_of_equal_titles_the_last_is_meant() -> None:
    assert rules.choice("yes", ["Yes", "No", "Yes"]) == 2
