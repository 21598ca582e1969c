"""The words of the domain file, filled in."""

from __future__ import annotations

from pathlib import Path

import pytest

from recourse.core.errors import ConfigurationError
from recourse.core.words import UnknownWords, Utterance, Words

DOMAIN = """
responses:
  utter_plain:
    - text: "Hello!"
    - text: "Hi!"
  utter_order:
    - text: "Order {number} is {status}."
      buttons:
        - {title: "Cancel {number}", payload: '/cancel_order{"order_number": "x"}'}
"""


def load(tmp_path: Path, text: str) -> Words:
    path = tmp_path / "domain.yml"
    path.write_text(text)
    return Words.load(path)


def test_first_variant_is_said(tmp_path: Path) -> None:
    words = load(tmp_path, DOMAIN)
    assert {words.say("utter_plain") for _ in range(20)} == {Utterance("Hello!")}
    assert "utter_plain" in words
    assert "utter_other" not in words


def test_values_go_into_text_and_titles_but_not_into_payloads(tmp_path: Path) -> None:
    said = load(tmp_path, DOMAIN).say("utter_order", number="RC-1", status="on its way", unused=1)
    assert said.text == "Order RC-1 is on its way."
    assert said.buttons == (("Cancel RC-1", '/cancel_order{"order_number": "x"}'),)


def test_braces_in_a_value_are_no_placeholder(tmp_path: Path) -> None:
    said = load(tmp_path, DOMAIN).say("utter_order", number="{status}", status="{number}")
    assert said.text == "Order {status} is {number}."


def test_unknown_response_is_named(tmp_path: Path) -> None:
    with pytest.raises(UnknownWords, match="utter_nothing"):
        load(tmp_path, DOMAIN).say("utter_nothing")


def test_missing_value_is_named(tmp_path: Path) -> None:
    with pytest.raises(UnknownWords, match=r"utter_order.*\{status\}.*number"):
        load(tmp_path, DOMAIN).say("utter_order", number="RC-1")


@pytest.mark.parametrize(
    "text",
    [
        "",
        "[1]",
        "intents: [greet]",
        "responses: [1]",
        "responses: {utter_a: []}",
        "responses: {utter_a: [{image: x}]}",
        "responses: {utter_a: [{text: x, buttons: [{title: y}]}]}",
        "responses: {utter_a: just text}",
        "a: [",
    ],
)
def test_file_that_is_no_domain_says_what_is_wrong(tmp_path: Path, text: str) -> None:
    with pytest.raises(ConfigurationError, match=r"domain\.yml"):
        load(tmp_path, text)


def test_missing_file_is_named(tmp_path: Path) -> None:
    with pytest.raises(ConfigurationError, match=r"nowhere\.yml"):
        Words.load(tmp_path / "nowhere.yml")
