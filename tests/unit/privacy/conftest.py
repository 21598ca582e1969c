"""A buyer who has left traces in every table, and a way to find them again."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Iterator
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from pathlib import Path
from typing import Any

import pytest
from sqlalchemy import Engine, select

from recourse.cancellations.models import CancellationLine, CancellationRequest, QuoteRow
from recourse.conversations.models import Button, Conversation, Message
from recourse.core import idempotency
from recourse.core.db import new_id
from recourse.core.outbox import Outbox
from recourse.core.transitions import TransitionLog
from recourse.customers.models import Customer
from recourse.disputes import personal
from recourse.disputes.files import FolderStore
from recourse.disputes.models import Dispute, DisputeEvent, Evidence
from recourse.handoff.models import Handoff
from recourse.messages.models import RequiredAction, SellerMessage, SellerOffer
from recourse.migrations.tables import metadata
from recourse.orders.models import Order, OrderTerm, Payment, Shipment
from recourse.payments.models import Chargeback
from recourse.privacy import erase, service
from recourse.privacy.service import ErasureView
from recourse.refunds.models import Refund, RefundLeg, RefundLine, WalletEntry
from recourse.returns.models import Return, ReturnLine, Withdrawal
from recourse.watches.models import StockWatch
from tests.unit.world import BALANCE, BUYER, CARD, World


@dataclass
class Trackers:
    """The engine's memory: what it was told to forget. ``down``: it does not answer."""

    forgotten: list[str] = field(default_factory=list)
    down: bool = False

    def erase(self, conversation_id: str) -> None:
        if self.down:
            raise erase.TrackerNotErased("the engine did not answer; try again")
        self.forgotten.append(conversation_id)


class Traces:
    """Strings by which a buyer could be recognised, each in its own place, and the tables to look for them."""

    def __init__(self, buyer: str) -> None:
        self.buyer = buyer
        self.made: dict[str, str] = {}

    def __call__(self, place: str) -> str:
        """The string that is put in ``place``."""
        return self.made.setdefault(place, f"<{place}>{self.buyer} Erika Mustermann")

    def found_in(self, world: World) -> dict[str, str]:
        """Place -> "table.column", for every string that any column of any table still holds."""
        found = {}
        with world.reading() as session:
            for table in metadata.sorted_tables:
                for row in session.execute(select(table)).mappings():
                    for column, value in row.items():
                        text = json.dumps(value, ensure_ascii=False, default=str)
                        for place, trace in self.made.items():
                            if trace in text:
                                found[place] = f"{table.name}.{column}"
        return found


RETAINED = {"sku title"}
"""Places whose strings the law keeps: what was sold. Numbers of parcels and coupons stay too, and name nobody."""


class Privacy:
    """Asks for erasures in a world and lets time pass."""

    def __init__(self, world: World) -> None:
        self.world = world
        self.trackers = Trackers()

    def request(self, buyer: str = BUYER, key: str = "k-1") -> ErasureView:
        """The buyer asks."""
        with self.world.transaction() as session:
            return service.request_erasure(session, buyer, self.world.now, key)

    def verify(self, view: ErasureView, ago: timedelta = timedelta(minutes=1), buyer: str = BUYER) -> ErasureView:
        """The buyer confirms, having logged in ``ago``."""
        with self.world.transaction() as session:
            return service.verify(session, buyer, view.id, self.world.now - ago, self.world.now)

    def ask(self, buyer: str = BUYER) -> ErasureView:
        """Ask and confirm."""
        return self.verify(self.request(buyer), buyer=buyer)

    def cancel(self, view: ErasureView, buyer: str = BUYER) -> ErasureView:
        """The buyer changes their mind."""
        with self.world.transaction() as session:
            return service.cancel(session, buyer, view.id, self.world.now)

    def see(self, view: ErasureView) -> ErasureView:
        """The request as it is now."""
        with self.world.reading() as session:
            return service.get(session, view.id)

    def due(self) -> list[str]:
        """What the timer would look at."""
        with self.world.reading() as session:
            return list(service.due(session, self.world.now))

    def settle(self, view: ErasureView) -> ErasureView | None:
        """The timer looks at it."""
        with self.world.transaction() as session:
            return service.settle(session, view.id, self.world.now)

    def run(self, view: ErasureView) -> ErasureView | None:
        """The worker carries it out."""
        return erase.execute(view.id, self.world.now, self.trackers, self.world.engine)

    def finish(self, view: ErasureView) -> ErasureView:
        """Let the cooling-off pass and carry it out."""
        scheduled = self.see(view)
        assert scheduled.execute_at is not None
        self.world.now = max(self.world.now, scheduled.execute_at)
        self.settle(view)
        done = self.run(view)
        assert done is not None
        return done


