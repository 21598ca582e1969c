"""The seller API over HTTP: keys, idempotency, ownership, and every operation on a real store."""

from __future__ import annotations

import json
import re
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from datetime import datetime, timedelta
from typing import Any

import httpx
import pytest
from sqlalchemy import func, select

from recourse.cancellations import listing
from recourse.core.db import new_id
from recourse.core.idempotency import IdempotencyKey
from recourse.core.settings import from_environment
from recourse.core.transitions import Actor, TransitionLog
from recourse.disputes import service as disputes
from recourse.gateway.limits import Limits, Rate
from recourse.gateway.seller_api.app import BODY_MAX
from recourse.gateway.tokens import issue_buyer_token
from recourse.messages import asks, offers
from recourse.messages import service as messages
from recourse.orders import service as orders
from recourse.returns import service as returns
from recourse.sellers import keys
from recourse.watches import service as watches
from tests.unit.gateway.seller_client import Api
from tests.unit.world import BUYER, MUG, TRAY, Item, World

NAMES = re.compile(r"customer|buyer_id|display_name|email|instrument|Visa|ending 4242|Buyer b-", re.IGNORECASE)


@pytest.fixture
def api(world: World) -> Iterator[Api]:
    with Api(world) as made:
        yield made


def problem(response: httpx.Response) -> tuple[int, str]:
    body = response.json()
    assert set(body) == {"error"} and set(body["error"]) == {"code", "message"}, body
    assert body["error"]["message"]
    return response.status_code, body["error"]["code"]


def ok(response: httpx.Response, status: int = 200) -> Any:
    assert response.status_code == status, response.text
    assert not NAMES.search(response.text), response.text
    return response.json()


def open_dispute(world: World, number: str, **changes: Any) -> str:
    given: dict[str, Any] = {
        "customer_id": BUYER, "number": number, "line_id": world.see(number).lines[0].id, "qty": 1,
        "type_": "not_as_described", "reason_code": "damaged", "wanted": "partial", "amount_minor": 1000,
        "description": "It is broken, call +49 151 23456789", "key": new_id(), "now": world.now, **changes,
    }  # fmt: skip
    with world.transaction() as session:
        return disputes.open_dispute(session, **given).id


def ask_return(world: World, number: str) -> str:
    line = world.see(number).lines[0]
    with world.transaction() as session:
        made = returns.request_return(
            session, BUYER, number, {line.id: 1}, "no_longer_wanted", None, new_id(), world.now
        )
    return made.id


# --- who calls ---------------------------------------------------------------------------------------------------


def test_without_a_good_key_there_is_nothing(api: Api) -> None:
    headers = (None, "", "Bearer", "Bearer sk_nothing", "Basic abc", "sk_nothing", "Bearer " + "x" * 5000)
    calls = (("GET", "/requests"), ("POST", "/stock"), ("GET", "/nowhere"), ("GET", "/requests/openapi.json"))
    for header in headers:
        for method, path in calls:
            given = {"Authorization": header} if header is not None else {}
            response = api.http.request(method, f"/seller/v1{path}", headers=given, content=b"{")
            assert problem(response) in ((401, "no_key"), (401, "wrong_key")), (header, path)
            assert response.headers["www-authenticate"] == "Bearer"


def test_a_revoked_key_stops_working_at_once(api: Api) -> None:
    ok(api.get("/requests"))
    with api.world.transaction() as session:
        key = next(each for each in keys.keys_of(session, "acme") if api.key.startswith(each.prefix))
        keys.revoke_key(session, "acme", key.id, api.world.now)
    assert problem(api.get("/requests")) == (401, "wrong_key")


def test_a_buyers_token_is_no_key(api: Api) -> None:
    token = issue_buyer_token(BUYER, timedelta(hours=1), from_environment({}))
    assert problem(api.get("/requests", key=token)) == (401, "wrong_key")


