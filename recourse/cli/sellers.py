"""``recourse seller``, ``recourse carrier`` and ``recourse sweep``: play the seller and the carrier, and let deadlines pass."""

from __future__ import annotations

from typing import Annotated

import typer

from recourse import worker
from recourse.cancellations import service as cancellations
from recourse.cli.output import parse_time
from recourse.core.clock import SystemClock
from recourse.core.db import transaction
from recourse.core.errors import InvalidInput
from recourse.core.order_numbers import normalise
from recourse.core.transitions import Actor
from recourse.fulfilment import service as fulfilment
from recourse.orders import service as orders
from recourse.orders.rules import OrderView
from recourse.overview import service as overview

app = typer.Typer(help="Play the seller: answer a cancellation request, ship or cancel an order.", no_args_is_help=True)
carrier_app = typer.Typer(help="Play the carrier: report where a parcel is.", no_args_is_help=True)
_SELLER = Actor("seller", "cli")
_Request = Annotated[str, typer.Argument(help="Request id, or the number of the order that has an open request.")]
_Number = Annotated[str, typer.Argument(help="Order number.")]


@app.command()
def approve(request: _Request) -> None:
    """Agree to a cancellation request: the order is cancelled and the refund is granted.

    Example: `recourse seller approve RC-1042-7713`
    """
    with transaction() as session:
        done = cancellations.seller_approves(
            session, overview.request_ref(session, request), SystemClock().now(), _SELLER
        )
    typer.echo(f"request {done.id}: {done.state}")


@app.command()
def reject(
    request: _Request,
    reason: Annotated[str, typer.Option(help="What the buyer is told.")] = "no reason given",
    tracking: Annotated[
        str | None, typer.Option(help="Tracking number; a must when the reason is 'already shipped'.")
    ] = None,
    shipped_on: Annotated[
        str | None,
        typer.Option(
            help="When it was shipped, for example 2026-11-24T09:00:00Z; a must when the reason is 'already shipped'."
        ),
    ] = None,
) -> None:
    """Decline a cancellation request, with a reason.

    Example: `recourse seller reject RC-1042-7713 --reason "Made to order, work has begun"`
    """
    now = SystemClock().now()
    shipped_at = parse_time(shipped_on, now) if shipped_on else None
    with transaction() as session:
        done = cancellations.seller_rejects(
            session, overview.request_ref(session, request), reason, tracking, now, _SELLER, shipped_at
        )
    typer.echo(f"request {done.id}: {done.state}")


@app.command()
def ship(
    number: _Number,
    carrier: Annotated[str, typer.Option(help="Who carries it.")] = "Parcel Express",
    tracking: Annotated[str, typer.Option(help="Tracking number.")] = "",
    line: Annotated[
        list[str] | None,
        typer.Option(
            help="Only these pieces: SKU or position of a line, and how many (MUG=2). Repeat it for more lines."
        ),
    ] = None,
) -> None:
    """Hand an order, or a part of it, to a carrier. An open cancellation request ends, or forbids it, as the seller's policy says.

    Example: `recourse seller ship RC-1042-7713 --tracking PX123456789 --line KETTLE=1`
    """
    number = normalise(number) or number
    with transaction() as session:
        order = orders.get_by_number(session, number)
        code = tracking.strip() or _new_tracking(order)
        pieces = _pieces(order, line) if line else None
        order = fulfilment.seller_ships(session, number, carrier, code, SystemClock().now(), _SELLER, pieces)
    typer.echo(f"order {order.number}: {order.state}, tracking {code}")


@app.command()
def cancel(
    number: _Number,
    reason: Annotated[str, typer.Option(help="Why, for example 'out of stock'.")] = "",
) -> None:
    """Cancel an order as its seller: what was paid is refunded, and it counts against the seller.

    Example: `recourse seller cancel RC-1042-7713 --reason "out of stock"`
    """
    with transaction() as session:
        order = fulfilment.seller_cancels(session, normalise(number) or number, reason, SystemClock().now(), _SELLER)
    typer.echo(f"order {order.number}: {order.state}")


@carrier_app.command()
def report(
    tracking: Annotated[str, typer.Argument(help="Tracking number of the parcel.")],
    state: Annotated[
        str, typer.Argument(help="label, accepted, in_transit, out_for_delivery, delivered, lost or returned.")
    ],
    text: Annotated[str, typer.Option(help="What the carrier printed.")] = "",
    at: Annotated[str | None, typer.Option(help="When it happened, for example 2026-11-24T09:00:00Z.")] = None,
    carrier: Annotated[
        str | None, typer.Option(help="Which carrier; a must for goods that a buyer sends back to a seller.")
    ] = None,
) -> None:
    """Report where a parcel is. An order is delivered with its last parcel, and refunded when all are lost or returned.

    Example: `recourse carrier report PX123456789 delivered --text "Left with a neighbour"`
    """
    now = SystemClock().now()
    with transaction() as session:
        found = fulfilment.carrier_reports(session, tracking, state, parse_time(at, now), text, now, carrier)
    for order in found:
        typer.echo(f"order {order.number}: {order.state}")


def sweep(
    at: Annotated[
        str | None, typer.Option(help="Settle as if it were this time, for example 2026-11-25T12:00:00Z.")
    ] = None,
) -> None:
    """Settle everything whose deadline has passed. The worker does the same by itself every few seconds.

    Example: `recourse sweep --at 2026-11-25T12:00:00+00:00`
    """
    settled = worker.settle_due(parse_time(at, SystemClock().now()))
    for each in settled:
        typer.echo(f"{each.machine} {each.id}: {each.state}")
    typer.echo(f"{len(settled)} settled")


def register(root: typer.Typer) -> None:
    """Add ``carrier`` and ``sweep`` to the root command."""
    root.add_typer(carrier_app, name="carrier")
    root.command()(sweep)


def _new_tracking(order: OrderView) -> str:
    """A number for a parcel that was given none; the second one of an order has another than the first."""
    digits = "".join(char for char in order.number if char.isdigit())
    return f"PX{digits}" + (f"-{len(order.parcels) + 1}" if order.parcels else "")


def _pieces(order: OrderView, wanted: list[str]) -> dict[str, int]:
    """Line id -> how many, from words like ``MUG=2``, ``MUG`` (all that is unsent) or ``1=2`` (the first line)."""
    pieces: dict[str, int] = {}
    for word in wanted:
        name, _, count = word.rpartition("=") if "=" in word else (word, "", "")
        line = next(
            (each for place, each in enumerate(order.lines, 1) if name in (each.sku, str(place))),
            None,
        )
        if line is None or (count and not count.isdecimal()):
            known = ", ".join(each.sku for each in order.lines)
            raise InvalidInput(f"{word!r} is no line of order {order.number}; write SKU=QTY, with a SKU of {known}")
        pieces[line.id] = pieces.get(line.id, 0) + (int(count) if count else line.unsent)
    return pieces
