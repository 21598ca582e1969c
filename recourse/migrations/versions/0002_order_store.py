"""order store

Revision: 0002, after: 0001. Made 2026-11-24.
"""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

from recourse.core import db
from recourse.migrations import data_0002

revision = "0002"
down_revision = "0001"
branch_labels = None
depends_on = None

OLD_CHECKS = {
    "cancellation_request": {},
    "customer": {},
    "order_line": {
        "qty": "qty > 0 AND qty_cancelled >= 0 AND qty_shipped >= 0",
        "qty_sum": "qty_cancelled + qty_shipped <= qty",
    },
    "orders": {"total_paid": "total_paid >= 0"},
    "payment_alloc": {},
    "payment": {"captured": "captured >= 0 AND captured <= authorised"},
    "refund": {"amounts": "legs_total >= 0 AND fee >= 0 AND coupon_credit >= 0"},
    "refund_leg": {"amount": "amount > 0"},
    "seller_policy": {
        "response_hours": "response_hours > 0",
        "on_silence": "on_silence IN ('approve', 'reject')",
        "ship_while_pending": "ship_while_pending IN ('supersedes', 'block')",
        "coupon_on_refund": "coupon_on_refund IN ('balance', 'none')",
    },
}
NEW_CHECKS = {
    "cancellation_request": {"scope": "scope IN ('all', 'lines')"},
    "customer": {"status": "status IN ('active', 'restricted', 'erased')"},
    "order_line": OLD_CHECKS["order_line"]
    | {
        "qty_returned": "qty_returned >= 0 AND qty_returned <= qty_shipped",
        "qty_refunded": "qty_refunded >= 0 AND qty_refunded <= qty",
        "refunded": "refunded >= 0 AND refunded <= paid_alloc",
        "coupon_returned": "coupon_returned >= 0 AND coupon_returned <= coupon_alloc",
    },
    "orders": OLD_CHECKS["orders"] | {"issue": "issue IN ('dispute', 'return', 'chargeback')"},
    "payment_alloc": {"refunded": "refunded >= 0 AND charged_back >= 0 AND refunded + charged_back <= amount"},
    "payment": {"captured": "captured >= 0 AND voided >= 0 AND captured + voided <= authorised"},
    "refund": OLD_CHECKS["refund"],
    "refund_leg": OLD_CHECKS["refund_leg"],
    "seller_policy": {
        "response_hours": "response_hours > 0",
        "on_silence": "on_silence IN ('approve', 'reject', 'escalate')",
        "ship_while_pending": "ship_while_pending IN ('supersedes', 'block')",
        "coupon_on_refund": "coupon_on_refund IN ('balance', 'restore_if_valid', 'none')",
        "after_shipment": "after_shipment IN ('refuse', 'ask_seller')",
        "fee_kind": "fee_kind IN ('none', 'fixed', 'percent')",
        "fee": "fee_value >= 0 AND (fee_cap IS NULL OR fee_cap >= 0)",
        "refund_shipping": "refund_shipping IN ('never', 'unsent_only', 'always')",
    },
}
"""CHECK constraints of the tables that this revision alters, before and after it: table -> name -> condition."""


