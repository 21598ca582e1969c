"""The simulated payment provider of a case: started when a step first needs it, in this process and on a free port.

It does nothing by itself: what becomes of a refund, a step says. Its webhooks go to the world's gateway, signed like real ones.
"""

from __future__ import annotations

import shutil
import tempfile
from collections.abc import Collection, Mapping
from datetime import timedelta
from pathlib import Path
from typing import Any

import httpx
import uvicorn
from sqlalchemy import ColumnElement, Engine, and_, select, update

from pytest_rasa.world import WorldError
from recourse.core.db import reading, transaction
from recourse.core.outbox import Outbox
from recourse.core.settings import Settings
from recourse.payments import dispatch
from recourse.payments.http import HttpProvider
from recourse.payments.ledger import Ledger
from recourse.payments.port import Providers
from recourse.simulators.provider import Simulator
from recourse.simulators.provider_store import ProviderStore
from recourse_world.clockfile import ClockFile
from recourse_world.outbox_rows import NO_PROVIDER, OPEN, UNTRIED
from recourse_world.serving import Serving
from recourse_world.waiting import wait_until

_NEVER = timedelta(days=3650)
_LATE = timedelta(milliseconds=50)
_TICK_S = 0.02
_ANSWER_S, _IMPATIENT_S, _HANG_S = 10.0, 0.3, 0.6
_TAKEN_WITHIN_S = 15.0
_AT_ONCE = 200
_CLOSED = "http://127.0.0.1:1"


class ProviderDesk:
    """``gateway``: where its webhooks go."""

    def __init__(self, store: Engine, gateway: str, clock: ClockFile, settings: Settings) -> None:
        self._store, self._gateway, self._clock, self._settings = store, gateway, clock, settings
        self._client = httpx.Client(timeout=_TAKEN_WITHIN_S, trust_env=False)
        self._serving: Serving | None = None
        self._folder: Path | None = None
        self._down = False

    def set(self, value: str) -> None:
        """``down``: nobody answers there until ``up``."""
        self._down = value == "down"

    def send(self, customers: Collection[str], impatient: bool = False) -> None:
        """Send what waits in the outbox for these buyers and is due; returns when all of it was tried.

        ``impatient``: give an answer little time. A worker that runs beside us puts off what it finds, because it has no provider:
        that does not count.
        """
        url = _CLOSED if self._down else self._url()
        client = HttpProvider(url, self._settings.provider_key, _IMPATIENT_S if impatient else _ANSWER_S)
        mine = and_(Outbox.topic.in_(dispatch.TOPICS), Outbox.customer_id.in_(customers), OPEN)
        try:
            wait_until(lambda: self._round(Providers(Ledger(), client), mine), _TAKEN_WITHIN_S, "the outbox to be sent")
        finally:
            client.close()

    def next_ones(self, behaviour: str, count: int) -> None:
        """How the next refunds that are sent behave: see ``recourse.simulators.provider``."""
        self._control("behaviour", {"behaviour": behaviour, "count": count})

    def known(self) -> list[dict[str, Any]]:
        """The refunds that it has."""
        return list(self._state()["refunds"])

    def ask(self, key: str, body: Mapping[str, Any]) -> None:
        """Let it know of a refund that was sent before this case began."""
        self._ask("POST", "/refunds", body, {"Idempotency-Key": key})

    def happen(self, refund: str, event: str, reason: str | None = None) -> None:
        """Let something happen to a refund; returns when the gateway has taken the news."""
        self._control("happen", {"refund": refund, "event": event, "reason": reason})
        self._until_taken()

    def settle(self, refund: str) -> None:
        """Let happen what is planned for a refund; returns when the gateway has taken the news."""
        self._control("settle", {"refund": refund})
        self._until_taken()

    def emit(self, type_: str, data: Mapping[str, Any]) -> None:
        """Send an event; returns when the gateway has taken it."""
        self._control("events", {"type": type_, "data": data})
        self._until_taken()

    def fill_form(self, form: str) -> None:
        """The buyer gives bank details on the provider's page."""
        self._client.post(f"{self._url()}/forms/{form}", data={"holder": "x", "iban": "x"}).raise_for_status()
        self._until_taken()

    def reset(self) -> None:
        """For the next case: a provider that knows nothing."""
        self._down = False
        if self._serving is not None:
            self._serving.stop()
            self._serving = None
        if self._folder is not None:
            shutil.rmtree(self._folder, ignore_errors=True)
            self._folder = None

    def close(self) -> None:
        """The world ends."""
        self.reset()
        self._client.close()

    def _url(self) -> str:
        if self._serving is None:
            self._folder = Path(tempfile.mkdtemp(prefix="recourse-provider-"))
            simulator = Simulator(
                ProviderStore(self._folder / "provider.db"), api_key=self._settings.provider_key,
                secret=self._settings.provider_webhook_secrets[0], webhooks=f"{self._gateway}/webhooks/payments",
                public_url="https://pay.example.com", settle_after=_NEVER + timedelta(days=1), processing_after=_NEVER,
                hang_s=_HANG_S, tick_s=_TICK_S, late=_LATE,
            )  # fmt: skip
            config = uvicorn.Config(
                simulator.app(), host="127.0.0.1", port=0, log_config=None, timeout_graceful_shutdown=2
            )
            self._serving = Serving(uvicorn.Server(config), "the simulated payment provider")
        return self._serving.url

    def _round(self, providers: Providers, mine: ColumnElement[bool]) -> bool:
        """One try of everything that is ours; True when nothing of it is left untried."""
        now = self._clock.now()
        with transaction(self._store) as session:
            theirs = update(Outbox).where(Outbox.topic.in_(dispatch.TOPICS), OPEN, ~mine)
            session.execute(theirs.values(next_at=now + _NEVER).execution_options(synchronize_session=False))
            put_off = update(Outbox).where(mine, Outbox.last_error.startswith(NO_PROVIDER))
            session.execute(put_off.values(next_at=None, last_error=None).execution_options(synchronize_session=False))
        dispatch.deliver_due(now, providers, self._store, _AT_ONCE)
        with reading(self._store) as session:
            return session.scalars(select(Outbox.id).where(mine, UNTRIED).limit(1)).first() is None

    def _until_taken(self) -> None:
        wait_until(
            lambda: not self._state()["undelivered"], _TAKEN_WITHIN_S, "the gateway to take the provider's webhooks"
        )

    def _state(self) -> dict[str, Any]:
        return self._ask("GET", "/control/state", None)

    def _control(self, name: str, body: Mapping[str, Any]) -> None:
        self._ask("POST", f"/control/{name}", body)

    def _ask(
        self, method: str, path: str, body: Mapping[str, Any] | None, headers: Mapping[str, str] | None = None
    ) -> dict[str, Any]:
        given = {"Authorization": f"Bearer {self._settings.provider_key}", **(headers or {})}
        answer = self._client.request(method, self._url() + path, json=body, headers=given)
        if not answer.is_success:
            raise WorldError(f"the simulated provider answered {answer.status_code} to {path}: {answer.text[:200]}")
        return dict(answer.json())
