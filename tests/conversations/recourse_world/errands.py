"""What the worker does within seconds and needs nobody for: money that goes to the shop's own balance arrives at once.

The stack's worker does it too; whoever comes first, it is done before a test looks again.
"""

from __future__ import annotations

from collections.abc import Collection
from datetime import datetime

from sqlalchemy import Engine, bindparam, text

from recourse.payments import dispatch
from recourse.payments.ledger import Ledger
from recourse.payments.port import Providers
from recourse.refunds.service import REFUND_LEG
from recourse_world.outbox_rows import NO_PROVIDER
from recourse_world.waiting import wait_until

_WITHIN_S = 15.0
_AT_ONCE = 200
_WAITING = text(
    "SELECT 1 FROM outbox JOIN refund_leg ON refund_leg.id = outbox.payload ->> 'leg_id' "
    "WHERE outbox.topic = :topic AND outbox.customer_id IN :buyers AND outbox.done_at IS NULL AND outbox.dead_at IS NULL "
    "AND (outbox.last_error IS NULL OR outbox.last_error LIKE :untried) AND refund_leg.method = 'balance' LIMIT 1"
).bindparams(bindparam("buyers", expanding=True))
"""As text: it is asked after every message."""


def pay_into_balances(store: Engine, customers: Collection[str], now: datetime) -> None:
    """Let refunds of these buyers that go to the balance arrive. Those to other instruments wait for a provider."""
    values = {"topic": REFUND_LEG, "buyers": list(customers), "untried": f"{NO_PROVIDER}%"}

    def nothing_waits() -> bool:
        with store.connect() as connection:
            return connection.execute(_WAITING, values).first() is None

    if nothing_waits():
        return
    providers = Providers(Ledger(), None)

    def delivered() -> bool:
        dispatch.deliver_due(now, providers, store, _AT_ONCE)
        return nothing_waits()

    wait_until(delivered, _WITHIN_S, "a refund to arrive in the balance")
