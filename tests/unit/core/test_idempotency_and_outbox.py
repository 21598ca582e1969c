"""Doing once what is asked twice, and telling once what was done."""

from __future__ import annotations

from datetime import timedelta

import pytest
from sqlalchemy import Engine
from sqlalchemy.exc import IntegrityError

from recourse.core import idempotency, outbox
from recourse.core.db import reading, transaction
from recourse.core.errors import Conflict, IdempotencyMismatch
from tests.unit.world import NOW

PARAMS = {"quote": "q1", "reason": "other"}


def remembered(store: Engine) -> None:
    with transaction(store) as session:
        idempotency.remember(session, "submit", "key-1", "b-1", PARAMS, {"request_id": "r1"}, NOW)


def test_a_new_key_has_no_answer(store: Engine) -> None:
    with reading(store) as session:
        assert idempotency.recall(session, "submit", "key-1", "b-1", PARAMS) is None


def test_the_same_key_and_parameters_give_the_saved_answer(store: Engine) -> None:
    remembered(store)
    with reading(store) as session:
        reordered = dict(reversed(PARAMS.items()))
        assert idempotency.recall(session, "submit", "key-1", "b-1", reordered) == {"request_id": "r1"}


@pytest.mark.parametrize(("buyer", "params"), [("b-1", {**PARAMS, "reason": "x"}), ("b-2", PARAMS), ("b-1", {})])
def test_other_parameters_or_another_buyer_are_an_error(store: Engine, buyer: str, params: dict[str, str]) -> None:
    remembered(store)
    with reading(store) as session, pytest.raises(IdempotencyMismatch, match="send a new key"):
        idempotency.recall(session, "submit", "key-1", buyer, params)


def test_a_key_belongs_to_its_operation(store: Engine) -> None:
    remembered(store)
    with reading(store) as session:
        assert idempotency.recall(session, "another", "key-1", "b-1", PARAMS) is None


def test_a_key_is_saved_once(store: Engine) -> None:
    remembered(store)
    with pytest.raises(Conflict):
        remembered(store)


def test_a_claimed_key_is_the_callers_until_it_has_its_answer(store: Engine) -> None:
    with transaction(store) as session:
        assert idempotency.claim(session, "submit", "key-1", "b-1", PARAMS, NOW) is None
        idempotency.remember(session, "submit", "key-1", "b-1", PARAMS, {"request_id": "r1"}, NOW)
    with transaction(store) as session:
        assert idempotency.claim(session, "submit", "key-1", "b-1", PARAMS, NOW) == {"request_id": "r1"}
    with transaction(store) as session, pytest.raises(IdempotencyMismatch):
        idempotency.claim(session, "submit", "key-1", "b-2", PARAMS, NOW)


def test_open_notices_are_the_buyers_own_undelivered_ones_oldest_first(store: Engine) -> None:
    with transaction(store) as session:
        outbox.notify_buyer(session, "b-1", "request_rejected", NOW, request_id="late")
        outbox.notify_buyer(session, "b-1", "request_approved", NOW - timedelta(hours=1), request_id="early")
        outbox.notify_buyer(session, "b-2", "request_approved", NOW, request_id="foreign")
        outbox.notify_buyer(session, "b-1", "request_expired", NOW - timedelta(days=1), request_id="told")
    with transaction(store) as session:
        told = next(row for row in outbox.open_notices(session, ["b-1"]) if row.payload["request_id"] == "told")
        told.done_at = NOW
    with transaction(store) as session:
        rows = outbox.open_notices(session, ["b-1"])
        assert [row.payload for row in rows] == [
            {"kind": "request_approved", "request_id": "early"},
            {"kind": "request_rejected", "request_id": "late"},
        ]
        assert outbox.open_notices(session, []) == []


def test_the_same_notice_is_queued_once(store: Engine) -> None:
    with pytest.raises(IntegrityError), transaction(store) as session:
        for _ in range(2):
            outbox.notify_buyer(session, "b-1", "request_approved", NOW, request_id="r1")
