"""Gives the conversation tests of this folder to the plugin, and what it must know of Recourse."""

from __future__ import annotations

import pytest
from recourse_world.project import project

from pytest_rasa.world import Project


def pytest_rasa_project(config: pytest.Config) -> Project:
    """Recourse."""
    return project()
