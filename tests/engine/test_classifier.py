"""The trained pipeline on sentences that are in no training file."""

from __future__ import annotations

import random
import time
from pathlib import Path
from typing import Any

import pytest
from conftest import PROJECT, Parse

from engine.nlu.text import Speller

HELD_OUT = {
    "cancel_order": [
        "hello, could you please cancel the order I made last night",
        "I'd like the toaster cancelled",
        "RC-1042-7713 should be cancelled please",
        "what do I need to do to cancel my purchase",
        "i want out of order 7713, cancel it",
        "abort the purchase of the gaming mouse, I do not want it",
        "please call off the order for the sofa",
        "we don't want the curtains anymore, cancel them",
        "cancel the thing I bought this morning because it's too expensive",
        "I've decided against the bike, cancel that order",
        "kindly cancel RC-3381-0947",
        "could I get order 5521 cancelled before it ships",
        "how do i go about cancelling",
        "please cancle the order i just plased",
    ],
    "refund_status": [
        "has the money been returned to my card yet?",
        "my money hasn't come back",
        "when should I expect my refund",
        "how long will it take until I see the refund on my account",
        "refund for RC-1042-7713 still missing!!",
        "I'd like my money back please",
        "why haven't I been refunded",
        "no refund so far, it's been three weeks",
        "did you already send the refund",
        "how much longer for my money",
        "refund for the returned tent?",
        "my bank says there is no refund",
    ],
    "list_orders": [
        "please list everything I have ordered",
        "can you display my purchases",
        "show me all my open orders",
        "which things did I order",
        "I can't remember my order number",
        "what are my current orders",
        "can I have a look at all my orders",
        "show everything I've purchased this year",
        "list open orders",
        "i lost track of what i ordered",
    ],
    "order_status": [
        "where has my parcel got to",
        "when will the keyboard be delivered",
        "is my order shipped yet",
        "what is the current status of RC-1042-7713",
        "can you track the package for me",
        "has my purchase left the warehouse",
        "any news about the delivery of my shoes?",
        "when's my delivery coming",
        "where are my headphones",
        "was the order dispatched",
        "tracking for RC-1042-7713 please",
        "is the chair still on the way",
    ],
    "choose_order": [
        "the green backpack",
        "the third one please",
        "RC-3381-0946",
        "number 4",
        "I mean the order from last Friday",
        "the one with the umbrella",
        "the one ending in 5521",
        "the yellow raincoat",
        "the first in the list",
        "it's order 4410",
        "the one from Amazon basics shop with the cables",
        "the older order please",
    ],
    "give_reason": [
        "I saw it for half the price somewhere else",
        "bought by accident",
        "it takes way too long to be delivered",
        "I typed the wrong address",
        "I don't need it any longer",
        "picked the wrong size",
        "my brother already got me one",
        "another shop sells it for less",
        "I clicked the button twice",
        "the postal address is not correct",
        "it will be too late for christmas",
        "I'm short on money this month",
    ],
    "stop": [
        "forget it, leave everything as it is",
        "never mind, I'll keep the order",
        "please don't cancel my order after all",
        "I do not want to cancel any longer",
        "leave the order alone please",
        "keep it, don't cancel",
        "forget about that",
        "let's leave the order as is",
        "I changed my mind, no cancellation",
        "stop, that's not what I want",
    ],
    "open_dispute": [
        "the lamp arrived smashed",
        "I want to start a dispute against the seller",
        "they delivered the wrong product",
        "the seller refuses my cancellation, what can I do",
        "what I got is a cheap fake",
        "nothing arrived although it says delivered",
        "parcel was empty",
        "the phone doesn't turn on since day one",
        "seller won't accept the cancellation, help",
        "they sent me a used one",
        "wrong size delivered",
        "I need to file a complaint against this shop",
    ],
    "ask_human": [
        "I would like to speak with a human being",
        "please connect me to someone from support",
        "can I get a live agent",
        "let me talk to a real person now",
        "how can I call customer service",
        "human agent please",
        "could somebody from your team talk to me",
        "I'd rather speak to a person",
        "get me customer support",
        "is there a number to call",
    ],
    "greet": [
        "hello!",
        "hey there",
        "good evening to you",
        "hello hello",
        "hi, good morning",
    ],
    "goodbye": [
        "bye, see you",
        "goodbye then",
        "ok bye",
        "see ya",
    ],
    "thank": [
        "thank you, that helped",
        "thanks very much",
        "great, thank you!",
        "thanks mate",
    ],
    "affirm": [
        "yes, go ahead please",
        "yep, do it",
        "ok sure",
        "yes, that's correct",
        "yes please go ahead",
        "okay, do that",
        "yup that's right",
    ],
    "deny": [
        "no, thank you",
        "nope, not that",
        "no that's incorrect",
        "no, don't",
        "nope, wrong one",
        "that isn't right",
    ],
    "help": [
        "what can I do here",
        "can you give me some help",
        "what are you able to help with?",
        "help please",
    ],
    "bot_challenge": [
        "am I speaking with a robot",
        "are you a person or a machine?",
        "is this a real human",
        "are you some kind of robot",
    ],
}

