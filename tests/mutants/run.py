"""``make mutants``: ten deliberate bugs, one at a time. The conversation tests must fail on each, and say where to look.

Every mutant is planted in a copy of the project, never in the project itself. A mutant is caught when the tests fail with it and what
they print names the cause (``says`` in mutants.yml). Exit code 1 when one survives.
"""

from __future__ import annotations

import argparse
import os
import re
import shutil
import subprocess
import sys
import tempfile
import time
from dataclasses import dataclass
from pathlib import Path

from ruamel.yaml import YAML

ROOT = Path(__file__).resolve().parents[2]
MUTANTS = Path(__file__).with_name("mutants.yml")
_LINKED = (".venv", ".venv-rasa", ".tools", "web/dist", "web/node_modules")
_COPIED = ("var/models", "var/cache")  # a mutant trains models of its own
_TESTS = (
    "-m", "pytest", "tests/conversations", "--over=inprocess", "-n", "2", "-q", "--maxfail=6", "-p", "no:cacheprovider",
)  # fmt: skip


@dataclass(frozen=True)
class Mutant:
    """A bug: in ``file`` the text ``find`` (which is there exactly once) becomes ``replace``. ``says``: a regular expression that
    what the failing tests print must match."""

    name: str
    file: str
    find: str
    replace: str
    says: str

    def plant(self, copy: Path) -> None:
        """Put the bug into the copy. Raises SystemExit when the code has changed so that it no longer fits."""
        path = copy / self.file
        text = path.read_text(encoding="utf-8")
        if text.count(self.find) != 1:
            sys.exit(
                f"{self.name}: {self.file} has {text.count(self.find)} times what the mutant replaces; adapt {MUTANTS}"
            )
        path.write_text(text.replace(self.find, self.replace), encoding="utf-8")

    def remove(self, copy: Path) -> None:
        """Put the file back as it is in the project."""
        shutil.copyfile(ROOT / self.file, copy / self.file)


def copy_of_the_project(folder: Path) -> Path:
    """A copy of all files that git knows or would take, with the environments and the models linked."""
    listed = subprocess.run(
        ["git", "ls-files", "-co", "--exclude-standard", "-z"], cwd=ROOT, check=True, capture_output=True, text=True
    )
    for name in filter(None, listed.stdout.split("\0")):
        if (ROOT / name).is_file():
            (folder / name).parent.mkdir(parents=True, exist_ok=True)
            shutil.copy2(ROOT / name, folder / name)
    for name in _LINKED:
        if (ROOT / name).exists():
            (folder / name).parent.mkdir(parents=True, exist_ok=True)
            (folder / name).symlink_to(ROOT / name)
    for name in _COPIED:
        if (ROOT / name).exists():
            shutil.copytree(ROOT / name, folder / name)
    return folder


def tests_of(copy: Path) -> tuple[int, str]:
    """Run the conversation tests of the copy; exit code and output."""
    done = subprocess.run(
        [sys.executable, *_TESTS],
        cwd=copy,
        env={**os.environ, "PYTHONPATH": str(copy)},
        capture_output=True,
        text=True,
    )
    return done.returncode, done.stdout + done.stderr


def main() -> int:
    """Plant each mutant that is asked for, all by default."""
    parser = argparse.ArgumentParser(prog="make mutants", description=(__doc__ or "").split("\n\n")[0])
    parser.add_argument("only", nargs="*", help="names (or the beginning of names) of mutants")
    only = parser.parse_args().only
    mutants = [Mutant(**one) for one in YAML(typ="safe").load(MUTANTS.read_text(encoding="utf-8"))]
    chosen = [one for one in mutants if not only or any(one.name.startswith(name) for name in only)]
    if not chosen:
        parser.error(f"there is no such mutant; there are: {', '.join(one.name for one in mutants)}")
    with tempfile.TemporaryDirectory(prefix="recourse-mutants-") as folder:
        copy = copy_of_the_project(Path(folder))
        survivors = [one.name for one in chosen if not _caught(one, copy)]
    print(f"{len(chosen) - len(survivors)} of {len(chosen)} mutants were caught.")
    return 1 if survivors else 0


def _caught(mutant: Mutant, copy: Path) -> bool:
    started = time.monotonic()
    mutant.plant(copy)
    code, output = tests_of(copy)
    mutant.remove(copy)
    found = re.search(mutant.says, output)
    verdict = "SURVIVED" if code == 0 else "caught" if found else "caught, but without naming the cause"
    print(f"{mutant.name:<45} {verdict:<10} {time.monotonic() - started:5.0f} s")
    if found and code:
        print(f"    {found[0].strip()[:160]}")
    elif code:
        print(output[-2500:])
    return bool(code and found)


if __name__ == "__main__":
    sys.exit(main())
