"""The chargeback machine. Pure."""

from __future__ import annotations

from datetime import datetime

from recourse.core.transitions import Machine


def _by(*actors: str) -> frozenset[str]:
    return frozenset(actors)


CHARGEBACK_MACHINE: Machine = {
    (None, "needs_response"): _by("psp"),
    ("needs_response", "under_review"): _by("platform"),
    ("needs_response", "lost"): _by("timer", "platform"),
    ("under_review", "won"): _by("psp"),
    ("under_review", "lost"): _by("psp"),
}
"""Legal moves of ``chargeback.state`` (domain 3.4). Terminal: won, lost."""

OPEN = ("needs_response", "under_review")

OUTCOMES = ("won", "lost")


def closing_path(state: str, outcome: str, due_by: datetime, now: datetime) -> tuple[tuple[str, str], ...]:
    """The moves, as (state, actor type), by which the bank's ``outcome`` ends a chargeback; empty when it has ended.

    A bank decides only what was answered: where it decides earlier than we know of an answer, the shop gave one in the
    provider's own tool. Where the time for an answer is over, silence has lost it.
    """
    if state == "under_review":
        return ((outcome, "psp"),)
    if state == "needs_response" and outcome == "lost" and now >= due_by:
        return (("lost", "timer"),)
    if state == "needs_response":
        return (("under_review", "platform"), (outcome, "psp"))
    return ()
