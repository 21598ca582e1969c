"""Find dates in a message: written out in figures, with a month name, or relative ("yesterday", "3 days ago")."""

from __future__ import annotations

import re
from datetime import date
from functools import lru_cache
from typing import Any, Optional

from spacy.matcher import Matcher
from spacy.tokens import Doc
from spacy.util import filter_spans

from engine.nlu.mentions import Mention
from engine.nlu.order_numbers import fold
from engine.nlu.spacy_language import blank_english

DATE = "date"

_MONTH_NAMES = (
    ("january", "jan"), ("february", "feb"), ("march", "mar"), ("april", "apr"), ("may",), ("june", "jun"),
    ("july", "jul"), ("august", "aug"), ("september", "sep", "sept"), ("october", "oct"), ("november", "nov"),
    ("december", "dec"),
)  # fmt: skip
_MONTHS = {name: number for number, names in enumerate(_MONTH_NAMES, start=1) for name in names}
_WEEKDAYS = ["monday", "tuesday", "wednesday", "thursday", "friday", "saturday", "sunday"]
_UNITS = ["hour", "hours", "day", "days", "week", "weeks", "month", "months", "year", "years"]
_COUNTS = ["a", "an", "one", "two", "three", "four", "five", "six", "seven", "eight", "nine", "ten"]

_ISO = re.compile(r"(?<![\w-])(?P<y>(?:19|20)\d\d)[-/.](?P<m>\d{1,2})[-/.](?P<d>\d{1,2})(?![\w-])")
_DAY_FIRST = re.compile(r"(?<![\w.-])(?P<a>\d{1,2})(?P<sep>[./-])(?P<b>\d{1,2})(?P=sep)(?P<y>(?:19|20)?\d\d)(?![\w-])")
_SHORT = re.compile(r"(?<![\w./-])(?P<a>\d{1,2})[/.](?P<b>\d{1,2})(?P<end>\.|(?![\w./-]|\s?[€$£%]))")
_COMPACT = re.compile(r"\b(?:on|from|since|dated?|until|before|after)\s+(?P<y>20\d\d)(?P<m>[01]\d)(?P<d>[0-3]\d)(?!\w)")
_DATE_WORD = re.compile(
    r"\b(?:on|from|since|dated?|until|by|before|after|of|ordered|bought|delivered)\s+(?:the\s+)?$", re.I
)
_DAY = re.compile(r"\b([0-3]?\d)(?:st|nd|rd|th)?\b")
_YEAR = re.compile(r"\b((?:19|20)\d\d)\b")


def find_dates(doc: Doc) -> list[Mention]:
    """Find the dates of a message.

    Returns:
        ``date`` mentions. The value is an ISO date ("2026-03-29") where day, month and year are certain, else the phrase
        as it was typed, in lower case ("last week", "03/04/2026", "12 may"). No clock is read here.
    """
    found = [*_numeric(fold(doc.text)), *_phrases(doc)]
    found.sort(key=lambda mention: (mention.start, -mention.end))
    return [m for i, m in enumerate(found) if not any(m.start < other.end for other in found[:i])]


def _numeric(text: str) -> list[Mention]:
    found = []
    for rule in (_ISO, _COMPACT):
        for match in rule.finditer(text):
            value = _iso(int(match["y"]), int(match["m"]), int(match["d"]))
            if value:
                found.append(Mention(DATE, value, match.start("y"), match.end("d")))
    for match in _DAY_FIRST.finditer(text):
        if _is_day_and_month(match["a"], match["b"]):
            found.append(Mention(DATE, _three_part_date(match), *match.span()))
    for match in _SHORT.finditer(text):
        # "12.50" is a price far more often than a day; a slash, a closing dot or a word like "on" makes it a date.
        sure = "/" in match[0] or match["end"] or _DATE_WORD.search(text[: match.start()])
        if sure and _is_day_and_month(match["a"], match["b"]):
            found.append(Mention(DATE, match[0].rstrip("."), match.start(), match.end("b")))
    return found


def _three_part_date(match: re.Match[str]) -> str:
    """Dots mean day first; with slashes and dashes only a number over 12 tells the day from the month."""
    first, second = int(match["a"]), int(match["b"])
    year = int(match["y"]) if len(match["y"]) == 4 else 2000 + int(match["y"])
    if match["sep"] == "." or first > 12:
        return _iso(year, second, first) or match[0]
    if second > 12 or first == second:
        return _iso(year, first, second) or match[0]
    return match[0]


def _is_day_and_month(a: str, b: str) -> bool:
    low, high = sorted((int(a), int(b)))
    return 1 <= low <= 12 and high <= 31


def _phrases(doc: Doc) -> list[Mention]:
    spans = filter_spans(_matcher()(doc, as_spans=True))
    return [Mention(DATE, _phrase_value(span.text), span.start_char, span.end_char) for span in spans]


def _phrase_value(phrase: str) -> str:
    lowered = phrase.lower()
    month = next((number for name, number in _MONTHS.items() if re.search(rf"\b{name}\b", lowered)), None)
    day, year = _DAY.search(lowered), _YEAR.search(lowered)
    if month and day and year:
        return _iso(int(year[1]), month, int(day[1])) or lowered
    return lowered


def _iso(year: int, month: int, day: int) -> Optional[str]:
    try:
        return date(year, month, day).isoformat()
    except ValueError:
        return None


@lru_cache(maxsize=1)
def _matcher() -> Matcher:
    month = {"LOWER": {"IN": list(_MONTHS)}}
    dot = {"TEXT": ".", "OP": "?"}
    comma = {"TEXT": ",", "OP": "?"}
    day: dict[str, Any] = {"LOWER": {"REGEX": r"^(?:[12]?\d|3[01])(?:st|nd|rd|th)?$"}}
    year = {"LOWER": {"REGEX": r"^(?:19|20)\d\d$"}}
    period = {"LOWER": {"IN": ["week", "month", "year", "weekend", "night", *_WEEKDAYS, *_MONTHS]}}
    count = {"LOWER": {"REGEX": rf"^(?:\d{{1,3}}|{'|'.join(_COUNTS)})$"}}
    unit = {"LOWER": {"IN": _UNITS}}
    patterns = [
        [{"LOWER": {"IN": ["yesterday", "today", "tomorrow", "tonight"]}}],
        [{"LOWER": "day"}, {"LOWER": {"IN": ["before", "after"]}}, {"LOWER": {"IN": ["yesterday", "tomorrow"]}}],
        [{"LOWER": {"IN": ["last", "past", "this", "next", "previous"]}}, period],
        [{"LOWER": {"IN": _WEEKDAYS}}],
        [count, unit, {"LOWER": "ago"}],
        [{"LOWER": {"IN": ["few", "couple", "several"]}}, {"LOWER": "of", "OP": "?"}, unit, {"LOWER": "ago"}],
        [month, dot, day],
        [month, dot, day, comma, year],
        [day, dot, {"LOWER": "of", "OP": "?"}, month],
        [day, dot, {"LOWER": "of", "OP": "?"}, month, comma, year],
        [month, year],
    ]  # fmt: skip
    matcher = Matcher(blank_english().vocab)
    matcher.add(DATE, patterns)
    return matcher
