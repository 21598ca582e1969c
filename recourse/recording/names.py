"""What things are called in a test: orders by their goods, their numbers by those names. Pure."""

from __future__ import annotations

import re
import unicodedata
from collections.abc import Mapping, Sequence

from rapidfuzz.distance import OSA

from recourse.core import order_numbers

NOBODYS = "nobodys"
"""The number that no order has."""

_CANONICAL = re.compile(r"RC-\d{4}-\d{4}")
_PREFIXED = re.compile(r"#?\bR\W?C\W{0,2}\d(?:[ .\-_/]?\d){5,8}(?!\w)", re.IGNORECASE)
_BARE = re.compile(r"(?<![\w+.,£$€-])\d{4}[ .\-_/]?\d{4}(?![\w-])")
_PART = re.compile(r"(?<![\w+.,£$€:-])\d{3,7}(?![\w%:-]|[.,]\d)")
_SLIPS = 2
_CUT = re.compile(r"[,(]|\s(?:with|from|for|of|in)\s", re.IGNORECASE)


def order_names(titles: Sequence[str]) -> list[str]:
    """A short name for each order from the title of its first product, all different: ``headphones``, ``mugs``, ``mugs_2``."""
    names: list[str] = []
    for title in titles:
        plain = noun(title)
        name, count = plain, 1
        while name in names or name == NOBODYS:
            count += 1
            name = f"{plain}_{count}"
        names.append(name)
    return names


def noun(title: str) -> str:
    """The word that says what it is: the last one before a comma, a bracket or ``with``; ``order`` where there is none."""
    words = re.findall(r"[a-z][a-z0-9]+", _ascii(_CUT.split(title)[0]))
    return words[-1] if words else "order"


class Numbers:
    """The numbers of the orders of a test by their names."""

    def __init__(self, names: Mapping[str, str]) -> None:
        """``names``: order number -> name."""
        self._names = names

    def shown(self, text: str) -> str:
        """What the assistant wrote, with ``{name}`` for each number."""
        return _CANONICAL.sub(lambda found: self._whole(found[0]), text)

    def typed(self, text: str) -> str:
        """What somebody typed: with ``{name}`` for a number, ``{name.sloppy}`` or ``{name.digits}`` where it was written in another
        way, ``{name.typo}`` where it was wrong, ``{name.last4}`` for its last digits, and ``{nobodys}`` for anybody else's."""
        text = _PREFIXED.sub(lambda found: self._whole(found[0]), text)
        text = _BARE.sub(lambda found: self._bare(found[0]), text)
        return _PART.sub(lambda found: self._part(found[0]), text)

    def mentioned(self, text: str) -> set[str]:
        """Numbers of orders that somebody typed in any of these ways."""
        found = {name: number for number, name in self._names.items()}
        return {found[name] for name in re.findall(r"\{(\w+)[.}]", self.typed(text)) if name in found}

    def _whole(self, written: str) -> str:
        number = order_numbers.normalise(written)
        if number is not None and number in self._names:
            return self._spelled(number, written)
        digits = order_numbers.digits_of(written)
        for own, name in self._names.items():
            if digits and OSA.distance(digits, order_numbers.digits_of(own)) <= _SLIPS:
                return f"{{{name}.typo}}"
        return f"{{{NOBODYS}}}"

    def _bare(self, written: str) -> str:
        number = order_numbers.normalise(written)
        return self._spelled(number, written) if number is not None and number in self._names else written

    def _part(self, written: str) -> str:
        ends = [name for number, name in self._names.items() if order_numbers.digits_of(number).endswith(written)]
        return f"{{{ends[0]}.last4}}" if len(ends) == 1 else written

    def _spelled(self, number: str, written: str) -> str:
        name = self._names[number]
        if written == number:
            return f"{{{name}}}"
        return f"{{{name}.digits}}" if written.isdigit() else f"{{{name}.sloppy}}"


def _ascii(text: str) -> str:
    return unicodedata.normalize("NFKD", text).encode("ascii", "ignore").decode().lower().replace("'", "")
