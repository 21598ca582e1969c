"""Bringing orders in: whole or not at all, once, and only along the machines."""

from __future__ import annotations

import threading
from itertools import pairwise

import pytest
from sqlalchemy import Engine, func, select

from recourse.audit import service as audit
from recourse.core.db import reading, transaction
from recourse.core.outbox import Outbox
from recourse.core.transitions import Actor, TransitionLog
from recourse.customers import service as customers
from recourse.customers.models import Customer
from recourse.exchange import formats
from recourse.exchange import service as exchange
from recourse.exchange.service import CREATED, FAILED, UNCHANGED, UPDATED
from recourse.fulfilment import service as fulfilment
from recourse.migrations.tables import metadata
from recourse.orders import finding
from recourse.orders import service as orders
from recourse.orders.models import Order, OrderGroup, Payment
from recourse.orders.rules import ORDER_MACHINE, STATES, OrderView
from recourse.orders.search import OrderQuery
from recourse.refunds import service as refunds
from recourse.refunds.models import RefundLeg, WalletEntry
from recourse.sellers import service as sellers
from tests.unit.exchange.conftest import BASE, PARCEL, REFUND, Desk, Record, in_status, record


def see(desk: Desk, external_id: str = "SO-1") -> OrderView:
    with reading(desk.engine) as session:
        order_id = session.scalars(select(Order.id).where(Order.external_id == external_id)).one()
        return orders.get_by_id(session, order_id)


def count(desk: Desk) -> dict[str, int]:
    """Rows of every table."""
    with reading(desk.engine) as session:
        return {
            table.name: session.scalar(select(func.count()).select_from(table)) or 0 for table in metadata.sorted_tables
        }


def only(desk: Desk, made: Record) -> tuple[str, str | None]:
    (outcome,) = desk.bring(made)
    return outcome.result, outcome.error


def test_an_order_comes_in_with_all_that_hangs_on_it(desk: Desk) -> None:
    (outcome,) = desk.bring(record("SO-1001", shipping_minor=400, tax_minor=100, group="cart-1"))
    assert (outcome.line, outcome.external_id, outcome.result, outcome.error) == (1, "SO-1001", CREATED, None)
    order = see(desk, "SO-1001")
    assert order.number == outcome.number
    assert (order.customer_id, order.seller, order.external_id) == ("kim", "Lindenhof Keramik", "SO-1001")
    assert (order.gross, order.discount, order.shipping, order.tax, order.total_paid) == (5499, 1000, 400, 100, 4999)
    assert [(line.qty, line.coupon_alloc, line.shipping_alloc, line.paid_alloc) for line in order.lines] == [
        (2, 546, 218, 2727),
        (1, 454, 182, 2272),
    ]
    assert [(t.method, t.instrument, t.amount, t.captured) for t in order.tenders] == [
        ("card", "Visa ending 4242", 4999, True)
    ]
    assert [(c.code, c.state) for c in order.coupons] == [("TEN", "used")]
    assert order.ship_by is not None and order.ship_by > desk.now
    with reading(desk.engine) as session:
        found = finding.find(session, "kim", OrderQuery(text="where is my teapot or the tea pot from lindenhof"))
        assert [each.number for each in found.orders] == [order.number]
        assert [
            each.number for each in finding.find(session, "kim", OrderQuery(text="order so-1001 please")).orders
        ] == [order.number]
        assert finding.find(session, "somebody", OrderQuery(text="order SO-1001 please")).orders == ()
        buyer = customers.get(session, "kim")
        assert (buyer.name, buyer.timezone, buyer.country) == ("Kim Tester", "Europe/Berlin", "DE")
        assert session.scalars(select(OrderGroup.external_id)).one() == "cart-1"


@pytest.mark.parametrize("status", STATES)
def test_an_order_in_every_status_comes_in_once_with_its_history(desk: Desk, status: str) -> None:
    assert only(desk, in_status(status)) == (CREATED, None)
    before = count(desk)
    order = see(desk)
    assert order.state == status
    with reading(desk.engine) as session:
        moves = [(move["from"], move["to"]) for move in orders.history(session, order.id)]
        assert all(move in ORDER_MACHINE for move in moves)
        assert [to for _, to in moves][-1] == status and moves[0][0] is None
        assert all(before[1] == after[0] for before, after in pairwise(moves))
    desk.later(hours=1)
    assert only(desk, in_status(status)) == (UNCHANGED, None)
    assert count(desk) == before


