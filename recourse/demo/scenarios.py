"""The situations of the demo: one short function each, which tells an order's story up to now.

What Recourse does itself (quotes, requests, decisions, refunds) is done by its own services with a clock in the past, so
the rows and the log are the real ones. ``SCENARIOS`` maps the label on ``orders.scenario`` to its story.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from datetime import UTC, datetime, time, timedelta

from sqlalchemy import select
from sqlalchemy.orm import Session

from recourse.cancellations import service as cancellations
from recourse.cancellations.service import RequestView
from recourse.core.transitions import Actor
from recourse.demo import shop
from recourse.demo.people import DemoBuyer, DemoSeller
from recourse.demo.shop import Given, Item, Voucher
from recourse.disputes import service as disputes
from recourse.fulfilment import service as fulfilment
from recourse.messages import offers
from recourse.messages import service as messages
from recourse.orders import service as orders
from recourse.orders.deadlines import ship_deadline
from recourse.orders.models import Order, OrderGroup
from recourse.orders.rules import Line
from recourse.refunds import legs as refund_legs
from recourse.refunds import service as refunds
from recourse.refunds.models import Refund, RefundLeg
from recourse.returns import service as returns

PAID_AFTER = timedelta(minutes=2)
THINKS = timedelta(minutes=2)
_CARRIERS = ("Parcelway", "Bluebird Couriers", "Postlane Express")


@dataclass(slots=True)
class Stage:
    """One order in the making: who, what, and the tools to tell its story. ``turn`` differs for a buyer's orders."""

    session: Session
    now: datetime
    number: str
    turn: int
    scenario: str
    buyer: DemoBuyer
    seller: DemoSeller
    items: tuple[Item, ...]
    shipping: int
    group: OrderGroup | None = None
    unread: set[str] = field(default_factory=set)
    """Ids of requests whose notice the buyer has not read yet."""

    def ago(self, *, days: float = 0, hours: float = 0) -> datetime:
        """That long before now, a little longer for every further order of the buyer."""
        return self.now - timedelta(days=days, hours=hours, minutes=23 * self.turn)

    def place(self, at: datetime, *, coupon: bool = False) -> Order:
        """Check out; ``coupon`` takes ten per cent off."""
        voucher = None
        if coupon:
            amount = sum(item.unit_price * item.qty for item in self.items) // 10
            voucher = Voucher(f"SAVE10-{self.number[-4:]}", amount, self.now + timedelta(days=60 + self.turn))
        return shop.place(
            self.session, number=self.number, customer_id=self.buyer.id, seller_id=self.seller.id,
            policy=self.seller.policy_at(at, self.now), currency=self.buyer.currency, items=self.items, at=at, shipping=self.shipping,
            voucher=voucher, scenario=self.scenario, group=self.group,
        )  # fmt: skip

    def given(self, order: Order, method: str | None = None) -> list[Given]:
        """The whole amount from one of the buyer's means of payment (``method``, else the buyer's usual one)."""
        chosen = next((way for way in self.buyer.pays_with if method in (None, way[0])), self.buyer.pays_with[0])
        return [Given(*chosen, shop.due(order))]

    def buy(self, at: datetime, *, coupon: bool = False, method: str | None = None) -> Order:
        """Check out and pay two minutes later."""
        order = self.place(at, coupon=coupon)
        shop.pay(self.session, [order], self.given(order, method), at + PAID_AFTER)
        return order

    @property
    def digits(self) -> str:
        """The digits of the order's number."""
        return self.number.removeprefix("RC-").replace("-", "")

    @property
    def tracking(self) -> str:
        """Tracking number of this order's parcel."""
        return f"PW{int(self.digits) * 7919 % 10**9:09d}{self.buyer.country}"

    @property
    def carrier(self) -> str:
        """Who carries this order's parcels."""
        return _CARRIERS[self.turn % 3]

    @property
    def by_seller(self) -> Actor:
        """The seller, who acts."""
        return Actor("seller", self.seller.id)

    @property
    def lines(self) -> tuple[Line, ...]:
        """The lines of the order as they are now."""
        return orders.get_by_number(self.session, self.number).lines

    def send(self, at: datetime, shipped_at: datetime | None = None) -> None:
        """The seller ships the whole order."""
        fulfilment.seller_ships(
            self.session, self.number, self.carrier, self.tracking, at, self.by_seller,
            shipped_at=shipped_at, promised_by=at + timedelta(days=8),
        )  # fmt: skip

    def send_part(self, at: datetime) -> None:
        """The seller ships the first product of the order, the rest follows."""
        first = self.lines[0]
        fulfilment.seller_ships(
            self.session, self.number, self.carrier, self.tracking, at, self.by_seller, {first.id: first.qty},
            promised_by=at + timedelta(days=7),
        )  # fmt: skip

    def scan(self, state: str, at: datetime, text: str = "") -> None:
        """The carrier reports where the parcel is."""
        fulfilment.carrier_reports(self.session, self.tracking, state, at, text, at, self.carrier)

    def deadlines(self) -> list[tuple[datetime, datetime]]:
        """Times at which the order may have been bought, with the deadline to ship that each would have; newest first."""
        bought = [self.ago(days=days) for days in range(1, 30)]
        policies = [self.seller.policy_at(at, self.now) for at in bought]
        paid = [at + PAID_AFTER for at in bought]
        return [(at, ship_deadline(on, policy)) for at, on, policy in zip(bought, paid, policies, strict=True)]

    def just_missed(self) -> tuple[datetime, datetime]:
        """When to have bought the order for its deadline to have passed a short while ago, and that deadline."""
        return max((at, by) for at, by in self.deadlines() if by < self.now - timedelta(hours=14))

    def confirm(self, at: datetime) -> None:
        """The buyer says that all is well."""
        fulfilment.buyer_confirms(self.session, self.buyer.id, self.number, at)

    def settle(self, order: Order, at: datetime) -> None:
        """A deadline of the order passes."""
        fulfilment.settle(self.session, order.id, at)

    def ask(
        self, at: datetime, reason: str = "no_longer_wanted", note: str | None = None, line: int | None = None
    ) -> RequestView:
        """The buyer asks for cancellation: quote, then yes two minutes later. ``line``: only this product (from 0)."""
        if (at + THINKS).date() != at.date():
            at -= THINKS  # what was shown names days, and they would be others after midnight
        pieces = None if line is None else {self.lines[line].id: self.lines[line].qty}
        offered = cancellations.quote(
            self.session, self.buyer.id, self.number, at, pieces=pieces, reason_code=reason
        )  # fmt: skip
        done = cancellations.submit_cancellation(
            self.session, self.buyer.id, offered.id, reason, note, f"demo:{self.number}", at + THINKS
        )
        if done.request is None:
            raise RuntimeError(f"demo order {self.number} could not be cancelled: {done.outcome}")
        return done.request

    def approve(self, request: RequestView, at: datetime) -> None:
        """The seller says yes."""
        cancellations.seller_approves(self.session, request.id, at, self.by_seller)

    def legs(self) -> list[RefundLeg]:
        """The refund legs of this order."""
        query = (
            select(RefundLeg).join(Refund).join(Order, Refund.order_id == Order.id).where(Order.number == self.number)
        )
        return list(self.session.scalars(query.order_by(RefundLeg.rank)))

    def advance(self, to: str, at: datetime, failure: str | None = None) -> None:
        """Every leg is sent, and its provider says ``to`` at ``at``."""
        for leg in self.legs():
            self.hear(leg, to, at, failure=failure)

    def hear(
        self, leg: RefundLeg, to: str, at: datetime, *, arn: str | None = None, failure: str | None = None
    ) -> None:  # fmt: skip
        """A leg is sent two hours before ``at``, when its provider says ``to`` of it."""
        if refund_legs.start_sending(self.session, leg.id, at - timedelta(hours=2)) is None:
            raise RuntimeError(f"demo order {self.number}: leg {leg.rank} was sent before")
        if leg.method != "balance":
            refund_legs.record_reference(self.session, leg.id, f"rf-{self.digits}-{leg.rank}-{leg.attempt}")
        refunds.record_result(self.session, to, at, at, leg_id=leg.id, arn=arn, reason=failure)

    def arrive(self, leg: RefundLeg) -> None:
        """A leg succeeds on its first expected day; a bank's one has the reference that the buyer can ask about."""
        at = datetime.combine(leg.expected_from, time(10, 14), UTC)
        arn = None
        if leg.method != "balance":
            arn = f"7453{self.digits}{leg.rank}{int(self.digits) * 104729 % 10**10:010d}"
        self.hear(leg, "succeeded", at, arn=arn)


