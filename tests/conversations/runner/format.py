"""The shape of a test file. What the keys mean is in ``tests/conversations/README.md``."""

from __future__ import annotations

from typing import Annotated, Any, Literal

from pydantic import BaseModel, BeforeValidator, ConfigDict, Field, PrivateAttr, model_validator

DOES = ("user", "press", "press_old", "seller", "sweep", "as", "kill", "restart", "wait_for")
EXPECTS = (
    "bot", "utter", "bot_contains", "bot_did_not_utter", "buttons", "database", "remember", "same_as",
    "slot_was_set", "slot_was_not_set",
)  # fmt: skip
_BELONGS_TO = {
    "times": ("user", "press"),
    "assertions": ("user", "press"),
    "order": ("seller",),
    "reason": ("seller",),
    "tracking": ("seller",),
}

Texts = Annotated[list[str], BeforeValidator(lambda value: [value] if isinstance(value, str | int) else value)]
"""One text or a list of them."""


class _Strict(BaseModel):
    """An unknown key is an error. ``line``: where it stands in the file."""

    model_config = ConfigDict(extra="forbid", coerce_numbers_to_str=True)
    _line: int = PrivateAttr(default=0)

    @property
    def line(self) -> int:
        """Line in the file, from 1; 0 when unknown."""
        return self._line

    def at(self, line: int) -> None:
        """Note the line."""
        self._line = line


class Product(_Strict):
    """One line of an order: a ``sku`` of the demo's catalogue, under another ``title`` if one is given."""

    sku: str
    qty: int = 1
    title: str | None = None


class OrderFixture(_Strict):
    """An order in the situation ``scenario`` (a label of the demo). ``as``: its name in the test."""

    name: str = Field(alias="as")
    scenario: str
    items: list[str | Product] = ["HP-OVER"]
    title: str | None = None


class BuyerFixture(_Strict):
    """A fresh buyer. ``like``: the demo buyer whose country, currency and means of payment he has."""

    like: str = "b-1001"
    locale: str | None = None
    timezone: str | None = None
    unread: bool = False
    orders: list[OrderFixture] = []


class BotUttered(_Strict):
    """Rasa Pro's description of a reply; every key that is given must hold for one and the same message."""

    utter_name: str | None = None
    text_matches: str | None = None
    buttons: list[dict[str, str]] | None = None


class SlotValue(_Strict):
    """Rasa Pro's description of a slot; without ``value`` any value will do."""

    name: str
    value: Any = None

    @property
    def has_value(self) -> bool:
        """Was a value given? (``value: null`` is one.)"""
        return "value" in self.model_fields_set


def _slot(entry: Any) -> Any:
    """Steps write ``name`` or ``name: value``, assertions ``{name: ..., value: ...}``."""
    if isinstance(entry, str):
        return {"name": entry}
    if isinstance(entry, dict) and len(entry) == 1 and "name" not in entry:
        ((name, value),) = entry.items()
        return {"name": name, "value": value}
    return entry


Slots = list[Annotated[SlotValue, BeforeValidator(_slot)]]


class Assertion(_Strict):
    """One entry of Rasa Pro's ``assertions``; exactly one key."""

    bot_uttered: BotUttered | None = None
    bot_did_not_utter: BotUttered | None = None
    slot_was_set: Slots | None = None
    slot_was_not_set: Slots | None = None
    action_executed: str | None = None

    @model_validator(mode="after")
    def _one(self) -> Assertion:
        if len(self.model_fields_set) != 1:
            raise ValueError("an assertion has exactly one key")
        return self


class RowExpectation(BaseModel):
    """Rows of one table. Every further key is a column (or ``column.path.in.json``) and the value it must have."""

    model_config = ConfigDict(extra="allow")

    table: str
    order: str | None = None
    count: int | None = None
    sum: dict[str, Any] = {}

    @property
    def columns(self) -> dict[str, Any]:
        """Column (or path) -> expected value."""
        return self.model_extra or {}


class Step(_Strict):
    """Something that happens, or something that is expected; exactly one of the keys ``DOES`` and ``EXPECTS``."""

    user: str | None = None
    press: str | None = None
    press_old: str | None = None
    seller: Literal["approve", "reject", "ship"] | None = None
    sweep: str | None = Field(None, pattern=r"^[+-]?(\d+[dhms])+$")
    as_: str | None = Field(None, alias="as")
    kill: Literal["actions", "rasa"] | None = None
    restart: Literal["actions", "rasa"] | None = None
    wait_for: str | None = None

    bot: str | None = None
    utter: Texts | None = None
    bot_contains: Texts | None = None
    bot_did_not_utter: Texts | None = None
    buttons: Texts | None = None
    database: list[RowExpectation] | None = None
    remember: str | None = None
    same_as: str | None = None
    slot_was_set: Slots | None = None
    slot_was_not_set: Slots | None = None

    times: int = Field(1, ge=1, le=5)
    assertions: list[Assertion] = []
    order: str | None = None
    reason: str | None = None
    tracking: str | None = None
    metadata: Any = None

    @property
    def verb(self) -> str:
        """The one key that says what this step is."""
        return next(verb for verb in (*DOES, *EXPECTS) if _attribute(verb) in self.model_fields_set)

    @property
    def value(self) -> Any:
        """What stands behind that key."""
        return getattr(self, _attribute(self.verb))

    @model_validator(mode="after")
    def _one_verb(self) -> Step:
        said = [verb for verb in (*DOES, *EXPECTS) if _attribute(verb) in self.model_fields_set]
        if len(said) != 1:
            found = " and ".join(said) or "none"
            raise ValueError(f"a step has exactly one of {', '.join((*DOES, *EXPECTS))}; found {found}")
        for option, verbs in _BELONGS_TO.items():
            if option in self.model_fields_set and said[0] not in verbs:
                raise ValueError(f"{option!r} goes with {' or '.join(verbs)}, not with {said[0]!r}")
        return self


class Case(_Strict):
    """One test. The first of ``fixtures`` is the buyer who speaks until a step says ``as``."""

    test_case: str
    fixtures: list[str] = Field(min_length=1)
    metadata: Any = None
    channel: Literal["rest", "socket"] = "rest"
    sender: str | None = None
    steps: list[Step] = Field(min_length=1)


class File(_Strict):
    """A test file. ``conftest.yml`` has fixtures only."""

    fixtures: list[dict[str, BuyerFixture]] = []
    metadata: Any = None
    test_cases: list[Case] = []


def _attribute(verb: str) -> str:
    return "as_" if verb == "as" else verb
