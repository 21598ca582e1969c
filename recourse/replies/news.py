"""News in words: what happened to orders, refunds, disputes, returns and requests while the buyer was away.

Each function words one kind of notice from rows that were read now. ``kind`` is the kind of the outbox row. None: what the
notice was about is over, by the buyer's own doing or with news of its own, so there is nothing left to say.
"""

from __future__ import annotations

from recourse.core.money import Money
from recourse.disputes.rules import NONE, NOT_RECEIVED, PARTIAL, RETURN_REFUND
from recourse.disputes.views import DisputeView, EventView
from recourse.messages.asks import ActionView
from recourse.messages.offers import OfferView
from recourse.messages.service import MessageView
from recourse.overview.service import Case
from recourse.privacy.service import ErasureView
from recourse.refunds.rules import CHARGED_BACK
from recourse.refunds.service import LegView
from recourse.replies import refund as refund_words
from recourse.replies.voice import Say, Voice
from recourse.replies.waiting import pieces
from recourse.returns.views import ReturnView
from recourse.watches.service import WatchView

_MESSAGE_MAX = 400

_TRUE_WHILE = {
    "dispute_countered": "negotiating",
    "dispute_in_review": "platform_review",
    "dispute_return_agreed": "awaiting_return",
    "dispute_decided": "resolved",
    "return_approved": "approved",
    "return_declined": "declined",
    "return_expired": "expired",
    "return_refunded": "refunded",
    "erasure_on_hold": "on_hold",
    "erasure_scheduled": "scheduled",
    "erasure_refused": "refused",
}
"""The state that a notice of a dispute, a return or an erasure speaks of."""


def order_news(voice: Voice, item: Case, kind: str) -> Say | None:
    """The order ended, or was put on hold, without the buyer's doing; with what comes back."""
    order, name = item.order, kind
    if kind == "order_on_hold":
        if not order.frozen:
            return None
        name = "order_bank_dispute" if order.issue == "chargeback" else kind
    elif kind == "order_off_hold" and order.close_reason == CHARGED_BACK:
        name = f"order_charged_back_{order.state}"
    elif kind == "order_off_hold" and (order.frozen or order.state in ("cancelled", "closed")):
        return None
    return Say(f"utter_notice_{name}", {**_order(voice, item), "money": refund_words.outcome(voice, item)})


def refund_news(voice: Voice, item: Case, leg: LegView, kind: str) -> Say:
    """One leg of a refund arrived, failed, came back, or waits for bank details."""
    values = {**_order(voice, item), "amount": voice.money(leg.amount), "instrument": leg.instrument}
    if leg.state == "requires_action":
        values["until"] = voice.text("utter_notice_until", date=voice.when(leg.action_by)) if leg.action_by else ""
        values["link"] = refund_words.link(voice, leg.action_url) or "."
        return Say("utter_notice_refund_needs_details", values)
    if kind == "refund_reversed" and leg.replaced_by is not None:
        return Say("utter_notice_refund_reversed", values)
    if leg.state == "failed" and leg.missing:
        values["failure"] = refund_words.failure(voice, leg)
        return Say("utter_notice_refund_failed", values, (_person(voice, item),))
    buttons = (_person(voice, item),) if leg.missing else ()
    return Say("utter_notice_refund_news", {**values, "lines": refund_words.leg_line(voice, leg)}, buttons)


def message_news(voice: Voice, item: Case, message: MessageView) -> Say:
    """The seller, or the platform, wrote. What leads off the platform is left out, with a warning."""
    text = voice.text("utter_notice_off_platform", text=message.shown) if message.off_platform else message.shown
    name = "utter_notice_seller_wrote" if message.author == "seller" else "utter_notice_platform_wrote"
    return Say(name, {**_order(voice, item), "message": _short(text)})


def action_news(voice: Voice, item: Case, action: ActionView) -> Say | None:
    """The seller asks for something before deciding; an answer may have been given, or the request be over."""
    if action.state != "open":
        return None
    link = refund_words.link(voice, action.url)
    values = {**_order(voice, item), "message": _short(action.text), "link": link}
    return Say("utter_notice_seller_asks", values, (_person(voice, item),))


