"""How commands print: JSON for programs, a table for people."""

from __future__ import annotations

import json
from collections.abc import Sequence
from datetime import datetime
from typing import Any

import typer
from rich.console import Console
from rich.table import Table

from recourse.core.clock import require_utc
from recourse.core.errors import InvalidInput
from recourse.core.money import Money

_PIPE_WIDTH = 240


def print_json(value: Any) -> None:
    """``value`` as indented JSON on standard output."""
    typer.echo(json.dumps(value, indent=2, ensure_ascii=False))


def print_table(columns: Sequence[str], rows: Sequence[Sequence[str]]) -> None:
    """``rows`` as a table on standard output."""
    table = Table(box=None, header_style="bold")
    for column in columns:
        table.add_column(column, no_wrap=column != columns[-1], overflow="fold")
    for row in rows:
        table.add_row(*row)
    console = Console()
    if not console.is_terminal:  # a pipe has no width: never fold what a program may read line by line
        console = Console(width=_PIPE_WIDTH)
    console.print(table)


def money_text(value: dict[str, Any]) -> str:
    """``{"amount_minor", "currency"}`` as text."""
    return Money(value["amount_minor"], value["currency"]).format()


def value_text(value: Any) -> str:
    """Any value of an operator's view as text: amounts with their currency, nothing as a dash."""
    if isinstance(value, dict) and "amount_minor" in value:
        return money_text(value)
    return "-" if value is None else str(value)


def parse_time(text: str | None, default: datetime) -> datetime:
    """An ISO 8601 time with a zone (``2026-11-24T12:00:00Z``) as UTC; ``default`` when none is given. Raises InvalidInput."""
    if text is None:
        return default
    try:
        return require_utc(datetime.fromisoformat(text))
    except ValueError as error:
        raise InvalidInput(f"{text!r} is not a time with a zone; write it like 2026-11-24T12:00:00+00:00") from error
