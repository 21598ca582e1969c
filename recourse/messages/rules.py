"""What buyer and seller may write to each other, and the machines of what a seller asks and offers. Pure."""

from __future__ import annotations

import re
import unicodedata
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import datetime, timedelta
from urllib.parse import urlsplit

from recourse.core import order_numbers
from recourse.core.errors import InvalidInput
from recourse.core.transitions import Machine

TEXT_MAX = 2000
ASK_MAX = 1000
URL_MAX = 300
OPEN_ACTIONS_MAX = 5
OFFER_LASTS = timedelta(hours=72)
OFFER_SHORTEST, OFFER_LONGEST = timedelta(hours=1), timedelta(days=14)

PURPOSES = ("question", "cancel", "partial_refund", "return", "delivery", "address", "note", "answer")
"""What a message is about (domain F7); ``note``: an explanation after a cancellation [SEED 6.3]."""

ACTION_KINDS = ("form", "info")


def _by(*actors: str) -> frozenset[str]:
    return frozenset(actors)


ACTION_MACHINE: Machine = {
    (None, "open"): _by("seller"),
    ("open", "done"): _by("buyer"),
    ("open", "void"): _by("system"),
}
"""Legal moves of ``required_action.state``: it is void when the request that it belongs to has ended."""

OFFER_MACHINE: Machine = {
    (None, "open"): _by("seller"),
    ("open", "accepted"): _by("buyer"),
    ("open", "declined"): _by("buyer"),
    ("open", "expired"): _by("timer"),
    ("open", "retracted"): _by("seller"),
}
"""Legal moves of ``seller_offer.state``."""

HAS_PAID = ("to_ship", "partially_shipped", "shipped", "delivered", "completed")
"""Statuses of an order of which a part of the money can be offered: paid, and neither cancelled nor closed."""


def clean(text: str) -> str:
    """``text`` as every database can store it: without NULs, broken characters and blanks around it."""
    return text.replace("\0", "").encode("utf-8", "ignore").decode().strip()


def checked(what: str, text: str, most: int) -> str:
    """``text`` cleaned. Raises InvalidInput unless it has 1 to ``most`` characters."""
    cleaned = clean(text)
    if not 0 < len(cleaned) <= most:
        raise InvalidInput(f"{what} must have 1 to {most} characters, but it has {len(cleaned)}")
    return cleaned


def checked_url(url: str) -> str:
    """A link to a form. Raises InvalidInput unless it is a plain https address that shows its true host."""
    cleaned = clean(url)
    try:
        parts = urlsplit(cleaned)
        good = parts.scheme == "https" and bool(parts.hostname) and parts.username is None and parts.port != 0
    except ValueError:
        good = False
    if not good or len(cleaned) > URL_MAX or re.search(r"[\s\\<>\"'`\x00-\x20\x7f]", cleaned):
        raise InvalidInput(f"url must be an https:// address of at most {URL_MAX} characters without a user name in it")
    return cleaned


def offer_ends(now: datetime, expires_in: timedelta, respond_by: datetime | None) -> datetime:
    """Until when an offer stands: never longer than the open request that it would settle, whose end may end the order.

    Raises InvalidInput for a time that is too short or too long.
    """
    if not OFFER_SHORTEST <= expires_in <= OFFER_LONGEST:
        raise InvalidInput("an offer must stand for 1 hour to 14 days")
    ends = now + expires_in
    return min(ends, respond_by) if respond_by is not None else ends


@dataclass(frozen=True, slots=True)
class Contact:
    """Something in a text that leads off the platform: ``kind`` is phone, email, link or messenger; ``start`` to ``end``."""

    kind: str
    start: int
    end: int


_TLD = (
    "com|net|org|info|biz|shop|store|online|site|xyz|link|app|io|eu|de|fr|es|nl|pl|pt|it|uk|ru|cn|jp|br|dk|se|fi|ch|at|"
    "be|ie|cz|tr|us|ca|au|me|ly|to|gg|cc|co"
)
_SAFE_BARE_TLD = (
    "com|net|org|info|biz|shop|store|online|site|xyz|link|app|io|eu|de|fr|es|nl|pl|pt|uk|ru|cn|jp|br|dk|se|ch|cz|tr"
)
"""Endings that are no English word: "it arrived.it fits" is a slip of the keyboard, not a link."""

_EMAIL = re.compile(
    r"[\w.+-]+\s?(?:@|\(at\)|\[at\]|\{at\})\s?[\w-]+(?:\s?(?:\.|\(dot\)|\[dot\])\s?[\w-]+)*\s?(?:\.|\(dot\)|\[dot\])\s?[a-z]{2,}"
    r"|\b[\w.+-]+\sat\s[\w-]+\sdot\s[a-z]{2,}\b",
    re.IGNORECASE,
)
_LINK = re.compile(
    r"\b(?:https?|hxxps?|ftp)\s?:\s?//\s?[^\s<>\"']+"
    r"|\bwww\.[^\s<>\"']+"
    rf"|(?<![\w@.-])(?:[a-z0-9-]+\.)+(?:{_TLD})/[^\s<>\"']*"
    rf"|(?<![\w@.-])(?:[a-z0-9-]+\.)*[a-z][a-z0-9-]*\.(?:{_SAFE_BARE_TLD})\b(?![\w@])",
    re.IGNORECASE,
)
_MESSENGER = re.compile(
    r"\b(?:whats\s?app|telegram|we\s?chat|viber|snap\s?chat|skype|discord|instagram|facebook|kakao\s?talk|imessage|"
    r"line\s+(?:id|app)|(?:on|via|by|over|use|using|through|to)\s+(?:signal|messenger|line|insta)\b|signal\s+app)\b",
    re.IGNORECASE,
)
_CARRIERS = (
    "dhl.com", "dhl.de", "ups.com", "fedex.com", "usps.com", "royalmail.com", "dpd.com", "dpd.de", "dpd.co.uk",
    "gls-group.com", "gls-group.eu", "myhermes.de", "evri.com", "postnl.nl", "laposte.fr", "correos.es", "inpost.pl",
    "17track.net", "bring.com", "ctt.pt", "poste.it", "correios.com.br", "post.japanpost.jp",
)  # fmt: skip
"""Where a parcel is tracked: such a link leads away from the platform, but not from its protection."""

