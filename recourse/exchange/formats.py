"""Records as files: JSON Lines, one record a line, and CSV, one row for each line of an order. Read and written as a stream."""

from __future__ import annotations

import csv
import json
import re
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from typing import Any, TextIO

from pydantic import ValidationError

from recourse.core.errors import InvalidInput
from recourse.exchange.schema import OrderRecord

JSONL, CSV = "jsonl", "csv"
FORMATS = (JSONL, CSV)

LINE_MAX = 1_000_000
"""Characters of one line of JSON; a longer one is an error of that line."""

_PLAIN = (
    "external_id", "number", "group", "currency", "status", "placed_at", "shipping_minor", "tax_minor", "pay_by",
    "review_by", "paid_at", "ship_by", "delivered_at", "completed_at", "cancelled_at", "closed_at", "protect_until",
    "close_reason", "on_hold", "policy_version",
)  # fmt: skip
_PARTS: Mapping[str, tuple[str, ...]] = {
    "buyer": ("sub", "name", "locale", "timezone", "country", "is_consumer"),
    "seller": ("external_id", "id", "name", "is_trader", "country", "timezone"),
}
_LISTS: Mapping[str, tuple[str, ...]] = {
    "payments": (
        "method", "instrument", "amount_minor", "status", "psp", "psp_ref", "presentment_currency", "presentment_minor",
    ),
    "coupons": ("code", "amount_minor", "kind", "valid_until", "status", "returned_minor"),
    "shipments": ("carrier", "tracking", "shipped_at", "lines", "state", "promised_by", "delivered_at", "events"),
}  # fmt: skip
_LINE = ("sku", "title", "qty", "unit_price_minor", "withdrawal_exempt", "qty_cancelled", "qty_returned")
_WHOLE = ("policy", "refunds")
"""Written as JSON in one cell, as the lists inside of shipments are."""

_JSON_CELLS = frozenset({"policy", "refunds", "lines", "events"})
_NUMBERS = frozenset({"qty", "qty_cancelled", "qty_returned", "policy_version"})
_FLAGS = {"true": True, "false": False, "1": True, "0": False}
_FORMULA = ("=", "+", "-", "@", "\t", "\r", "'")


@dataclass(frozen=True, slots=True)
class Read:
    """What stands at one place of a file: a record, or why there is none. ``line``: where it begins, from 1."""

    line: int
    record: OrderRecord | None
    error: str | None = None
    external_id: str | None = None


def read(stream: TextIO, form: str) -> Iterator[Read]:
    """The records of a file, one after the other. Raises InvalidInput for a format that there is not, or CSV without a header."""
    if form not in FORMATS:
        raise InvalidInput(f"there is no format {form!r}; use {' or '.join(FORMATS)}")
    return _read_csv(stream) if form == CSV else _read_jsonl(stream)


def parse(line: int, text: str) -> Read:
    """One record of JSON text."""
    try:
        return Read(line, OrderRecord.model_validate_json(text))
    except ValidationError as error:
        return Read(line, None, _problem(error), _external_id(text))


def _read_jsonl(stream: TextIO) -> Iterator[Read]:
    number = 0
    while text := stream.readline(LINE_MAX + 1):
        number += 1
        if len(text) > LINE_MAX and not text.endswith("\n"):
            while (rest := stream.readline(LINE_MAX)) and not rest.endswith("\n"):
                pass
            yield Read(number, None, f"the line is longer than {LINE_MAX} characters")
        elif text.strip():
            yield parse(number, text)


def _read_csv(stream: TextIO) -> Iterator[Read]:
    rows = csv.DictReader(stream, restkey="", strict=True)
    names = rows.fieldnames or []
    unknown = [name for name in names if not _known(name)]
    if "external_id" not in names or unknown:
        what = f"columns that are not known: {', '.join(unknown)}" if unknown else "no column external_id"
        raise InvalidInput(f"the first row must name the columns; it has {what}")
    start = 0
    order: dict[str, Any] = {}
    lines: list[dict[str, Any]] = []
    try:
        for row in rows:
            at = rows.line_num - sum(cell.count("\n") for cell in row.values() if isinstance(cell, str))
            cells = {name: _bare(cell) for name, cell in row.items() if name and isinstance(cell, str) and cell.strip()}
            if not cells and "" not in row:
                continue
            if cells.get("external_id", order.get("external_id")) != order.get("external_id") or not order:
                if order:
                    yield _record(start, order, lines)
                start, order, lines = at, {}, []
            if "" in row:
                order["error"] = f"row {at} has more cells than the first row has names"
            _collect(order, lines, cells, at)
    except csv.Error as error:
        yield Read(rows.line_num + 1, None, f"this is not CSV: {error}; what follows was not read")
    if order:
        yield _record(start, order, lines)


def _collect(order: dict[str, Any], lines: list[dict[str, Any]], cells: Mapping[str, str], at: int) -> None:
    """Add one row to the order in the making: its own line, and what the row says of the order."""
    line = {}
    for name, text in cells.items():
        if name.startswith("lines."):
            line[name.removeprefix("lines.")] = text
        elif order.setdefault(name, text) != text:
            order["error"] = f"row {at} says {name} differently than the row before; an order's rows must agree"
    if line:
        lines.append(line)


