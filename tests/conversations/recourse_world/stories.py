"""Situations that the demo does not have, for tests only: orders of one checkout under review, and orders that a shop has brought
in with deadlines that were over by then."""

from __future__ import annotations

from collections.abc import Callable, Mapping

from recourse.demo import shop
from recourse.demo.scenarios import Stage, placed_together
from recourse.demo.shop import Given


def shared_review(s: Stage) -> None:
    """One card payment covers two orders of the same checkout, and is checked."""
    _, together = placed_together(s)
    if len(together) == 2:
        amount = sum(shop.due(each) for each in together)
        shop.authorise(s.session, together, [Given(*s.buyer.pays_with[0], amount)], s.ago(hours=1))


def imported_unpaid(s: Stage) -> None:
    """Brought in long after it should have been paid: no deadline."""
    s.place(s.ago(days=20)).pay_by = None


def imported_unsent(s: Stage) -> None:
    """Brought in long after it should have been shipped: no deadline."""
    s.buy(s.ago(days=40)).ship_by = None


STORIES: Mapping[str, Callable[[Stage], None]] = {
    story.__name__: story for story in (shared_review, imported_unpaid, imported_unsent)
}
