"""Bringing orders into the store and out of it again. Each record is written as a whole or not at all, and only once.

Bringing the same record again changes nothing; a later state of an order moves it through the machines, as far as its steps
are legal. The words for errors are for the people who run the shop's systems.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from itertools import batched

from sqlalchemy.exc import IntegrityError
from sqlalchemy.orm import Session

from recourse.core.db import new_id
from recourse.core.errors import InvalidInput, RecourseError
from recourse.customers import service as customers
from recourse.customers.service import Buyer
from recourse.exchange import progress, records
from recourse.exchange.formats import Read
from recourse.exchange.records import Incoming
from recourse.exchange.schema import OrderRecord, SellerPart
from recourse.orders import arrivals, departures
from recourse.orders import service as orders
from recourse.orders.arrivals import Arrival
from recourse.refunds import arrivals as refunds
from recourse.sellers import rules as seller_rules
from recourse.sellers import service as sellers
from recourse.sellers.rules import Policy
from recourse.sellers.service import PolicyVersion, SellerView

CREATED, UPDATED, UNCHANGED, FAILED = "created", "updated", "unchanged", "failed"
RESULTS = (CREATED, UPDATED, UNCHANGED, FAILED)

BATCH = 200
"""Records of one transaction."""

_AHEAD = timedelta(minutes=10)
"""How far the shop's clock may be ahead of ours."""


@dataclass(frozen=True, slots=True)
class Outcome:
    """What became of one record. ``line``: where it stood in the file, or its place in the request, from 1."""

    line: int
    external_id: str | None
    number: str | None
    result: str
    error: str | None = None


@dataclass(slots=True)
class _Market:
    """Sellers and rules as one batch needs them."""

    ids: dict[tuple[str, str], str]
    versions: dict[str | None, list[PolicyVersion]] = field(default_factory=dict)


def bring(session: Session, found: Sequence[Read], now: datetime) -> list[Outcome]:
    """Bring the records of one batch into the store, in the caller's transaction; one outcome for each, in the same order.

    A record that fails leaves no trace, and the others stay.
    """
    outcomes: dict[int, Outcome] = {}
    good = []
    for place, each in enumerate(found):
        if each.record is None:
            outcomes[place] = Outcome(each.line, each.external_id, None, FAILED, each.error)
        else:
            good.append((place, each.line, each.record))
    known = _known(session, [record for _, _, record in good])
    market = _people(session, [record for _, _, record in good], now)
    new: dict[str, tuple[int, int, Incoming]] = {}
    later = []
    for place, line, record in good:
        if record.external_id in known or record.number in known or record.external_id in new:
            later.append((place, line, record))
            continue
        try:
            incoming = _incoming(session, record, market, now)
            records.check_new(incoming)
            new[record.external_id] = place, line, incoming
        except RecourseError as error:
            outcomes[place] = Outcome(line, record.external_id, None, FAILED, str(error))
    outcomes |= _create(session, list(new.values()), now)
    if any(outcome.result == FAILED for outcome in outcomes.values()):
        later += _raced(session, good, outcomes)
    stored = _stored(session, known)
    for place, line, record in later:
        before = stored.get(known.get(record.external_id) or known.get(record.number or "") or "")
        outcomes[place] = _again(session, line, record, market, before, now)
    return [outcomes[place] for place in range(len(found))]


def summary(outcomes: Iterable[Outcome]) -> dict[str, int]:
    """How many records had which result."""
    counts = Counter(outcome.result for outcome in outcomes)
    return {result: counts[result] for result in RESULTS}


def export(session: Session, customer_id: str | None = None) -> Iterator[OrderRecord]:
    """Every order (of one buyer), by buyer and newest first, a page at a time. Orders of erased buyers stay here."""
    after = None
    while page := orders.everything(session, customer_id, (), None, BATCH, after):
        after = page[-1].number
        stored = departures.read(session, [view.id for view in page])
        paid_back = refunds.read(session, page)
        buyers = customers.of_ids(session, {view.customer_id for view in page})
        shops = sellers.of_ids(session, {view.seller_id for view in page})
        for view in page:
            if buyers[view.customer_id].status != customers.ERASED:
                yield records.outgoing(
                    stored[view.id], paid_back.get(view.id, ()), buyers[view.customer_id], shops[view.seller_id]
                )
        session.expunge_all()


