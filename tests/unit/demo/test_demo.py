"""The demo: complete, believable, consistent, and never stale."""

from __future__ import annotations

import shutil
import time
from collections import Counter
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest
from babel import Locale
from rapidfuzz.distance import OSA
from sqlalchemy import Engine, func, select

from recourse import worker
from recourse.audit import service as audit
from recourse.core import outbox
from recourse.core.clock import zone
from recourse.core.db import engine_for, reading, transaction
from recourse.core.errors import RecourseError
from recourse.core.order_numbers import normalise
from recourse.customers.models import Customer
from recourse.demo.catalogue import PRODUCTS, price
from recourse.demo.people import BUYERS, SELLERS
from recourse.demo.plan import PLAN
from recourse.demo.scenarios import SCENARIOS
from recourse.demo.seed import NotEmpty, Seeded, number_of, seed
from recourse.messages import offers
from recourse.messages import service as messages
from recourse.migrations.tables import metadata
from recourse.orders import finding
from recourse.orders import service as orders
from recourse.orders.models import Order, Shipment
from recourse.orders.rules import STATES, OrderView
from recourse.orders.search import OrderQuery
from recourse.overview import service as overview
from recourse.overview.service import Case
from recourse.refunds.models import RefundLeg, RefundSla
from recourse.sellers.models import Seller, SellerPolicy

NOW = datetime(2026, 11, 24, 12, 0, tzinfo=UTC)
WANTED = {
    "paid_unsent", "unpaid", "payment_review", "shipped", "delivered", "completed", "partially_shipped",
    "refund_in_progress", "refund_overdue", "refund_failed", "refund_succeeded", "seller_cancelled", "coupon_used",
    "coupon_reserved", "split_tender", "multi_item", "cancellation_pending", "cancellation_rejected",
    "dispute_window_open", "dispute_window_over", "frozen", "silence_rejects", "ship_blocked", "cancelled", "closed",
}  # fmt: skip


def seeded_at(now: datetime, template: Path, folder: Path) -> Engine:
    """A SQLite store of its own with the demo in it."""
    shutil.copy(template, folder / "demo.db")
    engine = engine_for(f"sqlite:///{folder}/demo.db")
    with transaction(engine) as session:
        seed(session, now)
    return engine


@pytest.fixture(scope="module")
def demo(sqlite_template: Path, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Engine]:
    """A store with the demo in it, seeded at NOW. Tests only read it."""
    engine = seeded_at(NOW, sqlite_template, tmp_path_factory.mktemp("demo"))
    yield engine
    engine.dispose()


def cases(demo: Engine, buyer: str | None = None, scenario: str | None = None) -> list[Case]:
    with reading(demo) as session:
        return overview.cases(session, orders.everything(session, buyer, (), scenario), NOW)


# --- on both databases


def test_it_can_be_seeded_once_and_started_over(store: Engine) -> None:
    with transaction(store) as session:
        seeded = seed(session, NOW, reset=True)  # an empty store may be reset, too
    assert seeded == Seeded(12, 13, sum(map(len, PLAN.values())), seeded.scenarios)
    with reading(store) as session:
        counts = dict(session.execute(select(Order.scenario, func.count()).group_by(Order.scenario)).all())  # type: ignore[arg-type]
    assert counts == seeded.scenarios
    with pytest.raises(NotEmpty, match="recourse seed --reset") as caught, transaction(store) as session:
        seed(session, NOW)
    assert isinstance(caught.value, RecourseError)
    later = NOW + timedelta(days=100)
    with transaction(store) as session:
        again = seed(session, later, reset=True)
    assert again == seeded
    with reading(store) as session:
        assert session.scalar(select(func.count()).select_from(Order)) == again.orders
        assert session.scalar(select(func.max(Order.placed_at))) > later - timedelta(days=1)
        assert audit.violations(session) == []


def test_starting_over_never_deletes_real_buyers(store: Engine) -> None:
    with transaction(store) as session:
        session.add(Customer(id="u-77", display_name="A real buyer", country="FR"))
    with pytest.raises(NotEmpty, match="1 buyers that are not the demo's"), transaction(store) as session:
        seed(session, NOW, reset=True)
    with reading(store) as session:
        assert session.get(Customer, "u-77") is not None


# --- any day of the year


