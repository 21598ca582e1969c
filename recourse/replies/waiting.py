"""Words about a request that is open: who decides it, until when, and what silence means. Never more than its row says."""

from __future__ import annotations

from recourse.cancellations.rules import INTERCEPT, silence
from recourse.cancellations.service import RequestView
from recourse.orders.rules import OrderView
from recourse.overview.service import Case
from recourse.replies.voice import Voice


def waiting(voice: Voice, item: Case, request: RequestView) -> str:
    """ "the seller answers by … . No answer by then means …", or that our team decides now; to follow a colon."""
    if request.escalated_at is not None or request.respond_by is None:
        return voice.text("utter_waiting_platform")
    return voice.text(
        "utter_waiting_seller",
        respond_by=voice.when(request.respond_by),
        silence=on_silence(voice, silence(item.order.policy.on_silence, request.kind), request.kind),
    )


def on_silence(voice: Voice, rule: str, kind: str) -> str:
    """What no answer means, in one sentence: approve, reject or escalate; a parcel that was sent is never called back by it."""
    return voice.text("utter_silence_intercept" if kind == INTERCEPT and rule == "reject" else f"utter_silence_{rule}")


def asked_for(voice: Voice, order: OrderView, request: RequestView) -> str:
    """What a request is about: the whole order by its title, or the items and how many of each."""
    if request.scope == "all" or not request.pieces:
        return voice.order_title(order)
    named = [(line.title, qty) for line_id, qty in request.pieces if (line := order.line(line_id)) is not None]
    return pieces(voice, named)


def pieces(voice: Voice, named: list[tuple[str, int]]) -> str:
    """Items in one line: (title, how many)."""
    return ", ".join(voice.text("utter_item", qty=str(qty), title=title) if qty > 1 else title for title, qty in named)