def get(session: Session, reference: str) -> OrderRecord:
    """The order with this number, or this id of the shop's, as a record. Raises NotFound."""
    found = departures.find(session, [reference], [reference])
    view = orders.get_by_id(session, next(iter(found.values()))) if found else orders.get_by_number(session, reference)
    buyer = customers.of_ids(session, [view.customer_id])[view.customer_id]
    seller = sellers.of_ids(session, [view.seller_id])[view.seller_id]
    stored = departures.read(session, [view.id])[view.id]
    return records.outgoing(stored, refunds.read(session, [view]).get(view.id, ()), buyer, seller)


def batches(found: Iterable[Read]) -> Iterator[tuple[Read, ...]]:
    """What was read, in pieces of one transaction each."""
    return batched(found, BATCH)


def widest(session: Session) -> dict[str, int]:
    """How many payments, coupons and shipments an order of the store has at most."""
    return departures.widest(session)


def _known(session: Session, wanted: Sequence[OrderRecord]) -> dict[str, str]:
    ids = [record.external_id for record in wanted]
    return departures.find(session, ids, [record.number for record in wanted if record.number]) if wanted else {}


def _people(session: Session, wanted: Sequence[OrderRecord], now: datetime) -> _Market:
    """Add the buyers and sellers that are new. They stay when an order of theirs fails, which harms nobody."""
    buyers = {record.buyer.sub: record.buyer for record in wanted}
    known = customers.of_ids(session, list(buyers)) if buyers else {}
    customers.add_missing(
        session,
        [
            Buyer(each.sub, each.name, each.locale, each.timezone, each.country, each.is_consumer)
            for each in buyers.values()
            if each.sub not in known
        ],
        now,
    )
    shops = {_key(record.seller): record.seller for record in wanted if _key(record.seller)[1]}
    named = [key[1] for key in shops if key[0] == "external"], [key[1] for key in shops if key[0] == "id"]
    found = sellers.find(session, *named) if shops else {}
    missing = [each for key, each in shops.items() if key not in found]
    if missing:
        sellers.add_missing(session, [_seller(each) for each in missing], now)
        found = sellers.find(session, *named)
    return _Market(found)


def _key(seller: SellerPart) -> tuple[str, str]:
    return ("external", seller.external_id) if seller.external_id else ("id", seller.id or "")


def _seller(part: SellerPart) -> SellerView:
    return SellerView(
        id=part.id or new_id(),
        name=part.name,
        country=part.country,
        timezone=part.timezone,
        is_trader=part.is_trader,
        cancel_defects=0,
        external_id=part.external_id,
    )


def _incoming(session: Session, record: OrderRecord, market: _Market, now: datetime) -> Incoming:
    """The record as the store takes it. Raises InvalidInput that says what does not add up."""
    seller_id = market.ids.get(_key(record.seller))
    if seller_id is None:
        raise InvalidInput("seller: give its external_id, or its id in Recourse")
    for name in ("placed_at", "paid_at", "delivered_at", "completed_at", "cancelled_at", "closed_at"):
        at = getattr(record, name)
        if at is not None and at > now + _AHEAD:
            raise InvalidInput(f"{name} is in the future ({at:%Y-%m-%dT%H:%MZ})")
    policy, policy_id = _policy(session, record, seller_id, market)
    return records.incoming(record, seller_id, policy, policy_id)


def _policy(session: Session, record: OrderRecord, seller_id: str, market: _Market) -> tuple[Policy, str | None]:
    """The rules that the order keeps: those that the record names or spells out, else those in force when it was placed."""
    own = _versions(session, seller_id, market)
    if record.policy_version is not None:
        named = next((each.policy for each in own if each.version == record.policy_version), None)
        if named is None:
            raise InvalidInput(f"the seller has no version {record.policy_version} of its policy")
        return named, named.id
    everything = [*own, *_versions(session, None, market)]
    if record.policy is not None:
        spelt = seller_rules.changed(Policy(id="spelt-out"), record.policy)
        same = (each.policy for each in everything if {**each.policy.to_json(), "id": spelt.id} == spelt.to_json())
        stored = next(same, None)
        return (stored, stored.id) if stored else (spelt, None)
    for versions in (own, _versions(session, None, market)):
        begun = [each for each in versions if each.valid_from <= record.placed_at]
        if begun:
            policy = max(begun, key=lambda each: (each.valid_from, each.version)).policy
            return policy, policy.id
    policy = sellers.policy_at(session, seller_id, record.placed_at)
    market.versions.pop(None, None)
    return policy, policy.id


