"""The frames of the buyer's socket (contract 1 of docs/architecture.md)."""

from __future__ import annotations

import json
from typing import Annotated, Any, Literal

from pydantic import BaseModel, ConfigDict, Field, TypeAdapter, ValidationError, model_validator

from recourse.conversations.service import MessageView
from recourse.gateway.requests import problem

FRAME_MAX = 16 * 1024
"""Bytes of one frame."""

_SEQ_MAX = 2**31 - 1
_CID_MAX = 64


class _Frame(BaseModel):
    model_config = ConfigDict(strict=True)


class Hello(_Frame):
    """First frame: replay everything after ``last``."""

    t: Literal["hello"]
    last: int = Field(0, ge=0, le=_SEQ_MAX)


class Say(_Frame):
    """What the buyer typed, or the token of the button that was pressed. ``cid`` is the client's own id of it."""

    t: Literal["say"]
    cid: str = Field(pattern=rf"^[A-Za-z0-9_.:\-]{{1,{_CID_MAX}}}$")
    text: str | None = None
    button: str | None = Field(None, max_length=_CID_MAX)

    @model_validator(mode="after")
    def _one_of_both(self) -> Say:
        if (self.text is None) == (self.button is None):
            raise ValueError("a say frame has either text or button")
        return self


class Read(_Frame):
    """The buyer has seen everything up to ``seq``. Checked and, in this version, not kept."""

    t: Literal["read"]
    seq: int = Field(ge=0, le=_SEQ_MAX)


class Ping(_Frame):
    """Answered by a pong, after everything that was sent before it."""

    t: Literal["ping"]


ClientFrame = Hello | Say | Read | Ping
_CLIENT_FRAME: TypeAdapter[ClientFrame] = TypeAdapter(Annotated[ClientFrame, Field(discriminator="t")])


class BadFrame(Exception):
    """A frame that cannot be used. ``cid`` is the one it carries, if it can be read."""

    def __init__(self, message: str, cid: str | None = None) -> None:
        super().__init__(message)
        self.cid = cid


def parse(data: str | None) -> ClientFrame:
    """The frame in the text ``data``; None stands for a binary frame. Raises BadFrame."""
    if data is None:
        raise BadFrame("Frames are JSON text, not binary.")
    try:
        return _CLIENT_FRAME.validate_json(data)
    except ValidationError as error:
        raise BadFrame(f"This frame was not understood. {problem(error)}", _cid_in(data)) from error


def event(message: MessageView) -> str:
    """A message of the log."""
    frame: dict[str, Any] = {
        "t": "event",
        "seq": message.seq,
        "author": message.author,
        "at": message.at.isoformat(timespec="milliseconds").replace("+00:00", "Z"),
        "text": message.text,
        "buttons": [{"title": title, "token": token} for title, token in message.buttons],
    }
    if message.cid is not None:
        frame["cid"] = message.cid
    if message.stale:
        frame["stale"] = True
    return _dump(frame)


def ok(cid: str, seq: int) -> str:
    """The buyer's message is in the log, as ``seq``."""
    return _dump({"t": "ok", "cid": cid, "seq": seq})


def typing(on: bool) -> str:
    """The assistant works on an answer."""
    return _dump({"t": "typing", "on": on})


def pong() -> str:
    """Answer to a ping."""
    return _dump({"t": "pong"})


def err(code: str, message: str, cid: str | None) -> str:
    """What was wrong with one frame."""
    return _dump({"t": "err", "code": code, "message": message, "cid": cid})


def _dump(frame: dict[str, Any]) -> str:
    return json.dumps(frame, ensure_ascii=False, separators=(",", ":"))


def _cid_in(data: str) -> str | None:
    try:
        frame = json.loads(data)
    except (ValueError, RecursionError):
        return None
    cid = frame.get("cid") if isinstance(frame, dict) else None
    return cid[:_CID_MAX] if isinstance(cid, str) and cid.isascii() else None
