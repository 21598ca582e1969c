"""Random lives of several orders at once: two buyers, a seller, a carrier, a payment provider, the worker, the platform, and
the clock, in any order. Each deed is one transaction; it takes effect, or is refused by a rule and changes nothing."""

from __future__ import annotations

import json
from collections.abc import Callable
from datetime import datetime, timedelta
from random import Random
from types import SimpleNamespace
from typing import Any
from uuid import UUID

from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, initialize, invariant, precondition, rule
from sqlalchemy import select, update
from sqlalchemy.orm import Session

from recourse.audit import service as audit
from recourse.cancellations import service as cancellations
from recourse.cancellations.models import CancellationRequest
from recourse.cancellations.requests import RequestView
from recourse.core import db
from recourse.core.db import new_id
from recourse.core.errors import IdempotencyMismatch, NotFound, RecourseError
from recourse.core.transitions import Actor, TransitionLog
from recourse.demo import shop
from recourse.demo.shop import Given, Item
from recourse.disputes import service as disputes
from recourse.disputes.models import Dispute
from recourse.fulfilment import service as fulfilment
from recourse.messages import asks, offers
from recourse.messages.models import RequiredAction, SellerOffer
from recourse.orders import payments
from recourse.orders import service as orders
from recourse.orders.models import Order, OrderGroup
from recourse.orders.rules import OrderView
from recourse.payments import chargebacks, dispatch, webhooks
from recourse.payments.ledger import Ledger
from recourse.payments.models import Chargeback
from recourse.payments.port import Providers
from recourse.refunds import service as refunds
from recourse.refunds.models import RefundLeg
from recourse.returns import service as returns
from recourse.returns.models import Return
from recourse.sellers.models import SellerPolicy
from recourse.worker import MACHINES, Deadlines
from tests.unit.machine import model
from tests.unit.machine.model import Shown
from tests.unit.payments.stubs import StubProvider
from tests.unit.world import BALANCE, BUYER, CARD, NOW, OTHER, SELLER, World

ITEMS = (Item("MUG", "Mug", 999, qty=3), Item("TRAY", "Tray", 2450))
AGENT = Actor("platform", "agent-1")
_AROUND = (timedelta(seconds=-1), timedelta(0), timedelta(seconds=1))
AROUND = st.sampled_from(_AROUND)
_SELLER_VERBS = ("seller accept", "seller reject", "seller counter", "seller received", "seller contest")
_BUYER_VERBS = ("buyer accept", "buyer counter", "buyer escalate", "buyer withdraw", "buyer send_back")
STEPS = st.sampled_from([timedelta(minutes=7), timedelta(hours=3), timedelta(hours=11), timedelta(days=4)])
WHICH = st.integers(0, 7)
SCANS = st.sampled_from(["accepted", "in_transit", "out_for_delivery", "delivered", "delivered", "lost", "returned"])
WORDS = st.sampled_from(["processing", "succeeded", "succeeded", "failed", "requires_action", "cancelled", "reversed"])
POLICIES = st.fixed_dictionaries(
    {
        "response_hours": st.sampled_from([1, 24]),
        "on_silence": st.sampled_from(["approve", "approve", "reject", "escalate"]),
        "ship_while_pending": st.sampled_from(["supersedes", "block"]),
        "coupon_on_refund": st.sampled_from(["balance", "restore_if_valid", "none"]),
        "after_shipment": st.sampled_from(["refuse", "ask_seller"]),
        "fee_kind": st.sampled_from(["none", "fixed", "percent"]),
        "fee_value": st.sampled_from([0, 150, 9000]),
        "fee_cap": st.sampled_from([None, 200]),
        "clause": st.sampled_from([None, "A parcel that is called back costs a fee."]),
        "refund_shipping": st.sampled_from(["never", "unsent_only", "always"]),
        "partial_cancel": st.sampled_from([True, True, False]),
        "max_requests_per_order": st.sampled_from([None, None, 2]),
        "free_return": st.booleans(),
        "dispute_open_after_days": st.sampled_from([0, 0, 10]),
    }
)
KINDS = st.sampled_from(["awaiting_payment", "payment_review", "to_ship", "to_ship", "shipped", "delivered"])
Deed = Callable[[Session], Any]
_PICKED = (CancellationRequest, Dispute, Return, SellerOffer, RefundLeg, RequiredAction, Chargeback)


