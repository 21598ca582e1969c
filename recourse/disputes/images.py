"""Photos as evidence: only what is really a picture gets in, and nothing but its pixels.

A file is decoded and encoded anew, so that what hides in it (position and camera in EXIF, a second file behind the picture, text,
colour profiles) is gone. Pure: bytes in, bytes out.
"""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from io import BytesIO

from PIL import Image, ImageOps

from recourse.core.errors import InvalidInput

MAX_BYTES = 10 * 1024 * 1024
MAX_PIXELS = 50_000_000
"""More than phones take; a picture is held in memory at 3 or 4 bytes a pixel while it is encoded anew."""

MAX_STORED_BYTES = 3 * MAX_BYTES
"""What the picture may grow to when it is encoded anew: noise in a palette, for instance, does."""

ACCEPTED = "send one photo as JPEG, PNG or WebP, at most 10 MB and 50 megapixels, without animation"

_FORMATS = {"JPEG": ("image/jpeg", "jpg"), "PNG": ("image/png", "png"), "WEBP": ("image/webp", "webp")}
_DECLARED = ("image/jpeg", "image/jpg", "image/pjpeg", "image/png", "image/webp")
_QUALITY = 90


@dataclass(frozen=True, slots=True)
class Picture:
    """A picture ready to be stored: its bytes, media type and file extension."""

    data: bytes
    mime: str
    extension: str


def clean(data: bytes, declared_mime: str) -> Picture:
    """``data`` encoded anew, upright, without any metadata. What it is, is told by its content, never by its name.

    Raises InvalidInput, with a sentence that says what is accepted, for everything else.
    """
    if not data:
        raise InvalidInput(f"the file is empty; {ACCEPTED}")
    if len(data) > MAX_BYTES:
        raise InvalidInput(f"the file is too large; {ACCEPTED}")
    if declared_mime.split(";")[0].strip().lower() not in _DECLARED:
        raise InvalidInput(f"this kind of file is not accepted; {ACCEPTED}")
    with _hostile():
        _open(data).verify()
        picture = _open(data)  # a verified picture cannot be read any more
        picture.load()
    kind = "JPEG" if picture.format == "MPO" else str(picture.format)
    with _hostile():
        stored = _encoded(picture, kind)
    if len(stored) > MAX_STORED_BYTES:
        raise InvalidInput(f"the picture is too detailed for its format; {ACCEPTED}")
    return Picture(stored, *_FORMATS[kind])


def _open(data: bytes) -> Image.Image:
    picture = Image.open(BytesIO(data), formats=list(_FORMATS))
    if picture.width * picture.height > MAX_PIXELS:
        raise InvalidInput(f"the picture has too many pixels; {ACCEPTED}")
    if picture.format != "MPO" and getattr(
        picture, "is_animated", False
    ):  # MPO: a phone's photo with a depth map behind it
        raise InvalidInput(f"moving pictures are not accepted; {ACCEPTED}")
    return picture


def _encoded(picture: Image.Image, kind: str) -> bytes:
    transparent = kind != "JPEG" and (picture.mode in ("RGBA", "LA", "PA") or "transparency" in picture.info)
    upright = ImageOps.exif_transpose(picture)
    pixels = upright.convert("RGBA" if transparent else "L" if upright.mode in ("1", "L") else "RGB")
    bare = Image.new(pixels.mode, pixels.size)
    bare.paste(pixels)
    out = BytesIO()
    bare.save(out, kind, quality=_QUALITY)
    return out.getvalue()


@contextmanager
def _hostile() -> Iterator[None]:
    """Whatever a decoder raises on broken or hostile data means one thing: this is not a picture that we take."""
    try:
        yield
    except InvalidInput:
        raise
    except Exception as error:
        raise InvalidInput(f"the file cannot be read as a picture; {ACCEPTED}") from error
