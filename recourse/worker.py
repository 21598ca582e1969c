"""The worker: lets deadlines take effect and sends what waits in the outbox. Run it with ``python -m recourse.worker``.

Several may run at once: each row is settled in a transaction of its own, under the lock of its order, and settling it twice
changes nothing.
"""

from __future__ import annotations

import signal
import threading
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from functools import cache
from typing import Any, NamedTuple

import structlog
from sqlalchemy.exc import DBAPIError, SQLAlchemyError
from sqlalchemy.orm import Session

from recourse.cancellations import service as cancellations
from recourse.core.clock import SystemClock
from recourse.core.db import reading, transaction
from recourse.core.errors import RecourseError
from recourse.core.settings import settings
from recourse.disputes import evidence
from recourse.disputes import service as disputes
from recourse.disputes.files import default_store
from recourse.fulfilment import service as fulfilment
from recourse.handoff import service as handoff
from recourse.messages import service as messages
from recourse.migrations import tables as _tables  # noqa: F401 - foreign keys need every table to be known
from recourse.payments import chargebacks, dispatch, http
from recourse.payments.port import Providers
from recourse.privacy import erase
from recourse.privacy import service as privacy
from recourse.privacy.trackers import RasaTrackers, TrackerStore
from recourse.refunds import service as refunds
from recourse.returns import service as returns

PERIOD_S = 5.0
"""How often due deadlines are looked for: a decision is at most this late."""

SWEEP_EVERY = timedelta(hours=1)
"""How often files without a row are looked for."""

_BATCH = 100

_log = structlog.get_logger()


class Settled(NamedTuple):
    """One thing that a deadline moved: the name of its machine, its id, and the state that it is in now."""

    machine: str
    id: str
    state: str


@dataclass(frozen=True, slots=True)
class Deadlines:
    """The deadlines of one machine. ``due(session, now, limit)`` gives ids, the longest overdue first; ``settle(session, id, now)``
    moves one and returns a view with its ``state``, or None where there is nothing to do any more."""

    machine: str
    due: Callable[[Session, datetime, int], Sequence[str]]
    settle: Callable[[Session, str, datetime], Any]


MACHINES: tuple[Deadlines, ...] = (
    Deadlines("request", cancellations.due, cancellations.settle),
    Deadlines("order", fulfilment.due, fulfilment.settle),
    Deadlines("refund_leg", refunds.due, refunds.settle),
    Deadlines("chargeback", chargebacks.due, chargebacks.settle),
    Deadlines("dispute", disputes.due, disputes.settle),
    Deadlines("return", returns.due, returns.settle),
    Deadlines("offer", messages.due, messages.settle),
    Deadlines("case", handoff.due, handoff.settle),
    Deadlines("erasure", privacy.due, privacy.settle),
)
"""Every machine with deadlines, in the order in which a round looks at them."""


def _to_providers(now: datetime) -> int:
    return dispatch.deliver_due(now, _providers())


def _erasures(now: datetime) -> int:
    return erase.deliver_due(now, _trackers())


@cache
def _providers() -> Providers:
    return http.providers(settings())


@cache
def _trackers() -> TrackerStore:
    return RasaTrackers(settings())


SENDERS: tuple[tuple[str, Callable[[datetime], int]], ...] = (("payments", _to_providers), ("erasures", _erasures))
"""What takes rows from the outbox to the outside: a name, and a function that tries each due row once and counts them."""

_failing: dict[tuple[str, str], str] = {}
"""Rows that could not be settled the last time, and the error: it is logged once, and the row tried again each round."""


def settle_due(now: datetime, machines: Sequence[Deadlines] = MACHINES) -> list[Settled]:
    """Settle everything that is due at ``now`` (UTC), one transaction each, and return what was moved.

    A row that somebody else decides at the same moment is left to them; one that fails does not stop the others. Raises
    SQLAlchemyError when the database is away.
    """
    settled: list[Settled] = []
    for machine in machines:
        try:
            settled += _settle_machine(machine, now)
        except Exception as error:
            _failed(machine.machine, "", error)
    return settled


def send_due(now: datetime) -> int:
    """Send what waits in the outbox at ``now`` and return how many rows were tried. One sender that fails stops no other."""
    tried = 0
    for name, deliver in SENDERS:
        try:
            tried += deliver(now)
            _failing.pop((name, ""), None)
        except Exception as error:
            _failed(name, "", error)
    return tried


def sweep_files(now: datetime) -> int:
    """Remove evidence files that a crash left without a row; returns how many. A failure waits for the next sweep."""
    try:
        with reading() as session:
            removed = evidence.sweep_orphans(session, default_store(), now)
    except OSError as error:
        _failed("evidence", "", error)
        return 0
    if removed:
        _log.info("orphaned_files_removed", count=removed)
    return removed


def _settle_machine(machine: Deadlines, now: datetime) -> list[Settled]:
    settled: list[Settled] = []
    tried: set[str] = set()
    while True:
        with reading() as session:
            found = machine.due(session, now, _BATCH + len(tried) - len(settled))  # rows that stay due hide no others
        waiting = [row_id for row_id in found if row_id not in tried]
        if not waiting:
            _forget_failures(machine.machine, tried)
            return settled
        for row_id in waiting:
            tried.add(row_id)
            moved = _settle_one(machine, row_id, now)
            if moved is not None:
                settled.append(moved)


def _settle_one(machine: Deadlines, row_id: str, now: datetime) -> Settled | None:
    try:
        with transaction() as session:
            view = machine.settle(session, row_id, now)
    except RecourseError as error:
        if _is_news(machine.machine, row_id, error):
            _log.info("deadline_left_to_another", machine=machine.machine, id=row_id, why=str(error))
        return None
    except Exception as error:
        _failed(machine.machine, row_id, error)
        return None
    _failing.pop((machine.machine, row_id), None)
    return Settled(machine.machine, row_id, view.state) if view is not None else None


def _failed(machine: str, row_id: str, error: Exception) -> None:
    """Note an error that nobody expects and go on; but a database that is away concerns all rows alike."""
    if isinstance(error, DBAPIError) and error.connection_invalidated:
        raise error
    if _is_news(machine, row_id, error):
        _log.error("deadline_failed", machine=machine, id=row_id, error=type(error).__name__, exc_info=error)


def _forget_failures(machine: str, due: set[str]) -> None:
    """What is not due any more was settled by somebody else."""
    for name, row_id in list(_failing):
        if name == machine and row_id not in due:
            del _failing[name, row_id]


def _is_news(machine: str, row_id: str, error: Exception) -> bool:
    """Did the row not fail in this way the last time? A round comes every few seconds, and the log is for people."""
    name = type(error).__name__
    if _failing.get((machine, row_id)) == name:
        return False
    _failing[machine, row_id] = name
    return True


def run(stop: threading.Event) -> None:
    """One round every ``PERIOD_S`` seconds until ``stop`` is set. A database that is away is tried again."""
    swept: datetime | None = None
    while not stop.is_set():
        try:
            now = SystemClock().now()
            if swept is None or now - swept >= SWEEP_EVERY:
                swept = now
                sweep_files(now)
            for settled in settle_due(now):
                _log.info("settled", machine=settled.machine, id=settled.id, state=settled.state)
            send_due(now)
        except SQLAlchemyError as error:
            _log.warning("database_away", error=type(error).__name__)
        stop.wait(PERIOD_S)


def main() -> None:
    """Run until SIGTERM or SIGINT."""
    stop = threading.Event()
    for number in (signal.SIGTERM, signal.SIGINT):
        signal.signal(number, lambda *_: stop.set())
    run(stop)


if __name__ == "__main__":
    main()
