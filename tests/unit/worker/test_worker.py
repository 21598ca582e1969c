"""The worker: every deadline takes effect, a row that fails holds up nobody, and several workers at once are safe."""

from __future__ import annotations

import threading
from collections import Counter
from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest
import structlog
from sqlalchemy.exc import OperationalError
from structlog.testing import capture_logs

from recourse import worker
from recourse.core.db import new_id
from recourse.core.errors import Conflict
from recourse.disputes.files import FolderStore
from recourse.worker import Deadlines, Settled
from tests.unit.world import World


@pytest.fixture(autouse=True)
def on_this_store(world: World, monkeypatch: pytest.MonkeyPatch) -> None:
    """The worker works on the store of ``world``, and remembers no failures of earlier tests."""
    monkeypatch.setattr(worker, "transaction", world.transaction)
    monkeypatch.setattr(worker, "reading", world.reading)
    monkeypatch.setattr(worker, "_failing", {})


class Row:
    """What a machine's ``settle`` answers with."""

    state = "done"


def machine(ids: list[str], settle: Callable[[str], Any], name: str = "thing") -> Deadlines:
    """A machine with due rows ``ids``, which stay due for ever."""
    return Deadlines(name, lambda _session, _now, limit: ids[:limit], lambda _session, row_id, _now: settle(row_id))


def test_everything_that_is_due_is_settled(world: World) -> None:
    silent = world.order()
    request = world.ask(silent)
    unpaid, unsent = world.order("awaiting_payment"), world.order(ship_deadline_bd=1)
    arrived = world.order("delivered")
    later = world.now + timedelta(days=30)
    settled = worker.settle_due(later)
    ids = {number: world.see(number).id for number in (unpaid, unsent, arrived)}
    assert set(settled) >= {
        Settled("request", request, "approved"),
        Settled("order", ids[unpaid], "cancelled"),
        Settled("order", ids[unsent], "cancelled"),
        Settled("order", ids[arrived], "completed"),
    }
    assert [each for each in worker.settle_due(later) if each.machine in ("request", "order")] == []


def test_nothing_is_due_before_its_time(world: World) -> None:
    world.ask(world.order())
    world.order("awaiting_payment")
    assert worker.settle_due(world.now + timedelta(hours=23)) == []


def test_every_machine_with_deadlines_is_known() -> None:
    names = [each.machine for each in worker.MACHINES]
    assert names[:2] == ["request", "order"]
    assert {"refund_leg", "chargeback", "dispute", "return", "offer", "case", "erasure"} <= set(names)
    assert len(set(names)) == len(names)
    assert [name for name, _ in worker.SENDERS] == ["payments", "erasures"]


def test_one_failing_row_stops_neither_the_others_nor_other_machines(world: World) -> None:
    def settle(row_id: str) -> Row:
        if row_id == "bad":
            raise ZeroDivisionError("a bug")
        if row_id == "taken":
            raise Conflict("somebody else was first")
        return Row()

    machines = (machine(["bad", "taken", "good"], settle), machine(["x"], lambda _id: Row(), "other"))
    with capture_logs() as logs:
        settled = worker.settle_due(world.now, machines)
    assert settled == [Settled("thing", "good", "done"), Settled("other", "x", "done")]
    assert [(log["event"], log["id"], log["log_level"]) for log in logs] == [
        ("deadline_failed", "bad", "error"),
        ("deadline_left_to_another", "taken", "info"),
    ]


def test_a_failing_row_is_tried_each_round_and_logged_once(world: World) -> None:
    tries = Counter[str]()
    broken = True

    def settle(row_id: str) -> Row:
        tries[row_id] += 1
        if broken:
            raise ValueError("a bug")
        return Row()

    thing = machine(["bad"], settle)
    with capture_logs() as logs:
        for _ in range(3):
            assert worker.settle_due(world.now, [thing]) == []
    assert (tries["bad"], len(logs)) == (3, 1)
    broken = False
    assert worker.settle_due(world.now, [thing]) == [Settled("thing", "bad", "done")]
    broken = True
    with capture_logs() as logs:
        worker.settle_due(world.now, [thing])
    assert len(logs) == 1, "after a success, a new failure is news again"


