"""What is gone after an erasure, what stays, and that nobody else's rows are touched."""

from __future__ import annotations

import pytest
from sqlalchemy import select

from recourse.conversations import service as conversations
from recourse.core import idempotency
from recourse.core.errors import NotFound
from recourse.core.outbox import Outbox
from recourse.core.transitions import log_of
from recourse.customers import service as customers
from recourse.disputes.files import FolderStore
from recourse.migrations.tables import metadata
from recourse.privacy import erase, export, rules
from recourse.privacy.trackers import TrackerNotErased
from recourse.refunds import personal as refunds
from recourse.refunds.models import WalletEntry
from tests.unit.handoff.conftest import Desk
from tests.unit.privacy.conftest import RETAINED, Privacy, evidence_name, fill, snapshot
from tests.unit.world import BUYER, OTHER, World

_NEVER_A_BUYERS = {"seller", "seller_policy", "seller_api_key", "refund_sla", "inbox", "order_group"}
"""Tables without any text of a buyer: nothing to put there."""


def test_nothing_that_names_the_buyer_is_left(bare: World, files: FolderStore) -> None:
    privacy = Privacy(bare)
    put = fill(bare, BUYER)
    before = put.found_in(bare)
    assert set(before) == set(put.made), "every string is where it was put"
    assert len(put.made) > 40
    view = privacy.ask()
    assert (view.state, [str(each.amount_minor) for each in view.balances]) == ("scheduled", ["700"])
    done = privacy.finish(view)
    assert done.state == "completed"
    assert set(put.found_in(bare)) == RETAINED
    assert privacy.trackers.forgotten == [f"conv-{BUYER}"]
    assert list(files.names()) == []


def test_every_table_with_a_buyers_text_is_looked_at(bare: World) -> None:
    """A table that comes later must be filled here, and so be erased."""
    filled = {place.split(".")[0] for place in fill(bare, BUYER).found_in(bare).values()}
    with bare.reading() as session:
        used = {table.name for table in metadata.sorted_tables if session.execute(select(table)).first() is not None}
    untouched = set(metadata.tables) - used - _NEVER_A_BUYERS
    assert untouched == {"erasure_request", "erasure_item"}
    assert {
        "customer",
        "message",
        "button",
        "handoff",
        "seller_message",
        "evidence",
        "outbox",
        "transition_log",
    } <= filled


def test_another_buyers_rows_are_the_same_to_the_byte(bare: World, files: FolderStore) -> None:
    privacy = Privacy(bare)
    mine, theirs = fill(bare, BUYER), fill(bare, OTHER)
    before = snapshot(bare, OTHER)
    assert len(list(files.names())) == 2
    assert sum(len(rows) for rows in before.values()) > 30
    privacy.finish(privacy.ask())
    assert snapshot(bare, OTHER) == before
    assert set(mine.found_in(bare)) == RETAINED
    assert set(theirs.found_in(bare)) == set(theirs.made)
    assert [name for name, _ in files.names()] == [evidence_name(OTHER)]


def test_a_second_run_changes_nothing(bare: World) -> None:
    privacy = Privacy(bare)
    fill(bare, BUYER)
    view = privacy.ask()
    privacy.finish(view)
    before = snapshot(bare, BUYER)
    assert privacy.run(view) is None
    assert privacy.settle(view) is None
    for store, forget in erase.STORES.items():
        with bare.transaction() as session:
            assert forget(session, BUYER, ()) == 0, f"{store} was not erased at once"
    assert snapshot(bare, BUYER) == before


def test_what_stays_is_listed_with_reason_and_period(bare: World) -> None:
    privacy = Privacy(bare)
    fill(bare, BUYER)
    done = privacy.finish(privacy.ask())
    kept = {item.store: item for item in done.items if item.state == "retained"}
    assert set(kept) == set(rules.RETAINED)
    assert all(item.reason and item.until and item.until.year == 2037 and item.rows for item in kept.values())
    gone = {item.store: item.rows for item in done.items if item.state == "erased"}
    assert set(gone) >= {*erase.STORES, "profile", "notices", "engine_memory", "balance_written_off"}
    assert all(gone.values()), gone


