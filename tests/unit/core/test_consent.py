"""Only a plain yes starts a write."""

import pytest

from recourse.core.consent import corrects, excludes, plain_answer, refuses_to_cancel, takes_back


@pytest.mark.parametrize("text", ["yes", "Yes!", "yes please", "ok", "sure, do it", "yep", "confirm", "YES CANCEL IT"])
def test_a_plain_yes(text: str) -> None:
    assert plain_answer(text, "affirm") is True


@pytest.mark.parametrize(
    "text", ["x", "h i", "lol", "hm", "ha", "well", "so", "great", "123", "😀", "\u200bh\u200bi", "i", "j", "¿?"]
)
def test_what_the_engine_takes_for_a_yes_is_none_without_a_word_that_agrees(text: str) -> None:
    assert plain_answer(text, "affirm") is None


@pytest.mark.parametrize(
    "text",
    [
        "y",
        "k",
        "I agree",
        "that's fine",
        "sounds good",
        "go ahead",
        "submit it",
        "of course",
        "sí",
        "ja",
        "да",
        "that is right",
    ],
)
def test_other_words_that_agree(text: str) -> None:
    assert plain_answer(text, "affirm") is True
    assert plain_answer(text, "nlu_fallback") is None


@pytest.mark.parametrize("text", ["no", "No thanks", "nope", "nah, keep it", "no!!"])
def test_a_plain_no(text: str) -> None:
    assert plain_answer(text, "deny") is False


@pytest.mark.parametrize(
    "text",
    [
        "yes if it's free",
        "yes?",
        "yes but only the blue one",
        "no wait, yes",
        "yes, no",
        "ok how long does it take",
        "when it is cheaper, yes",
        "maybe",
        "ok thanks",
        "sure, thank you",
        "yes unless I have to pay",
        "ok thanks, what about the other order then",
        "",
    ],
)
@pytest.mark.parametrize("intent", ["affirm", "deny", "nlu_fallback"])
def test_anything_else_is_no_answer(text: str, intent: str) -> None:
    assert plain_answer(text, intent) is None


def test_buttons_answer_without_words() -> None:
    assert plain_answer("", "confirm_quote") is True
    assert plain_answer("", "decline_quote") is False
    assert plain_answer("", "affirm") is None


@pytest.mark.parametrize(
    ("text", "refuses"),
    [
        ("do not cancel my headphones order", True),
        ("i dont want to cancel anymore", True),
        ("never cancel that", True),
        ("I don't want you to cancel it", True),
        ("I can not cancel my order", False),
        ("I do not want it, cancel my order", False),
        ("I dont need it please cancel", False),
        ("cancel my order", False),
    ],
)
def test_a_sentence_that_forbids_a_cancellation(text: str, refuses: bool) -> None:
    assert refuses_to_cancel(text) is refuses


@pytest.mark.parametrize(
    ("text", "found"),
    [
        ("I changed my mind, take back my cancellation request for RC-1042-7713", True),
        ("take my request for the lamp back", True),
        ("please withdraw cancellation", True),
        ("undo the cancellation of my lamp", True),
        ("cancel my cancellation request", True),
        ("stop the cancellation", True),
        ("cancel request for RC-1042-7713", False),
        ("cancel my last order", False),
        ("I withdraw from the purchase", False),
        ("take back my headphones, I want to cancel", False),
        ("please cancel my order, request refund", False),
    ],
)
def test_a_sentence_that_takes_a_request_back(text: str, found: bool) -> None:
    assert takes_back(text) is found


def test_what_is_left_out_and_what_is_taken_back() -> None:
    assert excludes("not the headphones")
    assert not excludes("I do not need the headphones")
    assert corrects("actually no, the headphones instead")
    assert not corrects("the headphones")
