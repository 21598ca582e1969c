"""Which pages may use the gateway from a browser."""

from __future__ import annotations

import re
from collections.abc import Iterable
from urllib.parse import urlsplit

from recourse.core.errors import ConfigurationError

_HOST = re.compile(r"[A-Za-z0-9.\-]+(:\d{1,5})?|\[[0-9A-Fa-f:.]+\](:\d{1,5})?")


def normalised(origins: Iterable[str]) -> frozenset[str]:
    """The origins of RECOURSE_ORIGINS as browsers send them. Raises ConfigurationError for what can never match."""
    found = set()
    for origin in origins:
        parts = urlsplit(origin.strip().lower())
        if parts.scheme not in ("http", "https") or not valid_host(parts.netloc) or parts.path not in ("", "/"):
            raise ConfigurationError(
                f"RECOURSE_ORIGINS: {origin!r} is not an origin; write scheme and host, for example https://shop.example"
            )
        found.add(f"{parts.scheme}://{parts.netloc}")
    return frozenset(found)


def is_allowed(origin: str | None, host: str, allowed: frozenset[str]) -> bool:
    """May a page of ``origin`` talk to us, who are reached as ``host``? No origin and the origin "null" may not."""
    if not origin:
        return False
    own = {f"http://{host.lower()}", f"https://{host.lower()}"} if valid_host(host) else set()
    return origin.lower() in own | allowed


def valid_host(host: str) -> bool:
    """Is this a plain host with an optional port? Nothing else is ever repeated in a header of ours."""
    return _HOST.fullmatch(host) is not None