def evidence_name(buyer: str) -> str:
    """Name of the buyer's file."""
    return hashlib.sha256(buyer.encode()).hexdigest()[:32] + ".jpg"


@pytest.fixture(autouse=True)
def files(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> FolderStore:
    """Where evidence is kept in these tests."""
    kept = FolderStore(tmp_path / "evidence")
    monkeypatch.setattr(personal, "default_store", lambda: kept)
    return kept


@pytest.fixture
def bare(store: Engine) -> World:
    """A world whose rows are not audited at the end: for rows that no service would write in this combination."""
    return World(store)


@pytest.fixture
def privacy(world: World) -> Iterator[Privacy]:
    """Erasures in the audited world."""
    return Privacy(world)


def snapshot(world: World, buyer: str) -> dict[str, list[str]]:
    """Every row of every table that names ``buyer`` or hangs on such a row, as text."""
    with world.reading() as session:
        tables = {
            table.name: [dict(row) for row in session.execute(select(table)).mappings()]
            for table in metadata.sorted_tables
        }
    known = {buyer}
    picked: dict[str, set[int]] = {name: set() for name in tables}
    grew = True
    while grew:
        grew = False
        for name, rows in tables.items():
            if name in ("seller", "seller_policy", "refund_sla", "seller_api_key"):
                continue
            for at, row in enumerate(rows):
                if at in picked[name]:
                    continue
                if any(isinstance(value, str) and value in known for value in row.values()):
                    picked[name].add(at)
                    if "id" in row and isinstance(row["id"], str):
                        known.add(row["id"])
                    grew = True
    return {
        name: sorted(json.dumps(tables[name][at], default=str, sort_keys=True) for at in chosen)
        for name, chosen in picked.items()
    }


def fill(world: World, buyer: str) -> Traces:
    """Rows for ``buyer`` in every table that can hold something of a buyer, all matters closed; returns what was written."""
    put = Traces(buyer)
    number = world.order("completed", buyer=buyer, coupon=300, ways=(CARD, BALANCE), shares=(1000,))
    now = world.now
    with world.transaction() as session:
        add = session.add
        customer = session.get_one(Customer, buyer)
        customer.display_name, customer.locale, customer.timezone = put("name"), "de-DE", "Europe/Berlin"
        order = session.scalars(select(Order).where(Order.number == number)).one()
        line = order.lines[0]
        line.title = put("sku title")
        order.coupons[0].code = "C" + buyer
        parcel = session.scalars(select(Shipment).where(Shipment.order_id == order.id)).one()
        parcel.tracking = f"PW{buyer}"
        parcel.events = [{"at": now.isoformat(), "state": "delivered", "text": put("scan")}]
        add(OrderTerm(customer_id=buyer, term=put("search word")[:40], order_id=order.id))
        put.made["search word"] = put.made["search word"][:40]
        paid = session.scalars(select(Payment).where(Payment.group_id == order.group_id)).all()
        for rank, payment in enumerate(paid):
            payment.instrument = put(f"instrument {rank}")[:60]
        _conversation(session, put, now)
        _cancellation(session, put, order, now)
        session.flush()
        _refund(session, put, order, paid[0], now)
        _return(session, put, order, now)
        _dispute(session, put, order, now)
        _messages(session, put, order, now)
        watch = StockWatch(id=new_id(), customer_id=buyer, sku="MUG", title=put("watch"), state="active", asked_at=now)
        add(watch)
        _log(session, "stock_watch", watch.id, put("watch log"), now)
        add(
            Chargeback(
                id=f"cb-{buyer}", payment_id=paid[0].id, psp_ref=f"cb-{buyer}", state="won", reason="fraud", amount=100,
                currency="EUR", opened_at=now, due_by=now, closed_at=now,
            )
        )  # fmt: skip
        _log(session, "chargeback", f"cb-{buyer}", put("chargeback log"), now)
        _log(session, "orders", order.id, put("order log"), now)
        told = {"kind": "seller_wrote", "message_id": new_id(), "excerpt": put("notice")}
        add(Outbox(topic="buyer_notice", customer_id=buyer, payload=told, dedupe_key=new_id(), created_at=now))
        idempotency.remember(session, "say", f"key-{buyer}", buyer, {}, {"text": put("saved answer")}, now)
        answer = {"status": 201, "body": json.dumps({"order": number, "text": put("seller's saved answer")})}
        idempotency.remember(session, "seller_api", f"acme:{buyer}", "seller:acme", {}, answer, now)
    return put


def _log(session: Any, kind: str, entity_id: str, reason: str, at: datetime, who: str = "seller") -> None:
    session.add(
        TransitionLog(
            entity_type=kind, entity_id=entity_id, from_state="a", to_state="b", actor_type=who, actor_id="acme",
            reason=reason, at=at,
        )
    )  # fmt: skip


def _conversation(session: Any, put: Traces, now: datetime) -> None:
    row = Conversation(
        id=f"conv-{put.buyer}", customer_id=put.buyer, channel="rest", client_key=put("client key"), locale="de",
        timezone="Europe/Berlin", next_seq=3, opened_at=now, last_at=now,
    )  # fmt: skip
    session.add(row)
    session.flush()
    session.add(
        Message(
            conversation_id=row.id, seq=1, author="buyer", cid=put("cid")[:64], text=put("message"),
            engine_text=put("engine text"), at=now, handled_at=now, buttons=[],
        )
    )  # fmt: skip
    shown = [{"title": put("shown button"), "token": f"btn-{put.buyer}"}]
    session.add(Message(conversation_id=row.id, seq=2, author="bot", text=put("answer"), at=now, buttons=shown))
    session.add(
        Button(
            token=f"btn-{put.buyer}", conversation_id=row.id, message_seq=2, title=put("button"),
            payload=put("button payload"), expires_at=now,
        )
    )  # fmt: skip
    case = Handoff(
        id=f"case-{put.buyer}", case_no=f"C-{put.buyer}", conversation_id=row.id, customer_id=put.buyer,
        state="resolved", priority="normal", reason_code="user_asked", opened_at=now, closed_at=now,
        payload={"v": 1, "reason_code": "user_asked", "wants": put("case"), "customer": {"id": put("case customer")}},
    )  # fmt: skip
    session.add(case)
    _log(session, "handoff", case.id, put("case outcome"), now, "agent")


def _cancellation(session: Any, put: Traces, order: Order, now: datetime) -> None:
    def quote(place: str) -> QuoteRow:
        legs = [{"method": "card", "instrument": put(place), "amount": 100}]
        return QuoteRow(
            id=new_id(), order_id=order.id, customer_id=put.buyer, order_version=1, terms={"refund": {"legs": legs}},
            hash="0" * 64, created_at=now, expires_at=now,
        )  # fmt: skip

    used = quote("quote")
    session.add_all([used, quote("quote that led to nothing")])
    session.flush()
    row = CancellationRequest(
        id=f"req-{put.buyer}", order_id=order.id, customer_id=put.buyer, reason_code="other",
        reason_note=put("reason note"), fault="buyer", state="rejected", quote_id=used.id, requested_at=now,
        decided_by="seller", decided_at=now, reject_reason=put("rejection"), proof_tracking=f"PW{put.buyer}",
        idempotency_key=f"req-{put.buyer}",
    )  # fmt: skip
    session.add(row)
    session.flush()
    session.add(CancellationLine(request_id=row.id, line_id=order.lines[0].id, qty=1))
    _log(session, "cancellation_request", row.id, put("rejection log"), now)


def _refund(session: Any, put: Traces, order: Order, payment: Payment, now: datetime) -> None:
    refund = Refund(
        id=f"ref-{put.buyer}", order_id=order.id, cause_type="goodwill", cause_id=f"ref-{put.buyer}", currency="EUR",
        paid_part=100, fee=0, legs_total=100, coupon_part=0, coupon_credit=0, accepted_at=now,
    )  # fmt: skip
    session.add(refund)
    session.flush()
    session.add(RefundLine(refund_id=refund.id, line_id=order.lines[0].id, qty=0, paid=100, coupon=0))
    leg = RefundLeg(
        id=f"leg-{put.buyer}", refund_id=refund.id, payment_id=payment.id, method="card",
        instrument=put("refund instrument")[:60], action_url="https://form.example/" + put("bank form"), amount=100,
        currency="EUR", state="succeeded", expected_from=now.date(), expected_to=now.date(), settled_at=now,
        idempotency_key=f"leg-{put.buyer}",
    )  # fmt: skip
    session.add(leg)
    session.add(
        WalletEntry(
            customer_id=put.buyer, amount=700, currency="EUR", kind="adjustment", source_type="gift",
            source_id=put.buyer, at=now,
        )
    )  # fmt: skip
    _log(session, "refund_leg", leg.id, put("leg log"), now, "platform")


def _return(session: Any, put: Traces, order: Order, now: datetime) -> None:
    row = Return(
        id=f"ret-{put.buyer}", order_id=order.id, customer_id=put.buyer, kind="agreed", reason_code="other",
        reason_note=put("return note"), state="declined", requested_at=now, label_cost_by="buyer",
        decline_reason=put("decline"), instructions=put("instructions"), tracking=f"BK{put.buyer}",
        idempotency_key=f"ret-{put.buyer}",
    )  # fmt: skip
    session.add(row)
    session.flush()
    session.add(ReturnLine(return_id=row.id, line_id=order.lines[0].id, qty=1))
    session.add(
        Withdrawal(
            id=f"wd-{put.buyer}", order_id=order.id, customer_id=put.buyer, declared_at=now, deadline=now, within=True,
            why="nothing_left", pieces={},
            ack_document=put("acknowledgement"), idempotency_key=f"wd-{put.buyer}",
        )
    )  # fmt: skip
    _log(session, "return_request", row.id, put("return log"), now)


def _dispute(session: Any, put: Traces, order: Order, now: datetime) -> None:
    row = Dispute(
        id=f"dis-{put.buyer}", order_id=order.id, line_id=order.lines[0].id, customer_id=put.buyer,
        type="not_as_described", reason_code="quality", description=put("dispute"), qty=1, wanted="full", amount=100,
        state="withdrawn", opened_at=now, respond_by=now, return_tracking=f"BK{put.buyer}",
        idempotency_key=f"dis-{put.buyer}",
    )  # fmt: skip
    session.add(row)
    session.flush()
    session.add(
        DisputeEvent(dispute_id=row.id, seq=1, actor_type="seller", kind="message", text=put("dispute event"), at=now)
    )
    session.add(
        Evidence(
            id=f"ev-{put.buyer}", dispute_id=row.id, customer_id=put.buyer, kind="photo",
            file_name=evidence_name(put.buyer), mime="image/jpeg", size=1, sha256="1" * 64, original_sha256="2" * 64,
            scan_status="clean", at=now,
        )
    )  # fmt: skip
    put.made["file name"] = evidence_name(put.buyer)
    personal.default_store().write(evidence_name(put.buyer), b"photo")
    _log(session, "dispute", row.id, put("dispute log"), now, "buyer")


def _messages(session: Any, put: Traces, order: Order, now: datetime) -> None:
    session.add(
        SellerMessage(
            id=f"sm-{put.buyer}", order_id=order.id, customer_id=put.buyer, author="buyer", purpose="question",
            text=put("to the seller"), client_msg_id=put("client message id")[:64], sent_at=now,
        )
    )  # fmt: skip
    session.add(
        RequiredAction(
            id=f"ra-{put.buyer}", order_id=order.id, request_id=f"req-{put.buyer}", kind="form", text=put("ask"),
            url="https://form.example/" + put("form"), answer=put("form answer"), state="done", asked_at=now,
        )
    )  # fmt: skip
    session.add(
        SellerOffer(
            id=f"so-{put.buyer}", order_id=order.id, amount=1, currency="EUR", text=put("offer"), state="declined",
            offered_at=now, expires_at=now,
        )
    )  # fmt: skip
