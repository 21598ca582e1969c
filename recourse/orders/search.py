"""Matching what a buyer says against the buyer's own orders. Pure: no database here.

An order is found by words through its *terms*: the words of its titles and of its seller's name, folded by ``fold``. They are
stored with the order, so that the database finds orders and this page only compares words.
"""

from __future__ import annotations

import re
from collections.abc import Collection, Iterable, Sequence
from dataclasses import dataclass

from rapidfuzz.distance import OSA
from rapidfuzz.fuzz import ratio

from recourse.core import order_numbers

TERM_MAX = 40
"""How long a stored term may be; longer words are cut."""

_MAX_EDITS = 2
_SAME_WORD = 82
_SHORTEST_PREFIX = 4
_SHORTEST_TYPO = 5
_MOST_WORDS = 30
_STOP_WORDS = frozenset(
    """
    a an and any are around as at be because bought buy buying by call can cancel cancelation canceled cancelled
    cancellation cancelling could did do does dont for from get give got had has have hello help hey hi how i id if im in
    is it item its ive just know last like look made me money my need no not of off on one or order ordered ordering orders
    other out package parcel pending please placed product purchase purchased purchases put recent refund refunded
    refunds request return returned right see send sent shipment show so some status stop tell that thank thanks the them
    there these they thing things this those time to today took track undo up us wanna want wanted was we week went were
    what whats when where which who why will with would yes yesterday yet you your about anymore longer again actually
    really wrong mistake instead now also much many still already back paid pay
    """.split()
)


@dataclass(frozen=True, slots=True)
class OrderQuery:
    """What a buyer said about an order, as the engine understood it; every field may be missing.

    ``number``: a valid order number. ``digits``: part of one, or one with a typo, digits only. ``ordinal``: position in
    ``listed`` (from 1; -1 is the last). ``listed``: the order numbers last shown. ``text``: the words themselves.
    """

    number: str | None = None
    digits: str | None = None
    ordinal: int | None = None
    listed: tuple[str, ...] = ()
    text: str = ""

    @property
    def names_a_number(self) -> bool:
        """Did the buyer give (something like) an order number?"""
        return bool(self.number or self.digits)


def fragment(said: str) -> str:
    """The digits in ``said`` where they can be a piece of an order number (three to seven of them), else nothing."""
    digits = re.sub(r"\D", "", said)
    return digits if 3 <= len(digits) < 8 else ""


def bare_digits(text: str) -> list[str]:
    """Numbers of four to seven digits that stand by themselves in ``text``: each may be the end of an order number."""
    words = [word.strip("#?!.,;:()'\"") for word in text.split()]
    return [word for word in words if re.fullmatch(r"[0-9]{4,7}", word)][:_MOST_WORDS]


def is_part_of(said: str, number: str) -> bool:
    """True when ``said`` is a piece of ``number`` as it stands, False when it only comes near it."""
    digits = fragment(said)
    return bool(digits) and digits in re.sub(r"\D", "", number)


def near_misses(said: str, numbers: Iterable[str]) -> list[str]:
    """Those of ``numbers`` that are up to two slips of the finger away from ``said``, in the given order."""
    digits = re.sub(r"\D", "", said)
    if len(digits) < 3:
        return []
    return [
        number
        for number in numbers
        if OSA.distance(digits, re.sub(r"\D", "", number), score_cutoff=_MAX_EDITS) <= _MAX_EDITS
    ]


def references(text: str, digits: str | None = None) -> list[str]:
    """What in ``text`` may be a parcel's tracking number or the shop's own order number, as it was typed and in capitals.

    A word of letters with at least four digits, or ten digits and more; fewer digits only where the engine took them for a
    reference (``digits``). Amounts, dates and sizes are none, and order numbers of ours are found by themselves.
    """
    found: dict[str, None] = {}
    for word in re.findall(r"[^\W_](?:[\w./#-]*[^\W_])?", text):
        plain = re.sub(r"\D", "", word)
        likely = len(plain) >= 10 if word.isdigit() else len(plain) >= 4 and any(map(str.isalpha, word))
        asked = bool(plain) and plain == digits
        if (likely or asked) and len(word) <= 64 and order_numbers.normalise(word) is None:
            found |= {word: None, word.upper(): None}
    return list(found)[:_MOST_WORDS]


def content_words(text: str) -> list[str]:
    """The words of ``text`` that can name a product or a seller: at least three letters, no words of the trade."""
    words = re.findall(r"[^\W\d_]+", text.lower())
    return [word for word in words if len(word) >= 3 and word not in _STOP_WORDS]


def fold(word: str) -> str:
    """A content word as it is stored and compared: without the s of a plural, at most 40 letters."""
    plural = len(word) >= 4 and word.endswith("s") and not word.endswith("ss")
    return (word[:-1] if plural else word)[:TERM_MAX]


def terms(titles: Iterable[str], seller_name: str) -> set[str]:
    """The terms by which an order with products called ``titles`` of the seller ``seller_name`` is found."""
    return {fold(word) for text in (*titles, seller_name) for word in content_words(text)}


def wanted(text: str) -> list[str]:
    """The folded content words of ``text``, each once and thirty at most."""
    return list(dict.fromkeys(fold(word) for word in content_words(text)))[:_MOST_WORDS]


def meant(words: Sequence[str], known: Collection[str]) -> list[set[str]]:
    """For each of ``words`` (from ``wanted``) the terms in ``known`` that it means; words that mean none are left out.

    A word means the same term; where there is none, terms that begin with it (from four letters on) or are spelled nearly
    like it (from five on).
    """
    found = []
    for word in words:
        same = {term for term in known if term == word} or {term for term in known if _resembles(word, term)}
        if same:
            found.append(same)
    return found


def _resembles(word: str, term: str) -> bool:
    if len(word) >= _SHORTEST_PREFIX and term.startswith(word):
        return True
    return len(word) >= _SHORTEST_TYPO and ratio(word, term) >= _SAME_WORD