def test_refunds_come_in_as_they_stand_and_nothing_is_sent(desk: Desk) -> None:
    desk.bring(in_status("cancelled"))
    order = see(desk)
    assert [(line.refunded, line.qty_refunded, line.qty_cancelled) for line in order.lines] == [
        (2727, 2, 2),
        (2272, 1, 1),
    ]
    assert [tender.left for tender in order.tenders] == [0]
    with reading(desk.engine) as session:
        (refund,) = refunds.all_of(session, order.id, desk.now.date())
        assert [(leg.state, leg.amount.amount_minor, leg.reference) for leg in refund.legs] == [
            ("succeeded", 4999, "ARN1")
        ]
        assert session.scalars(select(Outbox)).all() == []


def test_a_fee_that_the_policy_allows_for_a_sent_parcel_is_no_violation(desk: Desk) -> None:
    policy = {
        "after_shipment": "ask_seller",
        "fee_kind": "fixed",
        "fee_value": 500,
        "clause": "Calling it back costs 5.00.",
    }
    less = REFUND | {"fee_minor": 500, "legs": [REFUND["legs"][0] | {"amount_minor": 4499}]}
    (outcome,) = desk.bring(in_status("closed", policy=policy, refunds=[less]))
    assert outcome.result == CREATED, outcome.error
    with reading(desk.engine) as session:
        assert audit.violations(session) == []


def test_a_leg_that_failed_and_the_one_that_replaced_it(desk: Desk) -> None:
    leg = REFUND["legs"][0]
    failed = leg | {"state": "failed", "failure_reason": "expired_card", "reference": None}
    legs = [{name: value for name, value in failed.items() if value is not None}, leg | {"state": "processing"}]
    refund = REFUND | {"legs": [legs[0], {k: v for k, v in legs[1].items() if k != "settled_at"}]}
    assert only(desk, in_status("cancelled", refunds=[refund])) == (CREATED, None)
    with reading(desk.engine) as session:
        rows = session.scalars(select(RefundLeg).order_by(RefundLeg.attempt)).all()
        assert [(row.attempt, row.state) for row in rows] == [(1, "failed"), (2, "processing")]
        assert rows[1].replaces_leg_id == rows[0].id


def test_what_was_paid_from_the_balance_leaves_the_balance_even(desk: Desk) -> None:
    paid = [
        {"method": "card", "instrument": "Visa ending 4242", "amount_minor": 4000, "status": "captured"},
        {"method": "balance", "instrument": "shop balance", "amount_minor": 999, "status": "captured"},
    ]
    assert only(desk, record(payments=paid)) == (CREATED, None)
    with reading(desk.engine) as session:
        entries = [(row.kind, row.amount) for row in session.scalars(select(WalletEntry))]
        assert sorted(entries) == [("adjustment", 999), ("spend", -999)]


def test_orders_of_one_checkout_share_its_payment(desk: Desk) -> None:
    card = BASE["payments"][0] | {"psp_ref": "pi_shared"}
    made = [record(f"SO-{n}", group="cart-9", payments=[card]) for n in (1, 2)]
    assert [outcome.result for outcome in desk.bring(*made)] == [CREATED, CREATED]
    assert [outcome.result for outcome in desk.bring(record("SO-3", group="cart-9", payments=[card]))] == [CREATED]
    with reading(desk.engine) as session:
        payment = session.scalars(select(Payment)).one()
        assert (payment.authorised, payment.captured, payment.voided) == (3 * 4999, 3 * 4999, 0)
        assert session.scalar(select(func.count()).select_from(OrderGroup)) == 1
    assert all(tender.shared for n in (1, 2, 3) for tender in see(desk, f"SO-{n}").tenders)
    other = record("SO-4", group="cart-9", payments=[card | {"instrument": "Visa ending 1"}])
    result, error = only(desk, other)
    assert result == FAILED and "described differently" in str(error)
    result, error = only(desk, record("SO-5", group="cart-9", buyer=BASE["buyer"] | {"sub": "lee"}))
    assert result == FAILED and "another buyer" in str(error)