@pytest.mark.parametrize(
    "now",
    [
        datetime(2026, 10, 25, 1, 0, tzinfo=UTC),
        datetime(2028, 2, 29, 23, 59, 59, tzinfo=UTC),
    ],
)
def test_it_is_right_on_any_day(sqlite_template: Path, tmp_path: Path, now: datetime) -> None:
    started = time.process_time()
    engine = seeded_at(now, sqlite_template, tmp_path)
    assert time.process_time() - started < 10, "seeding must stay a matter of seconds"
    with reading(engine) as session:
        assert audit.violations(session) == []
        found = overview.cases(session, orders.everything(session, None, (), None), now)
        assert {case.order.scenario for case in found if case.refund and case.refund.overdue} == {"refund_overdue"}
        due = {machine.machine: set(machine.due(session, now, 100)) for machine in worker.MACHINES}
        late = {leg.id for case in found if case.refund and case.refund.overdue for leg in case.refund.legs}
        assert due.pop("refund_leg") == late, "late money is all that a worker finds in a fresh demo"
        assert not any(due.values()), due
    engine.dispose()


def test_a_naive_moment_is_refused(demo: Engine) -> None:
    with reading(demo) as session, pytest.raises(ValueError, match="has no time zone"):
        seed(session, datetime(2026, 1, 1))  # noqa: DTZ001


def test_it_is_the_same_every_time(demo: Engine, sqlite_template: Path, tmp_path: Path) -> None:
    again = seeded_at(NOW, sqlite_template, tmp_path)
    first, second = ([_facts(case) for case in cases(engine)] for engine in (demo, again))
    again.dispose()
    assert first == second


def _facts(case: Case) -> tuple[object, ...]:
    order = case.order
    return (
        order.number, order.customer_id, order.state, order.placed_at, order.total_paid, order.title,
        [(line.sku, line.paid_alloc, line.coupon_alloc) for line in order.lines],
        [(tender.instrument, tender.amount) for tender in order.tenders],
        [parcel.tracking for parcel in order.parcels],
        [(leg.amount, leg.state, leg.reference, leg.expected_to) for leg in case.refund.legs] if case.refund else None,
        (case.request.state, case.request.respond_by) if case.request else None,
    )  # fmt: skip


# --- what is in it


def test_every_situation_is_there(demo: Engine) -> None:
    counts = Counter(case.order.scenario for case in cases(demo))
    assert set(counts) >= WANTED
    assert set(counts) == set(SCENARIOS)
    assert {case.order.state for case in cases(demo)} == set(STATES)
    assert 150 <= counts.total() <= 185


def test_every_buyer_has_enough_to_talk_about(demo: Engine) -> None:
    counts = Counter(case.order.customer_id for case in cases(demo))
    assert set(counts) == {f"b-{number}" for number in range(1001, 1013)}
    assert min(counts.values()) >= 8
    for buyer in ("b-1001", "b-1002"):
        mine = Counter(case.order.scenario for case in cases(demo, buyer))
        assert mine["paid_unsent"] == 2
        assert len(WANTED - set(mine)) <= 2


def test_b_1012_has_exactly_one_order_to_cancel(demo: Engine) -> None:
    with reading(demo) as session:
        (only,) = overview.cancellable(session, "b-1012", NOW)
    assert only.order.scenario == "paid_unsent"


def test_headphones_are_clear_for_one_buyer_and_ambiguous_for_another(demo: Engine) -> None:
    with reading(demo) as session:
        clear = finding.find(session, "b-1001", OrderQuery(text="I want to cancel the headphones"))
        unclear = finding.find(session, "b-1002", OrderQuery(text="I want to cancel the headphones"))
    assert [order.number for order in clear.orders] == ["RC-1042-7713"]
    assert [order.scenario for order in unclear.orders] == ["paid_unsent", "paid_unsent"]


def test_only_one_buyer_has_unread_news(demo: Engine) -> None:
    with reading(demo) as session:
        (news,) = outbox.open_notices(session, [buyer.id for buyer in BUYERS])
        case = overview.of_request(session, news.payload["request_id"], NOW)
    assert news.payload["kind"] == "request_approved"
    assert case.order.customer_id == "b-1006"
    assert case.order.state == "cancelled"
    assert case.request is not None
    assert case.request.decided_by == "seller"


