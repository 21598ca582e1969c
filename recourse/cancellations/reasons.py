"""Why buyers cancel: two catalogues, and how a buyer's own words name a reason. Pure."""

from __future__ import annotations

import re
from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Reason:
    """A reason for cancelling. ``fault`` says on whose account it goes (domain 2.2); the assistant never nudges to one."""

    code: str
    fault: str
    phrases: tuple[str, ...]


_NO_LONGER = Reason(
    "no_longer_wanted",
    "buyer",
    (
        "no longer want",
        "dont want",
        "do not want",
        "changed my mind",
        "change of mind",
        "not needed",
        "dont need",
        "regret",
    ),
)
_OTHER = Reason("other", "buyer", ("other reason", "something else"))
_MISTAKE = Reason(
    "ordered_by_mistake",
    "buyer",
    (
        "by mistake",
        "by accident",
        "accidentally",
        "wrong item",
        "wrong size",
        "wrong color",
        "wrong colour",
        "twice",
        "duplicate",
        "double order",
        "wrong product",
        "wrong model",
    ),
)
_CHEAPER = Reason("found_cheaper", "buyer", ("cheaper", "better price", "lower price", "better deal", "less elsewhere"))

REASONS_UNPAID: tuple[Reason, ...] = (
    _NO_LONGER,
    _MISTAKE,
    _CHEAPER,
    Reason("change_address", "buyer", ("address", "moved house", "deliver to", "ship to")),
    Reason("change_coupon", "buyer", ("coupon", "voucher", "promo code", "discount code")),
    Reason(
        "cannot_pay", "buyer", ("cannot pay", "cant pay", "payment fails", "card declined", "no money", "cant afford")
    ),
    _OTHER,
)
REASONS_PAID: tuple[Reason, ...] = (
    _NO_LONGER,
    _MISTAKE,
    Reason(
        "too_late",
        "seller",
        (
            "not arrive on time",
            "too late",
            "too long",
            "takes forever",
            "too slow",
            "arrive late",
            "delivery time",
            "not shipped",
            "still not sent",
            "in time",
        ),
    ),
    _CHEAPER,
    Reason("change_address", "buyer", ("address", "moved house", "deliver to", "ship to")),
    Reason(
        "seller_unreachable",
        "seller",
        (
            "seller does not answer",
            "cant reach the seller",
            "seller not responding",
            "seller never replies",
            "seller doesnt answer",
        ),
    ),
    Reason(
        "seller_asked", "seller", ("seller asked", "seller told me", "out of stock", "no stock", "raised the price")
    ),
    _OTHER,
)


def reasons_for(state: str) -> tuple[Reason, ...]:
    """The catalogue that fits the order: unpaid and paid orders have different lists (domain 2.2)."""
    return REASONS_UNPAID if state == "awaiting_payment" else REASONS_PAID


def reason(state: str, code: str) -> Reason | None:
    """The reason ``code`` of the catalogue for ``state``, or None."""
    return next((item for item in reasons_for(state) if item.code == code), None)


def is_code(text: str) -> bool:
    """Is this the code of a reason in either catalogue, and so no buyer's words?"""
    return any(item.code == text for item in (*REASONS_UNPAID, *REASONS_PAID))


def match_reason(state: str, text: str) -> Reason | None:
    """The reason that a buyer's own words name, or None. The words are kept as the note in any case."""
    plain = " ".join(text.lower().replace("'", "").replace("’", "").split())
    hits = [(plain.find(phrase), item) for item in reasons_for(state) for phrase in item.phrases if phrase in plain]
    return min(hits, key=lambda hit: hit[0])[1] if hits else None


def after_because(text: str) -> str | None:
    """The reason in a sentence that says more: "cancel it because I found it cheaper" -> "I found it cheaper"."""
    found = re.search(
        r"\b(?:because|bc|cause|coz|cuz|since|as|reason is(?: that)?)\b[\s:,]*(\S.*)", text, re.IGNORECASE | re.DOTALL
    )
    return found[1].strip() if found else None
