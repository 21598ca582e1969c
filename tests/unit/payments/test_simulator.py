"""The way of money over real HTTP: the worker sends, the simulated provider answers and tells the gateway what came of it."""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from typing import Any

import httpx
import pytest

from recourse.core.money import Money as Amount
from recourse.core.outbox import BACKOFF
from recourse.core.settings import DEMO_PROVIDER_KEY
from recourse.payments import webhooks
from recourse.payments.http import HttpProvider
from recourse.payments.port import ProviderDown, Target
from recourse.refunds import service as refunds
from tests.unit.payments.conftest import Money
from tests.unit.payments.signing import OTHER_SECRET, event, headers
from tests.unit.refunds.scenes import leg, see, told
from tests.unit.world import BUYER, World

Start = Callable[..., Any]


def card(ending: str) -> tuple[str, str]:
    return ("card", f"Visa ending {ending}")


async def test_a_refund_is_received_and_arrives_later(world: World, money: Start) -> None:
    leg_id, way = leg(world), await money(settle_after=timedelta(days=3))
    assert await way.deliver() == 1
    assert see(world, leg_id).psp_refund_ref is not None
    await way.leg_is(leg_id, "processing")
    await way.control("settle")
    found = await way.leg_is(leg_id, "succeeded")
    assert found.reference is not None and found.reference.startswith("ARN")
    assert told(world, leg_id) == ["refund_arrived"]


@pytest.mark.parametrize("ending", ["0010", "0500", "0501"])
async def test_lost_answers_make_one_refund(world: World, money: Start, ending: str) -> None:
    """Accepted and answered too late, failed before, failed after: the same key again makes no second refund."""
    slow_bank = {"processing_after": timedelta(days=1), "settle_after": timedelta(days=3)}
    leg_id, way = leg(world, way=card(ending)), await money(**slow_bank)
    assert await way.deliver() == 0
    assert await way.deliver(BACKOFF[0]) == 1
    assert len(await way.refunds_there()) == 1
    await way.control("settle")
    await way.leg_is(leg_id, "succeeded")
    assert see(world, leg_id).tries == 2


async def test_duplicated_and_reordered_events_have_one_effect(world: World, money: Start) -> None:
    leg_id, way = leg(world, way=card("0020")), await money()
    await way.deliver()
    await way.leg_is(leg_id, "succeeded")
    await way.quiet()
    assert see(world, leg_id).state == "succeeded"
    assert told(world, leg_id) == ["refund_arrived"]


async def test_a_closed_card_and_the_buyers_choice(world: World, money: Start) -> None:
    leg_id, way = leg(world, way=card("0002")), await money()
    await way.deliver()
    failed = await way.leg_is(leg_id, "failed")
    assert failed.failure_reason == "expired_or_canceled_card"
    with world.transaction() as session:
        new = refunds.choose_route(session, BUYER, leg_id, "balance", world.now)
    await way.deliver()
    assert see(world, new.id).state == "succeeded"
    with world.reading() as session:
        assert refunds.balance(session, BUYER, "EUR") == Amount(2500, "EUR")


async def test_bank_details_are_given_to_the_provider(world: World, money: Start) -> None:
    leg_id, way = leg(world, way=card("0030")), await money()
    await way.deliver()
    waiting = await way.leg_is(leg_id, "requires_action")
    assert waiting.action_url is not None and waiting.action_by is not None
    page = waiting.action_url.replace("http://provider.example", way.provider)
    assert "Where shall the refund go?" in (await way.http.get(page)).text
    assert (await way.http.post(page, data={"holder": "B", "iban": "DE00"})).status_code == 200
    await way.leg_is(leg_id, "succeeded")
    assert "nothing more to do" in (await way.http.get(page)).text
    assert (await way.http.get(f"{way.provider}/forms/guessed")).status_code == 404


async def test_money_that_the_bank_sends_back_is_sent_again(world: World, money: Start) -> None:
    leg_id, way = leg(world, way=card("0040")), await money()
    await way.deliver()
    old = await way.leg_is(leg_id, "reversed")
    assert old.replaced_by is not None
    await way.deliver()
    assert len(await way.refunds_there()) == 2


async def test_a_refund_that_is_refused_for_good(world: World, money: Start) -> None:
    leg_id, way = leg(world, way=card("0402")), await money()
    assert await way.deliver() == 1
    assert (see(world, leg_id).state, see(world, leg_id).failure_reason) == ("failed", "refund_not_possible")


async def test_a_provider_that_is_away_is_tried_again(world: World, money: Start) -> None:
    leg_id, way = leg(world), await money()
    await way.stop_provider()
    assert await way.deliver() == 0
    await way.start_provider()
    assert await way.deliver(BACKOFF[0]) == 1
    await way.leg_is(leg_id, "succeeded")


async def test_the_provider_remembers_over_a_restart(world: World, money: Start) -> None:
    leg_id, way = leg(world), await money(settle_after=timedelta(days=3))
    await way.deliver()
    await way.leg_is(leg_id, "processing")
    await way.stop_provider()
    await way.start_provider()
    await way.control("settle")
    await way.leg_is(leg_id, "succeeded")


