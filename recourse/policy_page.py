"""docs/policy.md, written from the tables in the rules so that it cannot drift. A test compares the two."""

from __future__ import annotations

from collections.abc import Iterable, Sequence

from recourse.cancellations import rules as cancellations
from recourse.core.transitions import Machine
from recourse.orders.rules import ORDER_MACHINE
from recourse.refunds import rules as refunds
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
        "## State machines",
        *_machine("Order", ORDER_MACHINE),
        *_machine("Cancellation request", cancellations.REQUEST_MACHINE),
        *_machine("Refund leg", refunds.LEG_MACHINE),
    ]
    return "\n\n".join(parts) + "\n"


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