def test_a_foreign_order_request_offer_dispute_or_return_is_a_missing_one(api: Api) -> None:
    world = api.world
    number, delivered, returned = world.order(), world.order("delivered"), world.order("delivered")
    request_id = world.ask(number)
    offer_id = ok(api.post(f"/orders/{number}/offers", {"amount_minor": 100, "text": "Keep it"}), 201)["id"]
    dispute_id, return_id = open_dispute(world, delivered), ask_return(world, returned)
    missing = world.next_number()
    reason = {"reason": "No"}
    calls = [
        ("GET", "/requests/{}", request_id, None),
        ("POST", "/requests/{}/approve", request_id, None),
        ("POST", "/requests/{}/reject", request_id, reason),
        ("POST", "/requests/{}/ask", request_id, {"kind": "info", "text": "Why?"}),
        ("GET", "/orders/{}", number, None),
        ("POST", "/orders/{}/shipments", number, {"carrier": "P", "tracking": "T"}),
        ("POST", "/orders/{}/cancel", number, reason),
        ("GET", "/orders/{}/messages", number, None),
        ("POST", "/orders/{}/messages", number, {"text": "Hello"}),
        ("POST", "/orders/{}/messages/read", number, None),
        ("POST", "/orders/{}/offers", number, {"amount_minor": 100, "text": "Keep it"}),
        ("DELETE", "/offers/{}", offer_id, None),
        ("GET", "/disputes/{}", dispute_id, None),
        ("POST", "/disputes/{}/accept", dispute_id, {"proposal_id": "f" * 32}),
        ("POST", "/disputes/{}/reject", dispute_id, reason),
        ("POST", "/disputes/{}/counter", dispute_id, {"wanted": "full"}),
        ("POST", "/disputes/{}/received", dispute_id, None),
        ("POST", "/disputes/{}/contest", dispute_id, reason),
        ("GET", "/returns/{}", return_id, None),
        ("POST", "/returns/{}/approve", return_id, {}),
        ("POST", "/returns/{}/decline", return_id, reason),
        ("POST", "/returns/{}/received", return_id, None),
        ("POST", "/stock", "", {"sku": "MUG", "available": True}),
    ]
    before = _writes(world)
    for method, path, theirs, body in calls:
        nobodys = missing if theirs.startswith("RC-") else "e" * 32
        said = []
        for who in (theirs, nobodys):
            response = api.call(
                method, path.format(who), key=api.rival_key, json=body, headers={"Idempotency-Key": new_id()}
            )
            assert problem(response) == (404, "not_found"), (method, path, response.text)
            said.append(response.text.replace(who, "X") if who else response.text)
        assert said[0] == said[1], path
    assert _writes(world) == before, "nothing was changed and no answer saved"
    for path in ("/requests", "/disputes", "/returns"):
        assert (
            sum(len(rows) for rows in api.get(path, key=api.rival_key).json().values() if isinstance(rows, list)) == 0
        )


def _writes(world: World) -> list[int]:
    with world.reading() as session:
        return [
            session.scalar(select(func.count()).select_from(table)) or 0 for table in (TransitionLog, IdempotencyKey)
        ]


def test_a_path_that_can_be_nobodys_is_404(api: Api) -> None:
    for path in ("/requests/%00", "/requests/" + "x" * 200, "/orders/%27--", "/disputes/..%2f", "/requests/é"):
        response = api.get(path)
        assert response.status_code == 404 and problem(response), path
    assert problem(api.get("/nowhere"))[0] == 404
    assert problem(api.call("PUT", "/stock"))[0] == 405


# --- once ---------------------------------------------------------------------------------------------------------


def test_every_post_needs_an_idempotency_key(api: Api) -> None:
    number = api.world.order()
    for key in (None, "", "x" * 65, "two words"):
        headers = {} if key is None else {"Idempotency-Key": key}
        response = api.call("POST", f"/orders/{number}/messages", json={"text": "Hello"}, headers=headers)
        assert problem(response) == (422, "no_idempotency_key"), key
    assert ok(api.get(f"/orders/{number}/messages")) == {"messages": []}


def test_every_post_of_the_document_demands_the_key(api: Api) -> None:
    document = api.http.get("/seller/v1/openapi.json").json()
    for path, methods in document["paths"].items():
        for method, operation in methods.items():
            named = [
                each["name"] for each in operation.get("parameters", []) if each["in"] == "header" and each["required"]
            ]
            assert named == (["Idempotency-Key"] if method == "post" else []), path


