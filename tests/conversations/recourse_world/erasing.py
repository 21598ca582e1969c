"""Erasures that are due, until all of them were tried."""

from __future__ import annotations

from datetime import datetime

from sqlalchemy import Engine, select

from recourse.core.db import reading
from recourse.core.outbox import Outbox
from recourse.privacy.service import ERASURE
from recourse_world.clockfile import ClockFile
from recourse_world.people import Cast
from recourse_world.waiting import wait_until

_WORKER_S = 30.0


def wait_until_erased(store: Engine, cast: Cast, clock: ClockFile) -> None:
    """Wait until the worker has tried every erasure of this case that is due."""
    wait_until(lambda: not _due(store, cast, clock.now()), _WORKER_S, "the worker to carry out an erasure")


def _due(store: Engine, cast: Cast, now: datetime) -> bool:
    """Is there an erasure that was never tried to the end, or that is to be tried again now?"""
    mine = [person.id for person in cast.people.values()]
    query = select(Outbox).where(
        Outbox.topic == ERASURE, Outbox.customer_id.in_(mine), Outbox.done_at.is_(None), Outbox.dead_at.is_(None)
    )
    with reading(store) as session:
        return any(
            row.last_error is None or row.next_at is None or row.next_at <= now for row in session.scalars(query)
        )
