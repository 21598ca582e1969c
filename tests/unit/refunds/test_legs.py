"""The life of a refund leg: events in any order, failures and their replacement, deadlines."""

from __future__ import annotations

from datetime import timedelta

import pytest

from recourse.core.errors import Conflict, InvalidInput, NotAllowed, NotFound
from recourse.core.money import Money
from recourse.core.transitions import Actor, log_of
from recourse.refunds import legs
from recourse.refunds import service as refunds
from recourse.refunds.rules import EVENTS, LEG_MACHINE, LOST, leg_path
from tests.unit.refunds.scenes import PATHS, alerts, cancelled, leg, queued, say, see, send, told
from tests.unit.world import BALANCE, BUYER, OTHER, World

MINUTE = timedelta(minutes=1)


def moves(world: World, leg_id: str) -> list[tuple[str | None, str, str]]:
    with world.reading() as session:
        return [(row.from_state, row.to_state, row.actor_type) for row in log_of(session, leg_id)]


def balance(world: World) -> Money:
    with world.reading() as session:
        return refunds.balance(session, BUYER, "EUR")


def choose(world: World, leg_id: str, route: str, buyer: str = BUYER) -> refunds.LegView:
    with world.transaction() as session:
        return refunds.choose_route(session, buyer, leg_id, route, world.now)


def settle(world: World, leg_id: str) -> refunds.LegView | None:
    with world.transaction() as session:
        return refunds.settle(session, leg_id, world.now)


def due(world: World) -> list[str]:
    with world.reading() as session:
        return list(refunds.due(session, world.now))


@pytest.mark.parametrize("state", PATHS)
@pytest.mark.parametrize("event", EVENTS)
def test_each_event_in_each_state(world: World, state: str, event: str) -> None:
    leg_id = leg(world, state)
    world.now += MINUTE
    path = leg_path(state, event, None if state in ("created", "submitted") else world.now - MINUTE, world.now)
    done = say(world, leg_id, event)
    assert see(world, leg_id).state == (path[-1] if path else state)
    assert done.outcome == ("applied" if path else "repeated" if event == state else "ignored")
    assert all(actor in LEG_MACHINE[(origin, to)] for origin, to, actor in moves(world, leg_id))


def test_a_refund_that_goes_well(world: World) -> None:
    leg_id = leg(world, "processing")
    world.now += timedelta(days=3)
    say(world, leg_id, "succeeded", arn="ARN123", psp_refund_ref="re_1")
    found = see(world, leg_id)
    assert (found.state, found.reference, found.psp_refund_ref, found.settled_at) == (
        "succeeded", "ARN123", "re_1", world.now
    )  # fmt: skip
    assert moves(world, leg_id) == [
        (None, "created", "system"),
        ("created", "submitted", "worker"),
        ("submitted", "processing", "psp"),
        ("processing", "succeeded", "psp"),
    ]
    assert told(world, leg_id) == ["refund_arrived"]


def test_events_are_found_by_key_and_by_the_providers_name_too(world: World) -> None:
    leg_id = leg(world, "created")
    sent = send(world, leg_id)
    with world.transaction() as session:
        by_key = refunds.record_result(session, "processing", world.now, world.now, key=sent.key, psp_refund_ref="re_9")
        by_name = refunds.record_result(
            session, "succeeded", world.now + MINUTE, world.now + MINUTE, psp_refund_ref="re_9"
        )
        unknown = refunds.record_result(session, "succeeded", world.now, world.now, psp_refund_ref="re_8")
    assert (by_key.outcome, by_name.outcome, unknown.outcome) == ("applied", "applied", "unknown")
    assert see(world, leg_id).state == "succeeded"


def test_an_event_for_a_leg_that_we_think_was_not_sent(world: World) -> None:
    leg_id = leg(world, "created")
    say(world, leg_id, "processing")
    assert see(world, leg_id).state == "processing"
    assert see(world, leg_id).submitted_at == world.now


def test_repeated_and_late_events_change_nothing(world: World) -> None:
    leg_id = leg(world, "succeeded")
    before = moves(world, leg_id)
    for event in ("processing", "requires_action", "succeeded"):
        assert say(world, leg_id, event, world.now - timedelta(hours=1)).outcome in ("ignored", "repeated")
    assert moves(world, leg_id) == before
    assert told(world, leg_id) == ["refund_arrived"]


def test_the_banks_reference_may_come_later(world: World) -> None:
    leg_id = leg(world, "succeeded")
    assert say(world, leg_id, "succeeded", arn="ARN9").outcome == "repeated"
    assert see(world, leg_id).reference == "ARN9"


def test_an_unknown_event_is_refused(world: World) -> None:
    with world.transaction() as session, pytest.raises(InvalidInput, match="not an event"):
        refunds.record_result(session, "submitted", world.now, world.now, leg_id="x")


def test_money_to_the_balance_is_entered_once(world: World) -> None:
    leg_id = leg(world, "submitted", BALANCE)
    assert balance(world) == Money(0, "EUR")
    say(world, leg_id, "succeeded")
    say(world, leg_id, "succeeded")
    assert balance(world) == Money(2500, "EUR")
    assert say(world, leg_id, "reversed").outcome == "ignored", "nobody takes money out of the balance again"