@pytest.mark.parametrize(
    ("scenario", "state", "verdict"),
    [
        ("unpaid", "awaiting_payment", "unpaid"),
        ("coupon_reserved", "awaiting_payment", "unpaid"),
        ("transfer_pending", "awaiting_payment", "unpaid"),
        ("payment_review", "payment_review", "payment_review"),
        ("paid_unsent", "to_ship", "paid_unsent"),
        ("multi_item", "to_ship", "paid_unsent"),
        ("coupon_used", "to_ship", "paid_unsent"),
        ("split_tender", "to_ship", "paid_unsent"),
        ("silence_rejects", "to_ship", "paid_unsent"),
        ("ship_blocked", "to_ship", "paid_unsent"),
        ("cancellation_pending", "to_ship", "already_requested"),
        ("frozen", "to_ship", "frozen"),
        ("partially_shipped", "partially_shipped", "rest_unsent"),
        ("shipped", "shipped", "shipped"),
        ("cancellation_rejected", "shipped", "shipped"),
        ("request_superseded", "shipped", "shipped"),
        ("request_expired", "shipped", "shipped"),
        ("delivered", "delivered", "delivered"),
        ("dispute_window_open", "completed", "completed"),
        ("dispute_window_over", "completed", "completed"),
        ("refund_in_progress", "cancelled", "already_cancelled"),
        ("seller_cancelled", "cancelled", "already_cancelled"),
        ("closed", "closed", "closed"),
        ("part_pending", "to_ship", "already_requested"),
        ("part_cancelled", "to_ship", "paid_unsent"),
        ("intercept_possible", "shipped", "on_its_way"),
        ("intercept_pending", "shipped", "already_requested"),
        ("ship_deadline_near", "to_ship", "paid_unsent"),
        ("ship_deadline_over", "cancelled", "already_cancelled"),
        ("part_not_shipped", "delivered", "delivered"),
        ("unpaid_expired", "cancelled", "already_cancelled"),
        ("lost_refunded", "closed", "closed"),
        ("dispute_open", "delivered", "in_dispute"),
        ("dispute_countered", "delivered", "in_dispute"),
        ("return_open", "delivered", "return_open"),
        ("offer_open", "to_ship", "already_requested"),
        ("refund_needs_details", "cancelled", "already_cancelled"),
        ("refund_replaced", "cancelled", "already_cancelled"),
    ],
)
def test_a_scenario_is_what_it_says(demo: Engine, scenario: str, state: str, verdict: str) -> None:
    found = cases(demo, scenario=scenario)
    assert found
    assert {(case.order.state, case.verdict.why) for case in found} == {(state, verdict)}


def leg_states(demo: Engine, scenario: str) -> set[str]:
    return {leg.state for case in cases(demo, scenario=scenario) if case.refund for leg in case.refund.legs}


def test_refunds_are_where_their_scenarios_say(demo: Engine) -> None:
    assert leg_states(demo, "refund_in_progress") == leg_states(demo, "refund_overdue") == {"processing"}
    assert leg_states(demo, "seller_cancelled") == leg_states(demo, "silence_approved") == {"processing"}
    assert leg_states(demo, "refund_succeeded") == leg_states(demo, "closed") == {"succeeded"}
    assert leg_states(demo, "refund_failed") == {"failed"}
    assert leg_states(demo, "refund_split") == {"processing", "succeeded"}
    assert leg_states(demo, "approved_unread") == {"created"}
    for case in cases(demo):
        assert bool(case.refund and case.refund.overdue) == (case.order.scenario == "refund_overdue")
        for leg in case.refund.legs if case.refund else ():
            assert (leg.failure_reason == "expired_or_canceled_card") == (leg.state == "failed")
            assert bool(leg.reference) == (leg.state == "succeeded" and leg.method != "balance")
            if leg.state == "succeeded":
                assert leg.settled_at is not None
                assert leg.expected_from <= leg.settled_at.date() <= leg.expected_to
                assert leg.settled_at < NOW


