"""A simulated payment provider, as honest as Adyen and Stripe: it answers "received", and says later what came of a refund.

Run it with ``python -m recourse.simulators.provider``; ``recourse up`` does so in the demo. It takes no money and knows no
cards. Its HTTP interface is the one that ``recourse.payments.http`` documents; its state is in ``provider.db`` in the data
folder and outlives it. Events are signed (Standard Webhooks) and sent to the gateway until they are taken.

How a refund behaves is decided by the last four digits of the instrument that it goes to, like the test cards of real providers:

    ending 0002   the card is closed: the refund fails (expired_or_canceled_card)
    ending 0010   the refund is accepted, but the answer comes too late
    ending 0020   every event comes twice, and the last one first
    ending 0030   bank details are needed: the buyer gets the address of a form (so does every refund to a bank account)
    ending 0040   the refund succeeds, and then the bank sends the money back
    ending 0500   the first request is answered 500 and nothing was done
    ending 0501   the first request is answered 500 although the refund was accepted
    ending 0402   the refund is refused for good (refund_not_possible)
    all others    processing within seconds, succeeded after three business days (--settle-after SECONDS for a quicker bank)

To show it in a hurry (with the API key):

    POST /control/settle      {"refund": "re_..."}    let what is planned happen now; without a refund: everything
    POST /control/happen      {"refund": "re_...", "event": "failed"}    let this happen to it now, instead of what is planned
    POST /control/behaviour   {"behaviour": "timeout", "count": 1}    for the next refunds, whatever their instrument
    POST /control/events      {"type": "chargeback.opened", "data": {...}}    send any event, signed
    GET  /control/state       what it knows
"""

from __future__ import annotations

import argparse
import asyncio
import hmac
import html
import json
import secrets
import sys
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager, suppress
from dataclasses import asdict
from datetime import UTC, datetime, time, timedelta
from pathlib import Path
from typing import Any

import httpx
import uvicorn
from standardwebhooks import Webhook
from starlette.applications import Starlette
from starlette.exceptions import HTTPException
from starlette.requests import Request
from starlette.responses import HTMLResponse, JSONResponse, Response
from starlette.routing import Route

from recourse.core.calendar import add_business_days
from recourse.core.clock import SystemClock
from recourse.core.settings import settings
from recourse.simulators.provider_store import KeyReused, ProviderStore, Refund

BY_ENDING = {
    "0002": "expired_card",
    "0010": "timeout",
    "0020": "duplicates",
    "0030": "bank_details",
    "0040": "reversal",
    "0500": "error",
    "0501": "error_after",
    "0402": "refused",
}
BEHAVIOURS = ("normal", *BY_ENDING.values())
EVENTS = ("processing", "requires_action", "succeeded", "failed", "cancelled", "reversed")

_PROCESSING_AFTER = timedelta(seconds=2)
_LATE = timedelta(seconds=1)
_BUSINESS_DAYS = 3
_BOOKED_AT = time(6, 0, tzinfo=UTC)
_FORM_WITHIN = timedelta(days=14)
_BODY_MAX = 64 * 1024
_FORM = """<!doctype html><html lang="en"><meta charset="utf-8"><meta name="viewport" content="width=device-width">
<title>Bank details (simulated)</title><body style="font:16px system-ui;max-width:32rem;margin:3rem auto;padding:0 1rem">
<h1>Where shall the refund go?</h1><p>This is a simulated payment provider. Nothing that you type is kept.</p>%s</body></html>"""
_FIELDS = """<form method="post"><p><label>Account holder<br><input name="holder" required autocomplete="off"></label></p>
<p><label>IBAN<br><input name="iban" required autocomplete="off"></label></p><p><button>Send the refund of %s there</button></p></form>"""


