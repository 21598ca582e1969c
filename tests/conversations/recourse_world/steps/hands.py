"""What a step works with: the store, the present, and the things that the test names."""

from __future__ import annotations

import secrets
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import datetime
from decimal import Decimal, InvalidOperation

from babel.numbers import get_currency_precision
from sqlalchemy import Engine
from sqlalchemy.orm import Session

from pytest_rasa.world import WorldError
from recourse.core.db import reading, transaction
from recourse.orders import service as orders
from recourse.orders.rules import OrderView
from recourse_world.filling import filled
from recourse_world.people import Cast, Person
from recourse_world.steps.provider_desk import ProviderDesk


@dataclass(frozen=True, slots=True)
class Hands:
    """``speaker``: the buyer who speaks at this point. ``desk``: the payment provider."""

    store: Engine
    clock: Callable[[], datetime]
    cast: Cast
    speaker: Person
    desk: ProviderDesk

    def now(self) -> datetime:
        """The present of the world (UTC)."""
        return self.clock()

    def number(self, order: str | None) -> str:
        """Number of the order that is called so. Raises WorldError."""
        return self.cast.number(order)

    def text(self, text: str) -> str:
        """With the names of the case's things filled in."""
        return filled(text, self.cast)

    @contextmanager
    def writing(self) -> Iterator[Session]:
        """One transaction on the store."""
        with transaction(self.store) as session:
            yield session

    @contextmanager
    def reading(self) -> Iterator[Session]:
        """A look at the store."""
        with reading(self.store) as session:
            yield session

    def order(self, session: Session, name: str | None) -> OrderView:
        """The order that is called so, as it is now."""
        return orders.get_by_number(session, self.number(name))


def minor_units(amount: int | str, currency: str) -> int:
    """``GBP 10.50`` (or 1050) in minor units of ``currency``. Raises WorldError."""
    if isinstance(amount, int):
        return amount
    code, _, value = amount.partition(" ")
    try:
        minor = Decimal((value or code).replace(",", "")).scaleb(get_currency_precision(currency))
    except InvalidOperation:
        raise WorldError(f"{amount!r} is no amount; write it like {currency} 10.50, or in minor units") from None
    if value and code != currency:
        raise WorldError(f"the order counts in {currency}, not in {code}")
    if minor != int(minor):
        raise WorldError(f"{amount!r} has more decimals than {currency}")
    return int(minor)


def line_ids(order: OrderView, pieces: Mapping[str, int] | None) -> dict[str, int] | None:
    """Articles as lines of the order: line id -> how many; None stays None. Raises WorldError for an article that is not in it."""
    if pieces is None:
        return None
    by_sku = {line.sku: line.id for line in order.lines}
    unknown = [sku for sku in pieces if sku not in by_sku]
    if unknown:
        raise WorldError(f"the order has no {', '.join(unknown)}; it has: {', '.join(by_sku)}")
    return {by_sku[sku]: qty for sku, qty in pieces.items()}


def new_key() -> str:
    """An idempotency key: every step happens once."""
    return f"step-{secrets.token_hex(8)}"