def test_a_repeat_gets_the_same_answer_and_has_no_second_effect(api: Api) -> None:
    world = api.world
    number = world.order()
    request_id = world.ask(number)
    first = api.post(f"/requests/{request_id}/approve", once="a-1")
    before = _writes(world)
    world.now += timedelta(days=3)
    again = api.post(f"/requests/{request_id}/approve", once="a-1")
    assert (again.status_code, again.content) == (first.status_code, first.content) and first.status_code == 200
    assert "idempotent-replayed" not in first.headers and again.headers["idempotent-replayed"] == "true"
    assert _writes(world) == before and len(world.refunds(number)) == 1
    assert problem(api.post(f"/requests/{request_id}/approve", once="a-2")) == (409, "conflict")


def test_a_created_thing_is_created_once_and_answered_with_201_again(api: Api) -> None:
    number = api.world.order()
    answers = [
        api.post(f"/orders/{number}/offers", {"amount_minor": 100, "text": "Keep it"}, once="o") for _ in range(3)
    ]
    assert {each.status_code for each in answers} == {201} and len({each.text for each in answers}) == 1
    sent = [api.post(f"/orders/{number}/messages", {"text": "Hi"}, once="m") for _ in range(3)]
    assert len({each.text for each in sent}) == 1
    assert len(ok(api.get(f"/orders/{number}/messages"))["messages"]) == 1


def test_a_key_used_for_something_else_is_refused(api: Api) -> None:
    number, other = api.world.order(), api.world.order()
    ok(api.post(f"/orders/{number}/messages", {"text": "One"}, once="k"), 201)
    for path, body in (
        (f"/orders/{number}/messages", {"text": "Two"}),
        (f"/orders/{number}/messages", {"text": "One", "purpose": "note"}),
        (f"/orders/{other}/messages", {"text": "One"}),
        (f"/orders/{number}/cancel", {"reason": "One"}),
    ):
        assert problem(api.post(path, body, once="k")) == (409, "idempotency_mismatch")
    assert len(ok(api.get(f"/orders/{number}/messages"))["messages"]) == 1
    assert ok(api.get(f"/orders/{number}"))["status"] == "to_ship"


def test_two_sellers_may_choose_the_same_key(api: Api) -> None:
    api.world.order()
    ok(api.post("/stock", {"sku": "MUG", "available": False}, once="same"))
    assert problem(api.post("/stock", {"sku": "MUG", "available": False}, once="same", key=api.rival_key))[0] == 404


def test_an_error_is_not_saved_so_a_repeat_may_succeed(api: Api) -> None:
    number = api.world.order()
    order_id = api.world.see(number).id
    with api.world.transaction() as session:
        orders.set_frozen(session, order_id, "risk")
    body = {"carrier": "Parcelway", "tracking": "PW1"}
    assert problem(api.post(f"/orders/{number}/shipments", body, once="s")) == (409, "not_allowed")
    with api.world.transaction() as session:
        orders.set_frozen(session, order_id, None)
    assert ok(api.post(f"/orders/{number}/shipments", body, once="s"), 201)["status"] == "shipped"


def test_one_key_from_many_connections_at_once_has_one_effect(api: Api) -> None:
    world = api.world
    number = world.order()
    request_id = world.ask(number)

    def approve(_: int) -> tuple[int, str]:
        response = api.post(f"/requests/{request_id}/approve", once="race")
        return response.status_code, response.text

    with ThreadPoolExecutor(6) as pool:
        answers = set(pool.map(approve, range(12)))
    assert len(answers) == 1 and next(iter(answers))[0] == 200
    assert len(world.refunds(number)) == 1


def test_approve_and_reject_at_once_end_one_way(api: Api) -> None:
    world = api.world
    request_id = world.ask(world.order())

    def decide(turn: int) -> int:
        if turn % 2:
            return api.post(f"/requests/{request_id}/approve").status_code
        return api.post(f"/requests/{request_id}/reject", {"reason": "Made to order"}).status_code

    with ThreadPoolExecutor(6) as pool:
        answers = list(pool.map(decide, range(6)))
    assert sorted(answers) == [200, 409, 409, 409, 409, 409]


