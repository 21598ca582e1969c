"""Sending refunds: at least once to the provider, exactly one refund there, whatever gets lost on the way."""

from __future__ import annotations

import threading
from datetime import timedelta

import pytest

from recourse.core import outbox
from recourse.core.money import Money
from recourse.core.outbox import ATTEMPTS_MAX, BACKOFF, LEASE
from recourse.payments import dispatch
from recourse.payments.dispatch import TRIES
from recourse.payments.ledger import Ledger
from recourse.payments.port import Answer, Providers, RefundStatus, Target
from recourse.refunds import legs
from recourse.refunds import service as refunds
from tests.unit.payments.stubs import StubProvider, deliver
from tests.unit.refunds.scenes import alerts, cancelled, leg, queued, say, see, send, told
from tests.unit.world import BALANCE, BUYER, CARD, World

HOUR = timedelta(hours=1)


def row(world: World, leg_id: str, topic: str = "refund_leg") -> outbox.Outbox:
    (found,) = queued(world, topic, leg_id=leg_id)
    return found


def test_a_refund_is_sent_once_and_its_answer_kept(world: World) -> None:
    leg_id, provider = leg(world), StubProvider()
    assert deliver(world, provider) == 1
    assert deliver(world, provider, HOUR) == 0
    found = see(world, leg_id)
    (key,) = provider.refunds
    assert (found.state, found.psp_refund_ref, found.tries) == ("submitted", f"re-{key}", 1)
    payment_ref, amount, to, details = provider.refunds[key]
    assert (payment_ref, amount, details) == (found.payment_id, Money(2500, "EUR"), None)
    assert to == Target("card", "Visa ending 4242", original=True)
    assert row(world, leg_id).done_at is not None


def test_money_to_the_balance_needs_no_provider(world: World) -> None:
    leg_id = leg(world, way=BALANCE)
    assert deliver(world, None) == 1
    assert see(world, leg_id).state == "succeeded"
    assert told(world, leg_id) == ["refund_arrived"]
    with world.reading() as session:
        assert refunds.balance(session, BUYER, "EUR") == Money(2500, "EUR")


def test_each_tender_goes_its_own_way(world: World) -> None:
    number, provider = cancelled(world, ways=(CARD, BALANCE), shares=(1000,)), StubProvider()
    assert deliver(world, provider) == 2
    assert [each.state for each in world.refunds(number)[0].legs] == ["submitted", "succeeded"]
    assert len(provider.refunds) == 1


def test_without_a_provider_a_refund_waits(world: World) -> None:
    leg_id = leg(world)
    assert deliver(world, None) == 0
    assert see(world, leg_id).state == "created"
    waiting = row(world, leg_id)
    assert waiting.attempts == 0
    assert "RECOURSE_PROVIDER_URL" in str(waiting.last_error)
    assert deliver(world, StubProvider(), HOUR) == 1
    assert see(world, leg_id).state == "submitted"


def test_an_answer_that_got_lost_makes_no_second_refund(world: World) -> None:
    leg_id, provider = leg(world), StubProvider()
    provider.script.extend(["lost", "lost"])
    assert deliver(world, provider) == 0
    assert see(world, leg_id).state == "submitted"
    assert deliver(world, provider) == 0, "not before its time"
    assert deliver(world, provider, BACKOFF[0]) == 0
    assert deliver(world, provider, BACKOFF[1]) == 1
    assert len(provider.refunds) == 1
    assert provider.calls == [f"refund {next(iter(provider.refunds))}"] * 3
    assert see(world, leg_id).tries == 3


def test_a_process_that_dies_after_the_call_repeats_it_with_the_same_key(world: World) -> None:
    leg_id, provider = leg(world), StubProvider()
    with world.transaction() as session:  # claimed, noted, sent; then the lights go out
        outbox.claim(session, dispatch.TOPICS, world.now)
    sending = send(world, leg_id)
    provider.refund(sending.key, "p", sending.amount, Target("card", "x", True), None)
    assert deliver(world, provider) == 0, "the row is still leased"
    assert deliver(world, provider, LEASE) == 1
    assert len(provider.refunds) == 1
    assert see(world, leg_id).psp_refund_ref == f"re-{sending.key}"


