"""Simulated sellers against the real seller API, and what they do when it fails."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from datetime import datetime, timedelta
from random import Random
from typing import Any

import httpx
import pytest
from sqlalchemy import func, select

from recourse.core.errors import ConfigurationError
from recourse.core.transitions import TransitionLog
from recourse.messages import asks, offers
from recourse.simulators.sellers import STYLES, SellerSimulator, decide, run
from tests.unit.gateway.seller_client import Api
from tests.unit.world import BUYER, World

Make = Callable[..., SellerSimulator]


@pytest.fixture
def api(world: World) -> Iterator[Api]:
    with Api(world) as made:
        yield made


@pytest.fixture
def make(api: Api) -> Iterator[Make]:
    """A seller of a style; ``transport`` may break the wire."""
    made: list[SellerSimulator] = []

    def start(style: str, **options: Any) -> SellerSimulator:
        given: dict[str, Any] = {"now": lambda: api.world.now, "sleep": lambda _: None, **options}
        made.append(SellerSimulator(api.served.url, given.pop("key", api.key), style, **given))
        return made[-1]

    yield start
    for each in made:
        each.close()


def moves(world: World) -> int:
    with world.reading() as session:
        return session.scalar(select(func.count()).select_from(TransitionLog)) or 0


def test_fast_yes_approves_everything_and_only_its_own(api: Api, make: Make) -> None:
    world = api.world
    ids = [world.ask(world.order()) for _ in range(3)]
    assert make("fast_yes", key=api.rival_key).poll() == []
    assert len(make("fast_yes").poll()) == 3
    assert {world.request_state(each) for each in ids} == {"approved"}
    assert make("fast_yes").poll() == []


def test_slow_approves_in_the_second_half_of_its_time(api: Api, make: Make) -> None:
    world = api.world
    request_id = world.ask(world.order())
    seller, hours = make("slow"), 0
    while not seller.poll():
        hours += 1
        world.now += timedelta(hours=1)
        assert hours < 24
    assert 12 <= hours <= 22 and world.request_state(request_id) == "approved"


def test_refuses_with_tracking_gives_proof(api: Api, make: Make) -> None:
    world = api.world
    request_id = world.ask(world.order())
    assert len(make("refuses_with_tracking").poll()) == 1
    request = world.request(request_id)
    assert request.state == "rejected" and request.proof_tracking and request.proof_shipped_at == request.requested_at


def test_asks_form_waits_for_the_buyer(api: Api, make: Make) -> None:
    world = api.world
    request_id = world.ask(world.order())
    seller = make("asks_form")
    assert len(seller.poll()) == 1 and seller.poll() == []
    with world.transaction() as session:
        (asked,) = asks.of_request(session, request_id)
        asks.answer_action(session, BUYER, asked.id, None, world.now)
    assert asked.url and asked.url.startswith("https://")
    assert len(seller.poll()) == 1 and world.request_state(request_id) == "approved"


def test_silent_lets_the_deadline_decide(api: Api, make: Make) -> None:
    world = api.world
    request_id = world.ask(world.order())
    before = moves(world)
    assert make("silent").poll() == []
    assert moves(world) == before and world.request_state(request_id) == "pending_seller"


@pytest.mark.parametrize("answer", ["accept", "decline"])
def test_offers_part_offers_once_and_takes_the_answer(api: Api, make: Make, answer: str) -> None:
    world = api.world
    number = world.order()
    request_id = world.ask(number)
    seller = make("offers_part")
    assert len(seller.poll()) == 1 and seller.poll() == []
    with world.transaction() as session:
        offer = offers.open_offer(session, world.see(number).id, world.now)
        assert offer is not None and 250 <= offer.amount.amount_minor <= 1000
        act = offers.accept_offer if answer == "accept" else offers.decline_offer
        act(session, BUYER, offer.id, world.now)
    seller.poll()
    assert world.request_state(request_id) == ("withdrawn" if answer == "accept" else "approved")


@pytest.mark.parametrize("style", [each for each in STYLES if each not in ("silent", "slow")])
def test_an_answer_that_got_lost_is_asked_for_again_and_nothing_is_done_twice(api: Api, make: Make, style: str) -> None:
    """The wire breaks after the server has done the work, the process dies, and a new one takes over."""
    world = api.world
    number = world.order()
    request_id = world.ask(number)

    class Lossy(httpx.HTTPTransport):
        def handle_request(self, request: httpx.Request) -> httpx.Response:
            response = super().handle_request(request)
            if request.method == "POST":
                response.read()
                raise httpx.ReadError("the wire broke", request=request)
            return response

    assert make(style, transport=Lossy()).poll() == []
    done = moves(world)
    make(style).poll()
    assert moves(world) == done
    with world.reading() as session:
        assert len(asks.of_request(session, request_id)) == (1 if style == "asks_form" else 0)
        assert len(offers.all_of(session, world.see(number).id)) == (1 if style == "offers_part" else 0)


def test_it_survives_errors_of_the_server(api: Api, make: Make) -> None:
    world = api.world
    request_id = world.ask(world.order())
    waits: list[float] = []
    answers = iter([503, 500, 429])

    class Moody(httpx.HTTPTransport):
        def handle_request(self, request: httpx.Request) -> httpx.Response:
            status = next(answers, None)
            return httpx.Response(status, headers={"Retry-After": "3"}) if status else super().handle_request(request)

    assert len(make("fast_yes", transport=Moody(), sleep=waits.append).poll()) == 1
    assert world.request_state(request_id) == "approved"
    assert len(waits) == 3 and waits[-1] >= 3


def test_a_server_that_stays_down_is_tried_again_later(api: Api, make: Make) -> None:
    def broken(request: httpx.Request) -> httpx.Response:
        raise httpx.ConnectError("nobody there", request=request)

    assert make("fast_yes", transport=httpx.MockTransport(broken)).poll() == []
    assert make("fast_yes", transport=httpx.MockTransport(lambda _: httpx.Response(503))).poll() == []


def test_somebody_else_may_be_first(api: Api, make: Make) -> None:
    world = api.world
    request_id = world.ask(world.order())

    class Beaten(httpx.HTTPTransport):
        def handle_request(self, request: httpx.Request) -> httpx.Response:
            if request.method == "POST":
                world.reject(request_id)
            return super().handle_request(request)

    assert make("fast_yes", transport=Beaten()).poll() == []
    assert world.request_state(request_id) == "rejected"


def test_a_wrong_key_or_style_is_said(api: Api, make: Make) -> None:
    with pytest.raises(ConfigurationError):
        make("fast_yes", key="sk_wrong").poll()
    with pytest.raises(ConfigurationError):
        make("friendly")


def test_a_crowd_polls_for_some_rounds(api: Api, make: Make) -> None:
    world = api.world
    world.ask(world.order())
    slept: list[float] = []
    assert run([make("silent"), make("fast_yes")], 2.0, 3, slept.append) == 1
    assert slept == [2.0, 2.0]


@pytest.mark.parametrize("style", list(STYLES))
def test_the_same_seed_makes_the_same_choice(style: str) -> None:
    request = {
        "id": "f" * 32, "order_number": "RC-1042-7716", "asks": [], "escalated_at": None,
        "requested_at": "2026-11-24T12:00:00Z", "respond_by": "2026-11-25T12:00:00Z",
    }  # fmt: skip
    order = {"number": "RC-1042-7716", "offers": [], "refundable": {"amount_minor": 2500, "currency": "EUR"}}
    late = datetime.fromisoformat("2026-11-25T11:00:00Z")
    first = decide(style, request, order, late, Random("1:f"))
    assert first == decide(style, request, order, late, Random("1:f"))
    assert (first is None) == (style == "silent")
    assert first is None or len(first.key) <= 64
    assert decide(style, {**request, "escalated_at": "2026-11-25T12:00:00Z"}, order, late, Random("1:f")) is None


def test_money_that_is_gone_is_not_offered() -> None:
    request = {
        "id": "f" * 32,
        "asks": [],
        "escalated_at": None,
        "requested_at": "2026-11-24T12:00:00Z",
        "respond_by": None,
    }
    order = {"number": "RC-1042-7716", "offers": [], "refundable": {"amount_minor": 0, "currency": "EUR"}}
    act = decide("offers_part", request, order, datetime.fromisoformat("2026-11-24T13:00:00Z"), Random(1))
    assert act is not None and act.path.endswith("/approve")
