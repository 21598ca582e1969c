"""What people type, made fit for storing. Pure."""

from __future__ import annotations

from recourse.core.errors import InvalidInput


def cleaned(what: str, value: str | None, most: int) -> str | None:
    """``value`` without blanks around it and without NUL, which PostgreSQL does not store; None for nothing.

    Raises InvalidInput that names ``what`` when it has more than ``most`` characters.
    """
    text = (value or "").replace("\0", "").strip()
    if len(text) > most:
        raise InvalidInput(f"{what} may have at most {most} characters, but this has {len(text)}")
    return text or None


def required(what: str, value: str | None, most: int) -> str:
    """As ``cleaned``, but raises InvalidInput for nothing too."""
    text = cleaned(what, value, most)
    if text is None:
        raise InvalidInput(f"{what} is missing")
    return text
