"""Queries about money: payments, refunds, coupons and the wallet (invariants 1, 2, 9, 10, 13, 14, 17 to 20, 22 and 29)."""

from __future__ import annotations

from recourse.audit.model import Query

GIVEN_BACK = (
    Query(
        "payment",
        "payment",
        """
        SELECT payment.id, 'gives back ' || legs.live || ' of ' || payment.captured || ' captured'
        FROM payment
        JOIN (
            SELECT payment_id, sum(amount) AS live FROM refund_leg
            WHERE state NOT IN ('failed', 'cancelled', 'reversed') GROUP BY payment_id
        ) AS legs ON legs.payment_id = payment.id
        WHERE legs.live > payment.captured
        """,
    ),
    Query(
        "payment_alloc",
        "payment_alloc",
        """
        SELECT alloc.payment_id, 'order ' || alloc.order_id || ' counts ' || alloc.refunded || ' as given back, its legs '
            || coalesce(legs.promised, 0)
        FROM payment_alloc AS alloc
        LEFT JOIN (
            SELECT refund.order_id, leg.payment_id, sum(leg.amount) AS promised
            FROM refund_leg AS leg JOIN refund ON refund.id = leg.refund_id
            WHERE leg.replaces_leg_id IS NULL GROUP BY refund.order_id, leg.payment_id
        ) AS legs ON legs.order_id = alloc.order_id AND legs.payment_id = alloc.payment_id
        WHERE alloc.refunded <> coalesce(legs.promised, 0)
        """,
    ),
    Query(
        "refund_leg",
        "refund_leg",
        """
        SELECT leg.id, 'goes to payment ' || leg.payment_id || ', which did not pay for order ' || refund.order_id
        FROM refund_leg AS leg JOIN refund ON refund.id = leg.refund_id
        LEFT JOIN payment_alloc AS alloc ON alloc.payment_id = leg.payment_id AND alloc.order_id = refund.order_id
        WHERE alloc.payment_id IS NULL
        """,
    ),
)

ALLOCATED = (
    Query(
        "payment",
        "payment",
        """
        SELECT payment.id, payment.status || ': authorised ' || payment.authorised || ', captured ' || payment.captured
            || ', voided ' || payment.voided || ', allocated ' || coalesce(allocs.amount, 0) || ' of which voided '
            || coalesce(allocs.voided, 0)
        FROM payment
        LEFT JOIN (
            SELECT payment_id, sum(amount) AS amount, sum(CASE WHEN voided THEN amount ELSE 0 END) AS voided
            FROM payment_alloc GROUP BY payment_id
        ) AS allocs ON allocs.payment_id = payment.id
        WHERE coalesce(allocs.amount, 0) <> payment.authorised
            OR coalesce(allocs.voided, 0) <> payment.voided
            OR payment.captured <> CASE payment.status WHEN 'captured' THEN payment.authorised - payment.voided ELSE 0 END
        """,
    ),
    Query(
        "orders",
        "orders",
        """
        SELECT orders.id, 'gross ' || orders.gross || ', discount ' || orders.discount || ', shipping ' || orders.shipping
            || ', tax ' || orders.tax || ', paid ' || orders.total_paid || '; its lines say ' || coalesce(lines.gross, 0)
            || ', ' || coalesce(lines.discount, 0) || ', ' || coalesce(lines.shipping, 0) || ', '
            || coalesce(lines.tax, 0) || ', ' || coalesce(lines.paid, 0)
        FROM orders
        LEFT JOIN (
            SELECT order_id, sum(unit_price * qty) AS gross, sum(coupon_alloc) AS discount,
                sum(shipping_alloc) AS shipping, sum(tax_alloc) AS tax, sum(paid_alloc) AS paid
            FROM order_line GROUP BY order_id
        ) AS lines ON lines.order_id = orders.id
        WHERE coalesce(lines.gross, 0) <> orders.gross OR lines.discount <> orders.discount
            OR lines.shipping <> orders.shipping OR lines.tax <> orders.tax OR lines.paid <> orders.total_paid
            OR (orders.total_paid > 0
                AND orders.total_paid <> orders.gross - orders.discount + orders.shipping + orders.tax)
        """,
    ),
    Query(
        "orders",
        "orders WHERE paid_at IS NOT NULL",
        """
        SELECT orders.id, 'paid ' || orders.total_paid || ', its payments cover ' || coalesce(tenders.amount, 0)
        FROM orders
        LEFT JOIN (
            SELECT alloc.order_id, sum(alloc.amount) AS amount
            FROM payment_alloc AS alloc JOIN payment ON payment.id = alloc.payment_id
            WHERE payment.status <> 'failed' GROUP BY alloc.order_id
        ) AS tenders ON tenders.order_id = orders.id
        WHERE orders.paid_at IS NOT NULL AND coalesce(tenders.amount, 0) <> orders.total_paid
        """,
    ),
)

