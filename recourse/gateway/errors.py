"""Errors on the wire: always JSON ``{"error": {"code", "message"}}``, with a message that says what to do."""

from __future__ import annotations

import traceback
from collections.abc import Mapping
from http import HTTPStatus

import structlog
from sqlalchemy.exc import SQLAlchemyError
from starlette.exceptions import HTTPException
from starlette.requests import Request
from starlette.responses import JSONResponse, Response

from recourse.core.errors import InvalidInput, NotAllowed, NotFound, RecourseError
from recourse.gateway.tokens import InvalidToken

_log = structlog.get_logger()
_STATUS: Mapping[type[RecourseError], int] = {InvalidToken: 401, NotFound: 404, NotAllowed: 403, InvalidInput: 400}
_UNAVAILABLE = "The service cannot reach its data at the moment. Try again in a few seconds."
_BROKEN = "Something went wrong on our side. Try again; if it stays, tell us the X-Request-ID of this answer."
_MESSAGES = {
    404: "There is nothing at this address. Check the path.",
    405: "This address does not take this method. The Allow header names those it takes.",
}


class ApiError(Exception):
    """A refusal that is worded where it happens. ``message`` is for the developer of a client."""

    def __init__(self, status: int, code: str, message: str, headers: Mapping[str, str] | None = None) -> None:
        super().__init__(message)
        self.status, self.code, self.message, self.headers = status, code, message, dict(headers or {})


def unauthorised(code: str, message: str) -> ApiError:
    """401 with the header that names the scheme."""
    return ApiError(401, code, message, {"WWW-Authenticate": "Bearer"})


def slow_down(retry_after_s: float) -> ApiError:
    """429 with the whole seconds to wait."""
    seconds = max(1, int(retry_after_s + 0.999))
    message = f"Too many requests. Wait {seconds} s and try again."
    return ApiError(429, "slow_down", message, {"Retry-After": str(seconds)})


def error_response(error: Exception) -> Response:
    """What a client gets for ``error``. Unexpected errors are logged, without their message: it may quote a buyer."""
    if isinstance(error, ApiError):
        return _json(error.status, error.code, error.message, error.headers)
    if isinstance(error, RecourseError):
        return _expected(error)
    if isinstance(error, HTTPException):
        code = HTTPStatus(error.status_code).phrase.lower().replace(" ", "_")
        return _json(error.status_code, code, _MESSAGES.get(error.status_code, error.detail), error.headers)
    log_unexpected(error)
    if isinstance(error, SQLAlchemyError):
        return _json(503, "unavailable", _UNAVAILABLE, {"Retry-After": "2"})
    return _json(500, "internal", _BROKEN)


def _expected(error: RecourseError) -> Response:
    status = next((status for kind, status in _STATUS.items() if isinstance(error, kind)), None)
    if status is None:
        log_unexpected(error)
        return _json(500, "internal", _BROKEN)
    return _json(status, error.code, str(error), {"WWW-Authenticate": "Bearer"} if status == 401 else None)


def log_unexpected(error: BaseException, event: str = "unexpected_error") -> None:
    """Log where ``error`` came from, without its message and values."""
    frames = traceback.extract_tb(error.__traceback__)[-12:]
    where = [f"{frame.filename.rsplit('/site-packages/', 1)[-1]}:{frame.lineno} {frame.name}" for frame in frames]
    _log.error(event, error=type(error).__name__, where=where)


async def on_error(_request: Request, error: Exception) -> Response:
    """Starlette's handler for every error."""
    return error_response(error)


def _json(status: int, code: str, message: str, headers: Mapping[str, str] | None = None) -> Response:
    return JSONResponse({"error": {"code": code, "message": message}}, status, headers)
