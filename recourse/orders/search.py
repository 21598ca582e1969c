"""Matching what a buyer says against the buyer's own orders. Pure: no database here."""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import dataclass

from rapidfuzz.distance import OSA
from rapidfuzz.fuzz import ratio

_MAX_EDITS = 2
_SAME_WORD = 84
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


@dataclass(frozen=True, slots=True)
class Candidate:
    """One own order as search sees it."""

    number: str
    words: str


def near_numbers(said: str, candidates: Sequence[Candidate]) -> list[str]:
    """Own order numbers that ``said`` (digits) may mean: same ending or beginning, or up to two slips of the finger."""
    said = re.sub(r"\D", "", said)
    if len(said) < 3:
        return []
    plain = {candidate.number: re.sub(r"\D", "", candidate.number) for candidate in candidates}
    partial = [number for number, digits in plain.items() if len(said) < 8 and digits.endswith(said)]
    partial = partial or [number for number, digits in plain.items() if len(said) < 8 and said in digits]
    if partial:
        return partial
    return [number for number, digits in plain.items() if OSA.distance(said, digits) <= _MAX_EDITS]


def is_part_of(said: str, number: str) -> bool:
    """True when ``said`` is a piece of ``number`` as it stands, False when it only comes near it."""
    said = re.sub(r"\D", "", said)
    return 3 <= len(said) < 8 and said in re.sub(r"\D", "", number)


def content_words(text: str) -> list[str]:
    """The words of ``text`` that can name a product or a seller: at least three letters, no words of the trade."""
    words = re.findall(r"[^\W\d_]+", text.lower())
    return [word for word in words if len(word) >= 3 and word not in _STOP_WORDS]


def by_words(text: str, candidates: Sequence[Candidate]) -> list[str]:
    """Own orders whose products or seller are named in ``text``: the best matches only, in the given order."""
    wanted = content_words(text)
    if not wanted:
        return []
    scores = [(_hits(wanted, candidate), candidate.number) for candidate in candidates]
    best = max((score for score, _ in scores), default=0)
    return [number for score, number in scores if score == best] if best else []


def _hits(wanted: Sequence[str], candidate: Candidate) -> int:
    words = [word for word in re.findall(r"[^\W\d_]+", candidate.words.lower()) if len(word) >= 3]
    return sum(any(_same(word, other) for other in words) for word in wanted)


def _same(said: str, word: str) -> bool:
    if said == word or (len(said) >= 4 and (said.rstrip("s") == word.rstrip("s"))):
        return True
    return len(said) >= 5 and ratio(said, word) >= _SAME_WORD
