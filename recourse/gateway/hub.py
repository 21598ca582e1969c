"""Which sockets are open in this process, and what they are to be told. The log stays the truth: this only wakes."""

from __future__ import annotations

import asyncio
from collections import defaultdict
from collections.abc import Iterable
from dataclasses import dataclass

from recourse.conversations.service import ConversationView, MessageView

QUEUE = 64
"""How many things one socket may be behind before it is closed and has to come back."""

CLOSE_SIGN_IN, CLOSE_SLOW_DOWN, CLOSE_RESTART, CLOSE_TRY_AGAIN = 4401, 4429, 1012, 1013


@dataclass(frozen=True, slots=True)
class Typing:
    """The assistant works on an answer, or no longer does."""

    on: bool


@dataclass(frozen=True, slots=True)
class LogGrew:
    """The log has messages up to ``seq``: somebody else may have written them."""

    seq: int


Told = MessageView | Typing | LogGrew


class Subscription:
    """One open socket. ``sent``: number of the last message that it was given."""

    def __init__(self, conversation: ConversationView, size: int = QUEUE) -> None:
        self.conversation = conversation
        self.sent = 0
        self.queue: asyncio.Queue[Told] = asyncio.Queue(size)
        self.closed: asyncio.Future[int] = asyncio.get_running_loop().create_future()

    def tell(self, told: Told) -> None:
        """Queue something for the socket; a full queue closes it (1013): the client comes back and reads the log."""
        try:
            self.queue.put_nowait(told)
        except asyncio.QueueFull:
            self.close(CLOSE_TRY_AGAIN)

    def close(self, code: int) -> None:
        """Ask the socket to close with ``code``; the first reason counts."""
        if not self.closed.done():
            self.closed.set_result(code)


class Hub:
    """The open sockets by conversation."""

    def __init__(self) -> None:
        self._open: defaultdict[str, set[Subscription]] = defaultdict(set)

    def add(self, subscription: Subscription) -> None:
        """From now on the socket is told what happens."""
        self._open[subscription.conversation.id].add(subscription)

    def remove(self, subscription: Subscription) -> None:
        """The socket is gone."""
        conversation_id = subscription.conversation.id
        self._open[conversation_id].discard(subscription)
        if not self._open[conversation_id]:
            del self._open[conversation_id]

    def tell(self, conversation_id: str, things: Iterable[Told]) -> None:
        """Tell all sockets of a conversation."""
        for thing in things:
            for subscription in list(self._open.get(conversation_id, ())):
                subscription.tell(thing)

    def close_all(self, code: int) -> None:
        """Close every socket."""
        for subscription in self.subscriptions():
            subscription.close(code)

    def subscriptions(self) -> list[Subscription]:
        """Every open socket."""
        return [subscription for sockets in self._open.values() for subscription in sockets]

    def conversations(self) -> dict[str, ConversationView]:
        """The conversations with an open socket, by id."""
        return {key: next(iter(sockets)).conversation for key, sockets in self._open.items()}
