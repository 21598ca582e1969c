"""``python -m recourse.ops.actions_server --port P``: the action server, in one process, on loopback.

The launcher that comes with rasa-sdk forks workers and waits for ever when one dies; a single process ends, and the
supervisor starts it again.
"""

from __future__ import annotations

import argparse
import logging
import time

from rasa_sdk.endpoint import create_app
from rasa_sdk.executor import ActionExecutor


def main(argv: list[str] | None = None) -> None:
    """Serve ``POST /webhook`` and ``GET /health`` until a signal comes."""
    parser = argparse.ArgumentParser(prog="recourse.ops.actions_server")
    parser.add_argument("--port", type=int, required=True, help="loopback port to listen on")
    parser.add_argument("--package", default="actions", help="package that holds the actions")
    options = parser.parse_args(argv)
    logging.Formatter.converter = time.gmtime
    logging.basicConfig(level=logging.WARNING, format="%(asctime)sZ %(levelname)s %(name)s: %(message)s")
    executor = ActionExecutor()
    executor.register_package(options.package)
    app = create_app(executor, cors_origins=[])
    app.run(host="127.0.0.1", port=options.port, single_process=True, access_log=False, motd=False)


if __name__ == "__main__":
    main()
