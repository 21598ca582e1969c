"""Use cases of sellers: who sells, and under which rules. ``now`` and ``at`` are aware UTC; nothing here commits."""

from __future__ import annotations

from collections.abc import Collection, Iterable
from dataclasses import dataclass, replace
from datetime import UTC, datetime
from typing import Any

from sqlalchemy import func, or_, select, update
from sqlalchemy.dialects.postgresql import insert as postgres_insert
from sqlalchemy.dialects.sqlite import insert as sqlite_insert
from sqlalchemy.orm import Session

from recourse.core.db import new_id
from recourse.core.errors import NotFound
from recourse.sellers import rules
from recourse.sellers.models import Seller, SellerPolicy
from recourse.sellers.rules import Policy

_EVER = datetime(1970, 1, 1, tzinfo=UTC)


@dataclass(frozen=True, slots=True)
class SellerView:
    """A seller. ``cancel_defects``: how many orders it cancelled or let lapse on its own account."""

    id: str
    name: str
    country: str
    timezone: str
    is_trader: bool
    cancel_defects: int
    external_id: str | None


@dataclass(frozen=True, slots=True)
class PolicyVersion:
    """One published version of a seller's rules (``seller_id`` None: the platform's default)."""

    seller_id: str | None
    version: int
    valid_from: datetime
    policy: Policy


def names(session: Session, seller_ids: Iterable[str]) -> dict[str, str]:
    """Seller id -> name, in one query."""
    rows = session.execute(select(Seller.id, Seller.name).where(Seller.id.in_(set(seller_ids))))
    return {row.id: row.name for row in rows}


def get(session: Session, seller_id: str) -> SellerView:
    """One seller. Raises NotFound."""
    row = session.get(Seller, seller_id, populate_existing=True)
    if row is None:
        raise NotFound(f"no seller {seller_id}; `recourse sellers list` shows who there is")
    return _view(row)


def everyone(session: Session) -> list[SellerView]:
    """All sellers, by name."""
    return [_view(row) for row in session.scalars(select(Seller).order_by(Seller.name, Seller.id))]


def of_ids(session: Session, seller_ids: Collection[str]) -> dict[str, SellerView]:
    """Id -> seller, in one query."""
    return {row.id: _view(row) for row in session.scalars(select(Seller).where(Seller.id.in_(seller_ids)))}


def find(session: Session, external_ids: Collection[str], seller_ids: Collection[str]) -> dict[tuple[str, str], str]:
    """("external", the shop's id) or ("id", our id) -> our id, for those of the sellers that are known."""
    query = select(Seller.id, Seller.external_id).where(
        or_(Seller.external_id.in_(external_ids), Seller.id.in_(seller_ids))
    )
    found: dict[tuple[str, str], str] = {}
    for row in session.execute(query):
        found["id", row.id] = row.id
        if row.external_id:
            found["external", row.external_id] = row.id
    return found


def add_missing(session: Session, newcomers: Iterable[SellerView], at: datetime) -> None:
    """Add those of ``newcomers`` who are not known by their id or the shop's id; what is known of others stays as it is."""
    values = [
        {
            "id": seller.id, "name": seller.name, "is_trader": seller.is_trader, "country": seller.country,
            "timezone": seller.timezone, "external_id": seller.external_id, "cancel_defect_count": 0, "version": 1,
            "created_at": at, "updated_at": at,
        }
        for seller in newcomers
    ]  # fmt: skip
    if values:
        insert = sqlite_insert if session.get_bind().dialect.name == "sqlite" else postgres_insert
        session.execute(insert(Seller).on_conflict_do_nothing(), values)


def count_defect(session: Session, seller_id: str) -> None:
    """Count an order that ended on the seller's account: cancelled by the seller, or never shipped (domain 3.4)."""
    session.execute(
        update(Seller)
        .where(Seller.id == seller_id)
        .values(cancel_defect_count=Seller.cancel_defect_count + 1, version=Seller.version + 1)
        .execution_options(synchronize_session=False)
    )


def policy_at(session: Session, seller_id: str | None, at: datetime) -> Policy:
    """The rules that an order placed at ``at`` keeps: the seller's newest version by then, else the platform's.

    A store that has no default of the platform gets the built-in one, the first time it is needed.
    """
    owners = (seller_id, None) if seller_id is not None else (None,)
    for owner in owners:
        row = _in_force(session, owner, at)
        if row is not None:
            return _policy(row)
    _store_built_in(session)
    return Policy()


def policies(session: Session, seller_id: str | None) -> list[PolicyVersion]:
    """Every version of a seller's own rules, or with None of the platform's default, oldest first."""
    rows = session.scalars(select(SellerPolicy).where(_of(seller_id)).order_by(SellerPolicy.policy_version))
    return [PolicyVersion(row.seller_id, row.policy_version, row.valid_from, _policy(row)) for row in rows]


def publish_policy(session: Session, seller_id: str | None, now: datetime, **changes: Any) -> Policy:
    """Publish the next version of a seller's rules (None: the platform's default): the version in force with ``changes``.

    It holds for orders that are placed from ``now`` on. Orders keep the snapshot of their checkout, and no stored deadline
    moves (invariants 14 and 15). Raises NotFound, and InvalidInput that names every field that is wrong.
    """
    _lock_owner(session, seller_id, now)
    policy = replace(rules.changed(policy_at(session, seller_id, now), changes), id=new_id())
    newest = session.execute(
        select(func.max(SellerPolicy.policy_version), func.max(SellerPolicy.valid_from)).where(_of(seller_id))
    ).one()
    since = max(now, newest[1]) if newest[1] else now
    session.add(
        SellerPolicy(**policy.to_json(), seller_id=seller_id, policy_version=(newest[0] or 0) + 1, valid_from=since)
    )
    session.flush()
    return policy


def _lock_owner(session: Session, seller_id: str | None, now: datetime) -> None:
    """One publisher at a time, so that version numbers have no gap and no double."""
    if seller_id is None:
        policy_at(session, None, now)  # there must be a row to lock
        session.execute(
            select(SellerPolicy.id).where(_of(None)).order_by(SellerPolicy.policy_version).with_for_update()
        )
        return
    query = select(Seller.id).where(Seller.id == seller_id).with_for_update()
    if session.scalars(query).one_or_none() is None:
        raise NotFound(f"no seller {seller_id}; `recourse sellers list` shows who there is")


def _of(seller_id: str | None) -> Any:
    return SellerPolicy.seller_id.is_(None) if seller_id is None else SellerPolicy.seller_id == seller_id


def _in_force(session: Session, seller_id: str | None, at: datetime) -> SellerPolicy | None:
    return session.scalars(
        select(SellerPolicy)
        .where(_of(seller_id), SellerPolicy.valid_from <= at)
        .order_by(SellerPolicy.valid_from.desc(), SellerPolicy.policy_version.desc())
        .limit(1)
    ).one_or_none()


def _store_built_in(session: Session) -> None:
    """Two who need it at once store it once."""
    insert = sqlite_insert if session.get_bind().dialect.name == "sqlite" else postgres_insert
    values = {**Policy().to_json(), "seller_id": None, "policy_version": 1, "valid_from": _EVER}
    session.execute(insert(SellerPolicy).values(values).on_conflict_do_nothing(index_elements=["id"]))


def _policy(row: SellerPolicy) -> Policy:
    values = {name: getattr(row, name) for name in Policy().to_json()}
    return Policy.from_json(values)


def _view(row: Seller) -> SellerView:
    return SellerView(
        row.id, row.name, row.country, row.timezone, row.is_trader, row.cancel_defect_count, row.external_id
    )
