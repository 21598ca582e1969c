"""An erasure request from the wish to its end: confirmation, what holds it up, time, and changes of mind."""

from __future__ import annotations

import threading
from datetime import UTC, datetime, timedelta

import pytest
from sqlalchemy import select

from recourse.core.errors import Conflict, InvalidInput, NotAllowed, NotFound
from recourse.core.outbox import Outbox
from recourse.core.transitions import Actor, log_of
from recourse.customers import service as customers
from recourse.orders import service as orders
from recourse.orders.models import Order
from recourse.privacy import rules, service
from recourse.refunds.models import RefundLeg
from tests.unit.privacy.conftest import Privacy
from tests.unit.world import BUYER, OTHER, World

HOUR = timedelta(hours=1)
SECOND = timedelta(seconds=1)


def told(world: World) -> list[str]:
    """Kinds of notices about erasures, in the order in which they were written."""
    with world.reading() as session:
        rows = session.scalars(select(Outbox).where(Outbox.topic == "buyer_notice").order_by(Outbox.created_at))
        return [row.payload["kind"] for row in rows if row.payload["kind"].startswith("erasure")]


def pay_out(world: World) -> None:
    """The bank has paid every refund."""
    with world.transaction() as session:
        for leg in session.scalars(select(RefundLeg).where(RefundLeg.state == "created")):
            leg.state, leg.settled_at = "succeeded", world.now


def test_a_wish_is_due_in_a_month_and_waits_for_a_log_in(privacy: Privacy) -> None:
    view = privacy.request()
    assert (view.state, view.due_at) == ("requested", datetime(2026, 12, 24, 12, tzinfo=UTC))
    assert view.verify_by == privacy.world.now + rules.VERIFY_WITHIN
    assert told(privacy.world) == []


@pytest.mark.parametrize(
    ("asked", "due"),
    [
        ("2027-01-31T10:00:00+00:00", "2027-02-28T10:00:00+00:00"),
        ("2028-01-31T10:00:00+00:00", "2028-02-29T10:00:00+00:00"),
        ("2026-12-31T23:59:59+00:00", "2027-01-31T23:59:59+00:00"),
        ("2026-08-31T00:30:00+02:00", "2026-09-30T22:30:00+00:00"),
    ],
)
def test_one_calendar_month(asked: str, due: str) -> None:
    assert rules.due_at(datetime.fromisoformat(asked)) == datetime.fromisoformat(due)


def test_one_open_request_a_buyer(privacy: Privacy) -> None:
    first = privacy.request(key="a")
    assert privacy.request(key="a").id == first.id
    assert privacy.request(key="b").id == first.id
    assert privacy.request(OTHER, "a2").id != first.id


def test_four_tabs_at_once_make_one_request(privacy: Privacy) -> None:
    found: list[str] = []
    barrier = threading.Barrier(4)

    def tab(key: str) -> None:
        barrier.wait()
        found.append(privacy.request(key=key).id)

    tabs = [threading.Thread(target=tab, args=(key,)) for key in ("same", "same", "other", "third")]
    for each in tabs:
        each.start()
    for each in tabs:
        each.join()
    assert len(found) == 4
    assert len(set(found)) == 1


@pytest.mark.parametrize("key", ["", "x" * 129])
def test_a_key_is_needed(privacy: Privacy, key: str) -> None:
    with pytest.raises(InvalidInput, match="idempotency key"):
        privacy.request(key=key)


def test_an_unknown_buyer_cannot_ask(privacy: Privacy) -> None:
    with pytest.raises(NotFound):
        privacy.request("b-none")


@pytest.mark.parametrize(
    ("ago", "fresh"),
    [
        (-rules.CLOCK_SKEW - SECOND, False),
        (-rules.CLOCK_SKEW, True),
        (timedelta(0), True),
        (rules.FRESH_LOGIN - SECOND, True),
        (rules.FRESH_LOGIN, False),
        (rules.FRESH_LOGIN + SECOND, False),
    ],
)
def test_only_a_fresh_log_in_confirms(privacy: Privacy, ago: timedelta, fresh: bool) -> None:
    view = privacy.request()
    if fresh:
        assert privacy.verify(view, ago).state == "scheduled"
        return
    with pytest.raises(NotAllowed, match="sign in again"):
        privacy.verify(view, ago)
    assert privacy.see(view).state == "requested"


def test_nothing_open_is_scheduled_after_a_cooling_off(privacy: Privacy) -> None:
    privacy.world.order("completed")
    view = privacy.ask()
    assert (view.state, view.blockers) == ("scheduled", ())
    assert view.execute_at == privacy.world.now + rules.COOLING_OFF
    assert told(privacy.world) == ["erasure_scheduled"]
    with privacy.world.reading() as session:
        moves = [(row.to_state, row.actor_type) for row in log_of(session, view.id)]
    assert moves == [("requested", "buyer"), ("verified", "buyer"), ("scheduled", "system")]


