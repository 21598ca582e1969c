"""A seller's rules: what may be published, what holds when, and what a new version leaves alone."""

from __future__ import annotations

from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace
from datetime import timedelta
from typing import Any

import pytest
from sqlalchemy.exc import StatementError

from recourse.cancellations import service as cancellations
from recourse.core.errors import InvalidInput, NotFound
from recourse.sellers import rules
from recourse.sellers import service as sellers
from recourse.sellers.rules import Policy
from tests.unit.world import World

GOOD = Policy()
HOUR = timedelta(hours=1)


def publish(world: World, seller_id: str | None = "acme", **changes: Any) -> Policy:
    with world.transaction() as session:
        return sellers.publish_policy(session, seller_id, world.now, **changes)


def in_force(world: World, seller_id: str | None = "acme", ago: timedelta = timedelta(0)) -> Policy:
    with world.transaction() as session:
        return sellers.policy_at(session, seller_id, world.now - ago)


@pytest.mark.parametrize(
    ("change", "names"),
    [
        ({"response_hours": 0}, "response_hours"),
        ({"response_hours": 721}, "response_hours"),
        ({"response_hours": "24"}, "response_hours"),
        ({"response_hours": True}, "response_hours"),
        ({"on_silence": "maybe"}, "on_silence"),
        ({"ship_while_pending": ""}, "ship_while_pending"),
        ({"coupon_on_refund": None}, "coupon_on_refund"),
        ({"after_shipment": "ask"}, "after_shipment"),
        ({"refund_shipping": "sometimes"}, "refund_shipping"),
        ({"fee_kind": "flat"}, "fee_kind"),
        ({"fee_kind": "none", "fee_value": 5}, "fee_value"),
        ({"fee_kind": "fixed", "fee_value": 0, "clause": "A fee"}, "fee_value"),
        ({"fee_kind": "percent", "fee_value": 10_001, "clause": "A fee"}, "fee_value"),
        ({"fee_kind": "percent", "fee_value": 250}, "clause"),
        ({"fee_cap": -1}, "fee_cap"),
        ({"fee_cap": 1.5}, "fee_cap"),
        ({"partial_cancel": 1}, "partial_cancel"),
        ({"free_return": "no"}, "free_return"),
        ({"max_requests_per_order": 0}, "max_requests_per_order"),
        ({"return_window_days": -1}, "return_window_days"),
        ({"ship_deadline_bd": 0}, "ship_deadline_bd"),
        ({"dispute_open_after_days": -1}, "dispute_open_after_days"),
        ({"dispute_close_after_days": 0}, "dispute_close_after_days"),
        ({"dispute_response_days": 0}, "dispute_response_days"),
        ({"negotiation_days": 61}, "negotiation_days"),
        ({"ship_back_days": 0}, "ship_back_days"),
        ({"clause": "   "}, "clause"),
        ({"clause": "a\0b"}, "clause"),
        ({"clause": "x" * 2001}, "clause"),
        ({"clause_texts": {"deutsch": "Wir"}}, "clause_texts"),
        ({"clause_texts": {"de": ""}}, "clause_texts"),
        ({"clause_texts": ["de"]}, "clause_texts"),
    ],
)
def test_each_broken_field_has_one_sentence_that_names_it(change: dict[str, Any], names: str) -> None:
    found = rules.problems(replace(GOOD, **change))
    assert len(found) == 1 and found[0].startswith(names)


def test_all_broken_fields_are_named_at_once() -> None:
    with pytest.raises(InvalidInput) as error:
        rules.validate(replace(GOOD, response_hours=0, on_silence="x", ship_back_days=0))
    assert all(name in str(error.value) for name in ("response_hours", "on_silence", "ship_back_days"))


def test_the_built_in_policy_and_the_bounds_are_good() -> None:
    rules.validate(GOOD)
    rules.validate(
        replace(GOOD, response_hours=1, fee_kind="percent", fee_value=10_000, fee_cap=0, clause="A fee of 100 %")
    )
    rules.validate(replace(GOOD, response_hours=720, max_requests_per_order=1, clause_texts={"de": "Wir", "fil": "x"}))


def test_a_store_without_policies_gets_the_built_in_one_on_first_use(world: World) -> None:
    assert in_force(world) == Policy()
    assert in_force(world, ago=timedelta(days=3000)) == Policy()
    with world.reading() as session:
        assert [(each.version, each.policy.id) for each in sellers.policies(session, None)] == [(1, "platform-default")]