def upgrade() -> None:
    op.create_table(
        "inbox",
        sa.Column("source", sa.String(length=30), nullable=False),
        sa.Column("event_id", sa.String(length=64), nullable=False),
        sa.Column("payload_hash", sa.String(length=64), nullable=False),
        sa.Column("received_at", db.UtcDateTime(), nullable=False),
        sa.PrimaryKeyConstraint("source", "event_id", name=op.f("pk_inbox")),
    )
    op.create_table(
        "erasure_request",
        sa.Column("id", sa.String(length=32), nullable=False),
        sa.Column("customer_id", sa.String(length=64), nullable=False),
        sa.Column("state", sa.String(length=12), nullable=False),
        sa.Column("requested_at", db.UtcDateTime(), nullable=False),
        sa.Column("verify_by", db.UtcDateTime(), nullable=False),
        sa.Column("due_at", db.UtcDateTime(), nullable=False),
        sa.Column("execute_at", db.UtcDateTime(), nullable=True),
        sa.Column("completed_at", db.UtcDateTime(), nullable=True),
        sa.Column("check_at", db.UtcDateTime(), nullable=True),
        sa.Column("blockers", db.Json, nullable=False),
        sa.Column("reason", sa.String(length=500), nullable=True),
        sa.Column("version", sa.Integer(), nullable=False),
        sa.Column("created_at", db.UtcDateTime(), server_default=sa.func.now(), nullable=False),
        sa.Column("updated_at", db.UtcDateTime(), server_default=sa.func.now(), nullable=False),
        sa.ForeignKeyConstraint(["customer_id"], ["customer.id"], name=op.f("fk_erasure_request_customer_id")),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_erasure_request")),
    )
    with op.batch_alter_table("erasure_request", schema=None) as batch_op:
        batch_op.create_index("ix_erasure_check_at", ["check_at"], unique=False)
        batch_op.create_index("ix_erasure_state", ["state", "due_at"], unique=False)
        batch_op.create_index(
            "uq_erasure_open",
            ["customer_id"],
            unique=True,
            sqlite_where=sa.text("state NOT IN ('cancelled', 'completed', 'refused')"),
            postgresql_where=sa.text("state NOT IN ('cancelled', 'completed', 'refused')"),
        )

    op.create_table(
        "seller_api_key",
        sa.Column("id", sa.String(length=32), nullable=False),
        sa.Column("seller_id", sa.String(length=32), nullable=False),
        sa.Column("prefix", sa.String(length=16), nullable=False),
        sa.Column("key_hash", sa.String(length=64), nullable=False),
        sa.Column("label", sa.String(length=60), nullable=False),
        sa.Column("created_at", db.UtcDateTime(), nullable=False),
        sa.Column("revoked_at", db.UtcDateTime(), nullable=True),
        sa.ForeignKeyConstraint(["seller_id"], ["seller.id"], name=op.f("fk_seller_api_key_seller_id")),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_seller_api_key")),
        sa.UniqueConstraint("key_hash", name=op.f("uq_seller_api_key_key_hash")),
    )
    with op.batch_alter_table("seller_api_key", schema=None) as batch_op:
        batch_op.create_index(batch_op.f("ix_seller_api_key_seller_id"), ["seller_id"], unique=False)

    op.create_table(
        "stock_watch",
        sa.Column("id", sa.String(length=32), nullable=False),
        sa.Column("customer_id", sa.String(length=64), nullable=False),
        sa.Column("sku", sa.String(length=40), nullable=False),
        sa.Column("title", sa.String(length=200), nullable=False),
        sa.Column("state", sa.String(length=10), nullable=False),
        sa.Column("asked_at", db.UtcDateTime(), nullable=False),
        sa.Column("notified_at", db.UtcDateTime(), nullable=True),
        sa.Column("version", sa.Integer(), nullable=False),
        sa.Column("created_at", db.UtcDateTime(), server_default=sa.func.now(), nullable=False),
        sa.Column("updated_at", db.UtcDateTime(), server_default=sa.func.now(), nullable=False),
        sa.ForeignKeyConstraint(["customer_id"], ["customer.id"], name=op.f("fk_stock_watch_customer_id")),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_stock_watch")),
    )
    with op.batch_alter_table("stock_watch", schema=None) as batch_op:
        batch_op.create_index(batch_op.f("ix_stock_watch_sku_state"), ["sku", "state"], unique=False)
        batch_op.create_index(
            "uq_stock_watch_active",
            ["customer_id", "sku"],
            unique=True,
            sqlite_where=sa.text("state = 'active'"),
            postgresql_where=sa.text("state = 'active'"),
        )

    op.create_table(
        "erasure_item",
        sa.Column("id", sa.String(length=32), nullable=False),
        sa.Column("request_id", sa.String(length=32), nullable=False),
        sa.Column("store", sa.String(length=40), nullable=False),
        sa.Column("state", sa.String(length=12), nullable=False),
        sa.Column("rows", sa.Integer(), nullable=False),
        sa.Column("at", db.UtcDateTime(), nullable=False),
        sa.Column("retained_reason", sa.String(length=200), nullable=True),
        sa.Column("retained_until", db.UtcDateTime(), nullable=True),
        sa.ForeignKeyConstraint(["request_id"], ["erasure_request.id"], name=op.f("fk_erasure_item_request_id")),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_erasure_item")),
        sa.UniqueConstraint("request_id", "store", name=op.f("uq_erasure_item_request_id_store")),
    )
    op.create_table(
        "chargeback",
        sa.Column("id", sa.String(length=32), nullable=False),
        sa.Column("payment_id", sa.String(length=32), nullable=False),
        sa.Column("psp_ref", sa.String(length=64), nullable=False),
        sa.Column("state", sa.String(length=20), nullable=False),
        sa.Column("reason", sa.String(length=40), nullable=False),
        sa.Column("amount", sa.BigInteger(), nullable=False),
        sa.Column("currency", sa.String(length=3), nullable=False),
        sa.Column("opened_at", db.UtcDateTime(), nullable=False),
        sa.Column("due_by", db.UtcDateTime(), nullable=False),
        sa.Column("closed_at", db.UtcDateTime(), nullable=True),
        sa.Column("version", sa.Integer(), nullable=False),
        sa.Column("created_at", db.UtcDateTime(), server_default=sa.func.now(), nullable=False),
        sa.Column("updated_at", db.UtcDateTime(), server_default=sa.func.now(), nullable=False),
        sa.CheckConstraint("amount > 0", name=op.f("ck_chargeback_amount")),
        sa.ForeignKeyConstraint(["payment_id"], ["payment.id"], name=op.f("fk_chargeback_payment_id")),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_chargeback")),
        sa.UniqueConstraint("psp_ref", name=op.f("uq_chargeback_psp_ref")),
    )
    with op.batch_alter_table("chargeback", schema=None) as batch_op:
        batch_op.create_index(batch_op.f("ix_chargeback_payment_id_state"), ["payment_id", "state"], unique=False)

    op.create_table(
        "order_term",
        sa.Column("customer_id", sa.String(length=64), nullable=False),
        sa.Column("term", sa.String(length=40), nullable=False),
        sa.Column("order_id", sa.String(length=32), nullable=False),
        sa.ForeignKeyConstraint(["customer_id"], ["customer.id"], name=op.f("fk_order_term_customer_id")),
        sa.ForeignKeyConstraint(["order_id"], ["orders.id"], name=op.f("fk_order_term_order_id")),
        sa.PrimaryKeyConstraint("customer_id", "term", "order_id", name=op.f("pk_order_term")),
    )
    with op.batch_alter_table("order_term", schema=None) as batch_op:
        batch_op.create_index(batch_op.f("ix_order_term_order_id"), ["order_id"], unique=False)

    op.create_table(
        "return_request",
        sa.Column("id", sa.String(length=32), nullable=False),
        sa.Column("order_id", sa.String(length=32), nullable=False),
        sa.Column("customer_id", sa.String(length=64), nullable=False),
        sa.Column("kind", sa.String(length=12), nullable=False),
        sa.Column("reason_code", sa.String(length=40), nullable=True),
        sa.Column("reason_note", sa.String(length=500), nullable=True),
        sa.Column("state", sa.String(length=12), nullable=False),
        sa.Column("requested_at", db.UtcDateTime(), nullable=False),
        sa.Column("respond_by", db.UtcDateTime(), nullable=True),
        sa.Column("ship_back_by", db.UtcDateTime(), nullable=True),
        sa.Column("inspect_by", db.UtcDateTime(), nullable=True),
        sa.Column("refund_by", db.UtcDateTime(), nullable=True),
        sa.Column("label_cost_by", sa.String(length=10), nullable=False),
        sa.Column("carrier", sa.String(length=40), nullable=True),
        sa.Column("tracking", sa.String(length=40), nullable=True),
        sa.Column("received_at", db.UtcDateTime(), nullable=True),
        sa.Column("decline_reason", sa.String(length=500), nullable=True),
        sa.Column("instructions", sa.String(length=2000), nullable=True),
        sa.Column("idempotency_key", sa.String(length=128), nullable=False),
        sa.Column("version", sa.Integer(), nullable=False),
        sa.Column("created_at", db.UtcDateTime(), server_default=sa.func.now(), nullable=False),
        sa.Column("updated_at", db.UtcDateTime(), server_default=sa.func.now(), nullable=False),
        sa.CheckConstraint("kind IN ('free', 'agreed', 'withdrawal')", name=op.f("ck_return_request_kind")),
        sa.ForeignKeyConstraint(["customer_id"], ["customer.id"], name=op.f("fk_return_request_customer_id")),
        sa.ForeignKeyConstraint(["order_id"], ["orders.id"], name=op.f("fk_return_request_order_id")),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_return_request")),
        sa.UniqueConstraint("idempotency_key", name=op.f("uq_return_request_idempotency_key")),
    )
    with op.batch_alter_table("return_request", schema=None) as batch_op:
        batch_op.create_index(batch_op.f("ix_return_request_customer_id"), ["customer_id"], unique=False)
        batch_op.create_index(batch_op.f("ix_return_request_order_id"), ["order_id"], unique=False)
        batch_op.create_index("ix_return_state", ["state"], unique=False)
        batch_op.create_index(
            "uq_return_open",
            ["order_id"],
            unique=True,
            sqlite_where=sa.text("state IN ('requested', 'approved', 'in_transit', 'received')"),
            postgresql_where=sa.text("state IN ('requested', 'approved', 'in_transit', 'received')"),
        )

    op.create_table(
        "seller_message",
        sa.Column("id", sa.String(length=32), nullable=False),
        sa.Column("order_id", sa.String(length=32), nullable=False),
        sa.Column("customer_id", sa.String(length=64), nullable=False),
        sa.Column("author", sa.String(length=10), nullable=False),
        sa.Column("purpose", sa.String(length=20), nullable=False),
        sa.Column("text", sa.String(length=2000), nullable=False),
        sa.Column("off_platform", sa.Boolean(), nullable=False),
        sa.Column("client_msg_id", sa.String(length=64), nullable=False),
        sa.Column("sent_at", db.UtcDateTime(), nullable=False),
        sa.Column("read_at", db.UtcDateTime(), nullable=True),
        sa.CheckConstraint("author IN ('buyer', 'seller', 'platform')", name=op.f("ck_seller_message_author")),
        sa.ForeignKeyConstraint(["customer_id"], ["customer.id"], name=op.f("fk_seller_message_customer_id")),
        sa.ForeignKeyConstraint(["order_id"], ["orders.id"], name=op.f("fk_seller_message_order_id")),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_seller_message")),
        sa.UniqueConstraint(
            "order_id", "author", "client_msg_id", name=op.f("uq_seller_message_order_id_author_client_msg_id")
        ),
    )
    with op.batch_alter_table("seller_message", schema=None) as batch_op:
        batch_op.create_index(batch_op.f("ix_seller_message_customer_id"), ["customer_id"], unique=False)
        batch_op.create_index(batch_op.f("ix_seller_message_order_id_sent_at"), ["order_id", "sent_at"], unique=False)

    op.create_table(
        "dispute",
        sa.Column("id", sa.String(length=32), nullable=False),
        sa.Column("order_id", sa.String(length=32), nullable=False),
        sa.Column("line_id", sa.String(length=32), nullable=False),
        sa.Column("customer_id", sa.String(length=64), nullable=False),
        sa.Column("type", sa.String(length=20), nullable=False),
        sa.Column("reason_code", sa.String(length=40), nullable=False),
        sa.Column("description", sa.String(length=2000), nullable=True),
        sa.Column("qty", sa.Integer(), nullable=False),
        sa.Column("wanted", sa.String(length=16), nullable=False),
        sa.Column("amount", sa.BigInteger(), nullable=False),
        sa.Column("state", sa.String(length=20), nullable=False),
        sa.Column("opened_at", db.UtcDateTime(), nullable=False),
        sa.Column("respond_by", db.UtcDateTime(), nullable=False),
        sa.Column("negotiate_by", db.UtcDateTime(), nullable=True),
        sa.Column("ship_back_by", db.UtcDateTime(), nullable=True),
        sa.Column("inspect_by", db.UtcDateTime(), nullable=True),
        sa.Column("transit_by", db.UtcDateTime(), nullable=True),
        sa.Column("return_carrier", sa.String(length=40), nullable=True),
        sa.Column("return_tracking", sa.String(length=40), nullable=True),
        sa.Column("outcome", sa.String(length=16), nullable=True),
        sa.Column("outcome_amount", sa.BigInteger(), nullable=True),
        sa.Column("decided_by", sa.String(length=20), nullable=True),
        sa.Column("decided_at", db.UtcDateTime(), nullable=True),
        sa.Column("conversation_id", sa.String(length=32), nullable=True),
        sa.Column("idempotency_key", sa.String(length=128), nullable=False),
        sa.Column("version", sa.Integer(), nullable=False),
        sa.Column("created_at", db.UtcDateTime(), server_default=sa.func.now(), nullable=False),
        sa.Column("updated_at", db.UtcDateTime(), server_default=sa.func.now(), nullable=False),
        sa.CheckConstraint("type IN ('not_received', 'not_as_described')", name=op.f("ck_dispute_type")),
        sa.CheckConstraint("wanted IN ('full', 'partial', 'return_refund')", name=op.f("ck_dispute_wanted")),
        sa.CheckConstraint(
            "amount > 0 AND (outcome_amount IS NULL OR outcome_amount >= 0)", name=op.f("ck_dispute_amount")
        ),
        sa.ForeignKeyConstraint(["customer_id"], ["customer.id"], name=op.f("fk_dispute_customer_id")),
        sa.ForeignKeyConstraint(["line_id"], ["order_line.id"], name=op.f("fk_dispute_line_id")),
        sa.ForeignKeyConstraint(["order_id"], ["orders.id"], name=op.f("fk_dispute_order_id")),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_dispute")),
        sa.UniqueConstraint("idempotency_key", name=op.f("uq_dispute_idempotency_key")),
    )
    with op.batch_alter_table("dispute", schema=None) as batch_op:
        batch_op.create_index(batch_op.f("ix_dispute_customer_id"), ["customer_id"], unique=False)
        batch_op.create_index(batch_op.f("ix_dispute_order_id_opened_at"), ["order_id", "opened_at"], unique=False)
        batch_op.create_index("ix_dispute_state", ["state", "respond_by"], unique=False)
        batch_op.create_index(
            "uq_dispute_open",
            ["line_id"],
            unique=True,
            sqlite_where=sa.text("state NOT IN ('resolved', 'withdrawn')"),
            postgresql_where=sa.text("state NOT IN ('resolved', 'withdrawn')"),
        )

    op.create_table(
        "refund_line",
        sa.Column("refund_id", sa.String(length=32), nullable=False),
        sa.Column("line_id", sa.String(length=32), nullable=False),
        sa.Column("qty", sa.Integer(), nullable=False),
        sa.Column("paid", sa.BigInteger(), nullable=False),
        sa.Column("coupon", sa.BigInteger(), nullable=False),
        sa.CheckConstraint("qty >= 0 AND paid >= 0 AND coupon >= 0", name=op.f("ck_refund_line_amounts")),
        sa.ForeignKeyConstraint(["line_id"], ["order_line.id"], name=op.f("fk_refund_line_line_id")),
        sa.ForeignKeyConstraint(["refund_id"], ["refund.id"], name=op.f("fk_refund_line_refund_id")),
        sa.PrimaryKeyConstraint("refund_id", "line_id", name=op.f("pk_refund_line")),
    )
    op.create_table(
        "return_line",
        sa.Column("return_id", sa.String(length=32), nullable=False),
        sa.Column("line_id", sa.String(length=32), nullable=False),
        sa.Column("qty", sa.Integer(), nullable=False),
        sa.CheckConstraint("qty > 0", name=op.f("ck_return_line_qty")),
        sa.ForeignKeyConstraint(["line_id"], ["order_line.id"], name=op.f("fk_return_line_line_id")),
        sa.ForeignKeyConstraint(["return_id"], ["return_request.id"], name=op.f("fk_return_line_return_id")),
        sa.PrimaryKeyConstraint("return_id", "line_id", name=op.f("pk_return_line")),
    )
    op.create_table(
        "shipment_line",
        sa.Column("shipment_id", sa.String(length=32), nullable=False),
        sa.Column("line_id", sa.String(length=32), nullable=False),
        sa.Column("qty", sa.Integer(), nullable=False),
        sa.CheckConstraint("qty > 0", name=op.f("ck_shipment_line_qty")),
        sa.ForeignKeyConstraint(["line_id"], ["order_line.id"], name=op.f("fk_shipment_line_line_id")),
        sa.ForeignKeyConstraint(["shipment_id"], ["shipment.id"], name=op.f("fk_shipment_line_shipment_id")),
        sa.PrimaryKeyConstraint("shipment_id", "line_id", name=op.f("pk_shipment_line")),
    )
    op.create_table(
        "withdrawal",
        sa.Column("id", sa.String(length=32), nullable=False),
        sa.Column("order_id", sa.String(length=32), nullable=False),
        sa.Column("customer_id", sa.String(length=64), nullable=False),
        sa.Column("return_id", sa.String(length=32), nullable=True),
        sa.Column("declared_at", db.UtcDateTime(), nullable=False),
        sa.Column("deadline", db.UtcDateTime(), nullable=True),
        sa.Column("within", sa.Boolean(), nullable=False),
        sa.Column("why", sa.String(length=20), nullable=False),
        sa.Column("pieces", db.Json, nullable=False),
        sa.Column("ack_document", sa.String(length=2000), nullable=False),
        sa.Column("idempotency_key", sa.String(length=128), nullable=False),
        sa.ForeignKeyConstraint(["customer_id"], ["customer.id"], name=op.f("fk_withdrawal_customer_id")),
        sa.ForeignKeyConstraint(["order_id"], ["orders.id"], name=op.f("fk_withdrawal_order_id")),
        sa.ForeignKeyConstraint(["return_id"], ["return_request.id"], name=op.f("fk_withdrawal_return_id")),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_withdrawal")),
        sa.UniqueConstraint("idempotency_key", name=op.f("uq_withdrawal_idempotency_key")),
    )
    with op.batch_alter_table("withdrawal", schema=None) as batch_op:
        batch_op.create_index(batch_op.f("ix_withdrawal_customer_id"), ["customer_id"], unique=False)
        batch_op.create_index(batch_op.f("ix_withdrawal_order_id"), ["order_id"], unique=False)
        batch_op.create_index(
            "ix_withdrawal_waiting",
            ["declared_at"],
            unique=False,
            sqlite_where=sa.text("return_id IS NULL AND why = 'in_time'"),
            postgresql_where=sa.text("return_id IS NULL AND why = 'in_time'"),
        )

    op.create_table(
        "cancellation_request_line",
        sa.Column("request_id", sa.String(length=32), nullable=False),
        sa.Column("line_id", sa.String(length=32), nullable=False),
        sa.Column("qty", sa.Integer(), nullable=False),
        sa.CheckConstraint("qty > 0", name=op.f("ck_cancellation_request_line_qty")),
        sa.ForeignKeyConstraint(["line_id"], ["order_line.id"], name=op.f("fk_cancellation_request_line_line_id")),
        sa.ForeignKeyConstraint(
            ["request_id"], ["cancellation_request.id"], name=op.f("fk_cancellation_request_line_request_id")
        ),
        sa.PrimaryKeyConstraint("request_id", "line_id", name=op.f("pk_cancellation_request_line")),
    )
    op.create_table(
        "dispute_event",
        sa.Column("id", sa.String(length=32), nullable=False),
        sa.Column("dispute_id", sa.String(length=32), nullable=False),
        sa.Column("seq", sa.Integer(), nullable=False),
        sa.Column("actor_type", sa.String(length=20), nullable=False),
        sa.Column("actor_id", sa.String(length=64), nullable=True),
        sa.Column("kind", sa.String(length=20), nullable=False),
        sa.Column("wanted", sa.String(length=16), nullable=True),
        sa.Column("amount", sa.BigInteger(), nullable=True),
        sa.Column("text", sa.String(length=2000), nullable=True),
        sa.Column("at", db.UtcDateTime(), nullable=False),
        sa.ForeignKeyConstraint(["dispute_id"], ["dispute.id"], name=op.f("fk_dispute_event_dispute_id")),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_dispute_event")),
        sa.UniqueConstraint("dispute_id", "seq", name=op.f("uq_dispute_event_dispute_id_seq")),
    )
    op.create_table(
        "evidence",
        sa.Column("id", sa.String(length=32), nullable=False),
        sa.Column("dispute_id", sa.String(length=32), nullable=False),
        sa.Column("customer_id", sa.String(length=64), nullable=False),
        sa.Column("kind", sa.String(length=20), nullable=False),
        sa.Column("file_name", sa.String(length=40), nullable=False),
        sa.Column("mime", sa.String(length=40), nullable=False),
        sa.Column("size", sa.Integer(), nullable=False),
        sa.Column("sha256", sa.String(length=64), nullable=False),
        sa.Column("original_sha256", sa.String(length=64), nullable=False),
        sa.Column("scan_status", sa.String(length=12), nullable=False),
        sa.Column("at", db.UtcDateTime(), nullable=False),
        sa.ForeignKeyConstraint(["customer_id"], ["customer.id"], name=op.f("fk_evidence_customer_id")),
        sa.ForeignKeyConstraint(["dispute_id"], ["dispute.id"], name=op.f("fk_evidence_dispute_id")),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_evidence")),
        sa.UniqueConstraint("dispute_id", "original_sha256", name=op.f("uq_evidence_dispute_id_original_sha256")),
        sa.UniqueConstraint("file_name", name=op.f("uq_evidence_file_name")),
    )
    with op.batch_alter_table("evidence", schema=None) as batch_op:
        batch_op.create_index(batch_op.f("ix_evidence_customer_id"), ["customer_id"], unique=False)

    op.create_table(
        "required_action",
        sa.Column("id", sa.String(length=32), nullable=False),
        sa.Column("order_id", sa.String(length=32), nullable=False),
        sa.Column("request_id", sa.String(length=32), nullable=False),
        sa.Column("kind", sa.String(length=12), nullable=False),
        sa.Column("text", sa.String(length=1000), nullable=False),
        sa.Column("url", sa.String(length=300), nullable=True),
        sa.Column("answer", sa.String(length=2000), nullable=True),
        sa.Column("state", sa.String(length=10), nullable=False),
        sa.Column("asked_at", db.UtcDateTime(), nullable=False),
        sa.Column("answered_at", db.UtcDateTime(), nullable=True),
        sa.Column("version", sa.Integer(), nullable=False),
        sa.Column("created_at", db.UtcDateTime(), server_default=sa.func.now(), nullable=False),
        sa.Column("updated_at", db.UtcDateTime(), server_default=sa.func.now(), nullable=False),
        sa.CheckConstraint("kind IN ('form', 'info')", name=op.f("ck_required_action_kind")),
        sa.ForeignKeyConstraint(["order_id"], ["orders.id"], name=op.f("fk_required_action_order_id")),
        sa.ForeignKeyConstraint(
            ["request_id"], ["cancellation_request.id"], name=op.f("fk_required_action_request_id")
        ),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_required_action")),
    )
    with op.batch_alter_table("required_action", schema=None) as batch_op:
        batch_op.create_index(
            "ix_required_action_open",
            ["asked_at"],
            unique=False,
            sqlite_where=sa.text("state = 'open'"),
            postgresql_where=sa.text("state = 'open'"),
        )
        batch_op.create_index(batch_op.f("ix_required_action_order_id"), ["order_id"], unique=False)
        batch_op.create_index(batch_op.f("ix_required_action_request_id"), ["request_id"], unique=False)

    op.create_table(
        "seller_offer",
        sa.Column("id", sa.String(length=32), nullable=False),
        sa.Column("order_id", sa.String(length=32), nullable=False),
        sa.Column("request_id", sa.String(length=32), nullable=True),
        sa.Column("amount", sa.BigInteger(), nullable=False),
        sa.Column("currency", sa.String(length=3), nullable=False),
        sa.Column("text", sa.String(length=1000), nullable=False),
        sa.Column("state", sa.String(length=10), nullable=False),
        sa.Column("offered_at", db.UtcDateTime(), nullable=False),
        sa.Column("expires_at", db.UtcDateTime(), nullable=False),
        sa.Column("decided_at", db.UtcDateTime(), nullable=True),
        sa.Column("version", sa.Integer(), nullable=False),
        sa.Column("created_at", db.UtcDateTime(), server_default=sa.func.now(), nullable=False),
        sa.Column("updated_at", db.UtcDateTime(), server_default=sa.func.now(), nullable=False),
        sa.CheckConstraint("amount > 0", name=op.f("ck_seller_offer_amount")),
        sa.ForeignKeyConstraint(["order_id"], ["orders.id"], name=op.f("fk_seller_offer_order_id")),
        sa.ForeignKeyConstraint(["request_id"], ["cancellation_request.id"], name=op.f("fk_seller_offer_request_id")),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_seller_offer")),
    )
    with op.batch_alter_table("seller_offer", schema=None) as batch_op:
        batch_op.create_index(
            "ix_seller_offer_due",
            ["expires_at"],
            unique=False,
            sqlite_where=sa.text("state = 'open'"),
            postgresql_where=sa.text("state = 'open'"),
        )
        batch_op.create_index(batch_op.f("ix_seller_offer_order_id"), ["order_id"], unique=False)
        batch_op.create_index(
            "uq_seller_offer_open",
            ["order_id"],
            unique=True,
            sqlite_where=sa.text("state = 'open'"),
            postgresql_where=sa.text("state = 'open'"),
        )

    with op.batch_alter_table("cancellation_request", schema=None) as batch_op:
        batch_op.add_column(sa.Column("kind", sa.String(length=10), server_default="request", nullable=False))
        batch_op.add_column(sa.Column("proof_shipped_at", db.UtcDateTime(), nullable=True))
        batch_op.add_column(sa.Column("escalated_at", db.UtcDateTime(), nullable=True))

    with op.batch_alter_table("coupon_use", schema=None) as batch_op:
        batch_op.add_column(sa.Column("kind", sa.String(length=10), server_default="platform", nullable=False))
        batch_op.add_column(sa.Column("returned", sa.BigInteger(), server_default="0", nullable=False))

    with op.batch_alter_table("customer", schema=None) as batch_op:
        batch_op.add_column(sa.Column("status", sa.String(length=12), server_default="active", nullable=False))
        batch_op.add_column(sa.Column("anonymised_at", db.UtcDateTime(), nullable=True))

    with op.batch_alter_table("handoff", schema=None) as batch_op:
        batch_op.add_column(sa.Column("agent_id", sa.String(length=64), nullable=True))
        batch_op.add_column(sa.Column("promised_by", db.UtcDateTime(), nullable=True))
        batch_op.add_column(sa.Column("timer_at", db.UtcDateTime(), nullable=True))
        batch_op.add_column(sa.Column("closed_at", db.UtcDateTime(), nullable=True))
        batch_op.create_index("ix_handoff_timer_at", ["timer_at"], unique=False)

    with op.batch_alter_table("order_group", schema=None) as batch_op:
        batch_op.add_column(sa.Column("external_id", sa.String(length=64), nullable=True))
        batch_op.create_unique_constraint(batch_op.f("uq_order_group_external_id"), ["external_id"])

    with op.batch_alter_table("order_line", schema=None) as batch_op:
        batch_op.add_column(sa.Column("tax_alloc", sa.BigInteger(), server_default="0", nullable=False))
        batch_op.add_column(sa.Column("qty_returned", sa.Integer(), server_default="0", nullable=False))
        batch_op.add_column(sa.Column("qty_refunded", sa.Integer(), server_default="0", nullable=False))
        batch_op.add_column(sa.Column("refunded", sa.BigInteger(), server_default="0", nullable=False))
        batch_op.add_column(sa.Column("coupon_returned", sa.BigInteger(), server_default="0", nullable=False))
        batch_op.add_column(sa.Column("withdrawal_exempt", sa.Boolean(), server_default=sa.false(), nullable=False))
        batch_op.create_index(batch_op.f("ix_order_line_sku"), ["sku"], unique=False)

    with op.batch_alter_table("orders", schema=None) as batch_op:
        batch_op.add_column(sa.Column("issue", sa.String(length=12), nullable=True))
        batch_op.add_column(sa.Column("external_id", sa.String(length=64), nullable=True))
        batch_op.add_column(sa.Column("tax", sa.BigInteger(), server_default="0", nullable=False))
        batch_op.add_column(sa.Column("protect_until", db.UtcDateTime(), nullable=True))
        batch_op.drop_index(batch_op.f("ix_orders_customer_placed"))
        batch_op.create_index(
            "ix_orders_pay_by",
            ["pay_by"],
            unique=False,
            sqlite_where=sa.text("status = 'awaiting_payment'"),
            postgresql_where=sa.text("status = 'awaiting_payment'"),
        )
        batch_op.create_index(
            "ix_orders_protect_until",
            ["protect_until"],
            unique=False,
            sqlite_where=sa.text("status IN ('shipped', 'delivered')"),
            postgresql_where=sa.text("status IN ('shipped', 'delivered')"),
        )
        batch_op.create_index(
            "ix_orders_review_by",
            ["review_by"],
            unique=False,
            sqlite_where=sa.text("status = 'payment_review'"),
            postgresql_where=sa.text("status = 'payment_review'"),
        )
        batch_op.create_index(
            "ix_orders_ship_by",
            ["ship_by"],
            unique=False,
            sqlite_where=sa.text("status IN ('to_ship', 'partially_shipped')"),
            postgresql_where=sa.text("status IN ('to_ship', 'partially_shipped')"),
        )
        batch_op.create_unique_constraint(batch_op.f("uq_orders_external_id"), ["external_id"])

    with op.batch_alter_table("outbox", schema=None) as batch_op:
        batch_op.add_column(sa.Column("attempts", sa.Integer(), server_default="0", nullable=False))
        batch_op.add_column(sa.Column("next_at", db.UtcDateTime(), nullable=True))
        batch_op.add_column(sa.Column("dead_at", db.UtcDateTime(), nullable=True))
        batch_op.add_column(sa.Column("last_error", sa.String(length=300), nullable=True))

    with op.batch_alter_table("payment", schema=None) as batch_op:
        batch_op.add_column(sa.Column("voided", sa.BigInteger(), server_default="0", nullable=False))
        batch_op.add_column(sa.Column("psp", sa.String(length=20), server_default="simulator", nullable=False))
        batch_op.add_column(sa.Column("psp_ref", sa.String(length=64), nullable=True))
        batch_op.add_column(sa.Column("presentment_currency", sa.String(length=3), nullable=True))
        batch_op.add_column(sa.Column("presentment_amount", sa.BigInteger(), nullable=True))
        batch_op.create_unique_constraint(batch_op.f("uq_payment_psp_ref"), ["psp_ref"])

    with op.batch_alter_table("payment_alloc", schema=None) as batch_op:
        batch_op.add_column(sa.Column("voided", sa.Boolean(), server_default=sa.false(), nullable=False))
        batch_op.add_column(sa.Column("refunded", sa.BigInteger(), server_default="0", nullable=False))
        batch_op.add_column(sa.Column("charged_back", sa.BigInteger(), server_default="0", nullable=False))

    with op.batch_alter_table("refund", schema=None) as batch_op:
        batch_op.add_column(sa.Column("shipping_kept", sa.BigInteger(), server_default="0", nullable=False))

    with op.batch_alter_table("refund_leg", schema=None) as batch_op:
        batch_op.add_column(sa.Column("replaces_leg_id", sa.String(length=32), nullable=True))
        batch_op.add_column(sa.Column("attempt", sa.Integer(), server_default="1", nullable=False))
        batch_op.add_column(sa.Column("tries", sa.Integer(), server_default="0", nullable=False))
        batch_op.add_column(sa.Column("psp_refund_ref", sa.String(length=64), nullable=True))
        batch_op.add_column(sa.Column("submitted_at", db.UtcDateTime(), nullable=True))
        batch_op.add_column(sa.Column("action_by", db.UtcDateTime(), nullable=True))
        batch_op.add_column(sa.Column("action_url", sa.String(length=300), nullable=True))
        batch_op.add_column(sa.Column("event_at", db.UtcDateTime(), nullable=True))
        batch_op.add_column(sa.Column("checked_at", db.UtcDateTime(), nullable=True))
        batch_op.create_index("ix_refund_leg_state", ["state", "updated_at"], unique=False)
        batch_op.create_unique_constraint(batch_op.f("uq_refund_leg_psp_refund_ref"), ["psp_refund_ref"])
        batch_op.create_unique_constraint(batch_op.f("uq_refund_leg_replaces_leg_id"), ["replaces_leg_id"])
        batch_op.create_foreign_key(
            batch_op.f("fk_refund_leg_replaces_leg_id"), "refund_leg", ["replaces_leg_id"], ["id"]
        )

    with op.batch_alter_table("seller", schema=None) as batch_op:
        batch_op.add_column(sa.Column("timezone", sa.String(length=60), server_default="UTC", nullable=False))
        batch_op.add_column(sa.Column("external_id", sa.String(length=64), nullable=True))
        batch_op.add_column(sa.Column("cancel_defect_count", sa.Integer(), server_default="0", nullable=False))
        batch_op.create_unique_constraint(batch_op.f("uq_seller_external_id"), ["external_id"])

    with op.batch_alter_table("seller_policy", schema=None) as batch_op:
        batch_op.add_column(sa.Column("after_shipment", sa.String(length=12), server_default="refuse", nullable=False))
        batch_op.add_column(sa.Column("fee_kind", sa.String(length=8), server_default="none", nullable=False))
        batch_op.add_column(sa.Column("fee_value", sa.BigInteger(), server_default="0", nullable=False))
        batch_op.add_column(sa.Column("fee_cap", sa.BigInteger(), nullable=True))
        batch_op.add_column(
            sa.Column("refund_shipping", sa.String(length=12), server_default="unsent_only", nullable=False)
        )
        batch_op.add_column(sa.Column("partial_cancel", sa.Boolean(), server_default=sa.true(), nullable=False))
        batch_op.add_column(sa.Column("max_requests_per_order", sa.Integer(), nullable=True))
        batch_op.add_column(sa.Column("return_window_days", sa.Integer(), server_default="14", nullable=False))
        batch_op.add_column(sa.Column("free_return", sa.Boolean(), server_default=sa.false(), nullable=False))
        batch_op.add_column(sa.Column("ship_deadline_bd", sa.Integer(), server_default="7", nullable=False))
        batch_op.add_column(sa.Column("dispute_open_after_days", sa.Integer(), server_default="10", nullable=False))
        batch_op.add_column(sa.Column("dispute_response_days", sa.Integer(), server_default="5", nullable=False))
        batch_op.add_column(sa.Column("negotiation_days", sa.Integer(), server_default="7", nullable=False))
        batch_op.add_column(sa.Column("ship_back_days", sa.Integer(), server_default="10", nullable=False))
        batch_op.add_column(sa.Column("clause_texts", db.Json, server_default="{}", nullable=False))

    with op.batch_alter_table("shipment", schema=None) as batch_op:
        batch_op.add_column(sa.Column("state", sa.String(length=20), server_default="in_transit", nullable=False))
        batch_op.add_column(sa.Column("events", db.Json, server_default="[]", nullable=False))

    with op.batch_alter_table("wallet_entry", schema=None) as batch_op:
        batch_op.alter_column(
            "source_id", existing_type=sa.String(length=32), type_=sa.String(length=72), existing_nullable=False
        )

    data_0002.upgrade(op.get_bind())
    _set_checks(OLD_CHECKS, NEW_CHECKS)
    op.create_index(  # last: SQLite would lose the order of its column when the table is altered
        "ix_orders_customer_placed", "orders", ["customer_id", sa.text("placed_at DESC"), "number"], unique=False
    )


