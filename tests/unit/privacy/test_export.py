"""The export of one buyer: everything of the buyer, nothing of others, no secrets of the shop."""

from __future__ import annotations

import json

import pytest

from recourse.core.errors import NotFound
from recourse.migrations.tables import metadata
from recourse.privacy import export
from tests.unit.privacy.conftest import Privacy, fill
from tests.unit.world import BUYER, OTHER, World

NOT_EXPORTED = {
    "button": "the same words are in its message",
    "idempotency_key": "keys of programs; what was answered is in the rows",
    "inbox": "of payment providers",
    "order_term": "words of the orders, for searching",
    "outbox": "ids of rows that are exported themselves",
    "refund_sla": "of no buyer",
    "seller": "of no buyer",
    "seller_api_key": "of no buyer",
    "seller_policy": "of no buyer",
    "shipment_line": "in the order's lines and parcels",
    "transition_log": "exported as history",
}
PLACES_NOT_EXPORTED = {
    "bank form", "button", "button payload", "cid", "client message id", "engine text", "file name", "notice",
    "saved answer", "seller's saved answer", "search word",
}  # fmt: skip
"""Internals, and repetitions of what is exported from another place."""


def document(world: World, buyer: str) -> str:
    with world.reading() as session:
        return json.dumps(export.export(session, buyer, world.now), ensure_ascii=False)


def test_every_table_of_a_buyer_is_in_it(bare: World) -> None:
    fill(bare, BUYER)
    Privacy(bare).ask()
    with bare.reading() as session:
        made = export.export(session, BUYER, bare.now)
    assert (made["schema"], made["customer_id"]) == ("recourse.export/1", BUYER)
    assert made["made_at"] == bare.now.isoformat()
    exported = {*made["tables"], *NOT_EXPORTED, "erasure_item"}
    assert exported - {"history"} == set(metadata.tables)


def test_what_the_buyer_wrote_and_read_is_in_it(bare: World) -> None:
    put = fill(bare, BUYER)
    text = document(bare, BUYER)
    hidden = {place for place, trace in put.made.items() if trace not in text}
    logs = {place for place in put.made if place.endswith("log") or place == "case outcome"}
    assert hidden == PLACES_NOT_EXPORTED | logs


def test_nothing_of_another_buyer_is_in_it(bare: World) -> None:
    fill(bare, BUYER)
    theirs = fill(bare, OTHER)
    text = document(bare, BUYER)
    assert [place for place, trace in theirs.made.items() if trace in text] == []
    assert f'"{OTHER}"' not in text


def test_no_hash_key_or_token_is_in_it(bare: World) -> None:
    fill(bare, BUYER)
    with bare.reading() as session:
        rows = export.rows(session, BUYER)
    names = {name for row in rows for name in row}
    assert not {name for name in names if "key" in name.split("_") or "hash" in name or "token" in name} - {
        "client_key"
    }
    assert "psp_ref" not in names
    assert "btn-" not in json.dumps(rows)


def test_amounts_have_their_currency_and_times_their_zone(bare: World) -> None:
    fill(bare, BUYER)
    with bare.reading() as session:
        tables = export.export(session, BUYER, bare.now)["tables"]
    order = tables["orders"][0]
    assert (order["total_paid"], order["currency"]) == (2200, "EUR")
    assert order["placed_at"].endswith("+00:00")


def test_an_unknown_buyer_is_missing(bare: World) -> None:
    with bare.reading() as session, pytest.raises(NotFound, match="b-none"):
        export.export(session, "b-none", bare.now)


def test_an_erased_buyer_gets_what_was_retained(bare: World) -> None:
    privacy = Privacy(bare)
    put = fill(bare, BUYER)
    privacy.finish(privacy.ask())
    text = document(bare, BUYER)
    assert [place for place, trace in put.made.items() if trace in text] == ["sku title"]
    assert "erasure_item" in text
