"""The hook of this plugin."""

from __future__ import annotations

import pytest

from pytest_rasa.world import Project


@pytest.hookspec(firstresult=True)
def pytest_rasa_project(config: pytest.Config) -> Project | None:
    """What the plugin must know of the project whose conversations are tested; for its ``conftest.py``.

    Without it the files are played against a bare Rasa project in pytest's root folder.
    """
