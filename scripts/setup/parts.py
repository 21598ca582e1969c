"""The parts that a checkout needs, each with a test whether it is current and a job that makes it so."""

from __future__ import annotations

import shutil
from contextlib import suppress
from typing import Optional

from jobs import Command, Failed, Steps
from recourse.ops.browser import HOW_TO_GET_ONE, find_chromium
from stamps import INSTALLING, Stamp, digest, packages_in, sources
from tools import Tools


class PythonEnvironment:
    """One environment from uv.lock. ``project`` installs Recourse itself, editable."""

    def __init__(self, tools: Tools, folder: str, title: str, groups: list[str], project: bool) -> None:
        self.title = title
        self._tools = tools
        self._path = tools.root / folder
        self._groups = groups
        self._project = project
        self._stamp = Stamp(tools.folder / "stamps", folder.lstrip("."))
        files = [tools.root / "uv.lock", tools.root / "pyproject.toml"]
        self._key = digest(tools.root, files, *groups)

    def current(self) -> bool:
        """True when the environment was made from this lock, in this place, and nobody changed its packages since."""
        return (self._path / "bin" / "python").exists() and self._stamp.read() == self._state()

    def make(self) -> Steps:
        """Synchronise the environment. One that was moved, or left half-way, is made anew."""
        before = self._stamp.read()
        if before is not None and (before.get("key") == INSTALLING or before.get("root") != str(self._tools.root)):
            shutil.rmtree(self._path, ignore_errors=True)
        self._stamp.write(key=INSTALLING, root=str(self._tools.root))
        yield self._sync()
        self._stamp.write(**self._state())

    def _state(self) -> dict:
        return {"key": self._key, "root": str(self._tools.root), "packages": packages_in(self._path)}

    def _sync(self) -> Command:
        python = self._tools.app_python if self._project else self._tools.rasa_python
        argv = [self._tools.uv, "sync", "--locked", "-p", python]
        for group in self._groups:
            argv += ["--group", group]
        if not self._project:
            argv.append("--no-install-project")
        return Command(argv, self._tools.root, {**self._tools.env, "UV_PROJECT_ENVIRONMENT": str(self._path)})


class WebPages:
    """``web/`` built into ``web/dist``."""

    title = "Web pages"

    def __init__(self, tools: Tools, with_node: bool) -> None:
        self._tools = tools
        self._web = tools.root / "web"
        self._with_node = with_node
        self._packages_stamp = Stamp(tools.folder / "stamps", "web-packages")
        self._build_stamp = Stamp(tools.folder / "stamps", "web-build")
        lock = [self._web / "package.json", self._web / "package-lock.json"]
        self._packages_key = digest(self._web, lock)
        self._build_key = digest(self._web, sources(self._web))

    def current(self) -> bool:
        """True when ``web/dist`` was built from these sources (and, for the tests, Node and its packages are there)."""
        built = self._build_stamp.read() == {"key": self._build_key} and any((self._web / "dist").glob("*"))
        return built and (not self._with_node or (self._packages_current() and self._tools.node_works()))

    def make(self) -> Steps:
        """Node, ``npm ci`` if the lock file changed, ``npm run build``."""
        yield from self._tools.prepare_node()
        npm = str(self._tools.bin / "npm")
        env = self._tools.web_environment()
        if not self._packages_current():
            self._packages_stamp.remove()
            yield Command([npm, "ci", "--no-audit", "--no-fund"], self._web, env)
            self._packages_stamp.write(key=self._packages_key)
        self._build_stamp.remove()
        yield Command([npm, "run", "build"], self._web, env)
        self._build_stamp.write(key=self._build_key)

    def _packages_current(self) -> bool:
        return self._packages_stamp.read() == {"key": self._packages_key} and (self._web / "node_modules").is_dir()


class Browser:
    """A Chromium for the browser tests: what the machine has, else Debian's. Never downloaded from elsewhere."""

    title = "Chromium for browser tests"

    def __init__(self, tools: Tools) -> None:
        self._tools = tools
        self.warning: Optional[str] = None

    def current(self) -> bool:
        """True when a Chromium is in one of the usual places."""
        return find_chromium() is not None

    def make(self) -> Steps:
        """Try the Debian package. Without a browser the set-up still succeeds, with a loud ``warning``."""
        with suppress(Failed):
            yield from self._tools.apt_installs("chromium")
        if find_chromium() is None:
            self.warning = f"There is no Chromium here, so the browser tests cannot run. To get one: {HOW_TO_GET_ONE}"