def test_a_saved_answer_has_nobodys_words(api: Api) -> None:
    """They would outlive the buyer who wants to be forgotten (invariant 27)."""
    world = api.world
    number, delivered, returned = world.order(), world.order("delivered"), world.order("delivered")
    done = world.submit(world.quote(number), note="SECRET note")
    assert done.request is not None
    request_id = done.request.id
    asked = ok(api.post(f"/requests/{request_id}/ask", {"kind": "info", "text": "SECRET question"}), 201)
    with world.transaction() as session:
        asks.answer_action(session, BUYER, asked["id"], "SECRET answer", world.now)
    ok(api.post(f"/orders/{number}/messages", {"text": "SECRET message"}), 201)
    ok(api.post(f"/orders/{number}/offers", {"amount_minor": 100, "text": "SECRET offer"}), 201)
    ok(api.post(f"/requests/{request_id}/reject", {"reason": "SECRET reason"}))
    ok(api.post(f"/orders/{number}/shipments", {"carrier": "Parcelway", "tracking": "PW1"}), 201)
    dispute_id = open_dispute(world, delivered, description="SECRET description")
    ok(api.post(f"/disputes/{dispute_id}/counter", {"wanted": "partial", "amount_minor": 5, "text": "SECRET words"}))
    ok(api.post(f"/returns/{ask_return(world, returned)}/decline", {"reason": "SECRET decline"}))
    with world.reading() as session:
        saved = session.scalars(select(IdempotencyKey).where(IdempotencyKey.operation == "seller_api")).all()
    assert len(saved) == 7
    assert not [row for row in saved if "SECRET" in json.dumps(row.response)]


# --- bad input ----------------------------------------------------------------------------------------------------


WRONG_BODIES = [
    (b"", "invalid_input"),
    (b"{", "bad_json"),
    (b"\xff\xfe", "bad_json"),
    (b"[" * 20_000, "bad_json"),
    (b"[]", "invalid_input"),
    (b'"text"', "invalid_input"),
    (b"null", "invalid_input"),
    (b'{"text": 5}', "invalid_input"),
    (b'{"text": ""}', "invalid_input"),
    (b'{"text": "\\u0000"}', "invalid_input"),
    (b'{"text": "\\ud800"}', "invalid_input"),
    (b'{"text": "Hi", "author": "platform"}', "invalid_input"),
    (b'{"text": "Hi", "purpose": "gossip"}', "invalid_input"),
    (b'{"text": ["Hi"]}', "invalid_input"),
]


def test_a_body_that_is_wrong_says_so_and_does_nothing(api: Api) -> None:
    number = api.world.order()
    headers = {"Idempotency-Key": "k", "Content-Type": "application/json"}
    for content, code in WRONG_BODIES:
        response = api.call("POST", f"/orders/{number}/messages", content=content, headers=headers)
        assert problem(response) == (422, code), content[:40]
    assert ok(api.get(f"/orders/{number}/messages")) == {"messages": []}
    ok(api.post(f"/orders/{number}/messages", {"text": "Hi"}, once="k"), 201)


def test_an_amount_is_a_whole_number_of_minor_units(api: Api) -> None:
    number = api.world.order()
    for amount in (0, -1, 1.5, "100", True, None, 10**18, "1e999", [], {}):
        response = api.post(f"/orders/{number}/offers", {"amount_minor": amount, "text": "Keep it"})
        assert problem(response) == (422, "invalid_input"), amount
    assert ok(api.get(f"/orders/{number}"))["offers"] == []


def test_a_large_body_is_refused(api: Api) -> None:
    number = api.world.order()
    assert problem(api.post(f"/orders/{number}/messages", {"text": "x" * BODY_MAX})) == (413, "too_large")
    assert problem(api.post(f"/orders/{number}/messages", {"text": "x" * 2001})) == (422, "invalid_input")


def test_too_many_requests_have_to_wait(world: World) -> None:
    with Api(world, Limits(requests=Rate(3, 0.01))) as slow:
        for _ in range(3):
            ok(slow.get("/requests"))
        response = slow.get("/requests")
    assert problem(response) == (429, "slow_down") and int(response.headers["retry-after"]) >= 1


def test_a_wrong_query_is_refused(api: Api) -> None:
    for query in ("state=open", "limit=0", "limit=101", "limit=x", "cursor=x", "cursor=eHg%3D", "cursor=MjAyNnw="):
        assert problem(api.get(f"/requests?{query}")) == (422, "invalid_input"), query


