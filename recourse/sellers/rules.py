"""A seller's rules as an order carries them. Pure."""

from __future__ import annotations

from dataclasses import asdict, dataclass
from typing import Any


@dataclass(frozen=True, slots=True)
class Policy:
    """The rules in force for one order, frozen at checkout (domain section 0, point 1; invariants 14 and 15).

    ``response_hours``: how long the seller may take to answer a request [SEED 1: 24]. ``on_silence``: what happens when the
    seller does not [SEED 1: approve]; it never approves after shipment. ``ship_while_pending``: does a parcel that leaves
    while a request is open end the request (``supersedes``) or may it not leave (``block``). ``coupon_on_refund``: a used
    coupon comes back as platform balance or not at all [SEED 7: balance]. ``dispute_close_after_days``: days after
    delivery in which a dispute can be opened. ``clause``: the seller's own words, shown before the reason is asked.
    """

    id: str = "platform-default"
    response_hours: int = 24
    on_silence: str = "approve"
    ship_while_pending: str = "supersedes"
    coupon_on_refund: str = "balance"
    dispute_close_after_days: int = 15
    clause: str | None = None

    def to_json(self) -> dict[str, Any]:
        """The snapshot that is stored on an order."""
        return asdict(self)

    @classmethod
    def from_json(cls, data: dict[str, Any]) -> Policy:
        """The policy of a stored snapshot."""
        return cls(**data)