def test_amounts_dates_and_country_stay(bare: World) -> None:
    privacy = Privacy(bare)
    fill(bare, BUYER)
    with bare.reading() as session:
        before = export.export(session, BUYER, bare.now)["tables"]
    privacy.finish(privacy.ask())
    with bare.reading() as session:
        after = export.export(session, BUYER, bare.now)["tables"]
    for table in ("orders", "order_line", "payment_alloc", "refund", "coupon_use"):
        assert after[table] == before[table]
    assert after["customer"][0]["country"] == "DE"
    assert after["wallet_entry"][: len(before["wallet_entry"])] == before["wallet_entry"]
    for name in ("amount", "currency", "state", "expected_to", "reference"):
        assert [leg[name] for leg in after["refund_leg"]] == [leg[name] for leg in before["refund_leg"]]
    moves = [(row["entity_id"], row["from_state"], row["to_state"]) for row in before["history"]]
    kept = {(row["entity_id"], row["from_state"], row["to_state"]) for row in after["history"]}
    watched = {row["id"] for row in before["stock_watch"]}
    assert {move for move in moves if move[0] not in watched} <= kept


def test_the_log_in_is_gone(privacy: Privacy) -> None:
    world = privacy.world
    desk = Desk(world)
    desk.say("I am Erika", "c-1")
    privacy.finish(privacy.ask())
    with world.transaction() as session:
        with pytest.raises(NotFound):
            customers.get(session, BUYER)
        with pytest.raises(NotFound):
            conversations.resume_conversation(session, BUYER, desk.conversation)
        with pytest.raises(NotFound):
            conversations.accept_message(session, desk.conversation, "c-2", world.now, text="hello?")
        assert conversations.last_messages(session, desk.conversation, 9) == []


def test_a_sellers_repeated_request_has_still_no_second_effect(bare: World) -> None:
    privacy = Privacy(bare)
    fill(bare, BUYER)
    privacy.finish(privacy.ask())
    with bare.reading() as session:
        saved = idempotency.recall(session, "seller_api", f"acme:{BUYER}", "seller:acme", {})
    assert saved == {"status": 201, "body": "{}"}


def test_the_balance_is_written_off_and_its_entries_stay(privacy: Privacy) -> None:
    with privacy.world.transaction() as session:
        for currency, amount in (("EUR", 500), ("JPY", 30)):
            session.add(
                WalletEntry(
                    customer_id=BUYER, amount=amount, currency=currency, kind="adjustment", source_type="gift",
                    source_id=currency, at=privacy.world.now,
                )
            )  # fmt: skip
    view = privacy.ask()
    assert [(each.amount_minor, each.currency) for each in view.balances] == [(500, "EUR"), (30, "JPY")]
    privacy.finish(view)
    with privacy.world.reading() as session:
        assert refunds.balances(session, BUYER) == []
        entries = session.scalars(select(WalletEntry).where(WalletEntry.customer_id == BUYER)).all()
    assert sorted(entry.amount for entry in entries) == [-500, -30, 30, 500]


def test_an_engine_that_is_down_is_tried_again(privacy: Privacy) -> None:
    world = privacy.world
    with world.transaction() as session:
        opened = conversations.open_conversation(
            session,
            "web",
            None,
            conversations.Identity(BUYER, "en", "UTC"),
            conversations.Utterance("Hello"),
            world.now,
        )
    view = privacy.ask()
    privacy.trackers.down = True
    with pytest.raises(TrackerNotErased):
        privacy.finish(view)
    assert privacy.see(view).state == "executing"
    with world.reading() as session, pytest.raises(NotFound):
        customers.get(session, BUYER)
    privacy.trackers.down = False
    done = privacy.run(view)
    assert done is not None
    assert done.state == "completed"
    assert privacy.trackers.forgotten == [opened.id]
    with world.reading() as session:
        moves = [row.to_state for row in log_of(session, view.id)]
    assert moves == ["requested", "verified", "scheduled", "executing", "executing", "completed"]


def test_notices_that_nobody_can_hear_are_closed(privacy: Privacy) -> None:
    view = privacy.ask()
    privacy.finish(view)
    with privacy.world.reading() as session:
        rows = session.scalars(select(Outbox).where(Outbox.customer_id == BUYER)).all()
    notices = [row for row in rows if row.topic == "buyer_notice"]
    assert [row.payload["kind"] for row in notices] == ["erasure_scheduled"]
    assert all(row.done_at for row in notices)
    assert [row.payload for row in rows if row.topic == "erasure"] == [{"erasure_id": view.id}]
