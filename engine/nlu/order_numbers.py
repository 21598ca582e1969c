"""Order numbers: the format, the check digit, and how people mistype them.

An order number is ``RC-1042-7716``: a prefix and eight digits, the last of which is a Damm check digit over the first
seven. Pure functions without dependencies; ``recourse.core.order_numbers`` has the same rules for the other runtime.
"""

from __future__ import annotations

import re
import unicodedata
from typing import Optional

PREFIX = "RC"
DIGITS = 8

# The quasigroup of order 10 from H. M. Damm's thesis: it catches every single wrong digit and every swap of neighbours.
_DAMM = (
    "0317598642",
    "7092154863",
    "4206871359",
    "1750983426",
    "6123045978",
    "3674209581",
    "5869720134",
    "8945362017",
    "9438617205",
    "2581436790",
)

_LOOK_ALIKES = str.maketrans({"O": "0", "o": "0", "I": "1", "i": "1", "L": "1", "l": "1", "|": "1"})
_DASHES = frozenset("\u2010\u2011\u2012\u2013\u2014\u2015\u2212\ufe58\ufe63\uff0d_")
_PREFIXED = re.compile(r"^[\s#.:/-]*(?:R[\s.]?C)?[\s#.:/-]*", re.IGNORECASE)
_SEPARATORS = re.compile(r"[\s#.:/-]+")


def damm_digit(digits: str) -> str:
    """Return the check digit (one character) for a string of decimal digits."""
    interim = 0
    for digit in digits:
        interim = int(_DAMM[interim][int(digit)])
    return str(interim)


def has_valid_check_digit(digits: str) -> bool:
    """Say whether ``digits`` (eight ASCII digits) ends in the right check digit."""
    return len(digits) == DIGITS and digits.isascii() and digits.isdigit() and damm_digit(digits[:-1]) == digits[-1]


def format_order_number(digits: str) -> str:
    """Turn eight digits into the written form: ``10427713`` becomes ``RC-1042-7713``."""
    return f"{PREFIX}-{digits[:4]}-{digits[4:]}"


def fold(text: str) -> str:
    """Return ``text`` with every decimal digit, dash and blank of Unicode in its ASCII form.

    The result has the same length, so positions in it are positions in ``text``.
    """
    return text if text.isascii() else "".join(map(_fold_character, text))


def to_digits(text: str) -> str:
    """Return the digits of ``text`` with look-alike letters read as digits; everything else is left out."""
    return "".join(c for c in fold(text).translate(_LOOK_ALIKES) if c.isdigit())


def normalise_order_number(text: str) -> Optional[str]:
    """Read a text that is meant to be one order number.

    Forgives lower case, blanks, dots, ``#``, missing prefix and dashes, and O/0, I/l/1.
    Returns the written form ``RC-1042-7713``, or None when the text is something else or the check digit is wrong.
    """
    bare = _PREFIXED.sub("", fold(text).strip(), count=1)
    body = _SEPARATORS.sub("", bare).translate(_LOOK_ALIKES)
    return format_order_number(body) if has_valid_check_digit(body) else None


def _fold_character(character: str) -> str:
    value = unicodedata.decimal(character, None)
    if value is not None:
        return str(value)
    if character in _DASHES:
        return "-"
    return " " if character.isspace() else character
