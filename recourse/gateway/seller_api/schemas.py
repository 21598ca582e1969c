"""What goes in and out of the seller API. Times are ISO 8601 in UTC; amounts are integers in minor units.

Nothing here has a place for a buyer's name, address, account or means of payment.
"""

from __future__ import annotations

from datetime import datetime
from typing import Annotated, Literal

from pydantic import BaseModel, ConfigDict, Field

from recourse.gateway.api_common import Moment

Text500 = Annotated[str, Field(min_length=1, max_length=500)]
Text1000 = Annotated[str, Field(min_length=1, max_length=1000)]
Text2000 = Annotated[str, Field(min_length=1, max_length=2000)]
Short = Annotated[str, Field(min_length=1, max_length=40)]
Amount = Annotated[int, Field(strict=True, gt=0, le=10**15, description="In minor units of the order's currency.")]


class _Done(BaseModel):
    """What a POST brought about. It is saved for repeats, and so has no free text: that is read with GET, and forgotten with
    the buyer who wrote or received it."""


class _In(BaseModel):
    model_config = ConfigDict(extra="forbid")


class MoneyOut(BaseModel):
    """An amount in the smallest unit of its currency."""

    amount_minor: int
    currency: str


class AskOut(BaseModel):
    """What you asked of the buyer. ``state``: open, done or void (the request has ended)."""

    id: str
    kind: str
    text: str
    url: str | None
    state: str
    answer: str | None
    asked_at: datetime
    answered_at: datetime | None


class PieceOut(BaseModel):
    """So many pieces of a line of an order."""

    line_id: str
    sku: str
    title: str
    qty: int


class RequestOut(BaseModel):
    """A buyer's wish to cancel. ``respond_by``: from then on ``on_silence`` decides. ``kind``: instant, request, or intercept
    (call a parcel back). ``state``: pending_seller, approved, rejected, withdrawn, expired or superseded."""

    id: str
    order_number: str
    state: str
    kind: str
    scope: str
    reason: str
    note: str | None
    lines: list[PieceOut]
    requested_at: datetime
    respond_by: datetime | None
    on_silence: str
    escalated_at: datetime | None
    decided_by: str | None
    decided_at: datetime | None
    reject_reason: str | None
    asks: list[AskOut]


class RequestDone(_Done):
    """What became of a request."""

    id: str
    order_number: str
    state: str
    decided_by: str | None
    decided_at: datetime | None


class AskDone(_Done):
    """The buyer is asked."""

    id: str
    request_id: str
    state: str
    asked_at: datetime
    respond_by: datetime | None


class RequestPage(BaseModel):
    """``next``: the cursor of the page after this one; null on the last."""

    requests: list[RequestOut]
    next: str | None


class RejectIn(_In):
    """Why not. "Already shipped" needs the tracking number and the time of shipment as proof."""

    reason: Text500
    tracking: Short | None = None
    shipped_at: Moment | None = None


class AskIn(_In):
    """Ask the buyer for something before you decide. A form needs an https ``url``."""

    kind: Literal["form", "info"]
    text: Text1000
    url: Annotated[str, Field(max_length=300)] | None = None


class LineOut(BaseModel):
    """One product of an order. ``unsent``: pieces that are neither sent nor cancelled."""

    id: str
    sku: str
    title: str
    qty: int
    unit_price: MoneyOut
    qty_cancelled: int
    qty_shipped: int
    qty_returned: int
    unsent: int


class ParcelOut(BaseModel):
    """A parcel and where it is."""

    carrier: str
    tracking: str
    state: str
    shipped_at: datetime
    delivered_at: datetime | None


class OfferOut(BaseModel):
    """A part of the money back if the buyer keeps the order. ``state``: open, accepted, declined, expired or retracted."""

    id: str
    amount: MoneyOut
    text: str
    state: str
    offered_at: datetime
    open_until: datetime
    decided_at: datetime | None


class OrderOut(BaseModel):
    """One of your orders. ``refundable``: what can still come back of it. ``issue``: dispute, return, chargeback or null."""

    number: str
    external_id: str | None
    status: str
    on_hold: bool
    issue: str | None
    placed_at: datetime
    paid_at: datetime | None
    ship_by: datetime | None
    total: MoneyOut
    refundable: MoneyOut
    lines: list[LineOut]
    parcels: list[ParcelOut]
    open_request: str | None
    offers: list[OfferOut]
    disputes: list[str]
    returns: list[str]


class OfferDone(_Done):
    """The offer stands."""

    id: str
    amount: MoneyOut
    state: str
    open_until: datetime


class OrderDone(_Done):
    """What became of an order."""

    number: str
    status: str
    open_request: str | None
    parcels: list[ParcelOut]


