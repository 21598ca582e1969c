"""The turns of the conversations: each buyer's messages are answered one after the other, and none is left without a word.

A message waits in the log until its answer is written there with it, so a restart of any process loses nothing.
"""

from __future__ import annotations

import asyncio
from collections import defaultdict
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import timedelta

import structlog
from sqlalchemy.orm import Session

from recourse.conversations import service as conversations
from recourse.conversations.service import ConversationView, MessageView
from recourse.core.clock import Clock
from recourse.core.words import Utterance, Words
from recourse.gateway.engine import Engine, EngineDown, EngineTooSlow
from recourse.gateway.errors import log_unexpected
from recourse.gateway.hub import Hub, Typing
from recourse.gateway.news import News, say_news
from recourse.gateway.store import Store

_log = structlog.get_logger()
PROBLEM, NOT_YET = "utter_technical_problem", "utter_engine_unavailable"
GAVE_UP, STALE = "utter_engine_gave_up", "utter_button_stale"
WORDS = (PROBLEM, NOT_YET, GAVE_UP, STALE)
"""Responses that are said here."""

_FAILURES_BEFORE_WORDS = 4


@dataclass(frozen=True, slots=True)
class Pace:
    """Seconds. ``say_down_after``: when to tell the buyer that the engine is away. ``give_up_after``: when to stop trying,
    from the moment the message came. ``retry_first`` doubles up to ``retry_most``.
    """

    say_down_after: float = 2.0
    give_up_after: float = 600.0
    retry_first: float = 0.3
    retry_most: float = 2.0