def offer_news(voice: Voice, item: Case, offer: OfferView, kind: str) -> Say | None:
    """The seller offers a part of the money, or an offer has ended that the buyer took no decision about."""
    told_apart = kind == "seller_offers" and offer.state == "expired"  # its end has news of its own
    if offer.state in ("accepted", "declined") or told_apart:
        return None
    still_open = kind == "seller_offers" and offer.state == "open"
    values = {**_order(voice, item), "amount": voice.money(offer.amount), "date": voice.when(offer.open_until)}
    if not still_open:
        return Say("utter_notice_offer_expired", values)
    return Say("utter_notice_seller_offers", values, (_person(voice, item),))


def dispute_news(voice: Voice, dispute: DisputeView, event: EventView | None, kind: str) -> Say | None:
    """The seller answered a dispute, the platform took it up, or it is decided."""
    if dispute.state != _TRUE_WHILE[kind] or (kind == "dispute_countered" and _answered(dispute, event)):
        return None
    values = {"number": dispute.order_number, "title": dispute.title, "seller": dispute.seller, "date": ""}
    if kind == "dispute_countered" and dispute.negotiate_by is not None:
        values["date"] = voice.when(dispute.negotiate_by)
        values["proposal"] = _proposal(voice, dispute, event)
    elif kind == "dispute_return_agreed" and dispute.ship_back_by is not None:
        values["date"] = voice.when(dispute.ship_back_by)
    elif kind == "dispute_decided":
        values["outcome"] = _decided(voice, dispute)
    return Say(f"utter_notice_{kind}", values)


def return_news(voice: Voice, item: Case, back: ReturnView, kind: str) -> Say | None:
    """A return was accepted, declined, ended or refunded; what goes back is named, not the whole order."""
    if back.state != _TRUE_WHILE[kind]:
        return None
    title = pieces(voice, [(piece.title, piece.qty) for piece in back.pieces])
    values = {
        **_order(voice, item),
        "title": title,
        "reason": back.decline_reason or "",
        "money": refund_words.outcome(voice, item),
    }
    values["date"] = voice.when(back.ship_back_by) if back.ship_back_by else ""
    return Say(f"utter_notice_{kind}", values)


def stock_news(watch: WatchView) -> Say:
    """A product is back."""
    return Say("utter_notice_back_in_stock", {"title": watch.title})


def erasure_news(voice: Voice, erasure: ErasureView, kind: str) -> Say | None:
    """What an erasure waits for, when it happens, or why it does not."""
    if erasure.state != _TRUE_WHILE[kind]:
        return None
    blockers = [
        voice.text("utter_blocker", kind=voice.text(f"utter_blocker_{each.kind}"), number=each.number)
        for each in erasure.blockers
    ]
    values = {
        "blockers": ", ".join(blockers),
        "date": voice.when(erasure.execute_at) if erasure.execute_at else "",
        "reason": erasure.reason or "",
    }
    return Say(f"utter_notice_{kind}", values)


def _order(voice: Voice, item: Case) -> dict[str, str]:
    return {"number": item.order.number, "title": voice.order_title(item.order), "seller": item.order.seller}


def _person(voice: Voice, item: Case) -> tuple[str, str]:
    return voice.button("utter_button_person", "ask_human", order_number=item.order.number)


def _short(text: str) -> str:
    return text if len(text) <= _MESSAGE_MAX else text[: _MESSAGE_MAX - 1].rstrip() + "…"


def _answered(dispute: DisputeView, event: EventView | None) -> bool:
    """Has the buyer proposed something else since ``event``?"""
    return event is not None and dispute.buyer_proposal.seq > event.seq


def _proposal(voice: Voice, dispute: DisputeView, event: EventView | None) -> str:
    if event is None or event.wanted is None:
        return voice.text("utter_proposal_rejected")
    never_came = event.wanted == PARTIAL and dispute.type == NOT_RECEIVED
    return _outcome(voice, "full" if never_came else event.wanted, event.amount)


def _decided(voice: Voice, dispute: DisputeView) -> str:
    """What is so now: goods that came back, or never came, are not kept, and after a return nothing is waited for."""
    outcome = dispute.outcome or NONE
    gone = dispute.return_tracking is not None or dispute.type == NOT_RECEIVED
    if outcome == RETURN_REFUND:
        outcome = "returned"
    elif outcome == PARTIAL and gone:
        outcome = "full"
    return _outcome(voice, outcome, dispute.outcome_amount)


def _outcome(voice: Voice, outcome: str, amount: Money | None) -> str:
    return voice.text(f"utter_outcome_{outcome}", amount=voice.money(amount) if amount else "")
