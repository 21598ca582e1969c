"""Which rows of the outbox still wait."""

from __future__ import annotations

from sqlalchemy import and_, or_

from recourse.core.outbox import Outbox

NO_PROVIDER = "no payment provider is set up"
"""How the reason begins for which a worker without a provider puts a row off."""

OPEN = and_(Outbox.done_at.is_(None), Outbox.dead_at.is_(None))
UNTRIED = or_(Outbox.last_error.is_(None), Outbox.last_error.startswith(NO_PROVIDER))
"""Never tried in earnest: a worker that has the row at this moment, or has put it off, has not."""
