"""Queries about whose data it is and what people are told (invariants 11, 21, 23, 24 and 27)."""

from __future__ import annotations

from collections.abc import Mapping

from recourse.audit.model import Query
from recourse.core.personal import DELETED

REPEATED = (
    Query(
        "idempotency_key",
        "idempotency_key",
        """
        SELECT min(key), count(*) || ' answers for one key of operation ' || operation
        FROM idempotency_key GROUP BY key, operation HAVING count(*) > 1
        """,
    ),
)

_OF_AN_ORDER = (
    "cancellation_request", "quote", "dispute", "return_request", "withdrawal", "seller_message", "order_term",
)  # fmt: skip
_IDS = {"order_term": "order_id"}


def _same_buyer(table: str) -> Query:
    return Query(
        table,
        table,
        f"""
        SELECT entity.{_IDS.get(table, "id")}, 'belongs to buyer ' || entity.customer_id || ', its order to '
            || orders.customer_id
        FROM {table} AS entity JOIN orders ON orders.id = entity.order_id
        WHERE entity.customer_id <> orders.customer_id
        """,  # noqa: S608
    )


OWN_ROWS = (
    *(_same_buyer(table) for table in _OF_AN_ORDER),
    Query(
        "evidence",
        "evidence",
        """
        SELECT evidence.id, 'belongs to buyer ' || evidence.customer_id || ', its dispute to ' || dispute.customer_id
        FROM evidence JOIN dispute ON dispute.id = evidence.dispute_id
        WHERE evidence.customer_id <> dispute.customer_id
        """,
    ),
    Query(
        "handoff",
        "handoff",
        """
        SELECT handoff.id, 'belongs to buyer ' || handoff.customer_id || ', its conversation to '
            || conversation.customer_id
        FROM handoff JOIN conversation ON conversation.id = handoff.conversation_id
        WHERE handoff.customer_id <> conversation.customer_id
        """,
    ),
    Query(
        "order_line",
        "cancellation_request_line",
        """
        SELECT line.id, 'is of order ' || line.order_id || ', request ' || request.id || ' of order ' || request.order_id
        FROM cancellation_request_line AS piece JOIN cancellation_request AS request ON request.id = piece.request_id
        JOIN order_line AS line ON line.id = piece.line_id WHERE line.order_id <> request.order_id
        """,
    ),
    Query(
        "order_line",
        "refund_line",
        """
        SELECT line.id, 'is of order ' || line.order_id || ', refund ' || refund.id || ' of order ' || refund.order_id
        FROM refund_line AS piece JOIN refund ON refund.id = piece.refund_id
        JOIN order_line AS line ON line.id = piece.line_id WHERE line.order_id <> refund.order_id
        """,
    ),
)

NOTICES: Mapping[str, str] = {
    "request_approved": "cancellation_request WHERE state = 'approved' AND decided_by <> 'system_instant'",
    "request_rejected": "cancellation_request WHERE state = 'rejected'",
    "request_expired": "cancellation_request WHERE state = 'expired'",
    "request_superseded": "cancellation_request WHERE state = 'superseded'",
    "request_escalated": "cancellation_request WHERE escalated_at IS NOT NULL",
    "refund_arrived": "refund_leg WHERE state = 'succeeded' AND submitted_at IS NOT NULL",
    "refund_failed": "refund_leg WHERE state = 'failed' AND submitted_at IS NOT NULL",
    "return_declined": "return_request WHERE state = 'declined'",
    "return_expired": "return_request WHERE state = 'expired'",
    "return_refunded": "return_request WHERE state = 'refunded'",
    "seller_wrote": "seller_message WHERE author = 'seller'",
    "seller_asks": "required_action",
    "seller_offers": "seller_offer",
    "offer_expired": "seller_offer WHERE state = 'expired' AND order_id NOT IN "
    "(SELECT id FROM orders WHERE status IN ('cancelled', 'closed'))",
    "back_in_stock": "stock_watch WHERE state = 'notified'",
    "order_cancelled_by_seller": "orders WHERE close_reason = 'seller_cancelled' AND id NOT IN "
    "(SELECT entity_id FROM transition_log WHERE entity_type = 'orders' AND reason = 'brought in')",
}
"""Kind of notice -> the rows that need one: what a buyer waits for, or must know."""