APPROVED_IS_REFUNDED = (
    Query(
        "cancellation_request",
        "cancellation_request WHERE state = 'approved'",
        """
        SELECT request.id, 'is approved, money was taken for its pieces, but there is no refund'
        FROM cancellation_request AS request
        LEFT JOIN refund ON refund.cause_type = 'cancellation' AND refund.cause_id = request.id
        WHERE request.state = 'approved' AND refund.id IS NULL
            AND EXISTS (
                SELECT 1 FROM payment_alloc AS alloc JOIN payment ON payment.id = alloc.payment_id
                WHERE alloc.order_id = request.order_id AND payment.captured > 0 AND NOT alloc.voided
                    AND alloc.refunded < alloc.amount
            )
            AND EXISTS (
                SELECT 1 FROM cancellation_request_line AS piece JOIN order_line AS line ON line.id = piece.line_id
                WHERE piece.request_id = request.id AND line.refunded < line.paid_alloc
            )
        """,
    ),
    Query(
        "refund",
        "refund WHERE cause_type = 'cancellation'",
        """
        SELECT refund.id, 'is for cancellation request ' || refund.cause_id || ', which is '
            || coalesce(request.state, 'not there')
        FROM refund LEFT JOIN cancellation_request AS request ON request.id = refund.cause_id
        WHERE refund.cause_type = 'cancellation'
            AND (request.id IS NULL OR request.state <> 'approved' OR request.order_id <> refund.order_id)
        """,
    ),
    Query(
        "refund",
        "refund",
        """
        SELECT min(id), count(*) || ' refunds for ' || cause_type || ' ' || cause_id
        FROM refund GROUP BY cause_type, cause_id HAVING count(*) > 1
        """,
    ),
)

ADDS_UP = (
    Query(
        "refund",
        "refund",
        """
        SELECT refund.id, 'pays ' || refund.legs_total || ' and keeps ' || refund.fee || ' of ' || refund.paid_part
            || '; its lines are worth ' || coalesce(lines.paid, 0) || ', its legs ' || coalesce(legs.amount, 0)
        FROM refund
        LEFT JOIN (SELECT refund_id, sum(paid) AS paid FROM refund_line GROUP BY refund_id) AS lines
            ON lines.refund_id = refund.id
        LEFT JOIN (
            SELECT refund_id, sum(amount) AS amount FROM refund_leg WHERE replaces_leg_id IS NULL GROUP BY refund_id
        ) AS legs ON legs.refund_id = refund.id
        WHERE refund.legs_total + refund.fee <> refund.paid_part OR coalesce(lines.paid, 0) <> refund.paid_part
            OR coalesce(legs.amount, 0) <> refund.legs_total
        """,
    ),
    Query(
        "refund",
        "refund",
        """
        SELECT refund.id, 'credits ' || refund.coupon_credit || ' of ' || refund.coupon_part || ' in coupons; its lines say '
            || coalesce(lines.coupon, 0)
        FROM refund
        LEFT JOIN (SELECT refund_id, sum(coupon) AS coupon FROM refund_line GROUP BY refund_id) AS lines
            ON lines.refund_id = refund.id
        WHERE coalesce(lines.coupon, 0) <> refund.coupon_part OR refund.coupon_credit > refund.coupon_part
            OR (refund.coupon_credit NOT IN (0, refund.coupon_part) AND NOT EXISTS (
                SELECT 1 FROM coupon_use AS coupon WHERE coupon.order_id = refund.order_id AND coupon.kind = 'coins'
            ))
        """,
    ),
    Query(
        "order_line",
        "order_line",
        """
        SELECT line.id, 'counts ' || line.qty_refunded || ' pieces, ' || line.refunded || ' cash and '
            || line.coupon_returned || ' coupon value as refunded; its refunds say ' || coalesce(paid.qty, 0) || ', '
            || coalesce(paid.paid, 0) || ' and ' || coalesce(paid.coupon, 0)
        FROM order_line AS line
        LEFT JOIN (
            SELECT line_id, sum(qty) AS qty, sum(paid) AS paid, sum(coupon) AS coupon FROM refund_line GROUP BY line_id
        ) AS paid ON paid.line_id = line.id
        WHERE line.qty_refunded < coalesce(paid.qty, 0) OR line.refunded < coalesce(paid.paid, 0)
            OR line.coupon_returned < coalesce(paid.coupon, 0)
        """,
    ),
    Query(
        "orders",
        "orders",
        """
        SELECT lines.order_id, 'its lines count ' || lines.refunded || ' as refunded, its refunds '
            || coalesce(refunds.paid, 0)
        FROM (SELECT order_id, sum(refunded) AS refunded FROM order_line GROUP BY order_id) AS lines
        LEFT JOIN (
            SELECT order_id, sum(paid_part + shipping_kept) AS paid FROM refund GROUP BY order_id
        ) AS refunds ON refunds.order_id = lines.order_id
        WHERE lines.refunded <> coalesce(refunds.paid, 0)
        """,
    ),
)

