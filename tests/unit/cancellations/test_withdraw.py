"""Taking a request back, and the platform's decision where silence hands it over."""

from __future__ import annotations

import threading
from datetime import timedelta

import pytest
from sqlalchemy import select

from recourse.cancellations import service as cancellations
from recourse.core.errors import Conflict, InvalidInput, NotAllowed, NotFound, RecourseError
from recourse.core.outbox import BUYER_NOTICE, Outbox
from recourse.core.transitions import log_of
from tests.unit.world import AGENT, OTHER, World

DAY = timedelta(hours=24)
SECOND = timedelta(seconds=1)


def told(world: World) -> list[str]:
    with world.reading() as session:
        rows = session.scalars(select(Outbox).where(Outbox.topic == BUYER_NOTICE).order_by(Outbox.created_at))
        return [row.payload["kind"] for row in rows]


# --- the buyer keeps the order


@pytest.mark.parametrize("by", ["id", "number"])
def test_a_request_is_taken_back(world: World, by: str) -> None:
    number = world.order()
    request_id = world.ask(number)
    taken = world.withdraw(request_id if by == "id" else number)
    assert (taken.id, taken.state, taken.decided_by, taken.decided_at) == (request_id, "withdrawn", "buyer", world.now)
    assert world.see(number).state == "to_ship"
    assert world.withdraw(request_id) == taken, "a second click changes nothing"
    assert told(world) == []
    world.ship(number)
    assert world.request_state(request_id) == "withdrawn"


def test_a_buyer_may_ask_again_after_taking_back(world: World) -> None:
    number = world.order()
    world.withdraw(world.ask(number))
    world.now += SECOND
    world.approve(world.ask(number))
    assert world.see(number).state == "cancelled"


def test_somebody_elses_request_does_not_exist(world: World) -> None:
    number = world.order(buyer=OTHER)
    request_id = world.ask(number, OTHER)
    for reference, unknown in ((request_id, "f" * 32), (number, world.next_number())):
        said = []
        for each in (reference, unknown):
            with pytest.raises(NotFound) as caught:
                world.withdraw(each)
            said.append(str(caught.value).replace(each, "…"))
        assert said[0] == said[1]
    assert world.request_state(request_id) == "pending_seller"


def test_there_may_be_nothing_to_take_back(world: World) -> None:
    with pytest.raises(NotFound, match="no request to cancel"):
        world.withdraw(world.order())


def test_what_was_decided_meanwhile_is_named(world: World) -> None:
    number, other = world.order(), world.order()
    approved, rejected = world.ask(number), world.ask(other)
    world.approve(approved)
    world.reject(rejected)
    for reference, state in ((approved, "approved"), (number, "approved"), (other, "rejected")):
        with pytest.raises(Conflict, match=f"is {state}"):
            world.withdraw(reference)


@pytest.mark.parametrize(("late", "allowed"), [(-SECOND, True), (0 * SECOND, False), (SECOND, False)])
def test_what_silence_has_approved_is_not_taken_back(world: World, late: timedelta, allowed: bool) -> None:
    request_id = world.ask(world.order())
    world.now += DAY + late
    if allowed:
        world.withdraw(request_id)
        return
    with pytest.raises(Conflict, match="silence approves it"):
        world.withdraw(request_id)
    assert world.settle(request_id) == "approved"


@pytest.mark.parametrize("on_silence", ["reject", "escalate"])
def test_where_silence_does_not_approve_it_may_be_taken_back_late(world: World, on_silence: str) -> None:
    request_id = world.ask(world.order(on_silence=on_silence))
    world.now += DAY
    assert world.withdraw(request_id).state == "withdrawn"


@pytest.mark.parametrize("round_", range(3))
def test_buyer_and_seller_race_to_one_end(world: World, round_: int) -> None:
    number = world.order()
    request_id = world.ask(number)
    start, results = threading.Barrier(2), []

    def run(act: object) -> None:
        start.wait()
        try:
            results.append(act(request_id))  # type: ignore[operator]
        except RecourseError as error:
            results.append(error)

    threads = [threading.Thread(target=run, args=(act,)) for act in (world.withdraw, world.approve)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert sum(isinstance(each, Conflict) for each in results) == 1
    ends = {("withdrawn", "to_ship", 0), ("approved", "cancelled", 1)}
    assert (world.request_state(request_id), world.see(number).state, len(world.refunds(number))) in ends


# --- the platform decides


def test_the_platform_may_decide_before_the_deadline(world: World) -> None:
    number, other = world.order(), world.order()
    yes, no = world.ask(number), world.ask(other)
    assert world.platform(yes, approve=True, reason="Seller is on leave").decided_by == "platform"
    assert world.platform(no, approve=False, reason="  Made to measure. ").reject_reason == "Made to measure."
    assert (world.see(number).state, world.see(other).state) == ("cancelled", "to_ship")
    with world.reading() as session:
        move = log_of(session, yes)[-1]
    assert (move.actor_type, move.actor_id, move.reason) == (AGENT.type, AGENT.id, "Seller is on leave")
    assert sorted(told(world)) == ["request_approved", "request_rejected"]


@pytest.mark.parametrize("reason", ["", "  ", "x" * 501])
def test_the_platform_gives_a_reason(world: World, reason: str) -> None:
    request_id = world.ask(world.order())
    with pytest.raises(InvalidInput, match="reason"):
        world.platform(request_id, approve=True, reason=reason)


def test_silence_may_hand_the_request_to_the_platform(world: World) -> None:
    number = world.order(on_silence="escalate")
    request_id = world.ask(number)
    world.now += DAY
    with pytest.raises(Conflict, match="the deadline decides now"):
        world.approve(request_id)
    assert world.settle(request_id) == "pending_seller"
    request = world.request(request_id)
    assert (request.escalated_at, request.respond_by) == (world.now, world.now)
    assert world.settle(request_id) is None
    with world.reading() as session:
        assert cancellations.due(session, world.now + DAY) == []
    for decide in (world.approve, world.reject):
        with pytest.raises(Conflict, match="the platform decides now"):
            decide(request_id)
    world.now += DAY
    world.platform(request_id, approve=True)
    assert world.see(number).state == "cancelled"
    assert told(world) == ["request_escalated", "request_approved"]


def test_the_platform_need_not_wait_for_the_timer_where_the_decision_is_its_own(world: World) -> None:
    request_id = world.ask(world.order(on_silence="escalate"))
    world.now += DAY
    assert world.platform(request_id, approve=False).state == "rejected"
    assert world.settle(request_id) is None


@pytest.mark.parametrize("on_silence", ["approve", "reject"])
def test_the_platform_does_not_take_the_timers_decision(world: World, on_silence: str) -> None:
    request_id = world.ask(world.order(on_silence=on_silence))
    world.now += DAY
    with pytest.raises(Conflict, match="the deadline decides now"):
        world.platform(request_id, approve=True)


def test_an_escalated_request_still_ends_with_a_parcel(world: World) -> None:
    number = world.order(on_silence="escalate")
    request_id = world.ask(number)
    world.now += DAY
    world.settle(request_id)
    world.ship(number)
    assert world.request_state(request_id) == "superseded"


def test_the_platform_cannot_refund_what_is_on_hold(world: World) -> None:
    number = world.order(on_silence="escalate")
    request_id = world.ask(number)
    world.set_order(number, frozen=True, frozen_reason="payment_check")
    with pytest.raises(NotAllowed, match="on hold"):
        world.platform(request_id, approve=True)
    world.now += DAY
    assert world.settle(request_id) == "expired", "nobody waits for a decision that cannot be made"
