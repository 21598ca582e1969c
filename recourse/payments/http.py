"""A payment provider's service over HTTP.

    POST {base}/refunds   Idempotency-Key: <key>   {"payment", "amount", "currency", "to", "details"}
        to: {"method", "instrument", "original"}
        201 {"id", "status"}                        status: received or succeeded
        402 {"error": {"code", "message"}}          refused for good; code is the reason
    GET  {base}/refunds?key=<key>
        200 {"refunds": [{"id", "status", "updated_at", "reference", "reason", "action_url", "action_by"}]}
    POST {base}/voids     Idempotency-Key: <key>   {"payment", "amount", "currency"}
        201 {"id", "status"}

Amounts are minor units. ``Authorization: Bearer <API key>``. Anything else than these answers means: not now.
"""

from __future__ import annotations

from dataclasses import asdict
from typing import Any

import httpx

from recourse.core.money import Money
from recourse.core.settings import Settings
from recourse.payments.ledger import Ledger
from recourse.payments.port import Answer, ProviderDown, Providers, ProviderTimeout, RefundStatus, Target

TIMEOUT_S = 10.0
"""How long one answer may take. Well below the lease of an outbox row."""

_DETAILS = ("reference", "reason", "action_url", "action_by")
_REASON_MAX = 40


class HttpProvider:
    """Client of a provider's service. ``base_url`` without a slash at its end."""

    def __init__(self, base_url: str, api_key: str, timeout_s: float = TIMEOUT_S) -> None:
        self._client = httpx.Client(
            base_url=base_url,
            headers={"Authorization": f"Bearer {api_key}"},
            timeout=timeout_s,
            trust_env=False,
            follow_redirects=False,
        )

    def refund(self, key: str, payment_ref: str, amount: Money, to: Target, details: str | None) -> Answer:
        body = {
            "payment": payment_ref,
            "amount": amount.amount_minor,
            "currency": amount.currency,
            "to": asdict(to),
            "details": details,
        }
        return _answer(self._ask("POST", "/refunds", key=key, json=body))

    def find_refund(self, key: str) -> RefundStatus | None:
        found = _body(self._ask("GET", "/refunds", params={"key": key}), 200).get("refunds")
        if not isinstance(found, list):
            raise ProviderDown("the look-up of a refund was answered in a form that is not understood")
        if not found:
            return None
        try:
            row = found[0]
            return RefundStatus(
                str(row["id"]), str(row["status"]), str(row["updated_at"]), {name: row.get(name) for name in _DETAILS}
            )
        except (KeyError, TypeError, AttributeError) as error:
            raise ProviderDown("the look-up of a refund was answered in a form that is not understood") from error

    def void(self, key: str, payment_ref: str, amount: Money) -> Answer:
        body = {"payment": payment_ref, "amount": amount.amount_minor, "currency": amount.currency}
        return _answer(self._ask("POST", "/voids", key=key, json=body))

    def close(self) -> None:
        """Give back the connections."""
        self._client.close()

    def _ask(self, method: str, path: str, key: str | None = None, **what: Any) -> httpx.Response:
        headers = {"Idempotency-Key": key} if key else None
        try:
            return self._client.request(method, path, headers=headers, **what)
        except (httpx.ConnectError, httpx.ConnectTimeout, httpx.UnsupportedProtocol) as error:
            raise ProviderDown(f"no connection to the provider ({type(error).__name__})") from error
        except httpx.HTTPError as error:  # a read that times out or breaks off: it may have got the request
            raise ProviderTimeout(f"no answer from the provider ({type(error).__name__})") from error


def providers(settings: Settings) -> Providers:
    """The providers that these settings name."""
    service = HttpProvider(settings.provider_url, settings.provider_key) if settings.provider_url else None
    return Providers(Ledger(), service)


def _answer(response: httpx.Response) -> Answer:
    if response.status_code == 402:
        error = _body(response, 402).get("error")
        code = str(error.get("code") or "refused") if isinstance(error, dict) else "refused"
        return Answer("refused", reason=code[:_REASON_MAX])
    body = _body(response, 200, 201)
    if not body.get("id"):
        raise ProviderDown("the provider's answer names no id")
    return Answer("instant" if body.get("status") == "succeeded" else "received", str(body["id"]))


def _body(response: httpx.Response, *expected: int) -> dict[str, Any]:
    if response.status_code not in expected:
        raise ProviderDown(f"the provider answered {response.status_code}")
    try:
        body = response.json()
    except ValueError as error:
        raise ProviderDown("the provider's answer is not JSON") from error
    if not isinstance(body, dict):
        raise ProviderDown("the provider's answer is not an object")
    return body
