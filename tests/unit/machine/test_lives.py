"""Random lives of orders keep all rules: after every step the audit is clean and each verdict is what the domain's table says.

HYPOTHESIS_PROFILE=nightly runs at least 2,000 lives of 50 steps.
"""

from __future__ import annotations

import os
import random
import uuid
from typing import Any

import pytest
from hypothesis import settings
from hypothesis.stateful import run_state_machine_as_test
from sqlalchemy import event

from tests.unit.machine.lives import Lives
from tests.unit.world import World

NIGHTLY = os.environ.get("HYPOTHESIS_PROFILE") == "nightly"


def test_any_lives_of_orders_keep_the_rules(world: World, monkeypatch: pytest.MonkeyPatch) -> None:
    # Ids decide the order of equal rows, and so what a step picks: the same life must have the same ids again.
    monkeypatch.setattr("recourse.core.db.uuid.uuid4", lambda: uuid.UUID(int=random.getrandbits(128), version=4))

    class Here(Lives):
        pass

    Here.world = world
    profile = settings(settings(), max_examples=2000 if NIGHTLY else 20, stateful_step_count=50 if NIGHTLY else 30)
    if world.engine.dialect.name == "postgresql":  # the rules are the same; what differs is the SQL
        Here.audit_every = 5
        profile = settings(profile, max_examples=2000 if NIGHTLY else 6)
    else:
        _hurry(world)
    run_state_machine_as_test(Here, settings=profile)


def _hurry(world: World) -> None:
    """The file is thrown away: it need not survive a power failure."""

    @event.listens_for(world.engine, "connect")
    def on_connect(connection: Any, _record: Any) -> None:
        connection.execute("PRAGMA synchronous = OFF")

    world.engine.dispose()
