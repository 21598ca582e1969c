"""What can go wrong while starting Recourse."""

from __future__ import annotations

from recourse.core.errors import RecourseError


class OperationsError(RecourseError):
    """A step of starting failed. ``str(error)`` is one line for the operator; ``log_tail`` is shown below it."""

    code = "operations"

    def __init__(self, message: str, log_tail: str = "") -> None:
        super().__init__(message)
        self.log_tail = log_tail