def test_an_event_may_come_before_the_answer(world: World) -> None:
    leg_id = leg(world)

    class Quick(StubProvider):
        def refund(self, key: str, payment_ref: str, amount: Money, to: Target, details: str | None) -> Answer:
            with world.transaction() as session:
                refunds.record_result(session, "succeeded", world.now, world.now, key=key, psp_refund_ref="re-quick")
            return Answer("received", "re-quick")

    assert deliver(world, Quick()) == 1
    assert (see(world, leg_id).state, see(world, leg_id).psp_refund_ref) == ("succeeded", "re-quick")
    assert told(world, leg_id) == ["refund_arrived"]


def test_a_refused_refund_has_failed(world: World) -> None:
    leg_id, provider = leg(world), StubProvider()
    provider.script.append("refused")
    assert deliver(world, provider) == 1
    assert (see(world, leg_id).state, see(world, leg_id).failure_reason) == ("failed", "refund_not_possible")
    assert told(world, leg_id) == ["refund_failed"]


def exhaust(world: World, provider: StubProvider) -> None:
    provider.script.extend(["timeout"] * TRIES)
    for wait in (timedelta(), *BACKOFF[: TRIES - 1]):
        assert deliver(world, provider, wait) == 0


def test_a_provider_that_never_answers_is_asked_by_key_and_the_leg_fails_when_it_knows_nothing(world: World) -> None:
    leg_id, provider = leg(world), StubProvider()
    exhaust(world, provider)
    assert see(world, leg_id).state == "submitted"
    assert deliver(world, provider, BACKOFF[TRIES - 1]) == 0
    assert provider.calls[-1].startswith("find ")
    found = see(world, leg_id)
    assert (found.state, found.failure_reason) == ("failed", "provider_unreachable")
    with world.reading() as session:
        (dead,) = outbox.dead_letters(session)
    assert (dead.payload["leg_id"], dead.last_error) == (leg_id, "the provider never got this refund")
    with world.transaction() as session:
        outbox.revive(session, dead.id, world.now)
    assert deliver(world, provider) == 1, "a leg that has ended needs no sending"
    assert provider.refunds == {}


def test_a_provider_that_knows_it_after_all_is_believed(world: World) -> None:
    leg_id, provider = leg(world), StubProvider()
    exhaust(world, provider)
    key = provider.calls[0].removeprefix("refund ")
    provider.states[key] = RefundStatus("re-77", "succeeded", world.now.isoformat(), {"reference": "ARN77"})
    assert deliver(world, provider, BACKOFF[TRIES - 1]) == 1
    found = see(world, leg_id)
    assert (found.state, found.reference, found.psp_refund_ref) == ("succeeded", "ARN77", "re-77")


def test_a_look_up_that_fails_too_decides_nothing(world: World) -> None:
    leg_id, provider = leg(world), StubProvider()
    exhaust(world, provider)
    provider.script.extend(["down"] * 20)
    for wait in BACKOFF[TRIES - 1 :]:
        assert deliver(world, provider, wait) == 0
    assert deliver(world, provider, timedelta(days=30)) == 0
    assert see(world, leg_id).state == "submitted", "nobody knows, so nobody guesses"
    with world.reading() as session:
        (dead,) = outbox.dead_letters(session)
    assert dead.attempts == ATTEMPTS_MAX


def test_one_message_that_fails_does_not_stop_the_others(world: World) -> None:
    first = leg(world)
    world.now += timedelta(minutes=1)
    second, provider = leg(world), StubProvider()
    provider.script.append("crash")
    assert deliver(world, provider) == 1
    assert (row(world, first).last_error, see(world, second).psp_refund_ref is not None) == ("RuntimeError", True)


