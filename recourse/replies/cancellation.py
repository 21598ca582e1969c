"""Words about cancelling: the verdict, the reasons, the summary before the "yes", and what came of it."""

from __future__ import annotations

from recourse.cancellations.rules import INTERCEPT, Reason, Rule, Terms, reasons_for
from recourse.cancellations.service import Quote, RequestView
from recourse.overview.service import Case
from recourse.refunds.rules import CHARGED_BACK, Leg
from recourse.replies import refund as refund_words
from recourse.replies.orders import items
from recourse.replies.status import status
from recourse.replies.voice import Say, Voice
from recourse.replies.waiting import asked_for, on_silence, pieces, waiting

_ALTERNATIVE_BUTTONS = {
    "refund_status": ("utter_button_refund_of_this", "refund_status"),
    "dispute": ("utter_button_dispute", "open_dispute"),
    "human": ("utter_button_person", "ask_human"),
}
_DECIDED_BY = {"system_timeout": "deadline", "platform": "platform"}


def refused(voice: Voice, item: Case, rule: Rule | None = None) -> Say:
    """Why this order cannot be cancelled, from its own rows, and what the buyer can do instead.

    ``rule``: the refusal, where it is not the order's own verdict.
    """
    order, rule = item.order, rule or item.verdict
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
        values["refund"] = refund_words.outcome(voice, item)
    if rule.why == "closed" and order.close_reason == CHARGED_BACK:
        return Say("utter_cancel_refused_charged_back", values)
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
        "title": asked_for(voice, item.order, request),
        "date": voice.when(request.requested_at),
        "waiting": waiting(voice, item, request),
    }
    return Say("utter_cancel_already_requested", values, (_keep_button(voice, item),))


def request_stands(voice: Voice, item: Case, request: RequestView) -> Say:
    """An open request that the buyer may want to take back, with the button that does it."""
    values = {
        "number": item.order.number,
        "title": asked_for(voice, item.order, request),
        "waiting": waiting(voice, item, request),
    }
    return Say("utter_request_stands", values, _withdraw_buttons(voice, item, request))


def ask_withdraw(voice: Voice, item: Case, request: RequestView) -> Say:
    """The question before a request is taken back."""
    values = {"number": item.order.number, "title": asked_for(voice, item.order, request)}
    return Say("utter_ask_withdraw", values, _withdraw_buttons(voice, item, request))


def withdrawn(voice: Voice, item: Case) -> Say:
    """The request was taken back: the row says so."""
    return Say("utter_request_withdrawn", {"number": item.order.number, "seller": item.order.seller})


def decided(voice: Voice, item: Case, request: RequestView) -> Say:
    """How a request ended, for a buyer who still thinks of it as open."""
    if request.open:
        values = {"number": item.order.number, "title": asked_for(voice, item.order, request)}
        return Say("utter_withdraw_too_late", values)
    if request.state == "withdrawn":
        return withdrawn(voice, item)
    return notice(voice, item, f"request_{request.state}")


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
    """What will be submitted: items, reason, one line a tender, coupon, fee, deadline. Then yes or no."""
    terms, order = quote.terms, item.order
    reason_text = voice.text(f"utter_reason_{reason.code}")
    if note:
        reason_text = voice.text("utter_reason_with_note", reason=reason_text, note=note)
    part = terms.scope == "lines"
    values = {
        "number": order.number,
        "items": pieces(voice, [(line.title, line.qty) for line in terms.lines]) if part else items(voice, item),
        "seller": order.seller,
        "rest": "\n• " + _rest(voice, item, terms.pieces) if part else "",
        "reason": reason_text,
        "money": money_back(voice, item, terms),
        "fee": _fee(voice, item, terms),
        "deadline": _deadline(voice, item, terms),
    }
    buttons = (
        (voice.text("utter_button_yes_cancel"), f'/confirm_quote{{"quote": "{quote.id}"}}'),
        voice.button("utter_button_no_keep", "decline_quote"),
    )
    return Say("utter_cancel_summary", values, buttons)


def changed(codes: tuple[str, ...]) -> Say:
    """Why a yes did not count: the summary was only old, or something is different now (codes of ``Submitted.changed``)."""
    return Say("utter_cancel_summary_expired" if codes == ("expired",) else "utter_cancel_changed")


def money_back(voice: Voice, item: Case, terms: Terms) -> str:
    """What comes back under ``terms``: one line a tender, one for shipping that does not, and one for a coupon."""
    lines = _money_lines(voice, item, terms)
    if terms.shipping_kept:
        lines.append(voice.text("utter_shipping_kept", amount=voice.money(item.order.money(terms.shipping_kept))))
    return "\n".join([*lines, *_coupon_lines(voice, item, terms)])


def requested(voice: Voice, item: Case, request: RequestView) -> Say:
    """The seller was asked. Not cancelled yet."""
    values = {
        "number": item.order.number,
        "items": asked_for(voice, item.order, request),
        "seller": item.order.seller,
        "waiting": waiting(voice, item, request),
    }
    name = "utter_cancel_requested_part" if request.scope == "lines" else "utter_cancel_requested"
    return Say(name, values, (_keep_button(voice, item),))


def done(voice: Voice, item: Case) -> Say:
    """The order is cancelled: the row says so."""
    return Say("utter_cancel_done", {"number": item.order.number, "money": refund_words.outcome(voice, item)})