def _versions(session: Session, seller_id: str | None, market: _Market) -> list[PolicyVersion]:
    if seller_id not in market.versions:
        market.versions[seller_id] = sellers.policies(session, seller_id)
    return market.versions[seller_id]


def _create(session: Session, new: Sequence[tuple[int, int, Incoming]], now: datetime) -> dict[int, Outcome]:
    """Write new orders all at once; where that fails, one by one, to find out which of them it was."""
    if not new:
        return {}
    try:
        with session.begin_nested():
            numbers = _write(session, [incoming for _, _, incoming in new], now)
    except (RecourseError, IntegrityError) as error:
        if len(new) > 1:
            return {place: made for each in new for place, made in _create(session, [each], now).items()}
        ((place, line, incoming),) = new
        return {place: Outcome(line, incoming.order.external_id, None, FAILED, _told(error))}
    return {
        place: Outcome(line, incoming.order.external_id, numbers[incoming.order.external_id], CREATED)
        for place, line, incoming in new
    }


def _raced(
    session: Session, good: Sequence[tuple[int, int, OrderRecord]], outcomes: Mapping[int, Outcome]
) -> list[tuple[int, int, OrderRecord]]:
    """Records that failed because somebody else brought the same order at the same moment: they are no news, and no error."""
    failed = [each for each in good if each[0] in outcomes and outcomes[each[0]].result == FAILED]
    known = _known(session, [record for _, _, record in failed])
    return [each for each in failed if each[2].external_id in known]


def _write(session: Session, new: Sequence[Incoming], now: datetime) -> Mapping[str, str]:
    """Write new orders with their refunds and what they took from balances; returns external id -> number."""
    erased = {
        buyer.id
        for buyer in customers.of_ids(session, {each.order.customer_id for each in new}).values()
        if buyer.status == customers.ERASED
    }
    for each in new:
        if each.order.customer_id in erased:
            raise InvalidInput(f"buyer {each.order.customer_id} was erased; nothing new is stored about them")
    written = arrivals.write(session, [each.order for each in new], now)
    with_money_back = {
        written[each.order.external_id].id: each.refunds
        for each in new
        if each.refunds or any(payment.method == "balance" for payment in each.order.payments)
    }
    for order_id, view in orders.get_many(session, with_money_back).items() if with_money_back else ():
        refunds.open_balance(session, view)
        refunds.write(session, view, with_money_back[order_id])
    return {external_id: order.number for external_id, order in written.items()}


def _stored(session: Session, known: Mapping[str, str]) -> dict[str, tuple[Arrival, int]]:
    """Id of an order -> the order as it stood when the batch began, and how many refunds it had."""
    if not known:
        return {}
    counts = refunds.count(session, list(known.values()))
    return {
        order_id: (each, counts[order_id]) for order_id, each in departures.read(session, list(known.values())).items()
    }


def _again(
    session: Session,
    line: int,
    record: OrderRecord,
    market: _Market,
    before: tuple[Arrival, int] | None,
    now: datetime,
) -> Outcome:
    """A record of an order that the store has: see what is new and let it take effect.

    ``before``: the order as it stood when the batch began. Where that says all that the record says, nothing is locked.
    """
    try:
        if before is not None and progress.says_nothing_new(*before, _incoming(session, record, market, now)):
            return Outcome(line, record.external_id, before[0].number, UNCHANGED)
        with session.begin_nested():
            order_id = next(iter(_known(session, [record]).values()), None)
            if order_id is None:
                raise InvalidInput("the record before it with this external_id failed; mend that one first")
            view = orders.get_by_id(session, order_id, lock=True)
            stored = departures.read(session, [order_id])[order_id]
            wanted = _incoming(session, record, market, now)
            changed = progress.advance(session, view, stored, wanted, now)
    except (RecourseError, IntegrityError) as error:
        return Outcome(line, record.external_id, None, FAILED, _told(error))
    return Outcome(line, record.external_id, view.number, UPDATED if changed else UNCHANGED)


def _told(error: Exception) -> str:
    """An error in words; a table's own says only which rule it was, not whose data."""
    if isinstance(error, IntegrityError):
        text = str(error.orig).split("\n")[0].split("DETAIL")[0].strip()
        return f"the store refuses it, because something in it is used already or does not add up: {text}"
    return str(error)
