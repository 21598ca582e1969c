"""Records of orders in every status, and bringing them into a store."""

from __future__ import annotations

import copy
import io
import json
from collections.abc import Callable, Iterator
from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest
from sqlalchemy import Engine

from recourse.audit import service as audit
from recourse.core.db import engine_for, reading, transaction
from recourse.exchange import formats
from recourse.exchange import service as exchange
from recourse.exchange.service import Outcome
from recourse.migrations import upgrade
from tests.unit.world import NOW

Record = dict[str, Any]

BASE: Record = {
    "external_id": "SO-1",
    "buyer": {"sub": "kim", "name": "Kim Tester", "country": "DE", "timezone": "Europe/Berlin"},
    "seller": {"external_id": "shop-7", "name": "Lindenhof Keramik", "country": "DE"},
    "currency": "EUR",
    "status": "to_ship",
    "placed_at": "2026-11-20T09:00:00Z",
    "paid_at": "2026-11-20T09:05:00Z",
    "lines": [
        {"sku": "MUG", "title": "Stoneware mugs, moss green", "qty": 2, "unit_price_minor": 1500},
        {"sku": "POT", "title": "Tea pot", "qty": 1, "unit_price_minor": 2499},
    ],
    "coupons": [{"code": "TEN", "amount_minor": 1000, "valid_until": "2027-01-01T00:00:00Z"}],
    "shipping_minor": 500,
    "payments": [
        {
            "method": "card",
            "instrument": "Visa ending 4242",
            "amount_minor": 4999,
            "status": "captured",
            "psp_ref": "pi_1",
        }
    ],
}
PARCEL: Record = {
    "carrier": "Parcelway", "tracking": "PW100", "shipped_at": "2026-11-21T10:00:00Z",
    "lines": [{"line": 1, "qty": 2}, {"line": 2, "qty": 1}],
}  # fmt: skip
REFUND: Record = {
    "accepted_at": "2026-11-22T10:00:00Z",
    "lines": [
        {"line": 1, "qty": 2, "paid_minor": 2727, "coupon_minor": 546},
        {"line": 2, "qty": 1, "paid_minor": 2272, "coupon_minor": 454},
    ],
    "legs": [
        {
            "payment": 1, "amount_minor": 4999, "state": "succeeded", "expected_from": "2026-11-25",
            "expected_to": "2026-12-18", "reference": "ARN1", "settled_at": "2026-11-23T10:00:00Z",
        }
    ],
}  # fmt: skip


def record(external_id: str = "SO-1", **changes: Any) -> Record:
    """A record that makes sense, with other values; None takes a field away."""
    made = copy.deepcopy(BASE) | {"external_id": external_id} | copy.deepcopy(changes)
    if external_id != "SO-1" and "payments" not in changes:
        made["payments"][0]["psp_ref"] = f"pi_{external_id}"
    return {name: value for name, value in made.items() if value is not None}


def in_status(status: str, external_id: str = "SO-1", **changes: Any) -> Record:
    """A record of an order in ``status``."""
    card = BASE["payments"][0] | {"psp_ref": f"pi_{external_id}"}
    part = PARCEL | {"lines": [{"line": 1, "qty": 2}]}
    there = PARCEL | {"state": "delivered", "delivered_at": "2026-11-22T10:00:00Z"}
    fields: dict[str, Record] = {
        "awaiting_payment": {"paid_at": None, "payments": [card | {"status": "pending"}]},
        "payment_review": {
            "paid_at": None, "payments": [card | {"status": "authorised"}], "review_by": "2026-11-25T09:00:00Z",
            "placed_at": "2026-11-24T08:59:00Z",
        },
        "to_ship": {"payments": [card]},
        "partially_shipped": {"payments": [card], "shipments": [part]},
        "shipped": {"payments": [card], "shipments": [PARCEL]},
        "delivered": {"payments": [card], "shipments": [there], "delivered_at": "2026-11-22T10:00:00Z"},
        "completed": {
            "payments": [card], "shipments": [there], "delivered_at": "2026-11-22T10:00:00Z",
            "completed_at": "2026-11-23T10:00:00Z",
        },
        "cancelled": {
            "payments": [card], "cancelled_at": "2026-11-22T10:00:00Z", "close_reason": "seller_cancelled",
            "refunds": [REFUND],
        },
        "closed": {
            "payments": [card], "shipments": [PARCEL | {"state": "lost"}], "closed_at": "2026-11-22T10:00:00Z",
            "refunds": [REFUND],
        },
    }  # fmt: skip
    return record(external_id, status=status, **(fields[status] | changes))


class Desk:
    """A store and what goes in and out of it. ``now`` may be moved."""

    def __init__(self, engine: Engine) -> None:
        self.engine, self.now = engine, NOW

    def bring(self, *made: Record) -> list[Outcome]:
        """Bring records in, as JSON Lines."""
        return self.read("".join(json.dumps(each) + "\n" for each in made), formats.JSONL)

    def read(self, text: str, form: str) -> list[Outcome]:
        """Bring a file in, one transaction for each batch."""
        outcomes: list[Outcome] = []
        for batch in exchange.batches(formats.read(io.StringIO(text, newline=""), form)):
            with transaction(self.engine) as session:
                outcomes += exchange.bring(session, batch, self.now)
        return outcomes

    def export(self, form: str = formats.JSONL, buyer: str | None = None) -> str:
        """The whole store as a file."""
        stream = io.StringIO(newline="")
        with reading(self.engine) as session:
            formats.Writer(stream, form, exchange.widest(session)).write(exchange.export(session, buyer))
        return stream.getvalue()

    def later(self, **by: float) -> None:
        """Let time go by."""
        self.now += timedelta(**by)


@pytest.fixture
def desk(store: Engine) -> Iterator[Desk]:
    """An empty store, on each database in turn. When the test is over, all its rows are audited against the invariants."""
    yield Desk(store)
    audited(store)


def audited(engine: Engine) -> None:
    """Fail where the rows of a store break an invariant."""
    with reading(engine) as session:
        found = [str(each) for each in audit.violations(session)]
    assert not found, "the rows break the invariants:\n" + "\n".join(found)


@pytest.fixture
def another(tmp_path: Path) -> Iterator[Callable[[], Desk]]:
    """Makes further empty stores."""
    made: list[Engine] = []

    def build() -> Desk:
        url = f"sqlite:///{tmp_path / f'other-{len(made)}.db'}"
        upgrade(url)
        made.append(engine_for(url))
        return Desk(made[-1])

    yield build
    for engine in made:
        audited(engine)
        engine.dispose()
