"""What a provider tells us: who may say it, and that each event has its effect once, in whatever order they come."""

from __future__ import annotations

import itertools
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
from sqlalchemy import func, select

from recourse.core.errors import InvalidInput
from recourse.core.inbox import Inbox
from recourse.core.settings import DEMO_WEBHOOK_SECRET
from recourse.payments import chargebacks, webhooks
from recourse.payments.webhooks import BadSignature
from recourse.refunds import legs
from tests.unit.payments.signing import OTHER_SECRET, event, headers
from tests.unit.refunds.scenes import alerts, cancelled, leg, see, send, told
from tests.unit.world import BALANCE, CARD, NOW, World

SECRETS = (DEMO_WEBHOOK_SECRET,)
SECOND = timedelta(seconds=1)


def hear(world: World, type_: str, *, event_id: str | None = None, at: datetime | None = None, **data: Any) -> str:
    """A signed event comes in; returns what came of it."""
    body = event(type_, at or world.now, **data)
    verified = webhooks.verify(body, headers(body, event_id=event_id), SECRETS)
    with world.transaction() as session:
        return webhooks.handle(session, verified, world.now)


def key_of(world: World, leg_id: str) -> str:
    with world.reading() as session:
        sending = legs.sending_of(session, leg_id)
    assert sending is not None
    return sending.key


BODY = event("refund.succeeded", NOW, id="re_1")


def test_what_is_signed_is_read() -> None:
    found = webhooks.verify(BODY, headers(BODY, event_id="evt-x"), SECRETS)
    assert (found.id, found.type, found.at, found.data) == ("evt-x", "refund.succeeded", NOW, {"id": "re_1"})


@pytest.mark.parametrize(
    "age", [timedelta(minutes=5, seconds=2), -timedelta(minutes=5, seconds=2), timedelta(days=400)]
)
def test_an_old_or_future_signature_is_refused(age: timedelta) -> None:
    with pytest.raises(BadSignature):
        webhooks.verify(BODY, headers(BODY, at=datetime.now(UTC) - age), SECRETS)


@pytest.mark.parametrize(
    "change",
    [
        {"webhook-signature": "v1,AAAA"},
        {"webhook-signature": "nonsense"},
        {"webhook-signature": "v1,not base64!"},
        {"webhook-signature": "v2,"},
        {"webhook-signature": ""},
        {"webhook-timestamp": "NaN"},
        {"webhook-timestamp": "1e999"},
        {"webhook-timestamp": ""},
        {"webhook-id": "evt-another"},
        {"webhook-id": ""},
    ],
)
def test_a_forged_event_is_refused(change: dict[str, str]) -> None:
    with pytest.raises(BadSignature):
        webhooks.verify(BODY, headers(BODY) | change, SECRETS)


def test_a_changed_body_a_foreign_secret_and_no_header_are_refused() -> None:
    for body, given in (
        (BODY.replace(b"re_1", b"re_2"), headers(BODY)),
        (BODY, headers(BODY, OTHER_SECRET)),
        (BODY, {}),
        (b"\xff\xfe", headers(BODY)),
    ):
        with pytest.raises(BadSignature):
            webhooks.verify(body, given, SECRETS)


def test_a_secret_is_replaced_without_a_gap() -> None:
    both = (OTHER_SECRET, DEMO_WEBHOOK_SECRET)
    for secret in both:
        assert webhooks.verify(BODY, headers(BODY, secret), both).type == "refund.succeeded"


@pytest.mark.parametrize(
    "body", [b"[]", b"null", b"{", b'{"type": 1}', b'{"type": "x", "occurred_at": "yesterday", "data": {}}']
)
def test_a_signed_body_that_is_no_event(body: bytes) -> None:
    with pytest.raises(InvalidInput, match="not an event"):
        webhooks.verify(body, headers(body), SECRETS)


def test_an_event_has_its_effect_once(world: World) -> None:
    leg_id = leg(world, "submitted")
    key = key_of(world, leg_id)
    assert hear(world, "refund.succeeded", event_id="evt-1", key=key, id="re_1", reference="ARN1") == "applied"
    assert hear(world, "refund.succeeded", event_id="evt-1", key=key, id="re_1", reference="ARN1") == "repeated"
    assert hear(world, "refund.succeeded", event_id="evt-2", key=key, id="re_1", reference="ARN1") == "repeated"
    assert (see(world, leg_id).state, see(world, leg_id).reference) == ("succeeded", "ARN1")
    assert told(world, leg_id) == ["refund_arrived"]


@pytest.mark.parametrize("order", list(itertools.permutations(["processing", "succeeded", "reversed"])))
def test_events_in_any_order_end_the_same(world: World, order: tuple[str, ...]) -> None:
    leg_id = leg(world, "submitted")
    key = key_of(world, leg_id)
    times = {name: world.now + SECOND * place for place, name in enumerate(["processing", "succeeded", "reversed"])}
    for name in order:
        hear(world, f"refund.{name}", key=key, id="re_1", at=times[name])
    found = see(world, leg_id)
    assert found.state == "reversed"
    assert found.replaced_by is not None
    assert len(told(world, leg_id)) <= 2


@pytest.mark.parametrize("order", list(itertools.permutations(["requires_action", "processing", "succeeded"])))
def test_a_form_in_any_order(world: World, order: tuple[str, ...]) -> None:
    leg_id = leg(world, "submitted")
    key = key_of(world, leg_id)
    times = {name: world.now + SECOND * n for n, name in enumerate(["requires_action", "processing", "succeeded"])}
    for name in order:
        hear(world, f"refund.{name}", key=key, id="re_1", at=times[name])
    assert see(world, leg_id).state == "succeeded"


