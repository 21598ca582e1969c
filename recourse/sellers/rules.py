"""A seller's rules as an order carries them. Pure."""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import asdict, dataclass, field, fields
from typing import Any

from recourse.core.errors import InvalidInput

CLAUSE_MAX = 2000
CHOICES: Mapping[str, tuple[str, ...]] = {
    "on_silence": ("approve", "reject", "escalate"),
    "ship_while_pending": ("supersedes", "block"),
    "coupon_on_refund": ("balance", "restore_if_valid", "none"),
    "after_shipment": ("refuse", "ask_seller"),
    "fee_kind": ("none", "fixed", "percent"),
    "refund_shipping": ("never", "unsent_only", "always"),
}
"""What a field of a policy may say."""

RANGES: Mapping[str, tuple[int, int]] = {
    "response_hours": (1, 720),
    "fee_value": (0, 10**12),
    "return_window_days": (0, 365),
    "ship_deadline_bd": (1, 90),
    "dispute_open_after_days": (0, 120),
    "dispute_close_after_days": (1, 365),
    "dispute_response_days": (1, 60),
    "negotiation_days": (1, 60),
    "ship_back_days": (1, 60),
}
"""Smallest and largest value of a whole-number field of a policy."""

_FLAGS = ("partial_cancel", "free_return")
_HUNDRED_PER_CENT = 10_000
_LANGUAGE = re.compile(r"[a-z]{2,3}")


@dataclass(frozen=True, slots=True)
class Policy:
    """The rules in force for one order, frozen at checkout (domain section 0, point 1; invariants 14 and 15).

    ``response_hours``: how long the seller may take to answer a request [SEED 1: 24]. ``on_silence``: what happens when the
    seller does not [SEED 1: approve]: ``approve``, ``reject`` or ``escalate`` (the platform decides); it never approves after
    shipment. ``ship_while_pending``: does a parcel that leaves while a request is open end the request (``supersedes``) or
    may it not leave (``block``). ``coupon_on_refund``: a used coupon comes back as platform balance (``balance``, SEED 7), as
    the coupon itself when the whole order is cancelled and it is still valid (``restore_if_valid``), or not at all.

    ``after_shipment``: a sent order cannot be cancelled (``refuse``, SEED 2.2a) or only with the seller's explicit yes
    (``ask_seller``, domain C1). ``fee_kind``, ``fee_value``, ``fee_cap``: what such an interception may cost: nothing, a
    fixed amount in minor units of the order's currency, or per cent of the goods' price in hundredths (250 = 2.5 %), never
    more than the cap in minor units [SEED 12.2]. ``refund_shipping``: shipping comes back ``never`` for a part of an order,
    for what was not sent (``unsent_only``) or ``always``. ``partial_cancel``: may single items be cancelled.
    ``max_requests_per_order``: None is any number.

    Days: ``return_window_days`` and ``dispute_close_after_days`` count from delivery, ``dispute_open_after_days`` from
    shipment; ``dispute_response_days``, ``negotiation_days``, ``ship_back_days`` as in domain 2.5. ``ship_deadline_bd``:
    business days from payment. ``clause``: the seller's own words, shown before the reason is asked; ``clause_texts``: the
    same by language ("de"), where there are translations.
    """

    id: str = "platform-default"
    response_hours: int = 24
    on_silence: str = "approve"
    ship_while_pending: str = "supersedes"
    coupon_on_refund: str = "balance"
    after_shipment: str = "refuse"
    fee_kind: str = "none"
    fee_value: int = 0
    fee_cap: int | None = None
    refund_shipping: str = "unsent_only"
    partial_cancel: bool = True
    max_requests_per_order: int | None = None
    return_window_days: int = 14
    free_return: bool = False
    ship_deadline_bd: int = 7
    dispute_open_after_days: int = 10
    dispute_close_after_days: int = 15
    dispute_response_days: int = 5
    negotiation_days: int = 7
    ship_back_days: int = 10
    clause: str | None = None
    clause_texts: dict[str, str] = field(default_factory=dict)

    def clause_for(self, language: str) -> str | None:
        """The seller's clause in ``language`` ("de", "pt"), or in the seller's own words."""
        return self.clause_texts.get(language, self.clause)

    def to_json(self) -> dict[str, Any]:
        """The snapshot that is stored on an order."""
        return asdict(self)

    @classmethod
    def from_json(cls, data: dict[str, Any]) -> Policy:
        """The policy of a stored snapshot; a field that is younger than the snapshot has the platform's default."""
        return cls(**data)


