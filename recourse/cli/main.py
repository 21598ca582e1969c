"""Root of the command line and its error handling: one clear line and a non-zero exit, never a traceback."""

from __future__ import annotations

import sys

import typer
from sqlalchemy.exc import SQLAlchemyError

from recourse.chat import commands as chat
from recourse.cli import (
    audit,
    conversations,
    database,
    demo,
    orders,
    outbox,
    policy,
    privacy,
    seller_accounts,
    sellers,
    simulate,
)
from recourse.core.errors import RecourseError
from recourse.migrations import tables as _tables  # noqa: F401 - foreign keys need every table to be known
from recourse.ops import commands as ops

app = typer.Typer(
    name="recourse",
    help="Recourse: an order-support assistant for online marketplaces.",
    no_args_is_help=True,
    rich_markup_mode="markdown",
    pretty_exceptions_enable=False,
    context_settings={"help_option_names": ["-h", "--help"]},
)
ops.register(app, database.prepare, database.check)
chat.register(app)
demo.register(app)
audit.register(app)
policy.register(app)
app.add_typer(conversations.app, name="conversations")
app.add_typer(orders.app, name="orders")
app.add_typer(outbox.app, name="outbox")
app.add_typer(privacy.app, name="privacy")
app.add_typer(sellers.app, name="seller")
app.add_typer(seller_accounts.app, name="sellers")
app.add_typer(simulate.app, name="simulate")
sellers.register(app)


def main() -> None:
    """Entry point of ``recourse``: expected errors become one line on standard error and exit code 1."""
    try:
        app()
    except RecourseError as error:
        _fail(str(error))
    except SQLAlchemyError as error:
        _fail(
            f"the database did not answer as expected ({type(error).__name__}); `recourse doctor` checks it, "
            "`recourse seed` creates the demo's"
        )


def _fail(message: str) -> None:
    print(f"recourse: {message}", file=sys.stderr)
    sys.exit(1)