class Simulator:
    """The service. ``webhooks``: where events go. ``settle_after``: the bank's time, None for business days.

    ``hang_s``: how long a request that times out is kept waiting. ``late``: how long an event that comes twice takes.
    """

    def __init__(
        self,
        store: ProviderStore,
        *,
        api_key: str,
        secret: str,
        webhooks: str,
        public_url: str,
        settle_after: timedelta | None = None,
        processing_after: timedelta = _PROCESSING_AFTER,
        hang_s: float = 30.0,
        tick_s: float = 0.5,
        late: timedelta = _LATE,
    ) -> None:
        self.store, self._key, self._signer = store, api_key, Webhook(secret)
        self._webhooks, self._public_url = webhooks, public_url
        self._settle_after, self._processing_after = settle_after, processing_after
        self._hang_s, self._tick_s, self._late = hang_s, tick_s, late
        self._ticking = asyncio.Lock()

    def app(self) -> Starlette:
        """The application; while it runs, it lets time pass for refunds and sends events."""
        return Starlette(
            routes=[
                Route("/refunds", self.refund, methods=["POST"]),
                Route("/refunds", self.find),
                Route("/voids", self.void, methods=["POST"]),
                Route("/forms/{form}", self.form, methods=["GET", "POST"]),
                Route("/control/settle", self.settle, methods=["POST"]),
                Route("/control/happen", self.happen, methods=["POST"]),
                Route("/control/behaviour", self.behave, methods=["POST"]),
                Route("/control/events", self.emit, methods=["POST"]),
                Route("/control/state", self.state),
                Route("/healthz", self.health),
            ],
            exception_handlers={HTTPException: _on_error},
            lifespan=self._lifespan,
        )

    async def refund(self, request: Request) -> Response:
        """Accept a refund once for each key."""
        key, body = await self._request(request)
        to = body.get("to")
        if not isinstance(to, dict) or not isinstance(to.get("instrument"), str):
            raise HTTPException(400, "to must name a method and an instrument")
        known = self._known(key, body)
        if known is not None:
            return self._accepted(known)
        behaviour = self.store.take_override() or _behaviour(to, body.get("details"))
        if behaviour == "error" and self.store.first_time(key):
            raise HTTPException(500, "simulated failure; nothing was done")
        if behaviour == "refused":
            return _error(402, "refund_not_possible", "simulated refusal")
        refund = self.store.accept(key, body, behaviour, _now())
        self._plan(refund)
        if behaviour == "error_after":
            raise HTTPException(500, "simulated failure after the refund was accepted")
        if behaviour == "timeout":
            await asyncio.sleep(self._hang_s)
        return self._accepted(refund)

    async def find(self, request: Request) -> Response:
        """Look up a refund by its key."""
        self._require_key(request)
        found = self.store.by_key(request.query_params.get("key", ""))
        return JSONResponse({"refunds": [self._public(found)] if found else []})

    async def void(self, request: Request) -> Response:
        """Let go of an authorisation."""
        key, body = await self._request(request)
        try:
            return JSONResponse({"id": self.store.void(key, body), "status": "received"}, 201)
        except KeyReused as error:
            raise HTTPException(409, "this Idempotency-Key was used for another request") from error

    async def form(self, request: Request) -> Response:
        """The page on which a buyer gives bank details. They are not looked at and not kept."""
        refund = self.store.by_form(request.path_params["form"])
        if refund is None:
            raise HTTPException(404, "no such form")
        if refund.status != "requires_action":
            return HTMLResponse(_FORM % "<p>Thank you. There is nothing more to do here.</p>")
        if request.method == "GET":
            amount = html.escape(f"{refund.body['amount']} {refund.body['currency']} (minor units)")
            return HTMLResponse(_FORM % (_FIELDS % amount))
        self._happen(refund, "processing")
        self.store.plan(refund.id, "succeeded", self._settled_at(_now()))
        return HTMLResponse(_FORM % "<p>Thank you. The refund is on its way.</p>")

    async def settle(self, request: Request) -> Response:
        """Let what is planned happen now."""
        body = await self._body(request)
        count = self.store.hurry(body.get("refund"), _now())
        await self.tick()
        return JSONResponse({"hurried": count})

    async def happen(self, request: Request) -> Response:
        """Let something happen to one refund, and forget what was planned for it."""
        body = await self._body(request)
        refund, event = self.store.by_id(str(body.get("refund"))), body.get("event")
        if refund is None or event not in EVENTS:
            raise HTTPException(400, f"name a refund that is here, and an event of {', '.join(EVENTS)}")
        self.store.forget_plan(refund.id)
        self._happen(refund, event, body.get("reason"))
        await self.tick()
        return JSONResponse({"refund": refund.id, "event": event})

    async def behave(self, request: Request) -> Response:
        """Decide how the next refunds behave."""
        body = await self._body(request)
        behaviour, count = body.get("behaviour"), body.get("count", 1)
        if behaviour not in BEHAVIOURS or not isinstance(count, int) or not 0 < count <= 1000:
            raise HTTPException(400, f"behaviour must be one of {', '.join(BEHAVIOURS)}, count from 1 to 1000")
        self.store.override(behaviour, count)
        return JSONResponse({"behaviour": behaviour, "count": count})

    async def emit(self, request: Request) -> Response:
        """Send any event."""
        body = await self._body(request)
        if not isinstance(body.get("type"), str) or not isinstance(body.get("data"), dict):
            raise HTTPException(400, "an event needs a type and data")
        event_id = self._announce(body["type"], body["data"], [_now()])
        await self.tick()
        return JSONResponse({"id": event_id}, 202)

    async def state(self, request: Request) -> Response:
        """What it knows."""
        self._require_key(request)
        return JSONResponse(
            {"refunds": [asdict(each) for each in self.store.refunds()], "undelivered": self.store.undelivered()}
        )

    async def health(self, _request: Request) -> Response:
        """It runs."""
        return JSONResponse({"status": "ok"})

    async def tick(self) -> None:
        """Let everything happen whose time has come, and send what is to be sent."""
        async with self._ticking:
            while step := self.store.next_step(_now()):
                self._happen(*step)
            await self._send()

    def _plan(self, refund: Refund) -> None:
        now = _now()
        self.store.plan(refund.id, "processing", now + self._processing_after)
        settled = self._settled_at(now)
        if refund.behaviour == "expired_card":
            self.store.plan(refund.id, "failed", settled)
        elif refund.behaviour == "bank_details":
            self.store.plan(refund.id, "requires_action", now + self._processing_after)
        else:
            self.store.plan(refund.id, "succeeded", settled)
        if refund.behaviour == "reversal":
            self.store.plan(refund.id, "reversed", self._settled_at(settled))

    def _settled_at(self, start: datetime) -> datetime:
        if self._settle_after is not None:
            return start + self._settle_after
        return datetime.combine(add_business_days(start.date(), _BUSINESS_DAYS), _BOOKED_AT)

    def _happen(self, refund: Refund, event: str, reason: str | None = None) -> None:
        """One event in the life of a refund, and the news of it. ``reason``: why, where it goes wrong."""
        now, values = _now(), dict[str, str | None]()
        if event == "succeeded":
            values["reference"] = f"ARN{secrets.randbelow(10**20):020d}"
        elif event == "failed":
            values["reason"] = reason or "expired_or_canceled_card"
        elif event == "reversed":
            values["reason"] = reason or "returned_by_bank"
        elif event == "requires_action":
            values["form"], values["action_by"] = secrets.token_urlsafe(16), (now + _FORM_WITHIN).isoformat()
        refund = self.store.set(refund.id, event, now, **values)
        due = [now]
        if refund.behaviour == "duplicates":  # the first event overtaken by the last one, and each of them twice
            late = now + (3 if event == "processing" else 1) * self._late
            due = [late, late]
        self._announce(f"refund.{event}", self._public(refund), due)

    def _announce(self, type_: str, data: dict[str, Any], due: list[datetime]) -> str:
        return self.store.announce({"type": type_, "occurred_at": _now().isoformat(), "data": data}, due)

    async def _send(self) -> None:
        for delivery in self.store.deliveries(_now()):
            sent_at = datetime.now(UTC)  # the receiver checks the age of a signature by its own clock
            headers = {
                "content-type": "application/json",
                "webhook-id": delivery.event_id,
                "webhook-timestamp": str(int(sent_at.timestamp())),
                "webhook-signature": self._signer.sign(delivery.event_id, sent_at, delivery.body),
            }
            try:
                answer = await self._client.post(self._webhooks, content=delivery.body.encode(), headers=headers)
            except httpx.HTTPError as error:
                self.store.not_delivered(delivery, type(error).__name__, _now())
                continue
            if answer.is_success:
                self.store.delivered(delivery, _now())
            else:
                self.store.not_delivered(delivery, str(answer.status_code), _now())

    def _known(self, key: str, body: dict[str, Any]) -> Refund | None:
        try:
            return self.store.by_key(key, body)
        except KeyReused as error:
            raise HTTPException(409, "this Idempotency-Key was used for another request") from error

    def _accepted(self, refund: Refund) -> Response:
        return JSONResponse({"id": refund.id, "status": "received"}, 201)

    def _public(self, refund: Refund) -> dict[str, Any]:
        return {
            "id": refund.id,
            "key": refund.key,
            "status": refund.status,
            "updated_at": refund.updated_at,
            "reference": refund.reference,
            "reason": refund.reason,
            "action_url": f"{self._public_url}/forms/{refund.form}" if refund.form else None,
            "action_by": refund.action_by,
        }

    async def _request(self, request: Request) -> tuple[str, dict[str, Any]]:
        """Key and body of a request for money, checked."""
        body = await self._body(request)
        key = request.headers.get("idempotency-key", "")
        if not 0 < len(key) <= 255:
            raise HTTPException(400, "send an Idempotency-Key of 1 to 255 characters")
        amount = body.get("amount")
        if not isinstance(amount, int) or isinstance(amount, bool) or amount <= 0 or not body.get("payment"):
            raise HTTPException(400, "send a payment, a positive amount in minor units and a currency")
        return key, body

    async def _body(self, request: Request) -> dict[str, Any]:
        self._require_key(request)
        raw = await request.body()
        try:
            body = json.loads(raw or b"{}") if len(raw) <= _BODY_MAX else None
        except ValueError:
            body = None
        if not isinstance(body, dict):
            raise HTTPException(400, "the body must be a JSON object")
        return body

    def _require_key(self, request: Request) -> None:
        given = request.headers.get("authorization", "").removeprefix("Bearer ")
        if not hmac.compare_digest(given.encode(), self._key.encode()):
            raise HTTPException(401, "send the API key as 'Authorization: Bearer <key>'")

    @asynccontextmanager
    async def _lifespan(self, _app: Starlette) -> AsyncIterator[None]:
        async with httpx.AsyncClient(timeout=10, trust_env=False) as self._client:
            ticking = asyncio.create_task(self._run())
            try:
                yield
            finally:
                ticking.cancel()
                with suppress(asyncio.CancelledError):
                    await ticking
                self.store.close()

    async def _run(self) -> None:
        while True:
            await self.tick()
            await asyncio.sleep(self._tick_s)