def unpaid(s: Stage) -> None:
    """Checked out, not paid yet."""
    s.place(s.ago(hours=3))


def coupon_reserved(s: Stage) -> None:
    """Not paid yet, with a coupon that waits for the payment."""
    s.place(s.ago(hours=5), coupon=True)


def transfer_pending(s: Stage) -> None:
    """Not paid yet: the bank transfer is on its way."""
    order = s.place(s.ago(hours=20))
    shop.transfer(s.session, [order], s.given(order, "bank"), s.ago(hours=19.9))


def payment_review(s: Stage) -> None:
    """The money is reserved while the payment is checked."""
    order = s.place(s.ago(hours=2))
    shop.authorise(s.session, [order], s.given(order, "card"), s.ago(hours=1.9))


def paid_unsent(s: Stage) -> None:
    """Paid, the seller has not sent it yet."""
    s.buy(s.ago(hours=6))


def multi_item(s: Stage) -> None:
    """Paid and not sent, several products."""
    s.buy(s.ago(hours=21))


def coupon_used(s: Stage) -> None:
    """Paid and not sent, with a coupon that is used up."""
    s.buy(s.ago(hours=28), coupon=True)


def split_tender(s: Stage) -> None:
    """Paid and not sent, from two means of payment: what was in the shop balance, and a card for the rest."""
    _pay_split(s, s.ago(hours=26))


