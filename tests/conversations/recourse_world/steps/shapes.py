"""The shape of this project's own steps. Each is a word (``seller: approve``) or a mapping (``seller: {does: reject, ...}``)."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, ClassVar, Literal, get_args

from pydantic import Field, GetJsonSchemaHandler, model_validator
from pydantic.json_schema import JsonSchemaValue
from pydantic_core import CoreSchema

from recourse.disputes.rules import REASONS as DISPUTE_REASONS
from recourse.orders.rules import PARCEL_STATES
from recourse.returns.rules import REASONS as RETURN_REASONS
from recourse_world.fixtures import Strict

Outcome = Literal["full", "partial", "return_refund", "none"]
Pieces = dict[str, int]
"""Article -> how many."""
Words = Mapping[str, tuple[str, ...]]
"""What somebody can do -> keys that go with it."""


class Doing(Strict):
    """What somebody ``does`` about an ``order``, which may be left out where the case has only one.

    ``TAKES``: what goes with each of the words; ``NEEDS``: what must be given with it.
    """

    TAKES: ClassVar[Words] = {}
    NEEDS: ClassVar[Words] = {}

    does: str
    order: str | None = None

    @model_validator(mode="before")
    @classmethod
    def _short_form(cls, given: Any) -> Any:
        return {"does": given} if isinstance(given, str) else given

    @model_validator(mode="after")
    def _fits(self) -> Doing:
        takes = self.TAKES.get(self.does, ())
        given = self.model_fields_set - {"does", "order"}
        if given - set(takes):
            possible = f"takes {', '.join(('order', *takes))}" if takes else "takes nothing but order"
            raise ValueError(f"{self.does} {possible}; not {', '.join(sorted(given - set(takes)))}")
        missing = [name for name in self.NEEDS.get(self.does, ()) if name not in given]
        if missing:
            raise ValueError(f"{self.does} needs {', '.join(missing)}")
        return self

    @classmethod
    def __get_pydantic_json_schema__(cls, core: CoreSchema, handler: GetJsonSchemaHandler) -> JsonSchemaValue:
        """Editors know the short form, too: the words that need nothing else."""
        words = [word for word in get_args(cls.model_fields["does"].annotation) if not cls.NEEDS.get(word)]
        return {"anyOf": [{"enum": words}, handler(core)]}


class SellerStep(Doing):
    """The seller of the order. ``reason`` and ``text`` are what the buyer reads."""

    TAKES: ClassVar[Words] = {
        "reject": ("reason", "tracking"),
        "ship": ("tracking", "carrier", "pieces"),
        "cancel": ("reason",),
        "write": ("text",),
        "ask": ("text", "url"),
        "offer": ("amount", "text"),
        "reject_dispute": ("reason",),
        "counter": ("wanted", "amount", "text"),
        "contest": ("reason",),
        "accept_return": ("text",),
        "decline_return": ("reason",),
    }
    NEEDS: ClassVar[Words] = {"write": ("text",), "ask": ("text",), "offer": ("amount",), "counter": ("wanted",)}

    does: Literal[
        "approve", "reject", "ship", "cancel", "write", "ask", "offer", "retract_offer", "accept_dispute", "reject_dispute",
        "counter", "received", "contest", "accept_return", "decline_return",
    ]  # fmt: skip
    reason: str | None = None
    text: str | None = None
    url: str | None = None
    tracking: str | None = None
    carrier: str | None = None
    pieces: Pieces | None = None
    amount: int | str | None = None
    wanted: Outcome | None = None


class CarrierStep(Doing):
    """The carrier scans a parcel of the order (``tracking``: which, where there are several), or brings back to the seller what the
    buyer has sent (``brought_back``). ``text``: as printed by the carrier."""

    TAKES: ClassVar[Words] = {**dict.fromkeys(PARCEL_STATES, ("tracking", "text")), "brought_back": ("text",)}

    does: Literal[
        "label", "accepted", "in_transit", "out_for_delivery", "delivered", "lost", "returned", "brought_back"
    ]  # fmt: skip
    tracking: str | None = None
    text: str | None = None


class ProviderStep(Doing):
    """The payment provider: takes refunds that wait (``receive``), or takes them and lets something become of them.

    ``leg``: which of several refunds of the order, from 1, oldest first; else all that are under way.
    """

    TAKES: ClassVar[Words] = {
        **dict.fromkeys(
            ("process", "settle", "needs_details", "fill_form", "reverse", "cancel", "duplicate"), ("leg",)
        ),
        "chargeback": ("reason", "amount"),
        "fail": ("leg", "reason"),
    }

    does: Literal[
        "receive", "process", "settle", "fail", "refuse", "needs_details", "fill_form", "reverse", "cancel", "duplicate",
        "times_out", "error", "error_after", "payment_captured", "payment_failed", "review_started", "review_passed",
        "review_failed", "chargeback", "chargeback_won", "chargeback_lost",
    ]  # fmt: skip
    leg: int | None = Field(None, ge=1)
    reason: str | None = None
    amount: int | str | None = None


class AgentStep(Doing):
    """A person of the support desk: answers in the chat of the buyer who speaks, or decides about an order."""

    TAKES: ClassVar[Words] = {
        "write": ("text",),
        "hand_back": ("reason",),
        "resolve": ("reason",),
        "approve": ("reason",),
        "reject": ("reason",),
        "decide": ("outcome", "amount", "reason"),
    }
    NEEDS: ClassVar[Words] = {"write": ("text",), "decide": ("outcome",)}

    does: Literal["take", "write", "hand_back", "resolve", "approve", "reject", "decide"]
    text: str | None = None
    reason: str | None = None
    outcome: Outcome | None = None
    amount: int | str | None = None


class PlatformStep(Doing):
    """The shop itself: ``hold`` and ``release`` an order, ``write`` about it, a product (``sku``) is ``back_in_stock``, an erasure is
    refused (``refuse_erasure``) or a failed refund sent again (``resend``)."""

    TAKES: ClassVar[Words] = {
        "hold": ("reason",),
        "write": ("text",),
        "back_in_stock": ("sku",),
        "refuse_erasure": ("reason",),
    }
    NEEDS: ClassVar[Words] = {"write": ("text",), "back_in_stock": ("sku",)}

    does: Literal["hold", "release", "write", "back_in_stock", "refuse_erasure", "resend"]
    reason: str | None = None
    text: str | None = None
    sku: str | None = None


class BuyerStep(Doing):
    """What the buyer who speaks does on the shop's pages, outside the chat."""

    TAKES: ClassVar[Words] = {
        "return": ("pieces", "reason", "text"),
        "send_back": ("tracking", "carrier"),
        "withdraw": ("pieces",),
        "dispute": ("reason", "wanted", "amount", "text", "pieces"),
        "counter": ("wanted", "amount", "text"),
        "answer": ("text",),
        "choose_route": ("to",),
        "watch": ("sku",),
        "write": ("text",),
    }
    NEEDS: ClassVar[Words] = {
        "dispute": ("reason",),
        "counter": ("wanted",),
        "choose_route": ("to",),
        "watch": ("sku",),
        "write": ("text",),
    }

    does: Literal[
        "confirm_receipt", "return", "send_back", "cancel_return", "withdraw", "dispute", "counter", "accept_proposal", "escalate",
        "give_up_dispute", "accept_offer", "decline_offer", "answer", "choose_route", "watch", "write", "erase", "keep_account",
    ]  # fmt: skip
    pieces: Pieces | None = None
    reason: Literal[tuple(sorted({*DISPUTE_REASONS, *RETURN_REASONS}))] | None = None  # type: ignore[valid-type]
    text: str | None = None
    tracking: str | None = None
    carrier: str | None = None
    wanted: Outcome | None = None
    amount: int | str | None = None
    to: Literal["again", "balance", "bank"] | None = None
    sku: str | None = None


STEPS: Mapping[str, type[Doing]] = {
    "seller": SellerStep,
    "carrier": CarrierStep,
    "provider": ProviderStep,
    "agent": AgentStep,
    "platform": PlatformStep,
    "buyer": BuyerStep,
}
"""Key of a step -> its shape."""