def _behaviour(to: dict[str, Any], details: object) -> str:
    instrument = str(to["instrument"]).strip()
    if to.get("method") == "bank" and not details:
        return BY_ENDING.get(instrument[-4:], "bank_details")
    return BY_ENDING.get(instrument[-4:], "normal")


def _now() -> datetime:
    return SystemClock().now()


def _error(status: int, code: str, message: str) -> Response:
    return JSONResponse({"error": {"code": code, "message": message}}, status)


async def _on_error(_request: Request, error: Exception) -> Response:
    assert isinstance(error, HTTPException)
    return _error(error.status_code, "error", error.detail)


def main(argv: list[str] | None = None) -> int:
    """Serve until SIGTERM or SIGINT."""
    parser = argparse.ArgumentParser(
        prog="python -m recourse.simulators.provider", description="A simulated payment provider for the demo."
    )
    parser.add_argument("--port", type=int, default=8090, help="loopback port to listen on (default: 8090)")
    parser.add_argument("--settle-after", type=float, metavar="SECONDS", help="a bank that is so quick")
    parser.add_argument("--webhooks", metavar="URL", help="where events go (default: the gateway of these settings)")
    given = parser.parse_args(argv)
    config = settings()
    if not config.provider_webhook_secrets or not config.provider_key:
        print(
            "The simulated provider is for the demo. Outside it, set RECOURSE_PROVIDER_KEY and RECOURSE_PROVIDER_WEBHOOK_SECRET.",
            file=sys.stderr,
        )
        return 2
    simulator = Simulator(
        ProviderStore(Path(config.data_dir) / "provider.db"),
        api_key=config.provider_key,
        secret=config.provider_webhook_secrets[0],
        webhooks=given.webhooks or f"http://127.0.0.1:{config.port}/webhooks/payments",
        public_url=f"http://127.0.0.1:{given.port}",
        settle_after=None if given.settle_after is None else timedelta(seconds=given.settle_after),
    )
    uvicorn.run(simulator.app(), host="127.0.0.1", port=given.port, log_level="warning", timeout_graceful_shutdown=3)
    return 0


if __name__ == "__main__":
    sys.exit(main())
