"""Queries about what buyers ask for and who decides: requests, disputes and returns (invariants 3 to 5, 12, 15, 16, 28, 30)."""

from __future__ import annotations

from recourse.audit.model import Query

ONE_REQUEST = (
    Query(
        "orders",
        "cancellation_request",
        """
        SELECT order_id, count(*) || ' open cancellation requests' FROM cancellation_request
        WHERE state = 'pending_seller' GROUP BY order_id HAVING count(*) > 1
        """,
    ),
)

ONE_DISPUTE = (
    Query(
        "order_line",
        "dispute",
        """
        SELECT line_id, count(*) || ' open disputes' FROM dispute
        WHERE state NOT IN ('resolved', 'withdrawn') GROUP BY line_id HAVING count(*) > 1
        """,
    ),
    Query(
        "dispute",
        "dispute",
        """
        SELECT dispute.id, 'is open while return ' || back.id || ' of its line is'
        FROM dispute JOIN return_line AS piece ON piece.line_id = dispute.line_id
        JOIN return_request AS back ON back.id = piece.return_id
        WHERE dispute.state NOT IN ('resolved', 'withdrawn')
            AND back.state IN ('requested', 'approved', 'in_transit', 'received')
        """,
    ),
    Query(
        "dispute",
        "dispute",
        """
        SELECT dispute.id, 'is open while cancellation request ' || request.id || ' of its line is'
        FROM dispute JOIN cancellation_request_line AS piece ON piece.line_id = dispute.line_id
        JOIN cancellation_request AS request ON request.id = piece.request_id
        WHERE dispute.state NOT IN ('resolved', 'withdrawn') AND request.state = 'pending_seller'
        """,
    ),
)

SENT_NEEDS_A_YES = (
    Query(
        "cancellation_request",
        "cancellation_request WHERE state = 'approved'",
        """
        SELECT request.id, 'was approved by ' || coalesce(request.decided_by, 'nobody') || ' for what had been sent'
        FROM cancellation_request AS request
        WHERE request.state = 'approved' AND coalesce(request.decided_by, '') NOT IN ('seller', 'platform')
            AND request.kind = 'intercept'
        """,
    ),
    Query(
        "orders",
        "orders WHERE status = 'cancelled'",
        """
        SELECT orders.id, 'is cancelled, but parcel ' || shipment.tracking || ' was sent'
        FROM orders JOIN shipment ON shipment.order_id = orders.id WHERE orders.status = 'cancelled'
        """,
    ),
    Query(
        "order_line",
        "order_line",
        """
        SELECT line.id, asked.qty || ' pieces were cancelled on request, but only ' || line.qty_cancelled || ' are'
        FROM order_line AS line
        JOIN (
            SELECT piece.line_id, sum(piece.qty) AS qty
            FROM cancellation_request_line AS piece JOIN cancellation_request AS request ON request.id = piece.request_id
            WHERE request.state = 'approved' AND request.kind <> 'intercept' GROUP BY piece.line_id
        ) AS asked ON asked.line_id = line.id
        WHERE line.qty_cancelled < asked.qty
        """,
    ),
)