def test_confirming_twice_changes_nothing(privacy: Privacy) -> None:
    view = privacy.ask()
    assert privacy.verify(view) == view
    assert told(privacy.world) == ["erasure_scheduled"]


@pytest.mark.parametrize(
    ("after", "state"), [(-SECOND, "requested"), (timedelta(0), "cancelled"), (SECOND, "cancelled")]
)
def test_never_confirmed_lapses(privacy: Privacy, after: timedelta, state: str) -> None:
    view = privacy.request()
    privacy.world.now = view.verify_by + after
    if state == "cancelled":
        with pytest.raises(Conflict, match="time to confirm"):
            privacy.verify(view, timedelta(0))
    assert privacy.due() == ([view.id] if state == "cancelled" else [])
    privacy.settle(view)
    assert privacy.see(view).state == state
    assert privacy.settle(view) is None
    if state == "cancelled":
        with pytest.raises(NotAllowed, match="ask for a new one"):
            privacy.verify(view, timedelta(0))
        assert privacy.request(key="again").id != view.id


@pytest.mark.parametrize("state", ["awaiting_payment", "payment_review", "to_ship", "shipped", "delivered"])
def test_an_open_order_holds_it_up(privacy: Privacy, state: str) -> None:
    number = privacy.world.order(state)
    privacy.world.set_order(number, protect_until=None)
    view = privacy.ask()
    assert view.state == "on_hold"
    assert [(each.kind, each.number) for each in view.blockers] == [("order", number)]
    assert told(privacy.world) == ["erasure_on_hold"]


@pytest.mark.parametrize(("after", "open_"), [(-SECOND, True), (timedelta(0), False), (SECOND, False)])
def test_a_delivered_order_is_open_while_it_is_protected(privacy: Privacy, after: timedelta, open_: bool) -> None:
    number = privacy.world.order("delivered")
    privacy.world.set_order(number, protect_until=privacy.world.now - after)
    assert privacy.ask().state == ("on_hold" if open_ else "scheduled")


def test_a_frozen_order_holds_it_up(privacy: Privacy) -> None:
    number = privacy.world.order("completed")
    privacy.world.set_order(number, frozen=True, frozen_reason="review")
    view = privacy.ask()
    assert [each.kind for each in view.blockers] == ["order"]
    privacy.world.set_order(number, frozen=False, frozen_reason=None)


def test_an_open_request_is_named_beside_its_order(privacy: Privacy) -> None:
    number = privacy.world.order()
    privacy.world.ask(number)
    assert [(each.kind, each.number) for each in privacy.ask().blockers] == [
        ("order", number),
        ("cancellation", number),
    ]


def test_somebody_elses_open_order_does_not_matter(privacy: Privacy) -> None:
    privacy.world.order(buyer=OTHER)
    assert privacy.ask().state == "scheduled"


def test_it_waits_for_a_refund_and_then_completes(bare: World) -> None:
    privacy, world = Privacy(bare), bare
    number = world.order()
    world.approve(world.ask(number))
    view = privacy.ask()
    assert view.state == "on_hold"
    assert [(each.kind, each.number) for each in view.blockers] == [("refund", number)]
    world.now += HOUR
    assert privacy.settle(view) is None
    assert privacy.see(view).state == "on_hold"
    pay_out(world)
    world.now += HOUR
    scheduled = privacy.settle(view)
    assert scheduled is not None
    assert (scheduled.state, scheduled.blockers) == ("scheduled", ())
    assert told(world) == ["erasure_on_hold", "erasure_scheduled"]
    assert privacy.finish(view).state == "completed"
    with world.reading() as session:
        assert session.scalars(select(RefundLeg.amount)).all() == [2500]


def test_looking_costs_little(privacy: Privacy) -> None:
    """A request on hold is looked at once an hour, not every few seconds."""
    privacy.world.order()
    view = privacy.ask()
    assert privacy.due() == []
    privacy.world.now += rules.RECHECK
    assert privacy.due() == [view.id]
    privacy.settle(view)
    assert privacy.due() == []


def test_something_new_during_the_cooling_off_postpones_it(privacy: Privacy) -> None:
    view = privacy.ask()
    privacy.world.order()
    privacy.world.now += rules.COOLING_OFF
    assert privacy.settle(view) is None
    assert [each.kind for each in privacy.see(view).blockers] == ["order"]


@pytest.mark.parametrize(("after", "state"), [(-SECOND, "on_hold"), (timedelta(0), "scheduled"), (SECOND, "scheduled")])
def test_near_its_due_date_it_waits_no_longer(privacy: Privacy, after: timedelta, state: str) -> None:
    privacy.world.order()
    view = privacy.ask()
    privacy.world.now = view.due_at - rules.DUE_MARGIN + after
    if state == "scheduled":
        assert privacy.due() == [view.id]
    privacy.settle(view)
    found = privacy.see(view)
    assert found.state == state
    if state == "scheduled":
        assert found.execute_at is not None
        assert found.execute_at <= view.due_at
        with privacy.world.reading() as session:
            assert log_of(session, view.id)[-1].actor_type == "timer"


