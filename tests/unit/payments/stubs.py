"""A payment provider in memory that does what a test tells it, and what tests do with it."""

from __future__ import annotations

from collections import deque
from datetime import timedelta

from recourse.core.money import Money
from recourse.payments import dispatch
from recourse.payments.ledger import Ledger
from recourse.payments.port import (
    Answer,
    PaymentProvider,
    ProviderDown,
    Providers,
    ProviderTimeout,
    RefundStatus,
    Target,
)
from tests.unit.world import World


class StubProvider:
    """Keeps refunds by key, as a real one does. ``script``: what happens to the next calls; ``lost``: the call is done, but
    its answer gets lost; ``timeout``: it never gets there; ``down``; ``refused``; ``crash``. Without a script all is received.
    """

    def __init__(self) -> None:
        self.refunds: dict[str, tuple[str, Money, Target, str | None]] = {}
        self.voids: dict[str, tuple[str, Money]] = {}
        self.states: dict[str, RefundStatus] = {}
        self.script: deque[str] = deque()
        self.calls: list[str] = []

    def refund(self, key: str, payment_ref: str, amount: Money, to: Target, details: str | None) -> Answer:
        self.calls.append(f"refund {key}")
        step = self._step()
        if step == "refused":
            return Answer("refused", reason="refund_not_possible")
        self.refunds.setdefault(key, (payment_ref, amount, to, details))
        if step == "lost":
            raise ProviderTimeout("no answer")
        return Answer("received", f"re-{key}")

    def find_refund(self, key: str) -> RefundStatus | None:
        self.calls.append(f"find {key}")
        self._step()
        return self.states.get(key)

    def void(self, key: str, payment_ref: str, amount: Money) -> Answer:
        self.calls.append(f"void {key}")
        if self._step() == "refused":
            return Answer("refused", reason="already_captured")
        self.voids.setdefault(key, (payment_ref, amount))
        return Answer("received", f"vo-{key}"[:64])

    def _step(self) -> str:
        step = self.script.popleft() if self.script else ""
        if step == "timeout":
            raise ProviderTimeout("no answer")
        if step == "down":
            raise ProviderDown("the provider answered 503")
        if step == "crash":
            raise RuntimeError("a programming error")
        return step


def deliver(world: World, service: PaymentProvider | None, after: timedelta = timedelta()) -> int:
    """The worker's round, ``after`` a while."""
    world.now += after
    return dispatch.deliver_due(world.now, Providers(Ledger(), service), world.engine)
