"""News for a buyer who is here, or comes back: said before anything else, and once."""

from __future__ import annotations

from collections.abc import Collection, Sequence
from datetime import datetime
from typing import Protocol

from sqlalchemy.orm import Session

from recourse.conversations import service as conversations
from recourse.conversations.service import ConversationView, MessageView
from recourse.core import outbox
from recourse.core.words import Utterance, Words
from recourse.gateway.errors import log_unexpected
from recourse.notices import service as notices
from recourse.replies.voice import Voice


class News(Protocol):
    """Where news comes from."""

    def waiting_for(self, session: Session, customer_ids: Collection[str]) -> set[str]:
        """Those of these buyers who have something to hear."""
        ...

    def collect(self, session: Session, conversation: ConversationView, now: datetime) -> Sequence[Utterance]:
        """What there is to say in this conversation; marked as told in the caller's transaction."""
        ...


class OutboxNews:
    """The notices that services put into the outbox."""

    def __init__(self, words: Words) -> None:
        self._words = words

    def waiting_for(self, session: Session, customer_ids: Collection[str]) -> set[str]:
        """Those of these buyers who have an open notice."""
        return {notice.customer_id for notice in outbox.open_notices(session, customer_ids)}

    def collect(self, session: Session, conversation: ConversationView, now: datetime) -> Sequence[Utterance]:
        """The buyer's open notices in words, oldest first."""
        voice = Voice(self._words, conversation.locale, conversation.timezone)
        return notices.collect(session, conversation.customer_id, voice, now)


def say_news(session: Session, news: News, conversation: ConversationView, now: datetime) -> list[MessageView]:
    """Append all open news to the log of ``conversation``, in the caller's transaction: only one deliverer wins.

    News that cannot be worded stays open and is logged: it must not keep the buyer from an answer.
    """
    try:
        with session.begin_nested():
            return conversations.say(session, conversation.id, news.collect(session, conversation, now), now)
    except Exception as error:
        log_unexpected(error, "news_not_told")
        return []