def downgrade() -> None:
    op.drop_index("ix_orders_customer_placed", table_name="orders")
    data_0002.downgrade(op.get_bind())
    _set_checks(NEW_CHECKS, OLD_CHECKS)
    # The first schema has no room for a source that is a payment and an order: half of either id still tells them apart.
    op.execute(
        "UPDATE wallet_entry SET source_id = substr(source_id, 1, 16) || substr(source_id, 34, 16) WHERE length(source_id) > 32"
    )
    with op.batch_alter_table("wallet_entry", schema=None) as batch_op:
        batch_op.alter_column(
            "source_id", existing_type=sa.String(length=72), type_=sa.String(length=32), existing_nullable=False
        )

    with op.batch_alter_table("shipment", schema=None) as batch_op:
        batch_op.drop_column("events")
        batch_op.drop_column("state")

    with op.batch_alter_table("seller_policy", schema=None) as batch_op:
        batch_op.drop_column("clause_texts")
        batch_op.drop_column("ship_back_days")
        batch_op.drop_column("negotiation_days")
        batch_op.drop_column("dispute_response_days")
        batch_op.drop_column("dispute_open_after_days")
        batch_op.drop_column("ship_deadline_bd")
        batch_op.drop_column("free_return")
        batch_op.drop_column("return_window_days")
        batch_op.drop_column("max_requests_per_order")
        batch_op.drop_column("partial_cancel")
        batch_op.drop_column("refund_shipping")
        batch_op.drop_column("fee_cap")
        batch_op.drop_column("fee_value")
        batch_op.drop_column("fee_kind")
        batch_op.drop_column("after_shipment")

    with op.batch_alter_table("seller", schema=None) as batch_op:
        batch_op.drop_constraint(batch_op.f("uq_seller_external_id"), type_="unique")
        batch_op.drop_column("cancel_defect_count")
        batch_op.drop_column("external_id")
        batch_op.drop_column("timezone")

    with op.batch_alter_table("refund_leg", schema=None) as batch_op:
        batch_op.drop_constraint(batch_op.f("fk_refund_leg_replaces_leg_id"), type_="foreignkey")
        batch_op.drop_constraint(batch_op.f("uq_refund_leg_replaces_leg_id"), type_="unique")
        batch_op.drop_constraint(batch_op.f("uq_refund_leg_psp_refund_ref"), type_="unique")
        batch_op.drop_index("ix_refund_leg_state")
        batch_op.drop_column("checked_at")
        batch_op.drop_column("event_at")
        batch_op.drop_column("action_url")
        batch_op.drop_column("action_by")
        batch_op.drop_column("submitted_at")
        batch_op.drop_column("psp_refund_ref")
        batch_op.drop_column("tries")
        batch_op.drop_column("attempt")
        batch_op.drop_column("replaces_leg_id")

    with op.batch_alter_table("refund", schema=None) as batch_op:
        batch_op.drop_column("shipping_kept")

    with op.batch_alter_table("payment_alloc", schema=None) as batch_op:
        batch_op.drop_column("charged_back")
        batch_op.drop_column("refunded")
        batch_op.drop_column("voided")

    with op.batch_alter_table("payment", schema=None) as batch_op:
        batch_op.drop_constraint(batch_op.f("uq_payment_psp_ref"), type_="unique")
        batch_op.drop_column("presentment_amount")
        batch_op.drop_column("presentment_currency")
        batch_op.drop_column("psp_ref")
        batch_op.drop_column("psp")
        batch_op.drop_column("voided")

    with op.batch_alter_table("outbox", schema=None) as batch_op:
        batch_op.drop_column("last_error")
        batch_op.drop_column("dead_at")
        batch_op.drop_column("next_at")
        batch_op.drop_column("attempts")

    with op.batch_alter_table("orders", schema=None) as batch_op:
        batch_op.drop_constraint(batch_op.f("uq_orders_external_id"), type_="unique")
        batch_op.drop_index(
            "ix_orders_ship_by",
            sqlite_where=sa.text("status IN ('to_ship', 'partially_shipped')"),
            postgresql_where=sa.text("status IN ('to_ship', 'partially_shipped')"),
        )
        batch_op.drop_index(
            "ix_orders_review_by",
            sqlite_where=sa.text("status = 'payment_review'"),
            postgresql_where=sa.text("status = 'payment_review'"),
        )
        batch_op.drop_index(
            "ix_orders_protect_until",
            sqlite_where=sa.text("status IN ('shipped', 'delivered')"),
            postgresql_where=sa.text("status IN ('shipped', 'delivered')"),
        )
        batch_op.drop_index(
            "ix_orders_pay_by",
            sqlite_where=sa.text("status = 'awaiting_payment'"),
            postgresql_where=sa.text("status = 'awaiting_payment'"),
        )
        batch_op.create_index(batch_op.f("ix_orders_customer_placed"), ["customer_id", "placed_at"], unique=False)
        batch_op.drop_column("protect_until")
        batch_op.drop_column("tax")
        batch_op.drop_column("external_id")
        batch_op.drop_column("issue")

    with op.batch_alter_table("order_line", schema=None) as batch_op:
        batch_op.drop_index(batch_op.f("ix_order_line_sku"))
        batch_op.drop_column("withdrawal_exempt")
        batch_op.drop_column("coupon_returned")
        batch_op.drop_column("refunded")
        batch_op.drop_column("qty_refunded")
        batch_op.drop_column("qty_returned")
        batch_op.drop_column("tax_alloc")

    with op.batch_alter_table("order_group", schema=None) as batch_op:
        batch_op.drop_constraint(batch_op.f("uq_order_group_external_id"), type_="unique")
        batch_op.drop_column("external_id")

    with op.batch_alter_table("handoff", schema=None) as batch_op:
        batch_op.drop_index("ix_handoff_timer_at")
        batch_op.drop_column("closed_at")
        batch_op.drop_column("timer_at")
        batch_op.drop_column("promised_by")
        batch_op.drop_column("agent_id")

    with op.batch_alter_table("customer", schema=None) as batch_op:
        batch_op.drop_column("anonymised_at")
        batch_op.drop_column("status")

    with op.batch_alter_table("coupon_use", schema=None) as batch_op:
        batch_op.drop_column("returned")
        batch_op.drop_column("kind")

    with op.batch_alter_table("cancellation_request", schema=None) as batch_op:
        batch_op.drop_column("escalated_at")
        batch_op.drop_column("proof_shipped_at")
        batch_op.drop_column("kind")

    with op.batch_alter_table("seller_offer", schema=None) as batch_op:
        batch_op.drop_index(
            "uq_seller_offer_open", sqlite_where=sa.text("state = 'open'"), postgresql_where=sa.text("state = 'open'")
        )
        batch_op.drop_index("ix_seller_offer_due")

    op.drop_table("seller_offer")
    with op.batch_alter_table("required_action", schema=None) as batch_op:
        batch_op.drop_index(batch_op.f("ix_required_action_request_id"))
        batch_op.drop_index(batch_op.f("ix_required_action_order_id"))

    op.drop_table("required_action")
    with op.batch_alter_table("evidence", schema=None) as batch_op:
        batch_op.drop_index(batch_op.f("ix_evidence_customer_id"))

    op.drop_table("evidence")
    op.drop_table("dispute_event")
    op.drop_table("cancellation_request_line")
    with op.batch_alter_table("withdrawal", schema=None) as batch_op:
        batch_op.drop_index(
            "ix_withdrawal_waiting",
            sqlite_where=sa.text("return_id IS NULL AND why = 'in_time'"),
            postgresql_where=sa.text("return_id IS NULL AND why = 'in_time'"),
        )
        batch_op.drop_index(batch_op.f("ix_withdrawal_order_id"))
        batch_op.drop_index(batch_op.f("ix_withdrawal_customer_id"))

    op.drop_table("withdrawal")
    op.drop_table("shipment_line")
    op.drop_table("return_line")
    op.drop_table("refund_line")
    with op.batch_alter_table("dispute", schema=None) as batch_op:
        batch_op.drop_index(
            "uq_dispute_open",
            sqlite_where=sa.text("state NOT IN ('resolved', 'withdrawn')"),
            postgresql_where=sa.text("state NOT IN ('resolved', 'withdrawn')"),
        )
        batch_op.drop_index("ix_dispute_state")
        batch_op.drop_index(batch_op.f("ix_dispute_order_id_opened_at"))
        batch_op.drop_index(batch_op.f("ix_dispute_customer_id"))

    op.drop_table("dispute")
    with op.batch_alter_table("seller_message", schema=None) as batch_op:
        batch_op.drop_index(batch_op.f("ix_seller_message_order_id_sent_at"))
        batch_op.drop_index(batch_op.f("ix_seller_message_customer_id"))

    op.drop_table("seller_message")
    with op.batch_alter_table("return_request", schema=None) as batch_op:
        batch_op.drop_index(
            "uq_return_open",
            sqlite_where=sa.text("state IN ('requested', 'approved', 'in_transit', 'received')"),
            postgresql_where=sa.text("state IN ('requested', 'approved', 'in_transit', 'received')"),
        )
        batch_op.drop_index("ix_return_state")
        batch_op.drop_index(batch_op.f("ix_return_request_order_id"))
        batch_op.drop_index(batch_op.f("ix_return_request_customer_id"))

    op.drop_table("return_request")
    with op.batch_alter_table("order_term", schema=None) as batch_op:
        batch_op.drop_index(batch_op.f("ix_order_term_order_id"))

    op.drop_table("order_term")
    with op.batch_alter_table("chargeback", schema=None) as batch_op:
        batch_op.drop_index(batch_op.f("ix_chargeback_payment_id_state"))

    op.drop_table("chargeback")
    op.drop_table("erasure_item")
    with op.batch_alter_table("stock_watch", schema=None) as batch_op:
        batch_op.drop_index(
            "uq_stock_watch_active",
            sqlite_where=sa.text("state = 'active'"),
            postgresql_where=sa.text("state = 'active'"),
        )
        batch_op.drop_index(batch_op.f("ix_stock_watch_sku_state"))

    op.drop_table("stock_watch")
    with op.batch_alter_table("seller_api_key", schema=None) as batch_op:
        batch_op.drop_index(batch_op.f("ix_seller_api_key_seller_id"))

    op.drop_table("seller_api_key")
    with op.batch_alter_table("erasure_request", schema=None) as batch_op:
        batch_op.drop_index(
            "uq_erasure_open",
            sqlite_where=sa.text("state NOT IN ('cancelled', 'completed', 'refused')"),
            postgresql_where=sa.text("state NOT IN ('cancelled', 'completed', 'refused')"),
        )
        batch_op.drop_index("ix_erasure_state")
        batch_op.drop_index("ix_erasure_check_at")

    op.drop_table("erasure_request")
    op.drop_table("inbox")


def _set_checks(before: dict[str, dict[str, str]], after: dict[str, dict[str, str]]) -> None:
    for table in before:
        gone = [name for name, condition in before[table].items() if after[table].get(name) != condition]
        new = [name for name, condition in after[table].items() if before[table].get(name) != condition]
        with op.batch_alter_table(table) as batch:
            for name in gone:
                batch.drop_constraint(op.f(f"ck_{table}_{name}"), type_="check")
            for name in new:
                batch.create_check_constraint(op.f(f"ck_{table}_{name}"), sa.text(after[table][name]))