PIECES = (
    Query(
        "order_line",
        "order_line",
        """
        SELECT id, qty || ' pieces: ' || qty_cancelled || ' cancelled, ' || qty_shipped || ' sent, ' || qty_returned
            || ' returned, ' || qty_refunded || ' refunded'
        FROM order_line
        WHERE qty <= 0 OR qty_cancelled < 0 OR qty_shipped < 0 OR qty_returned < 0 OR qty_refunded < 0
            OR qty_cancelled + qty_shipped > qty OR qty_returned > qty_shipped OR qty_refunded > qty
            OR qty_refunded > qty_cancelled + qty_shipped
        """,
    ),
    Query(
        "order_line",
        "order_line",
        """
        SELECT line.id, line.qty_shipped || ' pieces are sent, its parcels hold ' || coalesce(sent.qty, 0)
        FROM order_line AS line
        LEFT JOIN (SELECT line_id, sum(qty) AS qty FROM shipment_line GROUP BY line_id) AS sent ON sent.line_id = line.id
        WHERE line.qty_shipped <> coalesce(sent.qty, 0)
        """,
    ),
    Query(
        "orders",
        "orders",
        """
        SELECT orders.id, 'is ' || orders.status || ' with ' || lines.cancelled || ' pieces cancelled and ' || lines.sent
            || ' sent of ' || lines.qty
        FROM orders
        JOIN (
            SELECT order_id, sum(qty) AS qty, sum(qty_cancelled) AS cancelled, sum(qty_shipped) AS sent
            FROM order_line GROUP BY order_id
        ) AS lines ON lines.order_id = orders.id
        WHERE CASE
            WHEN orders.status IN ('awaiting_payment', 'payment_review') THEN lines.sent > 0 OR lines.cancelled > 0
            WHEN orders.status = 'to_ship' THEN lines.sent > 0 OR lines.cancelled = lines.qty
            WHEN orders.status = 'cancelled' THEN lines.cancelled <> lines.qty
            WHEN orders.status = 'partially_shipped' THEN lines.sent = 0 OR lines.sent + lines.cancelled = lines.qty
            ELSE lines.sent = 0 OR lines.sent + lines.cancelled <> lines.qty
        END
        """,
    ),
    Query(
        "shipment",
        "shipment",
        """
        SELECT shipment.id, 'of order ' || shipment.order_id || ' holds a line of order ' || line.order_id
        FROM shipment JOIN shipment_line AS piece ON piece.shipment_id = shipment.id
        JOIN order_line AS line ON line.id = piece.line_id WHERE line.order_id <> shipment.order_id
        """,
    ),
)

QUOTED = (
    Query(
        "cancellation_request",
        "cancellation_request WHERE quote_id IS NOT NULL",
        """
        SELECT request.id, 'was asked at ' || CAST(request.requested_at AS TEXT) || ' on quote ' || quote.id || ' of order '
            || quote.order_id || ' and buyer ' || quote.customer_id || ', made ' || CAST(quote.created_at AS TEXT)
            || ', good until ' || CAST(quote.expires_at AS TEXT)
        FROM cancellation_request AS request JOIN quote ON quote.id = request.quote_id
        WHERE quote.order_id <> request.order_id OR quote.customer_id <> request.customer_id
            OR request.requested_at < quote.created_at OR request.requested_at >= quote.expires_at
        """,
    ),
    Query(
        "quote",
        "quote",
        """
        SELECT quote.id, 'was made for version ' || quote.order_version || ' of an order in version ' || orders.version
        FROM quote JOIN orders ON orders.id = quote.order_id
        WHERE quote.order_version > orders.version OR quote.customer_id <> orders.customer_id
        """,
    ),
)

DEADLINES_STAND = (
    Query(
        "cancellation_request",
        "cancellation_request WHERE respond_by IS NOT NULL",
        """
        SELECT request.id, 'gives the seller ' || (epoch(request.respond_by) - epoch(request.requested_at))
            || ' seconds, the policy of its order ' || (orders.policy_snapshot ->> 'response_hours') || ' hours'
        FROM cancellation_request AS request JOIN orders ON orders.id = request.order_id
        WHERE epoch(request.respond_by) - epoch(request.requested_at)
            <> 3600 * CAST(coalesce(orders.policy_snapshot ->> 'response_hours', '24') AS INTEGER)
        """,
    ),
    Query(
        "cancellation_request",
        "cancellation_request",
        """
        SELECT id, kind || ' with ' || CASE WHEN respond_by IS NULL THEN 'no' ELSE 'a' END || ' deadline'
        FROM cancellation_request WHERE (kind = 'instant') <> (respond_by IS NULL)
        """,
    ),
    Query(
        "dispute",
        "dispute",
        """
        SELECT dispute.id, 'gives the seller ' || (epoch(dispute.respond_by) - epoch(dispute.opened_at))
            || ' seconds, the policy of its order '
            || coalesce(orders.policy_snapshot ->> 'dispute_response_days', '5') || ' days'
        FROM dispute JOIN orders ON orders.id = dispute.order_id
        WHERE epoch(dispute.respond_by) - epoch(dispute.opened_at)
            <> 86400 * CAST(coalesce(orders.policy_snapshot ->> 'dispute_response_days', '5') AS INTEGER)
        """,
    ),
    Query(
        "dispute",
        "dispute WHERE negotiate_by IS NOT NULL",
        """
        SELECT dispute.id, 'negotiates for ' || (epoch(dispute.negotiate_by) - epoch(log.at))
            || ' seconds, the policy of its order says '
            || coalesce(orders.policy_snapshot ->> 'negotiation_days', '7') || ' days'
        FROM dispute JOIN orders ON orders.id = dispute.order_id
        JOIN transition_log AS log ON log.entity_type = 'dispute' AND log.entity_id = dispute.id
            AND log.from_state = 'awaiting_seller' AND log.to_state = 'negotiating'
        WHERE dispute.negotiate_by IS NOT NULL AND epoch(dispute.negotiate_by) - epoch(log.at)
            <> 86400 * CAST(coalesce(orders.policy_snapshot ->> 'negotiation_days', '7') AS INTEGER)
        """,
    ),
    Query(
        "return_request",
        "return_request WHERE respond_by IS NOT NULL",
        """
        SELECT back.id, 'gives the seller ' || (epoch(back.respond_by) - epoch(back.requested_at))
            || ' seconds, the policy of its order ' || (orders.policy_snapshot ->> 'response_hours') || ' hours'
        FROM return_request AS back JOIN orders ON orders.id = back.order_id
        WHERE epoch(back.respond_by) - epoch(back.requested_at)
            <> 3600 * CAST(coalesce(orders.policy_snapshot ->> 'response_hours', '24') AS INTEGER)
        """,
    ),
)