class Turns:
    """One worker for each conversation in which something waits."""

    def __init__(
        self, store: Store, engine: Engine, hub: Hub, words: Words, news: News, clock: Clock, pace: Pace
    ) -> None:
        self._store, self._engine, self._hub = store, engine, hub
        self._words, self._news, self._clock, self._pace = words, news, clock, pace
        self._workers: dict[str, asyncio.Task[None]] = {}
        self._woken: set[str] = set()
        self._unsure: set[str] = set()
        self._waiters: defaultdict[str, list[tuple[int, asyncio.Event]]] = defaultdict(list)
        self._stopping = False

    async def start(self) -> None:
        """Take up what was left waiting when the gateway stopped. Its turns may have run, so the engine is asked first."""
        left = await self._store.read(conversations.waiting_conversations)
        self._unsure.update(left)
        for conversation_id in left:
            self.wake(conversation_id)

    async def stop(self) -> None:
        """End all workers; what has no answer stays in the log as waiting."""
        self._stopping = True
        workers = list(self._workers.values())
        for worker in workers:
            worker.cancel()
        await asyncio.gather(*workers, return_exceptions=True)

    def wake(self, conversation_id: str) -> None:
        """A message waits in this conversation."""
        self._woken.add(conversation_id)
        if conversation_id not in self._workers and not self._stopping:
            self._workers[conversation_id] = asyncio.create_task(self._work(conversation_id))

    def is_busy(self, conversation_id: str) -> bool:
        """Is an answer being worked on?"""
        return conversation_id in self._workers

    async def until_handled(self, conversation_id: str, seq: int) -> None:
        """Wait for the answer to message ``seq`` to be in the log, or for the worker of the conversation to end."""
        if conversation_id not in self._workers:
            return
        waiter = (seq, asyncio.Event())
        self._waiters[conversation_id].append(waiter)
        try:
            await waiter[1].wait()
        finally:
            self._waiters[conversation_id].remove(waiter)
            if not self._waiters[conversation_id]:
                del self._waiters[conversation_id]

    def _release(self, conversation_id: str, up_to: int | None = None) -> None:
        for seq, handled in self._waiters.get(conversation_id, ()):
            if up_to is None or seq <= up_to:
                handled.set()

    async def _work(self, conversation_id: str) -> None:
        try:
            while conversation_id in self._woken:
                self._woken.discard(conversation_id)
                while await self._next_turn(conversation_id):
                    pass
        finally:
            # No await between the last look at `_woken` and here: a wake-up in between cannot get lost.
            del self._workers[conversation_id]
            self._release(conversation_id)

    async def _next_turn(self, conversation_id: str) -> bool:
        """Answer the oldest waiting message; False when none waits.

        Trouble of our own is tried again, ever slower. After a few times the buyer is told, whatever the trouble is.
        """
        pause, failures = self._pace.retry_first, 0
        while True:
            try:
                return await self._turn(conversation_id, broken=failures >= _FAILURES_BEFORE_WORDS)
            except Exception as error:
                log_unexpected(error, "turn_broke")
            failures += 1
            self._unsure.add(conversation_id)  # the engine may be done with it
            await asyncio.sleep(pause)
            pause = min(pause * 2, 10 * self._pace.retry_most)

    async def _turn(self, conversation_id: str, broken: bool) -> bool:
        found = await self._store.read(lambda session: _next(session, conversation_id))
        if found is None:
            self._unsure.discard(conversation_id)
            return False
        conversation, message = found
        self._hub.tell(conversation_id, [Typing(True)])
        try:
            answer = await self._answer(conversation, message, broken)
            await self._record(conversation, message, answer)
        finally:
            self._hub.tell(conversation_id, [Typing(False)])
        self._unsure.discard(conversation_id)
        return True

    async def _answer(self, conversation: ConversationView, message: MessageView, broken: bool) -> Sequence[Utterance]:
        if message.engine_text is None:
            return [await self._stale(conversation)]
        if broken:
            return [self._technical_problem(message.engine_text)]
        try:
            return await self._ask(conversation, message, message.engine_text)
        except EngineTooSlow:
            _log.error("engine_too_slow", conversation=conversation.id, seq=message.seq)
            return [self._technical_problem(message.engine_text)]

    async def _ask(self, conversation: ConversationView, message: MessageView, text: str) -> Sequence[Utterance]:
        """Ask until the engine answers or it is time to give up. Raises EngineTooSlow."""
        outage = _Outage(self._pace)
        unsure = conversation.id in self._unsure
        while True:
            try:
                return await self._ask_once(conversation.id, message.seq, text, unsure)
            except EngineDown as error:
                _log.warning("engine_down", conversation=conversation.id, seq=message.seq, why=str(error))
            unsure = True
            if self._clock.now() - message.at >= timedelta(seconds=self._pace.give_up_after):
                return [self._words.say(GAVE_UP)]
            if outage.is_worth_a_word():
                await self._say_down(conversation, message)
            await outage.pause()

    async def _ask_once(self, conversation_id: str, seq: int, text: str, unsure: bool) -> Sequence[Utterance]:
        """One try. ``unsure``: the engine may have had this message before; then its answer is looked up, not made anew."""
        reply = await self._engine.find_turn(conversation_id, seq) if unsure else None
        if reply is None:
            reply = await self._engine.send(conversation_id, text, seq)
        if not reply.failed:
            return reply.utterances
        _log.error("turn_failed", conversation=conversation_id, seq=seq)
        await self._engine.take_back(conversation_id, seq)
        return [self._technical_problem(text)]

    async def _say_down(self, conversation: ConversationView, message: MessageView) -> None:
        """Say once that the answer will take a while, whatever restarts in the meantime."""
        utterance = self._words.say(NOT_YET)

        def work(session: Session) -> list[MessageView]:
            if conversations.was_said(session, conversation.id, message.seq, utterance.text):
                return []
            return conversations.say(session, conversation.id, [utterance], self._clock.now())

        said = await self._store.write(work)
        self._hub.tell(conversation.id, [*said, Typing(False)])

    async def _record(self, conversation: ConversationView, message: MessageView, answer: Sequence[Utterance]) -> None:
        """Write the answer into the log, after any news, and tell everybody who waits."""

        def work(session: Session) -> list[MessageView]:
            now = self._clock.now()
            news = say_news(session, self._news, conversation, now)
            return news + conversations.record_answer(session, conversation.id, message.seq, answer, now)

        self._hub.tell(conversation.id, await self._store.write(work))
        self._release(conversation.id, message.seq)

    async def _stale(self, conversation: ConversationView) -> Utterance:
        """Says that a button no longer counts, and offers again those that do."""

        def work(session: Session) -> tuple[tuple[str, str], ...]:
            return conversations.live_choices(session, conversation.id, self._clock.now())

        return Utterance(self._words.say(STALE).text, await self._store.read(work))

    def _technical_problem(self, text: str) -> Utterance:
        """Something of ours failed; the button gives the engine the same ``text`` again."""
        said = self._words.say(PROBLEM)
        return Utterance(said.text, tuple((title, text) for title, _ in said.buttons[:1]))


class _Outage:
    """How long the engine has been away in this turn, and how long to wait before the next try."""

    def __init__(self, pace: Pace) -> None:
        self._pace = pace
        self._loop = asyncio.get_running_loop()
        self._since = self._loop.time()
        self._pause = pace.retry_first
        self._said = False

    def is_worth_a_word(self) -> bool:
        """True once, when it has lasted long enough to be told."""
        if self._said or self._loop.time() - self._since < self._pace.say_down_after:
            return False
        self._said = True
        return True

    async def pause(self) -> None:
        """Wait, each time longer."""
        await asyncio.sleep(self._pause)
        self._pause = min(self._pause * 2, self._pace.retry_most)


def _next(session: Session, conversation_id: str) -> tuple[ConversationView, MessageView] | None:
    message = conversations.next_waiting(session, conversation_id)
    return None if message is None else (conversations.get(session, conversation_id), message)
