"""What a person in support gets of a case: the frozen document of domain 4.2, version 1.

``docs/handoff.schema.json`` is made from these models, and no case is stored that does not fit them. The seed's mandatory items
are required keys: order number, cancellation date, expected refund amount and the seller's messages [SEED 2.1, 2.3].
"""

from __future__ import annotations

import json
from typing import Annotated, Any, Literal

from pydantic import AwareDatetime, BaseModel, ConfigDict, Field

from recourse.handoff.rules import ALLOWED_ACTIONS, REASONS

Currency = Annotated[str, Field(pattern=r"^[A-Z]{3}$")]
Minor = Annotated[int, Field(ge=0, description="Minor units of the currency")]


class _Part(BaseModel):
    model_config = ConfigDict(strict=True, extra="forbid", frozen=True)


class Customer(_Part):
    """Who asks. ``verified``: signed in with the shop's token."""

    id: str
    verified: Literal[True]
    locale: str
    tz: str
    country: str
    is_consumer: bool


class Amount(_Part):
    """An amount of money."""

    amount_minor: Minor
    currency: Currency


class OrderLine(_Part):
    """One product of the order."""

    id: str
    title: str
    qty: Annotated[int, Field(gt=0)]


class Order(_Part):
    """The order. ``projection``: the status as the buyer sees it."""

    number: Annotated[str, Field(pattern=r"^RC-\d{4}-\d{4}$")]
    status: str
    projection: str
    seller_id: str
    placed_at: AwareDatetime
    total: Amount
    lines: list[OrderLine]


class Piece(_Part):
    """How many pieces of an order line."""

    line_id: str
    qty: Annotated[int, Field(gt=0)]


class Cancellation(_Part):
    """The latest cancellation request, or the cancellation itself where nobody asked (then without an id).

    ``date``: when it was asked for; without a request, when the order was cancelled.
    """

    id: str | None
    state: str
    date: AwareDatetime
    reason_code: str | None
    note: str | None
    respond_by: AwareDatetime | None
    decided_by: str | None
    scope: Literal["all", "lines"]
    lines: list[Piece]
    reject_reason: str | None
    proof_tracking: str | None


class Expected(Amount):
    """What the customer expects back."""

    said_by: Literal["customer"]


class Leg(_Part):
    """What goes to one means of payment, as it stands; legs that another one replaced are left out."""

    tender: str
    amount_minor: Minor
    state: str
    arn: str | None
    expected_to: str


class Computed(_Part):
    """What the ledger says, all refunds of the order together, in minor units of the order's currency."""

    paid_part: Minor
    coupon_credit: Minor
    fee: Minor
    legs: list[Leg]


class Refund(_Part):
    """Expected against computed. ``difference_minor``: expected minus the legs; None where the two cannot be compared."""

    expected: Expected | None
    computed: Computed | None
    difference_minor: int | None


class Dispute(_Part):
    """A dispute. ``deadlines``: name -> when, those that are set. ``evidence``: ids of files."""

    id: str
    state: str
    reason: str
    wanted: str
    deadlines: dict[str, AwareDatetime]
    evidence: list[str]


class SellerMessage(_Part):
    """One message of the thread between buyer and seller."""

    at: AwareDatetime
    author: str
    text: str


class Said(_Part):
    """One message of the conversation with the assistant."""

    author: str
    text: str


class Conversation(_Part):
    """Where the case came from. ``asked_already``: what the assistant asked, so that nothing is asked twice."""

    id: str
    summary: Annotated[list[str], Field(max_length=8)]
    last_messages: list[Said]
    asked_already: list[str]
    failed_turns: Annotated[int, Field(ge=0)]
    sentiment: Literal["neutral", "angry"]
    language: str


class Payload(_Part):
    """One case for a person, frozen when it was opened."""

    v: Literal[1]
    case_no: Annotated[str, Field(pattern=r"^C-[2-9A-HJ-NP-Z]{6}$")]
    created_at: AwareDatetime
    priority: Literal["normal", "high"]
    reason_code: Literal[REASONS]  # type: ignore[valid-type]
    customer: Customer
    order: Order | None
    cancellation: Cancellation | None
    refund: Refund | None
    dispute: Dispute | None
    further_disputes: list[Dispute]
    seller_messages: list[SellerMessage]
    conversation: Conversation
    wants: str
    promised: str | None
    allowed_actions: list[Literal[ALLOWED_ACTIONS]]  # type: ignore[valid-type]
    policy_id: str | None

    def to_json(self) -> dict[str, Any]:
        """The document as it is stored; what does not fit its own schema is never stored (raises ValidationError)."""
        document: dict[str, Any] = self.model_dump(mode="json")
        parse(document)
        return document

    def without_words(self) -> Payload:
        """The same case when its buyer is erased: codes, states, amounts and dates; nothing that anybody wrote."""
        cancellation, refund = self.cancellation, self.refund
        if cancellation is not None:
            cancellation = cancellation.model_copy(update={"note": None, "reject_reason": None})
        if refund is not None and refund.computed is not None:
            legs = [leg.model_copy(update={"tender": ""}) for leg in refund.computed.legs]
            refund = refund.model_copy(update={"computed": refund.computed.model_copy(update={"legs": legs})})
        silent = {"summary": [], "last_messages": [], "asked_already": [], "language": "en"}
        nobody = {"locale": "en", "tz": "UTC"}
        further = [each.model_copy(update={"evidence": []}) for each in self.further_disputes]
        return self.model_copy(
            update={
                "customer": self.customer.model_copy(update=nobody),
                "cancellation": cancellation,
                "refund": refund,
                "dispute": self.dispute.model_copy(update={"evidence": []}) if self.dispute else None,
                "further_disputes": further,
                "seller_messages": [],
                "conversation": self.conversation.model_copy(update=silent),
                "wants": "",
            }
        )


def parse(document: dict[str, Any]) -> Payload:
    """A stored document. Raises ValidationError for one that does not fit."""
    return Payload.model_validate_json(json.dumps(document))


def schema() -> dict[str, Any]:
    """The JSON Schema (2020-12) of the document, for whoever writes a desk: ``docs/handoff.schema.json``."""
    made = Payload.model_json_schema()
    return {
        "$schema": "https://json-schema.org/draft/2020-12/schema",
        **made,
        "title": "Recourse handoff case, version 1",
    }


def schema_text() -> str:
    """The schema as the file has it."""
    return json.dumps(schema(), indent=2, ensure_ascii=False) + "\n"