async def test_a_chargeback_is_heard_of(world: World, money: Start) -> None:
    number, way = world.order(), await money()
    data = {
        "id": "cb-1", "payment": world.see(number).tenders[0].payment_id, "amount": 2500, "currency": "EUR",
        "reason": "fraudulent", "due_by": (world.now + timedelta(days=7)).isoformat(),
    }  # fmt: skip
    await way.control("events", type="chargeback.opened", data=data)
    await way.quiet()
    assert world.see(number).issue == "chargeback"


async def test_behaviour_of_the_next_refund_can_be_set(world: World, money: Start) -> None:
    leg_id, way = leg(world), await money()
    await way.control("behaviour", behaviour="expired_card")
    await way.deliver()
    await way.leg_is(leg_id, "failed")


async def test_look_ups_voids_and_keys(world: World, money: Start) -> None:
    way: Money = await money()
    client = HttpProvider(way.provider, DEMO_PROVIDER_KEY)
    target = Target("card", "Visa ending 4242", True)
    await _in_thread(_keys, client, target)
    stranger = HttpProvider(way.provider, "wrong-key")
    with pytest.raises(ProviderDown, match="401"):
        await _in_thread(stranger.find_refund, "key-1")
    client.close()
    stranger.close()


def _keys(client: HttpProvider, target: Target) -> None:
    first = client.refund("key-1", "p", Amount(100, "EUR"), target, None)
    assert client.refund("key-1", "p", Amount(100, "EUR"), target, None) == first
    with pytest.raises(ProviderDown, match="409"):
        client.refund("key-1", "p", Amount(101, "EUR"), target, None)
    found = client.find_refund("key-1")
    assert found is not None and found.reference == first.reference
    assert client.find_refund("key-2") is None
    void = client.void("void-1", "p", Amount(100, "EUR"))
    assert client.void("void-1", "p", Amount(100, "EUR")) == void


async def _in_thread(work: Callable[..., Any], *args: Any) -> Any:
    return await asyncio.to_thread(work, *args)


async def post(way: Money, body: bytes, given: dict[str, str]) -> httpx.Response:
    return await way.http.post(f"{way.gateway}/webhooks/payments", content=body, headers=given)


async def test_the_gateway_refuses_what_is_forged_and_says_nothing_of_it(world: World, money: Start) -> None:
    leg_id, way = leg(world, "submitted"), await money()
    with world.reading() as session:
        key = refunds.get_leg(session, leg_id, world.now.date()).refund_id + ":0"
    body = event("refund.succeeded", world.now, key=key)
    hour_ago = datetime.now(UTC) - timedelta(hours=1)
    for given in ({}, headers(body, OTHER_SECRET), headers(body, at=hour_ago), headers(b"{}")):
        answer = await post(way, body, given)
        assert (answer.status_code, answer.json()["error"]["code"]) == (400, "bad_signature")
        assert key not in answer.text
    assert see(world, leg_id).state == "submitted"
    assert (await post(way, body, headers(body))).json() == {"outcome": "applied"}
    assert see(world, leg_id).state == "succeeded"


async def test_the_gateway_answers_as_providers_expect(world: World, money: Start) -> None:
    way: Money = await money()
    strange = event("account.updated", world.now)
    assert (await post(way, strange, headers(strange))).json() == {"outcome": "ignored"}
    given = headers(strange, event_id="evt-same")
    assert [(await post(way, strange, given)).json()["outcome"] for _ in range(2)] == ["ignored", "repeated"]
    assert (await post(way, b"[]", headers(b"[]"))).status_code == 400
    broken = event("payment.captured", world.now)
    assert (await post(way, broken, headers(broken))).status_code == 400
    big = b" " * 70_000
    assert (await post(way, big, headers(big))).status_code == 413
    assert (await way.http.get(f"{way.gateway}/webhooks/payments")).status_code == 405


async def test_our_own_failure_is_answered_with_5xx_so_that_it_is_sent_again(
    world: World, money: Start, monkeypatch: pytest.MonkeyPatch
) -> None:
    leg_id, way = leg(world, "submitted"), await money()
    original, failing = webhooks.handle, [True]

    def handle(*args: Any) -> str:
        if failing:
            failing.pop()
            raise RuntimeError("a programming error")
        return original(*args)

    monkeypatch.setattr(webhooks, "handle", handle)
    with world.reading() as session:
        key = refunds.get_leg(session, leg_id, world.now.date()).refund_id + ":0"
    body = event("refund.succeeded", world.now, key=key)
    given = headers(body)
    assert (await post(way, body, given)).status_code == 500
    assert (await post(way, body, given)).json() == {"outcome": "applied"}


async def test_without_a_secret_no_event_is_taken(world: World, money: Start) -> None:
    way: Money = await money(config={"provider_webhook_secrets": ()})
    body = event("account.updated", world.now)
    assert (await post(way, body, headers(body))).status_code == 503