def test_money_that_came_after_all_is_a_case_for_staff(world: World) -> None:
    leg_id = leg(world, "failed")
    assert say(world, leg_id, "succeeded").outcome == "ignored"
    assert see(world, leg_id).state == "failed"
    assert alerts(world) == ["refund_arrived_after_failure"]


def test_reversed_money_is_sent_again_to_the_same_instrument(world: World) -> None:
    leg_id = leg(world, "reversed")
    old = see(world, leg_id)
    assert old.replaced_by is not None
    new = see(world, old.replaced_by)
    assert (new.state, new.attempt, new.instrument, new.amount) == ("created", 2, old.instrument, old.amount)
    assert new.expected_from > world.now.date()
    assert told(world, leg_id) == ["refund_arrived", "refund_reversed"]
    assert [row.payload["leg_id"] for row in queued(world, "refund_leg")] == [leg_id, new.id]


def test_money_that_is_reversed_twice_waits_for_the_buyer(world: World) -> None:
    first = see(world, leg(world, "reversed"))
    again = first.replaced_by
    assert again is not None
    send(world, again)
    world.now += MINUTE
    say(world, again, "reversed")
    assert see(world, again).replaced_by is None
    assert alerts(world) == ["refund_not_sent_again"]
    assert choose(world, again, "balance").method == "balance"


def test_nothing_goes_out_again_by_itself_while_the_order_is_on_hold(world: World) -> None:
    number = cancelled(world)
    (old,) = world.refunds(number)[0].legs
    send(world, old.id)
    say(world, old.id, "succeeded")
    world.set_order(number, frozen=True, frozen_reason="fraud")
    say(world, old.id, "reversed")
    assert see(world, old.id).replaced_by is None
    assert alerts(world) == ["refund_not_sent_again"]


@pytest.mark.parametrize("state", [state for state in PATHS if state != "failed" and state not in LOST])
def test_what_may_still_arrive_is_not_sent_twice(world: World, state: str) -> None:
    leg_id = leg(world, state)
    with pytest.raises(NotAllowed, match="may still arrive"):
        choose(world, leg_id, "again")


@pytest.mark.parametrize(
    ("route", "method", "instrument"),
    [
        ("again", "card", "Visa ending 4242"),
        ("balance", "balance", "your shop balance"),
        ("bank", "bank", "your bank account"),
    ],
)
def test_after_a_failure_the_buyer_chooses(world: World, route: str, method: str, instrument: str) -> None:
    leg_id = leg(world, "failed")
    new = choose(world, leg_id, route)
    assert (new.method, new.instrument, new.state, new.attempt) == (method, instrument, "created", 2)
    assert choose(world, leg_id, route).id == new.id, "the same choice again is the same leg"
    with pytest.raises(Conflict, match="replaced already"):
        choose(world, leg_id, "balance" if route != "balance" else "bank")


def test_only_the_leg_that_counts_is_a_leg_of_the_refund(world: World) -> None:
    number = cancelled(world)
    (old,) = world.refunds(number)[0].legs
    send(world, old.id)
    say(world, old.id, "failed", reason="expired_or_canceled_card")
    new = choose(world, old.id, "balance")
    (refund,) = world.refunds(number)
    assert [each.id for each in refund.legs] == [new.id]
    assert [(each.id, each.replaced_by) for each in refund.attempts] == [(old.id, new.id), (new.id, None)]


def test_a_foreign_leg_is_a_missing_leg(world: World) -> None:
    leg_id = leg(world, "failed")
    messages = set()
    for buyer, wanted in ((OTHER, leg_id), (BUYER, "0" * 32)):
        with pytest.raises(NotFound) as caught:
            choose(world, wanted, "again", buyer)
        messages.add(str(caught.value))
        with world.transaction() as session, pytest.raises(NotFound) as caught:
            refunds.give_bank_details(session, buyer, wanted, world.now)
        messages.add(str(caught.value))
    assert len(messages) == 1


def test_an_unknown_route_is_refused(world: World) -> None:
    with pytest.raises(InvalidInput, match="again, balance, bank"):
        choose(world, leg(world, "failed"), "cash")


def test_nothing_is_sent_again_while_the_order_is_on_hold(world: World) -> None:
    number = cancelled(world)
    (old,) = world.refunds(number)[0].legs
    send(world, old.id)
    say(world, old.id, "failed")
    world.set_order(number, frozen=True, frozen_reason="fraud")
    with pytest.raises(NotAllowed, match="on hold"):
        choose(world, old.id, "again")


def test_staff_may_replace_with_details_from_the_providers_form(world: World) -> None:
    leg_id = leg(world, "failed")
    with world.transaction() as session:
        made = refunds.replace_leg(
            session, leg_id, world.now, Actor("agent", "a-1"), "bank", "account ending 77", "bd_1"
        )
    (row,) = queued(world, "refund_leg", leg_id=made.id)
    assert row.payload["details"] == "bd_1"
    with world.reading() as session:
        assert "chosen by agent" in str(log_of(session, made.id)[0].reason)


