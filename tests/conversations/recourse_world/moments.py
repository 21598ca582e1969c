"""Dates and times in texts, in the languages of the demo's buyers, so that they can be masked."""

from __future__ import annotations

import re
from collections.abc import Iterable
from functools import cache

from babel import Locale

from recourse.demo.people import BUYERS

_WIDTHS = ("abbreviated", "wide")
_ISO = re.compile(r"\b\d{4}-\d{2}-\d{2}(?:[T ]\d{2}:\d{2}(?::\d{2}(?:\.\d+)?)?(?:Z|[+-]\d{2}:\d{2})?)?")
_NUMERIC = re.compile(r"(?<![\d./-])(?:\d{1,2}([./-])\d{1,2}\1(?:\d{4}|\d{2})|\d{4}([./-])\d{1,2}\2\d{1,2})(?![\d/-])")
_CJK = re.compile(r"\d{4}年\d{1,2}月\d{1,2}日(?:\w曜日)?")
_TIME = re.compile(
    r"\b\d{1,2}(?::\d{2}){1,2}(?:\s?[AaPp]\.?[Mm]\b\.?)?(?:\s(?:(?:UTC|GMT)(?:[+\u2212-]\d{1,2}(?::?\d{2})?)?|[A-Z]{2,5})\b)?"
)


def without_moments(text: str) -> str:
    """``text`` with ``<date>`` for every calendar day, its weekday included, and ``<time>`` for every time of day with its zone."""
    for pattern in (_ISO, _CJK, _written(), _NUMERIC):
        text = pattern.sub("<date>", text)
    return _TIME.sub("<time>", text)


@cache
def _written() -> re.Pattern[str]:
    """A day with the name of its month: ``Wed 25 Nov``, ``3 Dec 2026``, ``25 de noviembre de 2026``, ``November 25, 2026``."""
    locales = [Locale.parse(tag, sep="-") for tag in {"en-GB", *(buyer.locale for buyer in BUYERS)}]
    month = _any(name for each in locales for width in _WIDTHS for name in each.months["format"][width].values())
    weekday = _any(name for each in locales for width in _WIDTHS for name in each.days["format"][width].values())
    year = r"(?:,?\s+(?:de\s+)?\d{4}\b)?"
    day_first = rf"\d{{1,2}}\.?(?:\s+de)?\s+{month}(?!\w)\.?{year}"
    month_first = rf"{month}(?!\w)\.?\s+\d{{1,2}}(?!\d|:){year}"
    return re.compile(rf"(?<!\w)(?:{weekday}\.?,?\s+)?(?:{day_first}|{month_first})", re.IGNORECASE)


def _any(names: Iterable[str]) -> str:
    known = sorted({name.rstrip(".") for name in names}, key=lambda name: (-len(name), name))
    return f"(?:{'|'.join(re.escape(name) for name in known)})"
