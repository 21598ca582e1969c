"""``recourse policy``: the rules on one page, written from the rules themselves."""

from __future__ import annotations

import typer

from recourse.policy_page import render


def policy() -> None:
    """Print docs/policy.md from the rules in the code.

    Example: `recourse policy > docs/policy.md`
    """
    typer.echo(render(), nl=False)


def register(root: typer.Typer) -> None:
    """Add the command to the root command."""
    root.command()(policy)
