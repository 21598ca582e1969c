"""The shape of this project's fixtures and of its own options of a test case."""

from __future__ import annotations

from dataclasses import fields
from typing import Any, Literal

from pydantic import BaseModel, ConfigDict, Field, field_validator

from recourse.sellers.rules import Policy

_POLICY = sorted({each.name for each in fields(Policy)} - {"id"})


class Strict(BaseModel):
    """An unknown key is an error; a number where a text belongs is taken as written."""

    model_config = ConfigDict(extra="forbid", coerce_numbers_to_str=True)


class Product(Strict):
    """One line of an order: a ``sku`` of the demo's catalogue, under another ``title`` if one is given."""

    sku: str
    qty: int = Field(1, ge=1, le=99)
    title: str | None = None


class OrderFixture(Strict):
    """An order in the situation ``scenario`` (a label of the demo). ``as``: its name in the test.

    ``shipping``: what the buyer paid for it, in minor units of the order's currency. ``policy``: where the seller's rules for this
    order differ from the demo's, for example ``{on_silence: escalate}``.
    """

    name: str = Field(alias="as")
    scenario: str
    items: list[str | Product] = Field(["HP-OVER"], min_length=1)
    title: str | None = None
    shipping: int = Field(0, ge=0)
    policy: dict[str, Any] = {}

    @field_validator("policy")
    @classmethod
    def _known(cls, policy: dict[str, Any]) -> dict[str, Any]:
        unknown = sorted(policy.keys() - set(_POLICY))
        if unknown:
            raise ValueError(f"a policy has no {', '.join(unknown)}; it has {', '.join(_POLICY)}")
        return policy


class BuyerFixture(Strict):
    """A fresh buyer. ``like``: the demo buyer whose country, currency and means of payment he has. ``unread``: news of the past are
    still to be told."""

    like: str = "b-1001"
    locale: str | None = None
    timezone: str | None = None
    unread: bool = False
    orders: list[OrderFixture] = []


class Options(Strict):
    """How the people of a case reach the assistant. ``sender``: how they call their conversation on the REST channel."""

    channel: Literal["rest", "socket"] = "rest"
    sender: str | None = None
