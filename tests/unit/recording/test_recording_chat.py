"""``recourse chat --record`` in a real terminal, and ``recourse conversations``, against a gateway whose Rasa is a stand-in."""

from __future__ import annotations

import asyncio
import json
import os
import pty
import select
import subprocess
import sys
import time
from pathlib import Path

import pytest

from recourse.core.errors import InvalidInput
from recourse.core.settings import PROJECT_ROOT, Settings
from recourse.recording import files
from tests.unit.gateway.conftest import Stack, config, make, rasa, stack
from tests.unit.gateway.servers import say

__all__ = ["config", "make", "rasa", "stack"]

CTRL_C, CTRL_D = b"\x03", b"\x04"
PROMPT = "you >"
_AGAIN_S = 5
_IN_TERMINAL = """
import fcntl, os, signal, sys, termios
fcntl.ioctl(0, termios.TIOCSCTTY, 0)
signal.signal(signal.SIGINT, signal.SIG_DFL)
os.execv(sys.argv[1], sys.argv[1:])
"""
"""Makes standard input the terminal whose Ctrl-C reaches the command, also where the tests run in the background, deaf to it."""


class Terminal:
    """The command in a terminal of its own."""

    def __init__(self, argv: list[str], env: dict[str, str]) -> None:
        self._fd, inside = pty.openpty()
        self._process = subprocess.Popen(
            [sys.executable, "-c", _IN_TERMINAL, *argv], env=env, cwd=PROJECT_ROOT, stdin=inside, stdout=inside, stderr=inside,
            start_new_session=True,
        )  # fmt: skip
        os.close(inside)
        self.shown = ""

    def until(self, text: str, times: int = 1) -> None:
        """Read until ``text`` has come that often."""
        deadline = time.monotonic() + 40
        while self.shown.count(text) < times:
            ready, _, _ = select.select([self._fd], [], [], max(0.0, deadline - time.monotonic()))
            assert ready, f"{text!r} did not come:\n{self.shown}"
            assert self._read(), f"it ended before {text!r} came:\n{self.shown}"

    def type(self, keys: bytes) -> None:
        self._typed = keys
        os.write(self._fd, keys)

    def end(self) -> int:
        """Read to the end; returns the exit code.

        A key that comes while the line editor takes over the terminal is lost; then the last one is pressed again, as a person does.
        """
        deadline, pressed = time.monotonic() + 60, time.monotonic()
        while True:
            ready, _, _ = select.select([self._fd], [], [], 1)
            if ready and not self._read():
                break
            assert time.monotonic() < deadline, f"it did not end:\n{self.shown}"
            if time.monotonic() - pressed > _AGAIN_S:
                pressed = time.monotonic()
                self.type(self._typed)
        os.close(self._fd)
        return self._process.wait()

    def _read(self) -> bool:
        try:
            data = os.read(self._fd, 65536)
        except OSError:  # how Linux says that the other side is gone
            return False
        self.shown += data.decode(errors="replace")
        return bool(data)


def environment(config: Settings) -> dict[str, str]:
    kept = {name: value for name, value in os.environ.items() if not name.startswith("RECOURSE_")}
    return {
        **kept,
        "RECOURSE_DATA": str(config.data_dir),
        "RECOURSE_DATABASE_URL": config.database_url,
        "TERM": "xterm",
    }


def recourse(*arguments: str) -> list[str]:
    return [sys.executable, "-m", "recourse.cli", *arguments]


def run(config: Settings, *arguments: str) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        recourse(*arguments), env=environment(config), cwd=PROJECT_ROOT, capture_output=True, text=True, check=False
    )


def converse(stack: Stack, file: Path, *keys: bytes, more: tuple[str, ...] = ()) -> Terminal:
    """A chat that is recorded in ``file``: each of ``keys`` is typed at a prompt. The last ends it."""
    argv = recourse("chat", "--buyer", "b-1", "--url", stack.url, "--record", str(file), *more)
    terminal = Terminal(argv, environment(stack.config))
    for turn, typed in enumerate(keys, start=1):
        terminal.until(PROMPT, turn)
        terminal.type(typed)
    return terminal