OUT_OF_SCOPE = [
    "how tall is mount everest",
    "write me a poem about spring",
    "what is the exchange rate of the yen",
    "who is the president of France",
    "do you sell garden furniture",
    "please change my delivery address to Elm Street",
    "I'd like an invoice with VAT",
    "my password reset mail does not arrive",
    "which colours is the sofa available in",
    "turn off the kitchen light",
    "qwertz uiop",
    "does this dress run small",
    "sell me a car",
    "how many people live in Japan",
    "I'd like to change my card details",
    "can I get a discount",
    "apply for a job",
    "what sizes do you have",
    "my screen is frozen on the login page",
    "tell me something funny",
    "who invented the telephone",
    "can I exchange it for a bigger size",
]

CONDITIONS = [
    "yes if it's free",
    "yes but only the blue one",
    "ok if I get the full amount back",
    "sure, unless it has already been sent",
    "yes, how much do I get back?",
    "no wait yes",
    "yes? no",
    "yes only RC-1042-7713",
    "yes the second one",
    "ja, aber nur wenn es nichts kostet",
]


def wrong_answers(parse: Parse, cases: dict[str, list[str]]) -> list[tuple[str, str, dict[str, Any]]]:
    return [
        (intent, text, answer)
        for intent, texts in cases.items()
        for text in texts
        if (answer := parse(text)["intent"])["name"] != intent
    ]


def test_held_out_sentences(parse: Parse) -> None:
    count = sum(map(len, HELD_OUT.values()))
    wrong = wrong_answers(parse, HELD_OUT)
    assert count >= 60
    assert len(wrong) <= 0.05 * count, wrong


def test_held_out_sentences_are_not_in_the_training_data() -> None:
    phrases = {
        line.strip()[2:].lower()
        for path in (PROJECT / "data" / "nlu").glob("*.yml")
        for line in path.read_text(encoding="utf-8").splitlines()
        if line.startswith("    - ")
    }
    held_out = {text.lower() for texts in HELD_OUT.values() for text in texts} | {text.lower() for text in OUT_OF_SCOPE}
    assert not phrases & held_out


def test_texts_out_of_scope_fall_back(parse: Parse) -> None:
    accepted = [
        (text, parse(text)["intent"]) for text in OUT_OF_SCOPE if parse(text)["intent"]["name"] != "nlu_fallback"
    ]
    assert len(accepted) <= 0.1 * len(OUT_OF_SCOPE), accepted


@pytest.mark.parametrize("text", CONDITIONS)
def test_a_yes_with_a_condition_is_no_consent(parse: Parse, text: str) -> None:
    assert parse(text)["intent"]["name"] != "affirm"


def test_one_typo_in_each_sentence_changes_little(parse: Parse) -> None:
    source = random.Random(3)
    misspelt = {intent: [_with_typo(text, source) for text in texts] for intent, texts in HELD_OUT.items()}
    count = sum(map(len, misspelt.values()))
    wrong = wrong_answers(parse, misspelt)
    assert len(wrong) <= 0.1 * count, wrong


@pytest.mark.parametrize("text", ["", " ", "😀", "😀😀 !!", "...", "\u200b", "/"])
def test_texts_without_words_fall_back(parse: Parse, text: str) -> None:
    result = parse(text)
    assert result["intent"]["name"] == "nlu_fallback"
    assert result["entities"] == []


def test_a_button_payload_reaches_rasa_as_it_is(parse: Parse) -> None:
    result = parse('/confirm_quote{"order_number": "RC-1042-7713"}')
    assert result["intent"] == {"name": "confirm_quote", "confidence": 1.0}
    assert [(e["entity"], e["value"], e["extractor"]) for e in result["entities"]] == [
        ("order_number", "RC-1042-7713", "RegexMessageHandler")
    ]