def test_what_breaks_inside_says_nothing_of_itself(api: Api, monkeypatch: pytest.MonkeyPatch) -> None:
    def broken(*_: Any) -> None:
        raise RuntimeError("secret of the house")

    monkeypatch.setattr(listing, "ids_for_seller", broken)
    response = api.get("/requests")
    assert problem(response) == (500, "internal") and "secret" not in response.text


# --- the document -------------------------------------------------------------------------------------------------


def test_the_document_is_open_and_lists_every_path(api: Api) -> None:
    response = api.http.get("/seller/v1/openapi.json")
    document = response.json()
    assert response.status_code == 200 and document["openapi"].startswith("3.1")
    assert document["servers"] == [{"url": "/seller/v1"}]
    assert {f"{method.upper()} {path}" for path, methods in document["paths"].items() for method in methods} == {
        "GET /requests", "GET /requests/{request_id}", "POST /requests/{request_id}/approve",
        "POST /requests/{request_id}/reject", "POST /requests/{request_id}/ask", "GET /orders/{number}",
        "POST /orders/{number}/shipments", "POST /orders/{number}/cancel", "GET /orders/{number}/messages",
        "POST /orders/{number}/messages", "POST /orders/{number}/messages/read", "POST /orders/{number}/offers",
        "DELETE /offers/{offer_id}", "POST /stock", "GET /disputes", "GET /disputes/{dispute_id}",
        "POST /disputes/{dispute_id}/accept", "POST /disputes/{dispute_id}/reject", "POST /disputes/{dispute_id}/counter",
        "POST /disputes/{dispute_id}/received", "POST /disputes/{dispute_id}/contest", "GET /returns",
        "GET /returns/{return_id}", "POST /returns/{return_id}/approve", "POST /returns/{return_id}/decline",
        "POST /returns/{return_id}/received",
    }  # fmt: skip


def test_the_document_is_sound(api: Api) -> None:
    document = api.http.get("/seller/v1/openapi.json").json()
    schemas = document["components"]["schemas"]
    text = json.dumps(document)
    assert set(re.findall(r'"#/components/schemas/(\w+)"', text)) <= set(schemas)
    assert document["components"]["securitySchemes"]["sellerKey"]["scheme"] == "bearer"
    seen = []
    for methods in document["paths"].values():
        for operation in methods.values():
            seen.append(operation["operationId"])
            assert operation["summary"] and operation["description"]
            assert operation["security"] == [{"sellerKey": []}]
            for status in ("401", "404", "409", "422", "429"):
                ref = operation["responses"][status]["content"]["application/json"]["schema"]["$ref"]
                assert ref.endswith("/ErrorOut")
            good = next(each for code, each in operation["responses"].items() if code.startswith("2"))
            assert "$ref" in good["content"]["application/json"]["schema"]
    assert len(seen) == len(set(seen))
    out = json.dumps({name: each for name, each in schemas.items() if name.endswith("Out")})
    assert not re.search(
        r"customer|e_?mail|instrument|card|address", re.sub(r'"description": "[^"]*"', "", out), re.IGNORECASE
    )


def test_there_is_no_page_of_docs(api: Api) -> None:
    for path in ("/docs", "/redoc"):
        assert problem(api.get(path))[0] == 404


def test_the_gateways_envelope_is_around_it(api: Api) -> None:
    response = api.get("/requests")
    assert response.headers["x-request-id"] and response.headers["x-content-type-options"] == "nosniff"
    assert response.headers["cache-control"] == "no-store"
    assert "x-request-id" in api.http.get("/seller/v1/requests").headers


# --- requests -----------------------------------------------------------------------------------------------------


def test_requests_are_read_page_by_page(api: Api) -> None:
    world = api.world
    wanted = []
    for turn in range(5):
        wanted.append(world.ask(world.order()))
        world.now += timedelta(seconds=turn % 2)
    found: list[str] = []
    path = "/requests?state=pending_seller&limit=2"
    while path:
        page = ok(api.get(path))
        found += [each["id"] for each in page["requests"]]
        path = f"/requests?state=pending_seller&limit=2&cursor={page['next']}" if page["next"] else ""
    assert sorted(found) == sorted(wanted) and len(found) == 5
    world.approve(wanted[0])
    assert len(ok(api.get("/requests?state=pending_seller"))["requests"]) == 4
    assert [each["id"] for each in ok(api.get("/requests?state=approved"))["requests"]] == [wanted[0]]
    assert len(ok(api.get("/requests"))["requests"]) == 5


