"""The world of real processes: one running stack for all cases of a pytest process."""

from __future__ import annotations

import json
import sqlite3
from collections.abc import Mapping, Sequence
from contextlib import ExitStack, closing
from typing import Any

from pytest_rasa.coverage.exercised import Exercised
from pytest_rasa.world import CaseInfo, Reply, WorldError
from recourse_world.clockfile import ClockFile
from recourse_world.erasing import wait_until_erased
from recourse_world.locked import StoreLock
from recourse_world.people import Cast
from recourse_world.processes import Processes
from recourse_world.running import start
from recourse_world.stage import CaseStage
from recourse_world.steps.provider_desk import ProviderDesk


class StackWorld:
    """See ``pytest_rasa.world.World``; also the ground of its cases."""

    def __init__(self) -> None:
        with ExitStack() as opened:
            stack = start(opened)
            self.url, self.store, self._layout, self._settings = stack.url, stack.store, stack.layout, stack.settings
            opened.callback(self._settings.remove)
            self.clock = ClockFile(self._settings.value.clock_file)
            self.desk = ProviderDesk(self.store, self.url, self.clock, self._settings.value)
            opened.callback(self.desk.close)
            self._processes, self._lock = Processes(self._layout), StoreLock(self.store)
            self._opened = opened.pop_all()

    def open(self, case: CaseInfo) -> CaseStage:
        """Fresh buyers in the one store of the stack; what earlier cases left in it belongs to others."""
        if case.stubs:
            raise WorldError("stub_custom_actions works in process only: real processes run the real actions")
        self._settings.install()
        return CaseStage(self, case)

    def close(self) -> None:
        """Stop what was started here."""
        self._opened.close()

    def events(self, conversation: str) -> Sequence[Mapping[str, Any]]:
        """Read from the tracker store, beside the running Rasa."""
        with closing(sqlite3.connect(f"file:{self._layout.rasa_database}?mode=ro", uri=True)) as connection:
            query = "SELECT data FROM events WHERE sender_id = ? ORDER BY id"
            return [json.loads(data) for (data,) in connection.execute(query, (conversation,))]

    def heard(self, reply: Reply, exercised: Exercised) -> None:
        """What the processes did cannot be seen from outside."""

    def break_(self, name: str, value: str) -> None:
        """Faults of the processes, the store and the provider."""
        match name:
            case "database":
                self._lock.set(value)
            case "provider":
                self.desk.set(value)
            case _:
                self._processes.set(name, value)

    def erase_due(self, cast: Cast) -> None:
        """The stack's own worker does it."""
        wait_until_erased(self.store, cast, self.clock)

    def cleared(self) -> None:
        """Free the store and bring back what is down."""
        self._lock.set("free")
        self.desk.reset()
        self._processes.mend()