@pytest.mark.parametrize(
    "text", ["Yes, cancel the order", "No, keep the order", "Submit the cancellation", "choose this reason"]
)
def test_typed_text_never_becomes_a_button_intent(parse: Parse, text: str) -> None:
    result = parse(text)
    names = {result["intent"]["name"], *(entry["name"] for entry in result["intent_ranking"])}
    assert not names & {"choose_reason", "confirm_quote", "decline_quote", "withdraw_request", "confirm_withdrawal"}


def test_an_order_number_does_not_decide_about_the_intent(parse: Parse) -> None:
    first, second = parse("cancel RC-1042-7713"), parse("cancel rc 3381 0947")
    assert first["intent"] == second["intent"]


def test_the_ranking_is_complete_sorted_and_between_0_and_1(parse: Parse) -> None:
    ranking = parse("where is my money")["intent_ranking"]
    confidences = [entry["confidence"] for entry in ranking]
    assert len(ranking) == 16
    assert confidences == sorted(confidences, reverse=True)
    assert all(0 <= confidence <= 1 for confidence in confidences)


def test_a_long_text_is_parsed_in_less_than_a_second(parse: Parse) -> None:
    started = time.perf_counter()
    parse("I want to cancel my order because it takes too long. " * 40)
    assert time.perf_counter() - started < 1


def test_the_same_data_gives_the_same_model(parse: Parse) -> None:
    from engine.nlu.encoder import shared_encoder
    from engine.nlu.intent_model import IntentModel

    texts = ["cancel my order", "cancel it", "call it off", "hello", "hi", "good morning", "bye", "goodbye", "see you"]
    labels = [label for label in ("cancel_order", "greet", "goodbye") for _ in range(3)]
    first, second = (IntentModel.train(texts, labels, shared_encoder()) for _ in range(2))
    assert (first.coefficients == second.coefficients).all()
    assert first.curve == second.curve


def test_a_model_reads_back_as_it_was_written(tmp_path: Path) -> None:
    from engine.nlu.encoder import shared_encoder
    from engine.nlu.intent_model import IntentModel

    model = IntentModel.train(["yes", "yeah", "no", "nope"], ["affirm"] * 2 + ["deny"] * 2, shared_encoder())
    model.save(tmp_path)
    assert IntentModel.load(tmp_path, shared_encoder()).rank("yes please") == model.rank("yes please")


@pytest.mark.parametrize(
    ("texts", "labels", "message"),
    [(["a b", "c d"], ["greet", "greet"], "at least two intents"), (["a", "b", "c"], ["x", "y", "y"], "phrases: x")],
)
def test_too_little_data_is_told(texts: list[str], labels: list[str], message: str) -> None:
    from engine.nlu.encoder import shared_encoder
    from engine.nlu.intent_model import IntentModel

    with pytest.raises(ValueError, match=message):
        IntentModel.train(texts, labels, shared_encoder())


def test_changed_weights_are_refused(tmp_path: Path) -> None:
    from engine.nlu.encoder import EncoderFilesChanged, check_files

    with pytest.raises(EncoderFilesChanged, match="missing"):
        check_files(tmp_path)
    (tmp_path / "sp.model").write_bytes(b"other")
    with pytest.raises(EncoderFilesChanged, match="not the one that was reviewed"):
        check_files(tmp_path)


@pytest.mark.parametrize(
    ("word", "mended"),
    [
        ("cancl", "cancel"),
        ("cancle", "cancel"),
        ("cancelx", "cancel"),
        ("camcel", "cancel"),
        ("boat", "boat"),
        ("abc", "abc"),
    ],
)
def test_the_speller(word: str, mended: str) -> None:
    speller = Speller({"cancel": 3, "about": 2, "order": 1}, is_known=lambda other: other == "boat")
    assert speller.correct(f"please {word} it") == f"please {mended} it"


def _with_typo(text: str, source: random.Random) -> str:
    """Drop, double or swap one letter of one word of five or more letters."""
    parts = text.split(" ")
    long = [i for i, part in enumerate(parts) if len(part) >= 5 and part.isalpha()]
    if not long:
        return text
    place = source.choice(long)
    word = parts[place]
    at = source.randrange(1, len(word) - 1)
    parts[place] = source.choice(
        [
            word[:at] + word[at + 1 :],
            word[:at] + word[at] + word[at:],
            word[:at] + word[at + 1] + word[at] + word[at + 2 :],
        ]
    )
    return " ".join(parts)
