"""One call of a seller: who calls, reading, and writing once per key."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from datetime import datetime
from typing import Annotated, TypeVar

from fastapi import Depends, Header
from pydantic import BaseModel
from sqlalchemy.orm import Session
from starlette.requests import Request
from starlette.responses import Response

from recourse.core import idempotency
from recourse.core.transitions import Actor
from recourse.gateway.runtime import Gateway, gateway_of

T = TypeVar("T")
_OPERATION = "seller_api"
KEY_MAX = 64


@dataclass(frozen=True, slots=True)
class Call:
    """A request with a good key. ``path`` tells one operation from another."""

    gateway: Gateway
    seller_id: str
    path: str

    @property
    def now(self) -> datetime:
        """The present (UTC), asked once where a moment must be one."""
        return self.gateway.now()

    @property
    def seller(self) -> Actor:
        """The seller as the one who acts."""
        return Actor("seller", self.seller_id)

    async def read(self, work: Callable[[Session], T]) -> T:
        """What ``work`` finds."""
        return await self.gateway.store.read(work)

    async def write(self, work: Callable[[Session], T]) -> T:
        """What ``work`` did, committed. For what may be done twice without harm."""
        return await self.gateway.store.write(work)


@dataclass(frozen=True, slots=True)
class Once:
    """A request that must have its effect once, whatever the network does: a call with its Idempotency-Key."""

    call: Call
    key: str

    async def do(
        self, body: BaseModel | None, work: Callable[[Session, datetime], BaseModel], status: int = 200
    ) -> Response:
        """Do ``work`` and save its answer with the effect, or answer what was saved. An error leaves neither behind."""
        now = self.call.now
        who = f"seller:{self.call.seller_id}"
        key = f"{self.call.seller_id}:{self.key}"
        params = {"path": self.call.path, "body": body.model_dump(mode="json") if body is not None else None}

        def unit(session: Session) -> tuple[int, str, bool]:
            saved = idempotency.recall(session, _OPERATION, key, who, params)
            if saved is None:
                saved = idempotency.claim(session, _OPERATION, key, who, params, now)
            if saved is not None:
                return saved["status"], saved["body"], True
            text = work(session, now).model_dump_json()
            idempotency.remember(session, _OPERATION, key, who, params, {"status": status, "body": text}, now)
            return status, text, False

        code, text, repeated = await self.call.write(unit)
        headers = {"Idempotent-Replayed": "true"} if repeated else None
        return Response(text, code, headers, media_type="application/json")


def _call(request: Request) -> Call:
    return Call(gateway_of(request), request.state.seller_id, request.url.path)


def _once(
    request: Request,
    key: Annotated[
        str,
        Header(
            alias="Idempotency-Key",
            min_length=1,
            max_length=KEY_MAX,
            pattern=r"^[\x21-\x7e]+$",
            description="Yours to choose, new for each operation; repeat it when you repeat the request.",
        ),
    ],
) -> Once:
    return Once(_call(request), key)


Reads = Annotated[Call, Depends(_call)]
Writes = Annotated[Once, Depends(_once)]
