"""``recourse privacy``: what is on record about a buyer, and forgetting it."""

from __future__ import annotations

import json
import os
from pathlib import Path
from typing import Annotated, Any

import typer

from recourse.cli.output import parse_time, print_json, print_table
from recourse.core.clock import SystemClock
from recourse.core.db import new_id, reading, transaction
from recourse.core.errors import InvalidInput
from recourse.core.personal import json_value
from recourse.core.settings import settings
from recourse.privacy import erase, service
from recourse.privacy.export import export as make_export
from recourse.privacy.service import ErasureView
from recourse.privacy.trackers import RasaTrackers, TrackerNotErased

app = typer.Typer(help="Export what is on record about a buyer, and erase it.", no_args_is_help=True)
_Buyer = Annotated[str, typer.Argument(help="Buyer id, for example b-1001.")]


@app.command()
def export(
    buyer: _Buyer,
    out: Annotated[Path, typer.Option(help="File to write; it must not exist. Only you can read it.")],
) -> None:
    """Write everything that is on record about one buyer to a JSON file.

    Example: `recourse privacy export b-1001 --out b-1001.json`
    """
    with reading() as session:
        document = make_export(session, buyer, SystemClock().now())
    _write(out, json.dumps(document, indent=2, ensure_ascii=False) + "\n")
    count = sum(len(rows) for rows in document["tables"].values())
    typer.echo(f"{out}: {count} rows of {len(document['tables'])} tables")


@app.command()
def request(
    buyer: _Buyer,
    identity_checked: Annotated[
        bool,
        typer.Option(
            "--identity-checked",
            help="You have made sure that the buyer asks (a letter, a call back); without it the buyer must sign in to confirm.",
        ),
    ] = False,
    as_json: Annotated[bool, typer.Option("--json", help="Print JSON.")] = False,
) -> None:
    """Take a buyer's wish to be erased that came another way than by chat.

    Example: `recourse privacy request b-1001 --identity-checked`
    """
    now = SystemClock().now()
    with transaction() as session:
        view = service.request_erasure(session, buyer, now, new_id())
        if identity_checked:
            view = service.verify(session, buyer, view.id, now, now)
    _show([view], as_json)


@app.command("list")
def list_requests(
    everything: Annotated[bool, typer.Option("--all", help="Also those that are over.")] = False,
    as_json: Annotated[bool, typer.Option("--json", help="Print JSON.")] = False,
) -> None:
    """List erasure requests, the one that is due first before the others.

    Example: `recourse privacy list --all --json`
    """
    with reading() as session:
        views = service.everything(session, open_only=not everything)
    _show(views, as_json)


@app.command()
def run(
    at: Annotated[str | None, typer.Option(help="As if it were this time, for example 2026-12-24T12:00:00Z.")] = None,
) -> None:
    """Let deadlines of erasure requests take effect and carry out those that are due. The worker does the same.

    Example: `recourse privacy run`
    """
    now = parse_time(at, SystemClock().now())
    with reading() as session:
        waiting = list(service.due(session, now))
    for request_id in waiting:
        with transaction() as session:
            service.settle(session, request_id, now)
    with reading() as session:
        ready = [view.id for view in service.everything(session) if view.state == "executing" or view.id in waiting]
    trackers = RasaTrackers(settings())
    done, failed = 0, 0
    for request_id in ready:
        try:
            done += erase.execute(request_id, now, trackers) is not None
        except TrackerNotErased as error:
            failed += 1
            typer.echo(f"erasure {request_id}: {error}", err=True)
    typer.echo(f"{len(waiting)} looked at, {done} carried out, {failed} to try again")
    if failed:
        raise typer.Exit(1)


def _write(out: Path, text: str) -> None:
    try:
        handle = os.open(out, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600)
    except FileExistsError as error:
        raise InvalidInput(f"{out} exists already; name a new file") from error
    except OSError as error:
        raise InvalidInput(f"cannot write {out}: {error.strerror}") from error
    with os.fdopen(handle, "w", encoding="utf-8") as file:
        file.write(text)


def _show(views: list[ErasureView], as_json: bool) -> None:
    if as_json:
        print_json([_plain(view) for view in views])
        return
    columns = ("request", "buyer", "state", "due", "waits for")
    print_table(
        columns,
        [
            [
                view.id,
                view.customer_id,
                view.state,
                f"{view.due_at:%Y-%m-%d}",
                ", ".join(f"{each.kind} {each.number}" for each in view.blockers) or "-",
            ]
            for view in views
        ],
    )


def _plain(view: ErasureView) -> dict[str, Any]:
    times = ("requested_at", "verify_by", "due_at", "execute_at", "completed_at")
    return {
        "id": view.id,
        "buyer": view.customer_id,
        "state": view.state,
        **{name: json_value(getattr(view, name)) for name in times},
        "blockers": [{"kind": each.kind, "id": each.id, "number": each.number} for each in view.blockers],
        "balances": [{"amount_minor": each.amount_minor, "currency": each.currency} for each in view.balances],
        "items": [
            {
                "store": item.store,
                "state": item.state,
                "rows": item.rows,
                "at": json_value(item.at),
                "reason": item.reason,
                "until": json_value(item.until),
            }
            for item in view.items
        ],
        "reason": view.reason,
    }