def test_own_rules_come_before_the_platforms_from_the_moment_they_are_published(world: World) -> None:
    platform = publish(world, None, response_hours=36)
    assert in_force(world) == platform
    world.now += HOUR
    own = publish(world, on_silence="escalate")
    assert own.response_hours == 36, "a version starts from what was in force"
    assert in_force(world) == own
    assert in_force(world, ago=timedelta(seconds=1)) == platform
    world.now += HOUR
    publish(world, None, response_hours=12)
    assert in_force(world) == own, "the platform's next version does not reach into a seller's own"


def test_versions_are_appended_and_numbered(world: World) -> None:
    first = publish(world, response_hours=48)
    second = publish(world, response_hours=72)
    with world.reading() as session:
        found = sellers.policies(session, "acme")
    assert [(each.version, each.policy) for each in found] == [(1, first), (2, second)]
    assert in_force(world) == second, "of two versions of one moment the later one holds"


def test_a_clock_that_jumps_back_publishes_no_version_that_is_never_in_force(world: World) -> None:
    publish(world, response_hours=48)
    world.now -= HOUR
    late = publish(world, response_hours=72)
    assert in_force(world, ago=-HOUR) == late


@pytest.mark.parametrize("changes", [{"response_hours": 0}, {"nonsense": 1}, {"id": "mine"}])
def test_a_wrong_version_is_not_published(world: World, changes: dict[str, Any]) -> None:
    with pytest.raises(InvalidInput):
        publish(world, **changes)
    with world.reading() as session:
        assert sellers.policies(session, "acme") == []


def test_an_unknown_seller_has_no_rules_to_publish(world: World) -> None:
    with pytest.raises(NotFound):
        publish(world, "nobody", response_hours=48)


def test_a_policy_changed_in_flight_moves_no_deadline_and_no_snapshot(world: World) -> None:
    number = world.order(response_hours=24)
    request_id = world.ask(number)
    with world.reading() as session:
        before = cancellations.get(session, request_id)
    seen = world.see(number)
    world.now += HOUR
    publish(world, response_hours=1, on_silence="reject", ship_deadline_bd=1)
    publish(world, None, response_hours=1, on_silence="reject")
    with world.reading() as session:
        assert cancellations.get(session, request_id) == before
    assert world.see(number) == seen
    world.now = before.respond_by - timedelta(seconds=1)
    assert world.settle(request_id) is None
    world.now = before.respond_by
    assert world.settle(request_id) == "approved", "silence means what it meant at checkout"


def test_defects_are_counted(world: World) -> None:
    with world.transaction() as session:
        sellers.count_defect(session, "acme")
        sellers.count_defect(session, "acme")
    with world.reading() as session:
        assert sellers.get(session, "acme").cancel_defects == 2
        assert [each.id for each in sellers.everyone(session)] == ["acme"]
        assert sellers.names(session, ["acme", "nobody"]) == {"acme": "Acme Crockery"}


def test_a_missing_seller_is_not_found(world: World) -> None:
    with world.reading() as session, pytest.raises(NotFound):
        sellers.get(session, "nobody")


def test_a_policy_needs_an_aware_time(world: World) -> None:
    with pytest.raises((StatementError, ValueError)), world.transaction() as session:
        sellers.policy_at(session, "acme", world.now.replace(tzinfo=None))


def test_many_who_publish_at_once_get_versions_without_gap_or_double(world: World) -> None:
    with ThreadPoolExecutor(6) as pool:
        list(pool.map(lambda hours: publish(world, response_hours=hours), range(1, 7)))
        list(pool.map(lambda hours: publish(world, None, response_hours=hours), range(1, 7)))
    with world.reading() as session:
        assert [each.version for each in sellers.policies(session, "acme")] == [1, 2, 3, 4, 5, 6]
        assert [each.version for each in sellers.policies(session, None)] == [1, 2, 3, 4, 5, 6, 7]


def test_many_who_need_the_built_in_policy_at_once_store_it_once(world: World) -> None:
    with ThreadPoolExecutor(6) as pool:
        assert set(each.id for each in pool.map(lambda _: in_force(world), range(6))) == {"platform-default"}
    with world.reading() as session:
        assert len(sellers.policies(session, None)) == 1
