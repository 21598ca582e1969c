"""Looks every two seconds for what other processes wrote: news for buyers who are here, and messages in their logs."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable, Iterable, Sequence

from sqlalchemy.orm import Session

from recourse.conversations import service as conversations
from recourse.conversations.service import ConversationView, MessageView
from recourse.core.clock import Clock
from recourse.gateway.errors import log_unexpected
from recourse.gateway.hub import Hub, LogGrew
from recourse.gateway.news import News, say_news
from recourse.gateway.store import Store

PERIOD_S = 2.0
_AT_ONCE = 500


class Watch:
    """Brings to the open sockets what did not come from this process."""

    def __init__(self, store: Store, hub: Hub, news: News, clock: Clock, period_s: float = PERIOD_S) -> None:
        self._store, self._hub, self._news, self._clock, self._period = store, hub, news, clock, period_s

    async def run(self, first: Callable[[], Awaitable[None]]) -> None:
        """Do ``first`` once, then look again and again, for ever. A store that is away is tried again."""
        started = False
        while True:
            try:
                if not started:
                    await first()
                    started = True
                await self.look()
            except Exception as error:
                log_unexpected(error, "watch_failed")
            await asyncio.sleep(self._period)

    async def look(self) -> None:
        """Look once at all conversations with an open socket."""
        here = list(self._hub.conversations().values())
        for start in range(0, len(here), _AT_ONCE):
            some = here[start : start + _AT_ONCE]
            await self.tell_news(some)
            await self._catch_up(some)

    async def tell_news(self, here: Sequence[ConversationView]) -> None:
        """Say open news in one of these conversations of each buyer; the last named is the one."""
        customers = {conversation.customer_id: conversation for conversation in here}
        waiting = await self._store.read(lambda session: self._news.waiting_for(session, customers.keys()))
        for customer_id in waiting:
            await self._tell(customers[customer_id])

    async def _tell(self, conversation: ConversationView) -> None:
        def work(session: Session) -> list[MessageView]:
            return say_news(session, self._news, conversation, self._clock.now())

        self._hub.tell(conversation.id, await self._store.write(work))

    async def _catch_up(self, here: Iterable[ConversationView]) -> None:
        ids = [conversation.id for conversation in here]
        last = await self._store.read(lambda session: conversations.last_seqs(session, ids))
        for subscription in self._hub.subscriptions():
            seq = last.get(subscription.conversation.id, 0)
            if seq > subscription.sent:
                subscription.tell(LogGrew(seq))
