"""``recourse outbox``: what waits to be delivered, what was given up, and what needs a person."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Annotated, Any

import typer

from recourse.cli.output import print_json, print_table
from recourse.core import outbox
from recourse.core.clock import SystemClock
from recourse.core.db import reading, transaction
from recourse.core.errors import InvalidInput
from recourse.core.outbox import Outbox

app = typer.Typer(help="Messages to the outside: waiting, dead letters, and alerts for staff.", no_args_is_help=True)


@app.command("list")
def list_(
    dead: Annotated[bool, typer.Option("--dead", help="Only what was given up.")] = False,
    topic: Annotated[str | None, typer.Option(help="Only this topic, for example staff_alert.")] = None,
    limit: Annotated[int, typer.Option(min=1, help="At most so many.")] = 100,
    json: Annotated[bool, typer.Option("--json", help="Print JSON.")] = False,
) -> None:
    """List dead letters and what waits, oldest first."""
    with reading() as session:
        rows = [row for row in outbox.dead_letters(session, limit) if topic in (None, row.topic)]
        if not dead:
            rows += outbox.waiting(session, topic, limit)
    found = [_plain(row) for row in rows]
    if json:
        print_json(found)
    else:
        columns = ("id", "topic", "state", "attempts", "next", "about", "last error")
        print_table(columns, [_cells(row) for row in found])


@app.command()
def retry(
    row_id: Annotated[str | None, typer.Argument(help="Id of the row, as `recourse outbox list` shows it.")] = None,
    all_: Annotated[bool, typer.Option("--all", help="Every dead letter.")] = False,
) -> None:
    """Try again now: one row, or every dead letter."""
    if (row_id is None) == (not all_):
        raise InvalidInput("name one row, or give --all for every dead letter")
    now = SystemClock().now()
    with transaction() as session:
        ids = [row_id] if row_id else [row.id for row in outbox.dead_letters(session, limit=10_000)]
        for each in ids:
            outbox.revive(session, each, now)
    typer.echo(f"{len(ids)} to be tried again; the worker takes them up within seconds.")


@app.command()
def close(row_id: Annotated[str, typer.Argument(help="Id of an alert or a dead letter.")]) -> None:
    """Mark an alert or a dead letter as dealt with by a person."""
    with transaction() as session:
        outbox.close(session, row_id, SystemClock().now())
    typer.echo("Closed.")


def _plain(row: Outbox) -> dict[str, Any]:
    return {
        "id": row.id,
        "topic": row.topic,
        "state": "dead" if row.dead_at else "waiting",
        "attempts": row.attempts,
        "created_at": row.created_at.isoformat(),
        "next_at": row.next_at.isoformat() if row.next_at else None,
        "payload": row.payload,
        "last_error": row.last_error,
    }


def _cells(row: dict[str, Any]) -> Sequence[str]:
    about = " ".join(f"{name}={value}" for name, value in row["payload"].items())
    return (
        row["id"], row["topic"], row["state"], str(row["attempts"]), row["next_at"] or "-", about, row["last_error"] or "-"
    )  # fmt: skip
