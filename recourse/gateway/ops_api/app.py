"""The API for the shop's systems as an application of its own, which the gateway mounts at ``/ops/v1``.

Every call may be repeated: the same order, scan or stock level has its effect once.
"""

from __future__ import annotations

import hmac
import json
from collections.abc import MutableMapping
from datetime import datetime
from functools import partial
from typing import Annotated, Any, Literal

from fastapi import APIRouter, FastAPI, Security
from fastapi.security import HTTPBearer
from pydantic import BaseModel, ConfigDict, Field
from sqlalchemy.orm import Session
from starlette.datastructures import Headers
from starlette.requests import Request

from recourse.core.order_numbers import normalise
from recourse.exchange import formats
from recourse.exchange import service as exchange
from recourse.exchange.schema import OrderRecord
from recourse.exchange.service import Outcome
from recourse.fulfilment import service as fulfilment
from recourse.gateway.api_common import BAD_JSON, HANDLERS, ErrorOut, Moment
from recourse.gateway.door import Admit, Door, bearer
from recourse.gateway.errors import ApiError, unauthorised
from recourse.gateway.runtime import Gateway, gateway_of
from recourse.orders.rules import PARCEL_STATES
from recourse.watches import service as watches

PREFIX = "/ops/v1"
BODY_MAX = 8 * 1024 * 1024
MOST_RECORDS = 500
_AT_ONCE = 50
"""Records of one transaction: buyers who chat meanwhile wait for it on SQLite."""

_ERRORS: dict[int | str, dict[str, Any]] = {
    401: {"model": ErrorOut, "description": "The token is missing or wrong."},
    403: {"model": ErrorOut, "description": "This installation has no token: set RECOURSE_OPS_TOKEN."},
    404: {"model": ErrorOut, "description": "There is no such order or parcel."},
    413: {"model": ErrorOut, "description": "The body is too large."},
    422: {"model": ErrorOut, "description": "A value does not have the form that it must have."},
    429: {"model": ErrorOut, "description": "Too many requests; Retry-After says how long to wait."},
}
_RECORD = {"$ref": "#/components/schemas/OrderRecord"}
_RECORDS = {"oneOf": [_RECORD, {"type": "array", "items": _RECORD, "minItems": 1, "maxItems": MOST_RECORDS}]}


class RecordOut(BaseModel):
    """What became of one record."""

    external_id: str | None
    number: str | None
    result: Literal["created", "updated", "unchanged", "failed"]
    error: str | None


class RecordsOut(BaseModel):
    """One entry for each record, in the same order."""

    results: list[RecordOut]


class _In(BaseModel):
    model_config = ConfigDict(extra="forbid")


class ScanIn(_In):
    """What a carrier says of a parcel. ``at``: when it happened."""

    tracking: Annotated[str, Field(min_length=1, max_length=40)]
    state: Literal[PARCEL_STATES]  # type: ignore[valid-type]
    at: Moment
    text: Annotated[str, Field(max_length=200)] = ""
    carrier: Annotated[str, Field(min_length=1, max_length=40)] | None = None


class ParcelOrderOut(BaseModel):
    """An order that is in the parcel, as it now is."""

    number: str
    external_id: str | None
    status: str


class ScanOut(BaseModel):
    """The orders that the scan was about."""

    orders: list[ParcelOrderOut]


class StockIn(_In):
    """Can a product be bought again?"""

    sku: Annotated[str, Field(min_length=1, max_length=40)]
    available: bool


class StockOut(BaseModel):
    """How many buyers are told."""

    told: int


router = APIRouter()


@router.post(
    "/orders",
    response_model=RecordsOut,
    openapi_extra={"requestBody": {"required": True, "content": {"application/json": {"schema": _RECORDS}}}},
)
async def bring_orders(request: Request) -> RecordsOut:
    """Bring one order or up to 500, each as it now stands. A record that fails does not keep the others out."""
    gateway = gateway_of(request)
    records = _records(await request.body())
    results: list[RecordOut] = []
    for start in range(0, len(records), _AT_ONCE):
        part = records[start : start + _AT_ONCE]
        results += map(_out, await gateway.store.write(partial(_bring, part, start + 1, gateway.now())))
    return RecordsOut(results=results)


