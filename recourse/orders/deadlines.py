"""How long sending and delivery may take, and what parcels say together. Pure; times are aware UTC.

Every deadline is half-open: at ``now >= deadline`` the timer decides, before it the human.
"""

from __future__ import annotations

from collections.abc import Iterable
from datetime import UTC, datetime, time, timedelta

from recourse.core.calendar import add_business_days
from recourse.orders.rules import PARCEL_STATES, Parcel
from recourse.sellers.rules import Policy

REVIEW_WITHIN = timedelta(hours=24)
"""A payment check that has no result by then ends the order (domain 2.3 and 3.4)."""

PROTECTION = timedelta(days=60)
"""How long a parcel may be on its way before the order is taken as received, unless it was promised for later: the
delivery guarantee of domain 2.6."""

GONE = ("lost", "returned")
"""Parcels in these states never reach the buyer."""


def ship_deadline(paid_at: datetime, policy: Policy) -> datetime:
    """Until when the seller must have sent an order paid at ``paid_at``: the end, in UTC, of the last business day.

    The day of payment does not count; the days are the policy's ``ship_deadline_bd`` [domain 2.3: 7]. This is the first
    moment that is too late.
    """
    last_day = add_business_days(paid_at.astimezone(UTC).date(), policy.ship_deadline_bd)
    return datetime.combine(last_day + timedelta(days=1), time(), UTC)


def protection_after_sending(sent_at: datetime, promised: Iterable[datetime | None]) -> datetime:
    """Until when a sent order is protected: ``PROTECTION`` after the last parcel left, or its latest promise if that is later.

    A promise never shortens it: a buyer may complain of a missing parcel from day 10 on, so protection must not end before.
    """
    return max([sent_at + PROTECTION, *(at for at in promised if at)])


def protection_after_delivery(delivered_at: datetime, policy: Policy) -> datetime:
    """Until when a delivered order can be disputed; from then on it is taken as received (domain 2.5: 15 days)."""
    return delivered_at + timedelta(days=policy.dispute_close_after_days)


def parcel_state(now: str, reported: str) -> str:
    """Where a parcel that is ``now`` stands after ``reported``: a late report never moves it back (invariant 24).

    What was handed over cannot get lost any more; what was lost may still come back to its sender.
    """
    if now == "delivered":
        return now
    return max(now, reported, key=PARCEL_STATES.index)


def all_delivered(parcels: Iterable[Parcel]) -> bool:
    """Were all parcels handed over? False where there is none."""
    states = {parcel.state for parcel in parcels}
    return states == {"delivered"}


def all_gone(parcels: Iterable[Parcel]) -> bool:
    """Will no parcel ever arrive, because each is lost or on its way back? False where there is none."""
    states = {parcel.state for parcel in parcels}
    return bool(states) and states <= set(GONE)
