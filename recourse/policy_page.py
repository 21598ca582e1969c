"""docs/policy.md, written from the tables in the rules so that it cannot drift. A test compares the two."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from datetime import timedelta

from recourse.cancellations import rules as cancellations
from recourse.core.transitions import Machine
from recourse.disputes import rules as disputes
from recourse.handoff.rules import HANDOFF_MACHINE
from recourse.messages import rules as messages
from recourse.orders import deadlines
from recourse.orders.rules import ORDER_MACHINE
from recourse.payments.rules import CHARGEBACK_MACHINE
from recourse.privacy import rules as privacy
from recourse.refunds import rules as refunds
from recourse.returns import rules as returns
from recourse.sellers.rules import Policy

_KINDS = {
    "instant": "yes, at once",
    "request": "yes, by request to the seller",
    "intercept": "only if the seller agrees to take it back",
    "no": "no",
}


def render() -> str:
    """The whole page as Markdown."""
    default = Policy()
    parts = [
        "# The rules on one page",
        "Written by `recourse policy` from `rules.py` of each capability; `make test` fails when this page and the code differ.",
        "## May an order be cancelled?",
        "Some things come first, whatever the status: what is on hold or in another process is left to that, and an order with an "
        "open request waits for its answer. Of several, the first one in this table counts. Then the status decides, except where a "
        "deadline or the seller's policy says otherwise:",
        _table(
            ("status", "may be cancelled", "why", "what else the buyer can do"),
            [_eligibility(f"any, {when}", rule) for when, rule in cancellations.BEFORE_EVERY_STATUS.items()]
            + [_eligibility(state, rule) for state, rule in cancellations.ELIGIBILITY.items()]
            + [_eligibility(when, rule) for when, rule in cancellations.BY_POLICY.items()],
        ),
        "- A paid order can be cancelled as a whole or in parts: lines, and pieces of a line (policy `partial_cancel`). An order that "
        "is not paid, and one that was sent, only as a whole.\n"
        "- Of a partly shipped order only what is unsent can be cancelled; the rest goes on. What was delivered, even in part, is "
        "not called back.\n"
        "- The buyer may take an open request back until it is decided, or until silence has approved it.",
        "## The seller's time to answer",
        f"- By default the seller has {default.response_hours} hours from the request, counted in UTC; a seller's policy may say "
        "otherwise. The deadline is stored with the request and never moves.\n"
        f"- Silence: `{default.on_silence}` by default (a policy may `reject`, or `escalate` to the platform). It approves only what "
        "is still unsent and not frozen; a request to take back what was sent it never approves. In every other case the request "
        "expires.\n"
        "- Up to the deadline the decision is the seller's, from that instant on it is the timer's; exactly one of them counts. The "
        "platform may decide before the deadline and, where silence escalates, after it.\n"
        f'- A rejection needs a reason of at most {cancellations.NOTE_MAX} characters; "already shipped" needs the tracking number and '
        "the date of shipment.\n"
        f"- A parcel that leaves with what was asked for while a request is open: `{default.ship_while_pending}` by default (the "
        "request ends; the parcel goes). A seller's policy may `block` it instead.\n"
        "- A request also ends when the order goes another way: on hold, cancelled by the seller, not shipped in time.",
        "## What it costs and what comes back",
        "- Before shipment there is no fee. Taking back what was sent costs what the seller's policy said at checkout, in figures and "
        "in a clause, never more than its cap or the money, and nothing where the reason is the seller's.\n"
        f"- Shipping comes back with an order of which nothing leaves. For a part of an order it stays paid only where the policy says "
        f"`never` (default: `{default.refund_shipping}`); for what was sent it stays paid unless the policy says `always` or the reason "
        "is the seller's.\n"
        "- Each means of payment gets back exactly what it gave; for a part of the order, its share of it. Money that was only reserved "
        "is released.\n"
        f"- A coupon that was used comes back as shop balance (policy `{default.coupon_on_refund}`), never as cash; one that was only "
        "reserved can be used again.\n"
        f"- A summary is good for {int(cancellations.QUOTE_LIFETIME.total_seconds() // 60)} minutes; if the order or the deal changes "
        "before the yes, the yes does not count and a new summary is shown.\n"
        f"- A refund that has no range of its own takes {refunds.OUTER_RANGE[0]} to {refunds.OUTER_RANGE[1]} business days from approval.",
        _table(
            ("paid with", "business days", "source"),
            [(method, f"{low} to {high}", source) for method, (low, high, source) in refunds.DEFAULT_SLA.items()],
        ),
        "## Reasons for cancelling",
        "The reason never changes whether an order can be cancelled. The last column says on whose account it goes.",
        _table(
            ("reason", "unpaid order", "paid order", "account"),
            _reasons(cancellations.REASONS_UNPAID, cancellations.REASONS_PAID),
        ),
        *_orders_way(default),
        *_disputes(default),
        *_returns(default),
        *_offers(),
        *_privacy(),
        "## State machines",
        *_machine("Order", ORDER_MACHINE),
        *_machine("Cancellation request", cancellations.REQUEST_MACHINE),
        *_machine("Refund leg", refunds.LEG_MACHINE),
        *_machine("Return", returns.RETURN_MACHINE),
        *_machine("Dispute", disputes.DISPUTE_MACHINE),
        *_machine("Chargeback", CHARGEBACK_MACHINE),
        *_machine("Offer", messages.OFFER_MACHINE),
        *_machine("Case", HANDOFF_MACHINE),
        *_machine("Erasure", privacy.ERASURE_MACHINE),
    ]
    return "\n\n".join(parts) + "\n"


def _orders_way(default: Policy) -> list[str]:
    return [
        "## An order on its way",
        "- An order that is not paid in time is cancelled; so is one whose payment check has no result after "
        f"{_hours(deadlines.REVIEW_WITHIN)} hours. What was reserved is let go.\n"
        f"- The seller ships within {default.ship_deadline_bd} business days of payment (policy). After that what is unsent is "
        "cancelled and refunded, and it counts against the seller.\n"
        "- A seller who cancels a paid order gives everything back; that counts against the seller too.\n"
        "- When every parcel is lost or comes back, the order is closed and refunded.\n"
        f"- Buyers are protected for {deadlines.PROTECTION.days} days from shipment, or until the promised day where that is later, and "
        f"from delivery on for {default.dispute_close_after_days} days (policy); then the order completes by itself.\n"
        "- An order on hold is not moved by any timer, and no refund is made while the buyer's bank takes the payment back.",
    ]


def _disputes(default: Policy) -> list[str]:
    return [
        "## Disputes",
        f"- About sent pieces of one line: from {default.dispute_open_after_days} days after shipment (at once where delivery was promised "
        f"in less than {disputes.FAST_DELIVERY_DAYS} days, or the parcel is delivered, lost or on its way back) until "
        f"{default.dispute_close_after_days} days after delivery (policy).\n"
        "- Not received: all of it. Not as described: a part, or return and refund.\n"
        f"- The seller has {default.dispute_response_days} days; silence carries out what the buyer proposed. Then "
        f"{default.negotiation_days} days to negotiate; after half of them the buyer may call the platform, at their end it decides.\n"
        f"- Agreed returns are sent within {default.ship_back_days} days, or nothing is refunded. The seller may object for "
        f"{disputes.INSPECT_DAYS} days after they arrived.\n"
        "- While a dispute is open, nothing of its order is cancelled and no return is begun.",
        _table(
            ("reason", "kind", "account", "evidence"),
            [(r.code, r.type, r.fault, ", ".join(r.needs) or "-") for r in disputes.REASONS.values()],
        ),
    ]


def _returns(default: Policy) -> list[str]:
    return [
        "## Returns and withdrawal",
        f"- Within {default.return_window_days} days of delivery (policy), with the seller's yes unless returns are free; "
        "silence is a yes.\n"
        f"- A consumer in the EU or EEA who bought from a trader may withdraw within {returns.WITHDRAWAL_DAYS} days of the last delivery, "
        "without a reason, a fee or anybody's consent, except for exempt goods. What counts is when the declaration was received; "
        "the last day ends at its end where the buyer lives and moves on from weekends and holidays.\n"
        "- A withdrawal is refunded once the goods are back, and on proof of sending at the latest "
        f"{returns.WITHDRAWAL_DAYS} days after it.\n"
        f"- The seller may look at what came back for {returns.INSPECT_DAYS} days; then it counts as accepted.",
    ]


def _offers() -> list[str]:
    return [
        "## Messages and offers",
        "- Buyer and seller write to each other in the thread of the order. Telephone numbers, addresses and links that lead away are "
        "not shown to the other side.\n"
        f"- A seller may offer a part of the money if the buyer keeps the order: one offer at a time, for {_hours(messages.OFFER_LASTS)} "
        "hours, never longer than an open request. Accepting it takes the request back and refunds the amount.",
    ]


def _privacy() -> list[str]:
    return [
        "## Deleting a buyer's data",
        f"- Confirmed with a log-in that is at most {int(privacy.FRESH_LOGIN.total_seconds() // 60)} minutes old, within "
        f"{_hours(privacy.VERIFY_WITHIN)} hours; carried out {privacy.COOLING_OFF.days} days later, "
        "at the latest a month after it was asked.\n"
        f"- It waits for what is open: {', '.join(privacy.BLOCKERS)}. A balance is lost, and the buyer is told before.\n"
        f"- What the law wants kept stays for {privacy.RETENTION_YEARS} years: goods, amounts, dates, country. Names, messages, notes, "
        "photos and search words go.",
    ]


def _hours(span: timedelta) -> int:
    return int(span.total_seconds() // 3600)


def _eligibility(state: str, rule: cancellations.Rule) -> tuple[str, str, str, str]:
    return state, _KINDS[rule.kind], rule.explanation, ", ".join(rule.alternatives) or "-"


def _reasons(
    unpaid: Sequence[cancellations.Reason], paid: Sequence[cancellations.Reason]
) -> list[tuple[str, str, str, str]]:
    merged = {reason.code: reason for reason in (*unpaid, *paid)}
    return [
        (code, "yes" if reason in unpaid else "-", "yes" if reason in paid else "-", reason.fault)
        for code, reason in merged.items()
    ]


def _machine(title: str, machine: Machine) -> list[str]:
    rows = [(source or "(new)", target, ", ".join(sorted(actors))) for (source, target), actors in machine.items()]
    return [f"### {title}", _table(("from", "to", "who"), rows)]


def _table(head: Sequence[str], rows: Iterable[Sequence[str]]) -> str:
    lines = [head, ["---"] * len(head), *rows]
    return "\n".join("| " + " | ".join(cells) + " |" for cells in lines)
