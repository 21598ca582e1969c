"""Rasa and the action server of this process, killed and brought back."""

from __future__ import annotations

import threading

from pytest_rasa.engine.client import RasaClient
from pytest_rasa.world import WorldError

_BACK_AFTER_S = 2.0
"""About what the supervisor takes to start the action server again."""
_RASA_BACK_S = 120.0


class EngineFaults:
    """The same faults as ``world.processes`` has for real processes."""

    def __init__(self, rasa: RasaClient) -> None:
        self._rasa = rasa
        self._coming_back: list[threading.Thread] = []

    def set(self, name: str, value: str) -> None:
        """``down``: away until ``up``. ``killed``: dies and comes back by itself. ``restart``: has died and is back."""
        if name == "actions":
            self._set_actions(value)
        else:
            self._set_rasa(value)

    def mend(self) -> None:
        """For the next case: everything runs."""
        for thread in self._coming_back:
            thread.join(_RASA_BACK_S)
            if thread.is_alive():
                raise WorldError(f"Rasa did not come back within {_RASA_BACK_S:.0f} s")
        self._coming_back.clear()
        self._rasa.actions.down = False
        if not self._rasa.alive:
            self._rasa.start()

    def _set_actions(self, value: str) -> None:
        self._rasa.actions.down = value in ("down", "killed")
        if value == "killed":
            self._later(threading.Timer(_BACK_AFTER_S, self._actions_are_back))

    def _set_rasa(self, value: str) -> None:
        match value:
            case "down":
                self._rasa.kill()
            case "up":
                self.mend()
            case "restart":
                self._rasa.restart()
            case _:
                self._rasa.kill()
                self._later(threading.Thread(target=self._rasa.start))

    def _actions_are_back(self) -> None:
        self._rasa.actions.down = False

    def _later(self, thread: threading.Thread) -> None:
        thread.daemon = True
        thread.start()
        self._coming_back.append(thread)
