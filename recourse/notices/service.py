"""Turning open notices into what is said. Amounts and dates are read now, not when the notice was queued."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime

from sqlalchemy.orm import Session

from recourse.core import outbox
from recourse.core.words import Utterance
from recourse.overview import service as overview
from recourse.replies import cancellation as cancellation_words
from recourse.replies.voice import Voice


def collect(session: Session, customer_id: str, voice: Voice, now: datetime) -> Sequence[Utterance]:
    """What this buyer has not heard yet, oldest first; marked as told in the caller's transaction."""
    told = []
    for notice in outbox.open_notices(session, [customer_id]):
        item = overview.of_request(session, notice.payload["request_id"], now)
        told.append(voice.utterance(cancellation_words.notice(voice, item, notice.payload["kind"])))
        notice.done_at = now
    return told
