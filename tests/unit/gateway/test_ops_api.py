"""The API for the shop's systems over HTTP: the token, orders one by one and in lists, carriers' scans, stock."""

from __future__ import annotations

import json
from collections.abc import Iterator
from typing import Any

import httpx
import pytest

from recourse.core.errors import ConfigurationError
from recourse.core.settings import DEMO_OPS_TOKEN, from_environment
from recourse.gateway.ops_api.app import BODY_MAX
from recourse.watches import service as watches
from tests.unit.exchange.conftest import in_status, record
from tests.unit.gateway.seller_client import Served
from tests.unit.world import BUYER, World

GOOD = {"Authorization": f"Bearer {DEMO_OPS_TOKEN}"}
SECRET = "not-the-demos-secret-but-long-enough-for-a-key"


@pytest.fixture
def shop(world: World) -> Iterator[httpx.Client]:
    """The shop's system, with the token."""
    served = Served(world)
    with httpx.Client(base_url=f"{served.url}/ops/v1", headers=GOOD, trust_env=False, timeout=30) as client:
        yield client
    served.stop()


def problem(response: httpx.Response) -> tuple[int, str]:
    body = response.json()
    assert set(body) == {"error"} and set(body["error"]) == {"code", "message"} and body["error"]["message"]
    return response.status_code, body["error"]["code"]


def results(response: httpx.Response) -> list[tuple[str | None, str]]:
    assert response.status_code == 200, response.text
    return [(each["external_id"], each["result"]) for each in response.json()["results"]]


def test_one_order_comes_in_once_and_can_be_read_back(shop: httpx.Client) -> None:
    made = in_status("shipped")
    answer = shop.post("/orders", json=made)
    assert results(answer) == [("SO-1", "created")]
    number = answer.json()["results"][0]["number"]
    assert results(shop.post("/orders", json=made)) == [("SO-1", "unchanged")]
    for reference in ("SO-1", number, number.lower().replace("-", " ")):
        stored = shop.get(f"/orders/{reference}").json()
        assert (stored["external_id"], stored["number"], stored["status"]) == ("SO-1", number, "shipped")
    assert results(shop.post("/orders", json=stored)) == [("SO-1", "unchanged")]


def test_a_list_has_an_answer_for_each_and_a_bad_one_keeps_no_other_out(shop: httpx.Client) -> None:
    made = [record(f"SO-{n}") for n in range(120)]
    made[60]["shipping_minor"] = 0
    made[61] = {"external_id": "odd", "colour": "red"}
    answer = shop.post("/orders", json=made)
    found = results(answer)
    assert [each for each in found if each[1] != "created"] == [("SO-60", "failed"), ("odd", "failed")]
    assert len(found) == 120
    assert "payments add up to 49.99 EUR but the order costs 44.99 EUR" in answer.json()["results"][60]["error"]
    assert {result for _, result in results(shop.post("/orders", json=made[:60]))} == {"unchanged"}


@pytest.mark.parametrize("body", [b"", b"{", b"[]", b"3", b'"x"', b"[1]", b"null", b"[" * 100_000])
def test_what_is_no_record_is_422(shop: httpx.Client, body: bytes) -> None:
    status, code = problem(shop.post("/orders", content=body))
    assert (status, code) in {(422, "bad_json"), (422, "invalid_input")}


def test_a_list_has_a_limit_and_a_body_too(shop: httpx.Client) -> None:
    assert problem(shop.post("/orders", json=[{}] * 501)) == (422, "invalid_input")
    assert problem(shop.post("/orders", content=b" " * (BODY_MAX + 1))) == (413, "too_large")


def test_there_are_no_other_orders(shop: httpx.Client) -> None:
    assert problem(shop.get("/orders/nothing")) == (404, "not_found")
    assert problem(shop.get("/nothing")) == (404, "not_found")


def test_a_carriers_scans_bring_an_order_to_its_buyer(shop: httpx.Client, world: World) -> None:
    number = world.order("shipped")
    scan: dict[str, Any] = {"tracking": "PW2", "state": "delivered", "at": world.now.isoformat(), "text": "At the door"}
    for _ in range(2):
        answer = shop.post("/carrier-events", json=scan)
        assert answer.status_code == 200
        assert answer.json() == {"orders": [{"number": number, "external_id": None, "status": "delivered"}]}
    late = scan | {"state": "in_transit"}
    assert shop.post("/carrier-events", json=late).json()["orders"][0]["status"] == "delivered"


