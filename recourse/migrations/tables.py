"""The one place that knows every table: importing it fills ``metadata`` with the models of all capabilities.

A capability with a new ``models.py`` is added to this list and nowhere else.
"""

from __future__ import annotations

from typing import Any

from sqlalchemy import Column

from recourse.cancellations import models as _cancellations  # noqa: F401
from recourse.conversations import models as _conversations  # noqa: F401
from recourse.core import idempotency as _idempotency  # noqa: F401
from recourse.core import inbox as _inbox  # noqa: F401
from recourse.core import outbox as _outbox  # noqa: F401
from recourse.core import transitions as _transitions  # noqa: F401
from recourse.core.db import Base
from recourse.customers import models as _customers  # noqa: F401
from recourse.disputes import models as _disputes  # noqa: F401
from recourse.handoff import models as _handoff  # noqa: F401
from recourse.messages import models as _messages  # noqa: F401
from recourse.orders import models as _orders  # noqa: F401
from recourse.payments import models as _payments  # noqa: F401
from recourse.privacy import models as _privacy  # noqa: F401
from recourse.refunds import models as _refunds  # noqa: F401
from recourse.returns import models as _returns  # noqa: F401
from recourse.sellers import models as _sellers  # noqa: F401
from recourse.watches import models as _watches  # noqa: F401

metadata = Base.metadata
"""Every table of the order store, by name in ``metadata.tables``; ``metadata.sorted_tables`` has parents first."""

_ORDERED = {
    index.name for table in metadata.tables.values() for index in table.indexes
    if not all(isinstance(part, Column) for part in index.expressions)
}  # fmt: skip
"""Indexes with a descending column."""


def comparable(_item: Any, name: str | None, kind: str, _reflected: bool, _other: Any) -> bool:
    """Can Alembic compare it with what the database has? Not an index with a descending column, of which SQLite tells only the
    names; that such an index is there, the tests read in the database's own catalogue."""
    return not (kind == "index" and name in _ORDERED)