def notice(voice: Voice, item: Case, kind: str) -> Say:
    """News of a request that was decided while the buyer was away; ``kind`` is the outbox kind."""
    order, request = item.order, item.request
    values = {
        "number": order.number,
        "title": asked_for(voice, order, request) if request else voice.order_title(order),
        "seller": order.seller,
        "reason": request.reject_reason or "" if request else "",
        "proof": "",
        "goes_on": "" if order.state in ("cancelled", "closed") else voice.text("utter_notice_order_goes_on"),
    }
    if request and request.proof_tracking:
        values["proof"] = voice.text("utter_proof_tracking", tracking=request.proof_tracking)
    if kind == "request_approved" and request is not None:
        return _approved(voice, item, request, values)
    name = f"utter_notice_{kind}"
    if kind == "request_superseded" and request is not None and not request.proof_tracking:
        name = f"utter_notice_request_superseded_{_went(item)}"
        values["status"] = status(voice, item)
    if kind == "request_rejected" and request is not None and request.decided_by == "platform":
        name = "utter_notice_request_rejected_by_platform"
    buttons = (
        voice.button("utter_button_dispute", "open_dispute", order_number=order.number),
        voice.button("utter_button_person", "ask_human", order_number=order.number),
    )
    return Say(name, values, buttons)


def _went(item: Case) -> str:
    """Which way an order went whose request ended without a decision and without a parcel."""
    if item.order.issue == "chargeback":
        return "bank_dispute"
    return "on_hold" if item.order.frozen else "otherwise"


def _approved(voice: Voice, item: Case, request: RequestView, values: dict[str, str]) -> Say:
    money = [refund_words.outcome(voice, item)]
    if item.refund is not None and item.refund.fee.amount_minor:
        money.append(voice.text("utter_fee_kept", amount=voice.money(item.refund.fee)))
    kept = item.refund.shipping_kept if item.refund is not None else None
    if kept is not None and kept.amount_minor:
        money.append(voice.text("utter_shipping_kept", amount=voice.money(kept)))
    values["money"] = "\n".join(money)
    by = _DECIDED_BY.get(request.decided_by or "", "seller")
    if request.kind == INTERCEPT:
        return Say(f"utter_notice_intercepted_by_{by}", values)
    if request.scope == "lines":
        values["rest"] = _rest_at_decision(voice, item, request)
        return Say(f"utter_notice_part_approved_by_{by}", values)
    return Say(f"utter_notice_approved_by_{by}", values)


def _rest_at_decision(voice: Voice, item: Case, request: RequestView) -> str:
    """What became of the rest when ``request`` was approved, whatever has happened to the order since."""
    if item.order.state == "cancelled" and item.order.cancelled_at == request.decided_at:
        return voice.text("utter_rest_none")
    sent = any(parcel.shipped_at <= (request.decided_at or parcel.shipped_at) for parcel in item.order.parcels)
    return voice.text("utter_rest_on_its_way" if sent and not item.order.unsent else "utter_rest_goes_on")


def _rest(voice: Voice, item: Case, cancelled: dict[str, int]) -> str:
    """What becomes of the rest of an order when ``cancelled`` (line id -> how many) of its unsent pieces go."""
    order = item.order
    goes_on = any(qty > cancelled.get(line_id, 0) for line_id, qty in order.unsent.items())
    sent = any(line.qty_shipped for line in order.lines)
    if goes_on:
        return voice.text("utter_rest_goes_on")
    return voice.text("utter_rest_on_its_way" if sent else "utter_rest_none")


def _fee(voice: Voice, item: Case, terms: Terms) -> str:
    amount = voice.money(item.order.money(terms.fee))
    if terms.fee_clause:
        return voice.text("utter_fee_by_clause", amount=amount, clause=terms.fee_clause)
    return amount


def _keep_button(voice: Voice, item: Case) -> tuple[str, str]:
    return voice.button("utter_button_withdraw", "withdraw_request", order_number=item.order.number)


def _withdraw_buttons(voice: Voice, item: Case, request: RequestView) -> tuple[tuple[str, str], ...]:
    return (
        voice.button("utter_button_confirm_withdrawal", "confirm_withdrawal", request=request.id),
        voice.button("utter_button_person", "ask_human", order_number=item.order.number),
    )


def _money_lines(voice: Voice, item: Case, terms: Terms) -> list[str]:
    found = [_leg(voice, item, leg) for leg in terms.refund.legs]
    if terms.voided:
        found += refund_words.reserved_lines(voice, item)
    if not found:
        nothing = "utter_quote_no_money" if terms.refund.paid_part else "utter_nothing_to_refund"
        found.append(voice.text(nothing))
    return found


def _leg(voice: Voice, item: Case, leg: Leg) -> str:
    return voice.text(
        "utter_quote_leg",
        amount=voice.money(item.order.money(leg.amount)),
        instrument=leg.instrument,
        days=voice.days(leg.expected_from, leg.expected_to),
    )


def _coupon_lines(voice: Voice, item: Case, terms: Terms) -> list[str]:
    """What becomes of coupons, by their whole value for an order that was never paid, else by the value of these items."""
    order = item.order
    if terms.coupon_effect == "none":
        return []
    if terms.coupon_effect == "released":
        value = sum(coupon.amount for coupon in order.coupons)
    else:
        value = terms.refund.coupon_credit or terms.refund.coupon_part
    values = {
        "amount": voice.money(order.money(value)),
        "code": ", ".join(coupon.code for coupon in order.coupons),
        "until": voice.moment_day(order.coupons[0].valid_until),
    }
    return [voice.text(f"utter_quote_coupon_{terms.coupon_effect}", **values)]


def _deadline(voice: Voice, item: Case, terms: Terms) -> str:
    if terms.respond_by is None:
        return voice.text("utter_quote_instant")
    return voice.text(
        "utter_quote_intercept" if terms.kind == INTERCEPT else "utter_quote_deadline",
        seller=item.order.seller,
        respond_by=voice.when(terms.respond_by),
        silence=on_silence(voice, terms.on_silence, terms.kind),
    )
