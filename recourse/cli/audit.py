"""``recourse audit``: check every row of a database against the invariants of the order store."""

from __future__ import annotations

from typing import Annotated

import typer

from recourse.audit import service as audit
from recourse.audit.model import Report
from recourse.cli.output import print_json, print_table
from recourse.core.db import engine, reading
from recourse.core.errors import InvalidInput


def register(app: typer.Typer) -> None:
    """Add ``audit`` to the root commands."""
    app.command("audit")(run)


def run(
    as_json: Annotated[bool, typer.Option("--json", help="Print JSON.")] = False,
    only: Annotated[str, typer.Option(help="Numbers of invariants, for example 1,7. Default: all 30.")] = "",
) -> None:
    """Check every row against the 30 invariants; exit code 1 if any is broken. Changes nothing.

    Example: `recourse audit --only 1,7 --json`
    """
    chosen = _numbers(only)
    one_moment = engine().execution_options(isolation_level="REPEATABLE READ") if _many_writers() else engine()
    with reading(one_moment) as session:
        report = audit.check(session, chosen)
    if as_json:
        print_json(report.to_json())
    else:
        _show(report)
    if report.violations:
        raise typer.Exit(1)


def _many_writers() -> bool:
    return engine().dialect.name == "postgresql"


def _numbers(only: str) -> list[int]:
    try:
        return [int(part) for part in only.split(",") if part.strip()]
    except ValueError as error:
        raise InvalidInput(f"--only takes numbers of invariants, like 1,7, but it is {only!r}") from error


def _show(report: Report) -> None:
    print_table(
        ("", "checked", "violations", "held by", "invariant"),
        [
            [
                str(finding.invariant.number),
                str(finding.checked) if finding.invariant.queries else "-",
                str(len(finding.violations)) if finding.invariant.queries else "-",
                ", ".join(finding.invariant.held),
                finding.invariant.rule,
            ]
            for finding in report.findings
        ],
    )
    if report.violations:
        print_table(
            ("", "row", "id", "what is wrong"),
            [[str(each.invariant), each.entity, each.id, each.what] for each in report.violations],
        )
    typer.echo(f"{len(report.violations)} violations, {report.checked} rows checked")
