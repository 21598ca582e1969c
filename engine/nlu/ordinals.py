"""Find which of several listed orders is meant: "the second one", "2nd", "number 2", "the last one"."""

from __future__ import annotations

import re
from functools import lru_cache
from typing import Optional

from spacy.matcher import Matcher
from spacy.tokens import Doc, Span
from spacy.util import filter_spans

from engine.nlu.mentions import Mention
from engine.nlu.order_numbers import fold
from engine.nlu.spacy_language import blank_english

ORDINAL = "ordinal"
LAST = -1

_WORDS = ("first", "second", "third", "fourth", "fifth", "sixth", "seventh", "eighth", "ninth", "tenth")
_CARDINALS = ("one", "two", "three", "four", "five", "six", "seven", "eight", "nine", "ten")
_VALUES = {
    **{word: value for value, word in enumerate(_WORDS, start=1)},
    **{word: value for value, word in enumerate(_CARDINALS, start=1)},
    "last": LAST,
    "bottom": LAST,
    "top": 1,
}
_THINGS = [
    "one", "ones", "order", "item", "product", "purchase", "option", "choice", "entry", "parcel", "package", "listed",
]  # fmt: skip
_LISTED_THINGS = ["one", "option", "choice", "entry"]
_MAY_FOLLOW = frozenset("please pls plz and then thanks thank in from instead too".split())
_DATE_BEFORE = frozenset("on since by until till before after from".split())
_UNITS = frozenset("day days week weeks month months year years hour hours times time item items euros dollars".split())
_SUFFIXED = re.compile(r"^(\d{1,2})(?:st|nd|rd|th)$")
_ALONE = re.compile(r"[\s#(\[]*(\d{1,2})[\s)\].!]*(?:please|pls|thanks)?[\s.!]*", re.IGNORECASE)
_WORD_ALONE = re.compile(rf"\W*(?:the\s+)?({'|'.join(_VALUES)})\W*(?:(?:please|pls|thanks)\W*)?", re.IGNORECASE)


def find_ordinals(doc: Doc) -> list[Mention]:
    """Find the ordinals of a message.

    Returns:
        ``ordinal`` mentions; the value is an int from 1, or -1 for "the last one". "my last order" is no ordinal: it means
        the newest, wherever that stands in a list.
    """
    text = fold(doc.text)
    alone = _ALONE.fullmatch(text) or _WORD_ALONE.fullmatch(text)
    if alone:
        value = _value(alone[1].lower())
        return [Mention(ORDINAL, value, *alone.span(1))] if value else []
    matcher = _matcher()
    spans = filter_spans(span for span in matcher(doc, as_spans=True) if _fits(span))
    found = ((next(filter(None, (_value(token.lower_) for token in span)), None), span) for span in spans)
    return [Mention(ORDINAL, value, span.start_char, span.end_char) for value, span in found if value]


def _value(word: str) -> Optional[int]:
    suffixed = _SUFFIXED.match(word)
    if suffixed:
        return int(suffixed[1])
    return int(word) if re.fullmatch(r"\d{1,2}", word) else _VALUES.get(word)


def _fits(span: Span) -> bool:
    """Look at the neighbours: "the second" must end its clause, "number 2" must not count something."""
    doc = span.doc
    following = doc[span.end] if span.end < len(doc) else None
    if span.label_ == _SURE:
        return True
    if span.label_ == _COUNT:
        return following is None or following.lower_ not in _UNITS
    preceding = doc[span.start - 1].lower_ if span.start else ""
    ends_clause = following is None or following.is_punct or following.lower_ in _MAY_FOLLOW
    return ends_clause and preceding not in _DATE_BEFORE


_SURE, _COUNT, _CLAUSE_END = "sure", "count", "clause_end"


@lru_cache(maxsize=1)
def _matcher() -> Matcher:
    suffixed = r"\d{1,2}(?:st|nd|rd|th)"
    ordinal = {"LOWER": {"REGEX": rf"^(?:{'|'.join(_WORDS)}|{suffixed})$"}}
    listed = {"LOWER": {"REGEX": rf"^(?:{'|'.join(_WORDS)}|{suffixed}|last|top|bottom)$"}}
    digits = {"LOWER": {"REGEX": r"^[1-9]\d?$"}}
    number = {"LOWER": {"REGEX": rf"^(?:[1-9]\d?|{'|'.join(_CARDINALS)})$"}}
    mark = {"TEXT": {"IN": ["#", ".", ":"]}, "OP": "?"}
    matcher = Matcher(blank_english().vocab)
    matcher.add(_SURE, [[ordinal, {"LOWER": {"IN": _THINGS}}], [listed, {"LOWER": {"IN": _LISTED_THINGS}}]])
    matcher.add(
        _COUNT,
        [
            [{"LOWER": {"IN": ["number", "option", "choice", "item", "nr", "position"]}}, mark, number],
            [{"LOWER": {"IN": ["no", "no."]}}, mark, digits],
            [{"TEXT": "#"}, digits],
        ],
    )
    matcher.add(_CLAUSE_END, [[{"LOWER": "the"}, listed]])
    return matcher
