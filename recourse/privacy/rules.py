"""When an erasure may happen and what the law keeps. Pure. (GDPR Art. 12, 17, 18; domain 3.4 and flow F11.)"""

from __future__ import annotations

import calendar
from collections.abc import Collection
from datetime import UTC, datetime, timedelta

from recourse.core.transitions import Machine


def _by(*actors: str) -> frozenset[str]:
    return frozenset(actors)


ERASURE_MACHINE: Machine = {
    (None, "requested"): _by("buyer"),
    ("requested", "verified"): _by("buyer"),
    ("requested", "cancelled"): _by("timer"),
    ("verified", "on_hold"): _by("system"),
    ("verified", "scheduled"): _by("system"),
    ("verified", "refused"): _by("platform"),
    ("on_hold", "scheduled"): _by("system", "timer"),
    ("on_hold", "cancelled"): _by("buyer"),
    ("scheduled", "cancelled"): _by("buyer"),
    ("scheduled", "executing"): _by("timer"),
    ("executing", "completed"): _by("worker"),
    ("executing", "executing"): _by("worker"),
    ("executing", "refused"): _by("platform"),
}
"""Legal moves of ``erasure_request.state`` (domain 3.4). Terminal: cancelled, completed, refused."""

TERMINAL = ("cancelled", "completed", "refused")

FRESH_LOGIN = timedelta(minutes=10)
"""How old a log-in may be that confirms an erasure: whoever finds an open browser cannot delete the account."""

VERIFY_WITHIN = timedelta(hours=24)
"""How long a request waits for that log-in; then it lapses."""

COOLING_OFF = timedelta(days=3)
"""How long a buyer can still change their mind: an erasure cannot be undone."""

DUE_MARGIN = timedelta(days=4)
"""How long before ``due_at`` an erasure stops waiting for open matters. Longer than ``COOLING_OFF``, so that it ends in time."""

RECHECK = timedelta(hours=1)
"""How often a request that waits for open matters looks whether they are over."""

CLOCK_SKEW = timedelta(minutes=1)
"""How far the shop's clock, which signs the time of the log-in, may be ahead of ours."""

RETENTION_YEARS = 10
"""How long commercial and tax law keeps records of sales, from the end of the year (domain 2.7; the longest of the usual periods)."""

RETAINED = {
    "account": "the account's id, country and consumer status, without name: what the order records refer to",
    "orders": "orders, goods, amounts, dates and parcel numbers: commercial and tax records",
    "payments": "payments: method, amounts, dates and the provider's references, without the instrument: tax records",
    "refunds": "refunds: method, amounts, dates and the bank's references, without the instrument: tax records",
    "balance": "entries of the balance: tax records",
    "decisions": "requests, returns, disputes and chargebacks with states, codes and dates, without words: proof of claims",
}
"""What stays after an erasure, by kind, and why (GDPR 17(3)(b) and (e)). Nothing of it is in the buyer's own words."""

OPEN_MATTERS = "open_matters"
"""Name of the item that says: something was open when the time was up, and the rest goes when it is over."""


def due_at(requested_at: datetime) -> datetime:
    """One calendar month later, at the same time of day in UTC: the same day, or the last one of a shorter month (GDPR 12(3))."""
    at = requested_at.astimezone(UTC)
    year, month = (at.year + 1, 1) if at.month == 12 else (at.year, at.month + 1)
    return at.replace(year=year, month=month, day=min(at.day, calendar.monthrange(year, month)[1]))


def login_is_fresh(authenticated_at: datetime, now: datetime) -> bool:
    """Did the log-in happen within ``FRESH_LOGIN`` before ``now``, and not in the future (but for the clocks' difference)?"""
    return now - FRESH_LOGIN < authenticated_at <= now + CLOCK_SKEW


def execute_at(now: datetime, due: datetime) -> datetime:
    """When an erasure that nothing hinders is carried out: after the cooling-off, but never later than it is due."""
    return max(now, min(now + COOLING_OFF, due))


def stops_waiting(due: datetime, now: datetime) -> bool:
    """Is ``due`` so near that open matters hold the erasure up no longer? From then on all goes that they do not need."""
    return now >= due - DUE_MARGIN


def next_check(now: datetime, due: datetime) -> datetime:
    """When to look again whether what is open is over."""
    last = due - DUE_MARGIN
    return min(now + RECHECK, last) if now < last else now + RECHECK


def retained_until(newest_order: datetime | None, now: datetime) -> datetime:
    """Until when records stay: ``RETENTION_YEARS`` from the end of the year of the last order."""
    year = (newest_order or now).astimezone(UTC).year
    return datetime(year + 1 + RETENTION_YEARS, 1, 1, tzinfo=UTC)


def kinds(blockers: Collection[dict[str, str]]) -> tuple[str, ...]:
    """The kinds of open matters, each once, in a fixed sequence."""
    found = {blocker["kind"] for blocker in blockers}
    return tuple(kind for kind in BLOCKERS if kind in found)


BLOCKERS = ("order", "cancellation", "refund", "return", "dispute", "chargeback")
"""What an erasure waits for (domain 3.4: told which). A balance is no blocker: it is lost, and the buyer is told before."""