_NUMBER = re.compile(r"(?<![\w.,/-])(?:\+|\()?\d(?:[\d\s()./-]{5,}\d)(?![\w])")
_DATE = re.compile(
    r"\b\d{4}[-/.]\d{1,2}[-/.]\d{1,2}\b|\b\d{1,2}[-/.]\d{1,2}[-/.]\d{2,4}\b|\b\d{1,2}:\d{2}(?::\d{2})?\b"
)
_ORDER_NUMBER = re.compile(r"#?\s?\bR\W?C\W?\s?\d{4}\W?\d{4}\b", re.IGNORECASE)
_NATIONAL = re.compile(r"\(?0\d{1,5}\)?[\s./-]\d[\d\s./-]*")
_AMERICAN = re.compile(r"(?:1[-. ])?\(?\d{3}\)?[-. ]\d{3}[-. ]\d{4}")
_CUE = re.compile(
    r"\b(?P<phone>call|phone|telephone|tel|mobile|cell|ring|sms|text me|whats\s?app|reach me|handy|telefon)\b"
    r"|\b(?P<other>track\w*|order|parcel|shipment|invoice|ref\w*|sku|item|model|article|postcode|zip|iban|ean|serial)\b",
    re.IGNORECASE,
)
_CUE_REACH = 40


def contacts(text: str) -> list[Contact]:
    """What in ``text`` leads off the platform, in order: phone numbers, mail addresses, links and messengers (domain F7).

    Order numbers, tracking numbers, prices, dates and a carrier's tracking page are none of these. Positions are those of
    ``plain(text)``.
    """
    text = plain(text)
    found = [Contact("email", *hit.span()) for hit in _EMAIL.finditer(text)]
    found += [Contact("link", *hit.span()) for hit in _LINK.finditer(text) if not _is_carrier(hit[0])]
    found += [Contact("messenger", *hit.span()) for hit in _MESSENGER.finditer(text)]
    found += [Contact("phone", start, end) for start, end in _phones(text)]
    kept: list[Contact] = []
    for each in sorted(found, key=lambda contact: (contact.start, -contact.end)):
        if not kept or each.start >= kept[-1].end:
            kept.append(each)
    return kept


def off_platform(text: str) -> bool:
    """Does ``text`` name a phone number, an address, a link or a messenger that leads off the platform?"""
    return bool(contacts(text))


def masked(text: str) -> str:
    """``text`` as the other side sees it: what leads off the platform is replaced by ``[removed]``."""
    found = contacts(text)
    if not found:
        return text
    text = plain(text)
    for each in reversed(found):
        text = text[: each.start] + "[removed]" + text[each.end :]
    return text


def plain(text: str) -> str:
    """``text`` without the tricks that hide a number from a filter: wide digits, and characters that nobody sees."""
    visible = "".join(char for char in text if unicodedata.category(char) != "Cf")
    return unicodedata.normalize("NFKC", visible)


def _is_carrier(link: str) -> bool:
    bare = re.sub(r"^\w+\s?:\s?//\s?", "", link.lower())
    if "@" in bare.split("/")[0]:
        return False
    host = re.split(r"[/?#:]", bare, maxsplit=1)[0].rstrip(".,;")
    return any(host == carrier or host.endswith("." + carrier) for carrier in _CARRIERS)


def _phones(text: str) -> Iterator[tuple[int, int]]:
    """Numbers that somebody could call. Dates and order numbers are blanked first, so that positions stay."""
    blanked = _ORDER_NUMBER.sub(lambda hit: "x" * len(hit[0]), _DATE.sub(lambda hit: "x" * len(hit[0]), text))
    for hit in _NUMBER.finditer(blanked):
        number = hit[0].strip()
        digits = re.sub(r"\D", "", number)
        if order_numbers.normalise(number) or not 7 <= len(digits) <= 17:
            continue
        cue = _last_cue(blanked[max(0, hit.start() - _CUE_REACH) : hit.start()])
        if cue == "other" and not number.startswith("+"):
            continue
        if _looks_callable(number, digits) or cue == "phone":
            yield hit.span()


def _looks_callable(number: str, digits: str) -> bool:
    international = number.startswith("+") or (number.startswith("00") and digits[2:3] != "0")
    if international:
        return 8 <= len(digits) - (0 if number.startswith("+") else 2) <= 15
    grouped = _NATIONAL.fullmatch(number) is not None and 9 <= len(digits) <= 12
    return grouped or _AMERICAN.fullmatch(number) is not None


def _last_cue(before: str) -> str | None:
    cues = [hit.lastgroup for hit in _CUE.finditer(before)]
    return cues[-1] if cues else None
