"""What the APIs for machines (``/seller/v1``, ``/ops/v1``) share: errors in the gateway's form, and bodies of a sensible size."""

from __future__ import annotations

from collections.abc import Callable, Coroutine, Mapping
from typing import Annotated, Any

from fastapi.exceptions import RequestValidationError
from pydantic import AfterValidator, AwareDatetime, BaseModel
from sqlalchemy.exc import SQLAlchemyError
from starlette.exceptions import HTTPException
from starlette.requests import Request
from starlette.responses import Response
from starlette.types import Message, Receive

from recourse.core.clock import require_utc
from recourse.core.errors import Conflict, IdempotencyMismatch, InvalidInput, NotAllowed, NotFound, RecourseError
from recourse.gateway.errors import ApiError, error_response

Moment = Annotated[AwareDatetime, AfterValidator(require_utc)]
"""A time with its zone, in UTC from here on."""

BAD_JSON = "The body is not JSON. Send an object."
_STATUS: Mapping[type[RecourseError], int] = {
    NotFound: 404,
    NotAllowed: 409,
    Conflict: 409,
    IdempotencyMismatch: 409,
    InvalidInput: 422,
}


class Problem(BaseModel):
    """``code`` is for programs, ``message`` says what to do."""

    code: str
    message: str


class ErrorOut(BaseModel):
    """Every error has this form."""

    error: Problem


async def _refused(_request: Request, error: Exception) -> Response:
    status = next((status for kind, status in _STATUS.items() if isinstance(error, kind)), None)
    if status is None or not isinstance(error, RecourseError):
        return error_response(error)
    return error_response(ApiError(status, error.code, str(error)))


async def _invalid(_request: Request, error: Exception) -> Response:
    """422 that names the first thing that is wrong; for an id in the path that can be nobody's, 404."""
    assert isinstance(error, RequestValidationError)
    first = error.errors()[0]
    where = [str(part) for part in first["loc"]]
    if where[0] == "path":
        return error_response(ApiError(404, NotFound.code, f"there is no {where[-1]} like this"))
    if first["type"] == "json_invalid":
        return error_response(ApiError(422, "bad_json", BAD_JSON))
    name = ".".join(where[1:]) or where[0]
    code = "no_idempotency_key" if name == "Idempotency-Key" else InvalidInput.code
    return error_response(ApiError(422, code, f"{name}: {first['msg'].removeprefix('Value error, ')}."))


async def _other(_request: Request, error: Exception) -> Response:
    if isinstance(error, HTTPException) and error.status_code == 400:  # a body that the JSON parser choked on
        error = ApiError(422, "bad_json", BAD_JSON)
    return error_response(error)


HANDLERS: dict[int | type[Exception], Callable[[Request, Any], Coroutine[Any, Any, Response]]] = {
    RequestValidationError: _invalid,
    RecourseError: _refused,
    HTTPException: _other,
    ApiError: _other,
    SQLAlchemyError: _other,
    Exception: _other,
}
"""How errors are answered, for the application that is mounted."""


def replayed(body: bytes, receive: Receive) -> Receive:
    """A channel that gives ``body``, which was read from ``receive`` before, once more."""
    given = False

    async def again() -> Message:
        nonlocal given
        if given:
            return await receive()
        given = True
        return {"type": "http.request", "body": body, "more_body": False}

    return again
