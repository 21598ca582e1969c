"""The one place that knows every table: importing it fills ``metadata`` with the models of all capabilities.

A capability with a new ``models.py`` is added to this list and nowhere else.
"""

from __future__ import annotations

from recourse.cancellations import models as _cancellations  # noqa: F401
from recourse.conversations import models as _conversations  # noqa: F401
from recourse.core import idempotency as _idempotency  # noqa: F401
from recourse.core import outbox as _outbox  # noqa: F401
from recourse.core import transitions as _transitions  # noqa: F401
from recourse.core.db import Base
from recourse.customers import models as _customers  # noqa: F401
from recourse.handoff import models as _handoff  # noqa: F401
from recourse.orders import models as _orders  # noqa: F401
from recourse.refunds import models as _refunds  # noqa: F401
from recourse.sellers import models as _sellers  # noqa: F401

metadata = Base.metadata
"""Every table of the order store, by name in ``metadata.tables``; ``metadata.sorted_tables`` has parents first."""
