"""Who is in the test: the buyer, and those of his orders that the conversation is about, told by the demo's stories."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta

from sqlalchemy.orm import Session

from recourse.conversations.recording import Entry
from recourse.customers.service import Buyer
from recourse.demo.catalogue import PRODUCTS
from recourse.demo.people import BUYERS, DemoBuyer
from recourse.demo.plan import PLAN
from recourse.demo.seed import number_of
from recourse.orders import finding
from recourse.orders import service as orders
from recourse.orders.rules import OrderView
from recourse.orders.search import OrderQuery
from recourse.recording.names import Numbers, order_names
from recourse.recording.past import Move, moves_of, situation_at, story_of
from recourse.recording.situations import Situation
from recourse.replies.orders import PAGE

SPREAD = timedelta(minutes=23)
"""By how much the demo makes each further order of a buyer older than its story says (``recourse.demo.scenarios.Stage.ago``)."""

TOGETHER = "shared_checkout"
_STAND_IN = "HP-OVER"
_MOST_ARRANGED = 12


@dataclass(frozen=True, slots=True)
class Item:
    """A product of an order: an article of the demo's catalogue, under another ``title`` where that is not its own."""

    sku: str
    qty: int
    title: str | None


@dataclass(frozen=True, slots=True)
class Told:
    """An order of the test. ``situation``: where it stood when the conversation began. ``guessed``: that is not where its own label
    leads, or it has none."""

    name: str
    order: OrderView
    scenario: str
    guessed: bool
    situation: Situation
    items: tuple[Item, ...]
    moves: tuple[Move, ...]


@dataclass(frozen=True, slots=True)
class Cast:
    """The buyer and his orders. ``like``: the demo buyer most like him. ``sorted``: whether the stories bring the orders into
    the order in which the buyer saw them."""

    buyer: Buyer
    like: DemoBuyer
    orders: tuple[Told, ...]
    sorted: bool

    @property
    def numbers(self) -> Numbers:
        """Their numbers by name."""
        return Numbers({told.order.number: told.name for told in self.orders})


def cast_of(session: Session, buyer: Buyer, entries: Sequence[Entry], began: datetime, more: str) -> Cast:
    """The buyer with the orders that ``entries`` are about, as they stood when the conversation ``began``. ``more``: title of the
    button that goes on with a list."""
    own = orders.everything(session, buyer.id, [], None)
    about = _about(session, own, entries, buyer.id)
    goes_on = any(more in entry.buttons for entry in entries)
    about = _with_companions(own, about, goes_on)
    names = dict(
        zip((order.id for order in about), order_names([order.lines[0].title for order in about]), strict=True)
    )
    told = [_told(session, order, names[order.id], began) for order in about]
    arranged = _arranged(told, buyer.id)
    return Cast(buyer, _like(buyer, about), tuple(arranged or told), arranged is not None)


def _about(session: Session, own: Sequence[OrderView], entries: Sequence[Entry], buyer_id: str) -> list[OrderView]:
    """Orders that somebody named by number or by its last digits, that were offered, or whose goods the buyer named."""
    numbers = Numbers({order.number: order.number.replace("-", "_") for order in own})
    found: set[str] = set()
    for entry in entries:
        texts = [entry.text, *entry.buttons]
        found |= {number for text in texts for number in numbers.mentioned(text)}
        if entry.author == "buyer" and entry.pressed is None:
            named = finding.find(session, buyer_id, OrderQuery(text=entry.text)).orders
            found |= {order.number for order in named} if len(named) == 1 else set()
    return [order for order in own if order.number in found]


def _with_companions(own: Sequence[OrderView], about: Sequence[OrderView], goes_on: bool) -> list[OrderView]:
    """And those without which it would not be the same: paid together with one of these, or the next one where a list went on."""
    groups = {order.group_id for order in about if order.scenario == TOGETHER}
    wanted = {order.id for order in about} | {order.id for order in own if order.group_id in groups}
    if goes_on and len(wanted) % PAGE == 0:
        wanted |= {order.id for order in [each for each in own if each.id not in wanted][:1]}
    return [order for order in own if order.id in wanted]


def _told(session: Session, order: OrderView, name: str, began: datetime) -> Told:
    moves = moves_of(session, order)
    situation = situation_at(session, order, moves, began)
    scenario, guessed = story_of(order, situation)
    return Told(name, order, scenario, guessed, situation, _items(order), tuple(moves))


def _items(order: OrderView) -> tuple[Item, ...]:
    """Its products; where one is not of the demo's catalogue, stand-ins under the same titles."""
    if all(line.sku in PRODUCTS for line in order.lines):
        return tuple(
            Item(line.sku, line.qty, None if line.title == PRODUCTS[line.sku].title else line.title)
            for line in order.lines
        )
    stand_ins = [sku for sku, product in PRODUCTS.items() if product.seller == PRODUCTS[_STAND_IN].seller]
    return tuple(
        Item(stand_ins[place % len(stand_ins)], line.qty, line.title) for place, line in enumerate(order.lines)
    )


def _arranged(told: Sequence[Told], buyer_id: str) -> list[Told] | None:
    """``told`` (newest first) so that their stories make them as old, relative to each other, as they were. The place in the list
    makes an order a little older, the story says the rest. None where the stories are guessed, or no arrangement does it."""
    places = _places(buyer_id)
    if len(told) > _MOST_ARRANGED or any(each.guessed or each.order.number not in places for each in told):
        return None
    newest = max((each.order.placed_at for each in told), default=None)
    spreads = [timedelta() if each.scenario == TOGETHER else SPREAD for each in told]
    ages = [
        (newest or each.order.placed_at) - each.order.placed_at - spread * places[each.order.number]
        for each, spread in zip(told, spreads, strict=True)
    ]
    turns = _turns(ages, spreads, {})
    return None if turns is None else [told[index] for index in turns]


def _turns(ages: Sequence[timedelta], spreads: Sequence[timedelta], taken: dict[int, timedelta]) -> list[int] | None:
    """Which order comes at which place: the first arrangement in which each is older than the one before it in ``ages``; None where
    there is none (or two would be of one moment)."""
    if len(taken) == len(ages):
        return list(taken)
    for index in range(len(ages)):
        age = ages[index] + spreads[index] * len(taken)
        if index not in taken and all(taken[other] < age if other < index else taken[other] > age for other in taken):
            found = _turns(ages, spreads, {**taken, index: age})
            if found is not None:
                return found
    return None


def _places(buyer_id: str) -> dict[str, int]:
    """Number -> place in the demo's plan, of all orders that the demo made for this buyer."""
    at = next((place for place, buyer in enumerate(BUYERS) if buyer.id == buyer_id), None)
    return {} if at is None else {number_of(at, position): position for position in range(len(PLAN[buyer_id]))}


def _like(buyer: Buyer, about: Sequence[OrderView]) -> DemoBuyer:
    """The demo buyer who he is, or else who pays in the same currency, lives in the same country, speaks the same language."""
    currency = about[0].currency if about else None
    return max(
        BUYERS,
        key=lambda each: (
            each.id == buyer.id,
            each.currency == currency,
            each.country == buyer.country,
            each.locale[:2] == buyer.locale[:2],
        ),
    )