def changed(policy: Policy, changes: Mapping[str, Any]) -> Policy:
    """``policy`` with other values, checked. Raises InvalidInput that names every field that is wrong."""
    known = {each.name for each in fields(Policy)} - {"id"}
    unknown = sorted(set(changes) - known)
    if unknown:
        raise InvalidInput(f"a policy has no {', '.join(unknown)}; it has {', '.join(sorted(known))}")
    made = Policy.from_json({**policy.to_json(), **changes})
    validate(made)
    return made


def validate(policy: Policy) -> None:
    """Raise InvalidInput with one sentence for each field that is wrong."""
    wrong = problems(policy)
    if wrong:
        raise InvalidInput("; ".join(wrong))


def problems(policy: Policy) -> list[str]:
    """One sentence for each field that no order could be served by; empty for a good policy."""
    values = policy.to_json()
    found = [
        f"{name} must be one of {', '.join(allowed)}, but it is {values[name]!r}"
        for name, allowed in CHOICES.items()
        if values[name] not in allowed
    ]
    found += [
        f"{name} must be a whole number from {low} to {high}, but it is {values[name]!r}"
        for name, (low, high) in RANGES.items()
        if not _whole(values[name]) or not low <= values[name] <= high
    ]
    found += [f"{name} must be true or false" for name in _FLAGS if not isinstance(values[name], bool)]
    limit = policy.max_requests_per_order
    if limit is not None and (not _whole(limit) or not 1 <= limit <= 100):
        found.append(f"max_requests_per_order must be from 1 to 100, or empty for any number, but it is {limit!r}")
    return found + _fee_problems(policy) + _clause_problems(policy)


def _fee_problems(policy: Policy) -> list[str]:
    found = []
    cap, value = policy.fee_cap, policy.fee_value
    if cap is not None and (not _whole(cap) or cap < 0):
        found.append(f"fee_cap must be an amount in minor units, or empty for no cap, but it is {cap!r}")
    if not _whole(value):
        return found
    if policy.fee_kind == "none" and value:
        found.append("fee_value must be 0 where fee_kind is none")
    if policy.fee_kind in ("fixed", "percent") and value <= 0:
        found.append(f"fee_value must be more than 0 where fee_kind is {policy.fee_kind}")
    if policy.fee_kind == "percent" and value > _HUNDRED_PER_CENT:
        found.append(f"fee_value is in hundredths of a per cent, at most {_HUNDRED_PER_CENT}, but it is {value}")
    if policy.fee_kind in ("fixed", "percent") and not policy.clause:
        found.append("clause must tell the buyer of the fee (a fee that was not in it is never charged)")
    return found


def _clause_problems(policy: Policy) -> list[str]:
    texts: Any = policy.clause_texts
    found = []
    if policy.clause is not None and not _readable(policy.clause):
        found.append(f"clause must have 1 to {CLAUSE_MAX} characters, or be empty")
    if not isinstance(texts, dict):
        return [*found, 'clause_texts must be texts by language, like {"de": "..."}']
    for language, text in texts.items():
        if not isinstance(language, str) or not _LANGUAGE.fullmatch(language):
            found.append(f"clause_texts: {language!r} is not a language code like 'de'")
        elif not _readable(text):
            found.append(f"clause_texts: the text for {language!r} must have 1 to {CLAUSE_MAX} characters")
    return found


def _whole(value: Any) -> bool:
    return isinstance(value, int) and not isinstance(value, bool)


def _readable(value: Any) -> bool:
    return isinstance(value, str) and "\0" not in value and bool(value.strip()) and len(value) <= CLAUSE_MAX
