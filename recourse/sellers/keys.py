"""Keys by which a seller's systems prove who they are. Only the SHA-256 of a key is stored; nobody can read one back."""

from __future__ import annotations

import hashlib
import hmac
import secrets
from dataclasses import dataclass
from datetime import datetime

from sqlalchemy import select
from sqlalchemy.orm import Session

from recourse.core.db import new_id
from recourse.core.errors import InvalidInput, NotFound
from recourse.sellers import service
from recourse.sellers.models import SellerApiKey

MARK = "sk_"
_RANDOM_BYTES = 32
_SHOWN = len(MARK) + 6
_LABEL_MAX = 60
_KEY_MAX = 100


@dataclass(frozen=True, slots=True)
class KeyView:
    """What may be known of a key. ``prefix``: its first characters, by which a person recognises it."""

    id: str
    seller_id: str
    prefix: str
    label: str
    created_at: datetime
    revoked_at: datetime | None


def issue_key(session: Session, seller_id: str, label: str, now: datetime) -> str:
    """A new key for a seller, in plain text: this is the only time that it can be seen. Raises NotFound, InvalidInput."""
    service.get(session, seller_id)
    label = label.strip()
    if len(label) > _LABEL_MAX or "\0" in label:
        raise InvalidInput(f"a label has at most {_LABEL_MAX} characters")
    plain = MARK + secrets.token_urlsafe(_RANDOM_BYTES)
    session.add(
        SellerApiKey(
            id=new_id(), seller_id=seller_id, prefix=plain[:_SHOWN], key_hash=_hash(plain), label=label, created_at=now
        )
    )
    session.flush()
    return plain


def authenticate(session: Session, plain: str) -> str | None:
    """Id of the seller whose key this is, or None for an unknown, malformed or revoked one.

    The look-up goes by a hash of 256 random bits, so its time says nothing about any other key.
    """
    if not plain.startswith(MARK) or len(plain) > _KEY_MAX:
        return None
    wanted = _hash(plain)
    row = session.scalars(select(SellerApiKey).where(SellerApiKey.key_hash == wanted)).one_or_none()
    if row is None or not hmac.compare_digest(row.key_hash, wanted) or row.revoked_at is not None:
        return None
    return row.seller_id


def revoke_key(session: Session, seller_id: str, key_id: str, now: datetime) -> KeyView:
    """End a key of this seller, for good; a second time changes nothing. Raises NotFound."""
    row = session.scalars(
        select(SellerApiKey)
        .where(SellerApiKey.id == key_id, SellerApiKey.seller_id == seller_id)
        .with_for_update()
        .execution_options(populate_existing=True)
    ).one_or_none()
    if row is None:
        raise NotFound(f"no key {key_id} of seller {seller_id}; `recourse sellers keys list {seller_id}` shows them")
    if row.revoked_at is None:
        row.revoked_at = now
        session.flush()
    return _view(row)


def keys_of(session: Session, seller_id: str) -> list[KeyView]:
    """Every key of a seller, oldest first. Raises NotFound."""
    service.get(session, seller_id)
    rows = session.scalars(
        select(SellerApiKey)
        .where(SellerApiKey.seller_id == seller_id)
        .order_by(SellerApiKey.created_at, SellerApiKey.id)
    )
    return [_view(row) for row in rows]


def _hash(plain: str) -> str:
    return hashlib.sha256(plain.encode("utf-8", "surrogatepass")).hexdigest()


def _view(row: SellerApiKey) -> KeyView:
    return KeyView(row.id, row.seller_id, row.prefix, row.label, row.created_at, row.revoked_at)
