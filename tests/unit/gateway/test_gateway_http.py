"""Sessions, the demo's endpoints, health, headers and error pages."""

from __future__ import annotations

import dataclasses
from collections.abc import Callable
from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest

from recourse.conversations import service as conversations
from recourse.core.errors import ConfigurationError
from recourse.core.settings import DEMO_SECRET
from recourse.core.words import Words
from recourse.gateway.app import RESPONSES, create_app
from recourse.gateway.limits import Limits, Rate
from recourse.gateway.tokens import issue_buyer_token
from tests.unit.gateway.conftest import Stack
from tests.unit.gateway.servers import session

OTHER_SECRET = "a-secret-of-a-real-shop-of-at-least-32-bytes"


async def test_session_has_what_a_client_needs(stack: Stack) -> None:
    opened = await stack.session()
    assert set(opened) == {"conversation", "token", "expires_at", "socket", "buyer"}
    assert (opened["socket"], opened["buyer"]) == ("/v1/socket", {"name": "Buyer b-1"})
    assert opened["expires_at"].endswith("Z")


async def test_session_resumes_only_the_buyers_own_conversation(stack: Stack) -> None:
    mine = await stack.session("b-1")
    assert (await stack.session("b-1", conversation=mine["conversation"]))["conversation"] == mine["conversation"]
    for buyer, wanted in (("b-2", mine["conversation"]), ("b-1", "0" * 32), ("b-1", "' OR 1=1 --")):
        response = await session(stack.http, stack.token(buyer), conversation=wanted)
        assert response.status_code == 404
        assert response.json()["error"]["code"] == "not_found"
        assert "send no conversation id" in response.json()["error"]["message"]


async def test_session_takes_locale_and_zone_of_the_browser(stack: Stack) -> None:
    opened = await stack.session(locale="en-GB", timezone="Asia/Tokyo")
    view = await stack.gateway.store.read(lambda s: conversations.get(s, opened["conversation"]))
    assert (view.locale, view.timezone) == ("en-GB", "Asia/Tokyo")


@pytest.mark.parametrize("token", ["", "nonsense"])
async def test_session_needs_a_token(stack: Stack, token: str) -> None:
    response = await session(stack.http, token)
    assert response.status_code == 401
    assert response.headers["www-authenticate"] == "Bearer"
    assert response.json()["error"]["message"]


async def test_session_of_an_expired_token(stack: Stack) -> None:
    response = await session(stack.http, stack.token(ttl=timedelta(minutes=-5)))
    assert (response.status_code, response.json()["error"]["code"]) == (401, "expired_token")


async def test_session_of_a_buyer_whom_we_do_not_know(stack: Stack) -> None:
    response = await session(stack.http, stack.token("b-99"))
    assert (response.status_code, response.json()["error"]["code"]) == (401, "unknown_buyer")


@pytest.mark.parametrize("origin", [None, "null", "https://evil.example", "http://127.0.0.1"])
async def test_session_needs_an_allowed_origin(stack: Stack, origin: str | None) -> None:
    headers = {"Authorization": f"Bearer {stack.token()}", **({"Origin": origin} if origin else {})}
    response = await stack.http.post("/v1/session", json={}, headers=headers)
    assert (response.status_code, response.json()["error"]["code"]) == (403, "origin_not_allowed")
    assert "access-control-allow-origin" not in response.headers


async def test_page_of_a_shop_may_ask_across_origins(make: Callable[..., Any]) -> None:
    stack = await make(settings={"allowed_origins": ("https://shop.example",)})
    asks = {
        "Origin": "https://shop.example",
        "Access-Control-Request-Method": "POST",
        "Access-Control-Request-Headers": "authorization,content-type",
    }
    preflight = await stack.http.options("/v1/session", headers=asks)
    assert preflight.status_code == 200
    response = await stack.http.post(
        "/v1/session", json={}, headers={"Origin": "https://shop.example", "Authorization": f"Bearer {stack.token()}"}
    )
    assert response.status_code == 201
    for answer in (preflight, response):
        assert answer.headers["access-control-allow-origin"] == "https://shop.example"


