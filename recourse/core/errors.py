"""Errors that a caller is meant to handle. Each carries one sentence that says what was wrong and what to do."""


class RecourseError(Exception):
    """Base of all expected errors. ``code`` is stable and machine-readable, ``str(error)`` is for an operator or a log."""

    code = "error"


class NotFound(RecourseError):
    """The thing does not exist *for this buyer*: somebody else's row and no row are the same (domain 3.6, invariant 21)."""

    code = "not_found"


class NotAllowed(RecourseError):
    """The row exists, but its state or the policy forbids this step."""

    code = "not_allowed"


class Conflict(RecourseError):
    """Another writer was first: read again and decide anew."""

    code = "conflict"


class IdempotencyMismatch(RecourseError):
    """The same idempotency key came with other parameters (domain 3.6, invariant 11). Nothing was done."""

    code = "idempotency_mismatch"


class InvalidInput(RecourseError):
    """A value from outside does not have the form it must have."""

    code = "invalid_input"


class ConfigurationError(RecourseError):
    """A setting is missing or contradicts another one. The message says which variable to set."""

    code = "configuration"