def test_a_request_shows_what_a_seller_needs_and_nothing_of_the_buyer(api: Api) -> None:
    world = api.world
    number = world.order(items=(Item("MUG", "Mug", 2500, 3), TRAY), on_silence="escalate")
    quote = world.quote(number, pieces=world.lines(number, MUG=2))
    done = world.submit(quote, note="Mail me: ann@example.com, card 4111 1111 1111 1111")
    assert done.request is not None
    shown = ok(api.get(f"/requests/{done.request.id}"))
    assert (shown["order_number"], shown["state"], shown["scope"]) == (number, "pending_seller", "lines")
    assert [(line["sku"], line["qty"]) for line in shown["lines"]] == [("MUG", 2)]
    assert shown["on_silence"] == "escalate" and shown["reason"] == "no_longer_wanted"
    assert datetime.fromisoformat(shown["respond_by"]) == world.now + timedelta(hours=24)
    assert shown["note"] == "Mail me: [removed], card [card number removed]"


def test_a_rejection_that_claims_shipment_needs_proof(api: Api) -> None:
    world = api.world
    request_id = world.ask(world.order())
    assert problem(api.post(f"/requests/{request_id}/reject", {"reason": "Already shipped"})) == (422, "invalid_input")
    naive = {"reason": "Already shipped", "tracking": "PW1", "shipped_at": "2026-11-24T11:00:00"}
    assert problem(api.post(f"/requests/{request_id}/reject", naive)) == (422, "invalid_input")
    good = {**naive, "shipped_at": "2026-11-24T12:30:00+01:00"}
    assert ok(api.post(f"/requests/{request_id}/reject", good))["state"] == "rejected"
    shown = ok(api.get(f"/requests/{request_id}"))
    assert (shown["state"], shown["reject_reason"], shown["decided_by"]) == ("rejected", "Already shipped", "seller")


@pytest.mark.parametrize(("seconds", "status"), [(-1, 200), (0, 409), (1, 409)])
def test_at_the_deadline_the_seller_is_too_late(api: Api, seconds: int, status: int) -> None:
    world = api.world
    request_id = world.ask(world.order())
    world.now += timedelta(hours=24, seconds=seconds)
    assert api.post(f"/requests/{request_id}/approve").status_code == status


def test_a_question_and_its_answer(api: Api) -> None:
    world = api.world
    request_id = world.ask(world.order())
    asked = ok(
        api.post(f"/requests/{request_id}/ask", {"kind": "form", "text": "Fill in", "url": "https://f.example.com/x"}),
        201,
    )
    assert (
        problem(api.post(f"/requests/{request_id}/ask", {"kind": "form", "text": "x", "url": "http://f.example.com"}))[
            0
        ]
        == 422
    )
    with world.transaction() as session:
        asks.answer_action(session, BUYER, asked["id"], "Done, my mail is ann@example.com", world.now)
    (shown,) = ok(api.get(f"/requests/{request_id}"))["asks"]
    assert (shown["state"], shown["answer"]) == ("done", "Done, my mail is [removed]")


# --- orders -------------------------------------------------------------------------------------------------------


def test_an_order_in_any_spelling_of_its_number(api: Api) -> None:
    number = api.world.order()
    for spelling in (number, number.lower(), number.replace("-", "")):
        shown = ok(api.get(f"/orders/{spelling}"))
        assert shown["number"] == number
    assert shown["total"] == {"amount_minor": 2500, "currency": "EUR"} == shown["refundable"]
    assert [(line["sku"], line["unsent"]) for line in shown["lines"]] == [("MUG", 1)]
    assert shown["open_request"] is None and shown["status"] == "to_ship" and not shown["on_hold"]