FEE_ONLY_INTERCEPT = (
    Query(
        "refund",
        "refund",
        """
        SELECT refund.id, 'keeps a fee of ' || refund.fee || ' for a ' || refund.cause_type || ' '
            || coalesce(request.kind || ' by the fault of the ' || request.fault, '')
        FROM refund LEFT JOIN cancellation_request AS request
            ON refund.cause_type = 'cancellation' AND request.id = refund.cause_id
        WHERE refund.fee > 0
            AND (request.id IS NULL OR request.kind <> 'intercept' OR request.fault <> 'buyer')
            AND NOT (refund.cause_type = 'shop'
                AND EXISTS (SELECT 1 FROM shipment WHERE shipment.order_id = refund.order_id))
        """,
    ),
)

FEE_IN_SNAPSHOT = (
    Query(
        "refund",
        "refund",
        """
        SELECT refund.id, 'keeps a fee of ' || refund.fee || ', but the policy of its order says '
            || coalesce(orders.policy_snapshot ->> 'fee_kind', 'none') || ' '
            || coalesce(orders.policy_snapshot ->> 'fee_value', '0') || ', cap '
            || coalesce(orders.policy_snapshot ->> 'fee_cap', 'none') || ', clause '
            || CASE WHEN coalesce(orders.policy_snapshot ->> 'clause', '') = '' THEN 'missing' ELSE 'there' END
        FROM refund JOIN orders ON orders.id = refund.order_id
        WHERE refund.fee > 0 AND (
            coalesce(orders.policy_snapshot ->> 'fee_kind', 'none') = 'none'
            OR coalesce(orders.policy_snapshot ->> 'clause', '') = ''
            OR refund.fee > CAST(orders.policy_snapshot ->> 'fee_cap' AS BIGINT)
            OR (orders.policy_snapshot ->> 'fee_kind' = 'fixed'
                AND refund.fee > CAST(orders.policy_snapshot ->> 'fee_value' AS BIGINT))
        )
        """,
    ),
)