class PiecesIn(_In):
    """How many pieces of which line."""

    line_id: Annotated[str, Field(min_length=1, max_length=32)]
    qty: Annotated[int, Field(strict=True, gt=0, le=100_000)]


class ShipmentIn(_In):
    """A parcel. Without ``lines`` everything that is unsent is in it."""

    carrier: Short
    tracking: Short
    lines: Annotated[list[PiecesIn], Field(min_length=1, max_length=200)] | None = None
    shipped_at: Moment | None = None
    promised_by: Moment | None = None


class ReasonIn(_In):
    """Why, in words that the buyer may read."""

    reason: Text500


class MessageIn(_In):
    """A message to the buyer."""

    text: Text2000
    purpose: Literal["question", "cancel", "partial_refund", "return", "delivery", "address", "note", "answer"] = (
        "question"
    )


class MessageOut(BaseModel):
    """One message. What leads off the platform (phone, mail, links) is removed from what others wrote (``off_platform``)."""

    id: str
    author: str
    purpose: str
    text: str
    off_platform: bool
    sent_at: datetime
    read_at: datetime | None


class MessageDone(_Done):
    """The message is in the thread. ``off_platform``: a part of it leads away, and the buyer does not see that part."""

    id: str
    off_platform: bool
    sent_at: datetime


class ThreadOut(BaseModel):
    """The messages of an order, oldest first."""

    messages: list[MessageOut]


class ReadOut(_Done):
    """How many messages were new."""

    read: int


class OfferIn(_In):
    """A part of the money back. It stands for ``hours``, but never longer than an open cancellation request."""

    amount_minor: Amount
    text: Text1000
    hours: Annotated[int, Field(strict=True, ge=1, le=336)] = 72


class StockIn(_In):
    """``available``: it can be bought again, so those who wait for it are told."""

    sku: Short
    available: Annotated[bool, Field(strict=True)]


class StockOut(_Done):
    """How many buyers are told."""

    told: int


class ProposalOut(BaseModel):
    """What one side proposes. ``wanted``: full, partial or return_refund. An acceptance names the ``id``."""

    id: str
    wanted: str | None
    amount: MoneyOut | None
    text: str | None
    at: datetime


class EvidenceOut(BaseModel):
    """A file that the buyer gave, by what it is."""

    id: str
    kind: str
    mime: str
    size: int
    at: datetime


class DisputeOut(BaseModel):
    """A buyer's claim about a line. ``respond_by``: from then on what the buyer proposed is carried out."""

    id: str
    order_number: str
    line_id: str
    title: str
    qty: int
    type: str
    reason: str
    description: str | None
    state: str
    opened_at: datetime
    respond_by: datetime
    negotiate_by: datetime | None
    ship_back_by: datetime | None
    inspect_by: datetime | None
    return_carrier: str | None
    return_tracking: str | None
    buyer_proposal: ProposalOut
    seller_proposal: ProposalOut | None
    outcome: str | None
    outcome_amount: MoneyOut | None
    decided_by: str | None
    decided_at: datetime | None
    evidence: list[EvidenceOut]


class DisputeDone(_Done):
    """What became of a dispute."""

    id: str
    order_number: str
    state: str
    negotiate_by: datetime | None
    ship_back_by: datetime | None
    outcome: str | None
    outcome_amount: MoneyOut | None
    decided_by: str | None
    decided_at: datetime | None


class DisputeList(BaseModel):
    """Open disputes, those that are due first at the top."""

    disputes: list[DisputeOut]


class AcceptIn(_In):
    """Which proposal you accept: the id of the buyer's proposal as you have read it."""

    proposal_id: Annotated[str, Field(min_length=1, max_length=32)]


class DisputeReasonIn(_In):
    """Why, in words that the buyer and the platform read."""

    reason: Text2000


class CounterIn(_In):
    """What you propose instead; ``partial`` needs ``amount_minor``."""

    wanted: Literal["full", "partial", "return_refund"]
    amount_minor: Amount | None = None
    text: Text2000 | None = None


class ReturnOut(BaseModel):
    """Goods on their way back. ``respond_by``: until when you decide; ``inspect_by``: until when you may look at them."""

    id: str
    order_number: str
    kind: str
    state: str
    reason: str | None
    note: str | None
    lines: list[PieceOut]
    requested_at: datetime
    respond_by: datetime | None
    ship_back_by: datetime | None
    inspect_by: datetime | None
    carrier: str | None
    tracking: str | None
    label_cost_by: str
    decline_reason: str | None


class ReturnDone(_Done):
    """What became of a return."""

    id: str
    order_number: str
    state: str
    ship_back_by: datetime | None


class ReturnList(BaseModel):
    """Open returns, oldest first."""

    returns: list[ReturnOut]


class InstructionsIn(_In):
    """Where and how the buyer sends the goods."""

    instructions: Text2000 | None = None