def test_parcels_in_part_and_then_the_rest(api: Api) -> None:
    world = api.world
    number = world.order(items=(MUG, TRAY))
    lines = {line["sku"]: line["id"] for line in ok(api.get(f"/orders/{number}"))["lines"]}
    first = {"carrier": "Parcelway", "tracking": "PW1", "lines": [{"line_id": lines["MUG"], "qty": 1}]}
    assert ok(api.post(f"/orders/{number}/shipments", first), 201)["status"] == "partially_shipped"
    twice = {**first, "tracking": "PW9", "lines": first["lines"] * 2}
    assert problem(api.post(f"/orders/{number}/shipments", twice)) == (422, "invalid_input")
    assert problem(api.post(f"/orders/{number}/shipments", {**first, "tracking": "PW2"})) == (422, "invalid_input")
    assert problem(api.post(f"/orders/{number}/shipments", {**first, "tracking": "PW3", "lines": []}))[0] == 422
    shown = ok(api.post(f"/orders/{number}/shipments", {"carrier": "Parcelway", "tracking": "PW4"}), 201)
    assert shown["status"] == "shipped" and [each["tracking"] for each in shown["parcels"]] == ["PW1", "PW4"]


def test_shipping_ends_an_open_request(api: Api) -> None:
    number = api.world.order()
    request_id = api.world.ask(number)
    assert ok(api.get(f"/orders/{number}"))["open_request"] == request_id
    shown = ok(api.post(f"/orders/{number}/shipments", {"carrier": "Parcelway", "tracking": "PW1"}), 201)
    assert shown["open_request"] is None
    assert ok(api.get(f"/requests/{request_id}"))["state"] == "superseded"


def test_a_seller_cancels_with_a_reason(api: Api) -> None:
    number = api.world.order()
    assert problem(api.post(f"/orders/{number}/cancel", {})) == (422, "invalid_input")
    assert ok(api.post(f"/orders/{number}/cancel", {"reason": "Out of stock"}))["status"] == "cancelled"
    assert problem(api.post(f"/orders/{number}/cancel", {"reason": "Out of stock"})) == (409, "not_allowed")
    assert len(api.world.refunds(number)) == 1


def test_the_thread_from_the_sellers_side(api: Api) -> None:
    world = api.world
    number = world.order()
    with world.transaction() as session:
        messages.send(session, Actor("buyer", BUYER), number, "Call me: +49 151 23456789", "b1", world.now)
    world.now += timedelta(minutes=1)
    ok(api.post(f"/orders/{number}/messages", {"text": "Write to shop@example.com", "purpose": "answer"}), 201)
    found = ok(api.get(f"/orders/{number}/messages"))["messages"]
    assert [(each["author"], each["text"], each["off_platform"]) for each in found] == [
        ("buyer", "Call me: [removed]", True), ("seller", "Write to shop@example.com", True),
    ]  # fmt: skip
    assert ok(api.post(f"/orders/{number}/messages/read")) == {"read": 1}
    assert ok(api.get(f"/orders/{number}/messages"))["messages"][0]["read_at"]


def test_an_offer_is_made_seen_taken_back_and_accepted(api: Api) -> None:
    world = api.world
    number = world.order()
    body = {"amount_minor": 500, "text": "Keep it and take this back", "hours": 2}
    made = ok(api.post(f"/orders/{number}/offers", body), 201)
    assert made["amount"] == {"amount_minor": 500, "currency": "EUR"}
    assert datetime.fromisoformat(made["open_until"]) == world.now + timedelta(hours=2)
    assert problem(api.post(f"/orders/{number}/offers", body)) == (409, "not_allowed")
    for _ in range(2):
        assert ok(api.call("DELETE", f"/offers/{made['id']}"))["state"] == "retracted"
    second = ok(api.post(f"/orders/{number}/offers", body), 201)
    with world.transaction() as session:
        offers.accept_offer(session, BUYER, second["id"], world.now)
    assert problem(api.call("DELETE", f"/offers/{second['id']}")) == (409, "conflict")
    shown = ok(api.get(f"/orders/{number}"))
    assert sorted(each["state"] for each in shown["offers"]) == ["accepted", "retracted"]
    assert shown["refundable"]["amount_minor"] == 2000
    for hours in (0, 337, 1.5):
        assert api.post(f"/orders/{number}/offers", {**body, "hours": hours}).status_code == 422


