"""Buyers, and what becomes of an account that is restricted or erased."""

from __future__ import annotations

from collections.abc import Callable

import pytest
from sqlalchemy.orm import Session

from recourse.core.errors import NotFound
from recourse.customers import service as customers
from recourse.customers.models import Customer
from tests.unit.world import BUYER, OTHER, World


def do(world: World, work: Callable[[Session], int]) -> int:
    with world.transaction() as session:
        return work(session)


def test_a_buyer_as_on_record(world: World) -> None:
    with world.reading() as session:
        buyer = customers.get(session, BUYER)
    assert (buyer.id, buyer.name, buyer.country, buyer.status) == (BUYER, f"Buyer {BUYER}", "DE", "active")


def test_an_erased_buyer_is_a_missing_one(world: World) -> None:
    assert do(world, lambda session: customers.erase(session, BUYER, world.now)) == 1
    with world.reading() as session:
        with pytest.raises(NotFound) as erased:
            customers.get(session, BUYER)
        with pytest.raises(NotFound) as missing:
            customers.get(session, "b-none")
        assert str(erased.value).replace(BUYER, "") == str(missing.value).replace("b-none", "")
        assert [each.id for each in customers.all_buyers(session)] == [OTHER]


def test_what_stays_of_an_erased_account(world: World) -> None:
    do(world, lambda session: customers.erase(session, BUYER, world.now))
    with world.reading() as session:
        row = session.get_one(Customer, BUYER)
    assert (row.display_name, row.locale, row.timezone, row.country) == ("deleted", "en", "UTC", "DE")
    assert (row.status, row.anonymised_at, row.version) == ("erased", world.now, 2)


def test_erasing_twice_changes_nothing(world: World) -> None:
    do(world, lambda session: customers.erase(session, BUYER, world.now))
    assert do(world, lambda session: customers.erase(session, BUYER, world.now)) == 0
    assert do(world, lambda session: customers.erase(session, "b-none", world.now)) == 0


def test_a_restricted_buyer_can_still_be_spoken_to(world: World) -> None:
    assert do(world, lambda session: customers.restrict(session, BUYER)) == 1
    assert do(world, lambda session: customers.restrict(session, BUYER)) == 0
    with world.reading() as session:
        assert customers.get(session, BUYER).status == "restricted"


def test_an_erased_account_is_never_made_a_restricted_one(world: World) -> None:
    do(world, lambda session: customers.erase(session, BUYER, world.now))
    assert do(world, lambda session: customers.restrict(session, BUYER)) == 0
    with world.reading() as session:
        assert session.get_one(Customer, BUYER).status == "erased"