def shared_checkout(s: Stage) -> None:
    """Paid and not sent; one card payment covers two orders of the same checkout."""
    group, together = placed_together(s)
    if len(together) == 2:
        amount = sum(shop.due(each) for each in together)
        shop.pay(s.session, together, [Given(*s.buyer.pays_with[0], amount)], group.placed_at + timedelta(minutes=3))


def placed_together(s: Stage) -> tuple[OrderGroup, list[Order]]:
    """Place the next order of a shared checkout; gives the checkout and its orders so far. Raises ValueError without one."""
    if s.group is None:
        raise ValueError("an order of a shared checkout needs its group")
    s.place(s.group.placed_at)
    query = select(Order).where(Order.group_id == s.group.id).order_by(Order.number)
    return s.group, list(s.session.scalars(query))


def silence_rejects(s: Stage) -> None:
    """Paid and not sent; this seller's silence would mean no."""
    s.buy(s.ago(hours=12))


def ship_blocked(s: Stage) -> None:
    """Paid and not sent; this seller may not ship while a request is open."""
    s.buy(s.ago(hours=15))


def frozen(s: Stage) -> None:
    """On hold for a payment check."""
    order = s.buy(s.ago(days=3))
    fulfilment.freeze(s.session, order.id, "payment_check", s.ago(days=2.5))


def partially_shipped(s: Stage) -> None:
    """A part is on its way."""
    s.buy(s.ago(days=4))
    s.send_part(s.ago(days=1))


def shipped(s: Stage) -> None:
    """On its way."""
    s.buy(s.ago(days=6))
    s.send(s.ago(days=3))
    s.scan("in_transit", s.ago(days=2), "Left the sorting centre")


def delivered(s: Stage) -> None:
    """Delivered two days ago."""
    _received(s, 2)


def completed(s: Stage) -> None:
    """Delivered, and the buyer said that all is well."""
    _received(s, 12)
    s.confirm(s.ago(days=5))


def dispute_window_open(s: Stage) -> None:
    """Completed yesterday: a dispute can still be opened."""
    _received(s, 8)
    s.confirm(s.ago(days=1))


def dispute_window_over(s: Stage) -> None:
    """Completed long ago: too late for a dispute."""
    _received(s, 50)
    s.confirm(s.ago(days=43))


def cancelled(s: Stage) -> None:
    """Cancelled by the buyer before it was paid."""
    s.place(s.ago(days=10))
    s.ask(s.ago(days=9.9), "found_cheaper")