def test_stock_tells_those_who_wait_once(api: Api) -> None:
    world = api.world
    world.order()
    with world.transaction() as session:
        watches.watch(session, BUYER, "MUG", "Mug", world.now)
    assert ok(api.post("/stock", {"sku": "MUG", "available": False})) == {"told": 0}
    assert ok(api.post("/stock", {"sku": "MUG", "available": True})) == {"told": 1}
    assert ok(api.post("/stock", {"sku": "MUG", "available": True})) == {"told": 0}
    assert problem(api.post("/stock", {"sku": "MUG", "available": "yes"})) == (422, "invalid_input")
    assert problem(api.post("/stock", {"sku": "NEVER", "available": True})) == (404, "not_found")


# --- disputes and returns -----------------------------------------------------------------------------------------


def test_a_dispute_is_seen_and_accepted(api: Api) -> None:
    world = api.world
    dispute_id = open_dispute(world, world.order("delivered", ago=timedelta(days=2)))
    (listed,) = ok(api.get("/disputes"))["disputes"]
    assert listed == ok(api.get(f"/disputes/{dispute_id}"))
    assert listed["description"] == "It is broken, call [removed]"
    assert listed["buyer_proposal"]["amount"] == {"amount_minor": 1000, "currency": "EUR"}
    assert problem(api.post(f"/disputes/{dispute_id}/accept", {"proposal_id": "f" * 32}))[0] == 409
    body = {"proposal_id": listed["buyer_proposal"]["id"]}
    assert ok(api.post(f"/disputes/{dispute_id}/accept", body))["state"] == "resolved"
    assert ok(api.get("/disputes")) == {"disputes": []}


@pytest.mark.parametrize(
    ("path", "body"), [("reject", {"reason": "It was fine"}), ("counter", {"wanted": "partial", "amount_minor": 500})]
)
def test_a_dispute_is_rejected_or_countered(api: Api, path: str, body: dict[str, Any]) -> None:
    world = api.world
    dispute_id = open_dispute(world, world.order("delivered", ago=timedelta(days=2)))
    shown = ok(api.post(f"/disputes/{dispute_id}/{path}", body, once="d"))
    assert shown["state"] == "negotiating"
    assert api.post(f"/disputes/{dispute_id}/{path}", body, once="d").json() == shown
    if path == "counter":
        shown = ok(api.get(f"/disputes/{dispute_id}"))
        assert shown["seller_proposal"]["amount"]["amount_minor"] == 500


@pytest.mark.parametrize(("path", "state"), [("received", "resolved"), ("contest", "platform_review")])
def test_goods_of_a_dispute_come_back(api: Api, path: str, state: str) -> None:
    world = api.world
    number = world.order("delivered", ago=timedelta(days=2))
    dispute_id = open_dispute(world, number, wanted="return_refund", amount_minor=None)
    proposal = ok(api.get(f"/disputes/{dispute_id}"))["buyer_proposal"]["id"]
    ok(api.post(f"/disputes/{dispute_id}/accept", {"proposal_id": proposal}))
    with world.transaction() as session:
        disputes.send_back(session, BUYER, dispute_id, "Parcelway", "BACK1", world.now)
    body = {"reason": "Another mug came back"} if path == "contest" else None
    assert ok(api.post(f"/disputes/{dispute_id}/{path}", body))["state"] == state


@pytest.mark.parametrize(
    ("path", "body", "state"),
    [("approve", {"instructions": "Ring twice"}, "approved"), ("decline", {"reason": "It was used"}, "declined")],
)
def test_a_return_is_decided(api: Api, path: str, body: dict[str, Any], state: str) -> None:
    world = api.world
    return_id = ask_return(world, world.order("delivered", ago=timedelta(days=2)))
    assert [each["id"] for each in ok(api.get("/returns"))["returns"]] == [return_id]
    assert ok(api.post(f"/returns/{return_id}/{path}", body))["state"] == state
    assert ok(api.get(f"/returns/{return_id}"))["state"] == state
    if state == "approved":
        with world.transaction() as session:
            returns.send_back(session, BUYER, return_id, "Parcelway", "BACK1", world.now)
        assert ok(api.post(f"/returns/{return_id}/received"))["state"] == "refunded"
