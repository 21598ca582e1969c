"""What a buyer does on the shop's pages, outside the chat."""

from __future__ import annotations

from collections.abc import Callable, Mapping

from sqlalchemy.orm import Session

from pytest_rasa.world import WorldError
from recourse.core.transitions import Actor
from recourse.demo.catalogue import PRODUCTS
from recourse.disputes import rules as dispute_rules
from recourse.disputes import service as disputes
from recourse.fulfilment import service as fulfilment
from recourse.messages import asks, offers
from recourse.messages import service as messages
from recourse.orders.rules import OrderView
from recourse.privacy import service as privacy
from recourse.refunds import service as refunds
from recourse.returns import service as returns
from recourse.watches import service as watches
from recourse_world.steps.hands import Hands, line_ids, minor_units, new_key
from recourse_world.steps.open_things import dispute_of, lost_leg_of, offer_of, return_of
from recourse_world.steps.shapes import BuyerStep

_CARRIER, _TRACKING = "Parcel Express", "PX987654321"


def buyer_does(session: Session, hands: Hands, step: BuyerStep) -> None:
    """Carry it out. Raises WorldError."""
    _DOES[step.does](session, hands, step)


def _confirm_receipt(s: Session, hands: Hands, step: BuyerStep) -> None:
    fulfilment.buyer_confirms(s, hands.speaker.id, hands.number(step.order), hands.now())


def _return(s: Session, hands: Hands, step: BuyerStep) -> None:
    order = hands.order(s, step.order)
    pieces = line_ids(order, step.pieces) or {line.id: line.kept for line in order.lines if line.kept}
    reason = step.reason or "no_longer_wanted"
    returns.request_return(s, hands.speaker.id, order.number, pieces, reason, step.text, new_key(), hands.now())


def _send_back(s: Session, hands: Hands, step: BuyerStep) -> None:
    order = hands.order(s, step.order)
    parcel = step.carrier or _CARRIER, step.tracking or _TRACKING
    if order.issue == "dispute":
        disputes.send_back(s, hands.speaker.id, dispute_of(s, order).id, *parcel, hands.now())
    else:
        returns.send_back(s, hands.speaker.id, return_of(s, order).id, *parcel, hands.now())


def _cancel_return(s: Session, hands: Hands, step: BuyerStep) -> None:
    returns.cancel(s, hands.speaker.id, return_of(s, hands.order(s, step.order)).id, hands.now())


def _withdraw(s: Session, hands: Hands, step: BuyerStep) -> None:
    order, now = hands.order(s, step.order), hands.now()
    returns.declare_withdrawal(s, hands.speaker.id, order.number, line_ids(order, step.pieces), now, now, new_key())


def _dispute(s: Session, hands: Hands, step: BuyerStep) -> None:
    order = hands.order(s, step.order)
    line_id, qty = _one_line(order, line_ids(order, step.pieces))
    reason = dispute_rules.REASONS.get(step.reason or "")
    if reason is None:
        raise WorldError(
            f"{step.reason!r} is a reason to return; to dispute: {', '.join(sorted(dispute_rules.REASONS))}"
        )
    wanted = step.wanted or dispute_rules.OPENING[reason.type][0]
    disputes.open_dispute(
        s, hands.speaker.id, order.number, line_id, qty, reason.type, reason.code, wanted,
        _asked(order, wanted, step), step.text or "It is not what I ordered.", new_key(), hands.now(),
    )  # fmt: skip


def _counter(s: Session, hands: Hands, step: BuyerStep) -> None:
    order = hands.order(s, step.order)
    dispute, wanted = dispute_of(s, order), step.wanted or ""
    amount = _asked(order, wanted, step)
    disputes.buyer_counters(s, hands.speaker.id, dispute.id, wanted, amount, step.text, new_key(), hands.now())


def _accept_proposal(s: Session, hands: Hands, step: BuyerStep) -> None:
    dispute = dispute_of(s, hands.order(s, step.order))
    if dispute.seller_proposal is None:
        raise WorldError("the seller has proposed nothing that could be accepted; `seller: counter` does")
    disputes.buyer_accepts(s, hands.speaker.id, dispute.id, dispute.seller_proposal.id, hands.now())