def review_cancelled(s: Stage) -> None:
    """Cancelled by the buyer while the payment was checked: the reserved money was let go."""
    order = s.place(s.ago(days=7))
    shop.authorise(s.session, [order], s.given(order, "card"), s.ago(days=6.99))
    s.ask(s.ago(days=6.9), "ordered_by_mistake", "I picked the wrong size.")


def cancellation_pending(s: Stage) -> None:
    """The seller was asked a few hours ago and may still answer."""
    s.buy(s.ago(days=1.5))
    s.ask(s.ago(hours=4), "found_cheaper")


def cancellation_rejected(s: Stage) -> None:
    """The seller refused because the parcel had left, with its tracking number as proof."""
    s.buy(s.ago(days=6))
    request = s.ask(s.ago(days=5.2))
    at = s.ago(days=5)
    left = at - timedelta(hours=2)
    reason = "Already shipped: the carrier picked it up this morning."
    cancellations.seller_rejects(s.session, request.id, reason, s.tracking, at, s.by_seller, left)
    s.send(at + timedelta(minutes=5), left)


def request_superseded(s: Stage) -> None:
    """The seller shipped while the request was open."""
    s.buy(s.ago(days=5))
    s.ask(s.ago(days=4.4), "change_address")
    s.send(s.ago(days=4))


def request_expired(s: Stage) -> None:
    """The seller did not answer, and its silence means no; shipped since."""
    s.buy(s.ago(days=7))
    request = s.ask(s.ago(days=6.5), "ordered_by_mistake", "I ordered it twice.")
    cancellations.settle(s.session, request.id, s.ago(days=5))
    s.send(s.ago(days=4))


def silence_approved(s: Stage) -> None:
    """The seller did not answer, and its silence means yes; the refund is on its way."""
    s.buy(s.ago(days=8))
    request = s.ask(s.ago(days=7.5), "too_late")
    cancellations.settle(s.session, request.id, s.ago(days=5))
    s.advance("processing", s.ago(days=4.5))


def approved_unread(s: Stage) -> None:
    """The seller has just approved; the buyer does not know yet."""
    s.buy(s.ago(days=1))
    request = s.ask(s.ago(hours=5))
    s.approve(request, s.now - timedelta(minutes=25))
    s.unread.add(request.id)


def refund_in_progress(s: Stage) -> None:
    """Cancelled with the seller's consent; the bank has the refund."""
    _approved(s, 3, coupon=s.turn % 2 == 0)
    s.advance("processing", s.ago(days=2.5))


def refund_split(s: Stage) -> None:
    """Paid from two means of payment and cancelled: the balance is back, the bank has the rest."""
    _pay_split(s, s.ago(days=7.5))
    s.approve(s.ask(s.ago(days=6.7), "found_cheaper"), s.ago(days=6))
    for leg in s.legs():
        if leg.method == "balance":
            s.hear(leg, "succeeded", s.ago(days=5.8))
        else:
            s.hear(leg, "processing", s.ago(days=5.5))


def refund_overdue(s: Stage) -> None:
    """The refund should have arrived weeks ago."""
    _approved(s, 48)
    s.advance("processing", s.ago(days=47))


def refund_failed(s: Stage) -> None:
    """The card had expired: the bank sent the refund back."""
    _approved(s, 12, method="card")
    s.advance("failed", s.ago(days=8), failure="expired_or_canceled_card")


def refund_succeeded(s: Stage) -> None:
    """The refund has arrived, with a reference to ask the bank about."""
    _approved(s, 24)
    for leg in s.legs():
        s.arrive(leg)


def seller_cancelled(s: Stage) -> None:
    """The seller was out of stock; the refund is on its way."""
    s.buy(s.ago(days=6))
    fulfilment.seller_cancels(s.session, s.number, "out of stock", s.ago(days=4), s.by_seller)
    s.advance("processing", s.ago(days=3.5))


def closed(s: Stage) -> None:
    """The parcel came back to the seller; everything was refunded."""
    s.buy(s.ago(days=40))
    s.send(s.ago(days=38))
    s.scan("returned", s.ago(days=20), "Not collected, returned to sender")
    for leg in s.legs():
        s.arrive(leg)


