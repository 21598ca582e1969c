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
from recourse.orders import service as orders
from recourse.orders.models import Order, OrderGroup
from recourse.refunds import service as refunds
from recourse.refunds.models import Refund, RefundLeg
from recourse.refunds.rules import whole_order

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
        shop.pay(self.session, [order], self.given(order, method), at + timedelta(minutes=2))
        return order

    @property
    def digits(self) -> str:
        """The digits of the order's number."""
        return self.number.removeprefix("RC-").replace("-", "")

    @property
    def tracking(self) -> str:
        """Tracking number of this order's parcel."""
        return f"PW{int(self.digits) * 7919 % 10**9:09d}{self.buyer.country}"

    def send(self, order: Order, at: datetime) -> None:
        """The seller ships the whole order."""
        cancellations.seller_ships(
            self.session, order.number, _CARRIERS[self.turn % 3], self.tracking, at, Actor("seller", self.seller.id)
        )
        self.session.refresh(order, ["shipments"])
        order.shipments[-1].promised_by = at + timedelta(days=8)

    def ask(self, at: datetime, reason: str = "no_longer_wanted", note: str | None = None) -> RequestView:
        """The buyer asks for cancellation: quote, then yes two minutes later."""
        offered = cancellations.quote(self.session, self.buyer.id, self.number, at)
        done = cancellations.submit_cancellation(
            self.session, self.buyer.id, offered.id, reason, note, f"demo:{self.number}", at + timedelta(minutes=2)
        )
        if done.request is None:
            raise RuntimeError(f"demo order {self.number} could not be cancelled: {done.outcome}")
        return done.request

    def approve(self, request: RequestView, at: datetime) -> None:
        """The seller says yes."""
        cancellations.seller_approves(self.session, request.id, at, Actor("seller", self.seller.id))

    def legs(self) -> list[RefundLeg]:
        """The refund legs of this order."""
        query = (
            select(RefundLeg).join(Refund).join(Order, Refund.order_id == Order.id).where(Order.number == self.number)
        )
        return list(self.session.scalars(query.order_by(RefundLeg.rank)))

    def advance(self, to: str, at: datetime, failure: str | None = None) -> None:
        """Every leg goes on to ``to``."""
        for leg in self.legs():
            shop.advance_leg(self.session, leg, to, at, failure=failure)

    def arrive(self, leg: RefundLeg) -> None:
        """A leg succeeds on its first expected day; a bank's one has the reference that the buyer can ask about."""
        at = datetime.combine(leg.expected_from, time(10, 14), UTC)
        reference = None
        if leg.method != "balance":
            reference = f"7453{self.digits}{leg.rank}{int(self.digits) * 104729 % 10**10:010d}"
        shop.advance_leg(self.session, leg, "succeeded", at, reference=reference)

    def refund_all(self, order: Order, cause: str, at: datetime) -> None:
        """Grant the whole amount back for ``cause``, as a shop does without a buyer's request."""
        view = orders.get_by_id(self.session, order.id)
        used = sum(coupon.amount for coupon in view.coupons if coupon.state == "used")
        to_balance = view.policy.coupon_on_refund == "balance"
        day = at.date()
        breakdown = whole_order(view.tenders, used, to_balance, refunds.ranges(self.session), day, day)
        orders.settle_coupons(self.session, order.id, to_balance, at)
        refunds.grant(self.session, view, cause, order.id, breakdown, at)


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
    if s.group is None:
        raise ValueError("an order of a shared checkout needs its group")
    s.place(s.group.placed_at)
    together = list(s.session.scalars(select(Order).where(Order.group_id == s.group.id).order_by(Order.number)))
    if len(together) == 2:
        amount = sum(shop.due(each) for each in together)
        shop.pay(s.session, together, [Given(*s.buyer.pays_with[0], amount)], s.group.placed_at + timedelta(minutes=3))


def silence_rejects(s: Stage) -> None:
    """Paid and not sent; this seller's silence would mean no."""
    s.buy(s.ago(hours=12))


def ship_blocked(s: Stage) -> None:
    """Paid and not sent; this seller may not ship while a request is open."""
    s.buy(s.ago(hours=15))


def frozen(s: Stage) -> None:
    """On hold for a payment check."""
    order = s.buy(s.ago(days=3))
    order.frozen, order.frozen_reason = True, "payment_check"


def partially_shipped(s: Stage) -> None:
    """A part is on its way."""
    order = s.buy(s.ago(days=4))
    shop.ship_part(s.session, order, 1, _CARRIERS[s.turn % 3], s.tracking, s.ago(days=1))


def shipped(s: Stage) -> None:
    """On its way."""
    s.send(s.buy(s.ago(days=6)), s.ago(days=3))


def delivered(s: Stage) -> None:
    """Delivered two days ago."""
    _received(s, 2)


def completed(s: Stage) -> None:
    """Delivered and taken as received."""
    shop.complete(s.session, _received(s, 12), s.ago(days=5))


def dispute_window_open(s: Stage) -> None:
    """Completed yesterday: a dispute can still be opened."""
    shop.complete(s.session, _received(s, 8), s.ago(days=1))


def dispute_window_over(s: Stage) -> None:
    """Completed long ago: too late for a dispute."""
    shop.complete(s.session, _received(s, 50), s.ago(days=43))


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
    order = s.buy(s.ago(days=6))
    request = s.ask(s.ago(days=5.2))
    actor = Actor("seller", s.seller.id)
    at = s.ago(days=5)
    reason = "Already shipped: the carrier picked it up this morning."
    cancellations.seller_rejects(s.session, request.id, reason, s.tracking, at, actor)
    s.send(order, at + timedelta(minutes=5))


def request_superseded(s: Stage) -> None:
    """The seller shipped while the request was open."""
    order = s.buy(s.ago(days=5))
    s.ask(s.ago(days=4.4), "change_address")
    s.send(order, s.ago(days=4))


def request_expired(s: Stage) -> None:
    """The seller did not answer, and its silence means no; shipped since."""
    order = s.buy(s.ago(days=7))
    request = s.ask(s.ago(days=6.5), "ordered_by_mistake", "I ordered it twice.")
    cancellations.settle(s.session, request.id, s.ago(days=5))
    s.send(order, s.ago(days=4))


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
            shop.advance_leg(s.session, leg, "succeeded", s.ago(days=5.8))
        else:
            shop.advance_leg(s.session, leg, "processing", s.ago(days=5.5))


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
    order = s.buy(s.ago(days=6))
    at = s.ago(days=4)
    orders.move(
        s.session, order.id, "cancelled", Actor("seller", s.seller.id), at, "out of stock",
        cancelled_at=at, close_reason="seller_cancelled",
    )  # fmt: skip
    orders.cancel_lines(s.session, order.id)
    s.refund_all(order, "seller_cancel", at)
    s.advance("processing", s.ago(days=3.5))


def closed(s: Stage) -> None:
    """The parcel came back to the seller; everything was refunded."""
    order = s.buy(s.ago(days=40))
    s.send(order, s.ago(days=38))
    at = s.ago(days=20)
    orders.move(
        s.session, order.id, "closed", Actor("carrier"), at, "returned to sender", close_reason="returned_to_sender"
    )
    s.refund_all(order, "return", at)
    for leg in s.legs():
        s.arrive(leg)


def _received(s: Stage, days: float) -> Order:
    """Bought and delivered ``days`` ago."""
    order = s.buy(s.ago(days=days + 10))
    s.send(order, s.ago(days=days + 7))
    shop.deliver(s.session, order, s.ago(days=days))
    return order


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
    )
}  # fmt: skip
