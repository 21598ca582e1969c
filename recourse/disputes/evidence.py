"""Evidence: files for a dispute. Checked, made harmless and stored before the row that names them is committed.

Nothing here commits; ``now`` is aware UTC.
"""

from __future__ import annotations

import hashlib
from collections.abc import Sequence
from datetime import datetime, timedelta

from sqlalchemy import event, func, select
from sqlalchemy.orm import Session

from recourse.core.db import new_id
from recourse.core.errors import Conflict, InvalidInput, NotFound
from recourse.core.transitions import Actor
from recourse.disputes import files, images, rules, views
from recourse.disputes.decisions import locked_of_buyer, note
from recourse.disputes.files import EvidenceStore, NoScanner, Scanner
from recourse.disputes.models import Dispute, Evidence
from recourse.disputes.views import EvidenceView
from recourse.orders import service as orders

MAX_FILES = 10

ORPHAN_AFTER = timedelta(hours=1)
"""A younger file without a row may belong to a transaction that has not ended yet."""

_SCANNER = NoScanner()


def add_evidence(
    session: Session,
    customer_id: str,
    dispute_id: str,
    data: bytes,
    declared_mime: str,
    kind: str,
    now: datetime,
    store: EvidenceStore,
    scanner: Scanner = _SCANNER,
) -> EvidenceView:
    """Store a photo for an open dispute of this buyer. The same file twice is stored once.

    ``data``: JPEG, PNG or WebP, at most 10 MB; it is encoded anew without metadata. ``kind`` as in ``rules.EVIDENCE_KINDS``.
    Raises NotFound, InvalidInput (each says what is accepted) or Conflict (the dispute is over). The file is written before the
    commit and removed if the transaction is rolled back; ``sweep_orphans`` finds what a crash leaves.
    """
    if kind not in rules.EVIDENCE_KINDS:
        raise InvalidInput(f"{kind!r} is no kind of evidence; take one of {', '.join(rules.EVIDENCE_KINDS)}")
    picture = images.clean(data, declared_mime)  # before any lock: this takes time
    verdict = scanner.scan(data)
    if verdict == "infected":
        raise InvalidInput(f"the file contains malware and was not stored; {images.ACCEPTED}")
    row, _ = locked_of_buyer(session, customer_id, dispute_id)
    original = hashlib.sha256(data).hexdigest()
    same = select(Evidence).where(Evidence.dispute_id == row.id, Evidence.original_sha256 == original)
    known = session.scalars(same).one_or_none()
    if known is not None:
        return views.evidence_view(known)
    if row.state in rules.OVER:
        raise Conflict(f"dispute {row.id} is {row.state}; nothing can be added any more")
    count = session.scalar(select(func.count()).select_from(Evidence).where(Evidence.dispute_id == row.id)) or 0
    if count >= MAX_FILES:
        raise InvalidInput(f"a dispute takes at most {MAX_FILES} files, and this one has them already")
    name = files.new_name(picture.extension)
    _remove_if_rolled_back(session, store, name)
    store.write(name, picture.data)
    made = Evidence(
        id=new_id(),
        dispute_id=row.id,
        customer_id=customer_id,
        kind=kind,
        file_name=name,
        mime=picture.mime,
        size=len(picture.data),
        sha256=hashlib.sha256(picture.data).hexdigest(),
        original_sha256=original,
        scan_status="clean" if verdict == "clean" else "not_scanned",
        at=now,
    )
    session.add(made)
    session.flush()
    note(session, row, "evidence", Actor("buyer", customer_id), now, text=made.id)
    return views.evidence_view(made)


def read_own(session: Session, customer_id: str, evidence_id: str, store: EvidenceStore) -> tuple[EvidenceView, bytes]:
    """A file of the buyer's own dispute, with its content. Raises NotFound, with the same words for somebody else's."""
    row = session.get(Evidence, evidence_id)
    if row is None or row.customer_id != customer_id:
        raise _missing(evidence_id)
    return views.evidence_view(row), _content(row, store)


def read_for_seller(
    session: Session, seller_id: str, evidence_id: str, store: EvidenceStore
) -> tuple[EvidenceView, bytes]:
    """A file of a dispute about this seller's order, with its content. Raises NotFound."""
    row = session.get(Evidence, evidence_id)
    if row is not None:
        order_id = session.get_one(Dispute, row.dispute_id).order_id
        if orders.get_by_id(session, order_id).seller_id == seller_id:
            return views.evidence_view(row), _content(row, store)
    raise _missing(evidence_id)


def orphans(session: Session, store: EvidenceStore, now: datetime) -> Sequence[str]:
    """Names of stored files that no row names and no transaction can still be about."""
    old = {name for name, written in store.names() if written <= now - ORPHAN_AFTER}
    return sorted(old - set(session.scalars(select(Evidence.file_name))))


def sweep_orphans(session: Session, store: EvidenceStore, now: datetime) -> int:
    """Remove files that a crash left without a row; returns how many."""
    found = orphans(session, store, now)
    for name in found:
        store.remove(name)
    return len(found)


def _content(row: Evidence, store: EvidenceStore) -> bytes:
    try:
        data = store.read(row.file_name)
    except FileNotFoundError as error:
        raise _missing(row.id) from error
    if hashlib.sha256(data).hexdigest() != row.sha256:
        raise Conflict(f"evidence {row.id} is not what was stored; do not use it")
    return data


def _missing(evidence_id: str) -> NotFound:
    return NotFound(f"no evidence {evidence_id}; look it up by its dispute")


def _remove_if_rolled_back(session: Session, store: EvidenceStore, name: str) -> None:
    """Remove the file when the transaction that will name it fails. It must not fail itself: the sweep comes later anyway."""
    kept = []

    def committed(_session: Session) -> None:
        kept.append(name)

    def rolled_back(_session: Session) -> None:
        if not kept:
            store.remove(name)

    event.listen(session, "after_commit", committed, once=True)
    event.listen(session, "after_rollback", rolled_back, once=True)
