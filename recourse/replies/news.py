"""News in words: what happened to orders, refunds, disputes, returns and requests while the buyer was away.

Each function words one kind of notice from rows that were read now. ``kind`` is the kind of the outbox row.
"""

from __future__ import annotations

from recourse.core.money import Money
from recourse.disputes.views import DisputeView, EventView
from recourse.messages.asks import ActionView
from recourse.messages.offers import OfferView
from recourse.messages.service import MessageView
from recourse.overview.service import Case
from recourse.privacy.service import ErasureView
from recourse.refunds.service import LegView
from recourse.replies import refund as refund_words
from recourse.replies.voice import Say, Voice
from recourse.returns.views import ReturnView
from recourse.watches.service import WatchView

_MESSAGE_MAX = 400


def order_news(voice: Voice, item: Case, kind: str) -> Say:
    """The order ended, or was put on hold, without the buyer's doing; with what comes back."""
    return Say(f"utter_notice_{kind}", {**_order(voice, item), "money": refund_words.outcome(voice, item)})


def refund_news(voice: Voice, item: Case, leg: LegView, kind: str) -> Say:
    """One leg of a refund arrived, failed, came back, or waits for bank details."""
    values = {**_order(voice, item), "amount": voice.money(leg.amount), "instrument": leg.instrument}
    if leg.state == "requires_action":
        values["until"] = voice.text("utter_notice_until", date=voice.when(leg.action_by)) if leg.action_by else ""
        values["link"] = refund_words.link(voice, leg.action_url) or "."
        return Say("utter_notice_refund_needs_details", values)
    if kind == "refund_reversed" and leg.replaced_by is not None:
        return Say("utter_notice_refund_reversed", values)
    if leg.state == "failed" and refund_words.missing(leg):
        values["failure"] = refund_words.failure(voice, leg)
        return Say("utter_notice_refund_failed", values, (_person(voice, item),))
    buttons = (_person(voice, item),) if refund_words.missing(leg) else ()
    return Say("utter_notice_refund_news", {**values, "lines": refund_words.leg_line(voice, leg)}, buttons)


def message_news(voice: Voice, item: Case, message: MessageView) -> Say:
    """The seller, or the platform, wrote. What leads off the platform is left out, with a warning."""
    text = voice.text("utter_notice_off_platform", text=message.shown) if message.off_platform else message.shown
    name = "utter_notice_seller_wrote" if message.author == "seller" else "utter_notice_platform_wrote"
    return Say(name, {**_order(voice, item), "message": _short(text)})


def action_news(voice: Voice, item: Case, action: ActionView) -> Say:
    """The seller asks for something before deciding."""
    link = refund_words.link(voice, action.url)
    values = {**_order(voice, item), "message": _short(action.text), "link": link}
    return Say("utter_notice_seller_asks", values, (_person(voice, item),))


def offer_news(voice: Voice, item: Case, offer: OfferView, kind: str) -> Say:
    """The seller offers a part of the money, or an offer has ended."""
    still_open = kind == "seller_offers" and offer.state == "open"
    values = {**_order(voice, item), "amount": voice.money(offer.amount), "date": voice.when(offer.open_until)}
    if not still_open:
        return Say("utter_notice_offer_expired", values)
    return Say("utter_notice_seller_offers", values, (_person(voice, item),))


def dispute_news(voice: Voice, dispute: DisputeView, event: EventView | None, kind: str) -> Say:
    """The seller answered a dispute, the platform took it up, or it is decided."""
    values = {"number": dispute.order_number, "title": dispute.title, "seller": dispute.seller, "date": ""}
    if kind == "dispute_countered" and dispute.negotiate_by is not None:
        values["date"] = voice.when(dispute.negotiate_by)
        values["proposal"] = _proposal(voice, event)
    elif kind == "dispute_return_agreed" and dispute.ship_back_by is not None:
        values["date"] = voice.when(dispute.ship_back_by)
    elif kind == "dispute_decided":
        values["outcome"] = _outcome(voice, dispute.outcome or "none", dispute.outcome_amount)
    return Say(f"utter_notice_{kind}", values)


def return_news(voice: Voice, item: Case, back: ReturnView, kind: str) -> Say:
    """A return was accepted, declined, ended or refunded."""
    values = {**_order(voice, item), "reason": back.decline_reason or "", "money": refund_words.outcome(voice, item)}
    values["date"] = voice.when(back.ship_back_by) if back.ship_back_by else ""
    return Say(f"utter_notice_{kind}", values)


def stock_news(watch: WatchView) -> Say:
    """A product is back."""
    return Say("utter_notice_back_in_stock", {"title": watch.title})


def erasure_news(voice: Voice, erasure: ErasureView, kind: str) -> Say:
    """What an erasure waits for, when it happens, or why it does not."""
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


def _proposal(voice: Voice, event: EventView | None) -> str:
    if event is None or event.wanted is None:
        return voice.text("utter_proposal_rejected")
    return _outcome(voice, event.wanted, event.amount)


def _outcome(voice: Voice, outcome: str, amount: Money | None) -> str:
    return voice.text(f"utter_outcome_{outcome}", amount=voice.money(amount) if amount else "")
