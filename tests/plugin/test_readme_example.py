"""The worked example of pytest_rasa/README.md, done as it says."""

from __future__ import annotations

import re
import shutil
from pathlib import Path

import pytest
from mini_rasa import BOT, RASA_PYTHON, train

README = Path(__file__).parents[2] / "pytest_rasa" / "README.md"


def blocks(language: str) -> list[str]:
    """The fenced blocks of a language."""
    found = re.findall(r"^```(\w*)\n(.*?)^```$", README.read_text(encoding="utf-8"), re.DOTALL | re.MULTILINE)
    return [text for name, text in found if name == language]


@pytest.fixture
def tea(
    pytester: pytest.Pytester, tmp_path_factory: pytest.TempPathFactory, monkeypatch: pytest.MonkeyPatch
) -> pytest.Pytester:
    """The tea shop with the files of the page, trained."""
    shutil.copytree(BOT, pytester.path, dirs_exist_ok=True)
    (pytester.path / "models").mkdir()
    shutil.copy(train(tmp_path_factory), pytester.path / "models")
    flow = pytester.path / "tests" / "conversations" / "tea"
    flow.mkdir(parents=True)
    (flow / "buying.yml").write_text(blocks("yaml")[0], encoding="utf-8")
    (pytester.path / "pytest.ini").write_text(blocks("ini")[0].replace(".venv-rasa/bin/python", str(RASA_PYTHON)))
    monkeypatch.setenv("PYTHONPATH", f"{pytester.path}:{README.parents[1]}")
    return pytester


def test_the_example_passes_and_fails_as_shown(tea: pytest.Pytester) -> None:
    tea.runpytest_subprocess().assert_outcomes(passed=1)
    file = tea.path / "tests" / "conversations" / "tea" / "buying.yml"
    file.write_text(file.read_text(encoding="utf-8").replace('user: "2"', "user: two"), encoding="utf-8")
    failed = tea.runpytest_subprocess()
    failed.assert_outcomes(failed=1)
    shown = next(block for block in blocks("") if "two cups are ordered" in block)
    for line in filter(None, shown.splitlines()):
        assert line.strip("_") in failed.stdout.str()