def _told(kind: str, rows: str) -> Query:
    table, _, condition = rows.partition(" WHERE ")
    return Query(
        table,
        rows,
        f"""
        SELECT entity.id, 'the buyer was not told: {kind}'
        FROM (SELECT id FROM {table} {f"WHERE {condition}" if condition else ""}) AS entity
        LEFT JOIN outbox ON outbox.dedupe_key = '{kind}:' || entity.id
        WHERE outbox.id IS NULL
        """,  # noqa: S608
    )


TOLD = (
    *(_told(kind, rows) for kind, rows in NOTICES.items()),
    Query(
        "refund_leg",
        "refund_leg WHERE state = 'created'",
        """
        SELECT leg.id, 'waits to be sent, but the outbox has no message for it'
        FROM refund_leg AS leg LEFT JOIN outbox ON outbox.dedupe_key = 'refund_leg:' || leg.id
        WHERE leg.state = 'created' AND outbox.id IS NULL
        """,
    ),
    Query(
        "outbox",
        "outbox",
        """
        SELECT id, 'is both delivered and given up' FROM outbox WHERE done_at IS NOT NULL AND dead_at IS NOT NULL
        """,
    ),
    Query(
        "outbox",
        "outbox",
        """
        SELECT min(id), count(*) || ' messages with the key ' || dedupe_key
        FROM outbox GROUP BY dedupe_key HAVING count(*) > 1
        """,
    ),
)

EVENTS_ONCE = (
    Query(
        "inbox",
        "inbox",
        """
        SELECT min(event_id), count(*) || ' times from ' || source
        FROM inbox GROUP BY source, event_id HAVING count(*) > 1
        """,
    ),
    Query(
        "shipment",
        "shipment",
        """
        SELECT id, 'is ' || state || CASE WHEN delivered_at IS NULL THEN ' but not' ELSE ' but' END || ' delivered'
        FROM shipment WHERE (state = 'delivered') <> (delivered_at IS NOT NULL)
        """,
    ),
    Query(
        "refund_leg",
        "transition_log WHERE entity_type = 'refund_leg'",
        """
        SELECT entity_id, 'became ' || to_state || ' ' || count(*) || ' times' FROM transition_log
        WHERE entity_type = 'refund_leg' AND to_state IN ('succeeded', 'failed', 'reversed', 'cancelled')
        GROUP BY entity_id, to_state HAVING count(*) > 1
        """,
    ),
)


def _left_over(table: str, condition: str) -> Query:
    return Query(
        table,
        f"{table} AS entity JOIN customer ON customer.id = entity.customer_id WHERE customer.status = 'erased'",
        f"""
        SELECT entity.id, 'of the erased buyer ' || customer.id || ' still says what was written'
        FROM {table} AS entity JOIN customer ON customer.id = entity.customer_id
        WHERE customer.status = 'erased' AND ({condition})
        """,  # noqa: S608
    )


FORGOTTEN = (
    Query(
        "customer",
        "customer WHERE status = 'erased'",
        """
        SELECT id, 'is erased, but has the name ' || display_name FROM customer
        WHERE status = 'erased' AND (display_name <> 'deleted' OR anonymised_at IS NULL)
        """,
    ),
    _left_over("seller_message", f"entity.text <> '{DELETED}'"),
    _left_over("cancellation_request", f"entity.reason_note IS NOT NULL OR entity.reject_reason <> '{DELETED}'"),
    _left_over("dispute", "entity.description IS NOT NULL"),
    _left_over("return_request", "entity.reason_note IS NOT NULL OR entity.instructions IS NOT NULL"),
    _left_over("evidence", "entity.id IS NOT NULL"),
    Query(
        "message",
        "message JOIN conversation ON conversation.id = message.conversation_id "
        "JOIN customer ON customer.id = conversation.customer_id WHERE customer.status = 'erased'",
        f"""
        SELECT message.id, 'of the erased buyer ' || customer.id || ' still says what was written'
        FROM message JOIN conversation ON conversation.id = message.conversation_id
        JOIN customer ON customer.id = conversation.customer_id
        WHERE customer.status = 'erased' AND message.text NOT IN ('', '{DELETED}')
        """,  # noqa: S608
    ),
)