def _record(start: int, order: dict[str, Any], lines: list[dict[str, Any]]) -> Read:
    error = order.pop("error", None)
    if error:
        return Read(start, None, error, order.get("external_id"))
    tree: dict[str, Any] = {}
    try:
        for name, text in order.items():
            _plant(tree, name.split("."), text)
        tree["lines"] = [{name: _value(name, text) for name, text in line.items()} for line in lines]
        return parse(start, json.dumps(tree))
    except ValueError as problem:
        return Read(start, None, str(problem), order.get("external_id"))


def _plant(tree: dict[str, Any], path: list[str], text: str) -> None:
    """Put a cell where its column's name says: ``payments.0.method`` is the method of the first payment."""
    name = path[0]
    if len(path) == 1:
        tree[name] = _value(name, text)
    elif len(path) == 2:
        tree.setdefault(name, {})[path[1]] = _value(path[1], text)
    else:
        items, place = tree.setdefault(name, []), int(path[1])
        if place > len(items):
            raise ValueError(f"{name}.{place} is given, but not {name}.{len(items)}")
        if place == len(items):
            items.append({})
        items[place][path[2]] = _value(path[2], text)


def _value(name: str, text: str) -> Any:
    """A cell as JSON has it. Raises ValueError that names the column."""
    if name.endswith("_minor") or name in _NUMBERS:
        if not re.fullmatch(r"-?[0-9]{1,18}", text):
            raise ValueError(f"{name}: must be a whole number, but it is {text!r}; amounts are in minor units (cents)")
        return int(text)
    if name.startswith("is_") or name == "withdrawal_exempt":
        if text.lower() not in _FLAGS:
            raise ValueError(f"{name}: must be true or false, but it is {text!r}")
        return _FLAGS[text.lower()]
    if name in _JSON_CELLS:
        try:
            return json.loads(text)
        except (ValueError, RecursionError) as error:
            raise ValueError(f"{name}: must be JSON in one cell") from error
    return text


def _known(name: str) -> bool:
    first, *rest = name.split(".")
    match rest:
        case []:
            return first in _PLAIN or first in _WHOLE
        case [field]:
            return field in _PARTS.get(first, ()) or (first == "lines" and field in _LINE)
        case [place, field]:
            return place.isdecimal() and int(place) < 100 and field in _LISTS.get(first, ())
    return False


class Writer:
    """Writes records to a stream. ``widest``: how many payments, coupons and shipments an order has at most (CSV only)."""

    def __init__(self, stream: TextIO, form: str, widest: Mapping[str, int] | None = None) -> None:
        if form not in FORMATS:
            raise InvalidInput(f"there is no format {form!r}; use {' or '.join(FORMATS)}")
        self._stream = stream
        self._rows = None
        if form == CSV:
            self._rows = csv.DictWriter(stream, _columns(widest or {}), lineterminator="\n")
            self._rows.writeheader()

    def write(self, records: Iterable[OrderRecord]) -> int:
        """Write ``records``; returns how many."""
        count = 0
        for record in records:
            count += 1
            if self._rows is None:
                self._stream.write(record.to_json() + "\n")
            else:
                self._rows.writerows(_cells(record))
        return count


def _columns(widest: Mapping[str, int]) -> list[str]:
    columns = [*_PLAIN, *(f"{part}.{name}" for part, names in _PARTS.items() for name in names)]
    columns += [f"lines.{name}" for name in _LINE]
    for part, names in _LISTS.items():
        columns += [f"{part}.{place}.{name}" for place in range(widest.get(part, 1)) for name in names]
    return [*columns, *_WHOLE]


def _cells(record: OrderRecord) -> Iterator[dict[str, str]]:
    """The rows of one order: all of it in the first one, the further lines below it."""
    data = json.loads(record.to_json())
    first: dict[str, Any] = {}
    for name, value in data.items():
        if name == "lines":
            continue
        if name in _PARTS:
            first |= {f"{name}.{field}": each for field, each in value.items()}
        elif name in _LISTS:
            for place, item in enumerate(value):
                first |= {f"{name}.{place}.{field}": each for field, each in item.items()}
        else:
            first[name] = value
    for line in data["lines"]:
        row = first | {f"lines.{name}": value for name, value in line.items()}
        yield {name: _cell(value) for name, value in row.items()}
        first = {"external_id": data["external_id"]}


def _cell(value: Any) -> str:
    """A value as a cell. What a spreadsheet would take for a formula gets an apostrophe in front, which reading takes off."""
    if isinstance(value, bool):
        return "true" if value else "false"
    if isinstance(value, dict | list):
        return json.dumps(value, ensure_ascii=False, separators=(",", ":"))
    text = str(value)
    return f"'{text}" if text.startswith(_FORMULA) else text


def _bare(cell: str) -> str:
    return cell[1:] if cell.startswith("'") and cell[1:2] in _FORMULA else cell


def _problem(error: ValidationError) -> str:
    """What is wrong with a record, three things at most; never the values, which may be somebody's data."""
    found = error.errors(include_url=False, include_input=False, include_context=False)
    told = [
        ": ".join(part for part in (".".join(map(str, each["loc"])), each["msg"].removeprefix("Value error, ")) if part)
        for each in found[:3]
    ]
    more = len(found) - len(told)
    return "; ".join(told) + (f"; and {more} more" if more else "")


def _external_id(text: str) -> str | None:
    try:
        value = json.loads(text)
        return str(value["external_id"])[:64]
    except (ValueError, KeyError, TypeError, RecursionError):
        return None
