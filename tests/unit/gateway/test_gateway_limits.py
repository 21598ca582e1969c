"""Token buckets, and which origins and addresses are the same."""

from __future__ import annotations

import pytest

from recourse.gateway.limits import Buckets, Rate, address_key
from recourse.gateway.origins import is_allowed, normalised


class Seconds:
    """A clock that a test moves."""

    now = 0.0

    def __call__(self) -> float:
        return self.now


def test_burst_then_steady_rate() -> None:
    seconds = Seconds()
    buckets = Buckets(Rate(2, 0.5), clock=seconds)
    assert [buckets.take("a") for _ in range(3)] == [0, 0, 2]
    assert buckets.wait("a") == 2
    seconds.now += 2
    assert buckets.wait("a") == 0
    assert [buckets.take("a"), buckets.take("a")] == [0, 2]
    seconds.now += 3600
    assert [buckets.take("a") for _ in range(3)] == [0, 0, 2]


def test_keys_do_not_share() -> None:
    buckets = Buckets(Rate(1, 1), clock=Seconds())
    assert (buckets.take("a"), buckets.take("b"), buckets.take("a")) == (0, 0, 1)


def test_memory_is_bounded_and_the_busiest_are_kept() -> None:
    seconds = Seconds()
    buckets = Buckets(Rate(5, 0.001), most=10, clock=seconds)
    for number in range(100):
        buckets.take("busy" if number % 5 == 0 else str(number))
    assert len(buckets._buckets) == 10
    assert buckets.take("busy") > 0


@pytest.mark.parametrize(
    ("host", "key"),
    [
        ("203.0.113.7", "203.0.113.7"),
        ("2001:db8:1:2:3:4:5:6", "2001:db8:1:2::/64"),
        ("2001:db8:1:2::1", "2001:db8:1:2::/64"),
        ("::ffff:203.0.113.7", "203.0.113.7"),
        ("testclient", "testclient"),
        (None, "unknown"),
    ],
)
def test_address_of_a_subscriber(host: str | None, key: str) -> None:
    assert address_key(host) == key


SHOPS = normalised(["https://Shop.example/", "http://localhost:3000"])


@pytest.mark.parametrize(
    ("origin", "host", "allowed"),
    [
        ("https://shop.example", "chat.example", True),
        ("HTTPS://SHOP.EXAMPLE", "chat.example", True),
        ("http://localhost:3000", "chat.example", True),
        ("https://chat.example", "chat.example", True),
        ("http://chat.example:8000", "chat.example:8000", True),
        ("http://[::1]:8000", "[::1]:8000", True),
        ("http://shop.example", "chat.example", False),
        ("https://shop.example.evil.example", "chat.example", False),
        ("https://evil.example/?https://shop.example", "chat.example", False),
        ("https://chat.example:444", "chat.example", False),
        ("null", "chat.example", False),
        ("", "chat.example", False),
        (None, "chat.example", False),
        ("http://", "", False),
        ("https://a b", "a b", False),
    ],
)
def test_origin(origin: str | None, host: str, allowed: bool) -> None:
    assert is_allowed(origin, host, SHOPS) is allowed
