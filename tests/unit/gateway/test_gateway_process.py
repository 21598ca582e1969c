"""The gateway as the supervisor runs it: a process that starts, logs JSON, and stops within its time."""

from __future__ import annotations

import json
import os
import signal
import socket
import subprocess
import sys
import time
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from datetime import timedelta
from pathlib import Path
from typing import Any

import httpx
from sqlalchemy import Engine

from recourse.core.db import engine_for, transaction
from recourse.core.settings import PROJECT_ROOT, Settings
from recourse.customers.models import Customer
from recourse.gateway.tokens import issue_buyer_token
from tests.unit.gateway.servers import Chat, StubRasa, eventually, session


def environment(config: Settings, rasa: StubRasa, **more: str) -> dict[str, str]:
    engine = f"http://127.0.0.1:{rasa.port}"
    return {
        "PATH": os.environ["PATH"],
        "PYTHONPATH": str(PROJECT_ROOT),
        "RECOURSE_DATA": str(config.data_dir),
        "RECOURSE_DATABASE_URL": config.database_url,
        "RECOURSE_RASA_URL": engine,
        "RECOURSE_ACTIONS_URL": engine,
        **more,
    }


def launch(argv: list[str], env: dict[str, str], log: Path) -> subprocess.Popen[bytes]:
    with log.open("wb") as out:
        return subprocess.Popen(argv, env=env, stdout=out, stderr=subprocess.STDOUT)


@asynccontextmanager
async def process(log: Path, env: dict[str, str]) -> AsyncIterator[tuple[subprocess.Popen[bytes], httpx.AsyncClient]]:
    """The gateway on a free port, ready to serve."""
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        port = free.getsockname()[1]
    argv = [sys.executable, "-m", "recourse.gateway", "--port", str(port)]
    started = launch(argv, env, log)
    try:
        async with httpx.AsyncClient(base_url=f"http://127.0.0.1:{port}", trust_env=False, timeout=10) as http:
            await eventually(lambda: b"Uvicorn running" in log.read_bytes() or started.poll() is not None, within=30)
            yield started, http
    finally:
        started.kill()
        started.wait()


async def test_it_serves_logs_and_stops_in_time(config: Settings, rasa: StubRasa, tmp_path: Path) -> None:
    log = tmp_path / "gateway.log"
    shop_token = issue_buyer_token("b-1", timedelta(hours=1), config)
    async with process(log, environment(config, rasa)) as (running, http):
        opened = (await session(http, shop_token)).json()
        chat = await (await Chat.open(str(http.base_url).rstrip("/"), opened["token"])).hello()
        await chat.type("my card is 4242 4242 4242 4242")
        await chat.hears("echo my card is 4242 4242 4242 4242")
        token = chat.events[0]["buttons"][0]["token"]
        asked = time.monotonic()
        running.send_signal(signal.SIGTERM)
        assert await chat.closed() == 1012
        await eventually(lambda: running.poll() is not None)
        assert time.monotonic() - asked < 4
    written = log.read_text()
    for line in written.splitlines():
        assert isinstance(json.loads(line), dict), line
    for secret in ("4242 4242", "4242424242424242", "my card", shop_token, opened["token"], token, "Traceback"):
        assert secret not in written


async def test_errors_of_the_store_are_logged_without_what_was_said(
    config: Settings, rasa: StubRasa, tmp_path: Path
) -> None:
    log = tmp_path / "gateway.log"
    async with process(log, environment(config, rasa)) as (_, http):
        with engine_for(config.database_url).begin() as connection:
            connection.exec_driver_sql("DROP TABLE button")
        headers = {"Authorization": f"Bearer {issue_buyer_token('b-1', timedelta(hours=1), config)}"}
        response = await http.post(
            "/webhooks/rest/webhook", json={"sender": "a", "message": "my secret"}, headers=headers
        )
        assert (response.status_code, response.json()["error"]["code"]) == (503, "unavailable")
    written = log.read_text()
    assert "OperationalError" in written
    assert "my secret" not in written
    assert "INSERT" not in written


def test_setting_that_cannot_work_is_named(config: Settings, rasa: StubRasa) -> None:
    for setting, value in (("RECOURSE_SHOP_SECRET", "short"), ("RECOURSE_ORIGINS", "shop"), ("RECOURSE_PORT", "x")):
        ended = subprocess.run(
            [sys.executable, "-m", "recourse.gateway"],
            env=environment(config, rasa, **{setting: value}),
            capture_output=True,
            text=True,
            timeout=60,
            check=False,
        )
        assert ended.returncode == 2
        assert setting in ended.stderr
        assert "Traceback" not in ended.stderr


async def test_all_of_it_on_postgresql(postgres_url: str, make: Callable[..., Any]) -> None:
    database: Engine = engine_for(postgres_url)
    with transaction(database) as opened:
        opened.add(Customer(id="b-1", display_name="Buyer", country="DE"))
    stack = await make(settings={"database_url": postgres_url})
    chat = await stack.chat()
    await chat.type("hello", cid="c1")
    await chat.type("hello", cid="c1")
    await chat.hears("echo hello")
    await chat.until(lambda: len(chat.of("ok")) == 2)
    await chat.press(chat.events[0]["buttons"][0]["title"])
    await chat.until(lambda: len(stack.rasa.turns) == 2)
    stack.notify("request_approved")
    await chat.hears("News: request_approved")
    assert [element["text"] for element in await stack.rest("over REST")][-1] == "echo over REST"
    assert [event["seq"] for event in chat.events] == list(range(1, len(chat.events) + 1))
    await stack.stop()
