"""Sellers to try things with: each polls its cancellation requests over the seller API and answers in its style.

A seller remembers nothing: what to do follows from what the API shows, from a seed and from the request's id. So it can be
stopped at any moment, and it repeats a call that got lost with the same Idempotency-Key and the same body.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from random import Random
from typing import Any

import httpx
import structlog

from recourse.core.errors import ConfigurationError

STYLES: Mapping[str, str] = {
    "fast_yes": "approves at once",
    "slow": "approves late, in the second half of its time",
    "refuses_with_tracking": "says that the parcel has left, with a tracking number",
    "asks_form": "asks the buyer to fill in a form first, then approves",
    "silent": "does nothing",
    "offers_part": "offers a part of the money if the buyer keeps the order; approves when that is declined",
}
"""How a seller behaves."""

_log = structlog.get_logger()
_TIMEOUT_S = 10.0
_TRIES = 4
_FIRST_WAIT_S = 0.2
_FORM = "https://forms.example.com/cancel"


@dataclass(frozen=True, slots=True)
class Act:
    """One call: ``path`` below /seller/v1, its body, and a key that says what it is about."""

    path: str
    body: dict[str, Any] | None
    key: str


def decide(style: str, request: dict[str, Any], order: dict[str, Any], now: datetime, dice: Random) -> Act | None:
    """What a seller of ``style`` does about an open request now; None: nothing (yet).

    ``request`` and ``order`` as the API shows them. ``dice`` must be the same for the same request each time.
    """
    if request["escalated_at"]:  # the platform decides
        return None
    request_id = request["id"]
    approve = Act(f"/requests/{request_id}/approve", None, f"sim-approve-{request_id}")
    if style == "fast_yes":
        return approve
    if style == "slow":
        return approve if now >= _late(request, dice) else None
    if style == "refuses_with_tracking":
        body = {
            "reason": "It has already been shipped.",
            "tracking": f"PW{dice.randrange(10**9):09d}DE",
            "shipped_at": request["requested_at"],
        }
        return Act(f"/requests/{request_id}/reject", body, f"sim-reject-{request_id}")
    if style == "asks_form":
        if not request["asks"]:
            text = "Please fill in this short form, then we can cancel your order."
            body = {"kind": "form", "text": text, "url": f"{_FORM}?order={request['order_number']}"}
            return Act(f"/requests/{request_id}/ask", body, f"sim-ask-{request_id}")
        return approve if all(ask["state"] == "done" for ask in request["asks"]) else None
    if style == "offers_part":
        return _offer(request, order, dice, approve)
    return None


class SellerSimulator:
    """One seller. ``url``: of the gateway; ``key``: its API key; ``style``: one of ``STYLES``."""

    def __init__(
        self,
        url: str,
        key: str,
        style: str,
        *,
        seed: int = 0,
        now: Callable[[], datetime],
        sleep: Callable[[float], None] = time.sleep,
        transport: httpx.BaseTransport | None = None,
    ) -> None:
        if style not in STYLES:
            raise ConfigurationError(f"there is no style {style!r}; use one of {', '.join(STYLES)}")
        self.style, self._seed, self._now, self._sleep = style, seed, now, sleep
        self._http = httpx.Client(
            base_url=f"{url.rstrip('/')}/seller/v1",
            headers={"Authorization": f"Bearer {key}"},
            timeout=_TIMEOUT_S,
            trust_env=False,
            transport=transport,
        )

    def poll(self) -> list[Act]:
        """Look at every open request once and act; returns what was done. Raises ConfigurationError when the key is refused.

        What the API does not answer now is left for the next time; what somebody else has decided is left alone.
        """
        done = []
        try:
            for request in list(self._open_requests()):
                act = self._act(request)
                if act is not None:
                    done.append(act)
        except httpx.TransportError as error:
            _log.warning("seller_api_unreachable", error=type(error).__name__)
        return done

    def close(self) -> None:
        """Let go of the connection."""
        self._http.close()

    def _act(self, request: dict[str, Any]) -> Act | None:
        order = self._json(self._call("GET", f"/orders/{request['order_number']}"))
        if order is None:
            return None
        dice = Random(f"{self._seed}:{request['id']}")
        act = decide(self.style, request, order, self._now(), dice)
        if act is None:
            return None
        response = self._call("POST", act.path, json=act.body, headers={"Idempotency-Key": act.key})
        if response.is_success:
            _log.info("seller_acted", style=self.style, path=act.path)
            return act
        _log.info("seller_refused", style=self.style, path=act.path, status=response.status_code)
        return None

    def _open_requests(self) -> Iterator[dict[str, Any]]:
        cursor: str | None = None
        while True:
            params = {"state": "pending_seller", **({"cursor": cursor} if cursor else {})}
            page = self._json(self._call("GET", "/requests", params=params))
            if page is None:
                return
            yield from page["requests"]
            cursor = page["next"]
            if cursor is None:
                return

    def _call(self, method: str, path: str, **options: Any) -> httpx.Response:
        """The answer; tried again while the API is down, broken or busy. Raises httpx.TransportError when it stays down."""
        wait = _FIRST_WAIT_S
        for turn in range(_TRIES):
            last = turn == _TRIES - 1
            try:
                response = self._http.request(method, path, **options)
            except httpx.TransportError:
                if last:
                    raise
            else:
                if response.status_code == httpx.codes.UNAUTHORIZED:
                    raise ConfigurationError(
                        "the seller API refuses this key; issue one with `recourse sellers keys add`"
                    )
                if last or (response.status_code < 500 and response.status_code != httpx.codes.TOO_MANY_REQUESTS):
                    return response
                wait = max(wait, _retry_after(response))
            self._sleep(wait)
            wait *= 2
        raise AssertionError("unreachable")

    @staticmethod
    def _json(response: httpx.Response) -> Any:
        return response.json() if response.is_success else None


def run(
    sellers: Sequence[SellerSimulator],
    every_s: float,
    rounds: int | None = None,
    sleep: Callable[[float], None] = time.sleep,
) -> int:
    """Let the sellers poll in turn, for ever or for ``rounds``; returns how often they acted."""
    acted = turn = 0
    while rounds is None or turn < rounds:
        if turn:
            sleep(every_s)
        acted += sum(len(seller.poll()) for seller in sellers)
        turn += 1
    return acted


def _late(request: dict[str, Any], dice: Random) -> datetime:
    asked = datetime.fromisoformat(request["requested_at"])
    if not request["respond_by"]:
        return asked
    return asked + (datetime.fromisoformat(request["respond_by"]) - asked) * dice.uniform(0.5, 0.9)


def _offer(request: dict[str, Any], order: dict[str, Any], dice: Random, approve: Act) -> Act | None:
    """One offer for a request; nothing while it is open; yes to the request once the buyer has declined."""
    asked = datetime.fromisoformat(request["requested_at"])
    mine = [each for each in order["offers"] if datetime.fromisoformat(each["offered_at"]) >= asked]
    if any(each["state"] == "open" for each in order["offers"]):
        return None
    if mine:
        return approve
    amount = order["refundable"]["amount_minor"] * dice.randrange(10, 41) // 100
    if not amount:
        return approve
    body = {"amount_minor": amount, "text": "Would you keep the order if we gave a part of the money back?"}
    return Act(f"/orders/{order['number']}/offers", body, f"sim-offer-{request['id']}")


def _retry_after(response: httpx.Response) -> float:
    text = response.headers.get("retry-after", "")
    return min(float(text), 30.0) if text.isdigit() else 0.0