ONE_DECIDES = (
    Query(
        "cancellation_request",
        "cancellation_request",
        """
        SELECT id, state || ', decided by ' || coalesce(decided_by, 'nobody') || ' at '
            || coalesce(CAST(decided_at AS TEXT), 'no time') || ', deadline '
            || coalesce(CAST(respond_by AS TEXT), 'none')
        FROM cancellation_request
        WHERE (state = 'pending_seller') <> (decided_at IS NULL)
            OR (decided_by IS NULL) <> (decided_at IS NULL)
            OR (decided_by = 'system_instant') <> (respond_by IS NULL)
            OR (decided_by = 'seller' AND decided_at >= respond_by)
            OR (decided_by = 'system_timeout' AND decided_at < respond_by)
            OR (state = 'expired' AND decided_by <> 'system_timeout')
        """,
    ),
    Query(
        "cancellation_request",
        "cancellation_request WHERE escalated_at IS NOT NULL",
        """
        SELECT request.id, 'went to the platform at ' || CAST(request.escalated_at AS TEXT) || ', deadline '
            || CAST(request.respond_by AS TEXT) || ', and silence means '
            || coalesce(orders.policy_snapshot ->> 'on_silence', 'approve')
        FROM cancellation_request AS request JOIN orders ON orders.id = request.order_id
        WHERE request.escalated_at IS NOT NULL
            AND (request.escalated_at < request.respond_by
                OR coalesce(orders.policy_snapshot ->> 'on_silence', 'approve') <> 'escalate'
                OR request.decided_by IN ('seller', 'system_timeout'))
        """,
    ),
    Query(
        "cancellation_request",
        "cancellation_request WHERE decided_by = 'system_timeout'",
        """
        SELECT request.id, 'is ' || request.state || ' by silence, which means '
            || coalesce(orders.policy_snapshot ->> 'on_silence', 'approve')
        FROM cancellation_request AS request JOIN orders ON orders.id = request.order_id
        WHERE request.decided_by = 'system_timeout' AND request.state = 'approved'
            AND coalesce(orders.policy_snapshot ->> 'on_silence', 'approve') <> 'approve'
        """,
    ),
    Query(
        "dispute",
        "transition_log WHERE entity_type = 'dispute' AND from_state = 'awaiting_seller'",
        """
        SELECT dispute.id, 'was answered by the ' || log.actor_type || ' at ' || CAST(log.at AS TEXT) || ', deadline '
            || CAST(dispute.respond_by AS TEXT)
        FROM dispute JOIN transition_log AS log ON log.entity_type = 'dispute' AND log.entity_id = dispute.id
            AND log.from_state = 'awaiting_seller'
        WHERE (log.actor_type = 'seller' AND log.at >= dispute.respond_by)
            OR (log.actor_type = 'timer' AND log.at < dispute.respond_by)
        """,
    ),
    Query(
        "return_request",
        "transition_log WHERE entity_type = 'return_request' AND from_state = 'requested'",
        """
        SELECT back.id, 'was answered by the ' || log.actor_type || ' at ' || CAST(log.at AS TEXT) || ', deadline '
            || CAST(back.respond_by AS TEXT)
        FROM return_request AS back JOIN transition_log AS log
            ON log.entity_type = 'return_request' AND log.entity_id = back.id AND log.from_state = 'requested'
        WHERE (log.actor_type = 'seller' AND log.at >= back.respond_by)
            OR (log.actor_type = 'timer' AND log.at < back.respond_by)
        """,
    ),
    Query(
        "seller_offer",
        "seller_offer",
        """
        SELECT id, state || ' at ' || CAST(decided_at AS TEXT) || ', good until ' || CAST(expires_at AS TEXT)
        FROM seller_offer
        WHERE (state IN ('accepted', 'declined') AND decided_at >= expires_at)
            OR (state = 'expired' AND decided_at < expires_at)
        """,
    ),
)

