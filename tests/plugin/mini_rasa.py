"""The tiny assistant of ``mini_bot``, trained once for all tests of a run."""

from __future__ import annotations

import fcntl
import os
import subprocess
from pathlib import Path

import pytest

from pytest_rasa.engine.process import environment

BOT = Path(__file__).with_name("mini_bot")
RASA_PYTHON = Path(__file__).parents[2] / ".venv-rasa" / "bin" / "python"


def train(factory: pytest.TempPathFactory) -> Path:
    """The model; parallel pytest processes share one."""
    base = factory.getbasetemp()
    folder = (base.parent if "PYTEST_XDIST_WORKER" in os.environ else base) / "mini-model"
    folder.mkdir(exist_ok=True)
    model = folder / "mini.tar.gz"
    with (folder / "lock").open("w") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        if not model.exists():
            _train(folder, model.stem.removesuffix(".tar"))
    return model


def _train(folder: Path, name: str) -> None:
    command = [str(RASA_PYTHON), "-m", "rasa", "train", "--out", str(folder), "--fixed-model-name", name]
    env = environment() | {"RASA_CACHE_DIRECTORY": str(folder / "cache")}
    done = subprocess.run(command, cwd=BOT, env=env, capture_output=True, text=True)
    assert done.returncode == 0, done.stdout + done.stderr
