"""Prepare a message for the intent classifier: one way of writing, no numbers of its own, no one-letter typos."""

from __future__ import annotations

import re
import unicodedata
from collections.abc import Callable, Iterable
from typing import Optional

from engine.nlu.amounts import AMOUNT
from engine.nlu.dates import DATE
from engine.nlu.entity_rules import find_mentions
from engine.nlu.order_references import ORDER_DIGITS, ORDER_NUMBER

_SHORTEST_CORRECTED = 4
_WORD = re.compile(r"[^\W\d_]+(?:'[^\W\d_]+)*|\d+")
_WORD_OR_STOP = re.compile(rf"{_WORD.pattern}|[,.;:!?]")
_NEGATION_REACH = 3
_NEGATIONS = frozenset(
    """no not never nothing without don't dont didn't didnt doesn't doesnt won't wont can't cant isn't isnt hasn't hasnt
    haven't havent shouldn't wouldn't""".split()
)
_LONG_DIGITS = re.compile(r"\d[\d .-]{3,}\d|\d{3,}")
_QUOTES = str.maketrans({"\u2019": "'", "\u2018": "'", "\u00b4": "'", "`": "'", "\u201c": '"', "\u201d": '"'})
_BLANKS = re.compile(r"\s+")
_ALPHABET = "abcdefghijklmnopqrstuvwxyz'"

# What stands for a number in the text that the classifier sees. The sentence encoder was trained on natural text, so the
# masks are words, not symbols.
_MASKS = {ORDER_NUMBER: "order number", ORDER_DIGITS: "order number", AMOUNT: "some money", DATE: "last week"}


def mask(text: str) -> str:
    """Replace order numbers, amounts, dates and long digits by words, so that no number decides about an intent."""
    parts, position = [], 0
    for mention in find_mentions(text):
        if mention.kind in _MASKS:
            parts += [text[position : mention.start], _MASKS[mention.kind]]
            position = mention.end
    masked = "".join([*parts, text[position:]])
    return _LONG_DIGITS.sub("number", masked)


def tidy(text: str) -> str:
    """Return the text in lower case, in Unicode's NFKC form, with plain quotes and single blanks."""
    plain = unicodedata.normalize("NFKC", text).translate(_QUOTES).lower()
    return _BLANKS.sub(" ", plain).strip()


def words(text: str) -> list[str]:
    """Return the words and numbers of a tidied text; punctuation and emoji are none."""
    return _WORD.findall(text)


def terms(text: str) -> list[str]:
    """Return the words of a tidied text, those under a negation as ``not_...``.

    "don't cancel it" and "cancel it" are near each other for the sentence encoder; their terms are not. A negation
    reaches over three words and ends with the clause.
    """
    found: list[str] = []
    reach = 0
    for part in _WORD_OR_STOP.findall(text):
        if not part[0].isalnum():
            reach = 0
            continue
        found.append(f"not_{part}" if reach else part)
        reach = _NEGATION_REACH if part in _NEGATIONS else max(0, reach - 1)
    return found


class Speller:
    """Mends words that are one letter away (one more, one less, another, or two swapped) from a training word."""

    def __init__(self, counts: dict[str, int], is_known: Callable[[str], bool]) -> None:
        """Take the training vocabulary with its frequencies and a test for other words that must stay as they are."""
        self.counts = counts
        self._is_known = is_known

    @staticmethod
    def count(texts: Iterable[str]) -> dict[str, int]:
        """Count the words of tidied texts."""
        counts: dict[str, int] = {}
        for text in texts:
            for word in words(text):
                counts[word] = counts.get(word, 0) + 1
        return counts

    def correct(self, text: str) -> str:
        """Return the tidied text with its typos mended."""
        return _WORD.sub(lambda match: self._correct_word(match[0]), text)

    def _correct_word(self, word: str) -> str:
        if len(word) < _SHORTEST_CORRECTED or word in self.counts or not word.isascii() or word.isdigit():
            return word
        if self._is_known(word):
            return word
        return self._nearest(word) or word

    def _nearest(self, word: str) -> Optional[str]:
        candidates = [w for w in _one_edit_away(word) if len(w) >= _SHORTEST_CORRECTED and w in self.counts]
        # The first letter is seldom wrong; then the more frequent word; the word itself only to be deterministic.
        return min(candidates, key=lambda w: (w[0] != word[0], -self.counts[w], w), default=None)


def _one_edit_away(word: str) -> set[str]:
    splits = [(word[:i], word[i:]) for i in range(len(word) + 1)]
    deletions = {a + b[1:] for a, b in splits if b}
    swaps = {a + b[1] + b[0] + b[2:] for a, b in splits if len(b) > 1}
    changes = {a + c + b[1:] for a, b in splits if b for c in _ALPHABET}
    insertions = {a + c + b for a, b in splits for c in _ALPHABET}
    return deletions | swaps | changes | insertions
