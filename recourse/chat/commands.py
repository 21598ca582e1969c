"""``recourse chat``: talk to the assistant in a terminal."""

from __future__ import annotations

from collections.abc import Iterable
from datetime import timedelta
from pathlib import Path
from typing import Annotated

import typer
from rich.console import Console
from rich.markup import escape
from rich.panel import Panel

from recourse.chat.client import ChatClient, ChatError, Line
from recourse.chat.stack import running_stack
from recourse.core.db import reading
from recourse.core.settings import settings
from recourse.customers import service as customers
from recourse.gateway.tokens import issue_buyer_token
from recourse.recording import files
from recourse.recording import service as recording

_TOKEN_TTL = timedelta(hours=12)
_LEAVE = {"quit", "exit", ":q"}
_console = Console(highlight=False)


def chat(
    buyer: Annotated[str, typer.Option(help="Which demo buyer you are.")] = "b-1001",
    url: Annotated[str | None, typer.Option(help="Gateway to talk to; by default the one of this folder.")] = None,
    record: Annotated[
        Path | None, typer.Option(help="When the chat ends, save it as a conversation test, personal data masked.")
    ] = None,
    force: Annotated[bool, typer.Option("--force", help="Let --record replace a file that is there.")] = False,
) -> None:
    """Talk to the assistant in the terminal. Starts everything that it needs, unless it runs already.

    Example: `recourse chat --buyer b-1002 --record tests/conversations/refund/lost.yml`
    """
    if record is not None:
        files.check(record, force)
    if not settings().demo:
        raise ChatError("RECOURSE_SHOP_SECRET is set, so only the shop may sign buyer tokens; use its own page to chat")
    with running_stack(url, _console) as base_url:
        with reading() as session:
            person = customers.get(session, buyer)
        with ChatClient(base_url, issue_buyer_token(buyer, _TOKEN_TTL), person.locale, person.timezone) as client:
            _console.print(
                f"You are [bold]{escape(client.buyer)}[/]. Write, or type a number to press a button. Leave with Ctrl-D."
            )
            try:
                _talk(client)
            finally:
                if record is not None:
                    _save(client.conversation, record)


def register(root: typer.Typer) -> None:
    """Add the command to the root command."""
    root.command()(chat)


def _save(conversation_id: str, path: Path) -> None:
    try:
        with reading() as session:
            text = recording.record(session, conversation_id, files.name_of(path))
    except recording.NothingSaid:
        _console.print("You said nothing, so nothing was recorded.")
        return
    files.write(path, text)
    _console.print(f"Recorded in {escape(str(path))}. Review it before you commit it.", soft_wrap=True)


def _talk(client: ChatClient) -> None:
    """Until the buyer leaves, with a word, Ctrl-D or Ctrl-C."""
    try:
        buttons = _show(client.answers(wait=False))
        while (text := _console.input("[bold cyan]you >[/] ").strip()).lower() not in _LEAVE:
            if text:
                buttons = _exchange(client, text, buttons)
    except (EOFError, KeyboardInterrupt):
        _console.print()


def _exchange(client: ChatClient, text: str, buttons: list[tuple[str, str]]) -> list[tuple[str, str]]:
    """Send what was typed and show the answer; returns the buttons that count now."""
    if text.isdigit() and 1 <= int(text) <= len(buttons):
        client.press(buttons[int(text) - 1][1])
    else:
        client.say(text[:2000])
    with _console.status("", spinner="dots"):
        lines = list(client.answers())
    if not lines:
        _console.print("[yellow]No answer yet; it will come as soon as the assistant is back.[/]")
    return _show(lines) or buttons


def _show(lines: Iterable[Line]) -> list[tuple[str, str]]:
    buttons: list[tuple[str, str]] = []
    for line in lines:
        _console.print(Panel(escape(line.text), border_style="green", title=line.author, title_align="left"))
        buttons = line.buttons or buttons
    for number, (title, _) in enumerate(buttons, start=1):
        _console.print(f"  [bold]{number}[/] {escape(title)}")
    return buttons
