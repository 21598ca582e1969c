"""How fast one buyer or one address may be: token buckets, in memory."""

from __future__ import annotations

import ipaddress
import time
from collections import OrderedDict
from collections.abc import Callable
from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Rate:
    """``burst`` at once, then ``per_second`` for ever."""

    burst: int
    per_second: float


@dataclass(frozen=True, slots=True)
class Limits:
    """What is allowed. ``messages``: of one conversation. ``frames``: of one socket, of any kind. ``requests``: of one
    address (sessions, sockets, REST); many buyers may share one, so it is wide.
    """

    messages: Rate = Rate(30, 1.0)
    frames: Rate = Rate(200, 20.0)
    requests: Rate = Rate(300, 20.0)


class Buckets:
    """Token buckets by key, all of one rate. The least recently used go first when there are too many."""

    def __init__(self, rate: Rate, most: int = 50_000, clock: Callable[[], float] = time.monotonic) -> None:
        self._rate, self._most, self._clock = rate, most, clock
        self._buckets: OrderedDict[str, tuple[float, float]] = OrderedDict()

    def wait(self, key: str) -> float:
        """Seconds until there is a token; 0 when there is one now. Takes none."""
        return max(0.0, 1 - self._tokens(key)) / self._rate.per_second

    def take(self, key: str) -> float:
        """Take one token. Returns 0 when there was one, else the seconds to wait for it."""
        tokens = self._tokens(key)
        if tokens < 1:
            return (1 - tokens) / self._rate.per_second
        self._buckets[key] = (tokens - 1, self._clock())
        self._buckets.move_to_end(key)
        if len(self._buckets) > self._most:
            self._buckets.popitem(last=False)
        return 0.0

    def _tokens(self, key: str) -> float:
        now = self._clock()
        tokens, since = self._buckets.get(key, (float(self._rate.burst), now))
        return min(float(self._rate.burst), tokens + (now - since) * self._rate.per_second)


def address_key(host: str | None) -> str:
    """One subscriber: an IPv4 address, or the /64 that an IPv6 subscriber has to itself."""
    try:
        address = ipaddress.ip_address(host or "")
    except ValueError:
        return host or "unknown"
    if address.version == 4:
        return str(address)
    if address.ipv4_mapped is not None:
        return str(address.ipv4_mapped)
    return str(ipaddress.ip_network((address, 64), strict=False))
