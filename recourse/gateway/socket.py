"""``/v1/socket``: one buyer's live line to one conversation (contract 1 of docs/architecture.md).

At least once on the wire, exactly once in the log. The log is read in order; what is told live only says that it grew.
"""

from __future__ import annotations

import asyncio
from contextlib import suppress
from datetime import UTC, datetime
from typing import Any

import structlog
from starlette.websockets import WebSocket, WebSocketDisconnect

from recourse.conversations import service as conversations
from recourse.conversations.service import MessageView
from recourse.core.errors import InvalidInput, NotFound
from recourse.gateway import frames
from recourse.gateway.errors import error_response, log_unexpected
from recourse.gateway.frames import BadFrame, Hello, Ping, Say
from recourse.gateway.hub import CLOSE_SIGN_IN, CLOSE_SLOW_DOWN, CLOSE_TRY_AGAIN, LogGrew, Subscription, Typing
from recourse.gateway.limits import Buckets
from recourse.gateway.requests import origin_is_allowed, seconds_to_wait, wrong_origin
from recourse.gateway.runtime import Gateway, gateway_of
from recourse.gateway.tokens import InvalidToken, SessionToken, read_session_token

PROTOCOL = "recourse.v1"
_CLOSE_NO_HELLO = 4408
_HELLO_WITHIN_S = 10.0
_CLOSE_WITHIN_S = 2.0

_log = structlog.get_logger()


async def chat_socket(websocket: WebSocket) -> None:
    """Let the right ones in, serve them, and close with a code that says what to do."""
    gateway = gateway_of(websocket)
    if not origin_is_allowed(gateway, websocket):
        await websocket.send_denial_response(error_response(wrong_origin()))
        return
    offered = websocket.scope.get("subprotocols", [])
    await websocket.accept(PROTOCOL if PROTOCOL in offered else None)
    if seconds_to_wait(gateway, websocket):
        await websocket.close(CLOSE_SLOW_DOWN, "slow down")
        return
    try:
        token = read_session_token(offered[1] if offered[:1] == [PROTOCOL] and len(offered) > 1 else "", gateway.config)
        subscription = await _subscription(gateway, token)
    except (InvalidToken, NotFound):
        await websocket.close(CLOSE_SIGN_IN, "sign in again")
    except Exception as error:
        log_unexpected(error, "socket_refused")
        await websocket.close(CLOSE_TRY_AGAIN, "try again")
    else:
        await _ChatSocket(gateway, websocket, subscription).serve(token.expires_at)


async def _subscription(gateway: Gateway, token: SessionToken) -> Subscription:
    return Subscription(
        await gateway.store.read(
            lambda session: conversations.resume_conversation(session, token.customer_id, token.conversation_id)
        )
    )


