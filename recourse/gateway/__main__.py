"""``python -m recourse.gateway --port 8000``: serve until SIGTERM or SIGINT."""

from __future__ import annotations

import argparse
import sys

from recourse.core.errors import ConfigurationError
from recourse.core.settings import settings
from recourse.gateway import logs
from recourse.gateway.app import create_app
from recourse.gateway.server import server


def main(argv: list[str] | None = None) -> int:
    """Run the gateway; 2 for a setting that it cannot work with, which is then named on standard error."""
    parser = argparse.ArgumentParser(prog="python -m recourse.gateway", description="The web server that buyers reach.")
    parser.add_argument("--port", type=int, help="port to listen on (default: RECOURSE_PORT, else 8000)")
    port = parser.parse_args(argv).port
    if port is not None and not 0 < port < 65536:
        parser.error("--port must be a number from 1 to 65535")
    logs.configure()
    try:
        config = settings()
        app = create_app(config)
    except ConfigurationError as error:
        print(error, file=sys.stderr)
        return 2
    server(app, config, port or config.port).run()
    return 0


if __name__ == "__main__":
    sys.exit(main())
