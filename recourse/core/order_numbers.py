"""Order numbers: ``RC-`` and eight digits in two groups; the last digit is a Damm check digit over the first seven.

The check digit catches every single wrong digit and every swap of neighbours, so a typo is told from a foreign order
without a look at the store. The engine has the same rule for reading text (``engine/nlu/order_numbers.py``).
"""

from __future__ import annotations

import re

_DAMM = (
    (0, 3, 1, 7, 5, 9, 8, 6, 4, 2),
    (7, 0, 9, 2, 1, 5, 4, 8, 6, 3),
    (4, 2, 0, 6, 8, 7, 1, 3, 5, 9),
    (1, 7, 5, 0, 9, 8, 3, 4, 2, 6),
    (6, 1, 2, 3, 0, 4, 5, 9, 7, 8),
    (3, 6, 7, 4, 2, 0, 9, 5, 8, 1),
    (5, 8, 6, 9, 7, 2, 0, 1, 3, 4),
    (8, 9, 4, 5, 3, 6, 2, 0, 1, 7),
    (9, 4, 3, 8, 6, 1, 7, 2, 0, 5),
    (2, 5, 8, 1, 4, 3, 6, 7, 9, 0),
)
_LOOK_ALIKES = str.maketrans({"O": "0", "I": "1", "L": "1"})
_PREFIX = re.compile(r"^#?\s*R\W?C\W?", re.IGNORECASE)


def check_digit(digits: str) -> int:
    """Damm check digit (0-9) of a string of digits."""
    interim = 0
    for digit in digits:
        interim = _DAMM[interim][int(digit)]
    return interim


def make(serial: int) -> str:
    """The order number of ``serial`` (0 to 9,999,999): ``make(1042771)`` -> ``RC-1042-771x``."""
    if not 0 <= serial <= 9_999_999:
        raise ValueError(f"serial must have at most seven digits, got {serial}")
    body = f"{serial:07d}"
    return _dress(body + str(check_digit(body)))


def digits_of(text: str) -> str:
    """The digits in ``text`` after forgiving prefix, separators and look-alikes; empty when other letters remain."""
    bare = re.sub(r"[\s.\-_#/]", "", _PREFIX.sub("", text.strip()).upper()).translate(_LOOK_ALIKES)
    return bare if bare.isascii() and bare.isdigit() else ""


def normalise(text: str) -> str | None:
    """``RC-1042-7716`` from any forgiving spelling of a whole, valid number; None when it is not one."""
    digits = digits_of(text)
    if len(digits) != 8 or check_digit(digits[:7]) != int(digits[7]):
        return None
    return _dress(digits)


def _dress(digits: str) -> str:
    return f"RC-{digits[:4]}-{digits[4:]}"
