import os
import threading
from pathlib import Path

import pytest

from recourse.ops import model
from recourse.ops.errors import OperationsError
from recourse.ops.layout import Layout

# Stands for `python -m rasa train --out FOLDER --fixed-model-name NAME`, and notes each call.
_RASA = """#!/bin/sh
echo called >> "$(dirname "$0")/calls"
echo "training goes on"
{more}
echo "a model" > "$5/$7"
"""


@pytest.fixture
def layout(tmp_path: Path) -> Layout:
    files = {
        "config.yml": "pipeline: []",
        "domain.yml": "intents: []",
        "data/nlu/orders.yml": "nlu: []",
        "engine/nlu/tokenizer.py": "x = 1",
        "pyproject.toml": '[dependency-groups]\nrasa = ["rasa==3.6.21", "spacy>=3.8,<3.9", {include-group = "x"}]\n',
        "uv.lock": '[[package]]\nname = "rasa"\nversion = "3.6.21"\n[[package]]\nname = "typer"\nversion = "1"\n',
    }
    for name, text in files.items():
        path = tmp_path / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(text)
    return Layout(root=tmp_path, data=tmp_path / "var")


def rasa(layout: Layout, more: str = "") -> None:
    layout.rasa_python.parent.mkdir(parents=True, exist_ok=True)
    layout.rasa_python.write_text(_RASA.format(more=more))
    layout.rasa_python.chmod(0o755)


def calls(layout: Layout) -> int:
    path = layout.rasa_python.with_name("calls")
    return len(path.read_text().splitlines()) if path.exists() else 0


@pytest.mark.parametrize(
    ("name", "text"),
    [
        ("config.yml", "pipeline: [a]"),
        ("domain.yml", "intents: [a]"),
        ("data/nlu/orders.yml", "nlu: [a]"),
        ("data/rules/new.yml", "rules: []"),
        ("engine/nlu/tokenizer.py", "x = 2"),
        ("uv.lock", '[[package]]\nname = "rasa"\nversion = "3.6.22"\n'),
    ],
)
def test_what_a_model_is_made_from_changes_the_fingerprint(layout: Layout, name: str, text: str) -> None:
    before = model.fingerprint(layout.root)
    path = layout.root / name
    path.parent.mkdir(exist_ok=True)
    path.write_text(text)
    assert model.fingerprint(layout.root) != before


@pytest.mark.parametrize(
    ("name", "text"),
    [
        ("README.md", "more"),
        ("actions/orders.py", "x = 1"),
        ("engine/__pycache__/tokenizer.cpython-310.pyc", "x"),
        ("uv.lock", '[[package]]\nname = "rasa"\nversion = "3.6.21"\n[[package]]\nname = "typer"\nversion = "2"\n'),
    ],
)
def test_all_else_does_not(layout: Layout, name: str, text: str) -> None:
    before = model.fingerprint(layout.root)
    path = layout.root / name
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(text)
    assert model.fingerprint(layout.root) == before


def test_moved_training_data_changes_the_fingerprint(layout: Layout) -> None:
    before = model.fingerprint(layout.root)
    (layout.root / "data/nlu/orders.yml").rename(layout.root / "data/nlu/refund.yml")
    assert model.fingerprint(layout.root) != before


def test_a_domain_folder_counts_too(layout: Layout) -> None:
    (layout.root / "domain").mkdir()
    (layout.root / "domain/orders.yml").write_text("intents: []")
    before = model.fingerprint(layout.root)
    (layout.root / "domain/orders.yml").write_text("intents: [a]")
    assert model.fingerprint(layout.root) != before


def test_a_missing_project_file_is_named(layout: Layout) -> None:
    (layout.root / "config.yml").unlink()
    with pytest.raises(OperationsError, match=r"config\.yml cannot be read"):
        model.ensure_model(layout)


def test_a_model_is_trained_once(layout: Layout) -> None:
    rasa(layout)
    path = model.ensure_model(layout)
    assert path == model.model_path(layout)
    assert path.read_text() == "a model\n"
    assert model.ensure_model(layout) == path
    assert calls(layout) == 1


def test_of_two_callers_at_once_one_trains(layout: Layout) -> None:
    rasa(layout)
    both = threading.Barrier(2)

    def train() -> None:
        both.wait()
        model.ensure_model(layout)

    threads = [threading.Thread(target=train) for _ in range(2)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert calls(layout) == 1


@pytest.mark.parametrize("more", ["exit 3", "exit 0"])
def test_failed_training_shows_the_end_of_the_log_and_leaves_nothing(layout: Layout, more: str) -> None:
    rasa(layout, more)
    with pytest.raises(OperationsError, match="Training the model failed") as caught:
        model.ensure_model(layout)
    assert caught.value.log_tail == "training goes on"
    assert [path.name for path in layout.models.iterdir()] == [".lock"]


def test_the_newest_three_models_are_kept_and_half_done_training_is_removed(layout: Layout) -> None:
    rasa(layout)
    layout.create()
    for age in range(5):
        old = layout.models / f"recourse-old{age}.tar.gz"
        old.write_text("old")
        os.utime(old, (1000 - age, 1000 - age))
    (layout.models / ".training-x").mkdir()
    path = model.ensure_model(layout)
    left = sorted(one.name for one in layout.models.iterdir())
    assert left == sorted([".lock", path.name, "recourse-old0.tar.gz", "recourse-old1.tar.gz"])


def test_each_engine_version_trains_with_a_cache_of_its_own(layout: Layout) -> None:
    rasa(layout, 'echo "$RASA_CACHE_DIRECTORY" > "$(dirname "$0")/cache"')
    model.ensure_model(layout)
    first = layout.rasa_python.with_name("cache").read_text()
    (layout.root / "engine/nlu/tokenizer.py").write_text("x = 2")
    model.ensure_model(layout)
    assert layout.rasa_python.with_name("cache").read_text() != first
    assert len(list((layout.data / "cache").iterdir())) == 1


@pytest.mark.parametrize(
    ("requirement", "name"), [("rasa==3.6.21", "rasa"), ("Psycopg[binary]>=3", "psycopg"), ("uvicorn", "uvicorn")]
)
def test_package_names(requirement: str, name: str) -> None:
    assert model._package_name(requirement) == name
