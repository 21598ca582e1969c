"""Fixtures of the tests of the world in process. What the stack does is seen by all conversations, which are played in both."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from typing import Any

import pytest
from recourse_world.project import project
from world_cases import ONE_UNSENT, Played

from pytest_rasa.world import World


@pytest.fixture(scope="session")
def world(request: pytest.FixtureRequest) -> Iterator[World]:
    """Started once."""
    made = project().worlds["inprocess"](request.config)
    yield made
    made.close()


@pytest.fixture
def staged(world: World) -> Iterator[Callable[..., Played]]:
    """Open a case: ``staged({"buyer": {...}}, channel="socket")``."""
    opened: list[Played] = []

    def open_case(fixtures: dict[str, Any] = ONE_UNSENT, **options: Any) -> Played:
        opened.append(Played(world, fixtures, options))
        return opened[-1]

    yield open_case
    for played in opened:
        played.stage.close()
