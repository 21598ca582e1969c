"""Money: integer minor units with an ISO 4217 code. No floats anywhere."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from decimal import Decimal

from babel import Locale, UnknownLocaleError
from babel.numbers import format_currency, get_currency_precision


@dataclass(frozen=True, slots=True)
class Money:
    """``amount_minor`` in the smallest unit of ``currency`` (cents, yen, fils). May be zero or, in a ledger, negative."""

    amount_minor: int
    currency: str

    def __post_init__(self) -> None:
        if not isinstance(self.amount_minor, int) or isinstance(self.amount_minor, bool):
            raise TypeError(f"amount_minor must be an integer number of minor units, got {self.amount_minor!r}")
        if len(self.currency) != 3 or not self.currency.isupper():
            raise ValueError(f"currency must be a three-letter ISO 4217 code, got {self.currency!r}")

    def __add__(self, other: Money) -> Money:
        self._same_currency(other)
        return Money(self.amount_minor + other.amount_minor, self.currency)

    def __sub__(self, other: Money) -> Money:
        self._same_currency(other)
        return Money(self.amount_minor - other.amount_minor, self.currency)

    def _same_currency(self, other: Money) -> None:
        if self.currency != other.currency:
            raise ValueError(f"cannot mix {self.currency} and {other.currency}")

    def format(self, locale: str = "en") -> str:
        """The amount as a buyer of ``locale`` (``en``, ``pt-BR``, ``pt_BR``, ...) reads it, always with its currency."""
        precision = get_currency_precision(self.currency)
        value = Decimal(self.amount_minor).scaleb(-precision)
        return format_currency(value, self.currency, locale=display_locale(locale))


def display_locale(tag: str | None) -> Locale:
    """The locale called ``tag`` (``en-GB`` or ``en_GB``), else its language, else English: a browser may send anything."""
    for name in (tag or "", (tag or "").replace("_", "-").split("-")[0]):
        try:
            return Locale.parse(name.replace("-", "_"))
        except (ValueError, TypeError, UnknownLocaleError):
            continue
    return Locale("en")


def split(total: int, weights: Sequence[int]) -> list[int]:
    """Split ``total`` (>= 0, minor units) in proportion to ``weights`` by largest remainder; the parts sum to ``total``.

    Ties go to the earlier position, so the result is the same on every machine. All-zero weights raise ValueError
    unless ``total`` is zero. (domain 3.5: naive rounding of 100 / 3 loses a unit.)
    """
    if total < 0 or any(weight < 0 for weight in weights):
        raise ValueError("total and weights must not be negative")
    whole = sum(weights)
    if whole == 0:
        if total:
            raise ValueError("nothing to split over: all weights are zero")
        return [0] * len(weights)
    parts = [total * weight // whole for weight in weights]
    by_remainder = sorted(range(len(weights)), key=lambda i: (-(total * weights[i] % whole), i))
    for i in by_remainder[: total - sum(parts)]:
        parts[i] += 1
    return parts
