"""The application: which address is served by what."""

from __future__ import annotations

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path

from sqlalchemy.exc import SQLAlchemyError
from starlette.applications import Starlette
from starlette.exceptions import HTTPException
from starlette.middleware import Middleware
from starlette.middleware.cors import CORSMiddleware
from starlette.routing import Mount, Route, WebSocketRoute

from recourse.core.clock import Clock, SystemClock
from recourse.core.errors import RecourseError
from recourse.core.settings import PROJECT_ROOT, Settings
from recourse.core.words import Words
from recourse.gateway.demo import Cards, Demo, order_cards
from recourse.gateway.engine import Engine
from recourse.gateway.errors import ApiError, on_error
from recourse.gateway.health import Health
from recourse.gateway.limits import Limits
from recourse.gateway.middleware import Envelope
from recourse.gateway.news import News, OutboxNews
from recourse.gateway.ops_api.app import PREFIX as OPS_API
from recourse.gateway.ops_api.app import ops_api
from recourse.gateway.payment_webhooks import PATH as PAYMENT_WEBHOOKS
from recourse.gateway.payment_webhooks import payment_webhook
from recourse.gateway.rest_channel import ANSWER_WITHIN_S, RestChannel
from recourse.gateway.runtime import Gateway
from recourse.gateway.seller_api.app import PREFIX as SELLER_API
from recourse.gateway.seller_api.app import seller_api
from recourse.gateway.sessions import SOCKET_PATH, WELCOME, create_session
from recourse.gateway.socket import chat_socket
from recourse.gateway.turns import WORDS, Pace
from recourse.gateway.watch import PERIOD_S

RESPONSES = (WELCOME, *WORDS)
"""Every response of ``domain.yml`` that the gateway itself says; the start fails without one."""

DIST = PROJECT_ROOT / "web" / "dist"


def create_app(
    config: Settings,
    *,
    words: Words | None = None,
    news: News | None = None,
    cards: Cards | None = None,
    clock: Clock | None = None,
    pace: Pace | None = None,
    limits: Limits | None = None,
    engine: Engine | None = None,
    rest_answer_within_s: float = ANSWER_WITHIN_S,
    watch_period_s: float = PERIOD_S,
    dist: Path = DIST,
) -> Starlette:
    """The gateway for these settings; everything else is for tests. ``app.state.gateway`` is its Gateway.

    Raises ConfigurationError for settings or words that it cannot work with.
    """
    words = words or Words.load()
    for name in RESPONSES:
        words.say(name)
    engine = engine or Engine(config)
    gateway = Gateway(
        config=config,
        words=words,
        news=news or OutboxNews(words),
        clock=clock or SystemClock(),
        pace=pace or Pace(),
        limits=limits or Limits(),
        engine=engine,
        watch_period_s=watch_period_s,
    )
    rest, demo = RestChannel(rest_answer_within_s), Demo(dist, cards or order_cards(words))
    health = Health(config, engine)
    app = Starlette(
        routes=[
            Route("/v1/session", create_session, methods=["POST"]),
            WebSocketRoute(SOCKET_PATH, chat_socket),
            Route("/webhooks/rest/", rest.health),
            Route("/webhooks/rest/webhook", rest.receive, methods=["POST"]),
            Route(PAYMENT_WEBHOOKS, payment_webhook, methods=["POST"]),
            Route("/demo/buyers", demo.buyers),
            Route("/demo/orders", demo.orders),
            Route("/widget.js", demo.widget),
            Route("/assets/{path:path}", demo.asset),
            Route("/", demo.page),
            Mount(SELLER_API, seller_api(gateway)),
            Mount(OPS_API, ops_api(gateway)),
            Route("/healthz", health.alive),
            Route("/readyz", health.ready),
        ],
        middleware=[
            Middleware(Envelope),
            Middleware(
                CORSMiddleware,
                allow_origins=sorted(gateway.origins),
                allow_methods=["POST"],
                allow_headers=["authorization", "content-type"],
                expose_headers=["retry-after", "x-request-id"],
            ),
        ],
        exception_handlers={kind: on_error for kind in (HTTPException, ApiError, RecourseError, SQLAlchemyError)},
        lifespan=_lifespan,
    )
    app.state.gateway = gateway
    return app


@asynccontextmanager
async def _lifespan(app: Starlette) -> AsyncIterator[None]:
    gateway: Gateway = app.state.gateway
    await gateway.start()
    try:
        yield
    finally:
        await gateway.stop()