def test_deadlines_that_are_shown_lie_ahead(demo: Engine) -> None:
    for case in cases(demo):
        order = case.order
        if order.state == "awaiting_payment":
            assert order.pay_by is not None and order.pay_by > NOW
        if order.state == "payment_review":
            assert order.review_by is not None and order.review_by > NOW
        if order.state in ("to_ship", "partially_shipped"):
            assert order.ship_by is not None and order.ship_by > NOW
        if case.pending:
            assert case.request is not None and case.request.respond_by is not None
            assert NOW < case.request.respond_by < NOW + timedelta(hours=48)
        moments = [order.placed_at, order.paid_at, order.shipped_at, order.delivered_at, order.completed_at]
        assert sorted(at for at in moments if at) == [at for at in moments if at], "things happen in their order"
        assert all(at < NOW for at in (*moments, order.cancelled_at) if at)


def test_the_dispute_window_is_open_or_over(demo: Engine) -> None:
    for scenario, is_open in (
        ("dispute_window_open", True),
        ("completed", True),
        ("delivered", True),
        ("dispute_window_over", False),
    ):
        for case in cases(demo, scenario=scenario):
            assert case.order.delivered_at is not None
            limit = timedelta(days=case.order.policy.dispute_close_after_days)
            if scenario != "completed" or case.order.policy.dispute_close_after_days == 15:
                assert (case.order.delivered_at + limit > NOW) is is_open


def test_special_orders_have_what_makes_them_special(demo: Engine) -> None:
    def every(scenario: str) -> list[OrderView]:
        return [case.order for case in cases(demo, scenario=scenario)]

    assert all(len(order.lines) == 3 for order in every("multi_item"))
    assert all([t.method for t in order.tenders] == ["card", "balance"] for order in every("split_tender"))
    assert all(order.coupons[0].state == "used" for order in every("coupon_used"))
    assert all(order.coupons[0].state == "reserved" for order in every("coupon_reserved"))
    assert all(order.policy.on_silence == "reject" for order in every("silence_rejects"))
    assert all(order.policy.ship_while_pending == "block" for order in every("ship_blocked"))
    assert all(order.tenders and not order.tenders[0].captured for order in every("transfer_pending"))
    first, second = every("shared_checkout")
    assert first.group_id == second.group_id
    assert first.tenders[0].payment_id == second.tenders[0].payment_id
    assert any(order.policy.clause for order in every("cancellation_rejected"))


def test_new_stories_tell_what_they_promise(demo: Engine) -> None:
    def each(scenario: str) -> list[Case]:
        found = cases(demo, scenario=scenario)
        assert found
        return found

    for case in each("part_pending"):
        assert case.request is not None
        assert (case.request.scope, len(case.request.pieces)) == ("lines", 1)
        assert len(case.order.lines) > 1
    for case in each("part_cancelled"):
        assert [bool(line.qty_cancelled) for line in case.order.lines] == [True, False]
    for case in each("intercept_possible") + each("intercept_pending"):
        policy = case.order.policy
        assert (policy.after_shipment, policy.fee_kind) == ("ask_seller", "percent")
        assert policy.fee_value
        assert policy.clause, "a fee is said before"
    for case in each("ship_deadline_near"):
        assert case.order.ship_by is not None
        assert case.order.ship_by < NOW + timedelta(days=5)
    for case in each("part_not_shipped"):
        assert [bool(line.qty_shipped) for line in case.order.lines] == [True, False]
    assert leg_states(demo, "lost_refunded") == leg_states(demo, "ship_deadline_over") == {"processing"}
    assert leg_states(demo, "refund_needs_details") == {"requires_action"}
    assert leg_states(demo, "refund_replaced") >= {"succeeded"}
    assert {case.order.issue for case in each("dispute_open") + each("dispute_countered")} == {"dispute"}
    assert {case.order.issue for case in each("return_open")} == {"return"}
    with reading(demo) as session:
        for case in each("offer_open"):
            offer = offers.open_offer(session, case.order.id, NOW)
            assert offer is not None
            assert offer.open_until > NOW
            assert len(messages.thread(session, case.order.id)) >= 1


def test_only_what_is_not_sent_waits_in_the_outbox(demo: Engine) -> None:
    with reading(demo) as session:
        waiting = outbox.waiting(session)
        assert {row.topic for row in waiting} == {"refund_leg"}
        states = {session.get_one(RefundLeg, row.payload["leg_id"]).state for row in waiting}
    assert states == {"created"}


