"""The outbox as the worker uses it: each row to one of several workers, later after a failure, dead after many."""

from __future__ import annotations

import threading
from datetime import UTC, datetime, timedelta

import pytest
from sqlalchemy import Engine
from sqlalchemy.exc import IntegrityError

from recourse.core import outbox
from recourse.core.db import reading, transaction
from recourse.core.errors import NotAllowed, NotFound
from recourse.core.outbox import ATTEMPTS_MAX, BACKOFF, LEASE, Outbox

NOW = datetime(2026, 11, 24, 12, 0, tzinfo=UTC)
SECOND = timedelta(seconds=1)


def send(store: Engine, dedupe: str, topic: str = "parcel", at: datetime = NOW) -> None:
    with transaction(store) as session:
        outbox.send(session, topic, "b-1", dedupe, at, thing=dedupe)


def claim(store: Engine, now: datetime = NOW, *topics: str, limit: int = 20) -> list[Outbox]:
    with transaction(store) as session:
        return list(outbox.claim(session, topics or ("parcel",), now, limit))


def fail(store: Engine, row: Outbox, now: datetime) -> bool:
    with transaction(store) as session:
        return outbox.failed(session, row.id, "no answer", now)


def test_due_rows_of_the_topics_are_claimed_oldest_first(store: Engine) -> None:
    send(store, "second", at=NOW - SECOND)
    send(store, "first", at=NOW - 2 * SECOND)
    send(store, "other", topic="letter")
    assert [row.payload["thing"] for row in claim(store)] == ["first", "second"]
    assert [row.payload["thing"] for row in claim(store, NOW, "letter", "parcel")] == ["other"]


def test_rows_of_one_moment_come_in_the_order_in_which_they_were_written(store: Engine) -> None:
    things = [str(count) for count in range(30)]
    with transaction(store) as session:
        for thing in things[:10]:
            outbox.send(session, "parcel", "b-1", thing, NOW, thing=thing)
    for thing in things[10:]:
        send(store, thing)
    rows = claim(store, limit=30)
    assert [row.payload["thing"] for row in rows] == things
    assert all(len(row.id) == 32 and int(row.id, 16) for row in rows)


def test_ids_grow_although_the_clock_of_the_machine_goes_back(monkeypatch: pytest.MonkeyPatch) -> None:
    ids, moments = outbox._Growing(), iter([5, 5, 3, 9])
    monkeypatch.setattr("recourse.core.outbox.time.time_ns", lambda: next(moments))
    made = [ids.next() for _ in range(4)]
    assert made == sorted(made)
    assert [int(each[:16], 16) for each in made] == [5, 6, 7, 9]


def test_no_more_than_asked_are_claimed(store: Engine) -> None:
    for number in range(3):
        send(store, str(number))
    assert len(claim(store, limit=2)) == 2
    assert len(claim(store, limit=2)) == 1


@pytest.mark.parametrize(("after", "found"), [(LEASE - SECOND, 0), (LEASE, 1)])
def test_a_row_whose_holder_died_is_claimed_again_when_its_lease_ends(
    store: Engine, after: timedelta, found: int
) -> None:
    send(store, "1")
    (row,) = claim(store)
    assert row.attempts == 1
    again = claim(store, NOW + after)
    assert len(again) == found
    assert all(each.attempts == 2 for each in again)


def test_what_is_done_is_never_claimed_again(store: Engine) -> None:
    send(store, "1")
    (row,) = claim(store)
    for _ in range(2):
        with transaction(store) as session:
            outbox.done(session, row.id, NOW)
    assert claim(store, NOW + timedelta(days=9)) == []
    assert not fail(store, row, NOW)


def test_each_failure_waits_longer_and_the_last_one_is_a_dead_letter(store: Engine) -> None:
    send(store, "1")
    now = NOW
    for step in BACKOFF:
        (row,) = claim(store, now)
        assert not fail(store, row, now)
        assert claim(store, now + step - SECOND) == []
        now += step
    (row,) = claim(store, now)
    assert row.attempts == ATTEMPTS_MAX
    assert fail(store, row, now)
    assert claim(store, now + timedelta(days=99)) == []
    with reading(store) as session:
        (dead,) = outbox.dead_letters(session)
        assert (dead.dead_at, dead.last_error) == (now, "no answer")
        assert outbox.waiting(session) == []


def test_a_dead_letter_is_revived(store: Engine) -> None:
    send(store, "1")
    (row,) = claim(store)
    with transaction(store) as session:
        assert outbox.failed(session, row.id, "hopeless", NOW, give_up=True)
    with transaction(store) as session:
        outbox.revive(session, row.id, NOW)
    (again,) = claim(store)
    assert (again.attempts, again.dead_at) == (1, None)
    with transaction(store) as session:
        outbox.done(session, row.id, NOW)
    with transaction(store) as session, pytest.raises(NotAllowed, match="delivered"):
        outbox.revive(session, row.id, NOW)


def test_what_is_put_off_has_not_been_tried(store: Engine) -> None:
    send(store, "1")
    (row,) = claim(store)
    with transaction(store) as session:
        outbox.postpone(session, row.id, NOW + timedelta(hours=1), "not yet")
    assert claim(store, NOW + timedelta(hours=1) - SECOND) == []
    (again,) = claim(store, NOW + timedelta(hours=1))
    assert (again.attempts, again.last_error) == (1, "not yet")


def test_an_alert_is_raised_once_and_closed_by_a_person(store: Engine) -> None:
    for _ in range(2):
        with transaction(store) as session:
            outbox.alert_staff(session, "b-1", "late", NOW, leg_id="1")
            outbox.alert_staff(session, "b-1", "late", NOW, leg_id="1")
    with reading(store) as session:
        (alert,) = outbox.waiting(session, outbox.STAFF_ALERT)
    with transaction(store) as session:
        outbox.close(session, alert.id, NOW)
    with reading(store) as session:
        assert outbox.waiting(session) == []


def test_what_is_still_being_delivered_is_not_closed_by_hand(store: Engine) -> None:
    send(store, "1")
    (row,) = claim(store)
    with transaction(store) as session, pytest.raises(NotAllowed, match="still being delivered"):
        outbox.close(session, row.id, NOW)


def test_the_same_work_is_queued_once_in_each_topic(store: Engine) -> None:
    send(store, "1")
    send(store, "1", topic="letter")
    with pytest.raises(IntegrityError):
        send(store, "1")


def test_an_unknown_row_is_named(store: Engine) -> None:
    with transaction(store) as session, pytest.raises(NotFound, match="recourse outbox list"):
        outbox.done(session, "unknown", NOW)


def test_several_workers_share_the_rows(store: Engine) -> None:
    for number in range(40):
        send(store, str(number))
    taken: list[str] = []

    def work() -> None:
        while rows := claim(store, limit=3):
            taken.extend(row.id for row in rows)

    workers = [threading.Thread(target=work) for _ in range(4)]
    for worker in workers:
        worker.start()
    for worker in workers:
        worker.join()
    assert len(taken) == len(set(taken)) == 40
