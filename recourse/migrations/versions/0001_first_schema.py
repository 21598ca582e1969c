"""first schema

Revision: 0001, after: nothing. Made 2026-11-24.
"""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

from recourse.core import db

revision = "0001"
down_revision = None
branch_labels = None
depends_on = None


def upgrade() -> None:
    op.create_table(
        "customer",
        sa.Column("id", sa.String(length=64), nullable=False),
        sa.Column("display_name", sa.String(length=80), nullable=False),
        sa.Column("locale", sa.String(length=20), nullable=False),
        sa.Column("timezone", sa.String(length=60), nullable=False),
        sa.Column("country", sa.String(length=2), nullable=False),
        sa.Column("is_consumer", sa.Boolean(), nullable=False),
        sa.Column("version", sa.Integer(), nullable=False),
        sa.Column("created_at", db.UtcDateTime(), server_default=sa.func.now(), nullable=False),
        sa.Column("updated_at", db.UtcDateTime(), server_default=sa.func.now(), nullable=False),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_customer")),
    )
    op.create_table(
        "idempotency_key",
        sa.Column("key", sa.String(length=128), nullable=False),
        sa.Column("operation", sa.String(length=40), nullable=False),
        sa.Column("customer_id", sa.String(length=64), nullable=False),
        sa.Column("params_hash", sa.String(length=64), nullable=False),
        sa.Column("response", db.Json, nullable=False),
        sa.Column("created_at", db.UtcDateTime(), nullable=False),
        sa.PrimaryKeyConstraint("key", "operation", name=op.f("pk_idempotency_key")),
    )
    op.create_index(op.f("ix_idempotency_key_customer_id"), "idempotency_key", ["customer_id"], unique=False)
    op.create_table(
        "outbox",
        sa.Column("id", sa.String(length=32), nullable=False),
        sa.Column("topic", sa.String(length=40), nullable=False),
        sa.Column("customer_id", sa.String(length=64), nullable=False),
        sa.Column("payload", db.Json, nullable=False),
        sa.Column("dedupe_key", sa.String(length=128), nullable=False),
        sa.Column("created_at", db.UtcDateTime(), nullable=False),
        sa.Column("done_at", db.UtcDateTime(), nullable=True),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_outbox")),
        sa.UniqueConstraint("dedupe_key", name=op.f("uq_outbox_dedupe_key")),
    )
    op.create_index(
        "ix_outbox_open",
        "outbox",
        ["topic", "customer_id"],
        unique=False,
        sqlite_where=sa.text("done_at IS NULL"),
        postgresql_where=sa.text("done_at IS NULL"),
    )
    op.create_table(
        "refund_sla",
        sa.Column("method", sa.String(length=20), nullable=False),
        sa.Column("min_bd", sa.Integer(), nullable=False),
        sa.Column("max_bd", sa.Integer(), nullable=False),
        sa.Column("source", sa.String(length=80), nullable=False),
        sa.CheckConstraint("min_bd >= 0 AND max_bd >= min_bd", name=op.f("ck_refund_sla_range")),
        sa.PrimaryKeyConstraint("method", name=op.f("pk_refund_sla")),
    )
    op.create_table(
        "seller",
        sa.Column("id", sa.String(length=32), nullable=False),
        sa.Column("name", sa.String(length=80), nullable=False),
        sa.Column("is_trader", sa.Boolean(), nullable=False),
        sa.Column("country", sa.String(length=2), nullable=False),
        sa.Column("version", sa.Integer(), nullable=False),
        sa.Column("created_at", db.UtcDateTime(), server_default=sa.func.now(), nullable=False),
        sa.Column("updated_at", db.UtcDateTime(), server_default=sa.func.now(), nullable=False),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_seller")),
    )
    op.create_table(
        "transition_log",
        sa.Column("id", sa.BigInteger().with_variant(sa.Integer(), "sqlite"), nullable=False),
        sa.Column("entity_type", sa.String(length=40), nullable=False),
        sa.Column("entity_id", sa.String(length=32), nullable=False),
        sa.Column("from_state", sa.String(length=40), nullable=True),
        sa.Column("to_state", sa.String(length=40), nullable=False),
        sa.Column("actor_type", sa.String(length=20), nullable=False),
        sa.Column("actor_id", sa.String(length=64), nullable=True),
        sa.Column("reason", sa.String(length=500), nullable=True),
        sa.Column("at", db.UtcDateTime(), nullable=False),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_transition_log")),
    )
    op.create_index(
        op.f("ix_transition_log_entity_type_entity_id"), "transition_log", ["entity_type", "entity_id"], unique=False
    )
    op.create_table(
        "conversation",
        sa.Column("id", sa.String(length=32), nullable=False),
        sa.Column("customer_id", sa.String(length=64), nullable=False),
        sa.Column("channel", sa.String(length=20), nullable=False),
        sa.Column("client_key", sa.String(length=128), nullable=False),
        sa.Column("state", sa.String(length=20), nullable=False),
        sa.Column("locale", sa.String(length=20), nullable=False),
        sa.Column("timezone", sa.String(length=60), nullable=False),
        sa.Column("next_seq", sa.Integer(), nullable=False),
        sa.Column("delivered_seq", sa.Integer(), nullable=False),
        sa.Column("opened_at", db.UtcDateTime(), nullable=False),
        sa.Column("last_at", db.UtcDateTime(), nullable=False),
        sa.ForeignKeyConstraint(["customer_id"], ["customer.id"], name=op.f("fk_conversation_customer_id")),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_conversation")),
        sa.UniqueConstraint(
            "customer_id", "channel", "client_key", name=op.f("uq_conversation_customer_id_channel_client_key")
        ),
    )
    op.create_index(op.f("ix_conversation_customer_id"), "conversation", ["customer_id"], unique=False)
    op.create_table(
        "order_group",
        sa.Column("id", sa.String(length=32), nullable=False),
        sa.Column("customer_id", sa.String(length=64), nullable=False),
        sa.Column("currency", sa.String(length=3), nullable=False),
        sa.Column("placed_at", db.UtcDateTime(), nullable=False),
        sa.ForeignKeyConstraint(["customer_id"], ["customer.id"], name=op.f("fk_order_group_customer_id")),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_order_group")),
    )
    op.create_index(op.f("ix_order_group_customer_id"), "order_group", ["customer_id"], unique=False)
    op.create_table(
        "seller_policy",
        sa.Column("id", sa.String(length=32), nullable=False),
        sa.Column("seller_id", sa.String(length=32), nullable=True),
        sa.Column("policy_version", sa.Integer(), nullable=False),
        sa.Column("valid_from", db.UtcDateTime(), nullable=False),
        sa.Column("response_hours", sa.Integer(), nullable=False),
        sa.Column("on_silence", sa.String(length=10), nullable=False),
        sa.Column("ship_while_pending", sa.String(length=12), nullable=False),
        sa.Column("coupon_on_refund", sa.String(length=20), nullable=False),
        sa.Column("dispute_close_after_days", sa.Integer(), nullable=False),
        sa.Column("clause", sa.Text(), nullable=True),
        sa.CheckConstraint("coupon_on_refund IN ('balance', 'none')", name=op.f("ck_seller_policy_coupon_on_refund")),
        sa.CheckConstraint("on_silence IN ('approve', 'reject')", name=op.f("ck_seller_policy_on_silence")),
        sa.CheckConstraint(
            "ship_while_pending IN ('supersedes', 'block')", name=op.f("ck_seller_policy_ship_while_pending")
        ),
        sa.CheckConstraint("response_hours > 0", name=op.f("ck_seller_policy_response_hours")),
        sa.ForeignKeyConstraint(["seller_id"], ["seller.id"], name=op.f("fk_seller_policy_seller_id")),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_seller_policy")),
        sa.UniqueConstraint("seller_id", "policy_version", name=op.f("uq_seller_policy_seller_id_policy_version")),
    )
    op.create_table(
        "wallet_entry",
        sa.Column("id", sa.String(length=32), nullable=False),
        sa.Column("customer_id", sa.String(length=64), nullable=False),
        sa.Column("amount", sa.BigInteger(), nullable=False),
        sa.Column("currency", sa.String(length=3), nullable=False),
        sa.Column("kind", sa.String(length=20), nullable=False),
        sa.Column("source_type", sa.String(length=20), nullable=False),
        sa.Column("source_id", sa.String(length=32), nullable=False),
        sa.Column("at", db.UtcDateTime(), nullable=False),
        sa.ForeignKeyConstraint(["customer_id"], ["customer.id"], name=op.f("fk_wallet_entry_customer_id")),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_wallet_entry")),
        sa.UniqueConstraint(
            "source_type", "source_id", "kind", name=op.f("uq_wallet_entry_source_type_source_id_kind")
        ),
    )
    op.create_index(op.f("ix_wallet_entry_customer_id"), "wallet_entry", ["customer_id"], unique=False)
    op.create_table(
        "button",
        sa.Column("token", sa.String(length=43), nullable=False),
        sa.Column("conversation_id", sa.String(length=32), nullable=False),
        sa.Column("message_seq", sa.Integer(), nullable=False),
        sa.Column("title", sa.String(length=200), nullable=False),
        sa.Column("payload", sa.Text(), nullable=False),
        sa.Column("expires_at", db.UtcDateTime(), nullable=False),
        sa.Column("used_at", db.UtcDateTime(), nullable=True),
        sa.ForeignKeyConstraint(["conversation_id"], ["conversation.id"], name=op.f("fk_button_conversation_id")),
        sa.PrimaryKeyConstraint("token", name=op.f("pk_button")),
    )
    op.create_index(
        op.f("ix_button_conversation_id_message_seq"), "button", ["conversation_id", "message_seq"], unique=False
    )
    op.create_table(
        "handoff",
        sa.Column("id", sa.String(length=32), nullable=False),
        sa.Column("case_no", sa.String(length=16), nullable=False),
        sa.Column("conversation_id", sa.String(length=32), nullable=False),
        sa.Column("customer_id", sa.String(length=64), nullable=False),
        sa.Column("state", sa.String(length=10), nullable=False),
        sa.Column("priority", sa.String(length=10), nullable=False),
        sa.Column("reason_code", sa.String(length=40), nullable=False),
        sa.Column("payload", db.Json, nullable=False),
        sa.Column("opened_at", db.UtcDateTime(), nullable=False),
        sa.Column("version", sa.Integer(), nullable=False),
        sa.Column("created_at", db.UtcDateTime(), server_default=sa.func.now(), nullable=False),
        sa.Column("updated_at", db.UtcDateTime(), server_default=sa.func.now(), nullable=False),
        sa.ForeignKeyConstraint(["conversation_id"], ["conversation.id"], name=op.f("fk_handoff_conversation_id")),
        sa.ForeignKeyConstraint(["customer_id"], ["customer.id"], name=op.f("fk_handoff_customer_id")),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_handoff")),
        sa.UniqueConstraint("case_no", name=op.f("uq_handoff_case_no")),
    )
    op.create_index(op.f("ix_handoff_customer_id"), "handoff", ["customer_id"], unique=False)
    op.create_index(
        "uq_handoff_open",
        "handoff",
        ["conversation_id"],
        unique=True,
        sqlite_where=sa.text("state IN ('queued', 'ticket', 'active')"),
        postgresql_where=sa.text("state IN ('queued', 'ticket', 'active')"),
    )
    op.create_table(
        "message",
        sa.Column("id", sa.String(length=32), nullable=False),
        sa.Column("conversation_id", sa.String(length=32), nullable=False),
        sa.Column("seq", sa.Integer(), nullable=False),
        sa.Column("author", sa.String(length=10), nullable=False),
        sa.Column("cid", sa.String(length=64), nullable=True),
        sa.Column("text", sa.Text(), nullable=False),
        sa.Column("engine_text", sa.Text(), nullable=True),
        sa.Column("buttons", db.Json, nullable=False),
        sa.Column("at", db.UtcDateTime(), nullable=False),
        sa.Column("handled_at", db.UtcDateTime(), nullable=True),
        sa.ForeignKeyConstraint(["conversation_id"], ["conversation.id"], name=op.f("fk_message_conversation_id")),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_message")),
        sa.UniqueConstraint("conversation_id", "cid", name=op.f("uq_message_conversation_id_cid")),
        sa.UniqueConstraint("conversation_id", "seq", name=op.f("uq_message_conversation_id_seq")),
    )
    op.create_index(
        "ix_message_waiting",
        "message",
        ["conversation_id"],
        unique=False,
        sqlite_where=sa.text("author = 'buyer' AND handled_at IS NULL"),
        postgresql_where=sa.text("author = 'buyer' AND handled_at IS NULL"),
    )
    op.create_table(
        "orders",
        sa.Column("id", sa.String(length=32), nullable=False),
        sa.Column("number", sa.String(length=16), nullable=False),
        sa.Column("group_id", sa.String(length=32), nullable=False),
        sa.Column("customer_id", sa.String(length=64), nullable=False),
        sa.Column("seller_id", sa.String(length=32), nullable=False),
        sa.Column("status", sa.String(length=20), nullable=False),
        sa.Column("frozen", sa.Boolean(), nullable=False),
        sa.Column("frozen_reason", sa.String(length=40), nullable=True),
        sa.Column("currency", sa.String(length=3), nullable=False),
        sa.Column("gross", sa.BigInteger(), nullable=False),
        sa.Column("discount", sa.BigInteger(), nullable=False),
        sa.Column("shipping", sa.BigInteger(), nullable=False),
        sa.Column("total_paid", sa.BigInteger(), nullable=False),
        sa.Column("policy_id", sa.String(length=32), nullable=True),
        sa.Column("policy_snapshot", db.Json, nullable=False),
        sa.Column("placed_at", db.UtcDateTime(), nullable=False),
        sa.Column("pay_by", db.UtcDateTime(), nullable=True),
        sa.Column("review_by", db.UtcDateTime(), nullable=True),
        sa.Column("ship_by", db.UtcDateTime(), nullable=True),
        sa.Column("paid_at", db.UtcDateTime(), nullable=True),
        sa.Column("shipped_at", db.UtcDateTime(), nullable=True),
        sa.Column("delivered_at", db.UtcDateTime(), nullable=True),
        sa.Column("completed_at", db.UtcDateTime(), nullable=True),
        sa.Column("cancelled_at", db.UtcDateTime(), nullable=True),
        sa.Column("close_reason", sa.String(length=40), nullable=True),
        sa.Column("scenario", sa.String(length=30), nullable=True),
        sa.Column("version", sa.Integer(), nullable=False),
        sa.Column("created_at", db.UtcDateTime(), server_default=sa.func.now(), nullable=False),
        sa.Column("updated_at", db.UtcDateTime(), server_default=sa.func.now(), nullable=False),
        sa.CheckConstraint("total_paid >= 0", name=op.f("ck_orders_total_paid")),
        sa.ForeignKeyConstraint(["customer_id"], ["customer.id"], name=op.f("fk_orders_customer_id")),
        sa.ForeignKeyConstraint(["group_id"], ["order_group.id"], name=op.f("fk_orders_group_id")),
        sa.ForeignKeyConstraint(["policy_id"], ["seller_policy.id"], name=op.f("fk_orders_policy_id")),
        sa.ForeignKeyConstraint(["seller_id"], ["seller.id"], name=op.f("fk_orders_seller_id")),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_orders")),
        sa.UniqueConstraint("number", name=op.f("uq_orders_number")),
    )
    op.create_index("ix_orders_customer_placed", "orders", ["customer_id", "placed_at"], unique=False)
    op.create_index(op.f("ix_orders_group_id"), "orders", ["group_id"], unique=False)
    op.create_index(op.f("ix_orders_scenario"), "orders", ["scenario"], unique=False)
    op.create_index(op.f("ix_orders_seller_id"), "orders", ["seller_id"], unique=False)
    op.create_index(op.f("ix_orders_status"), "orders", ["status"], unique=False)
    op.create_table(
        "payment",
        sa.Column("id", sa.String(length=32), nullable=False),
        sa.Column("group_id", sa.String(length=32), nullable=False),
        sa.Column("method", sa.String(length=20), nullable=False),
        sa.Column("instrument", sa.String(length=60), nullable=False),
        sa.Column("currency", sa.String(length=3), nullable=False),
        sa.Column("authorised", sa.BigInteger(), nullable=False),
        sa.Column("captured", sa.BigInteger(), nullable=False),
        sa.Column("status", sa.String(length=20), nullable=False),
        sa.Column("tender_rank", sa.Integer(), nullable=False),
        sa.Column("version", sa.Integer(), nullable=False),
        sa.Column("created_at", db.UtcDateTime(), server_default=sa.func.now(), nullable=False),
        sa.Column("updated_at", db.UtcDateTime(), server_default=sa.func.now(), nullable=False),
        sa.CheckConstraint("captured >= 0 AND captured <= authorised", name=op.f("ck_payment_captured")),
        sa.ForeignKeyConstraint(["group_id"], ["order_group.id"], name=op.f("fk_payment_group_id")),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_payment")),
    )
    op.create_index(op.f("ix_payment_group_id"), "payment", ["group_id"], unique=False)
    op.create_table(
        "coupon_use",
        sa.Column("id", sa.String(length=32), nullable=False),
        sa.Column("order_id", sa.String(length=32), nullable=False),
        sa.Column("code", sa.String(length=30), nullable=False),
        sa.Column("amount", sa.BigInteger(), nullable=False),
        sa.Column("state", sa.String(length=24), nullable=False),
        sa.Column("valid_until", db.UtcDateTime(), nullable=False),
        sa.Column("version", sa.Integer(), nullable=False),
        sa.Column("created_at", db.UtcDateTime(), server_default=sa.func.now(), nullable=False),
        sa.Column("updated_at", db.UtcDateTime(), server_default=sa.func.now(), nullable=False),
        sa.ForeignKeyConstraint(["order_id"], ["orders.id"], name=op.f("fk_coupon_use_order_id")),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_coupon_use")),
    )
    op.create_index(op.f("ix_coupon_use_order_id"), "coupon_use", ["order_id"], unique=False)
    op.create_table(
        "order_line",
        sa.Column("id", sa.String(length=32), nullable=False),
        sa.Column("order_id", sa.String(length=32), nullable=False),
        sa.Column("position", sa.Integer(), nullable=False),
        sa.Column("sku", sa.String(length=40), nullable=False),
        sa.Column("title", sa.String(length=200), nullable=False),
        sa.Column("qty", sa.Integer(), nullable=False),
        sa.Column("unit_price", sa.BigInteger(), nullable=False),
        sa.Column("coupon_alloc", sa.BigInteger(), nullable=False),
        sa.Column("shipping_alloc", sa.BigInteger(), nullable=False),
        sa.Column("paid_alloc", sa.BigInteger(), nullable=False),
        sa.Column("qty_cancelled", sa.Integer(), nullable=False),
        sa.Column("qty_shipped", sa.Integer(), nullable=False),
        sa.CheckConstraint("qty > 0 AND qty_cancelled >= 0 AND qty_shipped >= 0", name=op.f("ck_order_line_qty")),
        sa.CheckConstraint("qty_cancelled + qty_shipped <= qty", name=op.f("ck_order_line_qty_sum")),
        sa.ForeignKeyConstraint(["order_id"], ["orders.id"], name=op.f("fk_order_line_order_id")),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_order_line")),
        sa.UniqueConstraint("order_id", "position", name=op.f("uq_order_line_order_id_position")),
    )
    op.create_table(
        "payment_alloc",
        sa.Column("payment_id", sa.String(length=32), nullable=False),
        sa.Column("order_id", sa.String(length=32), nullable=False),
        sa.Column("amount", sa.BigInteger(), nullable=False),
        sa.ForeignKeyConstraint(["order_id"], ["orders.id"], name=op.f("fk_payment_alloc_order_id")),
        sa.ForeignKeyConstraint(["payment_id"], ["payment.id"], name=op.f("fk_payment_alloc_payment_id")),
        sa.PrimaryKeyConstraint("payment_id", "order_id", name=op.f("pk_payment_alloc")),
    )
    op.create_index(op.f("ix_payment_alloc_order_id"), "payment_alloc", ["order_id"], unique=False)
    op.create_table(
        "quote",
        sa.Column("id", sa.String(length=32), nullable=False),
        sa.Column("order_id", sa.String(length=32), nullable=False),
        sa.Column("customer_id", sa.String(length=64), nullable=False),
        sa.Column("order_version", sa.Integer(), nullable=False),
        sa.Column("terms", db.Json, nullable=False),
        sa.Column("hash", sa.String(length=64), nullable=False),
        sa.Column("created_at", db.UtcDateTime(), nullable=False),
        sa.Column("expires_at", db.UtcDateTime(), nullable=False),
        sa.ForeignKeyConstraint(["customer_id"], ["customer.id"], name=op.f("fk_quote_customer_id")),
        sa.ForeignKeyConstraint(["order_id"], ["orders.id"], name=op.f("fk_quote_order_id")),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_quote")),
    )
    op.create_index(op.f("ix_quote_order_id"), "quote", ["order_id"], unique=False)
    op.create_table(
        "refund",
        sa.Column("id", sa.String(length=32), nullable=False),
        sa.Column("order_id", sa.String(length=32), nullable=False),
        sa.Column("cause_type", sa.String(length=20), nullable=False),
        sa.Column("cause_id", sa.String(length=32), nullable=False),
        sa.Column("currency", sa.String(length=3), nullable=False),
        sa.Column("paid_part", sa.BigInteger(), nullable=False),
        sa.Column("fee", sa.BigInteger(), nullable=False),
        sa.Column("legs_total", sa.BigInteger(), nullable=False),
        sa.Column("coupon_part", sa.BigInteger(), nullable=False),
        sa.Column("coupon_credit", sa.BigInteger(), nullable=False),
        sa.Column("accepted_at", db.UtcDateTime(), nullable=False),
        sa.Column("version", sa.Integer(), nullable=False),
        sa.Column("created_at", db.UtcDateTime(), server_default=sa.func.now(), nullable=False),
        sa.Column("updated_at", db.UtcDateTime(), server_default=sa.func.now(), nullable=False),
        sa.CheckConstraint("legs_total >= 0 AND fee >= 0 AND coupon_credit >= 0", name=op.f("ck_refund_amounts")),
        sa.ForeignKeyConstraint(["order_id"], ["orders.id"], name=op.f("fk_refund_order_id")),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_refund")),
        sa.UniqueConstraint("cause_type", "cause_id", name=op.f("uq_refund_cause_type_cause_id")),
    )
    op.create_index(op.f("ix_refund_order_id"), "refund", ["order_id"], unique=False)
    op.create_table(
        "shipment",
        sa.Column("id", sa.String(length=32), nullable=False),
        sa.Column("order_id", sa.String(length=32), nullable=False),
        sa.Column("carrier", sa.String(length=40), nullable=False),
        sa.Column("tracking", sa.String(length=40), nullable=False),
        sa.Column("shipped_at", db.UtcDateTime(), nullable=False),
        sa.Column("promised_by", db.UtcDateTime(), nullable=True),
        sa.Column("delivered_at", db.UtcDateTime(), nullable=True),
        sa.ForeignKeyConstraint(["order_id"], ["orders.id"], name=op.f("fk_shipment_order_id")),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_shipment")),
    )
    op.create_index(op.f("ix_shipment_order_id"), "shipment", ["order_id"], unique=False)
    op.create_index(op.f("ix_shipment_tracking"), "shipment", ["tracking"], unique=False)
    op.create_table(
        "cancellation_request",
        sa.Column("id", sa.String(length=32), nullable=False),
        sa.Column("order_id", sa.String(length=32), nullable=False),
        sa.Column("customer_id", sa.String(length=64), nullable=False),
        sa.Column("initiator", sa.String(length=10), nullable=False),
        sa.Column("scope", sa.String(length=10), nullable=False),
        sa.Column("reason_code", sa.String(length=40), nullable=False),
        sa.Column("reason_note", sa.String(length=500), nullable=True),
        sa.Column("fault", sa.String(length=10), nullable=False),
        sa.Column("state", sa.String(length=20), nullable=False),
        sa.Column("quote_id", sa.String(length=32), nullable=True),
        sa.Column("requested_at", db.UtcDateTime(), nullable=False),
        sa.Column("respond_by", db.UtcDateTime(), nullable=True),
        sa.Column("decided_by", sa.String(length=20), nullable=True),
        sa.Column("decided_at", db.UtcDateTime(), nullable=True),
        sa.Column("reject_reason", sa.String(length=500), nullable=True),
        sa.Column("proof_tracking", sa.String(length=40), nullable=True),
        sa.Column("conversation_id", sa.String(length=32), nullable=True),
        sa.Column("idempotency_key", sa.String(length=128), nullable=False),
        sa.Column("version", sa.Integer(), nullable=False),
        sa.Column("created_at", db.UtcDateTime(), server_default=sa.func.now(), nullable=False),
        sa.Column("updated_at", db.UtcDateTime(), server_default=sa.func.now(), nullable=False),
        sa.ForeignKeyConstraint(["customer_id"], ["customer.id"], name=op.f("fk_cancellation_request_customer_id")),
        sa.ForeignKeyConstraint(["order_id"], ["orders.id"], name=op.f("fk_cancellation_request_order_id")),
        sa.ForeignKeyConstraint(["quote_id"], ["quote.id"], name=op.f("fk_cancellation_request_quote_id")),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_cancellation_request")),
        sa.UniqueConstraint("idempotency_key", name=op.f("uq_cancellation_request_idempotency_key")),
    )
    op.create_index(
        "ix_cancellation_request_due",
        "cancellation_request",
        ["respond_by"],
        unique=False,
        sqlite_where=sa.text("state = 'pending_seller'"),
        postgresql_where=sa.text("state = 'pending_seller'"),
    )
    op.create_index(
        op.f("ix_cancellation_request_order_id_requested_at"),
        "cancellation_request",
        ["order_id", "requested_at"],
        unique=False,
    )
    op.create_index(
        "uq_cancellation_request_open",
        "cancellation_request",
        ["order_id"],
        unique=True,
        sqlite_where=sa.text("state = 'pending_seller'"),
        postgresql_where=sa.text("state = 'pending_seller'"),
    )
    op.create_table(
        "refund_leg",
        sa.Column("id", sa.String(length=32), nullable=False),
        sa.Column("refund_id", sa.String(length=32), nullable=False),
        sa.Column("payment_id", sa.String(length=32), nullable=False),
        sa.Column("rank", sa.Integer(), nullable=False),
        sa.Column("method", sa.String(length=20), nullable=False),
        sa.Column("instrument", sa.String(length=60), nullable=False),
        sa.Column("amount", sa.BigInteger(), nullable=False),
        sa.Column("currency", sa.String(length=3), nullable=False),
        sa.Column("state", sa.String(length=20), nullable=False),
        sa.Column("expected_from", sa.Date(), nullable=False),
        sa.Column("expected_to", sa.Date(), nullable=False),
        sa.Column("reference", sa.String(length=40), nullable=True),
        sa.Column("failure_reason", sa.String(length=40), nullable=True),
        sa.Column("settled_at", db.UtcDateTime(), nullable=True),
        sa.Column("idempotency_key", sa.String(length=64), nullable=False),
        sa.Column("version", sa.Integer(), nullable=False),
        sa.Column("created_at", db.UtcDateTime(), server_default=sa.func.now(), nullable=False),
        sa.Column("updated_at", db.UtcDateTime(), server_default=sa.func.now(), nullable=False),
        sa.CheckConstraint("amount > 0", name=op.f("ck_refund_leg_amount")),
        sa.ForeignKeyConstraint(["payment_id"], ["payment.id"], name=op.f("fk_refund_leg_payment_id")),
        sa.ForeignKeyConstraint(["refund_id"], ["refund.id"], name=op.f("fk_refund_leg_refund_id")),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_refund_leg")),
        sa.UniqueConstraint("idempotency_key", name=op.f("uq_refund_leg_idempotency_key")),
    )
    op.create_index(op.f("ix_refund_leg_payment_id"), "refund_leg", ["payment_id"], unique=False)
    op.create_index(op.f("ix_refund_leg_refund_id"), "refund_leg", ["refund_id"], unique=False)


