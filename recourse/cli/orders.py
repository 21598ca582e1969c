"""``recourse orders``: look at orders as an operator, bring orders in and take them out."""

from __future__ import annotations

import sys
from collections.abc import Iterator, Sequence
from contextlib import ExitStack, contextmanager, suppress
from pathlib import Path
from typing import Annotated, TextIO

import typer
from rich.console import Console
from rich.progress import Progress, SpinnerColumn, TextColumn, TimeElapsedColumn

from recourse.cli.output import money_text, print_json, print_table, value_text
from recourse.core.clock import SystemClock
from recourse.core.db import reading, transaction
from recourse.core.errors import InvalidInput
from recourse.core.order_numbers import normalise
from recourse.customers import service as customers
from recourse.exchange import formats
from recourse.exchange import service as exchange
from recourse.exchange.formats import CSV, FORMATS, JSONL, Read, Writer
from recourse.exchange.service import FAILED, Outcome
from recourse.orders import service as orders
from recourse.orders.rules import STATES
from recourse.overview import service as overview

app = typer.Typer(help="Look at orders, import and export them.", no_args_is_help=True)


@app.command("list")
def list_orders(
    buyer: Annotated[str | None, typer.Option(help="Only orders of this buyer, for example b-1001.")] = None,
    status: Annotated[str | None, typer.Option(help=f"Only orders in this status: {', '.join(STATES)}.")] = None,
    scenario: Annotated[
        str | None, typer.Option(help="Only demo orders with this label, for example paid_unsent.")
    ] = None,
    limit: Annotated[int, typer.Option(min=1, help="How many orders to list at most.")] = 50,
    after: Annotated[str | None, typer.Option(help="Go on behind this order number.")] = None,
    as_json: Annotated[bool, typer.Option("--json", help="Print JSON.")] = False,
) -> None:
    """List orders, by buyer and newest first. Says how many more there are, and how to see them.

    Example: `recourse orders list --buyer b-1001 --scenario paid_unsent --json`
    """
    if status and status not in STATES:
        raise InvalidInput(f"there is no status {status!r}; use one of {', '.join(STATES)}")
    with reading() as session:
        if buyer:
            customers.get(session, buyer)
        states = [status] if status else []
        behind = (normalise(after) or after) if after else None
        rows = overview.operator_list(session, SystemClock().now(), buyer, states, scenario, limit, behind)
        more = orders.how_many(session, buyer, states, scenario, rows[-1]["number"]) if len(rows) == limit else 0
    if more:
        typer.echo(f"{more} more; add `--after {rows[-1]['number']}` to see the next ones", err=True)
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
    """Show one order with all that hangs on it, and every change of state.

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
    for name, items in view.items():
        for item in items if isinstance(items, list) else ():
            print_table((name, ""), [(k, value_text(v)) for k, v in item.items() if not isinstance(v, list)])
            for leg in item.get("legs", []):
                print_table(("  leg", ""), [(f"  {k}", value_text(v)) for k, v in leg.items()])


@app.command("import")
def import_orders(
    file: Annotated[Path, typer.Argument(help="The file, or - for standard input.", allow_dash=True)],
    form: Annotated[
        str | None, typer.Option("--format", help="jsonl or csv; taken from the name of the file when missing.")
    ] = None,
    dry_run: Annotated[bool, typer.Option("--dry-run", help="Check every record and write nothing.")] = False,
    max_errors: Annotated[int, typer.Option(min=1, help="Stop after this many errors.")] = 100,
) -> None:
    """Bring orders of a shop into the store. See docs/import.md for the format.

    Each record is written as a whole or not at all; importing the same file again changes nothing. Exit code 1 when any
    record failed.

    Example: `recourse orders import orders.jsonl`
    """
    with _opened(file) as stream:
        counts = run_import(stream, _format(form, file), dry_run, max_errors)
    told = ", ".join(f"{count} {result}" for result, count in counts.items())
    typer.echo(f"{told}; nothing was written" if dry_run else told)
    if counts[FAILED]:
        raise typer.Exit(1)


@app.command("export")
def export_orders(
    buyer: Annotated[str | None, typer.Option(help="Only orders of this buyer, for example b-1001.")] = None,
    form: Annotated[str, typer.Option("--format", help="jsonl or csv.")] = JSONL,
    output: Annotated[Path | None, typer.Option("--output", "-o", help="Write to this file.")] = None,
) -> None:
    """Write orders in the format that `recourse orders import` reads.

    Example: `recourse orders export --buyer b-1001 --output orders.jsonl`
    """
    with ExitStack() as stack:
        session = stack.enter_context(reading())
        if buyer:
            customers.get(session, buyer)
        widest = exchange.widest(session) if form == CSV else None
        stream = stack.enter_context(output.open("w", encoding="utf-8", newline="")) if output else sys.stdout
        count = Writer(stream, form, widest).write(exchange.export(session, buyer))
    typer.echo(f"{count} orders", err=True)


def run_import(stream: TextIO, form: str, dry_run: bool, max_errors: int) -> dict[str, int]:
    """Bring the records of ``stream`` in, a transaction for each batch; errors go to standard error. Returns counts by result."""
    counts, told = exchange.summary([]), 0
    with _progress() as progress:
        task = progress.add_task("orders", total=None)
        for batch in exchange.batches(formats.read(stream, form)):
            outcomes = _bring(batch, dry_run)
            for result, count in exchange.summary(outcomes).items():
                counts[result] += count
            for outcome in outcomes:
                if outcome.result == FAILED and told < max_errors:
                    told += 1
                    who = f" ({outcome.external_id})" if outcome.external_id else ""
                    progress.console.print(
                        f"line {outcome.line}{who}: {outcome.error}", markup=False, highlight=False, soft_wrap=True
                    )
            progress.advance(task, len(batch))
            if counts[FAILED] >= max_errors:
                progress.console.print(f"stopped after {counts[FAILED]} errors; what came before stays", markup=False)
                break
    return counts


class _DryRun(Exception):
    """Rolls back what was only tried."""


def _bring(batch: Sequence[Read], dry_run: bool) -> list[Outcome]:
    """One batch in one transaction, which a dry run takes back."""
    outcomes: list[Outcome] = []
    with suppress(_DryRun), transaction() as session:
        outcomes = exchange.bring(session, batch, SystemClock().now())
        if dry_run:
            raise _DryRun
    return outcomes


def _progress() -> Progress:
    console = Console(stderr=True)
    return Progress(
        SpinnerColumn(),
        TextColumn("{task.description} {task.completed}"),
        TimeElapsedColumn(),
        console=console,
        disable=not console.is_terminal,
        transient=True,
    )


@contextmanager
def _opened(file: Path) -> Iterator[TextIO]:
    if str(file) == "-":
        yield sys.stdin
        return
    try:
        # utf-8-sig: spreadsheets put a mark in front
        with file.open(encoding="utf-8-sig", newline="") as stream:
            yield stream
    except OSError as error:
        raise InvalidInput(f"{file} cannot be read: {error.strerror}") from error
    except UnicodeDecodeError as error:
        raise InvalidInput(f"{file} is not UTF-8 text; save it as UTF-8 (what came before that place stays)") from error


def _format(form: str | None, file: Path) -> str:
    named = form or file.suffix.removeprefix(".").lower()
    if named == "json":
        named = JSONL
    if named not in FORMATS:
        raise InvalidInput(f"say the format of {file}: --format {' or --format '.join(FORMATS)}")
    return named