SAME_INSTRUMENT = (
    Query(
        "refund_leg",
        "refund_leg",
        """
        SELECT leg.id, 'goes to ' || leg.method || ' ' || leg.instrument || ', paid was with ' || payment.method || ' '
            || payment.instrument || CASE WHEN leg.replaces_leg_id IS NULL THEN '' ELSE ', and it replaces a leg that is '
            || coalesce(before.state, 'not there') END
        FROM refund_leg AS leg JOIN payment ON payment.id = leg.payment_id
        LEFT JOIN refund_leg AS before ON before.id = leg.replaces_leg_id
        WHERE (leg.replaces_leg_id IS NULL
                AND (leg.method <> payment.method OR leg.instrument NOT IN (payment.instrument, payment.method)))
            OR (leg.replaces_leg_id IS NOT NULL
                AND (before.id IS NULL OR before.state NOT IN ('failed', 'cancelled', 'reversed')))
        """,
    ),
    Query(
        "refund_leg",
        "refund_leg WHERE replaces_leg_id IS NOT NULL",
        """
        SELECT leg.id, 'replaces leg ' || before.id || ' of another refund, tender or amount'
        FROM refund_leg AS leg JOIN refund_leg AS before ON before.id = leg.replaces_leg_id
        WHERE leg.refund_id <> before.refund_id OR leg.payment_id <> before.payment_id OR leg.amount <> before.amount
            OR leg.attempt <> before.attempt + 1
        """,
    ),
)

CHARGED_BACK = (
    Query(
        "refund_leg",
        "refund_leg",
        """
        SELECT leg.id, 'was made while chargeback ' || chargeback.id || ' of its payment was open'
        FROM chargeback JOIN refund_leg AS leg ON leg.payment_id = chargeback.payment_id
        JOIN transition_log AS made ON made.entity_type = 'refund_leg' AND made.entity_id = leg.id
            AND made.from_state IS NULL
        JOIN transition_log AS opened ON opened.entity_type = 'chargeback' AND opened.entity_id = chargeback.id
            AND opened.from_state IS NULL
        LEFT JOIN transition_log AS closed ON closed.entity_type = 'chargeback' AND closed.entity_id = chargeback.id
            AND closed.to_state IN ('won', 'lost')
        WHERE made.id > opened.id AND (closed.id IS NULL OR made.id < closed.id)
        """,
    ),
    Query(
        "orders",
        "chargeback",
        """
        SELECT orders.id, 'is not frozen, but chargeback ' || chargeback.id || ' of its payment is open'
        FROM chargeback JOIN payment_alloc AS alloc ON alloc.payment_id = chargeback.payment_id
        JOIN orders ON orders.id = alloc.order_id
        WHERE chargeback.state NOT IN ('won', 'lost') AND NOT orders.frozen
        """,
    ),
    Query(
        "chargeback",
        "chargeback",
        """
        SELECT id, 'is ' || state || ' and closed at ' || coalesce(CAST(closed_at AS TEXT), 'no time')
        FROM chargeback WHERE (state IN ('won', 'lost')) <> (closed_at IS NOT NULL)
        """,
    ),
)

