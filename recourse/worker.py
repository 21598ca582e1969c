"""The worker: lets deadlines take effect. Run it with ``python -m recourse.worker``; several may run at once."""

from __future__ import annotations

import signal
import threading
from datetime import datetime

import structlog
from sqlalchemy.exc import SQLAlchemyError

from recourse.cancellations import service as cancellations
from recourse.cancellations.service import RequestView
from recourse.core.clock import SystemClock
from recourse.core.db import reading, transaction
from recourse.core.errors import Conflict, NotAllowed
from recourse.migrations import tables as _tables  # noqa: F401 - foreign keys need every table to be known

PERIOD_S = 5.0
"""How often due deadlines are looked for: a decision is at most this late."""

_log = structlog.get_logger()


def settle_due(now: datetime) -> list[RequestView]:
    """Settle every request that is due at ``now`` (UTC), one transaction each, and return what was settled.

    A request that somebody else decides at the same moment is left to them; one that fails does not stop the others.
    """
    settled: list[RequestView] = []
    tried: set[str] = set()
    while True:
        with reading() as session:
            waiting = [request for request in cancellations.due(session, now) if request not in tried]
        if not waiting:
            return settled
        for request_id in waiting:
            tried.add(request_id)
            result = _settle_one(request_id, now)
            if result is not None:
                settled.append(result)


def _settle_one(request_id: str, now: datetime) -> RequestView | None:
    try:
        with transaction() as session:
            return cancellations.settle(session, request_id, now)
    except (Conflict, NotAllowed) as error:
        _log.info("deadline_left_to_another", request=request_id, why=str(error))
    return None


def run(stop: threading.Event) -> None:
    """Settle what is due every ``PERIOD_S`` seconds until ``stop`` is set. A database that is away is tried again."""
    while not stop.is_set():
        try:
            for request in settle_due(SystemClock().now()):
                _log.info("request_settled", request=request.id, state=request.state)
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
