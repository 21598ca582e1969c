"""Which processes can work already."""

from __future__ import annotations

from collections.abc import Iterable

import httpx

from recourse.ops.processes import Process

_ANSWER_WITHIN_S = 2.0


class Readiness:
    """Asks the processes that were not ready yet. Use it as a context manager."""

    def __init__(self, processes: Iterable[Process]) -> None:
        self._waiting = {process.name: process for process in processes}
        self._client = httpx.Client(timeout=_ANSWER_WITHIN_S, trust_env=False)  # never through a proxy

    def __enter__(self) -> Readiness:
        return self

    def __exit__(self, *_: object) -> None:
        self._client.close()

    @property
    def waiting(self) -> list[str]:
        """Names of those that are not ready."""
        return list(self._waiting)

    def stayed_up(self, name: str) -> None:
        """The process ran long enough; that is all one can know about a process that has no probe."""
        process = self._waiting.get(name)
        if process is not None and process.probe is None:
            del self._waiting[name]

    def ask(self) -> None:
        """Probe once each that is still waited for."""
        for process in list(self._waiting.values()):
            if process.probe is not None and self._answers(process):
                del self._waiting[process.name]

    def _answers(self, process: Process) -> bool:
        assert process.probe is not None
        return answers(self._client, process.probe, dict(process.probe_params))


def answers(client: httpx.Client, url: str, params: dict[str, str] | None = None) -> bool:
    """True when ``url`` answers 200."""
    try:
        return client.get(url, params=params).status_code == httpx.codes.OK
    except httpx.HTTPError:
        return False
