"""Words about cancelling: the verdict, the reasons, the summary before the "yes", and what came of it."""

from __future__ import annotations

from recourse.cancellations.rules import Reason, Terms, reasons_for
from recourse.cancellations.service import Quote, RequestView
from recourse.overview.service import Case
from recourse.refunds.rules import Leg
from recourse.replies import refund as refund_words
from recourse.replies.orders import items
from recourse.replies.voice import Say, Voice

_ALTERNATIVE_BUTTONS = {
    "refund_status": ("utter_button_refund_of_this", "refund_status"),
    "dispute": ("utter_button_dispute", "open_dispute"),
    "human": ("utter_button_person", "ask_human"),
}


def refused(voice: Voice, item: Case) -> Say:
    """Why this order cannot be cancelled, from its own rows, and what the buyer can do instead."""
    order, rule = item.order, item.verdict
    values = {
        "number": order.number,
        "title": voice.order_title(order),
        "alternatives": "\n".join(voice.text(f"utter_alternative_{name}") for name in rule.alternatives),
        "date": "",
        "carrier": "",
    }
    if rule.why == "already_requested" and item.request is not None:
        return already_requested(voice, item, item.request)
    parcel = order.parcels[-1] if order.parcels else None
    if parcel is not None:
        values["carrier"] = parcel.carrier
    moment = {
        "shipped": parcel.shipped_at if parcel else order.shipped_at,
        "partially_shipped": parcel.shipped_at if parcel else None,
        "delivered": order.delivered_at,
        "completed": order.completed_at,
        "already_cancelled": order.cancelled_at,
    }.get(rule.why)
    values["date"] = voice.moment_day(moment) if moment else ""
    if rule.why == "already_cancelled":
        values["refund"] = (
            refund_words.lines(voice, item.refund) if item.refund else voice.text("utter_nothing_to_refund")
        )
    buttons = [
        voice.button(title, intent, order_number=order.number)
        for name in rule.alternatives
        if name in _ALTERNATIVE_BUTTONS
        for title, intent in [_ALTERNATIVE_BUTTONS[name]]
    ]
    return Say(f"utter_cancel_refused_{rule.why}", values, tuple(buttons))


def already_requested(voice: Voice, item: Case, request: RequestView) -> Say:
    """An open request: asked for, not cancelled."""
    values = {
        "number": item.order.number,
        "title": voice.order_title(item.order),
        "date": voice.when(request.requested_at),
        "respond_by": voice.when(request.respond_by) if request.respond_by else "",
        "silence": voice.text(f"utter_silence_{item.order.policy.on_silence}"),
    }
    return Say("utter_cancel_already_requested", values)


def request_stands(voice: Voice, item: Case) -> Say:
    """An open request that the buyer may want to take back, which only a person can do."""
    request = item.request
    values = {
        "number": item.order.number,
        "title": voice.order_title(item.order),
        "respond_by": voice.when(request.respond_by) if request and request.respond_by else "",
    }
    return Say(
        "utter_request_stands",
        values,
        (voice.button("utter_button_person", "ask_human", order_number=item.order.number),),
    )


def ask_reason(voice: Voice, item: Case) -> Say:
    """The question for the reason, with the seller's own clause before it where there is one."""
    order = item.order
    clause = voice.text("utter_seller_clause", clause=order.policy.clause) if order.policy.clause else ""
    values = {"number": order.number, "title": voice.order_title(order), "clause": clause}
    buttons = tuple(
        voice.button(f"utter_reason_{reason.code}", "choose_reason", reason=reason.code)
        for reason in reasons_for(order.state)
    )
    return Say("utter_ask_cancel_reason", values, buttons)


def summary(voice: Voice, item: Case, quote: Quote, reason: Reason, note: str | None) -> Say:
    """What will be submitted: order, reason, one line a tender, coupon, fee, deadline. Then yes or no."""
    terms, order = quote.terms, item.order
    reason_text = voice.text(f"utter_reason_{reason.code}")
    if note:
        reason_text = voice.text("utter_reason_with_note", reason=reason_text, note=note)
    values = {
        "number": order.number,
        "items": items(voice, item),
        "seller": order.seller,
        "reason": reason_text,
        "money": money_back(voice, item, terms),
        "fee": voice.money(order.money(terms.refund.fee)),
        "deadline": _deadline(voice, terms),
    }
    buttons = (
        (voice.text("utter_button_yes_cancel"), f'/confirm_quote{{"quote": "{quote.id}"}}'),
        voice.button("utter_button_no_keep", "decline_quote"),
    )
    return Say("utter_cancel_summary", values, buttons)


