"""Events as a payment provider signs them."""

from __future__ import annotations

import itertools
import json
from datetime import UTC, datetime
from typing import Any

from standardwebhooks import Webhook

from recourse.core.settings import DEMO_WEBHOOK_SECRET

OTHER_SECRET = "whsec_YW5vdGhlci1zZWNyZXQtdGhhdC1zaWducy1ldmVudHMtdG9v"
_count = itertools.count()


def event(type_: str, at: datetime, **data: Any) -> bytes:
    """The body of an event."""
    return json.dumps({"type": type_, "occurred_at": at.isoformat(), "data": data}).encode()


def headers(
    body: bytes, secret: str = DEMO_WEBHOOK_SECRET, event_id: str | None = None, at: datetime | None = None
) -> dict[str, str]:
    """Headers that sign ``body``, now or at another time."""
    event_id, at = event_id or f"evt-{next(_count)}", at or datetime.now(UTC)
    return {
        "webhook-id": event_id,
        "webhook-timestamp": str(int(at.timestamp())),
        "webhook-signature": Webhook(secret).sign(event_id, at, body.decode()),
    }
