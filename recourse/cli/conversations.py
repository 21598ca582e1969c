"""``recourse conversations``: find conversations, and keep one as a test."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from recourse.cli.output import print_json, print_table
from recourse.conversations import recording as conversations
from recourse.core.db import reading
from recourse.customers import service as customers
from recourse.recording import files
from recourse.recording import service as recording

app = typer.Typer(help="Find conversations, and keep one as a test.", no_args_is_help=True)


@app.command("list")
def list_conversations(
    buyer: Annotated[str | None, typer.Option(help="Only conversations of this buyer, for example b-1001.")] = None,
    limit: Annotated[int, typer.Option(min=1, help="How many to list at most.")] = 20,
    as_json: Annotated[bool, typer.Option("--json", help="Print JSON.")] = False,
) -> None:
    """List conversations, newest first.

    Example: `recourse conversations list --buyer b-1001`
    """
    with reading() as session:
        if buyer:
            customers.get(session, buyer)
        found = conversations.newest(session, buyer, limit)
    rows = [
        {
            "id": each.id,
            "buyer": each.customer_id,
            "channel": each.channel,
            "state": each.state,
            "messages": each.messages,
            "last": each.last_at.isoformat(timespec="seconds"),
        }
        for each in found
    ]
    if as_json:
        print_json(rows)
        return
    columns = ("id", "buyer", "channel", "state", "messages", "last")
    print_table(columns, [[str(row[column]) for column in columns] for row in rows])


@app.command()
def export(
    conversation: Annotated[str, typer.Argument(help="Id, as `recourse conversations list` shows it.")],
    out: Annotated[Path | None, typer.Option(help="Write to this file instead of standard output.")] = None,
    force: Annotated[bool, typer.Option("--force", help="Replace a file that is there.")] = False,
) -> None:
    """Write a conversation as a conversation test, personal data masked. Review it before you commit it.

    Example: `recourse conversations export 3f0c... --out tests/conversations/refund/lost.yml`
    """
    if out is not None:
        files.check(out, force)
    with reading() as session:
        text = recording.record(session, conversation, files.name_of(out) if out else None)
    if out is None:
        typer.echo(text, nl=False)
        return
    files.write(out, text)
    typer.echo(f"recorded in {out}; review it before you commit it", err=True)