WRONG: list[tuple[Record, str]] = [
    ({"shipping_minor": 501}, "payments add up to 49.99 EUR but the order costs 50.00 EUR"),
    ({"currency": "JPY"}, None),  # type: ignore[list-item]
    ({"currency": "JPY", "shipping_minor": 501}, "payments add up to 4999 JPY but the order costs 5000 JPY"),
    ({"currency": "KWD", "shipping_minor": 501}, "payments add up to 4.999 KWD but the order costs 5.000 KWD"),
    ({"lines": []}, "lines: Tuple should have at least 1 item"),
    ({"status": "lost"}, "status: Input should be"),
    ({"status": "shipped"}, "status is shipped, but the times, payments and shipments make it to_ship"),
    ({"paid_at": None}, "an order that is to_ship was paid: paid_at is missing"),
    (
        {"paid_at": "2026-11-20T08:00:00Z"},
        "it was to_ship at 2026-11-20T08:00Z, which is before it was awaiting_payment",
    ),
    ({"paid_at": "2026-12-20T08:00:00Z"}, "paid_at is in the future"),
    ({"placed_at": "2026-11-20T09:00:00"}, "placed_at: Input should have timezone info"),
    (
        {"coupons": [BASE["coupons"][0] | {"amount_minor": 9999}]},
        "the coupons take off 45.00 EUR more than the goods cost",
    ),
    ({"seller": {"name": "X", "country": "DE"}}, "seller: give its external_id"),
    ({"policy_version": 9}, "the seller has no version 9 of its policy"),
    ({"policy": {"response_hours": 0}}, "response_hours must be"),
    ({"policy": {"colour": 1}}, "a policy has no colour"),
    ({"number": "RC-1042-7714"}, "number: RC-1042-7714 is not an order number"),
    ({"shipments": [PARCEL | {"lines": [{"line": 3, "qty": 1}]}]}, "shipment PW100 names line 3, but there are 2"),
    (
        {"shipments": [PARCEL | {"lines": [{"line": 1, "qty": 3}]}]},
        "line 1: 3 sent and 0 cancelled, but only 2 were ordered",
    ),
    ({"shipments": [PARCEL, PARCEL]}, "two shipments have the same tracking number"),
    ({"shipments": [PARCEL | {"state": "delivered"}]}, "delivered_at is missing"),
    (
        {"refunds": [REFUND | {"fee_minor": 1}]},
        "a refund gives back 4999 and keeps a fee of 1, but its lines are worth 4999",
    ),
    ({"refunds": [REFUND]}, "sent or cancelled; give qty_cancelled"),
    ({"refunds": [REFUND, REFUND]}, "line 1: more is refunded than was paid for it"),
    ({"status": "cancelled", "cancelled_at": "2026-11-22T10:00:00Z"}, "say how in `refunds`"),
    ({"payments": [BASE["payments"][0] | {"status": "authorised"}]}, "a payment is authorised, but the order was paid"),
    ({"payments": [BASE["payments"][0] | {"instrument": "4242 4242 4242 4242"}]}, "may show at most four digits"),
    ({"payments": [BASE["payments"][0] | {"instrument": "PayPal (k…@example.org)"}]}, None),  # type: ignore[list-item]
    (
        {"payments": [BASE["payments"][0] | {"instrument": "PayPal (kim@example.org)"}]},
        "may not have an e-mail address in it",
    ),
    ({"buyer": BASE["buyer"] | {"name": "kim@example.org"}}, "may not have an e-mail address in it"),
    ({"lines": [BASE["lines"][0] | {"title": "Mug 4111 1111 1111 1111"}]}, "may not have the number of a card"),
    ({"lines": [BASE["lines"][0] | {"title": "Mug\nx"}]}, "may not have line breaks"),
    (
        {"lines": [BASE["lines"][0] | {"unit_price_minor": 15.0}]},
        "lines.0.unit_price_minor: Input should be a valid integer",
    ),
    ({"lines": [BASE["lines"][0] | {"unit_price_minor": -1}]}, "greater than or equal to 0"),
    ({"lines": [BASE["lines"][0] | {"qty": True}]}, "lines.0.qty: Input should be a valid integer"),
    ({"colour": "red"}, "colour: Extra inputs are not permitted"),
]


