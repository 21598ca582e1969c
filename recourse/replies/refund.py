"""Words about refunds: one sentence a tender, never one total (domain section 0, point 4)."""

from __future__ import annotations

from recourse.overview.service import Case
from recourse.refunds.rules import CHARGED_BACK
from recourse.refunds.service import LegView, RefundView
from recourse.replies.status import status
from recourse.replies.voice import Say, Voice
from recourse.replies.waiting import waiting


def refund_status(voice: Voice, item: Case) -> Say:
    """Where the refund of an order is, leg by leg; or why there is none."""
    if item.refund is None:
        return no_refund(voice, item)
    values = {
        "number": item.order.number,
        "title": voice.order_title(item.order),
        "date": voice.moment_day(item.refund.accepted_at),
        "lines": "\n".join(lines(voice, each) for each in item.refunds or (item.refund,)),
    }
    buttons = []
    given = item.refunds or (item.refund,)
    troubled = any(each.troubled for each in given)
    if troubled:
        buttons.append(voice.button("utter_button_person", "ask_human", order_number=item.order.number))
    return Say("utter_refund_late" if troubled else "utter_refund_status", values, tuple(buttons))


def lines(voice: Voice, refund: RefundView) -> str:
    """One line for each refund leg, and one for coupon value that went to the balance."""
    parts = [leg_line(voice, leg) for leg in refund.legs]
    if not parts and refund.fee.amount_minor:
        parts.append(voice.text("utter_quote_no_money"))
    if refund.coupon_credit.amount_minor:
        parts.append(voice.text("utter_refund_coupon_credited", amount=voice.money(refund.coupon_credit)))
    return "\n".join(parts)


def no_refund(voice: Voice, item: Case) -> Say:
    """Why there is no refund for this order, from its rows."""
    order, request = item.order, item.request
    values = {"number": order.number, "title": voice.order_title(order)}
    if item.pending and request is not None:
        values["waiting"] = waiting(voice, item, request)
        return Say("utter_no_refund_requested", values)
    if order.state in ("awaiting_payment", "payment_review") or (
        order.state == "cancelled" and not (order.paid_at and order.total_paid)
    ):
        return Say("utter_no_refund_never_charged", values)
    button = voice.button("utter_button_person", "ask_human", order_number=order.number)
    if order.state in ("cancelled", "closed"):
        values["why"] = voice.text("utter_because_charged_back") if _charged_back(item) else ""
        return Say("utter_no_refund_on_record", values, (button,))
    if request is not None and request.state == "rejected":
        return Say("utter_no_refund_rejected", values, (button,))
    values["status"] = status(voice, item)
    buttons = () if item.verdict.kind == "no" else (
        voice.button("utter_button_cancel_this", "cancel_order", order_number=order.number),
    )  # fmt: skip
    return Say("utter_no_refund_not_cancelled", values, buttons)


def outcome(voice: Voice, item: Case) -> str:
    """What comes back for an order that has ended: its refund line by line, money that was only reserved, or nothing more."""
    if item.refund is not None:
        return lines(voice, item.refund)
    if _charged_back(item):
        return voice.text("utter_charged_back")
    reserved = reserved_lines(voice, item) if item.order.state == "cancelled" and item.order.total_paid else []
    return "\n".join(reserved or [voice.text("utter_nothing_to_refund")])


def _charged_back(item: Case) -> bool:
    """Has the buyer's bank taken the money back, so that nothing is left to refund?"""
    tenders = item.order.tenders
    return any(tender.charged_back for tender in tenders) and not any(tender.left for tender in tenders)


def reserved_lines(voice: Voice, item: Case) -> list[str]:
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


def failure(voice: Voice, leg: LegView) -> str:
    """Why a leg failed, in plain words; a reason that has none is said to be unknown."""
    name = f"utter_failure_{leg.failure_reason or 'unknown'}"
    return voice.text(name if name in voice.words else "utter_failure_unknown")


def link(voice: Voice, url: str | None) -> str:
    """Where the buyer has to go, or nothing."""
    return voice.text("utter_notice_link", url=url) if url else ""


def leg_line(voice: Voice, leg: LegView) -> str:
    """One refund leg in one line."""
    values = {
        "amount": voice.money(leg.amount),
        "instrument": leg.instrument,
        "days": voice.days(leg.expected_from, leg.expected_to),
    }
    if leg.state == "succeeded" and leg.settled_at:
        values["date"] = voice.moment_day(leg.settled_at)
        values["reference"] = voice.text("utter_leg_reference", reference=leg.reference) if leg.reference else ""
    if leg.state == "failed" or leg.failure_reason == CHARGED_BACK:
        values["failure"] = failure(voice, leg)
        return voice.text("utter_leg_failed", **values)
    if leg.state == "requires_action":
        values["link"] = link(voice, leg.action_url)
    if leg.overdue:
        values["last"] = voice.day(leg.expected_to)
        return voice.text("utter_leg_overdue", **values)
    if leg.state == "succeeded" and leg.method == "balance":
        return voice.text("utter_leg_succeeded_balance", **values)
    return voice.text(f"utter_leg_{leg.state}", **values)