def test_policies_differ_and_orders_keep_the_one_they_were_placed_under(demo: Engine) -> None:
    with reading(demo) as session:
        rows = {row.id: row for row in session.scalars(select(SellerPolicy))}
    assert {row.response_hours for row in rows.values()} == {24, 48, 72}
    assert {row.on_silence for row in rows.values()} == {"approve", "reject"}
    assert {row.ship_while_pending for row in rows.values()} == {"supersedes", "block"}
    assert {row.coupon_on_refund for row in rows.values()} == {"balance", "none"}
    assert any(row.clause for row in rows.values())
    assert any(row.seller_id is None for row in rows.values()), "the platform's default"
    for case in cases(demo):
        row = rows[case.order.policy.id]
        assert row.seller_id == case.order.seller_id
        assert row.valid_from <= case.order.placed_at
        newer = [
            other for other in rows.values() if other.seller_id == row.seller_id and other.valid_from > row.valid_from
        ]
        assert all(case.order.placed_at < other.valid_from for other in newer)


# --- believable


def test_numbers_are_valid_stable_and_far_apart(demo: Engine) -> None:
    assert number_of(0, 0) == "RC-1042-7713"
    for place, buyer in enumerate(BUYERS):
        numbers = [number_of(place, position) for position in range(len(PLAN[buyer.id]))]
        assert sorted(case.order.number for case in cases(demo, buyer.id)) == sorted(numbers)
        assert all(normalise(number) == number for number in numbers)
        assert len({number[-4:] for number in numbers}) == len(numbers)
        for one in numbers:
            for other in numbers:
                assert one == other or OSA.distance(one, other) > 2, "a typo never hits another own order"


def test_people_and_products_are_complete() -> None:
    assert [buyer.id for buyer in BUYERS] == [f"b-{number}" for number in range(1001, 1013)]
    assert {buyer.country for buyer in BUYERS} >= set("GB DE FR ES PT BR US PL IT NL SE JP".split())
    assert [buyer.is_consumer for buyer in BUYERS].count(False) == 1
    assert [seller.is_trader for seller in SELLERS].count(False) == 1
    for buyer in BUYERS:
        assert zone(buyer.timezone).key == buyer.timezone
        assert Locale.parse(buyer.locale, sep="-").territory == buyer.country
    assert {product.seller for product in PRODUCTS.values()} == {seller.id for seller in SELLERS}
    assert len({product.title for product in PRODUCTS.values()}) == len(PRODUCTS)


@pytest.mark.parametrize(
    ("currency", "amount"), [("USD", 12899), ("GBP", 10599), ("EUR", 12249), ("BRL", 66990), ("JPY", 19380)]
)
def test_prices_end_as_prices_do(currency: str, amount: int) -> None:
    assert price(12900, currency) == amount


def test_currencies_and_instruments_are_the_buyers(demo: Engine) -> None:
    ways = {buyer.id: {instrument for _, instrument in buyer.pays_with} for buyer in BUYERS}
    for case in cases(demo):
        buyer = next(each for each in BUYERS if each.id == case.order.customer_id)
        assert case.order.currency == buyer.currency
        assert {tender.instrument for tender in case.order.tenders} <= ways[buyer.id]


def test_parcels_have_their_own_tracking_numbers(demo: Engine) -> None:
    with reading(demo) as session:
        parcels = session.scalars(select(Shipment)).all()
    assert len({parcel.tracking for parcel in parcels}) == len(parcels) > 30
    assert all(parcel.promised_by and parcel.promised_by > parcel.shipped_at for parcel in parcels)


def test_refund_times_and_parties_are_stored(demo: Engine) -> None:
    with reading(demo) as session:
        methods = set(session.scalars(select(RefundSla.method)))
        used = set(session.scalars(select(RefundLeg.method)))
        assert used <= methods
        assert session.scalar(select(func.count()).select_from(Seller)) == 13
        filled = {
            table.name for table in metadata.sorted_tables if session.scalar(select(func.count()).select_from(table))
        }
    assert {table.name for table in metadata.sorted_tables} - filled <= {
        "button",
        "chargeback",
        "conversation",
        "erasure_request",
        "erasure_item",
        "evidence",
        "handoff",
        "inbox",
        "message",
        "required_action",
        "rewind",
        "seller_api_key",
        "stock_watch",
        "withdrawal",
        "withdrawal_line",
    }