def downgrade() -> None:
    op.drop_index(op.f("ix_refund_leg_refund_id"), table_name="refund_leg")
    op.drop_index(op.f("ix_refund_leg_payment_id"), table_name="refund_leg")
    op.drop_table("refund_leg")
    op.drop_index(
        "uq_cancellation_request_open",
        table_name="cancellation_request",
        sqlite_where=sa.text("state = 'pending_seller'"),
        postgresql_where=sa.text("state = 'pending_seller'"),
    )
    op.drop_index(op.f("ix_cancellation_request_order_id_requested_at"), table_name="cancellation_request")
    op.drop_index(
        "ix_cancellation_request_due",
        table_name="cancellation_request",
        sqlite_where=sa.text("state = 'pending_seller'"),
        postgresql_where=sa.text("state = 'pending_seller'"),
    )
    op.drop_table("cancellation_request")
    op.drop_index(op.f("ix_shipment_tracking"), table_name="shipment")
    op.drop_index(op.f("ix_shipment_order_id"), table_name="shipment")
    op.drop_table("shipment")
    op.drop_index(op.f("ix_refund_order_id"), table_name="refund")
    op.drop_table("refund")
    op.drop_index(op.f("ix_quote_order_id"), table_name="quote")
    op.drop_table("quote")
    op.drop_index(op.f("ix_payment_alloc_order_id"), table_name="payment_alloc")
    op.drop_table("payment_alloc")
    op.drop_table("order_line")
    op.drop_index(op.f("ix_coupon_use_order_id"), table_name="coupon_use")
    op.drop_table("coupon_use")
    op.drop_index(op.f("ix_payment_group_id"), table_name="payment")
    op.drop_table("payment")
    op.drop_index(op.f("ix_orders_status"), table_name="orders")
    op.drop_index(op.f("ix_orders_seller_id"), table_name="orders")
    op.drop_index(op.f("ix_orders_scenario"), table_name="orders")
    op.drop_index(op.f("ix_orders_group_id"), table_name="orders")
    op.drop_index("ix_orders_customer_placed", table_name="orders")
    op.drop_table("orders")
    op.drop_index(
        "ix_message_waiting",
        table_name="message",
        sqlite_where=sa.text("author = 'buyer' AND handled_at IS NULL"),
        postgresql_where=sa.text("author = 'buyer' AND handled_at IS NULL"),
    )
    op.drop_table("message")
    op.drop_index(
        "uq_handoff_open",
        table_name="handoff",
        sqlite_where=sa.text("state IN ('queued', 'ticket', 'active')"),
        postgresql_where=sa.text("state IN ('queued', 'ticket', 'active')"),
    )
    op.drop_index(op.f("ix_handoff_customer_id"), table_name="handoff")
    op.drop_table("handoff")
    op.drop_index(op.f("ix_button_conversation_id_message_seq"), table_name="button")
    op.drop_table("button")
    op.drop_index(op.f("ix_wallet_entry_customer_id"), table_name="wallet_entry")
    op.drop_table("wallet_entry")
    op.drop_table("seller_policy")
    op.drop_index(op.f("ix_order_group_customer_id"), table_name="order_group")
    op.drop_table("order_group")
    op.drop_index(op.f("ix_conversation_customer_id"), table_name="conversation")
    op.drop_table("conversation")
    op.drop_index(op.f("ix_transition_log_entity_type_entity_id"), table_name="transition_log")
    op.drop_table("transition_log")
    op.drop_table("seller")
    op.drop_table("refund_sla")
    op.drop_index(
        "ix_outbox_open",
        table_name="outbox",
        sqlite_where=sa.text("done_at IS NULL"),
        postgresql_where=sa.text("done_at IS NULL"),
    )
    op.drop_table("outbox")
    op.drop_index(op.f("ix_idempotency_key_customer_id"), table_name="idempotency_key")
    op.drop_table("idempotency_key")
    op.drop_table("customer")
