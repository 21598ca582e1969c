"""Find order numbers, and digits that were meant to be one, in a message.

Digits with the prefix, or eight digits written alone or in two groups of four, speak for themselves. Fewer digits count
only beside a word that says so ("order 7713", "#7713", "ending in 7713") or as the whole message. Phone numbers, dates,
amounts, cards and tracking numbers are never taken for an order.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Sequence
from typing import NamedTuple, Optional

from engine.nlu.mentions import Mention, overlaps
from engine.nlu.order_numbers import DIGITS, fold, format_order_number, has_valid_check_digit, to_digits

ORDER_NUMBER = "order_number"
ORDER_DIGITS = "order_digits"

_SHORTEST_PART = 3
_LONGEST_MISTYPED = DIGITS + 2
_CONTEXT = 40  # characters before a number in which a word can say what the number is

_DIGIT = r"[0-9OoIiLl|]"
_RUN = re.compile(
    rf"(?<![A-Za-z0-9])(?:(?P<prefix>R[ .]?C)[\s.#:_-]{{0,3}})?"
    rf"(?P<body>{_DIGIT}+(?:(?:\s?-\s?|\s|\.|/){_DIGIT}+)*)(?![A-Za-z0-9])",
    re.IGNORECASE,
)
_GROUP = re.compile(rf"{_DIGIT}+")

# Longer things that contain digits which could pass for an order number.
_FOREIGN = (
    re.compile(r"\+\d[\d\s().-]{6,}\d"),  # +49 170 1234567
    re.compile(r"\(\d{2,5}\)[\s-]?\d[\d\s-]{4,}\d"),  # (555) 123-4567
    re.compile(r"(?<![\d-])\d{3}[-.\s]\d{3}[-.\s]\d{4}(?!\d)"),  # 555-123-4567
    re.compile(r"(?<!\d)00[1-9]\d[\d\s-]{7,}\d"),  # 0049 170 1234567
    re.compile(r"(?<!\d)\d{4}([\s-]?)\d{4}\1\d{4}\1\d{1,7}(?!\d)"),  # card number
    re.compile(r"(?:\*|x|X|•){2,}[\s-]?\d{4}(?!\d)"),  # masked card number
    re.compile(r"\b(?!RC\b)[A-Z]{2}\s?\d[\d\s]{7,13}\s?[A-Z]{2}\b"),  # LP 001 234 567 89 CN
    re.compile(r"\b[A-Z]{2}\s?\d{3}\s?\d{3}\s?\d{3}\s?[A-Z]{2}\b"),  # RC 123 456 789 CN is a postal number
)

_OF_ORDER = (
    r"\border(?:s|ed)?\b|\bpurchases?\b|\breference\b|\bref\b|\bnumbers?\b|\bno[.:]|\bnr\b|\bnum\b|#|№|\bid\b"
    r"|\bend(?:s|ing)?\s+(?:in|with|on)\b|\blast\s+(?:\w+\s+)?digits?\b"
)
_OF_OTHER = (
    r"(?:\b(?:phone|telephone|mobile|cell|handy|fax|tracking|parcel|shipment|shipping|consignment|waybill|awb|customer"
    r"|account|bank|card|credit|debit|visa|mastercard|iban|swift|invoice|item|article|product|part|model|serial|imei|sku"
    r"|ticket|case|vat|tax|house|flat|post(?:al)?|zip|pin|cvv|cvc|bic|security|gift|coupon|voucher|promo|discount)"
    r"\s*(?:numbers?|no\b\.?|nr\b\.?|num\b|ids?\b|codes?|#|is\b|:|ending(?:\s+(?:in|with))?|ends(?:\s+(?:in|with))?))"
    r"|\b(?:iban|visa|mastercard|postcode|zip|imei|awb|whatsapp|tel|sms|phone:|card)\b"
    r"|\b(?:call|ring|text|reach|phone|contact)\s+(?:me|us|back)\b"
)
_WORD_BEFORE = re.compile(rf"(?P<other>{_OF_OTHER})|(?P<order>{_OF_ORDER})", re.IGNORECASE)
_FILLER = re.compile(
    r"[\s:#.,=(\"'-]*(?:(?:is|was|it'?s|are|numbers?|no|nr|num|id|code|ref|reference|with|the|my)\b[\s:#.,=(\"'-]*){0,3}",
    re.IGNORECASE,
)
_CLAUSE_END = re.compile(r"[!?;\n]|(?<!\bno)(?<!\bnr)(?<!\bref)(?<!\bnum)\.\s|,\s", re.IGNORECASE)
_VERB_BEFORE = re.compile(r"\b(?:cancel|track)\s+$", re.IGNORECASE)
_SAID_AFTER = re.compile(r"\s*(?:is|was)\s+(?:my|the|an?)\s+(?:order|purchase|reference)\b", re.IGNORECASE)
_CHAIN = re.compile(r"[\s,]*(?:,|and|or|&|\+|plus)\s*", re.IGNORECASE)
_COUNTED = re.compile(
    r"\s*(?:%|percent|pieces?|pcs|units?|items?|days?|hours?|hrs?|weeks?|months?|years?|minutes?|mins?|times?|x|people"
    r"|stars?|points?|coins?|dollars?|euros?|bucks|pounds?|usd|eur|gbp|km|kg|grams?|g|cm|mm|ml|gb|tb|mah|watts?|w)\b"
    r"|\s*[%\"]",
    re.IGNORECASE,
)
_SMALL_TALK = frozenset(
    "please pls it it's its is this that the one hi hello hey thanks thank you sorry i mean meant no yes here ok oh "
    "for my order number and was".split()
)


class _Group(NamedTuple):
    digits: str
    start: int
    end: int
    joined: bool  # a dash, dot or slash stands before it, not a blank


def find_order_references(text: str, taken: Sequence[Mention] = ()) -> list[Mention]:
    """Find the order references of a message.

    Args:
        text: what the buyer typed.
        taken: amounts and dates that were found before; digits inside them are left alone unless the prefix is there.

    Returns:
        ``order_number`` mentions (value ``RC-1042-7713``) and ``order_digits`` mentions (value: 3 to 10 digits), in the
        order of the text.
    """
    folded = fold(text)
    blocked = [*taken, *(Mention("foreign", None, *m.span()) for rule in _FOREIGN for m in rule.finditer(folded))]
    found: list[Mention] = []
    for run in _RUN.finditer(folded):
        found.extend(_read_run(folded, run, blocked, found[-1] if found else None))
    return found


def _read_run(text: str, run: re.Match[str], blocked: Sequence[Mention], last: Optional[Mention]) -> Iterator[Mention]:
    prefixed = run["prefix"] is not None
    groups = [
        _Group(to_digits(m[0]), m.start(), m.end(), not text[m.start() - 1].isspace())
        for m in _GROUP.finditer(text, run.start("body"), run.end("body"))
    ]
    if not (prefixed and _is_complete(groups)):
        groups = [g._replace(digits="") if overlaps(g.start, g.end, blocked) else g for g in groups]
    for segment in _segments(text, groups):
        prefixed = prefixed and segment[0] == groups[0]
        start = run.start() if prefixed else segment[0].start
        context = _meaning(text, start, segment, last)
        if not prefixed and context == "other":
            continue
        for mention in _read_groups(segment, start, prefixed, context):
            last = mention
            yield mention


def _segments(text: str, groups: Sequence[_Group]) -> Iterator[list[_Group]]:
    """Split groups where one belongs to something else or has no real digit in it (the word "I", say)."""
    segment: list[_Group] = []
    for group in groups:
        if group.digits and any(c.isdigit() for c in text[group.start : group.end]):
            segment.append(group)
        elif segment:
            yield segment
            segment = []
    if segment:
        yield segment


def _meaning(text: str, start: int, groups: Sequence[_Group], last: Optional[Mention]) -> str:
    """Say what the words around a number make of it: ``order``, ``other``, ``whole`` message or nothing ("")."""
    end = groups[-1].end
    goes_on = last is not None and (_CHAIN.fullmatch(text[last.end : start]) or _is_like(groups, last))
    if goes_on and not _COUNTED.match(text, end):
        return "order"
    before = _clause(text[max(0, start - _CONTEXT) : start])
    words = list(_WORD_BEFORE.finditer(before))
    if words and words[-1]["other"]:
        return "other"
    if words and _FILLER.fullmatch(before[words[-1].end() :]) and not _COUNTED.match(text, groups[0].end):
        return "order"
    if _VERB_BEFORE.search(before) and len(groups[0].digits) >= 4 and not _COUNTED.match(text, groups[0].end):
        return "order"
    if _SAID_AFTER.match(text, end):
        return "order"
    rest = re.findall(r"[^\W\d_]+(?:'\w+)?", f"{text[:start]} {text[end:]}".lower().replace("’", "'"))
    return "whole" if all(word in _SMALL_TALK for word in rest) else ""


def _is_like(groups: Sequence[_Group], last: Mention) -> bool:
    """Say whether the digits are as many as in the partial reference before them ("cancel 1001 and check 1002")."""
    return last.kind == ORDER_DIGITS and len(groups) == 1 and len(groups[0].digits) == len(last.value) > _SHORTEST_PART


def _clause(before: str) -> str:
    ends = [match.end() for match in _CLAUSE_END.finditer(before)]
    return before[ends[-1] :] if ends else before


def _read_groups(groups: Sequence[_Group], start: int, prefixed: bool, context: str) -> Iterator[Mention]:
    count = _groups_of_a_number(groups)
    told = prefixed or context == "order"
    shape = [len(group.digits) for group in groups]
    if count and (told or (count == len(groups) and shape in ([8], [4, 4])) or shape[:count] == [8]):
        yield _whole_number("".join(g.digits for g in groups[:count]), start, groups[count - 1].end)
        if groups[count:]:
            yield from _read_groups(groups[count:], groups[count].start, False, "")
    elif told or (context == "whole" and (len(groups) == 1 or shape[0] == 4)):
        yield from _partial_number(groups, start, _LONGEST_MISTYPED if prefixed else DIGITS + 1)


def _groups_of_a_number(groups: Sequence[_Group]) -> int:
    """Return how many of the first groups have eight digits together, or 0."""
    total = 0
    for position, group in enumerate(groups, start=1):
        total += len(group.digits)
        if total >= DIGITS:
            return position if total == DIGITS else 0
    return 0


def _is_complete(groups: Sequence[_Group]) -> bool:
    count = _groups_of_a_number(groups)
    return bool(count) and has_valid_check_digit("".join(group.digits for group in groups[:count]))


def _whole_number(digits: str, start: int, end: int) -> Mention:
    if has_valid_check_digit(digits):
        return Mention(ORDER_NUMBER, format_order_number(digits), start, end)
    return Mention(ORDER_DIGITS, digits, start, end)


def _partial_number(groups: Sequence[_Group], start: int, longest: int) -> Iterator[Mention]:
    """Take the first group and those that belong to it, when that is 3 to ``longest`` digits.

    A group belongs to the one before it when a dash or dot ties them, or when it may be the second half: "1042 771".
    """
    count = 1
    while count < len(groups) and groups[count].joined:
        count += 1
    if [len(group.digits) for group in groups[:2]] == [4, 3]:
        count = max(count, 2)
    digits = "".join(group.digits for group in groups[:count])
    if _SHORTEST_PART <= len(digits) <= longest:
        yield Mention(ORDER_DIGITS, digits, start, groups[count - 1].end)