WALLET = (
    Query(
        "wallet_entry",
        "wallet_entry",
        """
        SELECT id, 'brings the balance of ' || customer_id || ' to ' || balance || ' ' || currency
        FROM (
            SELECT id, customer_id, currency,
                sum(amount) OVER (PARTITION BY customer_id, currency ORDER BY at, amount DESC, id) AS balance
            FROM wallet_entry
        ) AS entry
        WHERE balance < 0
        """,
    ),
    Query(
        "refund",
        "refund",
        """
        SELECT refund.id, 'credits ' || refund.coupon_credit || ' in coupon value, the wallet has '
            || coalesce(entry.amount, 0)
        FROM refund LEFT JOIN wallet_entry AS entry
            ON entry.source_type = 'refund' AND entry.source_id = refund.id AND entry.kind = 'coupon_value'
        WHERE refund.coupon_credit <> coalesce(entry.amount, 0)
        """,
    ),
    Query(
        "wallet_entry",
        "wallet_entry WHERE kind = 'coupon_value' OR source_type = 'refund_leg'",
        """
        SELECT entry.id, 'says it is for ' || entry.source_type || ' ' || entry.source_id || ', which is not there'
        FROM wallet_entry AS entry
        LEFT JOIN refund ON entry.source_type = 'refund' AND refund.id = entry.source_id
        LEFT JOIN refund_leg AS leg ON entry.source_type = 'refund_leg' AND leg.id = entry.source_id
        WHERE (entry.kind = 'coupon_value' AND refund.id IS NULL) OR (entry.source_type = 'refund_leg' AND leg.id IS NULL)
        """,
    ),
    Query(
        "refund_leg",
        "refund_leg WHERE method = 'balance'",
        """
        SELECT leg.id, 'is ' || leg.state || ' and gives ' || leg.amount || ' to the balance, the wallet has '
            || coalesce(entry.amount, 0)
        FROM refund_leg AS leg LEFT JOIN wallet_entry AS entry
            ON entry.source_type = 'refund_leg' AND entry.source_id = leg.id AND entry.kind = 'refund'
        WHERE leg.method = 'balance' AND coalesce(entry.amount, 0)
            <> CASE WHEN leg.state IN ('succeeded', 'reversed') THEN leg.amount ELSE 0 END
        """,
    ),
    Query(
        "payment",
        "payment WHERE method = 'balance'",
        """
        SELECT payment.id, 'is ' || payment.status || ' and took ' || payment.authorised
            || ' from the balance, the wallet says ' || coalesce(-entry.amount, 0)
        FROM payment LEFT JOIN wallet_entry AS entry
            ON entry.source_type = 'payment' AND entry.source_id = payment.id AND entry.kind = 'spend'
        WHERE payment.method = 'balance' AND (
            (payment.status IN ('authorised', 'captured') AND coalesce(-entry.amount, 0) <> payment.authorised)
            OR (entry.id IS NOT NULL AND -entry.amount <> payment.authorised)
        )
        """,
    ),
    Query(
        "payment_alloc",
        "payment_alloc",
        """
        SELECT alloc.payment_id, 'let go of ' || CASE WHEN alloc.voided THEN alloc.amount ELSE 0 END
            || ' reserved balance for order ' || alloc.order_id || ', the wallet got ' || coalesce(entry.amount, 0)
        FROM payment_alloc AS alloc JOIN payment ON payment.id = alloc.payment_id
        LEFT JOIN wallet_entry AS entry ON entry.source_type = 'order_payment' AND entry.kind = 'release'
            AND entry.source_id = alloc.payment_id || ':' || alloc.order_id
        LEFT JOIN wallet_entry AS spend
            ON spend.source_type = 'payment' AND spend.source_id = payment.id AND spend.kind = 'spend'
        WHERE payment.method = 'balance' AND coalesce(entry.amount, 0)
            <> CASE WHEN alloc.voided AND spend.id IS NOT NULL THEN alloc.amount ELSE 0 END
        """,
    ),
)

COUPONS = (
    Query(
        "coupon_use",
        "coupon_use",
        """
        SELECT coupon.id, 'is ' || coupon.state || ' with ' || coupon.returned || ' of ' || coupon.amount
            || ' returned, on an order that is ' || orders.status
            || CASE WHEN orders.paid_at IS NULL THEN ' and was not paid' ELSE ' and was paid' END
        FROM coupon_use AS coupon JOIN orders ON orders.id = coupon.order_id
        WHERE (coupon.state = 'reserved' AND (orders.paid_at IS NOT NULL OR orders.status = 'cancelled'))
            OR (coupon.state = 'released' AND (orders.paid_at IS NOT NULL OR orders.status <> 'cancelled'))
            OR (coupon.state NOT IN ('reserved', 'released') AND orders.paid_at IS NULL)
            OR (coupon.state IN ('reserved', 'released') AND coupon.returned <> 0)
            OR (coupon.state IN ('converted_to_balance', 'restored') AND coupon.returned <> coupon.amount)
            OR (coupon.state = 'used' AND coupon.returned NOT BETWEEN 0 AND coupon.amount - 1)
        """,
    ),
    Query(
        "orders",
        "coupon_use",
        """
        SELECT orders.id, 'its coupons brought ' || coalesce(coupons.credited, 0) || ' to the balance, its refunds '
            || coalesce(refunds.credited, 0)
        FROM orders
        LEFT JOIN (
            SELECT order_id, sum(CASE WHEN state IN ('used', 'converted_to_balance') THEN returned ELSE 0 END) AS credited
            FROM coupon_use GROUP BY order_id
        ) AS coupons ON coupons.order_id = orders.id
        LEFT JOIN (SELECT order_id, sum(coupon_credit) AS credited FROM refund GROUP BY order_id) AS refunds
            ON refunds.order_id = orders.id
        WHERE coalesce(coupons.credited, 0) <> coalesce(refunds.credited, 0)
        """,
    ),
    Query(
        "coupon_use",
        "coupon_use WHERE state IN ('converted_to_balance', 'restored')",
        """
        SELECT coupon.id, 'is ' || coupon.state || ', the policy of its order says '
            || coalesce(orders.policy_snapshot ->> 'coupon_on_refund', 'balance')
        FROM coupon_use AS coupon JOIN orders ON orders.id = coupon.order_id
        WHERE (coupon.state = 'converted_to_balance'
                AND (coupon.kind = 'coins'
                    OR coalesce(orders.policy_snapshot ->> 'coupon_on_refund', 'balance') <> 'balance'))
            OR (coupon.state = 'restored' AND coupon.kind <> 'coins'
                AND orders.policy_snapshot ->> 'coupon_on_refund' <> 'restore_if_valid')
        """,
    ),
)