@pytest.mark.parametrize(("changes", "error"), WRONG, ids=lambda value: str(value)[:60])
def test_a_record_that_makes_no_sense_is_refused_in_words_and_leaves_no_trace(
    desk: Desk, changes: Record, error: str | None
) -> None:
    outcomes = desk.bring(record("SO-0"), record(**changes), record("SO-2"))
    assert [outcome.result for outcome in outcomes] == [CREATED, CREATED if error is None else FAILED, CREATED]
    if error is not None:
        assert outcomes[1].line == 2 and error in (outcomes[1].error or "")
        tables = count(desk)
        assert (tables["orders"], tables["payment"], tables["order_line"]) == (2, 2, 4)


def test_what_the_tables_refuse_is_an_error_of_that_record_only(desk: Desk) -> None:
    desk.bring(record("SO-0", number="RC-1042-7713"))
    outcomes = desk.bring(
        record("SO-2"), record("SO-3", number="RC-1042-7713"), record("SO-4", payments=[BASE["payments"][0]]),
        record("SO-5", payments=[BASE["payments"][0]]), record("SO-6"),
    )  # fmt: skip
    assert [outcome.result for outcome in outcomes] == [CREATED, FAILED, CREATED, FAILED, CREATED]
    assert "used already" in str(outcomes[1].error) and "kim" not in str(outcomes[1].error)


def test_text_that_is_no_record_is_told_by_line(desk: Desk) -> None:
    outcomes = desk.read('{"external_id": "A"\n\n[]\n{}\nnull\n', formats.JSONL)
    assert [(outcome.line, outcome.result) for outcome in outcomes] == [
        (1, FAILED),
        (3, FAILED),
        (4, FAILED),
        (5, FAILED),
    ]
    assert "Field required" in str(outcomes[2].error)


@pytest.mark.parametrize(
    "text",
    ["[" * 100_000, '{"policy": ' * 5000 + "1" + "}" * 5000, '{"placed_at": "0001-01-01T00:00:00+14:00"}'],
    ids=["brackets", "objects", "time"],
)
def test_nesting_without_end_and_times_out_of_range_are_errors_of_their_line(desk: Desk, text: str) -> None:
    (outcome,) = desk.read(text, formats.JSONL)
    assert (outcome.line, outcome.result) == (1, FAILED)


