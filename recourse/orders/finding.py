"""Finding a buyer's order from what the buyer says: always among the buyer's own, and always in the database."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from sqlalchemy import Integer, Select, case, func, or_, select
from sqlalchemy.orm import Session

from recourse.orders import search, views
from recourse.orders.models import Order, OrderTerm, Shipment
from recourse.orders.rules import OrderView
from recourse.orders.search import OrderQuery

_MOST_FOUND = 20
_NUMBERS_COMPARED = 2000
"""How many of a buyer's newest numbers are compared with a mistyped one; older orders are found by their exact number."""
_TERMS_COMPARED = 5000


@dataclass(frozen=True, slots=True)
class Found:
    """Result of a search among one buyer's orders, newest first.

    ``orders``: what fits, 20 at most. ``sure``: True when the buyer named it (number, position, product), False when these
    are only guesses at a mistyped number. Somebody else's order gives the same empty result as one that does not exist.
    """

    orders: tuple[OrderView, ...]
    sure: bool


def find(session: Session, customer_id: str, query: OrderQuery, states: Sequence[str] = ()) -> Found:
    """Find the buyer's order(s) that ``query`` means (domain 4.0 and 4.3, nos. 4 to 6).

    In this order: our number, a parcel's tracking number or the shop's own order number, a part of a number or one with a
    typo, the position in a list, words. ``states`` narrows the search by words only: a number always means that order,
    whatever its status.
    """
    if query.number:
        own = by_numbers(session, customer_id, [query.number])
        if own:
            return Found(own, sure=True)
    references = search.references(query.text, query.digits)
    named = by_reference(session, customer_id, references) if references else ()
    if named:
        return Found(named, sure=True)
    if query.number:
        return Found(by_numbers(session, customer_id, _near(session, customer_id, query.number)), sure=False)
    if query.digits:
        near = _containing(session, customer_id, query.digits) or _near(session, customer_id, query.digits)
        sure = len(near) == 1 and search.is_part_of(query.digits, near[0])
        return Found(by_numbers(session, customer_id, near), sure)
    if query.ordinal is not None:
        picked = _at(query.listed, query.ordinal)
        return Found(by_numbers(session, customer_id, [picked]) if picked else (), sure=True)
    return Found(by_numbers(session, customer_id, _by_words(session, customer_id, query.text, states)), sure=True)


def ending(session: Session, customer_id: str, text: str) -> str | None:
    """The digits in ``text`` by which exactly one of the buyer's own numbers ends, or None.

    Anything else that is written with four digits (a year, an amount) ends none of them, or is not told apart and left alone.
    """
    plain = func.replace(Order.number, "-", "")
    for digits in search.bare_digits(text):
        if len(session.scalars(_numbers(customer_id).where(plain.like(f"%{digits}")).limit(2)).all()) == 1:
            return digits
    return None


def by_numbers(session: Session, customer_id: str, numbers: Sequence[str]) -> tuple[OrderView, ...]:
    """Those of ``numbers`` (20 at most) that are the buyer's own, newest first."""
    return (
        _own(session, customer_id, select(Order).where(Order.number.in_(list(numbers)[:_MOST_FOUND])))
        if numbers
        else ()
    )


def by_tracking(session: Session, customer_id: str, tracking: str) -> tuple[OrderView, ...]:
    """The buyer's own orders (20 at most) with a parcel of this number, newest first."""
    return by_reference(session, customer_id, [tracking, tracking.upper()])


def by_reference(session: Session, customer_id: str, references: Sequence[str]) -> tuple[OrderView, ...]:
    """The buyer's own orders (20 at most) whose shop number, or a parcel's tracking number, is one of ``references``."""
    sent = select(Shipment.order_id).where(Shipment.tracking.in_(references))
    return _own(session, customer_id, select(Order).where(or_(Order.external_id.in_(references), Order.id.in_(sent))))


def _own(session: Session, customer_id: str, query: Select[Order]) -> tuple[OrderView, ...]:
    query = query.where(Order.customer_id == customer_id).order_by(Order.placed_at.desc(), Order.number)
    return tuple(views.of_rows(session, session.scalars(query.limit(_MOST_FOUND)).all()))


def _containing(session: Session, customer_id: str, said: str) -> Sequence[str]:
    """Own numbers that end with the digits said, else that have them anywhere; newest first."""
    digits = search.fragment(said)
    if not digits:
        return []
    plain = func.replace(Order.number, "-", "")
    for pattern in (f"%{digits}", f"%{digits}%"):
        found = session.scalars(_numbers(customer_id).where(plain.like(pattern)).limit(_MOST_FOUND)).all()
        if found:
            return found
    return []


def _near(session: Session, customer_id: str, said: str) -> list[str]:
    """Own numbers that may be what was mistyped as ``said``, newest first."""
    return search.near_misses(said, session.scalars(_numbers(customer_id).limit(_NUMBERS_COMPARED)))


def _numbers(customer_id: str) -> Select[str]:
    """The buyer's order numbers, newest first, from the index alone."""
    return select(Order.number).where(Order.customer_id == customer_id).order_by(Order.placed_at.desc(), Order.number)


def _by_words(session: Session, customer_id: str, text: str, states: Sequence[str]) -> Sequence[str]:
    """Own orders whose products or seller are named in ``text``: the best matches only, newest first."""
    words = search.wanted(text)
    if not words:
        return []
    begins = sorted({word[0] for word in words})
    known = (
        select(OrderTerm.term)
        .where(OrderTerm.customer_id == customer_id, func.substr(OrderTerm.term, 1, 1).in_(begins))
        .distinct()
        .limit(_TERMS_COMPARED)
    )
    meant = search.meant(words, set(session.scalars(known)))
    if not meant:
        return []
    return _best(session, customer_id, meant, states) or (_best(session, customer_id, meant, ()) if states else [])


def _best(session: Session, customer_id: str, meant: Sequence[set[str]], states: Sequence[str]) -> Sequence[str]:
    """Orders with the most of the words; ``meant`` has the terms of each word."""
    hits = sum(
        (
            func.max(
                case(
                    (OrderTerm.term.in_(sorted(same)), 1),
                    else_=0,
                )
            )
            for same in meant[1:]
        ),
        start=func.max(case((OrderTerm.term.in_(sorted(meant[0])), 1), else_=0)),
    )
    scored = (
        select(OrderTerm.order_id, hits.cast(Integer).label("hits"))
        .where(OrderTerm.customer_id == customer_id, OrderTerm.term.in_(sorted(set().union(*meant))))
        .group_by(OrderTerm.order_id)
        .subquery()
    )
    query = select(Order.number, scored.c.hits).join(scored, scored.c.order_id == Order.id)
    if states:
        query = query.where(Order.state.in_(states))
    query = query.order_by(scored.c.hits.desc(), Order.placed_at.desc(), Order.number).limit(_MOST_FOUND)
    rows = session.execute(query).all()
    return [row.number for row in rows if row.hits == rows[0].hits]


def _at(listed: Sequence[str], ordinal: int) -> str | None:
    index = ordinal - 1 if ordinal > 0 else ordinal
    return listed[index] if ordinal and -len(listed) <= index < len(listed) else None
