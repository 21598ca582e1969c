"""The demo shop: its buyers, their orders and its page. All of it is there only while the demo secret signs the tokens."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from datetime import datetime, timedelta
from pathlib import Path
from typing import Any

from sqlalchemy.orm import Session
from starlette.exceptions import HTTPException
from starlette.requests import Request
from starlette.responses import HTMLResponse, JSONResponse, Response
from starlette.staticfiles import StaticFiles

from recourse.core.words import Words
from recourse.customers import service as customers
from recourse.customers.service import Buyer
from recourse.gateway.origins import valid_host
from recourse.gateway.requests import require_buyer, require_pace
from recourse.gateway.runtime import gateway_of
from recourse.gateway.tokens import issue_buyer_token
from recourse.overview import service as overview
from recourse.overview.service import Case
from recourse.replies import orders as order_words
from recourse.replies.status import status
from recourse.replies.voice import Voice

Cards = Callable[[Session, Buyer, datetime], Sequence[dict[str, Any]]]
"""The orders of a buyer, as the demo page shows them."""

_TOKEN_LASTS = timedelta(hours=12)
_MOST_ORDERS = 100
_HASHED_FILES = "public, max-age=31536000, immutable"
_NOT_BUILT = """<!doctype html>
<html lang="en"><head><meta charset="utf-8"><title>Recourse</title></head>
<body><h1>The demo page is not built</h1>
<p>The assistant runs; only its web pages are missing. Build them with <code>scripts/bootstrap</code> in the checkout,
or start everything with <code>make run</code>, then load this page again.</p></body></html>
"""


def order_cards(words: Words) -> Cards:
    """Cards from the order store, in the buyer's locale and time zone, newest first."""

    def cards(session: Session, buyer: Buyer, now: datetime) -> list[dict[str, Any]]:
        voice = Voice(words, buyer.locale, buyer.timezone)
        page, _ = overview.page(session, buyer.id, now, limit=_MOST_ORDERS)
        return [_card(voice, item) for item in page]

    return cards


class Demo:
    """The demo's endpoints. ``dist``: the built web pages."""

    def __init__(self, dist: Path, cards: Cards) -> None:
        self._cards = cards
        self._files = StaticFiles(directory=dist, check_dir=False)

    async def buyers(self, request: Request) -> Response:
        """``[{"id", "name", "country", "locale", "timezone", "token"}]``."""
        _require_demo(request)
        gateway = gateway_of(request)
        require_pace(gateway, request)
        return JSONResponse(
            [
                {
                    "id": buyer.id,
                    "name": buyer.name,
                    "country": buyer.country,
                    "locale": buyer.locale,
                    "timezone": buyer.timezone,
                    "token": issue_buyer_token(buyer.id, _TOKEN_LASTS, gateway.config),
                }
                for buyer in await gateway.store.read(customers.all_buyers)
            ]
        )

    async def orders(self, request: Request) -> Response:
        """The orders of the buyer whose token the request carries."""
        _require_demo(request)
        gateway = gateway_of(request)
        require_pace(gateway, request)
        _, buyer = await require_buyer(gateway, request)
        return JSONResponse(await gateway.store.read(lambda session: self._cards(session, buyer, gateway.now())))

    async def page(self, request: Request) -> Response:
        """The demo shop's page."""
        _require_demo(request)
        try:
            response = await self._files.get_response("index.html", request.scope)
        except HTTPException as error:
            if error.status_code != 404:
                raise
            response = HTMLResponse(_NOT_BUILT, 503)
        response.headers["Content-Security-Policy"] = _page_policy(request.headers.get("host", ""))
        response.headers["Cache-Control"] = "no-cache"
        return response

    async def asset(self, request: Request) -> Response:
        """A file of the page; its name changes with its content."""
        _require_demo(request)
        response = await self._files.get_response(f"assets/{request.path_params['path']}", request.scope)
        response.headers["Cache-Control"] = _HASHED_FILES
        return response

    async def widget(self, request: Request) -> Response:
        """The chat widget, which the shop's own pages load too."""
        response = await self._files.get_response("widget.js", request.scope)
        response.headers["Cache-Control"] = "no-cache"
        response.headers["Cross-Origin-Resource-Policy"] = "cross-origin"
        return response


def _require_demo(request: Request) -> None:
    if not gateway_of(request).config.demo:
        raise HTTPException(404)


def _page_policy(host: str) -> str:
    """Only files of ours, only our socket, no inline script, no markup from strings, in nobody's frame."""
    sockets = f" ws://{host} wss://{host}" if valid_host(host) else ""
    return "; ".join(
        [
            "default-src 'self'",
            f"connect-src 'self'{sockets}",
            "img-src 'self' data:",
            "object-src 'none'",
            "base-uri 'none'",
            "form-action 'self'",
            "frame-ancestors 'none'",
            "require-trusted-types-for 'script'",
            "trusted-types 'none'",
        ]
    )


def _card(voice: Voice, item: Case) -> dict[str, Any]:
    order = item.order
    return {
        "number": order.number,
        "placed_at": order.placed_at.isoformat(),
        "status": item.label,
        "status_label": status(voice, item),
        "scenario": order.scenario,
        "seller": order.seller,
        "total": {
            "amount_minor": order.total.amount_minor,
            "currency": order.total.currency,
            "text": voice.money(order.total),
        },
        "lines": [{"title": line.title, "qty": line.qty} for line in order.lines],
        "note": order_words.next_step(voice, item),
    }