IN_TIME = (
    Query(
        "withdrawal",
        "withdrawal",
        """
        SELECT id, 'was declared at ' || CAST(declared_at AS TEXT) || ', deadline ' || coalesce(CAST(deadline AS TEXT), 'none')
            || CASE WHEN within THEN ', taken as in time' ELSE ', taken as late' END
        FROM withdrawal WHERE within <> coalesce(declared_at < deadline, TRUE)
        """,
    ),
    Query(
        "return_request",
        "return_request WHERE kind = 'withdrawal'",
        """
        SELECT back.id, 'is a withdrawal without a declaration that was in time'
        FROM return_request AS back LEFT JOIN withdrawal ON withdrawal.return_id = back.id AND withdrawal.within
        WHERE back.kind = 'withdrawal' AND withdrawal.id IS NULL
        """,
    ),
)

OWNED = (
    Query(
        "orders",
        "orders",
        """
        SELECT id, CASE WHEN frozen THEN 'is frozen without a reason' ELSE 'has a reason to be frozen but is not' END
        FROM orders WHERE frozen <> (frozen_reason IS NOT NULL)
        """,
    ),
    Query(
        "orders",
        "orders",
        """
        SELECT orders.id, 'has the issue ' || coalesce(orders.issue, 'none') || ', but open are ' || held.disputes
            || ' disputes, ' || held.returns || ' returns and ' || held.chargebacks || ' chargebacks'
        FROM orders JOIN (
            SELECT order_id, sum(disputes) AS disputes, sum(returns) AS returns, sum(chargebacks) AS chargebacks
            FROM (
                SELECT id AS order_id, 0 AS disputes, 0 AS returns, 0 AS chargebacks FROM orders WHERE issue IS NOT NULL
                UNION ALL
                SELECT order_id, 1, 0, 0 FROM dispute WHERE state NOT IN ('resolved', 'withdrawn')
                UNION ALL
                SELECT order_id, 0, 1, 0 FROM return_request
                WHERE state IN ('requested', 'approved', 'in_transit', 'received')
                UNION ALL
                SELECT alloc.order_id, 0, 0, 1
                FROM chargeback JOIN payment_alloc AS alloc ON alloc.payment_id = chargeback.payment_id
                WHERE chargeback.state NOT IN ('won', 'lost')
            ) AS each GROUP BY order_id
        ) AS held ON held.order_id = orders.id
        WHERE coalesce(orders.issue, '') <> CASE
            WHEN held.chargebacks > 0 THEN 'chargeback' WHEN held.disputes > 0 THEN 'dispute'
            WHEN held.returns > 0 THEN 'return' ELSE '' END
        """,
    ),
    Query(
        "cancellation_request",
        "cancellation_request WHERE state = 'pending_seller'",
        """
        SELECT request.id, 'is open on an order that is ' || orders.status
        FROM cancellation_request AS request JOIN orders ON orders.id = request.order_id
        WHERE request.state = 'pending_seller' AND orders.status NOT IN ('to_ship', 'partially_shipped', 'shipped')
        """,
    ),
)