def part_pending(s: Stage) -> None:
    """The seller was asked to cancel one of several products, and may still answer."""
    s.buy(s.ago(days=1.2))
    s.ask(s.ago(hours=3), "ordered_by_mistake", line=0)


def part_cancelled(s: Stage) -> None:
    """One of several products was cancelled with the seller's consent; the rest waits to be shipped."""
    s.buy(s.ago(days=4))
    s.approve(s.ask(s.ago(days=3.5), line=0), s.ago(days=3))
    s.advance("processing", s.ago(days=2.5))


def intercept_possible(s: Stage) -> None:
    """On its way, and this seller can be asked to get it back, for a fee that was in its rules at checkout."""
    s.buy(s.ago(days=3))
    s.send(s.ago(days=1.5))


def intercept_pending(s: Stage) -> None:
    """On its way; the seller was asked to get it back. Silence would be no yes."""
    s.buy(s.ago(days=4))
    s.send(s.ago(days=2))
    s.ask(s.ago(hours=5), "found_cheaper")


def ship_deadline_near(s: Stage) -> None:
    """Paid and not sent, and the seller has little time left."""
    s.buy(min(at for at, ship_by in s.deadlines() if ship_by > s.now + timedelta(hours=1)))


def ship_deadline_over(s: Stage) -> None:
    """The seller did not ship in time: cancelled by itself, the refund is on its way."""
    at, ship_by = s.just_missed()
    s.settle(s.buy(at), ship_by)
    s.advance("processing", ship_by + timedelta(hours=12))


def part_not_shipped(s: Stage) -> None:
    """A part was sent and has arrived; the rest was not sent in time and is refunded."""
    at, ship_by = s.just_missed()
    order = s.buy(at)
    s.send_part(at + timedelta(days=2))
    s.scan("delivered", at + timedelta(days=5), "Delivered")
    s.settle(order, ship_by)
    s.advance("processing", ship_by + timedelta(hours=12))


def unpaid_expired(s: Stage) -> None:
    """Never paid: it ended by itself."""
    order = s.place(s.ago(days=9))
    if order.pay_by is None:
        raise ValueError("an unpaid order has a deadline")
    s.settle(order, order.pay_by)


def lost_refunded(s: Stage) -> None:
    """The carrier lost the parcel; everything is refunded."""
    s.buy(s.ago(days=16))
    s.send(s.ago(days=14))
    s.scan("in_transit", s.ago(days=13), "Left the sorting centre")
    s.scan("lost", s.ago(days=3), "Search closed without a result")
    s.advance("processing", s.ago(days=2.5))


def dispute_open(s: Stage) -> None:
    """It arrived damaged; the seller's answer to the buyer's proposal is awaited."""
    _received(s, 5)
    _dispute(s, s.ago(days=1), "damaged", "One corner is crushed and there is a crack on the front.")