class Lives(RuleBasedStateMachine):
    """``world`` and ``audit_every`` are set by the test."""

    world: World
    audit_every = 1

    def __init__(self) -> None:
        super().__init__()
        self.numbers: list[str] = []
        self.shown: list[Shown] = []
        self.said: dict[str, tuple[str, str, str]] = {}
        self.events: list[webhooks.Event] = []
        self.provider = StubProvider()
        self.there: set[type[Any]] = set()
        self.states: dict[str, str] = {}
        self.changed = True
        self.steps = 0
        self.world.now = NOW
        _repeatable_ids()

    def teardown(self) -> None:
        try:
            if self.changed:
                self._audit()
        finally:
            self.world.clear()

    # --- checkouts

    @initialize(kind=KINDS, coupon=st.sampled_from([0, 777]), policy=POLICIES)
    def begin(self, kind: str, coupon: int, policy: dict[str, Any]) -> None:
        self.buy(kind, coupon, True, policy)
        self.check_out_two(policy)

    @precondition(lambda self: len(self.numbers) < 6)
    @rule(kind=KINDS, coupon=st.sampled_from([0, 777]), split=st.booleans(), policy=POLICIES)
    def buy(self, kind: str, coupon: int, split: bool, policy: dict[str, Any]) -> None:
        self.changed = True
        ways, shares = ((BALANCE, CARD), (1234,)) if split else ((CARD,), ())
        buyer = (BUYER, OTHER)[len(self.numbers) % 3 == 2]
        number = self.world.order(
            kind, buyer=buyer, items=ITEMS, coupon=coupon, shipping=490, ways=ways, shares=shares, **policy
        )
        self.numbers.append(number)

    @precondition(lambda self: len(self.numbers) < 5)
    @rule(policy=POLICIES)
    def check_out_two(self, policy: dict[str, Any]) -> None:
        """Two orders of one checkout; the same two tenders pay for both."""
        self.changed = True
        with self.world.transaction() as session:
            at = self.world.now
            group = OrderGroup(id=new_id(), customer_id=BUYER, currency="EUR", placed_at=at)
            session.add(group)
            session.flush()
            both = [
                shop.place(
                    session, number=self.world.next_number(), customer_id=BUYER, seller_id="acme",
                    policy=self.world._policy(session, policy), currency="EUR", items=ITEMS, at=at, group=group, shipping=101,
                )
                for _ in range(2)
            ]  # fmt: skip
            whole = sum(shop.due(order) for order in both)
            shop.credit(session, BUYER, 1000, "EUR", "adjustment", "gift_card", group.id, at)
            session.flush()
            given = [Given(*BALANCE, 1000), Given(*CARD, whole - 1000)]
            (shop.authorise if self.steps % 2 else shop.pay)(session, both, given, at)
            self.numbers += [order.number for order in both]

    # --- buyers

    @rule(which=WHICH, part=st.booleans(), other=st.booleans())
    def look(self, which: int, part: bool, other: bool) -> None:
        order = self._order(which)
        pieces = {order.lines[0].id: 1} if part and order.policy.partial_cancel else None
        buyer = _foreign(order) if other and self.steps % 7 == 0 else order.customer_id
        kind = self._may_cancel(order)
        found = self._try(lambda s: cancellations.quote(s, buyer, order.number, self.world.now, pieces=pieces))
        if buyer != order.customer_id:
            assert isinstance(found, NotFound)
        elif isinstance(found, RecourseError):
            assert kind == "no" or pieces, f"{kind} was refused: {found}"
        else:
            assert found.terms.kind == kind
            assert found.terms.refund.fee == 0 or kind == "intercept", "invariant 13"
            self.shown.append(Shown(found.id, order.number, buyer, order.version, kind, self.world.now))

    @rule(which=WHICH, part=st.booleans())
    def ask(self, which: int, part: bool) -> None:
        """Look at what can be cancelled, and say yes at once."""
        waiting = [number for number in self.numbers if self._may_cancel(self._see(number)) != "no"]
        if waiting:
            self.look(len(self.numbers) - 1 - self.numbers.index(waiting[which % len(waiting)]), part, False)
            if self.shown:
                self.say_yes(0, False, "no_longer_wanted")

    @precondition(lambda self: self.shown)
    @rule(
        which=WHICH, again=st.booleans(), reason=st.sampled_from(["no_longer_wanted", "no_longer_wanted", "too_late"])
    )
    def say_yes(self, which: int, again: bool, reason: str) -> None:
        quote = self.shown[-1 - which % len(self.shown)]
        key = next(reversed(self.said)) if again and self.said else new_id()
        before = self._see(quote.number)
        kind = self._may_cancel(before)
        done = self._try(
            lambda s: cancellations.submit_cancellation(s, quote.buyer, quote.id, reason, None, key, self.world.now)
        )
        if key in self.said:
            same = self.said[key][:2] == (quote.id, reason)
            assert isinstance(done, IdempotencyMismatch) is not same, "invariant 11"
            assert not same or done.request.id == self.said[key][2]
            return
        if isinstance(done, RecourseError):
            return
        if done.outcome in ("cancelled", "requested"):
            self.said[key] = (quote.id, reason, done.request.id)
            assert kind == {"cancelled": "instant"}.get(done.outcome, done.request.kind)
            assert quote.order_version == before.version, "invariant 12"
        elif done.outcome == "refused":
            assert kind == "no" or self._shown_pieces_gone(before)

    @precondition(lambda self: self._any(CancellationRequest))
    @rule(which=WHICH)
    def keep_it(self, which: int) -> None:
        request, order = self._asked(which)
        found = self._try(lambda s: cancellations.withdraw(s, order.customer_id, order.number, self.world.now))
        if request.state not in ("pending_seller", "withdrawn"):
            assert isinstance(found, RecourseError)

    @precondition(lambda self: self._in("shipped", "delivered"))
    @rule(which=WHICH)
    def confirm_receipt(self, which: int) -> None:
        order = self._order(which, "shipped", "delivered")
        self._try(lambda s: fulfilment.buyer_confirms(s, order.customer_id, order.number, self.world.now))

    @precondition(lambda self: self._in("shipped", "delivered", "completed"))
    @rule(which=WHICH, kind=st.sampled_from(["full", "partial", "return_refund"]), line=st.integers(0, 1))
    def open_dispute(self, which: int, kind: str, line: int) -> None:
        order = self._order(which, "shipped", "delivered", "completed")
        type_, reason = ("not_received", "in_transit") if kind == "full" else ("not_as_described", "damaged")
        amount = 120 if kind == "partial" else None
        self._try(
            lambda s: disputes.open_dispute(
                s, order.customer_id, order.number, order.lines[line].id, 1, type_, reason, kind, amount, None, new_id(),
                self.world.now,
            )
        )  # fmt: skip

    @precondition(lambda self: self._any(Dispute))
    @rule(which=WHICH, verb=st.sampled_from(["accept", "counter", "escalate", "withdraw", "send_back"]))
    def buyer_in_dispute(self, which: int, verb: str) -> None:
        row, now = self._pick(Dispute, which), self.world.now
        buyer, proposal = row.customer_id, self._proposal(row, "seller")
        deeds: dict[str, Deed] = {
            "accept": lambda s: disputes.buyer_accepts(s, buyer, row.id, proposal, now),
            "counter": lambda s: disputes.buyer_counters(s, buyer, row.id, "partial", 99, None, new_id(), now),
            "escalate": lambda s: disputes.escalate(s, buyer, row.id, now),
            "withdraw": lambda s: disputes.withdraw(s, buyer, row.id, now),
            "send_back": lambda s: disputes.send_back(s, buyer, row.id, "Parcelway", f"BACK{row.id[:8]}", now),
        }
        self._try(deeds[verb])

    @precondition(lambda self: self._in("delivered", "completed"))
    @rule(which=WHICH, reason=st.sampled_from(["no_longer_wanted", "damaged"]), statutory=st.booleans())
    def send_something_back(self, which: int, reason: str, statutory: bool) -> None:
        order = self._order(which, "delivered", "completed")
        pieces = {order.lines[0].id: 1}
        now, buyer = self.world.now, order.customer_id
        if statutory:
            self._try(lambda s: returns.declare_withdrawal(s, buyer, order.number, pieces, now, now, new_id()))
        else:
            self._try(lambda s: returns.request_return(s, buyer, order.number, pieces, reason, None, new_id(), now))

    @precondition(lambda self: self._any(Return))
    @rule(which=WHICH, verb=st.sampled_from(["cancel", "send", "send", "approve", "decline", "received"]))
    def handle_return(self, which: int, verb: str) -> None:
        row, now = self._pick(Return, which), self.world.now
        tracking = f"RET{row.id[:8]}"
        deeds: dict[str, Deed] = {
            "cancel": lambda s: returns.cancel(s, row.customer_id, row.id, now),
            "send": lambda s: returns.send_back(s, row.customer_id, row.id, "Parcelway", tracking, now),
            "approve": lambda s: returns.seller_approves(s, "acme", row.id, None, now),
            "decline": lambda s: returns.seller_declines(s, "acme", row.id, "No", now),
            "received": lambda s: returns.seller_received(s, "acme", row.id, now),
        }
        self._try(deeds[verb])

    @precondition(lambda self: self._any(SellerOffer))
    @rule(which=WHICH, verb=st.sampled_from(["accept", "accept", "decline", "retract"]))
    def answer_offer(self, which: int, verb: str) -> None:
        row, now = self._pick(SellerOffer, which), self.world.now
        buyer = self._buyer_of(row.order_id)
        deeds: dict[str, Deed] = {
            "accept": lambda s: offers.accept_offer(s, buyer, row.id, now),
            "decline": lambda s: offers.decline_offer(s, buyer, row.id, now),
            "retract": lambda s: offers.retract_offer(s, "acme", row.id, now),
        }
        done = self._try(deeds[verb])
        if row.state != "open" or (now >= row.expires_at and verb != "retract"):
            assert isinstance(done, RecourseError) or done.state == row.state or verb == "accept"

    @precondition(lambda self: self._any(RefundLeg))
    @rule(which=WHICH, route=st.sampled_from(["again", "balance", "bank", "details"]))
    def choose_route(self, which: int, route: str) -> None:
        leg = self._pick(RefundLeg, which)
        buyer = self._buyer_of_leg(leg)
        if route == "details":
            self._try(lambda s: refunds.give_bank_details(s, buyer, leg.id, self.world.now))
        else:
            self._try(lambda s: refunds.choose_route(s, buyer, leg.id, route, self.world.now))

    # --- the stories that matter most, told in one go so that they come often

    @rule(
        which=WHICH, part=st.booleans(), around=st.sampled_from([timedelta(hours=-1), *_AROUND]),
        then=st.sampled_from(["approve", "reject", "keep", "ship", "timers", "platform", "offer"]),
    )  # fmt: skip
    def ask_and_answer(self, which: int, part: bool, around: timedelta, then: str) -> None:
        """Somebody answers a new request well before its deadline, or in the seconds around it."""
        self.ask(which, part)
        self._audit()
        if not self._any(CancellationRequest):
            return
        request, order = self._asked(0)
        if request.open and request.respond_by:
            self.world.now = max(self.world.now, request.respond_by + around)
        place = len(self.numbers) - 1 - self.numbers.index(order.number)
        if then in ("approve", "reject"):
            self.seller_decides(0, then)
        elif then == "keep":
            self.keep_it(0)
        elif then == "platform":
            self.platform_decides_request(0, part)
        elif then == "offer":
            self.make_offer(place, 300)
            self._audit()
            if self._any(SellerOffer):
                self.answer_offer(0, "accept")
        elif then == "ship":
            self.ship(place, part)
        self.timers()

    @precondition(lambda self: self._in("shipped", "delivered", "completed"))
    @rule(
        which=WHICH, kind=st.sampled_from(["full", "partial", "return_refund"]),
        steps=st.lists(st.sampled_from([*_SELLER_VERBS, *_BUYER_VERBS, "timers", "deadline", "verdict"]), max_size=5),
    )  # fmt: skip
    def dispute_and_argue(self, which: int, kind: str, steps: list[str]) -> None:
        """A dispute, and what both sides, the clock and the platform make of it."""
        self.wait(timedelta(days=11))
        self.open_dispute(which, kind, which % 2)
        self._audit()
        if not self._any(Dispute):
            return
        for step in steps:
            side, _, verb = step.partition(" ")
            if side == "seller":
                self.seller_in_dispute(0, verb)
            elif side == "buyer":
                self.buyer_in_dispute(0, verb)
            elif side == "deadline":
                self.wait_for_a_deadline(0, timedelta(0))
            elif side == "verdict":
                self.platform_decides_dispute(0, kind)
            else:
                self.timers()

    @precondition(lambda self: self._in("shipped", "delivered"))
    @rule(
        which=WHICH, statutory=st.booleans(), fault=st.sampled_from(["no_longer_wanted", "damaged"]),
        steps=st.lists(st.sampled_from(["cancel", "send", "approve", "decline", "received", "timers"]), max_size=4),
    )  # fmt: skip
    def return_and_wait(self, which: int, statutory: bool, fault: str, steps: list[str]) -> None:
        """Goods go back, or do not."""
        self.confirm_receipt(which)
        self._audit()
        self.send_something_back(which, fault, statutory)
        self._audit()
        for step in steps:
            if step == "timers":
                self.wait_for_a_deadline(0, timedelta(0))
                self.timers()
            elif self._any(Return):
                self.handle_return(0, step)

    # --- the seller

    @precondition(lambda self: self._any(CancellationRequest))
    @rule(which=WHICH, verb=st.sampled_from(["approve", "approve", "reject", "ask"]))
    def seller_decides(self, which: int, verb: str) -> None:
        request, order, now = *self._asked(which), self.world.now
        deeds: dict[str, Deed] = {
            "approve": lambda s: cancellations.seller_approves(s, request.id, now, SELLER),
            "reject": lambda s: cancellations.seller_rejects(s, request.id, "In production", None, now, SELLER),
            "ask": lambda s: asks.ask(s, "acme", request.id, "info", "Which one?", None, now),
        }
        done = self._try(deeds[verb])
        if verb == "approve":
            assert isinstance(done, RecourseError) is not model.may_approve(request, order, now)
        if verb == "reject":
            assert isinstance(done, RecourseError) is not (model.owner(request, now) == "seller")

    @precondition(lambda self: self._any(RequiredAction))
    @rule(which=WHICH)
    def answer_question(self, which: int) -> None:
        row = self._pick(RequiredAction, which)
        self._try(lambda s: asks.answer_action(s, self._buyer_of(row.order_id), row.id, "This", self.world.now))

    @precondition(lambda self: self._in("to_ship", "partially_shipped"))
    @rule(which=WHICH, part=st.booleans())
    def ship(self, which: int, part: bool) -> None:
        order = self._order(which, "to_ship", "partially_shipped")
        line = next(iter(order.unsent), "")
        pieces = {line: 1} if part and line else None
        request = self._request(order)
        done = self._try(
            lambda s: fulfilment.seller_ships(
                s, order.number, "Parcelway", f"PW{new_id()[:12]}", self.world.now, SELLER, pieces
            )
        )
        if order.frozen or order.state not in ("to_ship", "partially_shipped"):
            assert isinstance(done, RecourseError)
        elif request is not None and request.open and pieces is None and not isinstance(done, RecourseError):
            assert order.policy.ship_while_pending == "supersedes", "invariant: a block holds"
            assert model.owner(request, self.world.now) != "timer" or model.silence(request, order) != "approved"

    @rule(which=WHICH)
    def seller_cancels(self, which: int) -> None:
        order = self._order(which, "to_ship", "awaiting_payment")
        if self.steps % 3 == 0:
            self._try(lambda s: fulfilment.seller_cancels(s, order.number, "out of stock", self.world.now, SELLER))

    @rule(which=WHICH, amount=st.sampled_from([1, 300, 99999]))
    def make_offer(self, which: int, amount: int) -> None:
        order = self._order(which, "to_ship", "shipped", "delivered", "completed")
        self._try(lambda s: offers.offer(s, "acme", order.number, amount, "Keep it", self.world.now))

    @precondition(lambda self: self._any(Dispute))
    @rule(which=WHICH, verb=st.sampled_from(["accept", "reject", "counter", "received", "contest"]))
    def seller_in_dispute(self, which: int, verb: str) -> None:
        row, now = self._pick(Dispute, which), self.world.now
        proposal = self._proposal(row, "buyer")
        deeds: dict[str, Deed] = {
            "accept": lambda s: disputes.seller_accepts(s, "acme", row.id, proposal, now),
            "reject": lambda s: disputes.seller_rejects(s, "acme", row.id, "Not so", now),
            "counter": lambda s: disputes.seller_counters(s, "acme", row.id, "partial", 50, None, new_id(), now),
            "received": lambda s: disputes.seller_received(s, "acme", row.id, now),
            "contest": lambda s: disputes.seller_contests(s, "acme", row.id, "Empty box", now),
        }
        self._try(deeds[verb])

    # --- the carrier, which is late, repeats itself, and mixes things up

    @rule(which=WHICH, parcel=WHICH, state=SCANS, late=st.sampled_from([0, 0, 1, 48]), twice=st.booleans())
    def scan(self, which: int, parcel: int, state: str, late: int, twice: bool) -> None:
        parcels = self._order(which, "shipped", "partially_shipped").parcels
        tracking = [each.tracking for each in parcels]
        with self.world.reading() as session:
            back = [*session.scalars(select(Return.tracking)), *session.scalars(select(Dispute.return_tracking))]
        tracking += [each for each in back if each]
        if not tracking:
            return
        chosen = tracking[parcel % len(tracking)]
        at = self.world.now - timedelta(hours=late)
        for _ in range(1 + twice):
            self._try(lambda s: fulfilment.carrier_reports(s, chosen, state, at, "", self.world.now))
            if state == "delivered":
                self._try(lambda s: returns.carrier_received(s, "Parcelway", chosen, self.world.now))
                self._try(lambda s: disputes.carrier_received(s, "Parcelway", chosen, self.world.now))

    # --- the payment provider

    @rule(which=WHICH, kind=st.sampled_from(["captured", "failed", "review_started", "review_passed", "review_failed"]))
    def word_on_payment(self, which: int, kind: str) -> None:
        tenders = self._order(which, "awaiting_payment", "payment_review").tenders
        if tenders:
            self._hear(f"payment.{kind}", {"payment": tenders[which % len(tenders)].payment_id}, 0)

    @precondition(lambda self: self._any(RefundLeg))
    @rule(which=WHICH, word=WORDS, late=st.sampled_from([0, 0, 30]))
    def word_on_refund(self, which: int, word: str, late: int) -> None:
        leg = self._pick(RefundLeg, which)
        if leg.method == "balance" or leg.state == "created":
            return
        data: dict[str, Any] = {"id": f"re-{leg.idempotency_key}", "key": leg.idempotency_key, "reference": "ARN1"}
        if word == "requires_action":
            data["action_by"] = (self.world.now + timedelta(days=2)).isoformat()
        self._hear(f"refund.{word}", data, late)

    @precondition(lambda self: self.events)
    @rule(which=WHICH)
    def word_again(self, which: int) -> None:
        event = self.events[-1 - which % len(self.events)]
        assert self._try(lambda s: webhooks.handle(s, event, self.world.now)) == "repeated", "invariant 24"

    @rule(which=WHICH, word=st.sampled_from(["opened", "won", "lost"]), amount=st.sampled_from([100, None]))
    def word_on_chargeback(self, which: int, word: str, amount: int | None) -> None:
        order = self._order(which, "to_ship", "shipped", "delivered", "completed")
        card = next((tender for tender in order.tenders if tender.method == "card"), None)
        if card is None or self.steps % 2:
            return
        data = {
            "id": f"cb-{card.payment_id}", "payment": card.payment_id, "amount": amount or max(card.amount, 1),
            "currency": order.currency, "reason": "fraud", "due_by": (self.world.now + timedelta(days=7)).isoformat(),
        }  # fmt: skip
        self._hear(f"chargeback.{word}", data, 0)

    # --- the worker

    @rule()
    def timers(self) -> None:
        for machine in MACHINES:
            self._settle(machine)

    @rule(script=st.lists(st.sampled_from(["", "lost", "timeout", "down", "refused"]), max_size=3))
    def dispatch(self, script: list[str]) -> None:
        self.changed = True
        self.provider.script.extend(script)
        dispatch.deliver_due(self.world.now, Providers(Ledger(), self.provider), self.world.engine)
        self.provider.script.clear()

    # --- the platform

    @precondition(lambda self: self._any(CancellationRequest))
    @rule(which=WHICH, yes=st.booleans())
    def platform_decides_request(self, which: int, yes: bool) -> None:
        request, _ = self._asked(which)
        self._try(lambda s: cancellations.platform_decides(s, request.id, yes, "Decided", self.world.now, AGENT))

    @precondition(lambda self: self._any(Dispute))
    @rule(which=WHICH, outcome=st.sampled_from(["full", "partial", "return_refund", "none"]))
    def platform_decides_dispute(self, which: int, outcome: str) -> None:
        row = self._pick(Dispute, which)
        amount = 77 if outcome == "partial" else None
        self._try(lambda s: disputes.decide(s, row.id, outcome, amount, "Seen", self.world.now, AGENT))

    @rule(which=WHICH)
    def hold_or_release(self, which: int) -> None:
        order = self._order(which)
        if order.frozen:
            self._try(lambda s: fulfilment.unfreeze(s, order.id, self.world.now))
        elif self.steps % 3 == 0:
            self._try(lambda s: fulfilment.freeze(s, order.id, "payment_check", self.world.now))

    @precondition(lambda self: self._any(Chargeback))
    @rule(which=WHICH, verb=st.sampled_from(["evidence", "accept"]))
    def answer_chargeback(self, which: int, verb: str) -> None:
        row = self._pick(Chargeback, which)
        deed = chargebacks.evidence_submitted if verb == "evidence" else chargebacks.accept
        self._try(lambda s: deed(s, row.id, AGENT, self.world.now))

    @precondition(lambda self: self._any(RefundLeg))
    @rule(which=WHICH, verb=st.sampled_from(["cancel", "replace"]))
    def platform_on_leg(self, which: int, verb: str) -> None:
        leg = self._pick(RefundLeg, which)
        if verb == "cancel" and self.steps % 3 == 0:
            self._try(lambda s: refunds.cancel_leg(s, leg.id, self.world.now, AGENT, "wrong"))
        elif verb == "replace":
            self._try(lambda s: refunds.replace_leg(s, leg.id, self.world.now, AGENT))

    # --- time, and policies that change

    @rule(step=STEPS)
    def wait(self, step: timedelta) -> None:
        self.world.now += step

    @rule(which=WHICH, around=AROUND)
    def wait_for_a_deadline(self, which: int, around: timedelta) -> None:
        ahead = sorted(at for at in self._deadlines() if at + around > self.world.now)
        if ahead:
            self.world.now = ahead[min(which // 2, len(ahead) - 1)] + around

    @rule(hours=st.sampled_from([1, 72]), silence=st.sampled_from(["approve", "reject", "escalate"]))
    def change_policies(self, hours: int, silence: str) -> None:
        values = {"response_hours": hours, "on_silence": silence, "dispute_response_days": 1, "ship_back_days": 1}
        self._try(lambda s: s.execute(update(SellerPolicy).values(**values)))

    # --- always

    @invariant()
    def everything_is_right(self) -> None:
        """Rows that a refused deed has left alone need no second look, but what may be done changes with time."""
        self.steps += 1
        if self.changed and self.steps % self.audit_every == 0:
            self._audit()
        with self.world.reading() as session:
            self._check_verdict(session, self.numbers[self.steps % len(self.numbers)])

    def _audit(self) -> None:
        with self.world.reading() as session:
            found = [str(each) for each in audit.violations(session)]
            self.states = {number: state for number, state in session.execute(select(Order.number, Order.state))}
            self.there = {table for table in _PICKED if session.scalar(select(table.id).limit(1)) is not None}
        assert not found, "\n".join(found)
        self.changed = False

    def _check_verdict(self, session: Session, number: str) -> None:
        order = orders.get_by_number(session, number)
        verdict = cancellations.can_cancel(session, order.customer_id, number, self.world.now)
        expected = self._may_cancel(order, session)
        assert verdict.rule.kind == expected, f"{number}: {verdict.rule}, not {expected}"

    # --- helpers

    def _try(self, deed: Deed) -> Any:
        """Do it in one transaction; a refusal by a rule is a result, any other error is a mistake."""
        try:
            with self.world.transaction() as session:
                done = deed(session)
        except RecourseError as refusal:
            return refusal
        self.changed = True
        return done

    def _settle(self, machine: Deadlines) -> None:
        """Settle what is due, twice: the second time there is nothing to do."""
        with self.world.reading() as session:
            due = list(machine.due(session, self.world.now, 50))
            pending = {row_id: self._due_request(session, row_id) for row_id in due if machine.machine == "request"}
        for row_id in due:
            done = self._try(lambda s: machine.settle(s, row_id, self.world.now))  # noqa: B023
            again = self._try(lambda s: machine.settle(s, row_id, self.world.now))  # noqa: B023
            if machine.machine in ("request", "offer"):
                assert again is None or isinstance(again, RecourseError), f"{machine.machine} was settled twice"
            request, order = pending.get(row_id, (None, None))
            if request and order and done is not None and not isinstance(done, RecourseError):
                expected = model.silence(request, order)
                got = "escalated" if done.escalated_at else done.state
                assert got == expected, f"silence made it {got}, not {expected}"

    def _due_request(self, session: Session, request_id: str) -> tuple[RequestView, OrderView]:
        request = cancellations.get(session, request_id)
        assert model.owner(request, self.world.now) == "timer"
        return request, orders.get_by_id(session, request.order_id)

    def _hear(self, kind: str, data: dict[str, Any], late: int) -> None:
        at = self.world.now - timedelta(minutes=late)
        event = webhooks.Event(new_id(), kind, at, data, json.dumps(data).encode())
        done = self._try(lambda s: webhooks.handle(s, event, self.world.now))
        if not isinstance(done, RecourseError):
            self.events.append(event)

    def _may_cancel(self, order: OrderView, session: Session | None = None) -> str:
        if session is None:
            with self.world.reading() as fresh:
                return self._may_cancel(order, fresh)
        earlier = cancellations.all_of(session, order.id)
        pending = any(request.open for request in earlier)
        return model.may_cancel(order, self.world.now, pending, sum(not request.open for request in earlier))

    def _shown_pieces_gone(self, order: OrderView) -> bool:
        return any(line.qty_cancelled or line.qty_shipped or line.qty_refunded for line in order.lines)

    def _see(self, number: str) -> OrderView:
        return self.world.see(number)

    def _order(self, which: int, *states: str) -> OrderView:
        """An order, the newest first; mostly one that is in one of ``states``, where that is what a deed needs."""
        fit = [number for number in self.numbers if self.states.get(number) in states] if which else []
        some = fit or self.numbers
        return self._see(some[-1 - which % len(some)])

    def _request(self, order: OrderView) -> RequestView | None:
        with self.world.reading() as session:
            return cancellations.latest_of(session, [order.id]).get(order.id)

    def _asked(self, which: int) -> tuple[RequestView, OrderView]:
        """A request, the newest ones first, and its order."""
        row = self._pick(CancellationRequest, which // 3)
        with self.world.reading() as session:
            return cancellations.get(session, row.id), orders.get_by_id(session, row.order_id)

    def _in(self, *states: str) -> bool:
        """Is an order in one of these states? As of the last audit, or just now bought."""
        return any(self.states.get(number, states[0]) in states for number in self.numbers)

    def _any(self, table: type[Any]) -> bool:
        """Is there such a row? As of the last audit."""
        return table in self.there

    def _pick(self, table: type[Any], which: int) -> Any:
        """A row of a table, the newest first."""
        with self.world.reading() as session:
            born = select(TransitionLog.entity_id).where(
                TransitionLog.entity_type == table.__tablename__, TransitionLog.from_state.is_(None)
            )
            ids = session.scalars(born.order_by(TransitionLog.id.desc())).all()
            return session.get_one(table, ids[which % len(ids)])

    def _proposal(self, row: Any, side: str) -> str:
        with self.world.reading() as session:
            events = session.get_one(Dispute, row.id).events
            return next((e.id for e in reversed(events) if e.wanted and e.actor_type == side), "none")

    def _buyer_of(self, order_id: str) -> str:
        with self.world.reading() as session:
            return orders.get_by_id(session, order_id).customer_id

    def _buyer_of_leg(self, leg: RefundLeg) -> str:
        with self.world.reading() as session:
            return payments.get(session, leg.payment_id).customer_id

    def _deadlines(self) -> set[datetime]:
        with self.world.reading() as session:
            found: set[datetime | None] = {quote.at + timedelta(minutes=30) for quote in self.shown[-1:]}
            for columns in (
                (Order.pay_by, Order.review_by, Order.ship_by, Order.protect_until),
                (Dispute.respond_by, Dispute.negotiate_by, Dispute.ship_back_by, Dispute.inspect_by),
                (Return.respond_by, Return.ship_back_by, Return.inspect_by),
                (SellerOffer.expires_at,),
                (RefundLeg.action_by,),
                (Chargeback.due_by,),
            ):
                found.update(at for row in session.execute(select(*columns)) for at in row)
            for number in self.numbers:
                order = orders.get_by_number(session, number)
                found.update(request.respond_by for request in cancellations.all_of(session, order.id) if request.open)
        return {at for at in found if at is not None}


def _foreign(order: OrderView) -> str:
    return OTHER if order.customer_id == BUYER else BUYER


def _repeatable_ids() -> None:
    """A life that is lived again has the same ids, and so the same order of rows that are sorted by them."""
    chance = Random(0)
    db.uuid = SimpleNamespace(uuid4=lambda: UUID(int=chance.getrandbits(128), version=4))  # type: ignore[assignment]
