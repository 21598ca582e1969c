"""Steps on the terminal: ``[2/3] Model ... 41 s``, a moving line meanwhile (in a log: a line at the start)."""

from __future__ import annotations

import time
from collections.abc import Iterator
from contextlib import contextmanager

from rich.console import Console
from rich.progress import Progress, SpinnerColumn, TextColumn, TimeElapsedColumn


def console() -> Console:
    """The console of the operator's commands."""
    return Console(highlight=False, soft_wrap=True)


class Steps:
    """Numbered steps. ``total``: how many there will be."""

    def __init__(self, on: Console, total: int) -> None:
        self.console = on
        self._total = total
        self._number = 0

    @contextmanager
    def step(self, title: str) -> Iterator[None]:
        """Time the block. Nothing is printed when it raises: the error speaks for itself."""
        self._number += 1
        label = f"[{self._number}/{self._total}] {title} ..."
        start = time.monotonic()
        if not self.console.is_terminal:
            self.console.print(label, markup=False)
        columns = SpinnerColumn("line"), TextColumn("{task.description}", markup=False), TimeElapsedColumn()
        with Progress(*columns, console=self.console, transient=True, disable=not self.console.is_terminal) as progress:
            progress.add_task(label)
            yield
        self.console.print(f"{label} {time.monotonic() - start:.0f} s", markup=False)
