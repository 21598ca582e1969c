"""``recourse seller`` and ``recourse sweep``: play the seller, and let deadlines pass."""

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
from recourse.overview import service as overview

app = typer.Typer(help="Play the seller: answer a cancellation request, ship an order.", no_args_is_help=True)
_SELLER = Actor("seller", "cli")
_Request = Annotated[str, typer.Argument(help="Request id, or the number of the order that has an open request.")]


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
) -> None:
    """Decline a cancellation request, with a reason.

    Example: `recourse seller reject RC-1042-7713 --reason "Made to order, work has begun"`
    """
    with transaction() as session:
        done = cancellations.seller_rejects(
            session, overview.request_ref(session, request), reason, tracking, SystemClock().now(), _SELLER
        )
    typer.echo(f"request {done.id}: {done.state}")


@app.command()
def ship(
    number: Annotated[str, typer.Argument(help="Order number.")],
    carrier: Annotated[str, typer.Option(help="Who carries it.")] = "Parcel Express",
    tracking: Annotated[str, typer.Option(help="Tracking number.")] = "",
) -> None:
    """Hand an order to a carrier. An open cancellation request ends, or forbids it, as the seller's policy says.

    Example: `recourse seller ship RC-1042-7713 --tracking PX123456789`
    """
    number = normalise(number) or number
    code = tracking.strip() or "PX" + "".join(char for char in number if char.isdigit())
    if len(code) > 40 or len(carrier) > 40:
        raise InvalidInput("carrier and tracking number may have 40 characters at most")
    with transaction() as session:
        order = cancellations.seller_ships(session, number, carrier, code, SystemClock().now(), _SELLER)
    typer.echo(f"order {order.number}: {order.state}, tracking {code}")


def sweep(
    at: Annotated[
        str | None, typer.Option(help="Settle as if it were this time, for example 2026-11-25T12:00:00Z.")
    ] = None,
) -> None:
    """Settle every request whose deadline has passed. The worker does the same by itself every few seconds.

    Example: `recourse sweep --at 2026-11-25T12:00:00+00:00`
    """
    settled = worker.settle_due(parse_time(at, SystemClock().now()))
    for request in settled:
        typer.echo(f"request {request.id}: {request.state}")
    typer.echo(f"{len(settled)} settled")


def register(root: typer.Typer) -> None:
    """Add ``sweep`` to the root command."""
    root.command()(sweep)