class _ChatSocket:
    """One accepted socket: a reader for what the buyer sends, a writer for what happens."""

    def __init__(self, gateway: Gateway, websocket: WebSocket, subscription: Subscription) -> None:
        self._gateway, self._websocket, self._subscription = gateway, websocket, subscription
        self._conversation = subscription.conversation
        self._frames = Buckets(gateway.limits.frames)
        self._greeted = asyncio.Event()

    async def serve(self, expires_at: datetime) -> None:
        """Serve until the client leaves or there is a reason to close."""
        subscription, loop = self._subscription, asyncio.get_running_loop()
        timers = [
            loop.call_later((expires_at - datetime.now(UTC)).total_seconds(), subscription.close, CLOSE_SIGN_IN),
            loop.call_later(_HELLO_WITHIN_S, self._require_greeting),
        ]
        self._gateway.hub.add(subscription)
        work = [asyncio.create_task(self._read()), asyncio.create_task(self._write())]
        ends: list[asyncio.Future[Any]] = [*work, subscription.closed]
        try:
            await asyncio.wait(ends, return_when=asyncio.FIRST_COMPLETED)
        finally:
            self._gateway.hub.remove(subscription)
            for timer in timers:
                timer.cancel()
            for task in work:
                task.cancel()
            await asyncio.gather(*work, return_exceptions=True)
        await self._close()

    async def _close(self) -> None:
        if not self._subscription.closed.done():
            return
        code = self._subscription.closed.result()
        _log.info("socket_closed", conversation=self._conversation.id, code=code)
        with suppress(WebSocketDisconnect, RuntimeError, TimeoutError):  # gone already, or it no longer reads
            await asyncio.wait_for(self._websocket.close(code), _CLOSE_WITHIN_S)

    def _require_greeting(self) -> None:
        if not self._greeted.is_set():
            self._subscription.close(_CLOSE_NO_HELLO)

    async def _read(self) -> None:
        """Handle frame after frame. What goes wrong on our side closes the socket: the client comes back and resends."""
        try:
            while True:
                received = await self._websocket.receive()
                if received["type"] == "websocket.disconnect":
                    return
                await self._handle(received.get("text"))
        except WebSocketDisconnect:
            return
        except Exception as error:
            log_unexpected(error, "socket_broke")
            self._subscription.close(CLOSE_TRY_AGAIN)

    async def _handle(self, data: str | None) -> None:
        if self._frames.take(""):
            self._subscription.close(CLOSE_SLOW_DOWN)
            return
        try:
            frame = frames.parse(data)
        except BadFrame as error:
            await self._send(frames.err("bad_frame", str(error), error.cid))
            return
        if isinstance(frame, Hello):
            await self._hello(frame)
        elif isinstance(frame, Ping):
            await self._send(frames.pong())
        elif isinstance(frame, Say):
            await self._say(frame)

    async def _hello(self, frame: Hello) -> None:
        """Replay the log after ``last``, then go live. Subscribed before reading, so nothing falls between."""
        conversation = self._conversation
        if self._greeted.is_set():
            await self._send(
                frames.err("bad_frame", "This socket has had its hello. Open another one to replay.", None)
            )
            return
        await self._gateway.watch.tell_news([conversation])
        last = await self._gateway.store.read(lambda session: conversations.last_seqs(session, [conversation.id]))
        known = last.get(conversation.id, 0)
        self._subscription.sent = frame.last if frame.last <= known else 0
        await self._catch_up()
        if self._gateway.turns.is_busy(conversation.id):
            await self._send(frames.typing(True))
        self._greeted.set()

    async def _say(self, frame: Say) -> None:
        gateway, conversation_id = self._gateway, self._conversation.id
        if not self._greeted.is_set():
            await self._send(frames.err("hello_first", "Send a hello frame first.", frame.cid))
            return
        if gateway.messages.wait(conversation_id):
            self._subscription.close(CLOSE_SLOW_DOWN)
            return
        try:
            accepted = await gateway.accept(conversation_id, frame.cid, text=frame.text, button=frame.button)
        except InvalidInput as error:
            await self._send(frames.err(error.code, str(error), frame.cid))
            return
        except NotFound:  # its buyer was erased
            self._subscription.close(CLOSE_SIGN_IN)
            return
        if not accepted.repeated:
            gateway.messages.take(conversation_id)
        await self._send(frames.ok(frame.cid, accepted.message.seq))

    async def _write(self) -> None:
        """Send what happens, in the order of the log and each message once."""
        try:
            await self._greeted.wait()
            while True:
                told = await self._subscription.queue.get()
                if isinstance(told, Typing):
                    await self._send(frames.typing(told.on))
                elif told.seq == self._subscription.sent + 1 and not isinstance(told, LogGrew):
                    await self._send_message(told)
                elif told.seq > self._subscription.sent:
                    await self._catch_up()
        except WebSocketDisconnect:
            return
        except Exception as error:
            log_unexpected(error, "socket_broke")
            self._subscription.close(CLOSE_TRY_AGAIN)

    async def _catch_up(self) -> None:
        """Send all messages of the log that were not sent yet."""
        subscription, gateway = self._subscription, self._gateway
        while page := await gateway.store.read(
            lambda session: conversations.messages_after(
                session, self._conversation.id, subscription.sent, gateway.now()
            )
        ):
            for message in page:
                await self._send_message(message)

    async def _send_message(self, message: MessageView) -> None:
        await self._send(frames.event(message))
        self._subscription.sent = message.seq

    async def _send(self, frame: str) -> None:
        await self._websocket.send_text(frame)
