"""``recourse orders import``, ``export`` and ``list`` from the command line."""

from __future__ import annotations

import json
from pathlib import Path

import pytest
from click.testing import Result
from sqlalchemy import func, select
from typer.testing import CliRunner

from recourse.cli import orders as commands
from recourse.cli.main import app
from recourse.core.clock import SystemClock
from recourse.core.db import reading, transaction
from recourse.core.errors import InvalidInput, NotFound
from recourse.orders.models import Order
from tests.unit.exchange.conftest import Desk, Record, in_status, record
from tests.unit.world import World


@pytest.fixture(autouse=True)
def on_this_store(desk: Desk, monkeypatch: pytest.MonkeyPatch) -> None:
    """The commands work on the store of ``desk``, in the days of its records."""

    class Then(SystemClock):
        def now(self):  # type: ignore[no-untyped-def]
            return desk.now

    monkeypatch.setattr(commands, "transaction", lambda: transaction(desk.engine))
    monkeypatch.setattr(commands, "reading", lambda: reading(desk.engine))
    monkeypatch.setattr(commands, "SystemClock", Then)


def run(*words: str, stdin: str | None = None) -> Result:
    return CliRunner().invoke(app, ["orders", *words], input=stdin)


def written(path: Path, *made: Record) -> str:
    path.write_text("".join(json.dumps(each) + "\n" for each in made), encoding="utf-8")
    return str(path)


def stored(desk: Desk) -> int:
    with reading(desk.engine) as session:
        return session.scalar(select(func.count()).select_from(Order)) or 0


def test_a_file_is_brought_in_once(desk: Desk, tmp_path: Path) -> None:
    file = written(tmp_path / "orders.jsonl", *(record(f"SO-{n}") for n in range(3)))
    first = run("import", file)
    assert (first.exit_code, first.stdout) == (0, "3 created, 0 updated, 0 unchanged, 0 failed\n")
    assert run("import", file).stdout == "0 created, 0 updated, 3 unchanged, 0 failed\n"
    assert stored(desk) == 3


def test_errors_name_their_line_and_the_exit_code_says_so(desk: Desk, tmp_path: Path) -> None:
    file = written(tmp_path / "orders.jsonl", record("SO-1"), record("SO-2", shipping_minor=501), record("SO-3"))
    done = run("import", file)
    assert done.exit_code == 1
    assert done.stdout == "2 created, 0 updated, 0 unchanged, 1 failed\n"
    assert done.stderr == "line 2 (SO-2): payments add up to 49.99 EUR but the order costs 50.00 EUR\n"
    assert stored(desk) == 2


def test_a_dry_run_tells_everything_and_writes_nothing(desk: Desk, tmp_path: Path) -> None:
    file = written(tmp_path / "orders.jsonl", record("SO-1"), record("SO-2", shipping_minor=501))
    done = run("import", file, "--dry-run")
    assert done.exit_code == 1
    assert done.stdout == "1 created, 0 updated, 0 unchanged, 1 failed; nothing was written\n"
    assert stored(desk) == 0
    with reading(desk.engine) as session:
        assert session.scalar(select(func.count()).select_from(Order.__table__.metadata.tables["customer"])) == 0


def test_too_many_errors_end_it(desk: Desk, tmp_path: Path) -> None:
    made = [record(f"SO-{n}", shipping_minor=501) for n in range(450)]
    done = run("import", written(tmp_path / "orders.jsonl", *made), "--max-errors", "3")
    assert done.exit_code == 1
    assert done.stderr.count("line ") == 3
    assert "stopped after 200 errors; what came before stays" in done.stderr
    assert "200 failed" in done.stdout


def test_the_format_is_the_files_ending_or_named(desk: Desk, tmp_path: Path) -> None:
    text = json.dumps(record()) + "\n"
    assert run("import", "-", "--format", "jsonl", stdin=text).stdout.startswith("1 created")
    (tmp_path / "orders.txt").write_text(text, encoding="utf-8")
    refused = run("import", str(tmp_path / "orders.txt"))
    assert isinstance(refused.exception, InvalidInput) and "--format jsonl or --format csv" in str(refused.exception)
    out = run("export", "--format", "csv", "--output", str(tmp_path / "orders.csv"))
    assert (out.exit_code, out.stderr) == (0, "1 orders\n")
    assert run("import", str(tmp_path / "orders.csv")).stdout.startswith("0 created, 0 updated, 1 unchanged")
    with_mark = "\ufeff" + (tmp_path / "orders.csv").read_text(encoding="utf-8")
    (tmp_path / "excel.csv").write_text(with_mark, encoding="utf-8")
    assert run("import", str(tmp_path / "excel.csv")).stdout.startswith("0 created, 0 updated, 1 unchanged")


def test_files_that_cannot_be_read_are_told(tmp_path: Path) -> None:
    missing = run("import", str(tmp_path / "nothing.jsonl"))
    assert isinstance(missing.exception, InvalidInput) and "cannot be read: No such file" in str(missing.exception)
    (tmp_path / "latin.csv").write_bytes("external_id\nM\xfcller\n".encode("latin-1"))
    odd = run("import", str(tmp_path / "latin.csv"))
    assert isinstance(odd.exception, InvalidInput) and "is not UTF-8" in str(odd.exception)


def test_an_export_goes_to_standard_output_and_to_one_buyer(desk: Desk) -> None:
    desk.bring(in_status("shipped"), record("SO-2", buyer=record()["buyer"] | {"sub": "lee"}))
    assert len(run("export").stdout.splitlines()) == 2
    only = run("export", "--buyer", "lee")
    assert [json.loads(line)["external_id"] for line in only.stdout.splitlines()] == ["SO-2"]
    assert isinstance(run("export", "--buyer", "nobody").exception, NotFound)


def test_a_long_list_says_how_many_more_there_are(desk: Desk) -> None:
    desk.bring(*(record(f"SO-{n}") for n in range(53)))
    first = run("list", "--json")
    rows = json.loads(first.stdout)
    assert len(rows) == 50
    assert first.stderr == f"3 more; add `--after {rows[-1]['number']}` to see the next ones\n"
    rest = run("list", "--json", "--after", rows[-1]["number"].lower())
    assert len(json.loads(rest.stdout)) == 3 and rest.stderr == ""
    assert {row["number"] for row in rows}.isdisjoint(row["number"] for row in json.loads(rest.stdout))
    assert len(json.loads(run("list", "--json", "--limit", "7", "--buyer", "kim").stdout)) == 7


def test_a_world_of_orders_can_be_listed(world: World) -> None:
    number = world.order()
    assert number in run("list").stdout