def _escalate(s: Session, hands: Hands, step: BuyerStep) -> None:
    disputes.escalate(s, hands.speaker.id, dispute_of(s, hands.order(s, step.order)).id, hands.now())


def _give_up_dispute(s: Session, hands: Hands, step: BuyerStep) -> None:
    disputes.withdraw(s, hands.speaker.id, dispute_of(s, hands.order(s, step.order)).id, hands.now())


def _accept_offer(s: Session, hands: Hands, step: BuyerStep) -> None:
    offers.accept_offer(s, hands.speaker.id, offer_of(s, hands.order(s, step.order)), hands.now())


def _decline_offer(s: Session, hands: Hands, step: BuyerStep) -> None:
    offers.decline_offer(s, hands.speaker.id, offer_of(s, hands.order(s, step.order)), hands.now())


def _answer(s: Session, hands: Hands, step: BuyerStep) -> None:
    order = hands.order(s, step.order)
    asked = asks.open_actions(s, order.id)
    if not asked:
        raise WorldError(f"the seller asks nothing about order {order.number}; `seller: {{does: ask, text: ...}}` does")
    asks.answer_action(s, hands.speaker.id, asked[0].id, step.text, hands.now())


def _choose_route(s: Session, hands: Hands, step: BuyerStep) -> None:
    leg = lost_leg_of(s, hands.order(s, step.order), hands.now())
    refunds.choose_route(s, hands.speaker.id, leg.id, step.to or "", hands.now())


def _watch(s: Session, hands: Hands, step: BuyerStep) -> None:
    if step.sku not in PRODUCTS:
        raise WorldError(f"there is no product {step.sku!r}; there are: {', '.join(sorted(PRODUCTS))}")
    watches.watch(s, hands.speaker.id, step.sku, PRODUCTS[step.sku].title, hands.now())


def _write(s: Session, hands: Hands, step: BuyerStep) -> None:
    author, number = Actor("buyer", hands.speaker.id), hands.number(step.order)
    messages.send(s, author, number, step.text or "", new_key(), hands.now())


def _erase(s: Session, hands: Hands, _step: BuyerStep) -> None:
    """Asked for, and confirmed with a fresh log-in."""
    now = hands.now()
    asked = privacy.request_erasure(s, hands.speaker.id, now, new_key())
    privacy.verify(s, hands.speaker.id, asked.id, now, now)


def _keep_account(s: Session, hands: Hands, _step: BuyerStep) -> None:
    erasure = privacy.mine(s, hands.speaker.id)
    if erasure is None:
        raise WorldError("this buyer has not asked for an erasure; `buyer: erase` does")
    privacy.cancel(s, hands.speaker.id, erasure.id, hands.now())


def _one_line(order: OrderView, pieces: dict[str, int] | None) -> tuple[str, int]:
    found = pieces or {line.id: line.kept or line.qty for line in order.lines}
    if len(found) != 1:
        raise WorldError(f"say with `pieces` which article is meant: {', '.join(line.sku for line in order.lines)}")
    return next(iter(found.items()))


def _asked(order: OrderView, wanted: str, step: BuyerStep) -> int | None:
    if step.amount is not None:
        return minor_units(step.amount, order.currency)
    return order.lines[0].paid_alloc // 2 if wanted == "partial" else None


_DOES: Mapping[str, Callable[[Session, Hands, BuyerStep], None]] = {
    "confirm_receipt": _confirm_receipt,
    "return": _return,
    "send_back": _send_back,
    "cancel_return": _cancel_return,
    "withdraw": _withdraw,
    "dispute": _dispute,
    "counter": _counter,
    "accept_proposal": _accept_proposal,
    "escalate": _escalate,
    "give_up_dispute": _give_up_dispute,
    "accept_offer": _accept_offer,
    "decline_offer": _decline_offer,
    "answer": _answer,
    "choose_route": _choose_route,
    "watch": _watch,
    "write": _write,
    "erase": _erase,
    "keep_account": _keep_account,
}
