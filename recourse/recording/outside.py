"""What happened to the orders during a conversation, outside of it: as steps where a test can do the same, else as comments."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field
from datetime import datetime, timedelta

from recourse.cancellations.rules import claims_shipped
from recourse.recording import sheet
from recourse.recording.cast import Cast, Told
from recourse.recording.past import Move

_BUYERS = ("buyer", "system", "worker")
"""Whose moves come of what the buyer says, or of another move."""

_TRACKING = "PX123456789"
_MINUTE = timedelta(minutes=1)


@dataclass(slots=True)
class Event:
    """``lines``: one step, or one comment. ``pushed``: the news that it brought, filled in later."""

    at: datetime
    lines: list[str]
    is_step: bool
    pushed: list[str] = field(default_factory=list)


def events(cast: Cast, began: datetime, ended: datetime, clean: Callable[[str], str]) -> list[Event]:
    """What others did between ``began`` and ``ended``, in the order in which it happened. ``clean`` takes personal data out."""
    moves = [(told, move) for told in cast.orders for move in told.moves if began < move.at <= ended]
    moves.sort(key=lambda each: each[1].at)
    seen: set[tuple[str, str, datetime]] = set()
    found: list[Event] = []
    passed = timedelta()
    for told, move in moves:
        key = (told.name, move.actor, move.at)
        if key in seen or (move.actor in _BUYERS and move.kind not in ("dispute", "return_request")):
            continue  # what moves with something else is not said again
        seen.add(key)
        if move.actor == "timer":
            later = _minutes(move.at - began - passed)
            passed += later
            found.append(Event(move.at, [f'- clock: "{_span(later)}"'], is_step=True))
        else:
            found.append(_event(told, move, clean(move.reason or ""), alone=len(cast.orders) == 1))
    return found


def _event(told: Told, move: Move, reason: str, alone: bool) -> Event:
    name = () if alone else (("order", told.name),)
    why = (("reason", reason),) if reason else ()
    match move.actor, move.kind, move.to:
        case "seller", "cancellation_request", "approved":
            return _step(move, "seller", ("does", "approve"), *name)
        case "seller", "cancellation_request", "rejected":
            proof = (("tracking", _TRACKING),) if claims_shipped(reason) else ()
            return _step(move, "seller", ("does", "reject"), *name, *why, *proof)
        case "platform", "cancellation_request", "approved":
            return _step(move, "agent", ("does", "approve"), *name, *why)
        case "platform", "cancellation_request", "rejected":
            return _step(move, "agent", ("does", "reject"), *name, *why)
        case "seller", "orders", "shipped":
            return _step(move, "seller", ("does", "ship"), *name)
        case "seller", "orders", "cancelled":
            return _step(move, "seller", ("does", "cancel"), *name, *why)
        case "carrier", "orders", "delivered":
            return _step(move, "carrier", ("does", "delivered"), *name)
        case "carrier", "orders", "closed":
            return _step(move, "carrier", ("does", "lost" if reason == "lost" else "returned"), *name)
    what = move.kind.replace("_", " ").removesuffix("s")
    said = f"the {move.actor}: the {what} of {told.name} is now {move.to.replace('_', ' ')}"
    return Event(move.at, [sheet.comment(said)], is_step=False)


def _step(move: Move, who: str, *pairs: tuple[str, str]) -> Event:
    value = sheet.scalar(pairs[0][1]) if len(pairs) == 1 else sheet.mapping(pairs)
    return Event(move.at, [f"- {who}: {value}"], is_step=True)


def _minutes(passed: timedelta) -> timedelta:
    """Rounded up, so that a deadline is over."""
    return max(_MINUTE, -(-passed // _MINUTE) * _MINUTE)


def _span(passed: timedelta) -> str:
    minutes = passed // _MINUTE
    parts = ((minutes // 1440, "d"), (minutes // 60 % 24, "h"), (minutes % 60, "m"))
    return "+" + "".join(f"{count}{unit}" for count, unit in parts if count)