def test_rows_that_stay_due_hide_no_others(world: World) -> None:
    ids = [f"stuck{number}" for number in range(250)] + ["good"]
    settled = worker.settle_due(world.now, [machine(ids, lambda row_id: Row() if row_id == "good" else None)])
    assert settled == [Settled("thing", "good", "done")]


def test_a_machine_whose_list_fails_does_not_stop_the_others(world: World) -> None:
    def broken(_session: object, _now: datetime, _limit: int) -> list[str]:
        raise LookupError("a bug")

    machines = (Deadlines("broken", broken, lambda *_: None), machine(["x"], lambda _id: Row()))
    with capture_logs() as logs:
        assert worker.settle_due(world.now, machines) == [Settled("thing", "x", "done")]
    assert [log["machine"] for log in logs] == ["broken"]


def test_a_database_that_is_away_ends_the_round(world: World) -> None:
    def gone(_row_id: str) -> Row:
        raise OperationalError("select", {}, Exception("server closed the connection"), connection_invalidated=True)

    with pytest.raises(OperationalError):
        worker.settle_due(world.now, [machine(["x"], gone)])


def test_the_loop_survives_a_database_that_is_away(world: World, monkeypatch: pytest.MonkeyPatch) -> None:
    stop = threading.Event()
    rounds = 0

    def settle_due(_now: datetime) -> list[Settled]:
        nonlocal rounds
        rounds += 1
        if rounds == 1:
            raise OperationalError("select", {}, Exception("away"))
        stop.set()
        return [Settled("order", "1", "cancelled")]

    monkeypatch.setattr(worker, "settle_due", settle_due)
    monkeypatch.setattr(worker, "send_due", lambda _now: 0)
    monkeypatch.setattr(worker, "PERIOD_S", 0)
    monkeypatch.setattr(worker, "_log", structlog.get_logger())
    with capture_logs() as logs:
        worker.run(stop)
    assert [log["event"] for log in logs] == ["database_away", "settled"]


def test_a_round_sends_what_waits_in_the_outbox(world: World, monkeypatch: pytest.MonkeyPatch) -> None:
    def broken(_now: datetime) -> int:
        raise RuntimeError("provider's client is broken")

    monkeypatch.setattr(worker, "SENDERS", (("broken", broken), ("good", lambda _now: 3)))
    with capture_logs() as logs:
        assert worker.send_due(world.now) == 3
        assert worker.send_due(world.now) == 3
    assert [log["machine"] for log in logs] == ["broken"]


def test_several_workers_at_once_settle_each_row_once(world: World) -> None:
    requests = [world.ask(world.order()) for _ in range(6)]
    unpaid = [world.see(world.order("awaiting_payment")).id for _ in range(6)]
    later = world.now + timedelta(days=4)
    settled: list[Settled] = []
    start = threading.Barrier(4)

    def work() -> None:
        start.wait()
        settled.extend(worker.settle_due(later))

    threads = [threading.Thread(target=work) for _ in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    counts = Counter(each.id for each in settled if each.machine in ("request", "order"))
    assert counts == Counter(requests + unpaid)
    assert {world.request_state(request) for request in requests} == {"approved"}


def test_files_without_a_row_are_swept_and_others_are_not(
    world: World, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    folder = FolderStore(tmp_path / "evidence")
    folder.write(f"{new_id()}.png", b"a crash left this")
    monkeypatch.setattr(worker, "default_store", lambda: folder)
    now = datetime.now(UTC)  # the files have the machine's time
    assert worker.sweep_files(now) == 0
    assert worker.sweep_files(now + timedelta(days=2)) == 1
    assert list(folder.names()) == []
