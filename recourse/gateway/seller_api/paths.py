"""Names in paths. One that can be nobody's is answered like one that is somebody else's: 404."""

from __future__ import annotations

from typing import Annotated

from fastapi import Path

from recourse.core import order_numbers

Id = Annotated[str, Path(pattern=r"^[0-9A-Za-z_-]{1,32}$")]
Number = Annotated[str, Path(pattern=r"^[0-9A-Za-z_-]{1,16}$", description="The order's number, like RC-1042-7716.")]


def order_number(text: str) -> str:
    """The number as it is stored, from any spelling of it."""
    return order_numbers.normalise(text) or text
