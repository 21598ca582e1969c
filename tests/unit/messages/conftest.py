"""Who writes, and what a test of the talk between buyer and seller looks at."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest
from sqlalchemy import select

from recourse.core.outbox import Outbox
from recourse.sellers.models import Seller
from tests.unit.world import World


@pytest.fixture
def notices(world: World) -> Callable[[], list[dict[str, Any]]]:
    """What the buyer is told, oldest first, without what other capabilities queue."""

    def read() -> list[dict[str, Any]]:
        mine = ("seller_wrote", "seller_asks", "seller_offers", "offer_expired")
        with world.reading() as session:
            rows = session.scalars(select(Outbox).order_by(Outbox.created_at, Outbox.id)).all()
        return [row.payload for row in rows if row.payload.get("kind") in mine]

    return read


@pytest.fixture
def rival(world: World) -> str:
    """Another seller, who has no orders."""
    with world.transaction() as session:
        session.add(Seller(id="rival", name="Rival Pots", country="DE"))
    return "rival"