def test_what_is_open_keeps_what_it_needs_and_the_rest_goes_when_it_is_over(bare: World) -> None:
    privacy, world = Privacy(bare), bare
    open_order, over = world.order(), world.order("completed")
    view = privacy.ask()
    world.now = view.due_at - rules.DUE_MARGIN
    privacy.settle(view)
    done = privacy.finish(view)
    assert (done.state, done.partial) == ("completed", True)
    assert done.completed_at is not None
    assert done.completed_at <= view.due_at
    assert [item.reason for item in done.items if item.store == rules.OPEN_MATTERS] == [
        "open: order; goes when it is over"
    ]
    with world.reading() as session:
        assert customers.get(session, BUYER).status == "restricted"
        assert orders.get_by_number(session, open_order).tenders[0].instrument == "Visa ending 4242"
        assert orders.get_by_number(session, over).tenders[0].instrument == "card"
    world.now += rules.RECHECK
    assert privacy.settle(view) is None
    with world.transaction() as session:
        order = session.scalars(select(Order).where(Order.number == open_order)).one()
        orders.move(session, order.id, "cancelled", Actor("seller", "acme"), world.now, "out of stock")
    world.now += rules.RECHECK
    assert privacy.settle(view) is not None
    rest = privacy.run(view)
    assert rest is not None
    assert not rest.partial
    with world.reading() as session:
        assert orders.get_by_number(session, open_order).tenders[0].instrument == "card"
        with pytest.raises(NotFound):
            customers.get(session, BUYER)
    assert privacy.run(view) is None
    assert privacy.due() == []


@pytest.mark.parametrize("held", [True, False])
def test_the_buyer_changes_their_mind(privacy: Privacy, held: bool) -> None:
    if held:
        privacy.world.order()
    view = privacy.ask()
    for _ in range(2):
        assert privacy.cancel(view).state == "cancelled"
    privacy.world.now += timedelta(days=60)
    assert privacy.due() == []
    assert privacy.run(view) is None
    with privacy.world.reading() as session:
        assert customers.get(session, BUYER).status == "active"


def test_what_cannot_be_called_off(privacy: Privacy) -> None:
    view = privacy.request()
    with pytest.raises(NotAllowed, match="lapses by itself"):
        privacy.cancel(view)
    privacy.verify(view)
    privacy.world.now += rules.COOLING_OFF
    privacy.settle(view)
    with pytest.raises(NotAllowed, match="executing"):
        privacy.cancel(view)


def test_somebody_elses_request_is_a_missing_one(privacy: Privacy) -> None:
    view = privacy.request()
    for step in (privacy.verify, privacy.cancel):
        with pytest.raises(NotFound, match="no erasure request"):
            step(view, buyer=OTHER)
    with privacy.world.reading() as session:
        assert service.mine(session, OTHER) is None
        mine = service.mine(session, BUYER)
        assert mine is not None
        assert mine.id == view.id


@pytest.mark.parametrize(
    ("after", "state"), [(-SECOND, "scheduled"), (timedelta(0), "executing"), (SECOND, "executing")]
)
def test_the_end_of_the_cooling_off(privacy: Privacy, after: timedelta, state: str) -> None:
    view = privacy.ask()
    privacy.world.now += rules.COOLING_OFF + after
    privacy.settle(view)
    assert privacy.see(view).state == state
    assert privacy.settle(view) is None


def test_a_person_ends_a_dead_end(privacy: Privacy) -> None:
    view = privacy.ask()
    with privacy.world.transaction() as session, pytest.raises(NotAllowed):
        service.refuse(session, view.id, "why", "agent-1", privacy.world.now)
    privacy.world.now += rules.COOLING_OFF
    privacy.settle(view)
    with privacy.world.transaction() as session, pytest.raises(InvalidInput):
        service.refuse(session, view.id, " ", "agent-1", privacy.world.now)
    with privacy.world.transaction() as session:
        refused = service.refuse(session, view.id, "A court order forbids it.", "agent-1", privacy.world.now)
    assert (refused.state, refused.reason) == ("refused", "A court order forbids it.")
    assert told(privacy.world)[-1] == "erasure_refused"
    assert privacy.run(view) is None


def test_two_workers_at_once_erase_once(privacy: Privacy) -> None:
    view = privacy.ask()
    privacy.world.now += rules.COOLING_OFF
    privacy.settle(view)
    failures: list[Exception] = []
    barrier = threading.Barrier(2)

    def work() -> None:
        barrier.wait()
        try:
            privacy.run(view)
        except Conflict:
            pass
        except Exception as error:
            failures.append(error)

    workers = [threading.Thread(target=work) for _ in range(2)]
    for each in workers:
        each.start()
    for each in workers:
        each.join()
    assert failures == []
    assert privacy.see(view).state == "completed"
    with privacy.world.reading() as session:
        assert [row.to_state for row in log_of(session, view.id)].count("completed") == 1