@pytest.mark.parametrize(
    ("body", "status", "needle"),
    [
        (b"", 201, ""),
        (b"{}", 201, ""),
        (b"null", 201, ""),
        (b"[]", 400, "JSON object"),
        (b"{", 400, "not JSON"),
        (b"\xff\xfe", 400, "not JSON"),
        (b"[" * 15_000, 400, "not JSON"),
        (b'{"conversation": 7}', 400, "conversation"),
        (b'{"conversation": "\\ud800"}', 400, "conversation"),
        (b'{"locale": {"a": 1}}', 400, "locale"),
        (b'{"locale": "<script>", "timezone": "Mars/Base"}', 201, ""),
        (b'{"locale": "' + b"x" * 20_000 + b'"}', 413, "16384"),
    ],
)
async def test_body_of_a_session_request(stack: Stack, body: bytes, status: int, needle: str) -> None:
    headers = {"Authorization": f"Bearer {stack.token()}", "Origin": stack.url, "Content-Type": "text/plain"}
    response = await stack.http.post("/v1/session", content=body, headers=headers)
    assert response.status_code == status, response.text
    assert needle in response.text


async def test_too_many_requests_of_one_address(make: Callable[..., Any]) -> None:
    stack = await make(limits=Limits(requests=Rate(2, 0.1)))
    answers = [await session(stack.http, stack.token()) for _ in range(3)]
    assert [answer.status_code for answer in answers] == [201, 201, 429]
    assert 1 <= int(answers[-1].headers["retry-after"]) <= 10


async def test_demo_has_buyers_with_working_tokens(stack: Stack) -> None:
    buyers = (await stack.http.get("/demo/buyers")).json()
    assert [buyer["id"] for buyer in buyers] == ["b-1", "b-2"]
    assert set(buyers[0]) == {"id", "name", "country", "locale", "timezone", "token"}
    orders = await stack.http.get("/demo/orders", headers={"Authorization": f"Bearer {buyers[0]['token']}"})
    assert (orders.status_code, orders.json()) == (200, [])
    assert (await stack.http.get("/demo/orders")).status_code == 401


async def test_orders_are_those_of_the_token(make: Callable[..., Any]) -> None:
    stack = await make(cards=lambda session, buyer, now: [{"number": f"of {buyer.id}"}])
    for buyer in ("b-1", "b-2"):
        response = await stack.http.get("/demo/orders", headers={"Authorization": f"Bearer {stack.token(buyer)}"})
        assert response.json() == [{"number": f"of {buyer}"}]


@pytest.fixture
def dist(tmp_path: Path) -> Path:
    """Built web pages."""
    pages = tmp_path / "dist"
    (pages / "assets").mkdir(parents=True)
    (pages / "index.html").write_text("<!doctype html><p>shop</p>")
    (pages / "widget.js").write_text("/* widget */")
    (pages / "assets" / "index-abc.js").write_text("/* page */")
    return pages


async def test_demo_page_and_its_files(make: Callable[..., Any], dist: Path) -> None:
    stack = await make(dist=dist)
    page = await stack.http.get("/")
    policy = page.headers["content-security-policy"]
    assert page.text == "<!doctype html><p>shop</p>"
    assert "default-src 'self'" in policy
    assert f"ws://{stack.url.removeprefix('http://')}" in policy
    assert "require-trusted-types-for 'script'" in policy
    asset, widget = await stack.http.get("/assets/index-abc.js"), await stack.http.get("/widget.js")
    assert "immutable" in asset.headers["cache-control"]
    assert widget.headers["cache-control"] == "no-cache"
    again = await stack.http.get("/widget.js", headers={"If-None-Match": widget.headers["etag"]})
    assert again.status_code == 304


async def test_policy_repeats_no_strange_host(make: Callable[..., Any], dist: Path) -> None:
    stack = await make(dist=dist)
    page = await stack.http.get("/", headers={"Host": "x; script-src *"})
    assert "script-src" not in page.headers.get("content-security-policy", "")


@pytest.mark.parametrize(
    "path", ["/assets/../index.html", "/assets/%2e%2e/%2e%2e/store.db", "/assets/nothing.js", "/nowhere"]
)
async def test_nothing_else_is_served(make: Callable[..., Any], dist: Path, path: str) -> None:
    stack = await make(dist=dist)
    response = await stack.http.get(path)
    assert (response.status_code, response.json()["error"]["code"]) == (404, "not_found")


async def test_pages_that_are_not_built_say_how_to_build_them(make: Callable[..., Any], tmp_path: Path) -> None:
    stack = await make(dist=tmp_path / "nothing")
    page = await stack.http.get("/")
    assert page.status_code == 503
    assert "scripts/bootstrap" in page.text
    assert (await stack.http.get("/widget.js")).status_code == 404


