"""Which order is meant: shared by every flow that needs one. The search itself is ``recourse.orders.finding.find``."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any

from actions.turn import Turn
from recourse.core.consent import excludes
from recourse.orders import finding
from recourse.orders.search import OrderQuery, content_words, references
from recourse.overview import service as overview
from recourse.overview.service import Case

SAID = "?"
"""Slot value between extraction and validation: the message names an order, validation finds out which."""

_POINTING = frozenset({"it", "this", "that"})
_CHOICE = "order_choice"


@dataclass(frozen=True, slots=True)
class Resolution:
    """``picked``: the one order that is meant. Else ``kind`` says how to ask, over ``candidates``:

    choose (nothing was said), unknown (the number is not among the buyer's orders), unclear (the words name none of them),
    near (a likely typo), ambiguous, none (there is nothing to choose from).
    """

    picked: Case | None
    kind: str = "choose"
    candidates: tuple[Case, ...] = ()

    def slot(self) -> dict[str, Any]:
        """What to remember of the question that follows."""
        return {_CHOICE: {"kind": self.kind, "numbers": [item.order.number for item in self.candidates[:5]]}}


def query(turn: Turn) -> OrderQuery:
    """What the last message says about an order."""
    ordinal = turn.entity("ordinal")
    number, digits = _text(turn.entity("order_number")), _text(turn.entity("order_digits"))
    return OrderQuery(
        number=number,
        digits=digits if number or digits else finding.ending(turn.session, turn.buyer.id, turn.text),
        ordinal=ordinal if isinstance(ordinal, int) and not isinstance(ordinal, bool) else None,
        listed=tuple(shown(turn)),
        text=turn.text,
    )


def is_explicit(asked: OrderQuery) -> bool:
    """Does the message name an order by number, or by position in a list that was shown?"""
    return asked.names_a_number or (asked.ordinal is not None and bool(asked.listed))


def says_something(asked: OrderQuery) -> bool:
    """Is there anything in the message that could name an order?"""
    return is_explicit(asked) or bool(content_words(asked.text) or references(asked.text))


def shown(turn: Turn) -> list[str]:
    """The order numbers that were shown last."""
    choice = turn.slot(_CHOICE)
    numbers = choice.get("numbers", []) if isinstance(choice, dict) else []
    return [number for number in numbers if isinstance(number, str)]


def resolve(
    turn: Turn, default: Callable[[], Sequence[Case]], states: Sequence[str] = (), answering: bool = False
) -> Resolution:
    """Find the order that the last message means.

    ``default``: the orders to offer when nothing was said. ``states``: statuses to prefer when searching by words.
    ``answering``: True when the message answers the question for an order, so that words without a match are worth a
    remark.
    """
    asked = query(turn)
    pointed = _pointed_at(turn, asked)
    if pointed is not None:
        return Resolution(pointed)
    if excludes(asked.text) and not is_explicit(asked):
        return Resolution(None, "choose", tuple(default()))
    if says_something(asked):
        found = finding.find(turn.session, turn.buyer.id, asked, states)
        cases = tuple(overview.cases(turn.session, found.orders, turn.now))
        if len(cases) == 1 and found.sure:
            return Resolution(cases[0])
        if cases:
            return Resolution(None, "ambiguous" if found.sure else "near", cases)
        if is_explicit(asked) or answering:
            return Resolution(None, "unknown" if is_explicit(asked) else "unclear", tuple(default()))
    offered = tuple(default())
    if len(offered) == 1 and not answering:
        return Resolution(offered[0])
    return Resolution(None, "choose" if offered else "none", offered)


def candidates(turn: Turn, default: Callable[[], Sequence[Case]]) -> tuple[str, Sequence[Case]]:
    """How to ask for an order, and over which ones, as the last resolution left it."""
    choice = turn.slot(_CHOICE)
    numbers = shown(turn)
    kind = str(choice.get("kind", "choose")) if isinstance(choice, dict) else "choose"
    if kind not in ("near", "ambiguous") or not numbers:
        return kind, default()
    own = finding.by_numbers(turn.session, turn.buyer.id, numbers)
    return kind, overview.cases(turn.session, own, turn.now)


def _pointed_at(turn: Turn, asked: OrderQuery) -> Case | None:
    """ "Cancel it" right after one order was spoken of means that order; the summary names it before anything happens."""
    focus = turn.slot("order_in_focus")
    if not isinstance(focus, str) or says_something(asked):
        return None
    if not _POINTING & set(asked.text.lower().replace("?", " ").replace(".", " ").split()):
        return None
    own = finding.by_numbers(turn.session, turn.buyer.id, [focus])
    return overview.cases(turn.session, own, turn.now)[0] if own else None


def _text(value: Any) -> str | None:
    return value if isinstance(value, str) and value else None