def dispute_countered(s: Stage) -> None:
    """The seller offers less than the buyer wants; both are negotiating."""
    _received(s, 9)
    found = _dispute(s, s.ago(days=4), "quality", "The finish comes off after two days of normal use.")
    offered = max(1, s.lines[0].paid_alloc // 10)
    disputes.seller_counters(
        s.session, s.seller.id, found, "partial", offered, "We can offer a tenth of the price for the flaw.",
        f"demo:{s.number}", s.ago(days=3),
    )  # fmt: skip


def return_open(s: Stage) -> None:
    """The buyer wants to send it back; the seller has agreed."""
    _received(s, 4)
    line = s.lines[0]
    asked = returns.request_return(
        s.session, s.buyer.id, s.number, {line.id: line.qty}, "no_longer_wanted", "It does not suit the room.",
        f"demo:{s.number}", s.ago(days=2),
    )  # fmt: skip
    if asked.state == "requested":
        returns.seller_approves(
            s.session, s.seller.id, asked.id, "Please use the original box and keep the receipt.", s.ago(days=1.5)
        )  # fmt: skip


def offer_open(s: Stage) -> None:
    """The buyer wants to cancel; the seller writes, and offers a part of the price if the order is kept."""
    s.buy(s.ago(days=1.3))
    s.ask(s.ago(hours=6), "found_cheaper")
    text = "It is packed already. Would you keep it if we gave you a little back?"
    messages.send(s.session, s.by_seller, s.number, text, f"demo:{s.number}", s.ago(hours=5))
    amount = max(1, s.lines[0].paid_alloc * 15 // 100)
    offers.offer(s.session, s.seller.id, s.number, amount, "Fifteen per cent back if you keep it.", s.ago(hours=4.9))


def refund_needs_details(s: Stage) -> None:
    """The bank cannot send the refund without details that only the buyer has."""
    _approved(s, 6, method="bank")
    for leg in s.legs():
        refund_legs.start_sending(s.session, leg.id, s.ago(days=5.5))
        refund_legs.record_reference(s.session, leg.id, f"rf-{s.digits}-{leg.rank}-{leg.attempt}")
        refunds.record_result(
            s.session, "requires_action", s.ago(days=5), s.ago(days=5), leg_id=leg.id,
            action_url=f"https://pay.example.com/details/{s.digits}", action_by=s.now + timedelta(days=9),
        )  # fmt: skip


def refund_replaced(s: Stage) -> None:
    """The card had expired, and the buyer chose the shop balance instead: the money is there."""
    _approved(s, 10, method="card")
    s.advance("failed", s.ago(days=8), failure="expired_or_canceled_card")
    (failed,) = s.legs()
    chosen = refunds.choose_route(s.session, s.buyer.id, failed.id, "balance", s.ago(days=7))
    s.hear(s.session.get_one(RefundLeg, chosen.id), "succeeded", s.ago(days=6.8))


def _received(s: Stage, days: float) -> None:
    """Bought and delivered ``days`` ago."""
    s.buy(s.ago(days=days + 10))
    s.send(s.ago(days=days + 7))
    s.scan("delivered", s.ago(days=days), "Delivered")


def _dispute(s: Stage, at: datetime, reason: str, text: str) -> str:
    """The buyer wants half the price of the first product back; returns the dispute's id."""
    line = s.lines[0]
    return disputes.open_dispute(
        s.session, s.buyer.id, s.number, line.id, line.qty, "not_as_described", reason, "partial", line.paid_alloc // 2,
        text, f"demo:{s.number}", at,
    ).id  # fmt: skip


def _pay_split(s: Stage, at: datetime) -> None:
    order = s.place(at)
    ((card, card_name),) = [way for way in s.buyer.pays_with if way[0] == "card"]
    ((balance, balance_name),) = [way for way in s.buyer.pays_with if way[0] == "balance"]
    part = shop.due(order) // 3
    gift = at - timedelta(days=9)
    shop.credit(s.session, s.buyer.id, part, order.currency, "adjustment", "gift_card", order.id, gift)
    given = [Given(card, card_name, shop.due(order) - part), Given(balance, balance_name, part)]
    shop.pay(s.session, [order], given, at + timedelta(minutes=2))


def _approved(s: Stage, days: float, *, coupon: bool = False, method: str | None = None) -> None:
    """Paid, asked to cancel, and approved by the seller ``days`` ago."""
    s.buy(s.ago(days=days + 1.5), coupon=coupon, method=method)
    s.approve(s.ask(s.ago(days=days + 0.7)), s.ago(days=days))


SCENARIOS: Mapping[str, Callable[[Stage], None]] = {
    story.__name__: story
    for story in (
        unpaid, coupon_reserved, transfer_pending, payment_review,
        paid_unsent, multi_item, coupon_used, split_tender, shared_checkout, silence_rejects, ship_blocked, frozen,
        partially_shipped, shipped, delivered, completed, dispute_window_open, dispute_window_over,
        cancelled, review_cancelled, cancellation_pending, cancellation_rejected, request_superseded, request_expired,
        silence_approved, approved_unread, refund_in_progress, refund_split, refund_overdue, refund_failed, refund_succeeded,
        seller_cancelled, closed,
        part_pending, part_cancelled, intercept_possible, intercept_pending, ship_deadline_near, ship_deadline_over,
        part_not_shipped, unpaid_expired, lost_refunded, dispute_open, dispute_countered, return_open, offer_open,
        refund_needs_details, refund_replaced,
    )
}  # fmt: skip
