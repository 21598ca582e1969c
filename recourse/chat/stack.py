"""A running assistant to talk to: the one that is there, or one started for the length of the chat."""

from __future__ import annotations

import signal
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager

import httpx
from rich.console import Console

from recourse.chat.client import ChatError
from recourse.core.settings import settings

_STOP_S = 15


@contextmanager
def running_stack(url: str | None, console: Console) -> Iterator[str]:
    """Base URL of a gateway that answers. Starts ``recourse up`` when ``url`` is None and none runs, and stops it after.

    Raises ChatError when the start fails.
    """
    base = url or f"http://127.0.0.1:{settings().port}"
    if url is not None or _ready(base):
        yield base
        return
    console.print("Starting the assistant; the first time takes a few minutes.")
    # Its own process group: Ctrl-C in the chat leaves the chat, and the stack is stopped in order below.
    process = subprocess.Popen(
        [sys.executable, "-m", "recourse.cli", "up"], stdout=subprocess.PIPE, text=True, start_new_session=True
    )
    try:
        _wait_until_ready(process, console)
        yield base
    finally:
        process.send_signal(signal.SIGINT)
        try:
            process.wait(_STOP_S)
        except subprocess.TimeoutExpired:
            process.kill()


def _wait_until_ready(process: subprocess.Popen[str], console: Console) -> None:
    assert process.stdout is not None
    said = []
    for line in process.stdout:
        said.append(line.rstrip())
        console.print(f"[dim]{said[-1]}[/]")
        if line.startswith("Recourse is ready"):
            return
    raise ChatError("the assistant could not be started: " + " ".join(said[-3:]))


def _ready(base: str) -> bool:
    try:
        return httpx.get(f"{base}/readyz", timeout=5).status_code == 200
    except httpx.HTTPError:
        return False
