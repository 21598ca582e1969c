"""Files: what goes out comes in again, in both formats, and every mistake is told where it is."""

from __future__ import annotations

import csv
import io
import json
from collections.abc import Callable

import pytest
from sqlalchemy import Engine

from recourse.core.db import transaction
from recourse.core.errors import InvalidInput
from recourse.core.settings import PROJECT_ROOT
from recourse.demo.seed import seed
from recourse.exchange import formats
from recourse.exchange.formats import CSV, FORMATS, JSONL
from recourse.exchange.schema import OrderRecord, json_schema
from recourse.exchange.service import CREATED, FAILED, UNCHANGED
from recourse.orders.rules import STATES
from tests.unit.exchange.conftest import BASE, PARCEL, Desk, in_status, record
from tests.unit.world import BALANCE, CARD, NOW, Item, World

HEAD = (
    "external_id,buyer.sub,buyer.name,buyer.country,seller.external_id,seller.name,seller.country,currency,status,placed_at,"
    "paid_at,lines.sku,lines.title,lines.qty,lines.unit_price_minor,payments.0.method,payments.0.instrument,"
    "payments.0.amount_minor,payments.0.status\n"
)
ROW = (
    "A-1,kim,Kim,DE,shop-7,Lindenhof,DE,EUR,to_ship,2026-11-20T09:00:00Z,2026-11-20T09:05:00Z,MUG,Mug,1,1000,"
    "card,Visa ending 4242,1500,captured\n"
)


def test_the_published_schema_is_the_schema() -> None:
    path = PROJECT_ROOT / "docs" / "orders.schema.json"
    wanted = json.dumps(json_schema(), indent=2, ensure_ascii=False) + "\n"
    assert path.read_text(encoding="utf-8") == wanted, (
        'write it anew: python -c "import json; from recourse.exchange.schema import json_schema; '
        'print(json.dumps(json_schema(), indent=2, ensure_ascii=False))" > docs/orders.schema.json'
    )


@pytest.mark.parametrize("form", FORMATS)
def test_what_goes_out_comes_in_again(desk: Desk, another: Callable[[], Desk], form: str) -> None:
    made = [in_status(status, f"SO-{n}") for n, status in enumerate(STATES)]
    made.append(record("SO-x", lines=[BASE["lines"][0] | {"title": "=1+1; \"Mug\", 'x'", "sku": "-7"}], coupons=[],
                       payments=[BASE["payments"][0] | {"amount_minor": 3500, "psp_ref": "pi_x"}]))  # fmt: skip
    made.append(
        record("SO-y", policy={"response_hours": 48, "clause": "Made to order.\nNo way back."}, on_hold="fraud_check")
    )
    card = BASE["payments"][0] | {"psp_ref": "pi_both"}
    made += [record(f"SO-{name}", group="cart", payments=[card]) for name in ("g1", "g2")]
    assert {outcome.result for outcome in desk.bring(*made)} == {CREATED}
    out = desk.export(form)
    copy = another()
    assert [each.error for each in copy.read(out, form) if each.result != CREATED] == []
    assert copy.export(form) == out
    assert {outcome.result for outcome in copy.read(out, form)} == {UNCHANGED}
    assert {outcome.result for outcome in desk.read(out, form)} == {UNCHANGED}
    assert desk.export(form) == out


@pytest.mark.parametrize("form", FORMATS)
def test_orders_made_here_go_out_and_in_as_well(world: World, another: Callable[[], Desk], form: str) -> None:
    two = (Item("HP", "Headphones, black", 12900), Item("MUG", "Mugs", 2500, qty=3))
    for state in STATES:
        if state not in ("closed", "cancelled"):
            world.order(state, items=two, coupon=1790, shipping=500, ways=(CARD, BALANCE), shares=(10000,))
    world.order("awaiting_payment", items=two)
    world.approve(world.ask(world.order("to_ship", items=two, coupon=100)))
    world.cancel(world.order("payment_review", items=two, coupon=100))
    desk = Desk(world.engine)
    out = desk.export(form)
    copy = another()
    assert [each.error for each in copy.read(out, form) if each.result != CREATED] == []
    assert copy.export(form) == out
    assert {outcome.result for outcome in desk.read(out, form)} == {UNCHANGED}


@pytest.mark.parametrize("form", FORMATS)
def test_the_whole_demo_can_move_to_another_store(store: Engine, another: Callable[[], Desk], form: str) -> None:
    with transaction(store) as session:
        seed(session, NOW)
    desk, copy = Desk(store), another()
    out = desk.export(form)
    assert [(each.external_id, each.error) for each in copy.read(out, form) if each.result != CREATED] == []
    assert copy.export(form) == out
    assert {outcome.result for outcome in desk.read(out, form)} == {UNCHANGED}
    assert desk.export(form) == out