def money_back(voice: Voice, item: Case, terms: Terms) -> str:
    """What comes back under ``terms``: one line a tender, and one for a coupon."""
    return "\n".join([*_money_lines(voice, item, terms), *_coupon_lines(voice, item, terms)])


def requested(voice: Voice, item: Case, request: RequestView) -> Say:
    """The seller was asked. Not cancelled yet."""
    values = {
        "number": item.order.number,
        "seller": item.order.seller,
        "respond_by": voice.when(request.respond_by) if request.respond_by else "",
        "silence": voice.text(f"utter_silence_{item.order.policy.on_silence}"),
    }
    return Say("utter_cancel_requested", values)


def done(voice: Voice, item: Case) -> Say:
    """The order is cancelled: the row says so."""
    return Say("utter_cancel_done", {"number": item.order.number, "money": _outcome(voice, item)})


def notice(voice: Voice, item: Case, kind: str) -> Say:
    """News of a request that was decided while the buyer was away; ``kind`` is the outbox kind."""
    order, request = item.order, item.request
    values = {
        "number": order.number,
        "title": voice.order_title(order),
        "seller": order.seller,
        "money": _outcome(voice, item),
        "reason": request.reject_reason or "" if request else "",
        "proof": "",
    }
    if request and request.proof_tracking:
        values["proof"] = voice.text("utter_proof_tracking", tracking=request.proof_tracking)
    if kind == "request_approved":
        by_timer = request is not None and request.decided_by == "system_timeout"
        return Say("utter_notice_approved_by_deadline" if by_timer else "utter_notice_approved_by_seller", values)
    buttons = (
        voice.button("utter_button_dispute", "open_dispute", order_number=order.number),
        voice.button("utter_button_person", "ask_human", order_number=order.number),
    )
    return Say(f"utter_notice_{kind}", values, buttons)


def _outcome(voice: Voice, item: Case) -> str:
    if item.refund is not None:
        return refund_words.lines(voice, item.refund)
    reserved = _reserved(voice, item) if item.order.state == "cancelled" and item.order.total_paid else []
    return "\n".join(reserved or [voice.text("utter_nothing_to_refund")])


def _reserved(voice: Voice, item: Case) -> list[str]:
    """One line for each tender that was only authorised; one that other orders share is not said to be released."""
    return [
        voice.text(
            "utter_refund_voided_shared" if tender.shared else "utter_refund_voided",
            amount=voice.money(item.order.money(tender.amount)),
            instrument=tender.instrument,
        )
        for tender in item.order.tenders
        if not tender.captured
    ]


def _money_lines(voice: Voice, item: Case, terms: Terms) -> list[str]:
    found = [_leg(voice, item, leg) for leg in terms.refund.legs]
    if terms.voided:
        found += _reserved(voice, item)
    return found or [voice.text("utter_nothing_to_refund")]


def _leg(voice: Voice, item: Case, leg: Leg) -> str:
    return voice.text(
        "utter_quote_leg",
        amount=voice.money(item.order.money(leg.amount)),
        instrument=leg.instrument,
        days=voice.days(leg.expected_from, leg.expected_to),
    )


def _coupon_lines(voice: Voice, item: Case, terms: Terms) -> list[str]:
    if terms.coupon_effect == "none":
        return []
    coupon = item.order.coupons[0]
    values = {"amount": voice.money(item.order.money(sum(c.amount for c in item.order.coupons))), "code": coupon.code}
    if terms.coupon_effect == "released":
        values["until"] = voice.moment_day(coupon.valid_until)
    return [voice.text(f"utter_quote_coupon_{terms.coupon_effect}", **values)]


def _deadline(voice: Voice, terms: Terms) -> str:
    if terms.respond_by is None:
        return voice.text("utter_quote_instant")
    silence = voice.text(f"utter_silence_{terms.on_silence}")
    return voice.text("utter_quote_deadline", respond_by=voice.when(terms.respond_by), silence=silence)
