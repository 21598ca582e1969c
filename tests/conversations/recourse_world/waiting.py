"""Waiting for what another process does."""

from __future__ import annotations

import time
from collections.abc import Callable

from pytest_rasa.world import WorldError

_LOOK_EVERY_S = 0.05


def wait_until(reached: Callable[[], bool], seconds: float, what: str) -> None:
    """Look again and again until ``reached``. Raises WorldError after ``seconds``."""
    deadline = time.monotonic() + seconds
    while not reached():
        if time.monotonic() > deadline:
            raise WorldError(f"waited {seconds:.0f} s for {what}")
        time.sleep(_LOOK_EVERY_S)