def test_what_is_odd_in_the_store_goes_out_and_is_refused_elsewhere(world: World, another: Callable[[], Desk]) -> None:
    world.order(items=(Item("MUG", "Mug of me@example.org", 2500),))
    world.order()
    out = Desk(world.engine).export()
    assert sorted(outcome.result for outcome in another().read(out, JSONL)) == [CREATED, FAILED]


def test_an_export_can_be_of_one_buyer(desk: Desk) -> None:
    desk.bring(record("SO-1"), record("SO-2", buyer=BASE["buyer"] | {"sub": "lee"}))
    assert [json.loads(line)["external_id"] for line in desk.export(buyer="lee").splitlines()] == ["SO-2"]


def test_a_cell_that_looks_like_a_formula_is_made_harmless_and_read_back(desk: Desk) -> None:
    risky = ("=HYPERLINK(1)", "+1", "-1", "@x", "'quoted")
    lines = [{"sku": f"S{n}", "title": title, "qty": 1, "unit_price_minor": 0} for n, title in enumerate(risky)]
    desk.bring(record(lines=lines, coupons=[], shipping_minor=4999))
    out = desk.export(CSV)
    cells = [row["lines.title"] for row in csv.DictReader(io.StringIO(out, newline=""))]
    assert cells == [f"'{title}" for title in risky]
    assert {outcome.result for outcome in desk.read(out, CSV)} == {UNCHANGED}


def test_a_row_is_a_line_and_rows_of_one_order_stand_together(desk: Desk) -> None:
    more = "A-1,,,,,,,,,,,POT,Pot,1,500,,,,\n"
    outcomes = desk.read(HEAD + ROW + more + "\n" + ROW.replace("A-1", "A-2").replace(",1500,", ",1000,"), CSV)
    assert [(each.line, each.external_id, each.result, each.error) for each in outcomes] == [
        (2, "A-1", CREATED, None),
        (5, "A-2", CREATED, None),
    ]


@pytest.mark.parametrize(
    ("text", "error"),
    [
        (HEAD + ROW, "payments add up to 15.00 EUR but the order costs 10.00 EUR"),
        (HEAD + ROW.replace(",1,1000,", ",1,10.00,"), "unit_price_minor: must be a whole number, but it is '10.00'"),
        (HEAD + ROW.replace("EUR", "XXQ"), "currency: XXQ is not a currency"),
        (HEAD + ROW + "A-1,lee,,,,,,,,,,POT,Pot,1,500,,,,\n", "row 3 says buyer.sub differently"),
        (HEAD + ROW.replace("captured", "captured,x"), "row 2 has more cells than the first row has names"),
        (HEAD + '"A-1', "this is not CSV"),
        (HEAD.replace("payments.0.method", "payments.1.method") + ROW, "payments.1 is given, but not payments.0"),
        (HEAD.replace("lines.sku", "policy") + ROW, "policy: must be JSON in one cell"),
        (HEAD.replace("lines.sku", "buyer.is_consumer") + ROW, "is_consumer: must be true or false"),
    ],
)
def test_mistakes_in_csv_are_told_by_line(desk: Desk, text: str, error: str) -> None:
    outcomes = desk.read(text, CSV)
    assert [each.result for each in outcomes] == [FAILED]
    assert error in str(outcomes[0].error)
    assert outcomes[0].line == 2


@pytest.mark.parametrize(
    "head", ["", "buyer.sub\n", "external_id,colour\n", "external_id,lines.0.sku\n", "external_id,payments.x.method\n"]
)
def test_a_file_without_its_columns_is_no_file_at_all(head: str) -> None:
    with pytest.raises(InvalidInput, match="the first row must name the columns"):
        list(formats.read(io.StringIO(head + "x\n"), CSV))


def test_there_are_two_formats() -> None:
    with pytest.raises(InvalidInput, match="use jsonl or csv"):
        formats.read(io.StringIO(), "xml")
    with pytest.raises(InvalidInput, match="use jsonl or csv"):
        formats.Writer(io.StringIO(), "xml")


def test_a_record_is_one_line_without_what_is_empty() -> None:
    text = OrderRecord.model_validate_json(json.dumps(in_status("shipped", shipments=[PARCEL]))).to_json()
    assert "\n" not in text and "null" not in text
    assert json.loads(text)["placed_at"] == "2026-11-20T09:00:00Z"


def test_the_example_of_the_manual_can_be_brought_in(desk: Desk) -> None:
    manual = (PROJECT_ROOT / "docs" / "import.md").read_text(encoding="utf-8")
    example = json.loads(manual.split("```json\n")[1].split("```")[0])
    table = manual.split("```csv\n")[1].split("```")[0]
    assert [(each.result, each.error) for each in desk.bring(example)] == [(CREATED, None)]
    assert {(each.result, each.error) for each in desk.read(table, CSV)} == {(CREATED, None)}
    assert JSONL in manual
