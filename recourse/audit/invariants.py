"""The 30 invariants (domain 3.6): what each says, by what it is held, and the queries that look for rows that break it."""

from __future__ import annotations

from recourse.audit import history, money, people, requests
from recourse.audit.model import AUDIT, CONSTRAINT, TEST, Invariant

_MACHINE = "tests/unit/machine/test_lives.py"

INVARIANTS: tuple[Invariant, ...] = (
    Invariant(1, "No payment gives back more than was captured.", (AUDIT, CONSTRAINT), money.GIVEN_BACK),
    Invariant(
        2, "Payments are allocated in full, and what lines cost is what the order was paid.", (AUDIT,), money.ALLOCATED
    ),
    Invariant(3, "An order has at most one open cancellation request.", (CONSTRAINT, AUDIT), requests.ONE_REQUEST),
    Invariant(
        4, "A line has at most one open dispute, and none while it is being returned or cancelled.", (CONSTRAINT, AUDIT),
        requests.ONE_DISPUTE,
    ),
    Invariant(
        5, "Nothing that was sent is cancelled without the seller's or the platform's yes; silence is none.", (AUDIT,),
        requests.SENT_NEEDS_A_YES,
    ),
    Invariant(
        6, "Pieces cancelled, sent, returned and refunded fit into what was ordered, sent and paid.", (CONSTRAINT, AUDIT),
        requests.PIECES,
    ),
    Invariant(
        7, "Each change of state has exactly one entry in the log, and replaying the log gives the rows.", (AUDIT,),
        (*history.moves(), *history.rows()),
    ),
    Invariant(8, "Nothing leaves a final state.", (AUDIT,), tuple(history.ends())),
    Invariant(
        9, "An approved request has exactly one refund, unless there was nothing to give back.", (AUDIT, CONSTRAINT),
        money.APPROVED_IS_REFUNDED,
    ),
    Invariant(
        10, "A refund's legs and fee add up to what its pieces were paid; coupon value never goes to a card.", (AUDIT,),
        money.ADDS_UP,
    ),
    Invariant(
        11, "The same key with the same parameters has one effect and one answer, with others none.",
        (CONSTRAINT, TEST), people.REPEATED,
        ("tests/unit/core/test_idempotency_and_outbox.py", "tests/unit/cancellations/test_submit.py"),
    ),
    Invariant(
        12, "What was agreed is what was shown: the quote is the buyer's own, still good, and of this version.",
        (AUDIT, TEST), requests.QUOTED, ("tests/unit/cancellations/test_submit.py",),
    ),
    Invariant(
        13, "No fee before shipment, for the seller's fault, or for a withdrawal.", (AUDIT,), money.FEE_ONLY_INTERCEPT
    ),
    Invariant(
        14, "A fee is only kept where a clause said so at checkout, and never more than it said.", (AUDIT,),
        money.FEE_IN_SNAPSHOT,
    ),
    Invariant(
        15, "A deadline is what the order's own policy made it, whatever changed later.", (AUDIT, TEST),
        requests.DEADLINES_STAND, ("tests/unit/properties/test_deadlines.py",),
    ),
    Invariant(
        16, "Before the deadline the human decides, from it on the timer; exactly one does.", (AUDIT, TEST),
        requests.ONE_DECIDES, ("tests/unit/properties/test_deadlines.py", "tests/unit/races/test_races.py"),
    ),
    Invariant(
        17, "Money goes back to what it was paid with; elsewhere only after that failed.", (AUDIT,), money.SAME_INSTRUMENT
    ),
    Invariant(
        18, "No refund while a chargeback on the payment is open, and its orders are on hold.", (AUDIT,),
        money.CHARGED_BACK,
    ),
    Invariant(
        19, "The wallet is the sum of its entries, never negative, with one entry for each cause.", (AUDIT, CONSTRAINT),
        money.WALLET,
    ),
    Invariant(20, "A coupon's value comes back once, one way, as the policy says.", (AUDIT,), money.COUPONS),
    Invariant(
        21, "Every row of a buyer hangs on that buyer's own orders; other people's are as if missing.", (AUDIT, TEST),
        people.OWN_ROWS,
        ("tests/unit/orders/test_order_service.py", "tests/unit/cancellations/test_submit.py", _MACHINE),
    ),
    Invariant(
        22, "What happens to one order of a checkout leaves the others and their payments alone.", (AUDIT, TEST),
        money.CHECKOUT, (_MACHINE,),
    ),
    Invariant(
        23, "Each change that a buyer waits for has its message in the outbox, once.", (AUDIT, CONSTRAINT), people.TOLD
    ),
    Invariant(
        24, "An event from outside has effect once, and an older one never moves a state back.",
        (CONSTRAINT, AUDIT, TEST), people.EVENTS_ONCE, ("tests/unit/payments/test_webhooks.py", _MACHINE),
    ),
    Invariant(
        25, "The assistant claims a fact only with the row that holds it, in the same turn.", (TEST,), (),
        ("tests/unit/replies", "tests/conversations"),
    ),
    Invariant(
        26, "While a person has the conversation, the assistant says nothing.", (TEST,), (), ("tests/unit/handoff",)
    ),
    Invariant(
        27, "Nothing returns the name, the messages or the notes of an erased buyer.", (AUDIT, TEST), people.FORGOTTEN,
        ("tests/unit/privacy",),
    ),
    Invariant(
        28, "A withdrawal is in time by when it was received, not by when it was handled.", (AUDIT, TEST),
        requests.IN_TIME, ("tests/unit/returns",),
    ),
    Invariant(
        29, "Refund, leg, payment and order have one currency, and amounts are positive.", (AUDIT, CONSTRAINT),
        money.CURRENCIES,
    ),
    Invariant(
        30, "An order on hold, or owned by a dispute, a return or a chargeback, says so and is left alone.",
        (AUDIT, TEST), requests.OWNED, (_MACHINE,),
    ),
)  # fmt: skip
