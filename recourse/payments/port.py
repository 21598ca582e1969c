"""What Recourse asks of a payment provider. Implementations are in ``http`` (a provider's service) and ``ledger`` (the wallet).

Every request carries a key: the same key again is the same request, however often it is sent.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Protocol

from recourse.core.money import Money


class ProviderTimeout(Exception):
    """No answer in time: the provider may or may not have got the request. Send it again with the same key."""


class ProviderDown(Exception):
    """The provider cannot take requests now. Nothing was done, as far as it says; try again later."""


@dataclass(frozen=True, slots=True)
class Answer:
    """The provider's first word. ``kind``: ``received`` (what comes of it, it says later), ``instant`` (done), ``refused``.

    ``reference``: its own name for the refund. ``reason``: why it was refused, a short code.
    """

    kind: str
    reference: str | None = None
    reason: str | None = None


@dataclass(frozen=True, slots=True)
class Target:
    """Where a refund goes. ``original``: to the very instrument that was paid with, and not to another one by the buyer's choice."""

    method: str
    instrument: str
    original: bool


@dataclass(frozen=True, slots=True)
class RefundStatus:
    """Where a refund is at the provider: ``state`` as in ``refunds.rules.EVENTS``, or ``received``. ``at``: ISO 8601 with a zone."""

    reference: str
    state: str
    at: str
    details: Mapping[str, str | None]


class PaymentProvider(Protocol):
    """A payment provider. All methods may raise ProviderTimeout and ProviderDown."""

    def refund(self, key: str, payment_ref: str, amount: Money, to: Target, details: str | None) -> Answer:
        """Give ``amount`` of a payment back. ``details``: the provider's name for bank details that the buyer gave it."""
        ...

    def find_refund(self, key: str) -> RefundStatus | None:
        """The refund that was asked for with ``key``; None when the provider has never got it."""
        ...

    def void(self, key: str, payment_ref: str, amount: Money) -> Answer:
        """Let go of ``amount`` of an authorisation that was not captured."""
        ...


@dataclass(frozen=True, slots=True)
class Providers:
    """Who serves what: the platform's own ledger the method "balance", ``service`` everything else (None: nobody is set up)."""

    ledger: PaymentProvider
    service: PaymentProvider | None

    def of(self, method: str) -> PaymentProvider | None:
        """The provider of a means of payment."""
        return self.ledger if method == "balance" else self.service