@pytest.mark.parametrize("leave", [CTRL_D, CTRL_C])
async def test_a_chat_is_recorded_when_it_ends(stack: Stack, tmp_path: Path, leave: bytes) -> None:
    file = tmp_path / "new" / "chat.yml"
    terminal = await asyncio.to_thread(converse, stack, file, b"hello there\n", b"I am Buyer b-1\n", leave)
    assert await asyncio.to_thread(terminal.end) == 0
    assert "Recorded in" in terminal.shown
    written = file.read_text(encoding="utf-8")
    assert "- user: hello there\n      - bot_contains: echo hello there\n" in written
    assert "- user: I am [name removed]" in written
    assert "Review before committing" in written


async def test_ctrl_c_while_the_answer_is_awaited_records_too(stack: Stack, tmp_path: Path) -> None:
    asked = asyncio.Event()

    async def never(text: str) -> list[dict[str, object]]:
        asked.set()
        await asyncio.sleep(3600)
        return [say(text)]

    stack.rasa.behave = never
    file = tmp_path / "chat.yml"
    terminal = await asyncio.to_thread(converse, stack, file, b"hello\n")
    await asyncio.wait_for(asked.wait(), 20)
    terminal.type(CTRL_C)
    assert await asyncio.to_thread(terminal.end) == 0
    assert "# this had no answer yet when it was recorded\n      - user: hello\n" in file.read_text(encoding="utf-8")


async def test_nothing_said_is_nothing_recorded(stack: Stack, tmp_path: Path) -> None:
    file = tmp_path / "chat.yml"
    terminal = await asyncio.to_thread(converse, stack, file, CTRL_D)
    assert await asyncio.to_thread(terminal.end) == 0
    assert "nothing was recorded" in terminal.shown
    assert not file.exists()


async def test_a_file_that_is_there_is_only_replaced_with_force(stack: Stack, tmp_path: Path) -> None:
    file = tmp_path / "chat.yml"
    file.write_text("mine", encoding="utf-8")
    refused = await asyncio.to_thread(
        run, stack.config, "chat", "--buyer", "b-1", "--url", stack.url, "--record", str(file)
    )
    assert refused.returncode == 1
    assert refused.stderr == f"recourse: {file} is there already; choose another name, or replace it with --force\n"
    assert not stack.rasa.turns
    terminal = await asyncio.to_thread(converse, stack, file, b"hello\n", CTRL_D, more=("--force",))
    assert await asyncio.to_thread(terminal.end) == 0
    assert "- user: hello" in file.read_text(encoding="utf-8")


async def test_conversations_are_listed_and_exported(stack: Stack, tmp_path: Path) -> None:
    await stack.rest("hello over REST")
    chat = await stack.chat("b-2")
    await chat.type("hello")
    await chat.hears("echo hello")

    listed = json.loads((await asyncio.to_thread(run, stack.config, "conversations", "list", "--json")).stdout)
    assert [(row["buyer"], row["channel"], row["messages"]) for row in listed] == [
        ("b-2", "web", 3),
        ("b-1", "rest", 3),
    ]
    one = await asyncio.to_thread(run, stack.config, "conversations", "list", "--buyer", "b-2")
    assert listed[0]["id"] in one.stdout and listed[1]["id"] not in one.stdout

    shown = await asyncio.to_thread(run, stack.config, "conversations", "export", listed[1]["id"])
    assert "- user: hello over REST\n" in shown.stdout
    assert "- test_case: hello over REST\n" in shown.stdout
    file = tmp_path / "over_rest.yml"
    await asyncio.to_thread(run, stack.config, "conversations", "export", listed[1]["id"], "--out", str(file))
    assert file.read_text(encoding="utf-8") == shown.stdout.replace("hello over REST", "over rest", 1)


def test_what_is_not_possible_is_told_in_one_line(config: Settings) -> None:
    found = run(config, "conversations", "export", "nonsense")
    assert found.returncode == 1
    assert found.stderr == "recourse: no conversation 'nonsense'; `recourse conversations list` shows what there is\n"


@pytest.mark.parametrize(
    ("path", "problem"),
    [
        ("chat.txt", "a conversation test is a file like"),
        ("folder.yml", "is a folder"),
        ("there.yml", "is there already"),
        ("there.yml/chat.yml", "cannot be written"),
    ],
)
def test_a_file_that_cannot_be_written_is_refused_before_the_chat(tmp_path: Path, path: str, problem: str) -> None:
    (tmp_path / "folder.yml").mkdir()
    (tmp_path / "there.yml").touch()
    with pytest.raises(InvalidInput, match=problem):
        files.check(tmp_path / path, force=False)
    files.check(tmp_path / "there.yml", force=True)
    files.check(tmp_path / "new" / "folder" / "chat.yaml", force=False)
