"""Rasa with one trained model, spoken to over a pipe. Started by ``process.py`` in the folder of the Rasa project.

Runs under Rasa's Python (3.10) by file path, so it needs nothing of pytest's environment. A message is handled as Rasa's REST
channel does it, conversations are read and written as by its HTTP API.
"""

from __future__ import annotations

import argparse
import asyncio
import os
import sys
import traceback
import types
from pathlib import Path

sys.path[0] = os.getcwd()  # the project's modules, not the files beside this one
_package = types.ModuleType("pytest_rasa")
_package.__path__ = [str(Path(__file__).resolve().parents[1])]
sys.modules["pytest_rasa"] = _package  # found here alone: the rest of pytest's environment is of another Python

from pytest_rasa.engine.host_pipe import Pipe  # noqa: E402


def main() -> None:
    """Load, say so (or what went wrong), and serve until the other end is gone."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--pipe", type=int, required=True, help="number of the inherited socket")
    parser.add_argument("--model", required=True)
    parser.add_argument("--trackers", help="SQLite file of the conversations; without it they are kept in memory")
    parser.add_argument("--endpoints", default="endpoints.yml")
    parser.add_argument("--data", default="data")
    options = parser.parse_args()
    loop = asyncio.new_event_loop()
    asyncio.set_event_loop(loop)
    serving: set[asyncio.Task[None]] = set()

    def serve(request: dict[str, object]) -> None:
        task = loop.create_task(host.serve(request))
        serving.add(task)
        task.add_done_callback(serving.discard)

    pipe = Pipe(options.pipe)
    pipe.listen(loop, serve)
    try:
        from pytest_rasa.engine.host_rasa import Host

        host = Host(pipe, options.model, options.endpoints, options.trackers, options.data)
    except (Exception, SystemExit) as error:
        traceback.print_exc()
        pipe.write({"failed": _reasons(error)})
        sys.exit(1)
    pipe.write({"ready": host.about()})
    loop.run_forever()


def _reasons(error: BaseException | None) -> str:
    """The error and what caused it, in words."""
    if isinstance(error, ModuleNotFoundError) and error.name == "rasa":
        return "this Python has no Rasa; name the one that has it (ini option rasa_python)"
    found = []
    while error is not None:
        found.append(f"{type(error).__name__}: {error}")
        error = error.__cause__
    return "\n  because of ".join(found)


if __name__ == "__main__":
    main()
