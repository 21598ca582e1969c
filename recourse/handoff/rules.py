"""The machine of a handoff case and what is said of it. Pure (domain 3.4, 4.2, flow F8)."""

from __future__ import annotations

import re
from collections.abc import Iterable, Sequence
from datetime import datetime, timedelta

from recourse.core.transitions import Machine


def _by(*actors: str) -> frozenset[str]:
    return frozenset(actors)


HANDOFF_MACHINE: Machine = {
    (None, "queued"): _by("buyer"),
    (None, "ticket"): _by("system"),
    ("queued", "active"): _by("agent"),
    ("queued", "ticket"): _by("timer", "system"),
    ("queued", "abandoned"): _by("buyer"),
    ("ticket", "active"): _by("agent"),
    ("ticket", "resolved"): _by("agent"),
    ("active", "resolved"): _by("agent"),
    ("active", "ticket"): _by("timer"),
    ("active", "queued"): _by("agent"),
}
"""Legal moves of ``handoff.state`` (domain 3.4). Terminal: abandoned, resolved."""

OPEN = ("queued", "ticket", "active")

QUEUE_WAIT = timedelta(minutes=10)
"""The longest wait for a person in the chat; then the case becomes a ticket."""

BUYER_SILENT = timedelta(hours=24)
"""How long a person in the chat waits for the buyer; then the case becomes a ticket."""

REASONS = (
    "refund_missing", "refund_amount", "seller_refused", "seller_cancelled_no_refund", "dispute_help", "frozen",
    "policy_unknown", "legal_privacy", "abuse_or_safety", "user_asked", "bot_failed", "tech_error",
)  # fmt: skip
"""Why a case is opened (domain 4.2)."""

ALLOWED_ACTIONS = (
    "approve_cancel", "resend_refund", "correct_refund", "goodwill", "decide_dispute", "lift_hold", "message_seller", "erase_data",
)  # fmt: skip
"""What a person may do about a case, beyond answering."""

_ACTIONS_FOR = {
    "refund_missing": ("resend_refund", "goodwill"),
    "refund_amount": ("correct_refund", "goodwill"),
    "seller_refused": ("approve_cancel", "message_seller", "goodwill"),
    "seller_cancelled_no_refund": ("resend_refund", "goodwill"),
    "dispute_help": ("decide_dispute", "message_seller"),
    "frozen": ("lift_hold",),
    "legal_privacy": ("erase_data",),
    "user_asked": ("message_seller", "goodwill"),
    "bot_failed": ("message_seller", "goodwill"),
    "tech_error": ("resend_refund", "goodwill"),
}

SUMMARY_LINES = 8
_ASKED_MOST = 10
_QUESTION = re.compile(r"[^.!?\n]*\?")


def allowed_actions(reason_code: str) -> list[str]:
    """What a person may do about a case that was opened for ``reason_code``."""
    return list(_ACTIONS_FOR.get(reason_code, ()))


def asked_already(said: Iterable[tuple[str, str]]) -> list[str]:
    """The questions that the assistant has put, each once, the latest ten: ``said`` is (author, text), oldest first."""
    asked = [" ".join(found.split()) for author, text in said if author == "bot" for found in _QUESTION.findall(text)]
    return list(dict.fromkeys(asked))[-_ASKED_MOST:]


def summary(lines: Sequence[str]) -> list[str]:
    """At most eight lines; what does not fit is counted in the last one."""
    if len(lines) <= SUMMARY_LINES:
        return list(lines)
    return [*lines[: SUMMARY_LINES - 1], f"and {len(lines) - SUMMARY_LINES + 1} more"]


def silent_until(last_heard: datetime | None, since: datetime) -> datetime:
    """Until when a person in the chat waits for the buyer, counted from the buyer's last word or from the takeover."""
    return max(since, last_heard or since) + BUYER_SILENT
