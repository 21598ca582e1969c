"""A gateway on a free port, with a migrated store of its own and a stand-in for Rasa."""

from __future__ import annotations

import asyncio
import dataclasses
import shutil
from collections.abc import AsyncIterator, Callable, Collection, Sequence
from datetime import datetime, timedelta
from pathlib import Path
from typing import Any

import httpx
import pytest
from sqlalchemy.orm import Session

from recourse.conversations.service import ConversationView
from recourse.core import outbox
from recourse.core.clock import SystemClock
from recourse.core.db import engine_for, transaction
from recourse.core.settings import Settings, from_environment
from recourse.core.words import Utterance, Words
from recourse.customers.models import Customer
from recourse.gateway.app import create_app
from recourse.gateway.server import server
from recourse.gateway.tokens import issue_buyer_token
from recourse.gateway.turns import Pace
from tests.unit.gateway.servers import Chat, Running, StubRasa, session

BUYERS = ("b-1", "b-2")
FAST = Pace(say_down_after=0.1, give_up_after=600, retry_first=0.02, retry_most=0.05)


class StubNews:
    """Says the kind of each open notice."""

    def waiting_for(self, session: Session, customer_ids: Collection[str]) -> set[str]:
        return {notice.customer_id for notice in outbox.open_notices(session, customer_ids)}

    def collect(self, session: Session, conversation: ConversationView, now: datetime) -> Sequence[Utterance]:
        told = []
        for notice in outbox.open_notices(session, [conversation.customer_id]):
            if notice.payload["kind"] == "broken":
                raise KeyError("kind")
            told.append(Utterance(f"News: {notice.payload['kind']}"))
            notice.done_at = now
        return told


class Stack:
    """The gateway and all that a test wants to do with it."""

    def __init__(self, config: Settings, rasa: StubRasa) -> None:
        self.config, self.rasa, self.words = config, rasa, Words.load()
        self.url = ""
        self.http = httpx.AsyncClient()
        self.chats: list[Chat] = []
        self._running: Running | None = None

    async def start(self, **options: Any) -> Stack:
        """Start it, on the port that it had before."""
        given: dict[str, Any] = {"words": self.words, "news": StubNews(), "pace": FAST, **options}
        self.app = create_app(self.config, **given)
        self._running = Running(server(self.app, self.config, int(self.url.rpartition(":")[2] or 0)))
        self.url = f"http://127.0.0.1:{await self._running.started()}"
        await self.http.aclose()
        self.http = httpx.AsyncClient(base_url=self.url, timeout=30, trust_env=False)
        return self

    async def stop(self) -> None:
        """As on SIGTERM."""
        if self._running is not None:
            await self._running.stop()
        self._running = None

    async def restart(self, **options: Any) -> None:
        await self.stop()
        await self.start(**options)

    @property
    def gateway(self) -> Any:
        return self.app.state.gateway

    def token(self, buyer: str = "b-1", ttl: timedelta = timedelta(hours=1)) -> str:
        return issue_buyer_token(buyer, ttl, self.config)

    async def session(self, buyer: str = "b-1", **body: Any) -> dict[str, Any]:
        response = await session(self.http, self.token(buyer), **body)
        assert response.status_code == 201, response.text
        return dict(response.json())

    async def chat(self, buyer: str = "b-1", last: int = 0, **body: Any) -> Chat:
        """An open and greeted socket in a new conversation, or in ``conversation``."""
        opened = await self.session(buyer, **body)
        chat = await Chat.open(self.url, opened["token"])
        chat.conversation = opened["conversation"]
        self.chats.append(chat)
        return await chat.hello(last)

    async def rest(self, message: Any, buyer: str = "b-1", sender: Any = "alice") -> list[dict[str, Any]]:
        """Talk over Rasa's REST channel."""
        response = await self.post({"sender": sender, "message": message}, self.token(buyer))
        assert response.status_code == 200, response.text
        return list(response.json())

    async def post(self, body: Any, token: str) -> httpx.Response:
        headers = {"Authorization": f"Bearer {token}"} if token else {}
        return await self.http.post("/webhooks/rest/webhook", json=body, headers=headers)

    def notify(self, kind: str, buyer: str = "b-1") -> None:
        """Queue news for a buyer, as a service would."""
        with transaction(engine_for(self.config.database_url)) as opened:
            outbox.notify_buyer(opened, buyer, kind, SystemClock().now(), request_id="r-1")

    def text(self, name: str) -> str:
        return self.words.say(name).text


@pytest.fixture
def config(tmp_path: Path, sqlite_template: Path) -> Settings:
    """Settings of a store with two buyers."""
    path = tmp_path / "store.db"
    shutil.copy(sqlite_template, path)
    made = from_environment({"RECOURSE_DATA": str(tmp_path), "RECOURSE_DATABASE_URL": f"sqlite:///{path}"})
    with transaction(engine_for(made.database_url)) as opened:
        for buyer in BUYERS:
            opened.add(
                Customer(
                    id=buyer, display_name=f"Buyer {buyer}", country="DE", locale="de-DE", timezone="Europe/Berlin"
                )
            )
    return dataclasses.replace(made, rasa_token="engine-token")


@pytest.fixture
async def rasa() -> AsyncIterator[StubRasa]:
    """The stand-in for Rasa, running."""
    made = StubRasa()
    await made.start()
    yield made
    await made.kill()


@pytest.fixture
async def make(config: Settings, rasa: StubRasa) -> AsyncIterator[Callable[..., Any]]:
    """Start a gateway with options of ``create_app``, or other settings by name."""
    stacks: list[Stack] = []

    async def start(settings: dict[str, Any] | None = None, **options: Any) -> Stack:
        engine = f"http://127.0.0.1:{rasa.port}"
        stack = Stack(dataclasses.replace(config, rasa_url=engine, actions_url=engine, **(settings or {})), rasa)
        stacks.append(stack)
        return await stack.start(**options)

    yield start
    for stack in stacks:
        await asyncio.gather(*(chat.close() for chat in stack.chats), return_exceptions=True)
        await stack.stop()
        await stack.http.aclose()
    engine_for(config.database_url).dispose()


@pytest.fixture
async def stack(make: Callable[..., Any]) -> Stack:
    """A gateway with everything as in production, only faster."""
    made: Stack = await make()
    return made
