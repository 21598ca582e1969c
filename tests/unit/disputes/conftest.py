"""Fixtures for disputes."""

from __future__ import annotations

import pytest

from tests.unit.disputes.cases import Court
from tests.unit.world import World


@pytest.fixture
def court(world: World) -> Court:
    """Buyer, seller, platform, carrier and timer of disputes."""
    return Court(world)
