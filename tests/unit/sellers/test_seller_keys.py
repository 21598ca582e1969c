"""Keys of the seller API: shown once, kept as a hash, revoked for good."""

from __future__ import annotations

import hashlib

import pytest
from sqlalchemy import select

from recourse.core.errors import InvalidInput, NotFound
from recourse.sellers import keys
from recourse.sellers.models import Seller, SellerApiKey
from tests.unit.world import World


def issue(world: World, label: str = "till", seller_id: str = "acme") -> str:
    with world.transaction() as session:
        return keys.issue_key(session, seller_id, label, world.now)


def who(world: World, plain: str) -> str | None:
    with world.reading() as session:
        return keys.authenticate(session, plain)


def test_a_key_says_whose_it_is(world: World) -> None:
    with world.transaction() as session:
        session.add(Seller(id="other", name="Other", country="DE"))
    mine, foreign = issue(world), issue(world, seller_id="other")
    assert mine.startswith("sk_") and len(mine) > 40 and mine != foreign
    assert (who(world, mine), who(world, foreign)) == ("acme", "other")


def test_only_its_hash_is_stored(world: World) -> None:
    plain = issue(world)
    with world.reading() as session:
        row = session.scalars(select(SellerApiKey)).one()
        view = keys.keys_of(session, "acme")[0]
    assert row.key_hash == hashlib.sha256(plain.encode()).hexdigest()
    assert plain not in repr(vars(row)) and plain not in repr(view)
    assert plain.startswith(row.prefix) and len(row.prefix) == 9


@pytest.mark.parametrize(
    "change", [lambda key: key[:-1], lambda key: key + "A", lambda key: key.lower(), lambda key: ""]
)
def test_a_key_that_is_not_exact_is_nobodys(world: World, change: object) -> None:
    assert who(world, change(issue(world))) is None  # type: ignore[operator]


@pytest.mark.parametrize("plain", ["sk_", "sk_\0", "sk_\ud800", "sk_" + "x" * 10_000, "Bearer", "' OR 1=1 --"])
def test_nonsense_is_nobodys_key(world: World, plain: str) -> None:
    assert who(world, plain) is None


def test_a_revoked_key_is_refused_for_good(world: World) -> None:
    plain, other = issue(world), issue(world, "second")
    with world.transaction() as session:
        key_id = next(key.id for key in keys.keys_of(session, "acme") if plain.startswith(key.prefix))
        first = keys.revoke_key(session, "acme", key_id, world.now)
    assert who(world, plain) is None and who(world, other) == "acme"
    world.now = world.now.replace(year=2027)
    with world.transaction() as session:
        assert keys.revoke_key(session, "acme", key_id, world.now) == first


def test_a_seller_revokes_only_own_keys(world: World) -> None:
    issue(world)
    with world.transaction() as session:
        session.add(Seller(id="other", name="Other", country="DE"))
        key_id = keys.keys_of(session, "acme")[0].id
        for seller_id, wanted in (("other", key_id), ("acme", "nothing")):
            with pytest.raises(NotFound):
                keys.revoke_key(session, seller_id, wanted, world.now)


def test_a_key_needs_a_seller_and_a_short_label(world: World) -> None:
    with pytest.raises(NotFound):
        issue(world, seller_id="nobody")
    with pytest.raises(InvalidInput):
        issue(world, "x" * 61)
