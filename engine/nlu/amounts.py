"""Find amounts of money in a message: symbols and codes, before or after, US and European separators."""

from __future__ import annotations

import re
from typing import Optional

from engine.nlu.mentions import Mention
from engine.nlu.order_numbers import fold

AMOUNT = "amount"

# Longest first: "US$" must win over "$". A bare "$" is read as US dollars, a bare "¥" as yen.
_SYMBOLS = {
    "US$": "USD", "USD$": "USD", "C$": "CAD", "CA$": "CAD", "A$": "AUD", "AU$": "AUD", "NZ$": "NZD", "HK$": "HKD",
    "S$": "SGD", "R$": "BRL", "MX$": "MXN", "$": "USD", "€": "EUR", "£": "GBP", "¥": "JPY", "￥": "JPY", "₹": "INR",
    "₽": "RUB", "₩": "KRW", "₴": "UAH", "₺": "TRY", "₪": "ILS", "zł": "PLN", "Kč": "CZK",
}  # fmt: skip
_WORDS = {
    "dollar": "USD", "dollars": "USD", "buck": "USD", "bucks": "USD", "euro": "EUR", "euros": "EUR", "pound": "GBP",
    "pounds": "GBP", "quid": "GBP", "yen": "JPY", "yuan": "CNY", "rupee": "INR", "rupees": "INR", "rouble": "RUB",
    "roubles": "RUB", "ruble": "RUB", "rubles": "RUB", "zloty": "PLN", "zlotys": "PLN", "francs": "CHF",
}  # fmt: skip
_CODES = frozenset(
    "AED AUD BRL CAD CHF CLP CNY COP CZK DKK EUR GBP HKD HUF IDR ILS INR JPY KRW KWD MXN MYR NOK NZD PHP PLN RON RUB SAR "
    "SEK SGD THB TRY TWD UAH USD VND ZAR".split()
)

_NUMBER = (
    r"(?P<number>\d{1,3}(?P<group>[.,'\s])\d{3}(?:(?P=group)\d{3})*(?:[.,]\d{1,2})?(?!\d)"
    r"|\d+(?:[.,]\d{1,3})?(?!\d))"
)
_SIGN = "|".join(re.escape(symbol) for symbol in sorted(_SYMBOLS, key=len, reverse=True))
_WORDLIKE_CODES = ("ALL", "COP", "RON", "TRY")  # English words when in lower case
_CODE = rf"(?:{'|'.join(sorted(_CODES.difference(_WORDLIKE_CODES)))}|(?-i:{'|'.join(_WORDLIKE_CODES)}))"
_WORD = rf"(?:{'|'.join(sorted(_WORDS, key=len, reverse=True))})"
_BEFORE = re.compile(rf"(?<![\w$])(?:(?P<currency>{_SIGN})|(?P<code>{_CODE})\b)\s?{_NUMBER}", re.IGNORECASE)
_AFTER = re.compile(
    rf"(?<![\w.,$€£-]){_NUMBER}\s?(?:(?P<currency>{_SIGN})|(?P<code>{_CODE})\b|(?P<word>{_WORD})\b)",
    re.IGNORECASE,
)
_ALONE = re.compile(r"\s*(?P<number>\d{1,6}[.,]\d{2})\s*[.!]?\s*")
_SYMBOL_OF = {symbol.upper(): code for symbol, code in _SYMBOLS.items()}


def find_amounts(text: str) -> list[Mention]:
    """Find the amounts of a message.

    Returns:
        ``amount`` mentions whose value is ``{"amount": "1234.50", "currency": "EUR"}``: a decimal text with a dot and no
        grouping, and an ISO 4217 code. When the whole message is a number with two decimals ("49.99"), it is an amount
        whose currency is None.
    """
    folded = fold(text)
    alone = _ALONE.fullmatch(folded)
    if alone:
        return [_mention(alone, None)]
    found = [_mention(match, _currency(match)) for rule in (_BEFORE, _AFTER) for match in rule.finditer(folded)]
    found.sort(key=lambda mention: (mention.start, -mention.end))
    return [m for i, m in enumerate(found) if not any(m.start < other.end for other in found[:i])]


def parse_number(number: str) -> str:
    """Turn a written number into a decimal text: ``1.234,50``, ``1,234.50`` and ``1 234,50`` all give ``1234.50``.

    One separator followed by exactly three digits groups thousands ("1.000" is a thousand); otherwise the last separator
    is the decimal point.
    """
    plain = re.sub(r"[\s']", "", number)
    last = max(plain.rfind("."), plain.rfind(","))
    if last < 0:
        return str(int(plain))
    fraction = plain[last + 1 :]
    whole = re.sub(r"[.,]", "", plain[:last])
    other = "," if plain[last] == "." else "."
    if len(fraction) == 3 and other not in plain:
        return str(int(whole + fraction))
    return f"{int(whole)}.{fraction}"


def _currency(match: re.Match[str]) -> str:
    parts = match.groupdict()
    if parts.get("word"):
        return _WORDS[parts["word"].lower()]
    if parts.get("code"):
        return str(parts["code"]).upper()
    return _SYMBOL_OF[match["currency"].upper()]


def _mention(match: re.Match[str], currency: Optional[str]) -> Mention:
    start, end = (match.start("number"), match.end("number")) if currency is None else match.span()
    return Mention(AMOUNT, {"amount": parse_number(match["number"]), "currency": currency}, start, end)
