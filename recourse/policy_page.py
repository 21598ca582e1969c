"""docs/policy.md, written from the tables in the rules so that it cannot drift. A test compares the two."""

from __future__ import annotations

from collections.abc import Iterable, Sequence

from recourse.cancellations import rules as cancellations
from recourse.core.transitions import Machine
from recourse.orders.rules import ORDER_MACHINE
from recourse.refunds import rules as refunds
from recourse.sellers.rules import Policy

_KINDS = {"instant": "yes, at once", "request": "yes, by request to the seller", "no": "no"}


def render() -> str:
    """The whole page as Markdown."""
    default = Policy()
    parts = [
        "# The rules on one page",
        "Written by `recourse policy` from `rules.py` of each capability; `make test` fails when this page and the code differ.",
        "## May an order be cancelled?",
        "Two things come first, whatever the status: an order that is frozen cannot be changed, and an order with an open request "
        "waits for its answer. Then the status decides:",
        _table(
            ("status", "may be cancelled", "why", "what else the buyer can do"),
            [
                _eligibility("any, frozen", cancellations.FROZEN),
                _eligibility("any, request open", cancellations.REQUESTED),
            ]
            + [_eligibility(state, rule) for state, rule in cancellations.ELIGIBILITY.items()],
        ),
        "## The seller's time to answer",
        f"- By default the seller has {default.response_hours} hours from the request, counted in UTC; a seller's policy may say "
        "otherwise. The deadline is stored with the request and never moves.\n"
        f"- Silence: `{default.on_silence}` by default. It approves only an order that is still unsent and not frozen; in every "
        "other case the request expires.\n"
        "- Up to the deadline the decision is the seller's, from that instant on it is the timer's; exactly one of them counts.\n"
        '- A rejection needs a reason; "already shipped" needs the tracking number.\n'
        f"- A parcel that leaves while a request is open: `{default.ship_while_pending}` by default (the request ends; the order is "
        "shipped). A seller's policy may `block` it instead.",
        "## What it costs and what comes back",
        "- Before shipment there is no fee.\n"
        "- Each means of payment gets back exactly what it gave. Money that was only reserved is released.\n"
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