def test_a_provider_that_uses_one_name_twice_blocks_nobody_else(world: World) -> None:
    class Confused(StubProvider):
        def refund(self, key: str, payment_ref: str, amount: Money, to: Target, details: str | None) -> Answer:
            return Answer("received", "re-always-the-same" if amount.amount_minor == 2500 else f"re-{key}")

    first = leg(world)
    world.now += timedelta(minutes=1)
    second = leg(world)
    world.now += timedelta(minutes=1)
    third = leg(world, shipping=1)
    assert deliver(world, Confused()) == 2
    assert [see(world, each).psp_refund_ref is not None for each in (first, second, third)] == [True, False, True]
    assert row(world, second).last_error == "IntegrityError"


def test_a_replacement_goes_where_the_buyer_chose(world: World) -> None:
    leg_id, provider = leg(world), StubProvider()
    deliver(world, provider)
    say(world, leg_id, "failed", reason="expired_or_canceled_card")
    with world.transaction() as session:
        new = refunds.choose_route(session, BUYER, leg_id, "bank", world.now)
    assert deliver(world, provider) == 1
    assert len(provider.refunds) == 2
    _, amount, to, _ = list(provider.refunds.values())[-1]
    assert (amount, to) == (Money(2500, "EUR"), Target("bank", "your bank account", original=False))
    assert see(world, new.id).state == "submitted"


def test_a_late_refund_is_asked_for_and_takes_the_providers_state(world: World) -> None:
    leg_id, provider = leg(world), StubProvider()
    deliver(world, provider)
    (key,) = provider.refunds
    say(world, leg_id, "processing")
    world.now += timedelta(days=60)
    with world.transaction() as session:
        refunds.settle(session, leg_id, world.now)
    provider.states[key] = RefundStatus(f"re-{key}", "failed", world.now.isoformat(), {"reason": "lost_or_stolen_card"})
    assert deliver(world, provider) == 1
    assert (see(world, leg_id).state, see(world, leg_id).failure_reason) == ("failed", "lost_or_stolen_card")


@pytest.mark.parametrize("known", [None, "processing"])
def test_a_late_refund_of_which_nothing_new_is_known_stays_as_it_is(world: World, known: str | None) -> None:
    leg_id, provider = leg(world, "processing"), StubProvider()
    deliver(world, provider)
    world.now += timedelta(days=60)
    with world.transaction() as session:
        refunds.settle(session, leg_id, world.now)
    if known:
        key = send_key(world, leg_id)
        provider.states[key] = RefundStatus("re-1", known, (world.now - timedelta(days=59)).isoformat(), {})
    assert deliver(world, provider) == 1
    assert see(world, leg_id).state == "processing"
    assert alerts(world) == ["refund_late"]


def send_key(world: World, leg_id: str) -> str:
    with world.reading() as session:
        sending = legs.sending_of(session, leg_id)
    assert sending is not None
    return sending.key


def test_reserved_money_that_was_let_go_is_voided_once(world: World) -> None:
    number, provider = world.order("payment_review"), StubProvider()
    world.cancel(number)
    provider.script.append("timeout")
    assert deliver(world, provider) == 0
    assert deliver(world, provider, BACKOFF[0]) == 1
    ((ref, amount),) = provider.voids.values()
    assert (ref, amount) == (world.see(number).tenders[0].payment_id, Money(2500, "EUR"))
    assert deliver(world, provider, HOUR) == 0


def test_a_void_that_is_refused_is_a_case_for_staff(world: World) -> None:
    provider = StubProvider()
    world.cancel(world.order("payment_review"))
    provider.script.append("refused")
    assert deliver(world, provider) == 1
    assert alerts(world) == ["void_refused"]


def test_two_workers_send_one_refund(world: World) -> None:
    """Each leg is delivered by one of them, or by both with the same key."""
    ids, provider = [leg(world) for _ in range(6)], StubProvider()
    errors: list[Exception] = []

    def work() -> None:
        try:
            for _ in range(3):
                dispatch.deliver_due(world.now, Providers(Ledger(), provider), world.engine)
        except Exception as error:
            errors.append(error)

    workers = [threading.Thread(target=work) for _ in range(3)]
    for worker in workers:
        worker.start()
    for worker in workers:
        worker.join()
    assert errors == []
    assert len(provider.refunds) == len(provider.calls) == len(ids)
    assert {see(world, leg_id).tries for leg_id in ids} == {1}
