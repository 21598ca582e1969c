"""The settings of a world as those of this process, so that the services that run here use its store and its clock."""

from __future__ import annotations

import os
from collections.abc import Mapping

from recourse.core.settings import Settings, from_environment, settings


class OwnSettings:
    """Settings from ``env``. The environment of this process stays as it is, but for a moment."""

    def __init__(self, env: Mapping[str, str]) -> None:
        self._env = {name: value for name, value in env.items() if name.startswith("RECOURSE_")}
        self.value: Settings = from_environment(self._env)

    def install(self) -> None:
        """From now on ``recourse.core.settings.settings()`` answers these."""
        before = {name: value for name, value in os.environ.items() if name.startswith("RECOURSE_")}
        settings.cache_clear()
        try:
            _replace(before, self._env)
            settings()
        finally:
            _replace(self._env, before)

    def remove(self) -> None:
        """Whoever asks next reads the environment again."""
        settings.cache_clear()


def _replace(old: Mapping[str, str], new: Mapping[str, str]) -> None:
    for name in old:
        os.environ.pop(name, None)
    os.environ.update(new)