@pytest.mark.parametrize(
    ("changes", "expected"),
    [
        ({"tracking": "nobody's"}, (404, "not_found")),
        ({"state": "teleported"}, (422, "invalid_input")),
        ({"at": "2026-11-24T12:00:00"}, (422, "invalid_input")),
        ({"at": "2030-01-01T00:00:00Z"}, (422, "invalid_input")),
        ({"tracking": ""}, (422, "invalid_input")),
        ({"colour": "red"}, (422, "invalid_input")),
    ],
)
def test_scans_that_cannot_be(
    shop: httpx.Client, world: World, changes: dict[str, Any], expected: tuple[int, str]
) -> None:
    world.order("shipped")
    scan = {"tracking": "PW2", "state": "delivered", "at": "2026-11-24T11:00:00Z", "text": ""}
    assert problem(shop.post("/carrier-events", json=scan | changes)) == expected


def test_who_waits_for_a_product_is_told_once(shop: httpx.Client, world: World) -> None:
    world.order("delivered")
    with world.transaction() as session:
        watches.watch(session, BUYER, "MUG", "Stoneware mug", world.now)
    assert shop.post("/stock", json={"sku": "MUG", "available": False}).json() == {"told": 0}
    assert shop.post("/stock", json={"sku": "MUG", "available": True}).json() == {"told": 1}
    assert shop.post("/stock", json={"sku": "MUG", "available": True}).json() == {"told": 0}
    assert problem(shop.post("/stock", json={"sku": "MUG", "available": "yes, maybe"})) == (422, "invalid_input")


CALLS = [("POST", "/orders"), ("GET", "/orders/SO-1"), ("POST", "/carrier-events"), ("POST", "/stock"), ("GET", "/x")]


@pytest.mark.parametrize("call", CALLS)
@pytest.mark.parametrize(
    ("header", "code"),
    [(None, "no_token"), ("Bearer", "no_token"), ("Basic eA==", "no_token"), ("Bearer x", "wrong_token"),
     (f"Bearer {DEMO_OPS_TOKEN}x", "wrong_token"), (f"Bearer {DEMO_OPS_TOKEN[:-1]}", "wrong_token")],
)  # fmt: skip
def test_without_the_token_nobody_gets_in(
    shop: httpx.Client, call: tuple[str, str], header: str | None, code: str
) -> None:
    request = shop.build_request(*call, json={})
    del request.headers["authorization"]
    if header:
        request.headers["authorization"] = header
    answer = shop.send(request)
    assert problem(answer) == (401, code)
    assert answer.headers["www-authenticate"] == "Bearer"


def test_the_interface_describes_itself_to_anybody(shop: httpx.Client) -> None:
    answer = httpx.get(f"{shop.base_url}openapi.json", trust_env=False)
    assert answer.status_code == 200
    described = answer.json()
    assert set(described["paths"]) == {"/orders", "/orders/{reference}", "/carrier-events", "/stock"}
    assert "OrderRecord" in described["components"]["schemas"]
    assert "DEMO" not in json.dumps(described) and DEMO_OPS_TOKEN not in json.dumps(described)


def test_answers_have_the_gateways_headers(shop: httpx.Client) -> None:
    answer = shop.get("/orders/nothing")
    assert answer.headers["x-content-type-options"] == "nosniff"
    assert answer.headers["x-request-id"]


def test_the_demos_token_is_the_demos_only() -> None:
    assert from_environment({}).ops_token == DEMO_OPS_TOKEN
    assert from_environment({"RECOURSE_SHOP_SECRET": SECRET}).ops_token is None
    assert from_environment({"RECOURSE_SHOP_SECRET": SECRET, "RECOURSE_OPS_TOKEN": "t" * 16}).ops_token == "t" * 16
    for short in ("t" * 15, "ü" * 20, "a\nb" * 10):
        with pytest.raises(ConfigurationError, match="RECOURSE_OPS_TOKEN must have at least 16"):
            from_environment({"RECOURSE_OPS_TOKEN": short})


def test_an_installation_without_a_token_takes_nothing(world: World) -> None:
    served = Served(world, ops_token=None)
    try:
        answer = httpx.post(f"{served.url}/ops/v1/orders", json={}, headers=GOOD, trust_env=False)
        assert problem(answer) == (403, "ops_off")
        assert "RECOURSE_OPS_TOKEN" in answer.json()["error"]["message"]
    finally:
        served.stop()
