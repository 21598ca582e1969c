"""Random lives of an order: buyer, seller, bank, timer, hold and clock in any order. After every step the result is what
the rules say, and all rows keep the invariants (HYPOTHESIS_PROFILE=nightly runs many more and longer lives)."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any

import pytest
from hypothesis import settings
from hypothesis import strategies as st
from hypothesis.stateful import (
    RuleBasedStateMachine,
    initialize,
    invariant,
    precondition,
    rule,
    run_state_machine_as_test,
)
from sqlalchemy import select, update

from recourse.cancellations import rules
from recourse.cancellations import service as cancellations
from recourse.core.db import new_id
from recourse.core.errors import Conflict, IdempotencyMismatch, InvalidInput, NotAllowed, NotFound, RecourseError
from recourse.demo import shop
from recourse.demo.shop import Given, Item
from recourse.orders import service as orders
from recourse.orders.models import Order
from recourse.orders.rules import OrderView
from recourse.sellers.models import SellerPolicy
from tests.unit import audit
from tests.unit.world import BALANCE, CARD, NOW, OTHER, World

ITEMS = (Item("MUG", "Mug", 999, qty=3), Item("TRAY", "Tray", 2450), Item("PEN", "Pen", 1))
REASONS = ("no_longer_wanted", "no_longer_wanted", "no_longer_wanted", "cannot_pay")
KEYS = ("k1", "", "", "")
"""An empty one stands for a key that was never used."""
STEPS = st.sampled_from([timedelta(minutes=7), timedelta(minutes=30), timedelta(hours=5)])
AROUND = st.sampled_from([timedelta(seconds=-1), timedelta(0), timedelta(seconds=1)])
ANY = st.sampled_from([0, 0, 0, 1, 2])
"""Which of several, counted from the newest."""


@dataclass
class Shown:
    """A quote that the buyer has seen."""

    id: str
    number: str
    version: int
    at: datetime


@dataclass
class Asked:
    """A request that the seller has on the desk."""

    id: str
    respond_by: datetime


class Life(RuleBasedStateMachine):
    """The orders of one buyer, one after the other. ``world`` is set by the test."""

    world: World
    view: OrderView
    over = False

    def __init__(self) -> None:
        super().__init__()
        self.number = ""
        self.steps = 0
        self.shown: list[Shown] = []
        self.asked: list[Asked] = []
        self.keys: dict[str, tuple[str, str, str, str]] = {}

    def teardown(self) -> None:
        self.world.clear()

    @initialize(
        state=st.sampled_from(["awaiting_payment", "payment_review", "to_ship", "to_ship"]),
        coupon=st.sampled_from([0, 0, 777]),
        split=st.booleans(),
        hours=st.sampled_from([24, 48]),
        on_silence=st.sampled_from(["approve", "approve", "reject"]),
        while_pending=st.sampled_from(["supersedes", "block"]),
        coupon_back=st.sampled_from(["balance", "none"]),
    )
    def begin(
        self, state: str, coupon: int, split: bool, hours: int, on_silence: str, while_pending: str, coupon_back: str
    ) -> None:
        self.world.now = NOW
        self.next_order(state, coupon, split, hours, on_silence, while_pending, coupon_back)

    @precondition(lambda self: self.over)
    @rule(
        state=st.sampled_from(["awaiting_payment", "to_ship"]),
        coupon=st.sampled_from([0, 777]),
        split=st.booleans(),
        hours=st.sampled_from([1, 24]),
        on_silence=st.sampled_from(["approve", "reject"]),
        while_pending=st.sampled_from(["supersedes", "block"]),
        coupon_back=st.sampled_from(["balance", "none"]),
    )
    def next_order(
        self, state: str, coupon: int, split: bool, hours: int, on_silence: str, while_pending: str, coupon_back: str
    ) -> None:
        self.shown, self.asked = self.shown[-1:], self.asked[-1:]
        self.number = self.world.order(
            state, items=ITEMS, coupon=coupon, shipping=490, ways=(BALANCE, CARD) if split else (CARD,),
            shares=(1234,) if split else (), response_hours=hours, on_silence=on_silence, ship_while_pending=while_pending,
            coupon_on_refund=coupon_back,
        )  # fmt: skip

    # --- the buyer

    @precondition(lambda self: not self.over or self.steps % 4 == 0)
    @rule()
    def look(self) -> None:
        order = self.view
        verdict = rules.can_cancel(order.state, order.frozen, self.open is not None)
        if verdict.kind == rules.NO:
            with pytest.raises(NotAllowed):
                self.world.quote(self.number)
            return
        self.shown.append(Shown(self.world.quote(self.number), self.number, order.version, self.world.now))

    @precondition(lambda self: not self.over and not self.open)
    @rule()
    def ask(self) -> None:
        self.look()
        if self.shown:
            self.say_yes(0, "no_longer_wanted", new_id())

    @precondition(lambda self: self.shown)
    @rule(which=ANY, reason=st.sampled_from(REASONS), key=st.sampled_from(KEYS))
    def say_yes(self, which: int, reason: str, key: str) -> None:
        quote, key = self._pick(self.shown, which), key or new_id()
        order = self.world.see(quote.number)
        is_open = quote.number == self.number and self.open is not None
        expected = self._expected(quote, order, is_open, reason, key)
        key_is_new = key not in self.keys
        if isinstance(expected, type):
            with pytest.raises(expected):
                self.world.submit(quote.id, reason=reason, key=key)
            return
        done = self.world.submit(quote.id, reason=reason, key=key)
        assert done.outcome == expected
        if done.request is None:
            assert done.outcome in ("requote", "refused")
        elif key in self.keys:
            assert done.request.id == self.keys[key][2]
        elif done.outcome != "already_requested":
            self.keys[key] = (quote.id, reason, done.request.id, done.outcome)
        if done.outcome == "requested" and done.request is not None and done.request.respond_by is not None:
            if key_is_new:
                self.asked.append(Asked(done.request.id, done.request.respond_by))
        if done.quote is not None:
            self.shown.append(Shown(done.quote.id, quote.number, order.version, self.world.now))

    def _expected(
        self, quote: Shown, order: OrderView, is_open: bool, reason: str, key: str
    ) -> str | type[RecourseError]:
        if key in self.keys:
            known_quote, known_reason, _, outcome = self.keys[key]
            return outcome if (known_quote, known_reason) == (quote.id, reason) else IdempotencyMismatch
        kind = rules.can_cancel(order.state, order.frozen, is_open).kind
        if is_open and not order.frozen:
            return "already_requested"
        if kind == rules.NO:
            return "refused"
        if self.world.now >= quote.at + rules.QUOTE_LIFETIME or quote.version != order.version:
            return "requote"
        if rules.reason(order.state, reason) is None:
            return InvalidInput
        return "cancelled" if kind == rules.INSTANT else "requested"

    @precondition(lambda self: self.shown and self.steps % 4 == 0)
    @rule(which=ANY)
    def somebody_else_says_yes(self, which: int) -> None:
        with pytest.raises(NotFound):
            self.world.submit(self._pick(self.shown, which).id, buyer=OTHER)

    # --- the seller

    @precondition(lambda self: self.open or (self.asked and self.steps % 4 == 0))
    @rule(which=ANY, verb=st.sampled_from(["approve", "reject"]))
    def decide(self, which: int, verb: str) -> None:
        request = self._pick(self.asked, which)
        act = getattr(self.world, verb)
        if self.world.request_state(request.id) != "pending_seller" or self.world.now >= request.respond_by:
            with pytest.raises(Conflict):
                act(request.id)
        elif verb == "approve" and self.view.frozen:
            with pytest.raises(NotAllowed):
                act(request.id)
        else:
            act(request.id)
            assert self.world.request_state(request.id) == ("approved" if verb == "approve" else "rejected")

    @precondition(lambda self: self.steps > 3 and (self.view.state == "to_ship" or self.steps % 4 == 0))
    @rule()
    def ship(self) -> None:
        order, pending = self.view, self.open
        blocked = pending is not None and order.policy.ship_while_pending == "block"
        due = pending is not None and self.world.now >= pending.respond_by
        if order.state != "to_ship" or blocked:
            with pytest.raises(NotAllowed):
                self.world.ship(self.number)
        elif due and order.policy.on_silence == "approve" and not order.frozen:
            with pytest.raises(Conflict):
                self.world.ship(self.number)
        else:
            self.world.ship(self.number)
            assert self.world.see(self.number).state == "shipped"
            assert pending is None or self.world.request_state(pending.id) == "superseded"

    @rule(hours=st.sampled_from([1, 24, 72]))
    def change_policy(self, hours: int) -> None:
        with self.world.transaction() as session:
            session.execute(update(SellerPolicy).values(response_hours=hours, on_silence="reject"))

    # --- bank, carrier, hold, clock, timer

    @precondition(lambda self: self.view.state == "awaiting_payment")
    @rule(review=st.booleans())
    def pay(self, review: bool) -> None:
        with self.world.transaction() as session:
            row = self._row(session)
            given = [Given(*CARD, shop.due(row))]
            (shop.authorise if review else shop.pay)(session, [row], given, self.world.now)

    @precondition(lambda self: self.view.state == "payment_review")
    @rule()
    def pass_review(self) -> None:
        with self.world.transaction() as session:
            row = self._row(session)
            shop.capture(session, [row], [alloc.payment for alloc in row.allocations], self.world.now)

    @precondition(lambda self: self.view.state == "shipped")
    @rule()
    def deliver(self) -> None:
        with self.world.transaction() as session:
            shop.deliver(session, self._row(session), self.world.now)

    @precondition(lambda self: not self.over)
    @rule()
    def hold_or_release(self) -> None:
        held = not self.view.frozen
        self.world.set_order(self.number, frozen=held, frozen_reason="payment_check" if held else None)

    @rule(step=STEPS)
    def wait(self, step: timedelta) -> None:
        self.world.now += step

    @precondition(lambda self: self.open)
    @rule(around=AROUND)
    def wait_for_the_deadline(self, around: timedelta) -> None:
        self.world.now = max(self.world.now, self.open.respond_by + around)

    @precondition(lambda self: self.open or (self.asked and self.steps % 4 == 0))
    @rule(which=ANY)
    def timer(self, which: int) -> None:
        request, order = self._pick(self.asked, which), self.view
        waiting = self.world.request_state(request.id) == "pending_seller" and self.world.now >= request.respond_by
        with self.world.reading() as session:
            assert (request.id in cancellations.due(session, self.world.now)) is waiting
        done = self.world.settle(request.id)
        if not waiting:
            assert done is None
        else:
            assert done == rules.outcome_of_silence(order.policy.on_silence, order.state, order.frozen)

    @invariant()
    def rows_keep_the_rules(self) -> None:
        self.steps += 1
        with self.world.reading() as session:
            audit.check(session)
            self.view = orders.get_by_number(session, self.number)
            pending = [each for each in self.asked if cancellations.get(session, each.id).state == "pending_seller"]
        self.open: Asked | None = pending[0] if pending else None
        self.over = not self.open and self.view.state in ("cancelled", "delivered")

    # --- helpers

    def _pick(self, things: list[Any], which: int) -> Any:
        return things[-1 - which % len(things)]

    def _row(self, session: Any) -> Order:
        return session.scalars(select(Order).where(Order.number == self.number)).one()


def test_any_life_of_an_order_keeps_the_rules(world: World) -> None:
    class Here(Life):
        pass

    Here.world = world
    profile = settings()
    if world.engine.dialect.name == "postgresql":  # the rules are the same; what differs is the SQL
        profile = settings(max_examples=profile.max_examples // 3)
    run_state_machine_as_test(Here, settings=profile)
