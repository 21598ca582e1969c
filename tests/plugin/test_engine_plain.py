"""Conversation files of a bare Rasa project, played against its model and its actions."""

from __future__ import annotations

import os
import sys
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest
from mini_rasa import BOT, RASA_PYTHON, train

from pytest_rasa.engine.process import Assistant
from pytest_rasa.plain import assistant, find_actions, find_model
from pytest_rasa.world import WorldError

CACHE = os.environ.get("XDG_CACHE_HOME") or str(Path.home() / ".cache")
CONFTEST = f"""
from pathlib import Path
from pytest_rasa.engine.process import Assistant
from pytest_rasa.plain import FAULTS, PlainWorld, find_actions
from pytest_rasa.world import Project

ROOT = Path({str(BOT)!r})

def pytest_rasa_project(config):
    assistant = Assistant(ROOT, Path(config.rootpath, "mini.tar.gz"), Path({str(RASA_PYTHON)!r}))
    return Project(ROOT, {{"plain": lambda config: PlainWorld(assistant, find_actions(ROOT, "mini_actions"))}}, faults=FAULTS)

def pytest_runtest_logreport(report):
    if report.when == "call":
        print("EXERCISED", report.conversation["exercised"])
"""

TEA = """
fixtures:
  - ann: [{name: Ann}]
test_cases:
  - test_case: tea by button
    fixtures: [ann]
    steps:
      - user: hello
      - utter: utter_greet
      - bot: Hello Ann!
      - user: tea please
      - buttons: [Green tea, Black tea]
      - press: Black tea
      - slot_was_set: [{tea: black}]
      - user: "7"
        assertions:
          - action_executed: action_order
          - slot_was_not_set: [{name: tea}]
      - bot: 7 × black tea
  - test_case: a name is not kept for the next case
    steps:
      - user: hello
      - slot_was_not_set: [name]
  - test_case: out of order
    steps:
      - faults: {actions: down}
      - user: weather
      - bot_did_not_utter: utter_clear
      - faults: {actions: up, rasa: restart}
      - user: thanks
      - utter: utter_thank
  - test_case: twice at once
    steps:
      - {user: thanks, times: 2}
      - bot: "You're welcome.\\nYou're welcome."
  - test_case: fails
    steps:
      - user: tea please
      - bot: Coffee?
"""

STUBBED = """
stub_custom_actions:
  action_look:
    events: [{event: slot, name: sky, value: grey}]
    responses: []
test_cases:
  - test_case: a stub answers
    steps:
      - user: weather
      - utter: utter_grey
  - test_case: no stub answers
    steps:
      - user: tea please
"""


@pytest.fixture(scope="module")
def model(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return train(tmp_path_factory)


def test_files_are_played(pytester: pytest.Pytester, monkeypatch: pytest.MonkeyPatch, model: Path) -> None:
    pytester.path.joinpath("mini.tar.gz").symlink_to(model)
    pytester.makeconftest(CONFTEST)
    pytester.makeini("[pytest]\naddopts = -p pytest_rasa.plugin\nrasa_conversations = talks")
    folder = pytester.mkdir("talks")
    folder.joinpath("tea.yml").write_text(TEA)
    folder.joinpath("stubbed.yml").write_text(STUBBED)
    monkeypatch.setenv("PYTHONPATH", str(BOT.parents[2]))
    monkeypatch.setenv("XDG_CACHE_HOME", CACHE)  # pytester has changed the home

    result = pytester.runpytest_subprocess("-s")

    result.assert_outcomes(passed=5, failed=2)
    result.stdout.fnmatch_lines(
        [
            "*stubbed.yml*",
            "*the custom action 'validate_tea_form' was called, but is not among stub_custom_actions (action_look)*",
            "*> expected: 'Coffee?'",
            "*>    found: 'Green or black?'",
            "*intent: order",
        ],
    )
    exercised = next(line for line in result.outlines if "EXERCISED" in line and "tea_form.cups asked" in line)
    for name in (
        "a greeting", "the tea is ordered", "tea_form.cups filled", "action_order", "validate_tea_form", "utter_ask_cups",
        "/choose{tea}",
    ):  # fmt: skip
        assert name in exercised


def test_a_model_is_looked_for(tmp_path: Path) -> None:
    with pytest.raises(WorldError, match="run `rasa train`"):
        find_model(tmp_path)
    with pytest.raises(WorldError, match="run `rasa train`"):
        find_model(tmp_path / "model.tar.gz")
    for name, seconds in (("old", 1), ("new", 2), ("older", 0)):
        (tmp_path / f"{name}.tar.gz").touch()
        os.utime(tmp_path / f"{name}.tar.gz", (seconds, seconds))
    assert find_model(tmp_path).name == "new.tar.gz"
    assert find_model(tmp_path / "old.tar.gz").name == "old.tar.gz"


def test_ini_options_name_model_and_python(tmp_path: Path) -> None:
    (tmp_path / "models").mkdir()
    (tmp_path / "models" / "tea.tar.gz").touch()
    ini: dict[str, str] = {}
    config: Any = SimpleNamespace(rootpath=tmp_path, getini=ini.get)
    assert assistant(config) == Assistant(tmp_path, tmp_path / "models" / "tea.tar.gz", Path(sys.executable))
    ini |= {"rasa_python": ".venv-rasa/bin/python", "rasa_model": "models/tea.tar.gz"}
    assert assistant(config).python == tmp_path / ".venv-rasa" / "bin" / "python"
    ini["rasa_model"] = "other"
    with pytest.raises(WorldError, match="other: run `rasa train`"):
        assistant(config)


def test_actions_are_looked_for(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(sys, "path", list(sys.path))
    with pytest.raises(WorldError, match="no package 'tea_actions'"):
        find_actions(tmp_path, "tea_actions")
    with pytest.raises(WorldError, match=r"no package 'tea\.actions'"):
        find_actions(tmp_path, "tea.actions")
    (tmp_path / "tea_actions.py").touch()
    assert find_actions(tmp_path, "tea_actions") == "tea_actions"
