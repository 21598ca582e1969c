"""Turning open notices into what is said. Amounts and dates are read now, not when the notice was queued."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import replace
from datetime import datetime

from sqlalchemy.orm import Session

from recourse.core import outbox
from recourse.core.words import Utterance
from recourse.disputes import views as disputes
from recourse.messages import asks, offers
from recourse.messages import service as messages
from recourse.overview import service as overview
from recourse.privacy import service as privacy
from recourse.refunds import service as refunds
from recourse.replies import cancellation as cancellation_words
from recourse.replies import news
from recourse.replies.voice import Say, Voice
from recourse.returns import views as returns
from recourse.watches import service as watches

Reader = Callable[[Session, Voice, Mapping[str, str], datetime], Say | None]
"""Words of one notice from its payload: the kind, and the ids of the rows that it speaks of. None: it is no news any more."""


def collect(session: Session, customer_id: str, voice: Voice, now: datetime) -> Sequence[Utterance]:
    """What this buyer has not heard yet, oldest first; marked as told in the caller's transaction.

    What is true no more, or was the buyer's own doing since, is marked too and not said.
    """
    told = []
    for notice in outbox.open_notices(session, [customer_id]):
        say = word(session, voice, notice.payload, now)
        if say is not None:
            told.append(voice.utterance(say))
        notice.done_at = now
    return told


def word(session: Session, voice: Voice, payload: Mapping[str, str], now: datetime) -> Say | None:
    """The notice with ``payload`` in words; None when there is nothing left to say.

    What it speaks of is named by the first id that has a reader.
    """
    for key, reader in READERS.items():
        if key in payload:
            return reader(session, voice, payload, now)
    raise LookupError(f"no words for a notice about {sorted(payload)}")


def _request(session: Session, voice: Voice, payload: Mapping[str, str], now: datetime) -> Say:
    return cancellation_words.notice(voice, overview.of_request(session, payload["request_id"], now), payload["kind"])


def _order(session: Session, voice: Voice, payload: Mapping[str, str], now: datetime) -> Say | None:
    return news.order_news(voice, overview.of_order(session, payload["order_id"], now), payload["kind"])


def _leg(session: Session, voice: Voice, payload: Mapping[str, str], now: datetime) -> Say:
    leg = refunds.get_leg(session, payload["leg_id"], now.date())
    return news.refund_news(voice, overview.of_order(session, leg.order_id, now), leg, payload["kind"])


def _message(session: Session, voice: Voice, payload: Mapping[str, str], now: datetime) -> Say:
    message = messages.get(session, payload["message_id"])
    return news.message_news(voice, overview.of_order(session, message.order_id, now), message)


def _action(session: Session, voice: Voice, payload: Mapping[str, str], now: datetime) -> Say | None:
    action = asks.get(session, payload["action_id"])
    return news.action_news(voice, overview.of_order(session, action.order_id, now), action)


def _offer(session: Session, voice: Voice, payload: Mapping[str, str], now: datetime) -> Say | None:
    offer = offers.get(session, payload["offer_id"])
    return news.offer_news(voice, overview.of_order(session, offer.order_id, now), offer, payload["kind"])


def _dispute(session: Session, voice: Voice, payload: Mapping[str, str], _now: datetime) -> Say | None:
    dispute = disputes.get(session, payload["dispute_id"])
    return news.dispute_news(voice, dispute, dispute.event(payload.get("event_id", "")), payload["kind"])


def _return(session: Session, voice: Voice, payload: Mapping[str, str], now: datetime) -> Say | None:
    back = returns.get(session, payload["return_id"])
    item = overview.of_order(session, back.order_id, now)
    own = [each for each in item.refunds if each.cause_id in (back.id, back.withdrawal_id)]
    return news.return_news(voice, replace(item, refund=own[-1] if own else None), back, payload["kind"])


def _watch(session: Session, _voice: Voice, payload: Mapping[str, str], _now: datetime) -> Say:
    return news.stock_news(watches.get(session, payload["watch_id"]))


def _erasure(session: Session, voice: Voice, payload: Mapping[str, str], _now: datetime) -> Say | None:
    return news.erasure_news(voice, privacy.get(session, payload["erasure_id"]), payload["kind"])


READERS: Mapping[str, Reader] = {
    "request_id": _request,
    "order_id": _order,
    "leg_id": _leg,
    "message_id": _message,
    "action_id": _action,
    "offer_id": _offer,
    "dispute_id": _dispute,
    "return_id": _return,
    "watch_id": _watch,
    "erasure_id": _erasure,
}