async def test_demo_is_gone_with_a_real_secret(make: Callable[..., Any], dist: Path) -> None:
    stack = await make(settings={"shop_secret": OTHER_SECRET}, dist=dist)
    for path in ("/", "/demo/buyers", "/demo/orders", "/assets/index-abc.js"):
        assert (await stack.http.get(path)).status_code == 404, path
    assert (await stack.http.get("/widget.js")).status_code == 200
    forged = issue_buyer_token("b-1", timedelta(hours=1), dataclasses.replace(stack.config, shop_secret=DEMO_SECRET))
    assert (await session(stack.http, forged)).status_code == 401


async def test_health(stack: Stack) -> None:
    assert (await stack.http.get("/healthz")).json() == {"status": "ok"}
    ready = await stack.http.get("/readyz")
    assert (ready.status_code, ready.json()) == (
        200,
        {"status": "ok", "parts": {"database": "ok", "rasa": "ok", "actions": "ok"}},
    )


async def test_not_ready_without_the_engine(make: Callable[..., Any], rasa: Any) -> None:
    stack = await make()
    await rasa.kill()
    ready = await stack.http.get("/readyz")
    assert ready.status_code == 503
    parts = ready.json()["parts"]
    assert parts["database"] == "ok"
    assert "Rasa" in parts["rasa"]
    assert "action server" in parts["actions"]


async def test_not_ready_without_tables(make: Callable[..., Any], tmp_path: Path) -> None:
    stack = await make(settings={"database_url": f"sqlite:///{tmp_path}/empty.db"})
    ready = await stack.http.get("/readyz")
    assert ready.status_code == 503
    assert "recourse.migrations upgrade" in ready.json()["parts"]["database"]
    response = await session(stack.http, stack.token())
    assert (response.status_code, response.json()["error"]["code"]) == (503, "unavailable")
    assert response.headers["retry-after"]


async def test_wrong_method_is_json(stack: Stack) -> None:
    response = await stack.http.get("/v1/session")
    assert (response.status_code, response.json()["error"]["code"]) == (405, "method_not_allowed")
    assert "POST" in response.headers["allow"]


async def test_unexpected_error_is_json_without_a_traceback(make: Callable[..., Any]) -> None:
    def broken(*_: Any) -> Any:
        raise RuntimeError("secret detail")

    stack = await make(cards=broken)
    response = await stack.http.get("/demo/orders", headers={"Authorization": f"Bearer {stack.token()}"})
    assert (response.status_code, response.json()["error"]["code"]) == (500, "internal")
    assert "secret detail" not in response.text
    assert response.headers["x-request-id"]


async def test_every_answer_has_safe_headers(stack: Stack) -> None:
    for response in (await stack.http.get("/healthz"), await stack.http.get("/nowhere"), await session(stack.http, "")):
        assert response.headers["x-content-type-options"] == "nosniff"
        assert response.headers["cache-control"] == "no-store"
        assert "default-src 'none'" in response.headers["content-security-policy"]
        assert "server" not in response.headers


async def test_request_id_is_kept_when_it_is_harmless(stack: Stack) -> None:
    kept = await stack.http.get("/healthz", headers={"X-Request-ID": "abc-12345678"})
    made = await stack.http.get("/healthz", headers={"X-Request-ID": 'x" onload="'})
    assert kept.headers["x-request-id"] == "abc-12345678"
    assert len(made.headers["x-request-id"]) == 32


@pytest.mark.parametrize("origin", ["shop.example", "https://shop.example/path", "ftp://shop.example", "https://", "*"])
async def test_origin_that_can_never_match_is_refused_at_the_start(make: Callable[..., Any], origin: str) -> None:
    with pytest.raises(ConfigurationError, match="RECOURSE_ORIGINS"):
        await make(settings={"allowed_origins": (origin,)})


def test_start_fails_without_a_response(config: Any) -> None:
    with pytest.raises(ConfigurationError, match="utter_welcome"):
        create_app(config, words=Words({}))


def test_every_text_of_the_gateway_is_in_the_domain() -> None:
    words = Words.load()
    for name in RESPONSES:
        assert words.say(name).text
    assert len(words.say("utter_technical_problem").buttons) == 1
