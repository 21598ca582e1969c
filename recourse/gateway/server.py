"""The server process around the application."""

from __future__ import annotations

import socket

import uvicorn
from starlette.applications import Starlette

from recourse.core.settings import Settings
from recourse.gateway.frames import FRAME_MAX
from recourse.gateway.runtime import Gateway

_DRAIN_WITHIN_S = 3
"""The supervisor kills what has not stopped 4 s after SIGTERM."""


class GatewayServer(uvicorn.Server):
    """uvicorn, which lets go of buyers before it waits for their requests."""

    async def shutdown(self, sockets: list[socket.socket] | None = None) -> None:
        """Drain, then stop: sockets close with 1012, waiting REST requests are answered with what there is."""
        gateway: Gateway = self.config.app.state.gateway  # type: ignore[union-attr]
        await gateway.drain()
        await super().shutdown(sockets)


def server(app: Starlette, config: Settings, port: int) -> GatewayServer:
    """A server for ``app`` on the host of ``config`` and ``port``; 0 takes a free one."""
    return GatewayServer(
        uvicorn.Config(
            app,
            host=config.host,
            port=port,
            ws="websockets-sansio",
            ws_max_size=FRAME_MAX,
            ws_per_message_deflate=False,
            ws_ping_interval=20,
            ws_ping_timeout=20,
            timeout_graceful_shutdown=_DRAIN_WITHIN_S,
            lifespan="on",
            log_config=None,
            access_log=False,
            server_header=False,
        )
    )
