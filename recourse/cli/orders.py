"""``recourse orders``: look at orders as an operator."""

from __future__ import annotations

from typing import Annotated

import typer

from recourse.cli.output import money_text, print_json, print_table, value_text
from recourse.core.clock import SystemClock
from recourse.core.db import reading
from recourse.core.errors import InvalidInput
from recourse.core.order_numbers import normalise
from recourse.customers import service as customers
from recourse.orders.rules import STATES
from recourse.overview import service as overview

app = typer.Typer(help="Look at orders.", no_args_is_help=True)


@app.command("list")
def list_orders(
    buyer: Annotated[str | None, typer.Option(help="Only orders of this buyer, for example b-1001.")] = None,
    status: Annotated[str | None, typer.Option(help=f"Only orders in this status: {', '.join(STATES)}.")] = None,
    scenario: Annotated[
        str | None, typer.Option(help="Only demo orders with this label, for example paid_unsent.")
    ] = None,
    as_json: Annotated[bool, typer.Option("--json", help="Print JSON.")] = False,
) -> None:
    """List orders.

    Example: `recourse orders list --buyer b-1001 --scenario paid_unsent --json`
    """
    if status and status not in STATES:
        raise InvalidInput(f"there is no status {status!r}; use one of {', '.join(STATES)}")
    with reading() as session:
        if buyer:
            customers.get(session, buyer)
        rows = overview.operator_list(session, SystemClock().now(), buyer, [status] if status else [], scenario)
    if as_json:
        print_json(rows)
        return
    columns = ("number", "buyer", "status", "cancellation", "scenario", "total", "title")
    print_table(
        columns,
        [[str(row[c] or "") if c != "total" else money_text(row["total"]) for c in columns] for row in rows],
    )


@app.command()
def show(
    number: Annotated[str, typer.Argument(help="Order number, for example RC-1042-7713.")],
    as_json: Annotated[bool, typer.Option("--json", help="Print JSON.")] = False,
) -> None:
    """Show one order with its requests, refunds and every change of state.

    Example: `recourse orders show RC-1042-7713 --json`
    """
    with reading() as session:
        view = overview.operator_view(session, normalise(number) or number, SystemClock().now())
    if as_json:
        print_json(view)
        return
    print_table(
        ("order", ""), [(k, value_text(v)) for k, v in view.items() if not isinstance(v, list) and k != "policy"]
    )
    for name in ("lines", "payments", "coupons", "shipments", "cancellation_requests", "refunds", "transitions"):
        for item in view[name]:
            print_table((name, ""), [(k, value_text(v)) for k, v in item.items() if not isinstance(v, list)])
            for leg in item.get("legs", []):
                print_table(("  leg", ""), [(f"  {k}", value_text(v)) for k, v in leg.items()])