def test_a_line_without_an_end_is_an_error_and_not_a_full_memory(desk: Desk, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(formats, "LINE_MAX", 100)
    outcomes = desk.read("x" * 1000 + "\n" + "y" * 90 + "\n" + "z" * 500, formats.JSONL)
    assert [(each.line, each.error and each.error[:18]) for each in outcomes] == [
        (1, "the line is longer"),
        (2, "Invalid JSON: expe"),
        (3, "the line is longer"),
    ]


def test_the_same_order_twice_in_one_file(desk: Desk) -> None:
    outcomes = desk.bring(in_status("to_ship"), in_status("shipped"), in_status("to_ship"))
    assert [outcome.result for outcome in outcomes] == [CREATED, UPDATED, UNCHANGED]
    assert see(desk).state == "shipped"
    outcomes = desk.bring(record("SO-9", shipping_minor=1), record("SO-9"))
    assert [outcome.result for outcome in outcomes] == [FAILED, CREATED]


def test_people_are_taken_over_once(desk: Desk) -> None:
    desk.bring(record())
    renamed = record("SO-2", buyer=BASE["buyer"] | {"name": "Kim Other"}, seller=BASE["seller"] | {"name": "New name"})
    assert [outcome.result for outcome in desk.bring(renamed)] == [CREATED]
    with reading(desk.engine) as session:
        assert customers.get(session, "kim").name == "Kim Tester"
        assert [seller.name for seller in sellers.everyone(session)] == ["Lindenhof Keramik"]


def test_nothing_comes_in_for_an_erased_buyer(desk: Desk) -> None:
    desk.bring(record())
    with transaction(desk.engine) as session:
        customers.erase(session, "kim", desk.now)
    outcomes = desk.bring(record("SO-2"), record("SO-3", buyer=BASE["buyer"] | {"sub": "lee"}))
    assert [outcome.result for outcome in outcomes] == [FAILED, CREATED]
    assert "was erased" in str(outcomes[0].error)
    with reading(desk.engine) as session:
        assert session.get_one(Customer, "kim").display_name == "deleted"


def test_the_policy_in_force_at_checkout_is_kept(desk: Desk) -> None:
    desk.bring(record("SO-0"))
    with transaction(desk.engine) as session:
        (seller,) = sellers.everyone(session)
        sellers.publish_policy(session, seller.id, desk.now, response_hours=48)
    desk.later(hours=2)
    after = "2026-11-24T13:00:00Z"
    made = [
        record("SO-1"), record("SO-2", placed_at=after, paid_at=after), record("SO-3", policy_version=1),
        record("SO-4", policy={"response_hours": 7}), record("SO-5", placed_at=after, paid_at=after, policy={}),
    ]  # fmt: skip
    assert {outcome.result for outcome in desk.bring(*made)} == {CREATED}
    hours = {each["external_id"]: see(desk, each["external_id"]).policy.response_hours for each in made}
    assert hours == {"SO-1": 24, "SO-2": 48, "SO-3": 48, "SO-4": 7, "SO-5": 24}


def test_deadlines_that_passed_before_the_order_came_in_do_not_end_it(desk: Desk) -> None:
    early = {"placed_at": "2026-09-01T09:00:00Z", "paid_at": "2026-09-01T09:05:00Z"}
    desk.bring(record(**early), record("SO-2", **early, ship_by="2026-09-10T00:00:00Z"))
    assert see(desk).ship_by is None
    assert see(desk, "SO-2").ship_by is not None


# what happened since


def test_an_order_goes_its_way_one_record_after_the_other(desk: Desk) -> None:
    way = ("awaiting_payment", "to_ship", "partially_shipped", "shipped", "delivered", "completed")
    made = [in_status(status) for status in way]
    made[3]["shipments"] = [made[2]["shipments"][0], PARCEL | {"tracking": "PW101", "lines": [{"line": 2, "qty": 1}]}]
    for later in made[4:]:
        later["shipments"] = [
            parcel | {"state": "delivered", "delivered_at": "2026-11-22T10:00:00Z"} for parcel in made[3]["shipments"]
        ]
    assert [only(desk, each) for each in made] == [(CREATED, None)] + [(UPDATED, None)] * 5
    order = see(desk)
    assert order.state == "completed" and order.unsent == {}
    before = count(desk)
    assert [only(desk, each) for each in made] == [(UNCHANGED, None)] * 6
    assert count(desk) == before


def test_a_review_that_was_passed_and_one_that_failed(desk: Desk) -> None:
    for n, last in ((1, "to_ship"), (2, "cancelled")):
        desk.bring(in_status("payment_review", f"SO-{n}"))
        change = {
            "placed_at": "2026-11-24T08:59:00Z",
            "paid_at": "2026-11-24T10:00:00Z",
            "review_by": "2026-11-25T09:00:00Z",
        }
        if last == "cancelled":
            change |= {"paid_at": None, "cancelled_at": "2026-11-24T10:00:00Z", "refunds": None}
        made = in_status(last, f"SO-{n}", **change)
        if last == "cancelled":
            made["payments"][0]["status"] = "voided"
        assert only(desk, made) == (UPDATED, None)
        assert see(desk, f"SO-{n}").state == last
        assert only(desk, made) == (UNCHANGED, None)


def test_an_order_without_payments_is_paid_later(desk: Desk) -> None:
    desk.bring(in_status("awaiting_payment", payments=[]))
    assert only(desk, in_status("to_ship")) == (UPDATED, None)
    order = see(desk)
    assert (order.total_paid, order.tenders[0].captured, order.coupons[0].state) == (4999, True, "used")
    assert order.paid_at is not None and order.paid_at.isoformat() == "2026-11-20T09:05:00+00:00"


def test_the_shop_cancels_an_order_and_recourse_makes_the_refund_once(desk: Desk) -> None:
    desk.bring(record())
    cancelled = in_status("cancelled", payments=BASE["payments"])
    result, error = only(desk, cancelled)
    assert result == FAILED and "leave `refunds` out" in str(error)
    bare = {name: value for name, value in cancelled.items() if name != "refunds"}
    assert only(desk, bare) == (UPDATED, None)
    assert see(desk).state == "cancelled"
    with reading(desk.engine) as session:
        (refund,) = refunds.all_of(session, see(desk).id, desk.now.date())
        assert [leg.amount.amount_minor for leg in refund.legs] == [4999]
    assert only(desk, bare) == (UNCHANGED, None)


def test_a_record_older_than_the_store_changes_nothing(desk: Desk) -> None:
    desk.bring(record())
    with transaction(desk.engine) as session:
        order = see(desk)
        fulfilment.seller_cancels(session, order.number, "out of stock", desk.now, Actor("seller", order.seller_id))
    before = count(desk)
    assert only(desk, record()) == (UNCHANGED, None)
    assert count(desk) == before
    result, error = only(desk, in_status("shipped", payments=BASE["payments"]))
    assert result == FAILED and "cancelled" in str(error)
    assert count(desk) == before


@pytest.mark.parametrize(
    ("changes", "error"),
    [
        (
            {"lines": [BASE["lines"][0] | {"qty": 3}, BASE["lines"][1] | {"unit_price_minor": 999}]},
            "its lines cannot change",
        ),
        ({"lines": [BASE["lines"][1], BASE["lines"][0]]}, "its lines cannot change"),
        ({"shipping_minor": 400, "tax_minor": 100}, "its shipping (shipping_minor) cannot change"),
        ({"coupons": [BASE["coupons"][0] | {"code": "XX"}]}, "its coupons cannot change"),
        ({"buyer": BASE["buyer"] | {"sub": "lee"}}, "its buyer cannot change"),
        ({"seller": BASE["seller"] | {"external_id": "shop-8"}}, "its seller cannot change"),
        (
            {"payments": [BASE["payments"][0] | {"method": "paypal", "instrument": "PayPal"}]},
            "its payments cannot change",
        ),
        ({"group": "other"}, "its checkout (group) cannot change"),
        ({"placed_at": "2026-11-20T08:59:00Z"}, "the time when it was placed (placed_at) cannot change"),
        ({"number": "RC-1042-7713"}, "the order has the number"),
    ],
)
def test_what_was_sold_never_changes(desk: Desk, changes: Record, error: str) -> None:
    desk.bring(record())
    before = count(desk)
    result, told = only(desk, record(**changes))
    assert result == FAILED and error in str(told)
    after = count(desk)
    for table in ("customer", "seller"):  # new people may stay
        before.pop(table), after.pop(table)
    assert after == before


def test_a_step_that_is_not_legal_is_an_error_and_leaves_no_trace(desk: Desk) -> None:
    desk.bring(in_status("awaiting_payment"), in_status("shipped", "SO-2"))
    before = count(desk)
    jump = in_status("cancelled", "SO-2")
    jump.pop("refunds")
    result, _ = only(desk, jump)
    assert result == FAILED
    result, _ = only(desk, in_status("shipped", "SO-2", shipments=[PARCEL | {"lines": [{"line": 1, "qty": 2}]}]))
    assert result == FAILED
    assert count(desk) == before


def test_the_carriers_scans_are_passed_on_once(desk: Desk) -> None:
    scans = [
        {"at": "2026-11-21T12:00:00Z", "state": "accepted", "text": "Picked up"},
        {"at": "2026-11-22T07:00:00Z", "state": "out_for_delivery", "text": "On the van"},
    ]
    desk.bring(in_status("shipped", shipments=[PARCEL | {"state": "accepted", "events": scans[:1]}]))
    more = in_status("shipped", shipments=[PARCEL | {"state": "out_for_delivery", "events": scans}])
    assert only(desk, more) == (UPDATED, None)
    assert [parcel.state for parcel in see(desk).parcels] == ["out_for_delivery"]
    assert only(desk, more) == (UNCHANGED, None)


def test_two_who_bring_the_same_file_bring_it_once(store: Engine) -> None:
    made = [record(f"SO-{n}") for n in range(40)]
    results: list[str] = []

    def run() -> None:
        results.extend(outcome.result for outcome in Desk(store).bring(*made))

    threads = [threading.Thread(target=run) for _ in range(3)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join(60)
    assert sorted(set(results)) == [CREATED, UNCHANGED]
    assert results.count(CREATED) == 40
    assert count(Desk(store))["orders"] == 40


def test_every_row_has_its_log(desk: Desk) -> None:
    desk.bring(*(in_status(status, f"SO-{n}") for n, status in enumerate(STATES)))
    with reading(desk.engine) as session:
        logged = set(session.scalars(select(TransitionLog.entity_id)))
        for model in (Order, Payment):
            assert set(session.scalars(select(model.id))) <= logged


def test_a_summary_counts_every_result() -> None:
    assert exchange.summary([]) == {CREATED: 0, UPDATED: 0, UNCHANGED: 0, FAILED: 0}
