"""What can go wrong between pytest and Rasa."""

from __future__ import annotations

from pytest_rasa.world import WorldError


class EngineError(WorldError):
    """Rasa did not start, or could not do what it was asked for. The message shows the end of its log where that helps."""


class EngineDown(EngineError):
    """Rasa does not run. ``cut_off``: it ended while it had the request, which may or may not have been carried out."""

    def __init__(self, message: str, cut_off: bool = False) -> None:
        super().__init__(message)
        self.cut_off = cut_off
