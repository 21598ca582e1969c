"""``recourse seed`` and ``recourse token``: the demo shop's data and buyers."""

from __future__ import annotations

from datetime import timedelta
from typing import Annotated

import typer

from recourse.cli import database
from recourse.core.db import reading
from recourse.core.errors import ConfigurationError
from recourse.core.settings import settings
from recourse.customers import service as customers
from recourse.gateway.tokens import issue_buyer_token


def seed(
    reset: Annotated[bool, typer.Option(help="Throw away what is in the store first.")] = False,
) -> None:
    """Create the tables and fill them with demo buyers, sellers and orders.

    Example: `recourse seed --reset`
    """
    if reset and not settings().demo:
        raise ConfigurationError(
            "refusing to reset a store that is not a demo; unset RECOURSE_SHOP_SECRET to say it is"
        )
    database.refill(reset)
    typer.echo("demo data is in place; `recourse orders list` shows it")


def token(
    buyer: Annotated[str, typer.Option(help="Buyer id, for example b-1001.")],
    hours: Annotated[int, typer.Option(min=1, max=24 * 30, help="How long it is valid.")] = 24,
) -> None:
    """Print a buyer's token, as the shop would sign it. Works with the demo secret only.

    Example: `curl -H "Authorization: Bearer $(recourse token --buyer b-1001)" ...`
    """
    if not settings().demo:
        raise ConfigurationError("RECOURSE_SHOP_SECRET is set, so only the shop may sign tokens")
    with reading() as session:
        customers.get(session, buyer)
    typer.echo(issue_buyer_token(buyer, timedelta(hours=hours)))


def register(root: typer.Typer) -> None:
    """Add the commands to the root command."""
    root.command()(seed)
    root.command()(token)
