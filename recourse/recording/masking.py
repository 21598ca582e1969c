"""Personal data in what people wrote: replaced by marks, before a conversation becomes a file that others read. Pure.

Rules see names after words like "my name is", not every name: a recorded conversation is read before it is committed.
"""

from __future__ import annotations

import re
from collections.abc import Iterable

from recourse.core.redact import redact

NAME, EMAIL, PHONE = "[name removed]", "[e-mail removed]", "[phone number removed]"
ADDRESS, REFERENCE = "[address removed]", "[reference removed]"

_EMAIL = re.compile(r"[\w.+%-]+@[\w-]+(?:\.[\w-]+)+")
_PHONE = re.compile(
    r"(?<![\w.,-])(?:\+|00|\(?0)\d?(?:[ ()/.-]{0,2}\d){7,13}(?![\w-])|(?<![\w-])\(?\d{3}\)?[ .-]\d{3}[ .-]\d{4}(?!\w)"
)
_CASE = re.compile(r"(?i)(?<!\w)C-[2-9A-HJ-NP-Z]{6}(?!\w)")

_CAPITAL = r"[^\W\d_a-zß-ÿ][\w'’-]*"
_HOUSE = r"(?:(?i:flat|apartment|apt\.?|unit)\s+\w{1,5},?\s+)?(?<![\w.,£$€-])\d{1,5}[a-zA-Z]?,?\s+"
_STREET = r"(?i:street|road|avenue|lane|terrace|boulevard|crescent)(?!\w)"
_OR_WORD = (
    r"(?:Street|St|Str|Road|Rd|Avenue|Ave|Lane|Ln|Drive|Dr|Close|Court|Square|Way|Terrace|Boulevard|Blvd|Row)\b\.?"
)
_GERMANIC = r"(?i:straße|strasse|str\.|weg|platz|allee|gasse|straat|gatan|vej)"
_ROMANCE = r"(?i:rue|avenue|boulevard|calle|via|viale|piazza|plaza|rua|avenida|ulica|ul\.)"
_OF = r"(?:\s+(?i:de|del|della|la|le|du|des|da|do|dos))*"
_ADDRESSES = tuple(
    re.compile(pattern)
    for pattern in (
        rf"{_HOUSE}(?:{_CAPITAL}\s+){{1,3}}{_OR_WORD}",
        rf"{_HOUSE}(?:(?!(?i:the|my|a|an|on|of|in|this|that)\b)[\w'’-]+\s+){{1,2}}{_STREET}",
        rf"(?<!\w)(?:{_CAPITAL}[ -])?[^\W\d_]+{_GERMANIC}\s+\d{{1,4}}\s?[a-z]?(?!\w)",
        rf"(?<!\w){_ROMANCE}{_OF}(?:\s+{_CAPITAL}){{1,3}},?\s+\d{{1,4}}(?!\w)",
        rf"(?<!\w)\d{{1,4}}(?:\s?(?i:bis|ter))?,?\s+{_ROMANCE}(?:\s+[\w'’-]+){{1,4}}",
        r"(?<!\w)(?i:[A-Z]{1,2}\d[A-Z\d]?\s+\d[A-Z]{2})(?!\w)",
        rf"(?<![\w-])(?:\d{{5}}(?:-\d{{4}})?|\d{{4}}-\d{{3}}|\d{{4}} ?[A-Z]{{2}},?)\s+{_CAPITAL}(?!\w)",
        r"(?<!\w)[A-Z]{2}\s+\d{5}(?:-\d{4})?(?!\w)",
    )
)
"""Streets of the demo's languages, British post codes, post codes with a town behind them, and those of the US."""

_INTRODUCED = re.compile(
    r"(?P<before>(?i:(?:my name is|my name's|i am called|name:|regards,?|sincerely,?|mrs?\.?|ms\.?|dr\.?|ich heiße|"
    rf"je m'appelle|me llamo)\s+|(?:thanks|cheers),?\s*\n\s*))(?P<name>{_CAPITAL}(?:[ ]+{_CAPITAL}){{0,2}})"
)
_SHORTEST_NAME = 3


def masked(text: str, names: Iterable[str] = (), references: Iterable[str] = ()) -> str:
    """``text`` without card numbers, IBANs, passwords, tokens, e-mail addresses, phone numbers, addresses and names.

    ``names``: of people that are known to be spoken of. ``references``: tracking numbers and the like, to be taken out as well.
    """
    text = redact(text)
    for reference in references:
        text = re.sub(rf"(?i)(?<!\w){re.escape(reference)}(?!\w)", REFERENCE, text)
    text = _EMAIL.sub(EMAIL, text)
    text = _CASE.sub(REFERENCE, text)
    text = _PHONE.sub(PHONE, text)
    for pattern in _ADDRESSES:
        text = pattern.sub(ADDRESS, text)
    text = _INTRODUCED.sub(lambda found: found["before"] + NAME, text)
    return _without_names(text, names)


def _without_names(text: str, names: Iterable[str]) -> str:
    """Whole names first, then each part of one, where it is written with a capital letter."""
    for name in names:
        text = re.sub(rf"(?i)(?<!\w){re.escape(name)}(?!\w)", NAME, text)
        for part in name.split():
            if len(part) >= _SHORTEST_NAME:
                text = re.sub(rf"(?<!\w){re.escape(part)}(?!\w)", NAME, text)
    return text
