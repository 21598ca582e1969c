"""Use cases of returns and statutory withdrawals: what other capabilities may call.

Nothing here commits; ``now`` is aware UTC.
"""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime

from sqlalchemy.orm import Session

from recourse.returns import handling, views, withdrawals
from recourse.returns.handling import can_return as can_return
from recourse.returns.handling import cancel as cancel
from recourse.returns.handling import carrier_received as carrier_received
from recourse.returns.handling import preview as preview
from recourse.returns.handling import request_return as request_return
from recourse.returns.handling import seller_approves as seller_approves
from recourse.returns.handling import seller_declines as seller_declines
from recourse.returns.handling import seller_received as seller_received
from recourse.returns.handling import send_back as send_back
from recourse.returns.views import ReturnView, WithdrawalView
from recourse.returns.views import get as get
from recourse.returns.views import get_own as get_own
from recourse.returns.views import of_order as of_order
from recourse.returns.views import of_seller as of_seller
from recourse.returns.views import open_of as open_of
from recourse.returns.views import open_pieces as open_pieces
from recourse.returns.views import withdrawal as withdrawal
from recourse.returns.views import withdrawals_of as withdrawals_of
from recourse.returns.withdrawals import declare_withdrawal as declare_withdrawal
from recourse.returns.withdrawals import right_of as right_of


def due(session: Session, now: datetime, limit: int = 100) -> Sequence[str]:
    """Ids of returns whose deadline is over and of declarations that waited and can go on, the longest overdue first."""
    first = handling.due(session, now, limit)
    return [*first, *withdrawals.due(session, limit - len(first))]


def settle(session: Session, id_: str, now: datetime) -> ReturnView | WithdrawalView | None:
    """Let the timer decide what ``due`` named; None when there is nothing to do any more. Twice changes nothing."""
    if views.is_withdrawal(session, id_):
        return withdrawals.settle(session, id_, now)
    return handling.settle(session, id_, now)
