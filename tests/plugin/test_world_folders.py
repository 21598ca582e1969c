"""What a killed run has left is removed by the next one, and nothing else is."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

from recourse_world.folders import own_folder


def test_only_folders_of_ended_runs_are_removed(tmp_path: Path) -> None:
    ended = subprocess.Popen([sys.executable, "-c", ""])
    ended.wait()
    left, others = tmp_path / f"recourse-conversations-{ended.pid}-x", tmp_path / "recourse-conversations-mine"
    alive = tmp_path / f"recourse-conversations-{os.getppid()}-x"
    for folder in (left, others, alive):
        folder.mkdir()
    made = own_folder(tmp_path)
    assert made.is_dir() and f"-{os.getpid()}-" in made.name
    assert not left.exists() and others.exists() and alive.exists()
