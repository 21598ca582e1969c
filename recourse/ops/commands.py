"""The operator's commands: ``up``, ``train``, ``doctor``. The command line registers them."""

from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING, Annotated

import typer

if TYPE_CHECKING:
    from recourse.ops.doctor import DatabaseCheck


def register(
    app: typer.Typer, prepare_database: Callable[[], None], check_database: DatabaseCheck | None = None
) -> None:
    """Add the commands to ``app``.

    ``prepare_database`` migrates and fills an empty database; ``check_database`` reports on it without changing it.
    """

    @app.command()
    def up() -> None:
        """Start everything and keep it running until Ctrl-C."""
        from recourse.ops.supervise import up as start

        raise typer.Exit(_reported(lambda: start(prepare_database)))

    @app.command()
    def train() -> None:
        """Train the model, unless one for this very project is there."""
        raise typer.Exit(_reported(_train))

    @app.command()
    def doctor(
        as_json: Annotated[bool, typer.Option("--json", help="Print a JSON list instead of a table.")] = False,
    ) -> None:
        """Check the installation and say how to repair what is wrong."""
        from recourse.ops.doctor import run

        raise typer.Exit(_reported(lambda: run(check_database, as_json)))


def _train() -> int:
    from recourse.ops.layout import layout
    from recourse.ops.model import ensure_model, model_path
    from recourse.ops.progress import Steps, console

    current = model_path(layout())
    if current.is_file():
        console().print(f"The model is current: {current}")
        return 0
    with Steps(console(), total=1).step("Training the model"):
        ensure_model()
    console().print(f"The model is trained: {current}")
    return 0


def _reported(command: Callable[[], int]) -> int:
    """Exit code of ``command``. An expected error becomes one line, and the end of the log it came from."""
    from recourse.core.errors import RecourseError
    from recourse.ops.errors import OperationsError

    try:
        return command()
    except RecourseError as error:
        typer.secho(str(error), err=True, fg=typer.colors.RED)
        if isinstance(error, OperationsError) and error.log_tail:
            typer.echo("\n".join("    " + line for line in error.log_tail.splitlines()), err=True)
        return 1
