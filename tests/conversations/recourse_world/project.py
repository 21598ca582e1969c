"""Recourse for ``pytest_rasa``: ``conftest.py`` gives this to the plugin."""

from __future__ import annotations

import pytest

from pytest_rasa.world import Project, World
from recourse.core.settings import PROJECT_ROOT
from recourse_world.fixtures import BuyerFixture, Options
from recourse_world.steps.shapes import STEPS

FAULTS = {
    "actions": ("down", "up", "killed", "restart"),
    "rasa": ("down", "up", "killed", "restart"),
    "database": ("locked", "busy", "free"),
    "provider": ("down", "up"),
    "worker": ("down", "up"),
}
"""``killed``: dies and comes back by itself; ``restart``: has died and is back. ``busy``: locked for two seconds."""


def project() -> Project:
    """What the plugin must know of Recourse."""
    return Project(
        root=PROJECT_ROOT,
        worlds={"inprocess": _in_process, "stack": _stack},
        fixture=BuyerFixture,
        options=Options,
        steps=STEPS,
        faults=FAULTS,
    )


def _in_process(_config: pytest.Config) -> World:
    from recourse_world.inprocess import InProcessWorld

    return InProcessWorld()


def _stack(_config: pytest.Config) -> World:
    from recourse_world.stack import StackWorld

    return StackWorld()
