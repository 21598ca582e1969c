"""``recourse privacy``."""

from __future__ import annotations

import json
import stat
from pathlib import Path

import pytest
from sqlalchemy import Engine
from typer.testing import CliRunner, Result

from recourse.cli import privacy as commands
from recourse.core import db
from recourse.core.errors import InvalidInput, NotFound
from recourse.privacy import rules
from tests.unit.privacy.conftest import Privacy, Trackers, fill
from tests.unit.world import BUYER, OTHER, World


@pytest.fixture(autouse=True)
def here(store: Engine, monkeypatch: pytest.MonkeyPatch) -> Trackers:
    """The commands use this test's store, its time, and no engine."""
    trackers = Trackers()
    monkeypatch.setattr(db, "engine", lambda: store)
    monkeypatch.setattr(commands, "RasaTrackers", lambda _: trackers)
    return trackers


def recourse(*arguments: str) -> Result:
    return CliRunner().invoke(commands.app, list(arguments))


def test_an_export_is_a_file_for_its_reader_only(bare: World, tmp_path: Path) -> None:
    put = fill(bare, BUYER)
    out = tmp_path / "buyer.json"
    result = recourse("export", BUYER, "--out", str(out))
    assert result.exit_code == 0, result.output
    assert "rows of" in result.output
    assert stat.S_IMODE(out.stat().st_mode) == 0o600
    document = json.loads(out.read_text(encoding="utf-8"))
    assert document["tables"]["customer"][0]["display_name"] == put.made["name"]
    again = recourse("export", BUYER, "--out", str(out))
    assert isinstance(again.exception, InvalidInput)
    assert "exists already" in str(again.exception)


def test_an_unknown_buyer_writes_no_file(bare: World, tmp_path: Path) -> None:
    result = recourse("export", "b-none", "--out", str(tmp_path / "x.json"))
    assert isinstance(result.exception, NotFound)
    assert list(tmp_path.glob("*.json")) == []


def test_a_folder_that_is_not_there(bare: World, tmp_path: Path) -> None:
    result = recourse("export", BUYER, "--out", str(tmp_path / "none" / "x.json"))
    assert isinstance(result.exception, InvalidInput)


def test_from_the_wish_to_the_end(bare: World, here: Trackers) -> None:
    fill(bare, BUYER)
    asked = json.loads(recourse("request", BUYER, "--json").output)[0]
    assert asked["state"] == "requested"
    confirmed = json.loads(recourse("request", BUYER, "--identity-checked", "--json").output)[0]
    assert (confirmed["id"], confirmed["state"]) == (asked["id"], "scheduled")
    assert confirmed["balances"] == [{"amount_minor": 700, "currency": "EUR"}]
    assert "0 looked at, 0 carried out" in recourse("run").output
    done = recourse("run", "--at", confirmed["execute_at"])
    assert "1 looked at, 1 carried out, 0 to try again" in done.output
    assert here.forgotten == [f"conv-{BUYER}"]
    assert json.loads(recourse("list", "--json").output) == []
    listed = json.loads(recourse("list", "--all", "--json").output)[0]
    assert listed["state"] == "completed"
    assert {"profile", "conversations", "orders"} <= {item["store"] for item in listed["items"]}


def test_what_it_waits_for_is_shown(bare: World) -> None:
    number = bare.order(buyer=OTHER)
    shown = recourse("request", OTHER, "--identity-checked").output
    assert f"order {number}" in shown
    assert "on_hold" in recourse("list").output


def test_an_engine_that_is_down_fails_the_command(bare: World, here: Trackers) -> None:
    privacy = Privacy(bare)
    fill(bare, BUYER)
    view = privacy.ask()
    here.down = True
    at = (bare.now + rules.COOLING_OFF).isoformat()
    result = recourse("run", "--at", at)
    assert result.exit_code == 1
    assert "1 to try again" in result.output
    here.down = False
    assert "1 carried out" in recourse("run", "--at", at).output
    assert privacy.see(view).state == "completed"