@router.get("/orders/{reference:path}", response_model=OrderRecord, response_model_exclude_none=True)
async def get_order(request: Request, reference: str) -> OrderRecord:
    """The order with this id of yours, or this number of ours, as a record."""
    wanted = normalise(reference) or reference
    return await gateway_of(request).store.read(lambda session: exchange.get(session, wanted))


@router.post("/carrier-events", response_model=ScanOut)
async def carrier_event(request: Request, body: ScanIn) -> ScanOut:
    """Pass on a carrier's scan. Late and repeated ones never move a parcel back."""
    gateway = gateway_of(request)

    def work(session: Session) -> ScanOut:
        found = fulfilment.carrier_reports(
            session, body.tracking, body.state, body.at, body.text, gateway.now(), body.carrier
        )
        return ScanOut(
            orders=[
                ParcelOrderOut(number=order.number, external_id=order.external_id, status=order.state)
                for order in found
            ]
        )

    return await gateway.store.write(work)


@router.post("/stock", response_model=StockOut)
async def stock(request: Request, body: StockIn) -> StockOut:
    """Tell buyers who wait for a product that it is back, each of them once."""
    gateway = gateway_of(request)
    if not body.available:
        return StockOut(told=0)
    told = await gateway.store.write(lambda session: watches.stock_back(session, body.sku, gateway.now()))
    return StockOut(told=told)


def ops_api(gateway: Gateway) -> FastAPI:
    """The API for the shop's systems over the store of ``gateway``."""
    app = FastAPI(
        title="Recourse operations API",
        version="1",
        description="Orders, carriers' scans and stock from the shop's systems. Every call may be repeated safely.",
        docs_url=None,
        redoc_url=None,
        servers=[{"url": PREFIX}],
        root_path_in_servers=False,
        responses=_ERRORS,
        dependencies=[Security(HTTPBearer(auto_error=False, scheme_name="opsToken", description="RECOURSE_OPS_TOKEN"))],
        exception_handlers=HANDLERS,
    )
    app.add_middleware(Door, gateway=gateway, admit=_admit(gateway), body_max=BODY_MAX)
    app.state.gateway = gateway
    app.include_router(router)
    return app


def _admit(gateway: Gateway) -> Admit:
    async def admit(headers: Headers, _state: MutableMapping[str, Any]) -> None:
        token = gateway.config.ops_token
        if token is None:
            raise ApiError(
                403, "ops_off", "This installation takes no orders by HTTP. Set RECOURSE_OPS_TOKEN and restart it."
            )
        missing = unauthorised("no_token", "Send the token as 'Authorization: Bearer <RECOURSE_OPS_TOKEN>'.")
        if not hmac.compare_digest(bearer(headers, missing).encode(), token.encode()):
            raise unauthorised("wrong_token", "This token is wrong. It is the value of RECOURSE_OPS_TOKEN.")

    return admit


def _records(body: bytes) -> list[Any]:
    try:
        found = json.loads(body)
    except (ValueError, RecursionError) as error:
        raise ApiError(422, "bad_json", BAD_JSON) from error
    records = found if isinstance(found, list) else [found]
    if not 1 <= len(records) <= MOST_RECORDS or not all(isinstance(record, dict) for record in records):
        raise ApiError(422, "invalid_input", f"Send one record, or a list of 1 to {MOST_RECORDS} records.")
    return records


def _bring(records: list[Any], first: int, now: datetime, session: Session) -> list[Outcome]:
    found = [formats.parse(place, json.dumps(record)) for place, record in enumerate(records, start=first)]
    return exchange.bring(session, found, now)


def _out(outcome: Outcome) -> RecordOut:
    return RecordOut(
        external_id=outcome.external_id,
        number=outcome.number,
        result=outcome.result,
        error=outcome.error,
    )
