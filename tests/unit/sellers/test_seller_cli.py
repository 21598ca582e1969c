"""``recourse sellers`` and ``recourse simulate sellers`` from the command line."""

from __future__ import annotations

import dataclasses
import json
from collections.abc import Iterator
from pathlib import Path

import pytest
from typer.testing import CliRunner, Result

from recourse.cli import seller_accounts, simulate
from recourse.core.errors import ConfigurationError, InvalidInput, NotFound
from recourse.core.settings import from_environment
from recourse.sellers import keys
from tests.unit.gateway.seller_client import Api
from tests.unit.world import World


class Shell:
    """Runs commands on the store of a world."""

    def __init__(self, world: World) -> None:
        self.world = world
        self._runner = CliRunner()

    def run(self, *words: str) -> Result:
        app = simulate.app if words[0] == "simulate" else seller_accounts.app
        arguments = list(words[1:]) if words[0] == "simulate" else list(words)
        return self._runner.invoke(app, arguments)

    def ok(self, *words: str) -> str:
        result = self.run(*words)
        assert result.exit_code == 0, (result.output, result.exception)
        return result.output

    def fails(self, error: type[Exception], *words: str) -> str:
        result = self.run(*words)
        assert isinstance(result.exception, error), (result.output, result.exception)
        return str(result.exception)


@pytest.fixture
def shell(world: World, monkeypatch: pytest.MonkeyPatch) -> Shell:
    for module in (seller_accounts, simulate):
        monkeypatch.setattr(module, "transaction", world.transaction)
        monkeypatch.setattr(module, "reading", world.reading)
    return Shell(world)


def test_sellers_are_listed(shell: Shell) -> None:
    assert "Acme Crockery" in shell.ok("list")
    (row,) = json.loads(shell.ok("list", "--json"))
    assert (row["id"], row["cancel_defects"]) == ("acme", 0)


def test_rules_are_shown_and_published(shell: Shell) -> None:
    assert json.loads(shell.ok("policy", "show", "acme", "--json"))["in_force"]["id"] == "platform-default"
    done = shell.ok(
        "policy", "publish", "acme", "--response-hours", "48", "--no-partial-cancel", "--fee-kind", "percent",
        "--fee-value", "250", "--clause", "A fee of 2.5 %", "--clause-text", "de=Eine Gebühr",
    )  # fmt: skip
    assert "version 1" in done
    shown = json.loads(shell.ok("policy", "show", "acme", "--json"))
    assert shown["in_force"]["response_hours"] == 48 and shown["in_force"]["partial_cancel"] is False
    assert shown["in_force"]["clause_texts"] == {"de": "Eine Gebühr"} and len(shown["versions"]) == 1
    assert "response_hours" in shell.ok("policy", "show", "acme")
    assert "version 2" in shell.ok("policy", "publish", "platform", "--on-silence", "escalate")


def test_every_rule_can_be_published() -> None:
    parameters = {each.name for each in _command("publish").params}
    assert set(seller_accounts._FIELDS) | {"seller", "clause_text"} <= parameters


def _command(name: str) -> object:
    import typer.main

    group = typer.main.get_command(seller_accounts.policy_app)
    return group.commands[name]  # type: ignore[attr-defined]


def test_what_is_wrong_is_said(shell: Shell) -> None:
    assert "response_hours" in shell.fails(InvalidInput, "policy", "publish", "acme", "--response-hours", "0")
    shell.fails(InvalidInput, "policy", "publish", "acme")
    shell.fails(InvalidInput, "policy", "publish", "acme", "--clause-text", "nonsense")
    shell.fails(NotFound, "policy", "publish", "nobody", "--response-hours", "4")
    shell.fails(NotFound, "policy", "show", "nobody")
    shell.fails(NotFound, "keys", "add", "nobody")
    shell.fails(NotFound, "keys", "list", "nobody")
    shell.fails(NotFound, "keys", "revoke", "acme", "nothing")


def test_a_key_is_shown_once_listed_and_revoked(shell: Shell) -> None:
    plain = shell.ok("keys", "add", "acme", "--label", "till").strip()
    assert plain.startswith("sk_") and "\n" not in plain
    (row,) = json.loads(shell.ok("keys", "list", "acme", "--json"))
    assert (
        plain.startswith(row["starts_with"])
        and plain not in json.dumps(row)
        and plain not in shell.ok("keys", "list", "acme")
    )
    shell.ok("keys", "revoke", "acme", row["id"])
    with shell.world.reading() as session:
        assert keys.authenticate(session, plain) is None


@pytest.fixture
def api(shell: Shell) -> Iterator[Api]:
    with Api(shell.world) as made:
        yield made


def test_the_demo_lets_every_seller_answer_with_keys_that_end_with_it(shell: Shell, api: Api, tmp_path: Path) -> None:
    world = shell.world
    request_id = world.ask(world.order())
    assert "1 answered" in shell.ok("simulate", "sellers", "--url", api.served.url, "--once")
    assert world.request_state(request_id) == "approved"
    with world.reading() as session:
        made = [each for each in keys.keys_of(session, "acme") if each.label == "simulator"]
    assert made and all(each.revoked_at for each in made)
    file = tmp_path / "styles.json"
    file.write_text('{"acme": "silent"}')
    world.ask(world.order())
    assert "0 answered" in shell.ok("simulate", "sellers", "--url", api.served.url, "--once", "--styles", str(file))
    again = shell.ok("simulate", "sellers", "--url", api.served.url, "--once", "--key", api.key, "--style", "asks_form")
    assert "1 answered" in again


def test_a_wrong_crowd_is_refused(shell: Shell, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    file = tmp_path / "styles.json"
    for text in ("{", "[]", '{"nobody": "slow"}', '{"acme": "friendly"}'):
        file.write_text(text)
        shell.fails(ConfigurationError, "simulate", "sellers", "--once", "--styles", str(file))
    shell.fails(ConfigurationError, "simulate", "sellers", "--once", "--seller", "nobody")
    shell.fails(ConfigurationError, "simulate", "sellers", "--once", "--style", "friendly")
    shop = dataclasses.replace(from_environment({}), shop_secret="x" * 40)
    monkeypatch.setattr(simulate, "settings", lambda: shop)
    assert "--key" in shell.fails(ConfigurationError, "simulate", "sellers", "--once")