def test_bank_details_with_their_deadline(world: World) -> None:
    leg_id = leg(world, "submitted")
    limit = world.now + timedelta(days=7)
    hear(
        world, "refund.requires_action", key=key_of(world, leg_id), action_url="https://provider.example/f/1",
        action_by=limit.isoformat(),
    )  # fmt: skip
    assert (see(world, leg_id).action_url, see(world, leg_id).action_by) == ("https://provider.example/f/1", limit)


@pytest.mark.parametrize("type_", ["refund.invented", "balance.available", "payment.exploded"])
def test_what_does_not_concern_us_is_noted_and_ignored(world: World, type_: str) -> None:
    assert hear(world, type_, id="x") == "ignored"
    with world.reading() as session:
        assert session.scalar(select(func.count()).select_from(Inbox)) == 1


def test_what_we_do_not_know_is_noted_too(world: World) -> None:
    assert hear(world, "refund.succeeded", id="re_unknown", key="k") == "unknown"
    assert hear(world, "payment.captured", payment="pay_unknown") == "unknown"
    due_by = (world.now + timedelta(days=7)).isoformat()
    assert (
        hear(world, "chargeback.opened", id="cb", payment="x", amount=1, currency="EUR", reason="r", due_by=due_by)
        == "unknown"
    )


@pytest.mark.parametrize(
    ("type_", "data"),
    [
        ("refund.requires_action", {"key": "k", "action_url": "javascript:alert(1)"}),
        ("refund.succeeded", {"key": 7}),
        ("payment.captured", {}),
        ("chargeback.opened", {"id": "c", "payment": "p", "amount": 0, "currency": "EUR", "due_by": "2026-12-01T00:00:00Z"}),
        ("chargeback.opened", {"id": "c", "payment": "p", "amount": 1.5, "currency": "EUR", "due_by": "2026-12-01T00:00:00Z"}),
        ("chargeback.opened", {"id": "c", "payment": "p", "amount": 2**70, "currency": "EUR", "due_by": "2026-12-01T00:00:00Z"}),
        ("chargeback.opened", {"id": "c", "payment": "p", "amount": 1, "currency": "EUR", "due_by": "2026-12-01T00:00:00"}),
    ],
)  # fmt: skip
def test_data_that_cannot_be_is_refused_and_leaves_no_trace(world: World, type_: str, data: dict[str, Any]) -> None:
    with pytest.raises(InvalidInput, match="needs another value for"):
        hear(world, type_, **data)
    with world.reading() as session:
        assert session.scalar(select(func.count()).select_from(Inbox)) == 0


def test_a_captured_payment_sends_the_order_to_the_seller(world: World) -> None:
    number = world.order("payment_review", ways=(CARD, BALANCE), shares=(1500,))
    payment = world.see(number).tenders[0].payment_id
    for _ in range(2):
        assert hear(world, "payment.captured", payment=payment) == "applied"
    order = world.see(number)
    assert (order.state, order.paid_at, all(each.captured for each in order.tenders)) == ("to_ship", world.now, True)


def test_a_failed_review_cancels_the_order(world: World) -> None:
    number = world.order("payment_review")
    payment = world.see(number).tenders[0].payment_id
    assert hear(world, "payment.review_failed", payment=payment) == "applied"
    assert (world.see(number).state, world.see(number).close_reason) == ("cancelled", "review_failed")


def test_money_that_is_taken_after_the_order_has_ended_is_a_case_for_staff(world: World) -> None:
    number = world.order("payment_review")
    payment = world.see(number).tenders[0].payment_id
    world.cancel(number)
    assert hear(world, "payment.captured", payment=payment) == "ignored"
    assert world.see(number).state == "cancelled"
    assert alerts(world) == ["captured_after_void"]


def chargeback(world: World, number: str, type_: str) -> str:
    due_by = (world.now + timedelta(days=7)).isoformat()
    return hear(
        world, f"chargeback.{type_}", id="cb-1", payment=world.see(number).tenders[0].payment_id, amount=2500,
        currency="EUR", reason="fraudulent", due_by=due_by,
    )  # fmt: skip


@pytest.mark.parametrize("outcome", ["won", "lost"])
@pytest.mark.parametrize("overtaken", [False, True])
def test_a_chargeback_ends_the_same_when_its_end_overtakes_its_beginning(
    world: World, outcome: str, overtaken: bool
) -> None:
    number = world.order()
    for type_ in (outcome, "opened") if overtaken else ("opened", outcome):
        assert chargeback(world, number, type_) == "applied"
    with world.reading() as session:
        (found,) = chargebacks.of_payments(session, [world.see(number).tenders[0].payment_id])
    assert found.state == outcome
    assert world.see(number).state == ("to_ship" if outcome == "won" else "cancelled")
    assert not world.see(number).frozen


def test_what_our_rules_forbid_is_told_to_staff_and_not_sent_again(world: World) -> None:
    number = world.order()
    due_by = (world.now + timedelta(days=7)).isoformat()
    payment = world.see(number).tenders[0].payment_id
    data = {"id": "cb-1", "payment": payment, "amount": 1, "currency": "USD", "reason": "r", "due_by": due_by}
    assert hear(world, "chargeback.opened", **data) == "refused"
    assert not world.see(number).frozen
    assert alerts(world) == ["webhook_refused"]


def test_a_very_long_event_id_is_kept_by_its_hash(world: World) -> None:
    number = cancelled(world)
    (found,) = world.refunds(number)[0].legs
    key = send(world, found.id).key
    long = "evt-" + "x" * 500
    assert hear(world, "refund.succeeded", event_id=long, key=key) == "applied"
    assert hear(world, "refund.succeeded", event_id=long, key=key) == "repeated"