CHECKOUT = (
    Query(
        "payment_alloc",
        "payment_alloc WHERE voided",
        """
        SELECT alloc.payment_id, 'let go of the money for order ' || orders.id || ', which is ' || orders.status
        FROM payment_alloc AS alloc JOIN orders ON orders.id = alloc.order_id
        WHERE alloc.voided AND orders.status <> 'cancelled'
        """,
    ),
    Query(
        "payment",
        "payment WHERE status IN ('pending', 'authorised', 'voided')",
        """
        SELECT payment.id, 'is ' || payment.status || ', while ' || count(orders.id) || ' of its orders live'
        FROM payment JOIN payment_alloc AS alloc ON alloc.payment_id = payment.id
        LEFT JOIN orders ON orders.id = alloc.order_id AND orders.status NOT IN ('cancelled', 'closed')
        WHERE payment.status IN ('pending', 'authorised', 'voided')
        GROUP BY payment.id, payment.status
        HAVING (count(orders.id) > 0) = (payment.status = 'voided')
        """,
    ),
    Query(
        "order_group",
        "orders",
        """
        SELECT orders.id, 'is in a checkout of another buyer or currency'
        FROM orders JOIN order_group ON order_group.id = orders.group_id
        WHERE order_group.customer_id <> orders.customer_id OR order_group.currency <> orders.currency
        """,
    ),
)

CURRENCIES = (
    Query(
        "refund_leg",
        "refund_leg",
        """
        SELECT leg.id, leg.amount || ' ' || leg.currency || ' of a refund in ' || refund.currency || ', a payment in '
            || payment.currency || ' and an order in ' || orders.currency
        FROM refund_leg AS leg JOIN refund ON refund.id = leg.refund_id JOIN payment ON payment.id = leg.payment_id
        JOIN orders ON orders.id = refund.order_id
        WHERE leg.amount <= 0 OR leg.currency <> refund.currency OR leg.currency <> payment.currency
            OR leg.currency <> orders.currency
        """,
    ),
    Query(
        "refund",
        "refund",
        """
        SELECT refund.id, 'is in ' || refund.currency || ' for an order in ' || orders.currency
        FROM refund JOIN orders ON orders.id = refund.order_id WHERE refund.currency <> orders.currency
        """,
    ),
    Query(
        "payment_alloc",
        "payment_alloc",
        """
        SELECT alloc.payment_id, 'pays ' || alloc.amount || ' ' || payment.currency || ' for order ' || orders.id || ' in '
            || orders.currency
        FROM payment_alloc AS alloc JOIN payment ON payment.id = alloc.payment_id JOIN orders ON orders.id = alloc.order_id
        WHERE alloc.amount <= 0 OR payment.currency <> orders.currency
        """,
    ),
    Query(
        "seller_offer",
        "seller_offer",
        """
        SELECT offer.id, 'is in ' || offer.currency || ' for an order in ' || orders.currency
        FROM seller_offer AS offer JOIN orders ON orders.id = offer.order_id
        WHERE offer.currency <> orders.currency OR offer.amount <= 0
        """,
    ),
)
