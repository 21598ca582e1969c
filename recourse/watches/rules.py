"""The machine of a stock watch. Pure."""

from __future__ import annotations

from recourse.core.transitions import Machine

WATCH_MACHINE: Machine = {
    (None, "active"): frozenset({"buyer"}),
    ("active", "notified"): frozenset({"system"}),
    ("active", "cancelled"): frozenset({"buyer"}),
}
"""Legal moves of ``stock_watch.state``: told once, or called off (SEED 11.4). A buyer who wants to know again asks again."""