def test_bank_details(world: World) -> None:
    leg_id = leg(world, "submitted")
    limit = world.now + timedelta(days=7)
    say(world, leg_id, "requires_action", action_url="https://provider.example/f/1", action_by=limit)
    found = see(world, leg_id)
    assert (found.action_url, found.action_by) == ("https://provider.example/f/1", limit)
    assert told(world, leg_id) == ["refund_needs_details"]
    world.now += MINUTE
    with world.transaction() as session:
        assert refunds.give_bank_details(session, BUYER, leg_id, world.now).state == "processing"
    with world.transaction() as session:
        assert refunds.give_bank_details(session, BUYER, leg_id, world.now).state == "processing"
    assert moves(world, leg_id)[-1] == ("requires_action", "processing", "buyer")


def test_details_are_not_taken_where_none_are_wanted(world: World) -> None:
    leg_id = leg(world, "failed")
    with world.transaction() as session, pytest.raises(NotAllowed, match="waits for no bank details"):
        refunds.give_bank_details(session, BUYER, leg_id, world.now)


def test_the_provider_may_want_details_more_than_once(world: World) -> None:
    leg_id = leg(world, "requires_action")
    for event in ("processing", "requires_action", "processing"):
        world.now += MINUTE
        assert say(world, leg_id, event).outcome == "applied"
    assert told(world, leg_id) == ["refund_needs_details"] * 2


@pytest.mark.parametrize(("off", "state"), [(-1, "requires_action"), (0, "failed"), (1, "failed")])
def test_a_form_that_is_not_filled_in_fails_the_leg_at_its_deadline(world: World, off: int, state: str) -> None:
    leg_id = leg(world, "submitted")
    limit = world.now + timedelta(days=7)
    say(world, leg_id, "requires_action", action_by=limit)
    world.now = limit + timedelta(seconds=off)
    assert due(world) == ([leg_id] if off >= 0 else [])
    done = settle(world, leg_id)
    assert (done is None) == (off < 0)
    assert see(world, leg_id).state == state
    assert settle(world, leg_id) is None
    if off >= 0:
        assert (see(world, leg_id).failure_reason, told(world, leg_id)[-1]) == ("details_missing", "refund_failed")


def test_after_the_deadline_the_form_comes_too_late(world: World) -> None:
    leg_id = leg(world, "submitted")
    say(world, leg_id, "requires_action", action_by=world.now + MINUTE)
    world.now += MINUTE
    with world.transaction() as session, pytest.raises(Conflict, match="time to give bank details ended"):
        refunds.give_bank_details(session, BUYER, leg_id, world.now)


@pytest.mark.parametrize(("state", "asked"), [("created", 0), ("submitted", 1), ("processing", 1)])
def test_a_late_leg_is_looked_up_once_a_day_and_never_guessed(world: World, state: str, asked: int) -> None:
    leg_id = leg(world, state)
    last = see(world, leg_id).expected_to
    world.now = world.now.replace(year=last.year, month=last.month, day=last.day)
    assert due(world) == []
    assert settle(world, leg_id) is None
    world.now += timedelta(days=1)
    assert due(world) == [leg_id]
    assert settle(world, leg_id) is not None
    assert settle(world, leg_id) is None
    assert due(world) == []
    assert see(world, leg_id).state == state
    assert see(world, leg_id).overdue
    assert alerts(world) == ["refund_late"]
    assert len(queued(world, "refund_lookup")) == asked
    world.now += timedelta(days=1)
    assert due(world) == [leg_id]
    settle(world, leg_id)
    assert len(queued(world, "refund_lookup")) == 2 * asked
    assert alerts(world) == ["refund_late"]


def test_the_longest_overdue_come_first_and_no_more_than_asked(world: World) -> None:
    first = leg(world, "processing")
    world.now += timedelta(days=5)
    second = leg(world, "processing")
    world.now += timedelta(days=90)
    assert due(world) == [first, second]
    with world.reading() as session:
        assert refunds.due(session, world.now, limit=1) == [first]


def test_the_platform_stops_what_was_not_sent(world: World) -> None:
    leg_id = leg(world, "created")
    with world.transaction() as session:
        stopped = refunds.cancel_leg(session, leg_id, world.now, Actor("platform"), "paid by hand")
    assert (stopped.state, stopped.failure_reason) == ("cancelled", "paid by hand")
    assert send(world, leg_id) is None
    with world.transaction() as session, pytest.raises(NotAllowed):
        refunds.cancel_leg(session, leg(world, "processing"), world.now, Actor("platform"), "too late")


def test_a_sending_is_noted_before_it_happens_and_repeated_with_the_same_key(world: World) -> None:
    leg_id = leg(world, "created")
    first, second = send(world, leg_id), send(world, leg_id)
    assert first.key == second.key
    assert (first.tries, second.tries) == (1, 2)
    with world.transaction() as session:
        legs.record_reference(session, leg_id, "re_1")
    assert send(world, leg_id) is None
